//! `kolla-lang gc`: remove generations and what belonged to them, unless something still refers to it.

use clap::Args;
use serde_json::{Value, json};

use super::adopt::take_lock;
use super::exit::Exit;
use super::host::{complain, require_root};
use super::say::say;
use activate::error_report::error_chain;
use activate::gc::{self, GcError, Item, KEEP, RemoveError, Roots, garbage};
use activate::layout::Layout;
use activate::tool::HostTools;
use store::files;
use store::sweep::Sweep;

/// Remove old generations of this host, with their engines, rendered files, images and networks
#[derive(Debug, Args)]
#[command(
    after_help = "Kept is what boots, is on trial or belongs to an open switch, where a rollback goes, what is pinned, what running \
containers have mounted, and the newest committed ones. Of journals, the last of each of these and the newest. Never removed are volumes, secrets, completions of tasks and what was \
adopted.\n\nExit codes: 0 done, 2 refused and nothing removed, 4 not everything could be removed, 6 a switch is running\n\n\
Example: kolla-lang gc --keep 3 --dry-run"
)]
pub struct GcArgs {
    /// How many of the newest committed generations stay
    #[arg(long, value_name = "N", default_value_t = KEEP)]
    keep: usize,
    /// Say what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &GcArgs) -> Exit {
    let GcArgs { keep, dry_run, json } = args;
    if let Err(exit) = require_root("gc") {
        return exit;
    }
    let layout = Layout::new("/");
    let _lock = match take_lock(&layout) {
        Ok(lock) => lock,
        Err(exit) => return exit,
    };
    let (roots, items, store) = match find(&layout, *keep) {
        Ok(found) => found,
        Err(error) => return complain(&error, Exit::Refused),
    };
    let problems = match dry_run {
        true => Vec::new(),
        false => gc::collect(&layout, &mut HostTools, &items),
    };
    drop(store);
    if *json {
        say!("{:#}", to_json(&roots, &items, &problems, *dry_run));
    } else {
        print(&items, *dry_run);
        for (item, error) in &problems {
            say!("left {} {}: {}", item.kind.word(), item.name, error_chain(error));
        }
    }
    if problems.is_empty() { Exit::Done } else { Exit::Warnings }
}

fn find(layout: &Layout, keep: usize) -> Result<(Roots, Vec<Item>, Option<Sweep>), GcError> {
    let roots = Roots::find(layout, &mut HostTools, keep)?;
    let root = layout.store();
    let store = Sweep::begin(&root)?;
    if store.is_none() && files::exists(&root.join("objects")) {
        return Err(GcError::StoreInUse);
    }
    let items = garbage::find(layout, &mut HostTools, &roots, store.as_ref(), keep)?;
    Ok((roots, items, store))
}

fn print(items: &[Item], dry_run: bool) {
    let is_small = |it: &&Item| matches!(it.kind, gc::Kind::Object | gc::Kind::Build);
    for item in items.iter().filter(|it| !is_small(it)) {
        say!("{:<10}  {}", item.kind.word(), item.name);
    }
    // Nobody reads a thousand digests.
    let n_small = items.iter().filter(is_small).count();
    if n_small > 0 {
        say!("{:<10}  {n_small} objects and records of builds", "store");
    }
    let mebibytes = items.iter().map(|it| it.bytes).sum::<u64>() >> 20;
    let done = if dry_run { "would be removed" } else { "removed" };
    match items.len() {
        0 => say!("there is nothing to remove"),
        n => say!("{n} things {done}, {mebibytes} MiB and what images take"),
    }
}

fn to_json(roots: &Roots, items: &[Item], problems: &[(Item, RemoveError)], dry_run: bool) -> Value {
    let kept: Vec<Value> = roots
        .generations
        .iter()
        .map(|(number, reason)| json!({ "number": number, "reason": reason }))
        .collect();
    let problems: Vec<Value> = problems
        .iter()
        .map(|(item, error)| json!({ "kind": item.kind, "name": item.name, "message": error_chain(error) }))
        .collect();
    json!({ "version": 1, "dry_run": dry_run, "kept": kept, "removed": items, "problems": problems })
}
