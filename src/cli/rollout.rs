//! `kolla-lang rollout`: what whoever leads a rollout asks of a host, beside switching it. Not for people.

use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};

use super::activate::recover_now;
use super::adopt::require_root_to_read;
use super::exit::Exit;
use super::follow::{switch_here, watch};
use super::host::{Answer, complain, load_stored, require_root};
use super::how::{HowArgs, new_name};
use super::part::LeadArgs;
use super::say::say;
use super::verdict::{no_end, report as tell};
use activate::back::{Back, way_back};
use activate::dry_run::{DryRun, dry_run};
use activate::failure::{NotBegun, Refusal};
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::name::parse_name;
use activate::outcome::ActivateError;
use activate::part::{Claim, Lead, Open, Stage};
use activate::request::Options;
use activate::revert_timer::{SWITCH_SERVICE, is_attended};
use activate::systemd::{Job, Systemd};
use activate::tool::HostTools;
use activate::verdict::Verdict;
use activate::{enrol, release, report};
use store::Digest;

/// Ask this host about a rollout, and lead it in one
#[derive(Debug, Args)]
pub struct RolloutArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print what this host is and how far it is, as JSON
    Report,
    /// Print what a switch would be refused over, as the end that it would have; `null` if it would begin
    Check(Box<CheckArgs>),
    /// Let units begin that wait for other hosts
    Release {
        /// The units
        #[arg(value_name = "UNIT", required = true)]
        units: Vec<String>,
        /// The switch in which they wait
        #[arg(long, value_name = "NAME", value_parser = parse_name)]
        tx: String,
    },
    /// Go back to what this host was before the rollout
    Back(BackArgs),
    /// Note who leads the rollout from now on
    Lead(LeadArgs),
    /// End this host's part in the rollout
    End {
        /// The rollout
        #[arg(long, value_name = "NAME", value_parser = parse_name)]
        rollout: String,
        /// Which of those it is who led it, from 1
        #[arg(long, value_name = "N")]
        epoch: u64,
    },
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// A closure that is in the store
    #[arg(long, value_name = "DIGEST")]
    stored: Digest,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
struct BackArgs {
    #[command(flatten)]
    lead: LeadArgs,
    /// Let units of the data plane be stopped and restarted
    #[arg(long)]
    allow_dataplane: bool,
    /// What the switch back is called
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    tx: Option<String>,
    /// Print each record of the journal as a line of JSON, and the end
    #[arg(long)]
    events: bool,
}

/// Runs the command.
pub fn run(args: &RolloutArgs) -> Exit {
    let layout = Layout::new("/");
    let acted = match &args.what {
        What::Report => print_report(&layout),
        What::Check(args) => print_check(&layout, args),
        What::Release { units, tx } => {
            require_root("rollout release").and_then(|()| said(release::give(&layout, units, tx)))
        }
        What::End { rollout, epoch } => require_root("rollout end")
            .and_then(|()| said(enrol::end(&layout, Claim { rollout, epoch: *epoch }))),
        What::Lead(args) => {
            require_root("rollout lead").and_then(|()| said(enrol::renew(&layout, &args.lead()).map(drop)))
        }
        What::Back(args) => return back(&layout, args),
    };
    acted.map_or_else(|exit| exit, |()| Exit::Done)
}

fn print_report(layout: &Layout) -> Result<(), Exit> {
    require_root_to_read("rollout report")?;
    let report = report::report(layout, &mut LazySystemd::connect(), &mut HostTools);
    let report = report.map_err(|error| complain(&error, Exit::Refused))?;
    // Writing plain structs with text keys into memory cannot fail.
    say!("{}", serde_json::to_string(&report).unwrap_or_default());
    Ok(())
}

fn print_check(layout: &Layout, CheckArgs { stored, how }: &CheckArgs) -> Result<(), Exit> {
    require_root_to_read("rollout check")?;
    let closure = load_stored(stored)?;
    let looked = dry_run(layout, &mut LazySystemd::connect(), &mut HostTools, &closure, &how.options());
    let barrier = looked.map_or_else(|error| Some(error.into()), DryRun::barrier);
    let verdict = barrier.map(|error| Verdict::from(&error));
    say!("{}", serde_json::to_string(&verdict).unwrap_or_default());
    Ok(())
}

fn said(done: Result<(), NotBegun>) -> Result<(), Exit> {
    done.map_err(|error| tell(&Verdict::from(&error), Answer::Text))
}

/// Takes the host back: what is open ends first, and goes back by itself; what is committed goes back by a switch.
fn back(layout: &Layout, args: &BackArgs) -> Exit {
    let BackArgs { lead, allow_dataplane, tx, events } = args;
    let answer = Answer::of(false).or_events(*events);
    if let Err(exit) = require_root("rollout back") {
        return no_end(exit, answer);
    }
    let lead = lead.lead();
    let mut systemd = LazySystemd::connect();
    let found = end_open(layout, &mut systemd, &lead, answer).and_then(|ended| {
        let found = enrol::renew(layout, &lead).and_then(|enrolled| way_back(layout, &enrolled));
        let found = found.map_err(|error| {
            let verdict = Verdict::from(&error);
            tell(&ended.iter().fold(verdict, Verdict::after), answer)
        })?;
        Ok((ended, found))
    });
    match found {
        // Its own end tells more than that the host is there.
        Ok((Some(verdict), Back::There(_))) => tell(&verdict, answer),
        Ok((None, Back::There(generation))) => {
            tell(&Verdict::Nothing { generation, warnings: Vec::new() }, answer)
        }
        Ok((_, Back::Switch(target, options))) => {
            let options = Options { allow_dataplane: *allow_dataplane, ..*options };
            switch_here(&target, options, tx.clone().unwrap_or_else(new_name), answer)
        }
        Err(exit) => exit,
    }
}

/// Ends the switch that is open, if one is, and returns how it ended. What it was told when there is no going back from here is the error.
fn end_open(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    lead: &Lead,
    answer: Answer,
) -> Result<Option<Verdict>, Exit> {
    let refused = |error: ActivateError| tell(&Verdict::from(&error), answer);
    let not_begun = |error: NotBegun| refused(error.into());
    enrol::find(layout, lead).map_err(not_begun)?;
    let Some(Open { tx, stage }) = report::open(layout).map_err(|error| not_begun(error.into()))? else {
        return Ok(None);
    };
    if !is_attended(systemd, Some(&tx)) {
        recover_now(&AtomicBool::new(false)).map_err(refused)?;
    } else if stage != Stage::Returning && systemd.state(SWITCH_SERVICE).is_ok_and(|it| it.is_up()) {
        // It goes back by itself when it is told to end.
        systemd.submit(Job::Stop, SWITCH_SERVICE).map_err(|error| not_begun(Refusal::from(error).into()))?;
    }
    let tx = (!tx.is_empty()).then_some(tx);
    match watch(layout, systemd, tx, answer) {
        Ok(verdict @ Verdict::Stuck { .. }) => Err(tell(&verdict, answer)),
        Ok(verdict) => Ok(Some(verdict)),
        Err(exit) => Err(no_end(exit, answer)),
    }
}
