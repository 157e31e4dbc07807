//! `kolla-lang diff`: what differs between this host's generation and the description, or between two generations.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::exit::Exit;
use super::host::{Answer, Build, FromArgs, StoredArgs, complain};
use super::say::{say, say_wrong};
use crate::activate::diff::{Action, FileChange, KeyChange, diff};
use crate::activate::failure::Refusal;
use crate::activate::generation;
use crate::activate::layout::Layout;
use crate::activate::podman::HostTools;
use crate::activate::request::Options;
use crate::activate::stamps;
use crate::activate::steps::plan;
use crate::activate::switch::{Preview, preview};
use crate::store::Closure;

/// Say what differs: units with what would be done, files, and keys with both values
#[derive(Debug, Args)]
#[command(
    after_help = "A and B are numbers of generations of this host, or descriptions. Without A it is the booted \
generation, without B the description in cloud.kl."
)]
pub struct DiffArgs {
    /// What to compare: `diff`, `diff cloud.kl`, `diff 3`, `diff 3 cloud.kl`, `diff 3 4`
    #[arg(value_name = "A|B", num_args = 0..=2)]
    sides: Vec<String>,
    /// Take a closure from a folder, as `build --out` writes it, instead of building one
    #[arg(long, value_name = "DIR", hide = true)]
    closure: Option<PathBuf>,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &DiffArgs, build: Build<'_>) -> Exit {
    let DiffArgs { sides, closure, json } = args;
    let layout = Layout::new("/");
    let is_number = |side: &String| side.parse::<u64>().ok();
    let numbers: Vec<Option<u64>> = sides.iter().map(is_number).collect();
    let (from, to) = match numbers.as_slice() {
        [] => (None, To::Description(None)),
        [Some(from)] => (Some(*from), To::Description(None)),
        [None] => (None, To::Description(Some(&sides[0]))),
        [Some(from), Some(to)] => (Some(*from), To::Generation(*to)),
        [Some(from), None] => (Some(*from), To::Description(Some(&sides[1]))),
        _ => {
            say_wrong!("error: a description can only be what is compared with, so it comes second");
            return Exit::Wrong;
        }
    };
    let to = match to {
        To::Generation(number) => match generation::load_closure(&layout, number) {
            Ok(closure) => closure,
            Err(error) => return complain(&error, Exit::Refused),
        },
        To::Description(file) => {
            let from = FromArgs {
                file: file.map(PathBuf::from),
                closure: closure.clone(),
                stored: StoredArgs::default(),
            };
            match from.closure(None, build) {
                Ok((closure, _)) => closure,
                Err(exit) => return exit,
            }
        }
    };
    let compared = match from {
        Some(number) => compare(&layout, number, &to),
        None => preview(&layout, &mut HostTools, &to, &Options::default()),
    };
    match compared {
        Ok(preview) => {
            print_preview(&to.manifest.host, &preview, &Here::default(), Answer::of(*json));
            Exit::Done
        }
        Err(error) => complain(&error, Exit::Refused),
    }
}

/// What a generation is compared with.
enum To<'a> {
    Generation(u64),
    Description(Option<&'a String>),
}

fn compare(layout: &Layout, number: u64, to: &Closure) -> Result<Preview, Refusal> {
    let from = generation::load_closure(layout, number)?;
    let difference = diff(Some(&from), to);
    let stamps = stamps::of(&to.manifest, &stamps::done(layout, &mut HostTools)?);
    let plan = plan(&difference, Some(&from.manifest), &to.manifest, &stamps, &Options::default());
    Ok(Preview { from: Some(number), difference, plan })
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
    let FileChange { unit, name, how, keys, lines, access } = file;
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
    let KeyChange { key, old, new } = change;
    let value = |it: &Option<String>| it.clone().unwrap_or_else(|| "(absent)".to_owned());
    format!("{key}: {} → {}", value(old), value(new))
}
