//! `kolla-lang eval`: the value of a path of the description, or of an expression over it.

use clap::Args;
use kl::Compiled;
use kl::data::Data;
use kl::source::Span;
use kl::value::show::text;
use kl::value::why::{Concerns, NoPath};
use render::values::{write_json, write_text};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;

use super::concern::Mistakes;
use super::describe::{self, JobsArgs, PARTITION, compile_asking, split_path};
use super::exit::Exit;
use super::host::Answer;
use super::report::{self, Warnings};
use super::say::say_wrong;
use super::why;

/// Print the value of a path of the description, or of an expression over it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kolla-lang eval cloud.kl hosts.ctl01.addresses --json\n  \
kolla-lang eval cloud.kl 'count(hosts_with(.control))'\n\n\
Exit codes: 0 printed, 1 a mistake concerns the value, or there is none")]
pub struct EvalArgs {
    /// The description
    pub file: PathBuf,
    /// A path or an expression, as in the language; it sees what the description sees
    #[arg(value_name = "EXPRESSION")]
    pub what: String,
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
    let compiled = match compile_asking(&args.file, &args.what) {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    let asked_in = compiled.program().asked_in;
    let path = plain_path(&args.what);
    let mut mistakes = Mistakes::default();
    let printed = if path.as_deref().is_some_and(|path| path == [PARTITION]) {
        let (parts, problems) = compiled.parts(args.jobs.count(), |name, data| one(name, &data, args.json));
        mistakes.add(Concerns { problems, involved: everything(&compiled) });
        all(parts, args.json)
    } else {
        let found = match value(&compiled, path.as_deref()) {
            Ok(found) => found,
            Err(exit) => return exit,
        };
        let (data, concerns) = found;
        mistakes.add(concerns);
        match data.is_error() {
            true => Vec::new(),
            false if args.json => {
                let mut out = Vec::new();
                write_json(&mut out, &data);
                vec![out]
            }
            false => vec![text(&data).into_bytes()],
        }
    };
    if !printed.is_empty() {
        let mut out = std::io::stdout().lock();
        // A reader that has seen enough closes the pipe; that is its right.
        let _ = printed.iter().try_for_each(|piece| out.write_all(piece)).and_then(|()| out.write_all(b"\n"));
    }
    let exit = mistakes.print(&compiled, asked_in);
    if let Some(list) = &args.why {
        match why::answers(&compiled, list) {
            Ok(answers) => say_wrong!("{answers}"),
            Err(exit) => return exit,
        }
    }
    exit
}

/// A path as `why` takes it too, if the text is nothing but one.
fn plain_path(text: &str) -> Option<Vec<String>> {
    let mut is_quoted = false;
    for c in text.trim().chars() {
        is_quoted ^= c == '"';
        let is_plain = c.is_alphanumeric() || "._-[]\"".contains(c);
        if !is_quoted && !is_plain || c == '$' {
            return None;
        }
    }
    split_path(text)
}

/// The value of a path, or else of the expression. What is wrong was printed.
fn value(compiled: &Compiled, path: Option<&[String]>) -> Result<(Data, Concerns), Exit> {
    let no_path = match path.map(|path| compiled.value_apart(path)) {
        Some(Ok(found)) => return Ok(found),
        Some(Err(why)) => Some(why),
        None => None,
    };
    match (compiled.asked(), no_path) {
        // As an expression it may mean more than as a path: a `let` of the file, an item of a list.
        (Some((data, concerns)), why) if why.is_none() || !concerns.problems.has_errors() => {
            Ok((data, concerns))
        }
        (_, Some(why)) => {
            let exit = describe::no_path(&why);
            if let NoPath::Nothing(nothing) = why {
                let mut mistakes = Mistakes::default();
                mistakes.add(nothing.concerns);
                mistakes.print(compiled, compiled.program().asked_in);
            }
            Err(exit)
        }
        (_, None) => {
            let asked_in = compiled.program().asked_in;
            let mut all = compiled.problems().sorted();
            all.retain(|it| Some(it.at.file) == asked_in);
            Err(report::print_all(&all, compiled.sources(), Answer::Text, Warnings::Allowed))
        }
    }
}

/// All hosts are concerned by all that is wrong.
fn everything(compiled: &Compiled) -> BTreeSet<Span> {
    let all = compiled.sources().files();
    all.map(|(file, source)| Span::new(file, 0, source.text.len() as u32)).collect()
}

/// One entry of the map of hosts, printed on the thread that evaluated it.
fn one(name: &str, data: &kl::data::Data, as_json: bool) -> Vec<u8> {
    if as_json {
        let mut out = Vec::with_capacity(1 << 15);
        write_text(&mut out, name);
        out.push(b':');
        write_json(&mut out, data);
        return out;
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
