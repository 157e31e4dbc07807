//! The roots: what must stay, and why. In doubt something stays.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::GcError;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::records::journal::{Reader, Record};
use crate::records::listed::{Listed, list};
use crate::records::part::Enrolled;
use crate::records::{generation, history, pins};
use store::files;

/// What must stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// Generations, each with the reason.
    pub generations: BTreeMap<u64, String>,
    /// Those of them whose files containers may read or a way back may need at once.
    pub in_force: BTreeSet<u64>,
    /// Names of rendered folders that running containers mount or last started with.
    pub rendered: BTreeSet<String>,
}

impl Roots {
    /// Finds all roots of a host. `keep` is how many of the newest committed generations stay.
    pub fn find(layout: &Layout, tools: &mut dyn Tools, keep: usize) -> Result<Self, GcError> {
        let mut roots = Self::default();
        let listed = list(layout)?;
        let booted = generation::booted(layout)?;
        for (number, reason) in [(booted, "boots"), (generation::on_trial(layout)?, "is on trial")] {
            roots.hold(number, reason);
        }
        for number in open_switch(layout)? {
            roots.hold(Some(number), "belongs to a switch that is open");
        }
        roots.in_force = roots.generations.keys().copied().collect();
        let before = booted.and_then(|it| history::before(&history::load(layout).ok()?, it));
        roots.hold(before, "is where a rollback goes");
        for pin in pins::load(layout)? {
            roots.hold(Some(pin.number), &format!("is pinned as `{}`", pin.name));
        }
        if let Some(Enrolled { lead, from, to, .. }) = Enrolled::load(layout)? {
            let closures = [from.as_ref(), Some(&to)];
            let is_of_it =
                |it: &&Listed| it.record.as_ref().is_some_and(|it| closures.contains(&Some(&it.closure)));
            for it in listed.iter().filter(is_of_it) {
                roots.hold(Some(it.number), &format!("belongs to the rollout `{}`", lead.rollout));
            }
        }
        let newest = listed.iter().rev().filter(|it| it.committed).take(keep);
        for it in newest {
            roots.hold(Some(it.number), "is among the newest");
        }
        roots.hold_mounted(layout, tools)?;
        let known: BTreeSet<u64> = listed.iter().map(|it| it.number).collect();
        roots.generations.retain(|number, _| known.contains(number));
        Ok(roots)
    }

    /// Keeps a generation; the first reason counts.
    fn hold(&mut self, number: Option<u64>, reason: &str) {
        if let Some(number) = number {
            self.generations.entry(number).or_insert_with(|| reason.to_owned());
        }
    }

    /// Keeps what running containers have mounted, and what units last started with.
    fn hold_mounted(&mut self, layout: &Layout, tools: &mut dyn Tools) -> Result<(), GcError> {
        let running = tools.containers()?.into_iter().filter(|it| it.is_running());
        let ids: Vec<String> = running.map(|it| it.id).collect();
        let mut places = tools.mounts(&ids)?;
        let last = layout.run().join("etc");
        for name in files::names(&last)? {
            let target = files::read_link(&last.join(name)).ok().flatten();
            places.extend(target.map(|it| it.display().to_string()));
        }
        for place in places {
            let within = |folder: &str| first_within(&place, folder);
            if let Some(name) = within("/run/kolla-lang/files") {
                self.rendered.insert(name);
            }
            if let Some(number) = within("/etc/kolla-lang/generations").and_then(|it| it.parse().ok()) {
                self.hold(Some(number), "is mounted by a running container");
            }
        }
        Ok(())
    }
}

/// Returns the first name of a path below a folder of the host. A test's root may stand before both.
fn first_within(place: &str, folder: &str) -> Option<String> {
    let rest = &place[place.find(folder)? + folder.len()..];
    let name = Path::new(rest.strip_prefix('/')?).components().next()?;
    Some(name.as_os_str().to_string_lossy().into_owned())
}

/// Returns the generations of a switch that did not end.
fn open_switch(layout: &Layout) -> Result<Vec<u64>, GcError> {
    let Some(bytes) = files::read_if_there(&layout.journal())? else { return Ok(Vec::new()) };
    let mut reader = Reader::default();
    reader.feed(&bytes);
    let mut numbers = Vec::new();
    while let Some(record) = reader.next_record() {
        if let Record::Begin(begin) = record {
            numbers.extend(begin.from);
            numbers.push(begin.to);
        }
    }
    // It may have written a generation and not said so yet.
    if numbers.is_empty() { Err(GcError::OpenJournal) } else { Ok(numbers) }
}
