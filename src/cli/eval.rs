//! `kolla-lang eval`: the value of a path of the description.

use clap::Args;
use std::io::Write as _;
use std::path::PathBuf;

use super::describe::{JobsArgs, PARTITION, compile, no_path, parse_path};
use super::exit::Exit;
use super::host::Answer;
use super::report;
use super::value::{Json, text};

/// Print the value of a path of the description
#[derive(Debug, Args)]
#[command(
    after_help = "Example: kolla-lang eval cloud.kl hosts.ctl01.addresses --json\n\nExit codes: 0 printed, 1 the description or the path is wrong"
)]
pub struct EvalArgs {
    /// The description
    pub file: PathBuf,
    /// The path, as in the language
    pub path: String,
    #[command(flatten)]
    jobs: JobsArgs,
    /// Print JSON instead of the language
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &EvalArgs) -> Exit {
    let compiled = match compile(Some(&args.file)) {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    let steps = match parse_path(&args.path) {
        Ok(steps) => steps,
        Err(exit) => return exit,
    };
    let whole = steps.len() == 1 && steps[0] == PARTITION;
    let (printed, found) = if whole {
        let (parts, problems) = compiled.parts(args.jobs.count(), |name, data| one(name, &data, args.json));
        (all(&parts, args.json), problems)
    } else {
        match compiled.value_at(&steps) {
            Ok((data, problems)) => {
                let printed = if args.json { json(&data) } else { text(&data).into_bytes() };
                (printed, problems)
            }
            Err(why) => {
                let exit = report::print_all(&compiled.problems().sorted(), compiled.sources(), Answer::Text);
                return if exit == Exit::Done { no_path(&why) } else { exit };
            }
        }
    };
    let mut problems = compiled.problems().clone();
    problems.extend(found);
    let exit = report::print_all(&problems.sorted(), compiled.sources(), Answer::Text);
    if exit == Exit::Done {
        let mut out = std::io::stdout().lock();
        // A reader that has seen enough closes the pipe; that is its right.
        let _ = out.write_all(&printed).and_then(|()| out.write_all(b"\n"));
    }
    exit
}

fn json(data: &kl::data::Data) -> Vec<u8> {
    serde_json::to_vec(&Json(data)).unwrap_or_default()
}

/// One entry of the map of hosts, printed on the thread that evaluated it.
fn one(name: &str, data: &kl::data::Data, as_json: bool) -> Vec<u8> {
    if as_json {
        let mut out = serde_json::to_vec(name).unwrap_or_default();
        out.push(b':');
        out.extend(json(data));
        return out;
    }
    let mut key = String::new();
    kl::value::show::push_step(&mut key, name);
    let body = text(data).replace('\n', "\n  ");
    format!("  {key} = {body}\n").into_bytes()
}

fn all(parts: &[Vec<u8>], as_json: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|p| p.len() + 1).sum::<usize>() + 4);
    out.extend_from_slice(if as_json { b"{" } else { b"{\n" });
    for (i, part) in parts.iter().enumerate() {
        if as_json && i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(part);
    }
    out.push(b'}');
    out
}
