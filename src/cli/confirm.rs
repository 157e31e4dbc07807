//! `kolla-lang confirm`: the word that a switch with `--confirm-within` waits for.

use clap::Args;

use super::exit::Exit;
use super::follow::follow;
use super::host::{Answer, Build, complain, require_root};
use super::say::say_wrong;
use super::there::ThereArgs;
use crate::activate::journal::{Reader, Record};
use crate::activate::layout::Layout;
use crate::activate::pid1::Pid1;
use crate::store::files;

/// Confirm the switch that waits for it; without a word in time the host goes back
#[derive(Debug, Args)]
#[command(
    after_help = "Example: `kolla-lang switch --confirm-within 60s`, then, from a new connection, `kolla-lang confirm`.\n\
Exit codes are those of `switch`; 2 if no switch waits."
)]
pub struct ConfirmArgs {
    #[command(flatten)]
    there: ThereArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &ConfirmArgs, build: Build<'_>) -> Exit {
    if let Some(exit) = args.there.run(build, &["confirm"], args.json) {
        return exit;
    }
    if let Err(exit) = require_root("confirm") {
        return exit;
    }
    let layout = Layout::new("/");
    let bytes = match files::read_if_there(&layout.journal()) {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) => return complain(&error, Exit::Refused),
    };
    let mut reader = Reader::default();
    reader.feed(&bytes);
    let (mut waits_for, mut last) = (None, None);
    while let Some(record) = reader.next_record() {
        match record {
            Record::Asked { tx, .. } => last = Some(tx),
            Record::Waiting { .. } => waits_for = last.clone(),
            Record::Confirmed | Record::Reverting { .. } | Record::Recovering { .. } => waits_for = None,
            _ => {}
        }
    }
    let Some(tx) = waits_for else {
        say_wrong!("error: no switch of this host waits to be confirmed");
        return Exit::Refused;
    };
    if let Err(error) = files::write_atomic(&layout.confirmation(), tx.as_bytes(), 0o600) {
        return complain(&error, Exit::Refused);
    }
    follow(&layout, &mut Pid1::connect(), Some(tx), Answer::of(args.json))
}
