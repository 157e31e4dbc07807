//! A switch that has begun: every action until the commit, what follows it, and the decision to go back.
//!
//! Checks nothing beforehand; that is `switch`. One that was cut off is made again by `recover` and ends with the same parts.

use std::collections::BTreeMap;
use std::path::Path;

use super::forward;
use super::revert::revert;
use crate::adopt::{containers, links};
use crate::drift::units::what_is_down;
use crate::failure::{Failure, Stuck};
use crate::machine::layout::Layout;
use crate::machine::owner::is_of_others;
use crate::machine::systemd::UnitState;
use crate::outcome::Outcome;
use crate::perform::contents::render_content;
use crate::perform::host::{Host, Progress};
use crate::perform::stop::stop_all;
use crate::perform::{contracts, kernel, perform_until, revert_timer};
use crate::plan::diff::Difference;
use crate::plan::steps::Plan;
use crate::records::completions;
use crate::records::error_report::error_chain;
use crate::records::generation::{self, Committed, CurrentGeneration};
use crate::records::history::{self, End, Event, Kind};
use crate::records::journal::{Begin, Record};
use secrets::Vault;
use store::files::FileError;
use store::{Closure, Manifest};

/// How often systemd is asked to read a generation until it has.
const N_RELOADS: usize = 5;

/// A switch that has begun.
pub(super) struct Switch {
    pub from: Option<CurrentGeneration>,
    pub to: Closure,
    pub number: u64,
    pub kind: Kind,
    pub plan: Plan,
    pub difference: Difference,
    /// How all units were before anything was touched.
    pub before: BTreeMap<String, UnitState>,
    pub progress: Progress,
    pub saved: kernel::Saved,
}

impl Switch {
    /// Returns what the journal must know of it.
    pub(super) fn begin(&self) -> Begin {
        let running = self.before.iter().filter(|(_, state)| state.is_up());
        Begin {
            kind: self.kind,
            from: self.from.as_ref().map(|it| it.number),
            to: self.number,
            closure: self.to.digest(),
            before: running.map(|(name, state)| (name.clone(), state.into())).collect(),
        }
    }

    /// Does everything up to the commit.
    pub(super) fn act(&mut self, host: &mut Host<'_>, engine: &Path) -> Result<(), Failure> {
        if let Some(error) = render_content(host.layout, host.tools, &host.vault, &self.to).into_iter().next()
        {
            return Err(Failure::Render { source: Box::new(error) });
        }
        if let Some(failure) = stop_all(host, &self.plan.stops, &mut self.progress).into_iter().next() {
            return Err(failure);
        }
        settle(host, Some(&self.to.manifest))?;
        host.journal.tell(&Record::Trial { number: self.number })?;
        generation::open_trial(host.layout, self.number)?;
        self.load(host)?;
        kernel::set(host.layout, &self.to.manifest, host.tools, &mut host.journal, &mut self.saved)?;
        let interrupted = host.interrupted;
        let waits = host.options.part.as_ref().map(|part| part.waits.clone()).unwrap_or_default();
        perform_until(host, &self.plan.acts, &self.to, &mut self.progress, &waits, Some(interrupted))?;
        if let Some(secs) = host.options.confirm_within {
            revert_timer::arm_for_confirmation(host, engine, secs)?;
            revert_timer::wait_for_word(host, secs)?;
        }
        Ok(())
    }

    /// Has systemd read the generation on trial. Somebody else's reload at the same time can spoil ours, so it is tried again.
    fn load(&self, host: &mut Host<'_>) -> Result<(), Failure> {
        for _ in 1..N_RELOADS {
            host.systemd.reload()?;
            if self.check_loaded(host).is_ok() {
                return Ok(());
            }
        }
        host.systemd.reload()?;
        self.check_loaded(host)
    }

    /// Checks that systemd knows every unit, and knows it from the generation on trial.
    fn check_loaded(&self, host: &mut Host<'_>) -> Result<(), Failure> {
        for name in self.to.manifest.units.keys() {
            let state = host.systemd.state(name)?;
            let problem = if state.load != "loaded" {
                format!("it is {}", state.load)
            } else if state.is_stale {
                "it changed since it was read".to_owned()
            } else if state.fragment.is_empty() || is_of_others(host.layout, &state) {
                format!("{} defines it", state.fragment)
            } else {
                continue;
            };
            return Err(Failure::NotLoaded { unit: name.clone(), state: problem });
        }
        Ok(())
    }

    /// Makes the generation the one that holds; from the rename on there is no way back, only warnings.
    pub(super) fn commit(mut self, host: &mut Host<'_>) -> Result<Outcome, Stuck> {
        let layout = host.layout;
        if let Err(error) = host.journal.tell(&Record::Committing { number: self.number }) {
            return self.go_back(host, error.into());
        }
        let warnings = match generation::commit(layout, self.number) {
            Ok(Committed::Synced) => Vec::new(),
            Ok(Committed::Unknown(error)) => {
                vec![format!("the commit may not be on disk: {}", error_chain(&error))]
            }
            Err(error) => return self.go_back(host, error.into()),
        };
        Ok(self.finish(host, warnings))
    }

    /// Does what follows a commit; all of it can be done again.
    pub(super) fn finish(&mut self, host: &mut Host<'_>, mut warnings: Vec<String>) -> Outcome {
        let layout = host.layout;
        host.journal.ignore_write_errors();
        warnings.extend(set_links(layout, self.from.as_ref().map(|it| &it.closure), &self.to));
        if let Err(error) = generation::drop_trial(layout) {
            warnings.push(error_chain(&error));
        }
        if let Err(error) = host.systemd.reload() {
            warnings.push(error_chain(&error));
        }
        warnings.extend(self.progress.spared.iter().map(|it| error_chain(it)));
        match what_is_down(host.systemd, &self.to) {
            Ok(down) => warnings.extend(down),
            Err(error) => warnings.push(error_chain(&error)),
        }
        warnings.extend(revert_timer::disarm(host).iter().map(|it| error_chain(it)));
        // No timer takes back what comes now: the commit stands, and these tasks have deadlines of their own.
        let last = contracts::due(layout, &self.to.manifest, &host.options);
        warnings.extend(contracts::run(host, &last, &self.to, &mut self.progress));
        if let Err(error) = history::add(layout, &self.event(&host.tx, End::Committed, None)) {
            warnings.push(error_chain(&error));
        }
        let plan = std::mem::take(&mut self.plan);
        Outcome::Committed { number: self.number, plan, stays: self.tasks_that_stay(layout), warnings }
    }

    /// Returns the tasks that were done for the generation before and that going back to this one does not undo.
    fn tasks_that_stay(&self, layout: &Layout) -> Vec<String> {
        let Some(from) = self.from.as_ref().filter(|_| self.kind == Kind::Rollback) else {
            return Vec::new();
        };
        let is_known = |once: &String| self.to.manifest.tasks.values().any(|task| task.once == *once);
        let tasks = from.closure.manifest.tasks.iter();
        let stays =
            tasks.filter(|(_, task)| !is_known(&task.once) && completions::is_done(layout, &task.once));
        stays.map(|(name, _)| name.clone()).collect()
    }

    /// Goes back to what held before, and says how that went.
    pub(super) fn go_back(mut self, host: &mut Host<'_>, failure: Failure) -> Result<Outcome, Stuck> {
        let to = self.from.as_ref().map(|it| it.number);
        let failure = self.without_secrets(&host.vault, failure);
        host.journal.ignore_write_errors();
        let _lenient = host.journal.tell(&Record::Reverting { to, failure: (&failure).into() });
        let (problems, held) = revert(host, &mut self);
        let problems = problems.into_iter();
        let mut problems: Vec<Failure> = problems.map(|it| self.without_secrets(&host.vault, it)).collect();
        let end = if problems.is_empty() { End::Reverted } else { End::Stuck };
        problems.extend(
            history::add(host.layout, &self.event(&host.tx, end, Some(error_chain(&failure))))
                .err()
                .map(Failure::from),
        );
        if let (Some(held), Some(from)) = (&held, to) {
            problems.extend(forward::note(host.layout, &host.tx, from, held).err().map(Failure::from));
        }
        if end == End::Reverted {
            let _lenient = host.journal.tell(&Record::Discarding { number: self.number });
            problems.extend(discard(host.layout, self.kind, self.number).err().map(Failure::from));
        }
        problems.extend(revert_timer::disarm(host));
        if problems.is_empty() {
            let to = held.as_ref().map(|it| it.number).or(to);
            let forward = held.map(|it| it.volumes).unwrap_or_default();
            return Ok(Outcome::Reverted { failure, to, tasks: self.progress.tasks, forward });
        }
        Err(Stuck { number: self.number, failure: Box::new(failure), problems })
    }

    /// Takes the secrets of both generations out of what a service printed.
    fn without_secrets(&self, vault: &Vault, failure: Failure) -> Failure {
        let closures: Vec<&Closure> = self.from.iter().map(|it| &it.closure).chain([&self.to]).collect();
        failure.without_secrets(vault, &closures)
    }

    fn event(&self, tx: &str, end: End, reason: Option<String>) -> Event {
        Event {
            version: 1,
            tx: tx.to_owned(),
            time: history::seconds_now(),
            kind: self.kind,
            end,
            from: self.from.as_ref().map(|it| it.number),
            to: self.number,
            closure: self.to.digest(),
            tasks: self.progress.tasks.clone(),
            reason,
        }
    }
}

/// Removes a generation that was written for a switch and never committed.
pub(super) fn discard(layout: &Layout, kind: Kind, number: u64) -> Result<(), FileError> {
    match kind {
        Kind::Switch => generation::remove(layout, number),
        Kind::Rollback => Ok(()),
    }
}

/// Sets adopted containers aside whose names a manifest wants, and brings the others back.
pub(super) fn settle(host: &mut Host<'_>, manifest: Option<&Manifest>) -> Result<(), Failure> {
    let problems = containers::settle(host.layout, host.systemd, host.tools, manifest);
    problems.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

pub(super) fn set_links(layout: &Layout, old: Option<&Closure>, new: &Closure) -> Vec<String> {
    links::set_links(layout, old, new).into_iter().map(|error| error_chain(&error)).collect()
}
