//! `kolla-lang build`: check everything, write one closure per host, say what each host gets.

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kl::data::Data;
use kl::diag::{Code, Diagnostic, Problems};
use kl::value::outcome::PartTrace;
use kl::value::texts::PartTexts;
use kl::{Compiled, Evaluated};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::describe::{Described, JobsArgs, compile};
use super::evaluated::InFleet;
use super::exit::Exit;
use super::host::{Answer, Built, complain};
use super::needs::Needs;
use super::options_of::tables;
use super::report::{self, StrictArgs, Warnings};
use super::reuse::{self, BuiltHost, Facts, Kept, Outline, OutlinedUnit, Reuse, Written};
use super::say::{say, say_wrong};
use super::{image_changes, images_of, secrets_of};
use fleet::ssh::Reach;
use model::host::Ssh;
use model::{Cloud, Host, decode_cloud, decode_host, not_derived};
use options::{check_host as check_options, check_tasks};
use plan::{HostWaits, check_fleet, host_waits, plan_host};
use render::{check_host, render_host};
use secrets::wanted::Wanted;
use store::manifest::UnitKind;
use store::{BuildRecord, Closure, Digest, Store, build::for_each_host, files, tree};

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

/// What a description makes, unless something is wrong. Of each closure it has what was kept.
pub struct Made<Kept> {
    /// By host; whole only when there are no errors.
    pub closures: BTreeMap<String, Kept>,
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
    /// What can be kept of evaluating hosts, of each host that was evaluated.
    pub traces: BTreeMap<Arc<str>, PartTrace>,
}

/// What is known of one host besides its closure: small, since that of all hosts is kept at once.
struct HostFacts {
    needs: Needs,
    waits: HostWaits,
    ssh: Ssh,
    roles: BTreeSet<String>,
}

impl HostFacts {
    fn of(host: &Host, needs: Needs) -> Self {
        let roles = host.roles.iter().map(ToString::to_string).collect();
        Self { needs, waits: host_waits(host), ssh: host.ssh.clone(), roles }
    }

    /// The same of a host that was not evaluated.
    fn recalled(name: &str, facts: &Facts) -> Self {
        let Facts { needs, in_fleet, .. } = facts;
        let (waits, ssh, roles) = (in_fleet.waits(name), in_fleet.ssh(), in_fleet.roles.clone());
        Self { needs: needs.clone(), waits, ssh, roles }
    }
}

/// What is known before hosts are evaluated.
struct Before<'a, Kept> {
    /// What hosts are evaluated from, if that is to be kept with them.
    texts: Option<&'a PartTexts>,
    /// Hosts that need not be evaluated.
    known: BTreeMap<String, (Kept, HostFacts)>,
    /// What evaluating each of them would find.
    traces: BTreeMap<Arc<str>, PartTrace>,
}

impl<Kept> Default for Before<'_, Kept> {
    fn default() -> Self {
        Self { texts: None, known: BTreeMap::new(), traces: BTreeMap::new() }
    }
}

/// Evaluates, decodes, plans and renders every host, and keeps all closures.
pub fn make(described: &Described, jobs: usize) -> Made<Closure> {
    make_all(described, jobs, &progress(described), |cloud, host, _| render_whole(cloud, host))
}

/// The same, and shows nothing of how far it is.
pub fn make_quietly(described: &Described, jobs: usize) -> Made<Closure> {
    make_all(described, jobs, &ProgressBar::hidden(), |cloud, host, _| render_whole(cloud, host))
}

/// Finds what is wrong, as [`make`] does, and keeps no closure: memory follows the largest host, not how many there are.
pub fn inspect(described: &Described, jobs: usize) -> Made<()> {
    make_all(described, jobs, &progress(described), |cloud, host, _| {
        let (plan, mut problems) = plan_host(cloud, host);
        let (manifest, found) = check_host(&plan);
        problems.extend(found);
        ((), Needs::of(&host.name, &manifest), problems)
    })
}

/// The same as [`make`], and takes over what the build before made of the same.
pub fn make_reusing(described: &Described, jobs: usize, reuse: &Reuse<'_>) -> Made<BuiltHost> {
    let compiled = &described.compiled;
    let decoded = decode_root(described);
    let is_right = |(_, found): &&(Cloud, Problems)| found.is_empty() && compiled.problems().is_empty();
    let Some((cloud, _)) = decoded.as_ref().filter(is_right) else {
        return make_from(described, jobs, reuse, decoded.as_ref(), Before::default());
    };
    let Some(texts) = compiled.part_texts() else {
        return make_from(described, jobs, reuse, decoded.as_ref(), Before::default());
    };
    let (mut known, mut traces) = (BTreeMap::new(), BTreeMap::new());
    for (name, it) in reuse.unchanged(compiled.root(), cloud, compiled.part_names(), &texts, jobs) {
        let facts = HostFacts::recalled(&name, &it.host.facts);
        known.insert(name.to_string(), (it.host, facts));
        traces.insert(name, it.trace);
    }
    let any_known = !known.is_empty();
    let texts = Some(&texts);
    let mut made = make_from(described, jobs, reuse, decoded.as_ref(), Before { texts, known, traces });
    if any_known && !made.problems.is_empty() {
        // What is told has places, and may be told of hosts together: nothing is left out.
        let before = Before { texts, ..Before::default() };
        made = make_from(described, jobs, reuse, decoded.as_ref(), before);
    }
    if let Some(texts) = texts.filter(|_| made.problems.is_empty()) {
        reuse.note_evaluated(compiled.root(), cloud, texts, &made.traces, &mut made.closures);
    }
    made
}

fn make_from(
    described: &Described,
    jobs: usize,
    reuse: &Reuse<'_>,
    decoded: Option<&(Cloud, Problems)>,
    before: Before<'_, BuiltHost>,
) -> Made<BuiltHost> {
    make_by(described, jobs, &progress(described), decoded, before, |cloud, host, data| {
        let inputs = data.and_then(|it| reuse.inputs(described.compiled.root(), cloud, &host.name, it));
        let known = inputs.as_ref().and_then(|inputs| reuse.recall(&cloud.name.value, &host.name, inputs));
        if let Some(known) = known {
            let needs = known.facts.needs.clone();
            return (known, needs, Problems::default());
        }
        let (closure, needs, problems) = render_whole(cloud, host);
        let (cloud, outline) = (closure.manifest.cloud.clone(), Outline::of(&closure));
        let in_fleet = InFleet::of(host);
        let facts = Facts { cloud, outline, needs: needs.clone(), in_fleet, evaluated: None };
        let inputs = inputs.filter(|_| problems.is_empty());
        let kept = Kept::Rendered(Box::new(closure), inputs);
        (BuiltHost { kept, facts, is_evaluated: true }, needs, problems)
    })
}

fn render_whole(cloud: &Cloud, host: &Host) -> (Closure, Needs, Problems) {
    let (plan, mut problems) = plan_host(cloud, host);
    let (closure, found) = render_host(&plan);
    problems.extend(found);
    let needs = Needs::of(&host.name, &closure.manifest);
    (closure, needs, problems)
}

/// Makes every host, whatever was made before.
fn make_all<Kept: Send>(
    described: &Described,
    jobs: usize,
    bar: &ProgressBar,
    render: impl Fn(&Cloud, &Host, Option<&Data>) -> (Kept, Needs, Problems) + Sync,
) -> Made<Kept> {
    make_by(described, jobs, bar, decode_root(described).as_ref(), Before::default(), render)
}

/// Decodes what hosts share. A description without the kernel is evaluated and checked, and makes no host.
fn decode_root(described: &Described) -> Option<(Cloud, Problems)> {
    let Described { compiled, secrets, lock } = described;
    let mut decoded = describes_cloud(compiled).then(|| decode_cloud(compiled.root()))?;
    decoded.0.seal(|name| secrets_of::sealed(secrets, name));
    decoded.0.pin(|image| lock.resolve(image));
    decoded.1.extend(image_changes::problems(compiled.root()));
    decoded.1.extend(check_tasks(&decoded.0.tasks, tables()));
    Some(decoded)
}

/// Makes every host that is not known. `render` is given the value of a host of which nothing was reported so far.
fn make_by<Kept: Send>(
    described: &Described,
    jobs: usize,
    bar: &ProgressBar,
    decoded: Option<&(Cloud, Problems)>,
    before: Before<'_, Kept>,
    render: impl Fn(&Cloud, &Host, Option<&Data>) -> (Kept, Needs, Problems) + Sync,
) -> Made<Kept> {
    let Described { compiled, secrets: _, lock } = described;
    let root = compiled.root();
    let Before { texts, known, traces } = before;
    // A host whose files cost too much is the last one: those behind it would most likely do the same, each as long.
    let last = AtomicUsize::new(usize::MAX);
    let number = |name: &Arc<str>| compiled.part_names().binary_search(name).unwrap_or_default();
    let each = |name: &Arc<str>, data: Data| {
        let mut problems = Problems::default();
        if number(name) > last.load(Ordering::Relaxed) {
            return (name.to_string(), None, problems);
        }
        // Of a host that failed as a whole nothing is known.
        let cloud = decoded.as_ref().filter(|_| !data.is_error());
        let made = cloud.map(|(cloud, _)| {
            let (mut host, found) = decode_host(name, &data);
            problems.extend(found);
            host.pin(|image| lock.resolve(image));
            problems.extend(check_options(&host, tables()));
            let unreported = Some(&data).filter(|_| problems.is_empty());
            let (kept, needs, found) = render(cloud, &host, unreported);
            problems.extend(found);
            (kept, HostFacts::of(&host, needs))
        });
        bar.inc(1);
        if costs_too_much(&problems) {
            last.fetch_min(number(name), Ordering::Relaxed);
        }
        (name.to_string(), made, not_derived(problems, [&data]).in_part(name))
    };
    let (parts, part_problems, traces) = match texts {
        None => {
            let (parts, problems) = compiled.parts(jobs, each);
            (parts, problems, BTreeMap::new())
        }
        Some(texts) => {
            let Evaluated { made, problems, traces } = compiled.parts_but(jobs, texts, &traces, each);
            (made, problems, traces)
        }
    };
    bar.finish_and_clear();
    let mut problems = compiled.problems().clone();
    problems.extend(part_problems);
    let last = last.into_inner();
    let (mut closures, mut needs, mut waits) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let (mut keys, mut reach, mut roles) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let known = known.into_iter().map(|(name, known)| (name, Some(known), Problems::default()));
    for (name, made, found) in parts.into_iter().take(last.saturating_add(1)).chain(known) {
        problems.extend(found);
        if let Some((kept, facts)) = made {
            roles.insert(name.clone(), facts.roles);
            reach.insert(name.clone(), reach_of(&name, &facts.ssh));
            keys.insert(name.clone(), facts.ssh.key);
            needs.insert(name.clone(), facts.needs);
            closures.insert(name, kept);
            waits.push(facts.waits);
        }
    }
    let (mut wanted, mut unpinned) = (BTreeMap::new(), BTreeSet::new());
    if let Some((cloud, found)) = decoded {
        unpinned = images_of::unpinned(cloud, &needs);
        let mut found = found.clone();
        // What is said of all hosts means nothing while some are missing.
        if !costs_too_much(&problems) {
            check_fleet(cloud, &waits, &mut found);
            wanted = secrets_of::wanted(cloud, &needs, &keys, compiled.sources(), &mut found);
        }
        problems.extend(not_derived(found, root.iter().map(|(_, it)| it)));
    }
    Made { closures, problems: problems.sorted(), wanted, unpinned, reach, roles, traces }
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
fn progress(described: &Described) -> ProgressBar {
    let n = described.compiled.part_names().len();
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
    // The program is digested while the description is read. A plain tree is made for people, from nothing that was there before.
    let program = args.out.is_none().then(|| std::thread::spawn(reuse::program));
    let described = match compile(args.file.as_deref()) {
        Ok(described) => described,
        Err(exit) => return exit,
    };
    let answer = Answer::of(args.json);
    let root = args.out.is_none().then(|| Store::default_root().ok()).flatten();
    let program = program.and_then(|it| it.join().ok().flatten());
    let mut reuse = Reuse::new(root, program, &described.lock);
    let made = make_reusing(&described, args.jobs.count(), &reuse);
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
        None => write_store(&mut reuse, &made.closures, args.jobs),
    };
    match written {
        Ok(written) => {
            say(&made, &written, answer, &described);
            Exit::Done
        }
        Err(exit) => exit,
    }
}

fn write_plain(out: &Path, hosts: &BTreeMap<String, BuiltHost>, jobs: JobsArgs) -> Result<Written, Exit> {
    let closures: BTreeMap<&String, &Closure> =
        hosts.iter().filter_map(|(name, host)| Some((name, host.rendered()?))).collect();
    let names: Vec<String> = closures.keys().map(|name| (*name).clone()).collect();
    // All of them first: what is refused replaces nothing.
    let refused: Vec<Exit> = closures
        .values()
        .filter_map(|closure| tree::check_place(out, closure).err())
        .map(|error| complain(&error, Exit::Refused))
        .collect();
    if let Some(exit) = refused.into_iter().next() {
        return Err(exit);
    }
    let write = |name: &str| {
        let closure = closures[&name.to_owned()];
        tree::replace_tree(out, closure).map(|()| closure.digest())
    };
    let digests = for_each_host(&names, jobs.jobs, write).map_err(|error| complain(&error, Exit::Refused))?;
    Ok(Written { path: out.to_owned(), digests })
}

fn write_store(
    reuse: &mut Reuse<'_>,
    hosts: &BTreeMap<String, BuiltHost>,
    jobs: JobsArgs,
) -> Result<Written, Exit> {
    let written = reuse.write(hosts, jobs.jobs).map_err(|error| complain(&error, Exit::Refused))?;
    link_result(Path::new("result"), &written.path)?;
    Ok(written)
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

fn say(made: &Made<BuiltHost>, written: &Written, answer: Answer, described: &Described) {
    let Described { compiled, secrets, lock: _ } = described;
    let Written { path: place, digests } = written;
    if answer == Answer::Json {
        let hosts: BTreeMap<&String, serde_json::Value> = made
            .closures
            .iter()
            .map(|(name, host)| {
                let Outline { units, n_files } = &host.facts.outline;
                let units: Vec<&String> = units.keys().collect();
                (name, json!({ "digest": digests.get(name), "units": units, "files": n_files }))
            })
            .collect();
        let problems = report::as_json(&made.problems, compiled.sources());
        let secrets = secrets_of::words(secrets, &made.wanted);
        let n_evaluated = made.closures.values().filter(|it| it.is_evaluated).count();
        let n_rendered = made.closures.values().filter(|it| it.rendered().is_some()).count();
        say!(
            "{}",
            json!({
                "version": 1, "hosts": hosts, "built": place, "problems": problems, "secrets": secrets,
                "unpinned": made.unpinned, "rendered": n_rendered, "reused": made.closures.len() - n_rendered,
                "evaluated": n_evaluated,
            })
        );
        return;
    }
    // A large fleet is summed up: nobody reads a thousand lists.
    let long = made.closures.len() <= 12;
    for (name, host) in &made.closures {
        let Outline { units, n_files } = &host.facts.outline;
        let digest = digests.get(name).map_or("", Digest::short);
        say!("{name}  {} units, {n_files} files  {digest}", units.len());
        if !long {
            continue;
        }
        for (name, OutlinedUnit { kind, image }) in units {
            let kind = match kind {
                UnitKind::Container => "container",
                UnitKind::Task => "task",
                _ => "unit",
            };
            say!("  {kind:<10} {:<32} {}", name, image.as_deref().unwrap_or(""));
        }
    }
    say!(
        "built {} host{} into {}",
        made.closures.len(),
        if made.closures.len() == 1 { "" } else { "s" },
        place.display()
    );
}
