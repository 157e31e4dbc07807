//! `kolla-lang plan`: what a switch of all hosts would do, in which waves, and what waits for what. Reaches no host.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::build::build_warned;
use super::exit::Exit;
use super::host::{Answer, complain, no_host};
use super::origins::Origins;
use super::report::{StrictArgs, Warnings};
use super::say::{say, say_wrong};
use super::sides::{Loaded, Side, load, side_of};
use activate::layout::Layout;
use activate::request::Options;
use fleet::errors::{Refusal, listed};
use fleet::page::plan_page;
use fleet::picture::picture;
use fleet::plan::{FleetPlan, Known, plan_fleet};
use fleet::waves::WaveOptions;
use fleet::words::Groups;
use store::{Closure, files};

/// Say what a switch of all hosts would do: in which waves, and what waits for what across hosts
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: kolla-lang plan\n          kolla-lang plan cloud.kl --since plain/ --svg plan.svg\n\n\
Without --since every host is taken for new. No host is asked: what is down or cannot be reached is what you say.\n\n\
Exit codes: 0 there is a plan, 1 the description or the usage is wrong, 2 no plan: a group's disruption budget would be exceeded, or a unit is in the way"
)]
pub struct PlanArgs {
    /// The description; without it `cloud.kl` in this folder
    file: Option<PathBuf>,
    /// Plan from an earlier build, as `build --out DIR` wrote it, or from another description, taken for what the hosts are
    #[arg(long, value_name = "DIR|FILE")]
    since: Option<String>,
    #[command(flatten)]
    wave_options: WaveArgs,
    /// Take members of groups for down: those on a host, or one of them
    #[arg(long, value_name = "HOST[/GROUP]")]
    down: Vec<String>,
    /// Let units of the data plane be stopped and restarted; guests depend on them
    #[arg(long)]
    allow_dataplane: bool,
    /// Draw the plan: hosts as rows, equal ones together, waves as columns
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a page that needs nothing but itself, for whoever reviews the change: the picture, the waves, and all keys that differ
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    strict: StrictArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// What is asked of the waves.
#[derive(Debug, Args)]
pub struct WaveArgs {
    /// The host that switches first, alone, of those that run something
    #[arg(long, value_name = "HOST")]
    canary: Option<String>,
    /// How many hosts may switch at once; by default as many as the groups allow
    #[arg(long, value_name = "N")]
    max_parallel: Option<NonZero<usize>>,
    /// Take a host for down: it counts as such in its groups, and is left out
    #[arg(long, value_name = "HOST")]
    unreachable: Vec<String>,
}

impl WaveArgs {
    /// Returns them as the plan takes them.
    pub fn wave_options(&self) -> WaveOptions {
        WaveOptions { canary: self.canary.clone(), max_parallel: self.max_parallel.map(NonZero::get) }
    }

    /// Returns the hosts that are to be left out.
    pub fn unreachable(&self) -> &[String] {
        &self.unreachable
    }
}

/// Runs the command.
pub fn run(args: &PlanArgs) -> Exit {
    match planned(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn planned(args: &PlanArgs) -> Result<Exit, Exit> {
    let since = args.since.as_deref().map(earlier).transpose()?;
    let (built, described) = build_warned(args.file.as_deref(), args.strict.warnings())?;
    let (mut earlier, before) = since.map(|it| (it.hosts, it.described)).unwrap_or_default();
    let known = |(name, to): (String, Closure)| {
        let from = earlier.remove(&name);
        (name, Known::since(from, to))
    };
    let mut hosts: BTreeMap<String, Known> = built.closures.into_iter().map(known).collect();
    let gone: Vec<String> = earlier.into_keys().collect();
    mark(args, &mut hosts)?;
    args.wave_options.canary.as_deref().map(|canary| find(&mut hosts, canary)).transpose()?;
    // A plan names the point of no return; it is the switch that asks for leave.
    let options =
        Options { allow_dataplane: args.allow_dataplane, allow_one_way: true, ..Options::default() };
    let plan = match plan_fleet(&hosts, &options, &args.wave_options.wave_options()) {
        Ok(plan) => plan,
        Err(refusals) => return Ok(refuse(&refusals, Answer::of(args.json))),
    };
    let mut groups = plan.all_alike();
    let origins = Origins::of(&described.compiled, before.as_ref().map(|it| &it.compiled));
    groups.trace(&|asked| origins.line_of(asked));
    let pages = [
        args.svg.as_ref().map(|path| (path, picture(&plan))),
        args.html.as_ref().map(|path| (path, plan_page(&plan, &groups, &gone))),
    ];
    for (path, text) in pages.into_iter().flatten() {
        files::write_atomic(path, text.as_bytes(), 0o644).map_err(|error| complain(&error, Exit::Refused))?;
    }
    print(&plan, &groups, &gone, Answer::of(args.json));
    Ok(Exit::Done)
}

/// Reads what hosts were by an earlier build, or by another description.
fn earlier(word: &str) -> Result<Loaded, Exit> {
    match side_of(word)? {
        side @ (Side::Description(_) | Side::Build(_)) => load(&side, &Layout::new("/"), Warnings::Allowed),
        Side::Booted | Side::Generation(_) => {
            say_wrong!(
                "error: `--since` takes a folder of `build --out` or a description, and `{word}` is a generation"
            );
            say_wrong!("  help: `kolla-lang diff {word}` compares this host");
            Err(Exit::Wrong)
        }
    }
}

/// Takes hosts and members for down as asked.
fn mark(args: &PlanArgs, hosts: &mut BTreeMap<String, Known>) -> Result<(), Exit> {
    for name in args.wave_options.unreachable() {
        find(hosts, name)?.reachable = false;
    }
    for word in &args.down {
        let (host, group) = word.split_once('/').map_or((word.as_str(), None), |(host, it)| (host, Some(it)));
        let known = find(hosts, host)?;
        let groups: Vec<String> = known.to.manifest.groups.keys().cloned().collect();
        match group {
            None => known.down.extend(groups),
            Some(group) if groups.iter().any(|it| it == group) => {
                known.down.insert(group.to_owned());
            }
            Some(group) => {
                say_wrong!("error: `{host}` has no member of a group `{group}`");
                say_wrong!("  help: it has {}", listed(&groups));
                return Err(Exit::Wrong);
            }
        }
    }
    Ok(())
}

fn find<'a>(hosts: &'a mut BTreeMap<String, Known>, name: &str) -> Result<&'a mut Known, Exit> {
    if !hosts.contains_key(name) {
        return Err(no_host(name, hosts.keys()));
    }
    hosts.get_mut(name).ok_or(Exit::Bug)
}

/// Prints why there is no plan.
pub fn refuse(refusals: &[Refusal], answer: Answer) -> Exit {
    if answer == Answer::Json {
        let refused: Vec<_> = refusals
            .iter()
            .map(|refusal| json!({ "why": refusal.to_string(), "group": refusal.group() }))
            .collect();
        say!("{}", json!({ "version": 1, "refused": refused }));
        return Exit::Refused;
    }
    for refusal in refusals {
        complain(refusal, Exit::Refused);
    }
    Exit::Refused
}

fn print(plan: &FleetPlan, groups: &Groups, gone: &[String], answer: Answer) {
    if answer == Answer::Json {
        say!("{}", json!({ "version": 1, "plan": plan, "changes": plan.changes, "gone": gone }));
        return;
    }
    say!("{}", plan.to_text_of(groups).trim_end());
    for host in gone {
        say!("no longer described, and left as it is: {host}");
    }
}
