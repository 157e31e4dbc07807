//! `kolla-lang eval`: the value of a path of the description.

use clap::Args;
use std::io::Write as _;
use std::path::PathBuf;

use super::describe::{JobsArgs, PARTITION, compile, no_path, parse_path};
use super::exit::Exit;
use super::host::Answer;
use super::report::{self, Warnings};
use super::say::say_wrong;
use super::value::Json;
use super::why;
use kl::value::show::text;

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
    /// Also explain the leaves listed in a file, one path per line, as one JSON value on standard error
    #[arg(long, value_name = "LIST")]
    why: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &EvalArgs) -> Exit {
    let compiled = match compile(Some(&args.file)) {
        Ok(described) => described.compiled,
        Err(exit) => return exit,
    };
    let steps = match parse_path(&args.path) {
        Ok(steps) => steps,
        Err(exit) => return exit,
    };
    let whole = steps.len() == 1 && steps[0] == PARTITION;
    let (printed, found) = if whole {
        let (parts, problems) = compiled.parts(args.jobs.count(), |name, data| one(name, &data, args.json));
        (all(parts, args.json), problems)
    } else {
        match compiled.value_at(&steps) {
            Ok((data, problems)) => {
                let printed = if args.json { json(Vec::new(), &data) } else { text(&data).into_bytes() };
                (vec![printed], problems)
            }
            Err(why) => {
                let exit = report::print_all(
                    &compiled.problems().sorted(),
                    compiled.sources(),
                    Answer::Text,
                    Warnings::Allowed,
                );
                return if exit == Exit::Done { no_path(&why) } else { exit };
            }
        }
    };
    let mut problems = compiled.problems().clone();
    problems.extend(found);
    let exit = report::print_all(&problems.sorted(), compiled.sources(), Answer::Text, Warnings::Allowed);
    if exit == Exit::Done {
        let mut out = std::io::stdout().lock();
        // A reader that has seen enough closes the pipe; that is its right.
        let _ = printed.iter().try_for_each(|piece| out.write_all(piece)).and_then(|()| out.write_all(b"\n"));
        if let Some(list) = &args.why {
            match why::answers(&compiled, list) {
                Ok(answers) => say_wrong!("{answers}"),
                Err(exit) => return exit,
            }
        }
    }
    exit
}

/// Appends a value as JSON.
fn json(mut out: Vec<u8>, data: &kl::data::Data) -> Vec<u8> {
    // Writing into memory cannot fail, and every key is a text.
    let _ = serde_json::to_writer(&mut out, &Json(data));
    out
}

/// One entry of the map of hosts, printed on the thread that evaluated it.
fn one(name: &str, data: &kl::data::Data, as_json: bool) -> Vec<u8> {
    if as_json {
        let mut out = Vec::with_capacity(1 << 15);
        let _ = serde_json::to_writer(&mut out, name);
        out.push(b':');
        return json(out, data);
    }
    let mut key = String::new();
    kl::value::show::push_step(&mut key, name);
    let body = text(data).replace('\n', "\n  ");
    format!("  {key} = {body}\n").into_bytes()
}

/// The pieces of the whole map.
fn all(parts: Vec<Vec<u8>>, as_json: bool) -> Vec<Vec<u8>> {
    let mut out = vec![if as_json { b"{".to_vec() } else { b"{\n".to_vec() }];
    for (i, part) in parts.into_iter().enumerate() {
        if as_json && i > 0 {
            out.push(b",".to_vec());
        }
        out.push(part);
    }
    out.push(b"}".to_vec());
    out
}
