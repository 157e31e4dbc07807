//! `kolla-lang build`: check everything, write one closure per host, say what each host gets.

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kl::Compiled;
use kl::data::Data;
use kl::diag::{Code, Diagnostic, Problems};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::describe::{Described, JobsArgs, compile};
use super::exit::Exit;
use super::host::{Answer, Built, complain};
use super::report::{self, StrictArgs, Warnings};
use super::say::{say, say_wrong};
use super::{images_of, secrets_of};
use crate::fleet::ssh::Reach;
use crate::model::host::Ssh;
use crate::model::{decode_cloud, decode_host, not_derived};
use crate::plan::{check_fleet, host_waits, plan_host};
use crate::render::host::render_host;
use crate::secrets::wanted::Wanted;
use crate::store::manifest::UnitKind;
use crate::store::{BuildRecord, Closure, Digest, Store, build::for_each_host, files, tree};

/// Check everything and write one closure per host
#[derive(Debug, Args)]
#[command(
    after_help = "Example: kolla-lang build cloud.kl --out plain/\n\nExit codes: 0 built, 1 the description is wrong and nothing was written, 2 the secrets are not as described, or it could not be written"
)]
pub struct BuildArgs {
    /// The description; without it `cloud.kl` in this folder
    pub file: Option<PathBuf>,
    /// Write plain trees, DIR/<host>/…, instead of into the store
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    strict: StrictArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// What a description makes: closures, unless something is wrong.
pub struct Made {
    /// By host; whole only when there are no errors.
    pub closures: BTreeMap<String, Closure>,
    /// All mistakes, sorted.
    pub problems: Vec<Diagnostic>,
    /// The secrets that the closures name, with those who may read them.
    pub wanted: BTreeMap<String, Wanted>,
    /// Images by a tag that could be pinned and are not.
    pub unpinned: BTreeSet<String>,
    /// How each host is reached.
    pub reach: BTreeMap<String, Reach>,
    /// The roles of each host.
    pub roles: BTreeMap<String, BTreeSet<String>>,
}

/// Evaluates, decodes, plans and renders every host.
pub fn make(described: &Described, jobs: usize) -> Made {
    make_telling(described, jobs, &progress(described.compiled.part_names().len()))
}

/// The same, and shows nothing of how far it is.
pub fn make_quietly(described: &Described, jobs: usize) -> Made {
    make_telling(described, jobs, &ProgressBar::hidden())
}

fn make_telling(described: &Described, jobs: usize, bar: &ProgressBar) -> Made {
    let Described { compiled, secrets, lock } = described;
    let root = compiled.root();
    // A description without the kernel is evaluated and checked, and makes no host.
    let mut decoded = describes_cloud(compiled).then(|| decode_cloud(root));
    if let Some((cloud, _)) = &mut decoded {
        cloud.seal(|name| secrets_of::sealed(secrets, name));
        cloud.pin(|image| lock.resolve(image));
    }
    // A host whose files cost too much is the last one: those behind it would most likely do the same, each as long.
    let last = AtomicUsize::new(usize::MAX);
    let number = |name: &Arc<str>| compiled.part_names().binary_search(name).unwrap_or_default();
    let (parts, part_problems) = compiled.parts(jobs, |name: &Arc<str>, data: Data| {
        let mut problems = Problems::default();
        if number(name) > last.load(Ordering::Relaxed) {
            return (name.to_string(), None, problems);
        }
        // Of a host that failed as a whole nothing is known.
        let known = decoded.as_ref().filter(|_| !data.is_error());
        let closure = known.map(|(cloud, _)| {
            let (mut host, found) = decode_host(name, &data);
            problems.extend(found);
            host.pin(|image| lock.resolve(image));
            let (plan, found) = plan_host(cloud, &host);
            problems.extend(found);
            let (closure, found) = render_host(&plan);
            problems.extend(found);
            let roles = host.roles.iter().map(ToString::to_string).collect();
            (closure, host_waits(&host), host.ssh, roles)
        });
        bar.inc(1);
        if costs_too_much(&problems) {
            last.fetch_min(number(name), Ordering::Relaxed);
        }
        (name.to_string(), closure, not_derived(problems, [&data]).in_part(name))
    });
    bar.finish_and_clear();
    let mut problems = compiled.problems().clone();
    problems.extend(part_problems);
    let last = last.into_inner();
    let (mut closures, mut waits) = (BTreeMap::new(), Vec::new());
    let (mut keys, mut reach, mut roles) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (name, made, found) in parts.into_iter().take(last.saturating_add(1)) {
        problems.extend(found);
        if let Some((closure, host_waits, ssh, its_roles)) = made {
            roles.insert(name.clone(), its_roles);
            reach.insert(name.clone(), reach_of(&name, &ssh));
            keys.insert(name.clone(), ssh.key);
            closures.insert(name, closure);
            waits.push(host_waits);
        }
    }
    let (mut wanted, mut unpinned) = (BTreeMap::new(), BTreeSet::new());
    if let Some((cloud, found)) = decoded {
        unpinned = images_of::unpinned(&cloud, &closures);
        let mut found = found;
        // What is said of all hosts means nothing while some are missing.
        if !costs_too_much(&problems) {
            check_fleet(&cloud, &waits, &mut found);
            wanted = secrets_of::wanted(&cloud, &closures, &keys, &mut found);
        }
        problems.extend(not_derived(found, root.iter().map(|(_, it)| it)));
    }
    Made { closures, problems: problems.sorted(), wanted, unpinned, reach, roles }
}

/// Whether something was stopped because it costs too much.
fn costs_too_much(problems: &Problems) -> bool {
    problems.iter().any(|it| it.code == Code::Budget)
}

/// Says how a host is reached.
fn reach_of(host: &str, ssh: &Ssh) -> Reach {
    let address = ssh.address.as_str();
    Reach {
        host: host.to_owned(),
        user: ssh.user.to_string(),
        address: if address.is_empty() { host } else { address }.to_owned(),
        // The kernel's type of ports has the same limits.
        port: u16::try_from(ssh.port).unwrap_or_default(),
        key: ssh.key.as_ref().map(ToString::to_string),
    }
}

/// Whether the description uses the kernel's model: it has an option `cloud`.
pub fn describes_cloud(compiled: &Compiled) -> bool {
    compiled.root().iter().any(|(name, _)| &**name == "cloud")
}

/// A bar on a terminal, nothing elsewhere.
fn progress(n: usize) -> ProgressBar {
    let bar = ProgressBar::new(n as u64);
    if !std::io::stderr().is_terminal() || n < 50 {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} hosts") {
        bar.set_style(style);
    }
    bar
}

/// Builds the cloud that a file describes for the commands that act on hosts. What is wrong was printed.
pub fn build(file: Option<&Path>, warnings: Warnings) -> Result<Built, Exit> {
    build_silently(file, warnings).map(|(built, _, _)| built)
}

/// The same, and warns of images that are not pinned, for commands whose outcome hosts are switched to.
pub fn build_warned(file: Option<&Path>, warnings: Warnings) -> Result<(Built, Described), Exit> {
    let (built, described, unpinned) = build_silently(file, warnings)?;
    images_of::warn(&unpinned, warnings, Answer::Text)?;
    Ok((built, described))
}

/// The same as [`build`], with what it was built from.
pub fn build_described(file: Option<&Path>, warnings: Warnings) -> Result<(Built, Described), Exit> {
    let (built, described, _) = build_silently(file, warnings)?;
    Ok((built, described))
}

type Silently = (Built, Described, BTreeSet<String>);

fn build_silently(file: Option<&Path>, warnings: Warnings) -> Result<Silently, Exit> {
    let described = compile(file)?;
    let made = make(&described, JobsArgs { jobs: None }.count());
    match report::print_all(&made.problems, described.compiled.sources(), Answer::Text, warnings) {
        Exit::Done => {}
        exit => return Err(exit),
    }
    secrets_of::check(file, &described.secrets, &made.wanted)?;
    let (closures, unpinned) = (made.closures, made.unpinned);
    let digests = closures.iter().map(|(name, closure)| (name.clone(), closure.digest())).collect();
    let cloud = record(&closures, digests).digest();
    Ok((Built { closures, cloud: Some(cloud), reach: made.reach, roles: made.roles }, described, unpinned))
}

fn record(closures: &BTreeMap<String, Closure>, digests: BTreeMap<String, Digest>) -> BuildRecord {
    let cloud = closures.values().next().map_or(String::new(), |c| c.manifest.cloud.clone());
    BuildRecord::new(cloud, digests)
}

/// Runs the command.
pub fn run(args: &BuildArgs) -> Exit {
    let described = match compile(args.file.as_deref()) {
        Ok(described) => described,
        Err(exit) => return exit,
    };
    let answer = Answer::of(args.json);
    let made = make(&described, args.jobs.count());
    let Described { compiled, secrets, lock: _ } = &described;
    let exit = report::print_all(&made.problems, compiled.sources(), answer, args.strict.warnings());
    if exit != Exit::Done {
        if answer == Answer::Json {
            say!(
                "{}",
                json!({ "version": 1, "problems": report::as_json(&made.problems, compiled.sources()) })
            );
        }
        return exit;
    }
    if let Err(exit) = secrets_of::check(args.file.as_deref(), secrets, &made.wanted) {
        if answer == Answer::Json {
            say!(
                "{}",
                json!({ "version": 1, "problems": [], "secrets": secrets_of::words(secrets, &made.wanted) })
            );
        }
        return exit;
    }
    if let Err(exit) = images_of::warn(&made.unpinned, args.strict.warnings(), answer) {
        return exit;
    }
    let written = match &args.out {
        Some(out) => write_plain(out, &made.closures, args.jobs),
        None => write_store(&made.closures, args.jobs),
    };
    match written {
        Ok(place) => {
            say(&made, &place, answer, &described);
            Exit::Done
        }
        Err(exit) => exit,
    }
}

fn write_plain(out: &Path, closures: &BTreeMap<String, Closure>, jobs: JobsArgs) -> Result<PathBuf, Exit> {
    let names: Vec<String> = closures.keys().cloned().collect();
    // All of them first: what is refused replaces nothing.
    let refused: Vec<Exit> = closures
        .values()
        .filter_map(|closure| tree::check_place(out, closure).err())
        .map(|error| complain(&error, Exit::Refused))
        .collect();
    if let Some(exit) = refused.into_iter().next() {
        return Err(exit);
    }
    for_each_host(&names, jobs.jobs, |name| tree::replace_tree(out, &closures[name]))
        .map_err(|error| complain(&error, Exit::Refused))?;
    Ok(out.to_owned())
}

fn write_store(closures: &BTreeMap<String, Closure>, jobs: JobsArgs) -> Result<PathBuf, Exit> {
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    let store = Store::default_root().and_then(Store::open).map_err(|e| refused(&e))?;
    let names: Vec<String> = closures.keys().cloned().collect();
    let digests =
        for_each_host(&names, jobs.jobs, |name| store.add(&closures[name])).map_err(|e| refused(&e))?;
    let path = store.finish(&record(closures, digests)).map_err(|e| refused(&e))?;
    link_result(Path::new("result"), &path)?;
    Ok(path)
}

/// Makes `result` lead to what was built. Only a link is replaced: a file or a folder of that name is somebody's own.
fn link_result(result: &Path, built: &Path) -> Result<(), Exit> {
    let is_link = |it: &Path| it.is_symlink();
    let linked = match files::exists(result) {
        false => files::link_new(result, built).map(|()| true),
        true => files::link_over(result, built, is_link),
    };
    if linked.map_err(|error| complain(&error, Exit::Refused))? {
        return Ok(());
    }
    say_wrong!("error: `result` is no link of an earlier build, and stays as it is");
    say_wrong!("  help: give it another name, or say where to build: `kolla-lang build --out DIR`");
    Err(Exit::Refused)
}

fn say(made: &Made, place: &Path, answer: Answer, described: &Described) {
    let Described { compiled, secrets, lock: _ } = described;
    if answer == Answer::Json {
        let hosts: BTreeMap<&String, serde_json::Value> = made
            .closures
            .iter()
            .map(|(name, closure)| {
                let units: Vec<&str> = closure.manifest.units.keys().map(String::as_str).collect();
                (name, json!({ "digest": closure.digest(), "units": units, "files": closure.files.len() }))
            })
            .collect();
        let problems = report::as_json(&made.problems, compiled.sources());
        let secrets = secrets_of::words(secrets, &made.wanted);
        say!(
            "{}",
            json!({
                "version": 1, "hosts": hosts, "built": place, "problems": problems, "secrets": secrets,
                "unpinned": made.unpinned,
            })
        );
        return;
    }
    // A large fleet is summed up: nobody reads a thousand lists.
    let long = made.closures.len() <= 12;
    for (name, closure) in &made.closures {
        let manifest = &closure.manifest;
        let (n_units, n_files) = (manifest.units.len(), closure.files.len());
        say!("{name}  {n_units} units, {n_files} files  {}", closure.digest().short());
        if !long {
            continue;
        }
        for (name, unit) in &manifest.units {
            let kind = match unit.kind {
                UnitKind::Container => "container",
                UnitKind::Task => "task",
                _ => "unit",
            };
            say!("  {kind:<10} {:<32} {}", name, unit.image.as_deref().unwrap_or(""));
        }
    }
    say!(
        "built {} host{} into {}",
        made.closures.len(),
        if made.closures.len() == 1 { "" } else { "s" },
        place.display()
    );
}
