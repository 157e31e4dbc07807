//! Tasks of class `contract`: what they do, old code cannot live with, so they run when the new generation is committed.
//!
//! The commit stands whatever becomes of them; one that failed is a warning, and run again by the next switch.

use super::host::{Host, Progress};
use super::perform;
use crate::failure::Failure;
use crate::machine::layout::Layout;
use crate::plan::steps::{Act, contract_acts};
use crate::records::completions;
use crate::records::error_report::error_chain;
use crate::records::request::Options;
use store::{Closure, Manifest};

/// Runs tasks of class `contract`, and returns what went wrong.
pub fn run(host: &mut Host<'_>, acts: &[Act], closure: &Closure, progress: &mut Progress) -> Vec<String> {
    if acts.is_empty() {
        return Vec::new();
    }
    let tell = |failure: Failure| {
        let first = format!("a task that comes after the commit is not done: {}", error_chain(&failure));
        std::iter::once(first).chain(failure.log().iter().map(|line| format!("  | {line}"))).collect()
    };
    let done = perform(host, acts, closure, progress);
    done.err().map(|it| tell(it.without_secrets(&host.vault, &[closure]))).unwrap_or_default()
}

/// Returns those that are to run now: in a rollout only at its end, when no host is left that runs anything old. Who ends a switch that
/// was cut off does not know that, and leaves them.
pub fn due(layout: &Layout, manifest: &Manifest, options: &Options) -> Vec<Act> {
    let is_end = options.part.as_ref().is_none_or(|part| part.finish);
    if is_end && !options.leave_last { left_over(layout, manifest) } else { Vec::new() }
}

/// Returns those of a committed generation that were never done: a power cut or a failure kept them from it.
pub fn left_over(layout: &Layout, manifest: &Manifest) -> Vec<Act> {
    contract_acts(manifest, |task| !completions::is_done(layout, &task.once))
}
