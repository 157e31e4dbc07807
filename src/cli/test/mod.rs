//! `kolla-lang test`: runs the tests of a description. Each is the description with what the test gives, evaluated, planned and
//! rendered whole; nothing is written.

mod differ;
pub mod run;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kl::source::Layer;
use kl::types::hir::TestDef;
use kl::value::expect::Judged;
use serde_json::{Value, json};

use super::describe::{DEFAULT_FILE, JobsArgs, Typed, type_only};
use super::exit::Exit;
use super::host::Answer;
use super::report::{self, Warnings};
use super::say::{print_coloured, say, say_wrong};

/// Run the tests of a description, and write nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kolla-lang test\n  kolla-lang test shop.kl --only \"two hosts\"\n\n\
Exit codes: 0 all passed, 1 a test failed, or a description is wrong")]
pub struct TestArgs {
    /// Descriptions; without one `cloud.kl` in this folder. What they use of the site has tests too, which are run with each of them
    pub files: Vec<PathBuf>,
    /// Run only tests whose title holds this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    #[command(flatten)]
    jobs: JobsArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// A description with its tests.
struct Suite {
    typed: Typed,
}

impl Suite {
    /// Its tests, those of the files of the site that it uses among them.
    fn tests<'a>(&'a self, only: Option<&'a str>) -> impl Iterator<Item = &'a TestDef> {
        let sources = self.typed.checked.sources();
        let is_own = |test: &&TestDef| sources.file(test.file).layer == Layer::Site;
        let is_meant = move |test: &&TestDef| only.is_none_or(|text| test.title.contains(text));
        self.typed.checked.tests().iter().filter(is_own).filter(is_meant)
    }
}

/// A test that was run.
struct Ran<'a> {
    suite: &'a Suite,
    test: &'a TestDef,
    judged: Judged,
}

impl Ran<'_> {
    /// The place of its title, and the title.
    fn name(&self) -> String {
        format!("{} {}", self.suite.typed.checked.sources().place(self.test.at), self.test.title)
    }
}

/// Runs the command.
pub fn run(args: &TestArgs) -> Exit {
    let answer = Answer::of(args.json);
    let files: Vec<PathBuf> =
        if args.files.is_empty() { vec![PathBuf::from(DEFAULT_FILE)] } else { args.files.clone() };
    let suites = match suites(&files, answer) {
        Ok(suites) => suites,
        Err(exit) => return exit,
    };
    let only = args.only.as_deref();
    let all: Vec<(&Suite, &TestDef)> =
        suites.iter().flat_map(|suite| suite.tests(only).map(move |test| (suite, test))).collect();
    if let (Some(text), []) = (only, all.as_slice()) {
        say_wrong!("error: no test has `{text}` in its title");
        let titles = suites.iter().flat_map(|suite| suite.tests(None)).map(|test| &*test.title);
        if let Some(help) = kl::diag::did_you_mean(text, titles) {
            say_wrong!("  help: {help}");
        }
        return Exit::Wrong;
    }
    let bar = progress(all.len());
    let judged = run::each(&all, args.jobs.count(), |(suite, test), jobs| {
        let judged = run::judge(&suite.typed, test, jobs);
        bar.inc(1);
        judged
    });
    bar.finish_and_clear();
    let ran: Vec<Ran<'_>> =
        all.into_iter().zip(judged).map(|((suite, test), judged)| Ran { suite, test, judged }).collect();
    let n_failed = ran.iter().filter(|it| !it.judged.passed()).count();
    match answer {
        Answer::Text => print(&ran, &files),
        _ => {
            let tests: Vec<Value> = ran.iter().map(as_json).collect();
            say!(
                "{}",
                json!({ "version": 1, "tests": tests, "passed": ran.len() - n_failed, "failed": n_failed })
            );
        }
    }
    if n_failed == 0 { Exit::Done } else { Exit::Wrong }
}

/// Types every description once. What is wrong was printed, of all of them.
fn suites(files: &[PathBuf], answer: Answer) -> Result<Vec<Suite>, Exit> {
    let mut out = Vec::new();
    let mut ended = Ok(());
    for file in files.iter().collect::<BTreeSet<_>>() {
        let suite = Suite { typed: type_only(file)? };
        if report_typing(&suite, answer) {
            ended = Err(Exit::Wrong);
        }
        out.push(suite);
    }
    ended.map(|()| out)
}

/// Prints what is wrong with the types of a description, and says whether anything is.
fn report_typing(suite: &Suite, answer: Answer) -> bool {
    let checked = &suite.typed.checked;
    if !checked.problems().has_errors() {
        return false;
    }
    let all = checked.problems().sorted();
    report::print_all(&all, checked.sources(), answer, Warnings::Allowed);
    if answer == Answer::Json {
        say!("{}", json!({ "version": 1, "problems": report::as_json(&all, checked.sources()) }));
    }
    true
}

/// A bar on a terminal, nothing elsewhere.
fn progress(n: usize) -> ProgressBar {
    let bar = ProgressBar::new(n as u64);
    if !std::io::stderr().is_terminal() || n < 2 {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} tests") {
        bar.set_style(style);
    }
    bar
}

fn print(ran: &[Ran<'_>], files: &[PathBuf]) {
    for it in ran.iter().filter(|it| it.judged.passed()) {
        say!("passed  {}", it.name());
    }
    for it in ran.iter().filter(|it| !it.judged.passed()) {
        let sources = it.suite.typed.checked.sources();
        say_wrong!("failed  {}\n", it.name());
        for failure in &it.judged.failures {
            print_coloured(&mut std::io::stderr(), report::drawn(&failure.report, sources).trim_end());
            for line in differ::of_failure(failure) {
                say_wrong!("    {line}");
            }
            say_wrong!("");
        }
        for unexpected in &it.judged.unexpected {
            print_coloured(&mut std::io::stderr(), &report::drawn(unexpected, sources));
        }
    }
    let n_failed = ran.iter().filter(|it| !it.judged.passed()).count();
    if ran.is_empty() {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        say!("no tests in {}", names.join(", "));
        return;
    }
    say!("{} passed, {n_failed} failed", ran.len() - n_failed);
}

fn as_json(ran: &Ran<'_>) -> Value {
    let sources = ran.suite.typed.checked.sources();
    let failures: Vec<Value> = ran
        .judged
        .failures
        .iter()
        .map(|failure| {
            let mut report = report::as_json(std::slice::from_ref(&failure.report), sources);
            let mut report = report.get_mut(0).map(Value::take).unwrap_or_default();
            report["differences"] = json!(differ::of_failure(failure));
            report
        })
        .collect();
    json!({
        "file": &*sources.file(ran.test.file).name,
        "title": &*ran.test.title,
        "line": sources.position(ran.test.at.first()).line,
        "passed": ran.judged.passed(),
        "failures": failures,
        "unexpected": report::as_json(&ran.judged.unexpected, sources),
    })
}
