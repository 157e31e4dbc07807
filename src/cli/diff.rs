//! `kolla-lang diff`: what differs between descriptions, builds and generations of this host, in any mix.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::describe::Described;
use super::exit::Exit;
use super::host::{Answer, complain, local_name, no_host, node_name};
use super::origins::Origins;
use super::releases;
use super::report::{StrictArgs, Warnings};
use super::say::{say, say_wrong};
use super::sides::{Loaded, Side, load, side_of};
use activate::compare::Preview;
use activate::completions;
use activate::diff::{Action, FileChange, KeyChange, diff};
use activate::generation::{self, current_generation};
use activate::layout::Layout;
use activate::request::Options;
use activate::steps::plan;
use activate::tool::HostTools;
use fleet::compare::Compared;
use fleet::page::review_page;
use fleet::review::Review;
use store::{Closure, files};

/// Say what differs: units with what would be done and why, files, keys with both values and the line that gave the new one, and secrets,
/// of which no value is shown
#[derive(Debug, Args)]
#[command(
    after_help = "A and B are descriptions, builds or generations, in any mix: a file, a folder that `build --out` wrote or that of one host \
in it, or the number of a generation of this host. Without A it is the generation that this host boots, without B the description in cloud.kl. \
Where one of them is a generation, this host alone is compared.\n\n\
Examples: kolla-lang diff plain/ cloud.kl\n          kolla-lang diff cloud.kl staging.kl --host ctl01\n          kolla-lang diff 3 4\n          \
kolla-lang diff cloud.kl --releases epoxy flamingo\n\n\
Exit codes: 0 compared, whether anything differs or not; 1 a description or the usage is wrong; 2 it could not be read"
)]
pub struct DiffArgs {
    /// What to compare: `diff`, `diff cloud.kl`, `diff 3`, `diff 3 cloud.kl`, `diff plain/ cloud.kl`
    #[arg(value_name = "A|B", num_args = 0..=2)]
    sides: Vec<String>,
    /// Compare these hosts alone
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// Say instead which options of a description are gone, renamed, refused or have another default in another release, and ask no host
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with_all = ["host", "html", "closure"])]
    releases: Vec<String>,
    /// Take a closure from a folder, as `build --out` writes it, instead of building one
    #[arg(long, value_name = "DIR", hide = true)]
    closure: Option<PathBuf>,
    /// Write a page that needs nothing but itself, for whoever reviews the change
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    strict: StrictArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &DiffArgs) -> Exit {
    match compared(args) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn compared(args: &DiffArgs) -> Result<(), Exit> {
    let DiffArgs { sides, host, releases, closure, html, strict, json } = args;
    if let [from, to] = releases.as_slice() {
        return of_releases(from, to, sides, Answer::of(*json));
    }
    let (from, to) = sides_of(sides, closure.as_deref())?;
    let layout = Layout::new("/");
    let is_here = from.is_here() || to.is_here();
    if is_here && !host.is_empty() {
        say_wrong!("error: a generation is one of this host, and `--host` names others");
        say_wrong!("  help: name a description or a folder of `build --out` on both sides");
        return Err(Exit::Wrong);
    }
    let is_single = from.is_single() || to.is_single();
    let to = load(&to, &layout, strict.warnings())?;
    let (from_name, before, mut review) = match &from {
        Side::Booted | Side::Generation(_) => of_this_host(&from, &to, &layout)?,
        from => {
            // What it was is not what is asked about.
            let mut from = load(from, &layout, Warnings::Allowed)?;
            let mut hosts = to.hosts.clone();
            if !host.is_empty() {
                keep(&mut from.hosts, &mut hosts, host)?;
            } else if is_single {
                let names: Vec<String> =
                    from.hosts.keys().filter(|it| hosts.contains_key(*it)).cloned().collect();
                keep(&mut from.hosts, &mut hosts, &names)?;
            }
            let review = Review::between(&from.hosts, &hosts, &options());
            (from.name, from.described, review)
        }
    };
    if let Some(described) = &to.described {
        let before = before.as_ref().map(|it| &it.compiled);
        let origins = Origins::of(&described.compiled, before);
        review.trace(&|asked| origins.line_of(asked));
    }
    if let Some(path) = html {
        let page = review_page(&review, &from_name, &to.name);
        files::write_atomic(path, page.as_bytes(), 0o644).map_err(|error| complain(&error, Exit::Refused))?;
    }
    match Answer::of(*json) {
        Answer::Json => {
            say!(
                "{}",
                json!({ "version": 2, "from": from_name, "to": to.name, "differs": !review.is_empty(), "review": review })
            );
        }
        _ => {
            say!("from {from_name} to {}", to.name);
            say!("{}", review.to_text().trim_end());
        }
    }
    Ok(())
}

/// Compares what a description says by the tables of two releases.
fn of_releases(from: &str, to: &str, sides: &[String], answer: Answer) -> Result<(), Exit> {
    let sides: Vec<Side> = sides.iter().map(|word| side_of(word)).collect::<Result<_, Exit>>()?;
    match sides.as_slice() {
        [] => releases::run(from, to, None, answer),
        [Side::Description(file)] => releases::run(from, to, Some(file), answer),
        _ => {
            say_wrong!("error: `--releases` is of one description");
            say_wrong!("  help: `kolla-lang diff cloud.kl --releases {from} {to}`");
            Err(Exit::Wrong)
        }
    }
}

/// Nothing is refused here: that something needs leave is part of what is shown.
fn options() -> Options {
    Options { allow_one_way: true, ..Options::default() }
}

/// Says what the words of the command line mean. What is alone is compared with what this host boots, but for a generation.
fn sides_of(words: &[String], closure: Option<&Path>) -> Result<(Side, Side), Exit> {
    let described = || match closure {
        Some(folder) => Side::Build(folder.to_owned()),
        None => Side::Description(PathBuf::from(super::describe::DEFAULT_FILE)),
    };
    let sides: Vec<Side> = words.iter().map(|word| side_of(word)).collect::<Result<_, Exit>>()?;
    Ok(match sides.as_slice() {
        [] => (Side::Booted, described()),
        [from @ Side::Generation(_)] => (from.clone(), described()),
        [to] => (Side::Booted, to.clone()),
        [from, to, ..] => (from.clone(), to.clone()),
    })
}

/// Keeps the hosts that are asked for.
fn keep(
    from: &mut BTreeMap<String, Closure>,
    to: &mut BTreeMap<String, Closure>,
    wanted: &[String],
) -> Result<(), Exit> {
    if let Some(name) = wanted.iter().find(|name| !from.contains_key(*name) && !to.contains_key(*name)) {
        return Err(no_host(name, to.keys()));
    }
    from.retain(|name, _| wanted.contains(name));
    to.retain(|name, _| wanted.contains(name));
    Ok(())
}

/// Compares a generation of this host: which tasks it has done is known.
fn of_this_host(
    from: &Side,
    to: &Loaded,
    layout: &Layout,
) -> Result<(String, Option<Described>, Review), Exit> {
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    let (number, closure) = match from {
        Side::Generation(number) => {
            (Some(*number), Some(generation::load_closure(layout, *number).map_err(|error| refused(&error))?))
        }
        _ => {
            let held = current_generation(layout).map_err(|error| refused(&error))?;
            held.map(|it| (it.number, it.closure)).unzip()
        }
    };
    let name = match (&closure, to.hosts.len()) {
        (Some(closure), _) => Some(closure.manifest.host.clone()),
        (None, 1) => to.hosts.keys().next().cloned(),
        (None, _) => local_name(&to.hosts),
    };
    let name = name.unwrap_or_else(node_name);
    let Some(to) = to.hosts.get(&name) else { return Err(no_host(&name, to.hosts.keys())) };
    let done = completions::done(layout, &mut HostTools).map_err(|error| refused(&error))?;
    let difference = diff(closure.as_ref(), to);
    let manifest = closure.as_ref().map(|it| &it.manifest);
    let plan = plan(&difference, manifest, &to.manifest, &completions::of(&to.manifest, &done), &options());
    let compared = Compared::of(&plan, &difference, closure.as_ref(), to);
    let review = Review::of(&BTreeMap::from([(name, compared)]), |_| closure.is_some());
    let name = number.map_or_else(|| "no generation".to_owned(), |number| format!("generation {number}"));
    Ok((name, None, review))
}

/// What a switch would do to this host beside the steps.
#[derive(Debug, Default, Serialize)]
pub struct Here {
    /// Images that it would get.
    pub pulls: Vec<String>,
    /// Modules that it would load, and settings that it would change.
    pub kernel: Vec<(String, String)>,
}

/// Prints what a switch would do and what differs.
pub fn print_preview(host: &str, preview: &Preview, here: &Here, answer: Answer) {
    if answer == Answer::Json {
        say!("{:#}", json!({ "version": 1, "host": host, "preview": preview, "here": here }));
        return;
    }
    let from =
        preview.from.map_or_else(|| "no generation".to_owned(), |number| format!("generation {number}"));
    if preview.difference.is_empty() && preview.plan.touches_nothing() {
        say!("{host}: no difference to {from}");
        return;
    }
    say!("{host}: from {from}");
    say!("{}", indent(&preview.plan.to_text()).trim_end());
    for image in &here.pulls {
        say!("  pull     {image}");
    }
    for (key, value) in &here.kernel {
        say!("  set      {key}  {value}");
    }
    for key in &preview.difference.kernel {
        say!("  {}", key_line(key));
    }
    // What a task reads that was done before matters to nobody.
    let is_done =
        |unit: &String| preview.plan.left.iter().any(|it| it.unit == *unit && it.action == Action::Task);
    let files = preview.difference.files.iter().filter(|file| !file.unit.as_ref().is_some_and(is_done));
    files.for_each(print_file);
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn print_file(file: &FileChange) {
    let FileChange { unit, name, how, keys, lines, text: _, access } = file;
    let unit = unit.as_deref().map(|unit| format!("{unit}: ")).unwrap_or_default();
    let lines = lines.map(|(more, less)| format!(", {more} lines more, {less} less")).unwrap_or_default();
    say!("  {unit}{name} {}{lines}", how.word());
    for key in keys {
        say!("    {}", key_line(key));
    }
    if let Some(access) = access {
        say!("    {access}");
    }
}

fn key_line(change: &KeyChange) -> String {
    let KeyChange { key, old, new, several: _ } = change;
    let value = |it: &Option<String>| it.clone().unwrap_or_else(|| "(absent)".to_owned());
    format!("{key}: {} → {}", value(old), value(new))
}
