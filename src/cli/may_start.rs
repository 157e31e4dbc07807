//! `kolla-lang may-start`: whether a unit may start, asked by systemd just before it starts one whose data have a format.
//!
//! Says why not on standard error, which is the unit's log. Any code but 0 has systemd skip the start, and not fail the unit.

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use activate::generation::load_manifest;
use activate::guard::may_start;
use activate::layout::Layout;
use activate::tool::HostTools;

/// Say whether a unit of a generation may start
#[derive(Debug, Args)]
pub struct MayStartArgs {
    /// The generation whose unit it is
    #[arg(long, value_name = "NUMBER")]
    generation: u64,
    /// The unit
    unit: String,
}

/// Runs the command.
pub fn run(args: &MayStartArgs) -> Exit {
    let MayStartArgs { generation, unit } = args;
    let layout = Layout::new("/");
    let manifest = match load_manifest(&layout, *generation) {
        Ok(manifest) => manifest,
        Err(error) => return complain(&error, Exit::Stuck),
    };
    match may_start(&layout, &mut HostTools, &manifest, unit) {
        Ok(()) => Exit::Done,
        Err(why) => complain(&why, Exit::Refused),
    }
}
