//! One switch of a host: recovery of one that was cut off, whether there is anything to do, and then the transaction that does it.
//!
//! What is done to which unit was planned by `steps`.

pub mod compare;
pub mod dry_run;
mod forward;
mod ready;
pub mod recover;
mod revert;
mod transaction;

use std::path::Path;

use super::drift::units::what_is_down;
use super::failure::NotBegun;
use super::machine::layout::Layout;
use super::outcome::{ActivateError, Outcome};
use super::perform::host::{Host, Progress};
use super::perform::{contracts, pending, release, revert_timer};
use super::records::error_report::error_chain;
use super::records::generation::CurrentGeneration;
use super::records::journal::Journal;
use super::records::request::Target;
use super::records::verdict::Verdict;
use ready::{Ready, ready};
use recover::recover;
use store::{files, lock};
use transaction::set_links;

/// Switches a host. `program` is the file of this program, kept as the engine of what it writes.
pub fn switch(host: &mut Host<'_>, target: Target, program: &Path) -> Result<Outcome, ActivateError> {
    let layout = host.layout;
    let _lock = take_lock(layout)?;
    let recovered = recover(host)?;
    let mut ended = match (begin_journal(host), recovered) {
        (Ok(()), recovered) => match (attempt(host, target, program), recovered) {
            (Err(ActivateError::NotBegun(why)), Some(ended)) => {
                Err(ActivateError::NotBegunAfter { why, ended: Box::new(ended) })
            }
            (ended, _) => ended,
        },
        (Err(why), None) => return Err(why.into()),
        (Err(why), Some(ended)) => {
            return Err(ActivateError::NotBegunAfter { why, ended: Box::new(ended) });
        }
    };
    let (tx, verdict) = (host.tx.clone(), Verdict::of(&ended));
    if let Err(error) = host.journal.close(layout, &tx, &verdict)
        && let Ok(Outcome::Nothing { warnings, .. } | Outcome::Committed { warnings, .. }) = &mut ended
    {
        warnings.push(error_chain(&error));
    }
    ended
}

fn take_lock(layout: &Layout) -> Result<lock::Lock, NotBegun> {
    files::make_folder(&layout.run())?;
    lock::try_lock(&layout.lock())?.ok_or(NotBegun::Locked)
}

fn begin_journal(host: &mut Host<'_>) -> Result<(), NotBegun> {
    release::sweep(host.layout, &host.tx)?;
    host.journal = Journal::begin(host.layout, &host.tx)?;
    Ok(())
}

fn attempt(host: &mut Host<'_>, target: Target, program: &Path) -> Result<Outcome, ActivateError> {
    let (mut switch, engine) = match ready(host, target, program)? {
        Ready::There(from) => return Ok(stay(host, &from)),
        Ready::Switch(switch, engine) => (*switch, engine),
    };
    let plan = &switch.plan;
    let secs =
        host.options.deadline.unwrap_or_else(|| revert_timer::deadline(plan, host.options.confirm_within));
    let ended = match revert_timer::arm(host, &engine, secs).and_then(|()| switch.act(host, &engine)) {
        Ok(()) => switch.commit(host),
        Err(failure) => switch.go_back(host, failure),
    };
    Ok(ended?)
}

/// Keeps a host on the generation that it has, and does what earlier switches left.
fn stay(host: &mut Host<'_>, from: &CurrentGeneration) -> Outcome {
    let layout = host.layout;
    let mut warnings = set_links(layout, None, &from.closure);
    match what_is_down(host.systemd, &from.closure) {
        Ok(down) => warnings.extend(down),
        Err(error) => warnings.push(error_chain(&error)),
    }
    let left = contracts::due(layout, &from.closure.manifest, &host.options);
    warnings.extend(contracts::run(host, &left, &from.closure, &mut Progress::default()));
    warnings.extend(pending::restart_dataplane(host, &from.closure));
    Outcome::Nothing { number: from.number, warnings }
}
