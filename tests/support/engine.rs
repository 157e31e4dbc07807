//! The only file of the suite that knows the compiler's interface: a case goes in, reports and values come out as text.

use super::files::{Content, Files};
use super::text::text_of;
use kl::data::Data;
use kl::diag::{Code, Diagnostic, Problems};
use kl::source::{ReadError, SourceMap, World};
use kl::value::caller::{Answer, Caller};
use kl::{Checked, Compiled};
use kolla_lang::cli::describe::Typed;
use kolla_lang::cli::options_of::tables;
use kolla_lang::cli::test::run::judge;
use kolla_lang::images::lock::ImagesLock;
use kolla_lang::model::{decode_cloud, decode_host, not_derived};
use kolla_lang::options::{check_host, check_tasks};
use kolla_lang::plan::plan_host;
use kolla_lang::render::render_host;
use kolla_lang::secrets::file::SecretsFile;
use std::sync::Arc;

/// A code and the name of its page and case.
#[derive(Clone, Debug)]
pub struct CodeName {
    /// `kl::area::name`
    pub text: String,
    /// `name`
    pub name: String,
}

/// Every code there is.
pub fn codes() -> Vec<CodeName> {
    Code::ALL.iter().map(|c| CodeName { text: c.as_str().to_owned(), name: c.name().to_owned() }).collect()
}

/// One report, in words.
#[derive(Debug)]
pub struct Report {
    /// Its code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// `line:column-column`, in front of it the name of a file that is not the entry.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// How many mistakes it tells of.
    pub n: usize,
}

/// What the compiler made of a case.
pub struct Outcome {
    /// All reports in the order in which they are printed.
    pub reports: Vec<Report>,
    printed: String,
    compiled: Result<Compiled, ReadError>,
}

impl Outcome {
    /// All reports as a terminal of 80 columns without colours shows them.
    pub fn printed(&self) -> String {
        self.printed.clone()
    }

    /// The value at a path as text, or why there is none.
    pub fn value(&self, path: &str) -> String {
        match &self.compiled {
            Ok(compiled) => match compiled.value_at(&steps(path)) {
                Ok((data, _)) => text_of(&data),
                Err(why) => format!("no such path: {why:?}"),
            },
            Err(why) => format!("nothing was compiled: {why:?}"),
        }
    }
}

/// Compiles the files of a case, down to what hosts would get if it describes any, and runs its tests.
pub fn compile(files: &Files) -> Outcome {
    let (compiled, tested) = match kl::check(&Case(files), &[&files.entry]) {
        Ok(checked) => {
            let (checked, tested) = run_tests(checked, is_ours(files));
            (Ok(checked.evaluate(Some("hosts"))), tested)
        }
        Err(why) => (Err(why), Problems::default()),
    };
    let (reports, printed) = match &compiled {
        Ok(compiled) => {
            let all = problems(compiled, is_ours(files), tested);
            let sources = compiled.sources();
            let printed = all.iter().map(|d| kolla_lang::cli::report::drawn(d, sources) + "\n").collect();
            (all.iter().map(|d| report(d, sources, &files.entry)).collect(), printed)
        }
        Err(_) => (Vec::new(), String::new()),
    };
    Outcome { reports, printed, compiled }
}

/// Runs the tests of a case, unless its types are wrong. One with a kernel of its own makes no hosts that could be asked for.
fn run_tests(checked: Checked, is_cloud: bool) -> (Checked, Problems) {
    let mut problems = Problems::default();
    if checked.problems().has_errors() {
        return (checked, problems);
    }
    let typed = Typed { checked, secrets: SecretsFile::default(), lock: ImagesLock::default() };
    for test in typed.checked.tests() {
        let judged = if is_cloud {
            judge(&typed, test, 1)
        } else {
            let compiled = typed.checked.evaluate_with(test, Some("hosts"));
            let (_, parts) = compiled.parts(1, |_, _| ());
            let mut all = compiled.problems().clone();
            all.extend(parts);
            compiled.judge(test, &Reported(all.sorted()))
        };
        judged.failures.into_iter().for_each(|it| {
            problems.push(it.report);
        });
        judged.unexpected.into_iter().for_each(|it| {
            problems.push(it);
        });
    }
    (typed.checked, problems)
}

/// Answers tests that ask what is reported, and nothing else.
struct Reported(Vec<Diagnostic>);

impl Caller for Reported {
    fn rendered(&self, _: &str, _: &Data) -> Answer {
        Answer::Failed
    }

    fn built(&self, _: &[String], _: &str) -> Answer {
        Answer::Failed
    }

    fn reports(&self) -> &[Diagnostic] {
        &self.0
    }
}

/// Whether the files mean the kernel of this checkout when they say `use kernel`, if they do.
fn is_ours(files: &Files) -> bool {
    let uses = |text: &Content| matches!(text, Content::Text(text) if text.contains("use kernel"));
    files.all.values().any(uses) && !files.all.contains_key("library/kernel.kl")
}

/// All problems: of the language, of its tests, and of what its values mean if the kernel is used.
fn problems(compiled: &Compiled, is_cloud: bool, tested: Problems) -> Vec<Diagnostic> {
    let mut all = compiled.problems().clone();
    all.extend(tested);
    if !is_cloud {
        let (_, found) = compiled.parts(1, |_, _| ());
        all.extend(found);
        return all.sorted();
    }
    let (cloud, found) = decode_cloud(compiled.root());
    all.extend(not_derived(found, compiled.root().iter().map(|(_, it)| it)));
    all.extend(check_tasks(&cloud.tasks, tables()));
    let (parts, found) = compiled.parts(1, |name, data| {
        let (host, mut problems): (_, Problems) = decode_host(name, &data);
        problems.extend(check_host(&host, tables()));
        let (plan, more) = plan_host(&cloud, &host);
        problems.extend(more);
        problems.extend(render_host(&plan).1);
        not_derived(problems, [&data]).in_part(name)
    });
    all.extend(found);
    parts.into_iter().for_each(|more| all.extend(more));
    all.sorted()
}

fn report(diagnostic: &Diagnostic, sources: &SourceMap, entry: &str) -> Report {
    let (start, end) = (sources.position(diagnostic.at.first()), sources.position(diagnostic.at.after()));
    let name = &sources.file(start.file).name;
    let file = if **name == *entry { String::new() } else { format!("{name}:") };
    let line = if start.line == end.line { String::new() } else { format!("{}:", end.line) };
    Report {
        code: diagnostic.code.as_str().to_owned(),
        severity: diagnostic.severity.to_string(),
        at: format!("{file}{}:{}-{line}{}", start.line, start.column, end.column),
        message: kl::diag::Report { diagnostic, sources }.to_string(),
        help: diagnostic.help.clone(),
        n: diagnostic.parts.len().max(diagnostic.leaves.len()).max(1),
    }
}

/// `a.b."c.d"` taken apart.
fn steps(path: &str) -> Vec<String> {
    let (mut out, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => out.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    out.push(word);
    out
}

/// The files of a case as the compiler asks for them; `library/x.kl` is a module, and the rest of the library is ours.
struct Case<'a>(&'a Files);

impl World for Case<'_> {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        match self.0.all.get(path) {
            Some(Content::Text(text)) => Ok(text.as_str().into()),
            Some(Content::Directory) => Err(ReadError::Directory),
            Some(Content::NotUtf8) => Err(ReadError::NotUtf8(5)),
            Some(Content::Pipe) => Err(ReadError::NotPlain),
            Some(Content::Outside) => Err(ReadError::Outside),
            Some(Content::TooLarge) => Err(ReadError::TooLarge),
            Some(Content::Unreadable) => Err(ReadError::Other("too many levels of symbolic links".into())),
            None => Err(ReadError::Missing),
        }
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        match self.0.all.get(&format!("library/{path}")) {
            Some(Content::Text(text)) => Some(text.as_str().into()),
            _ => kolla_lang::stdlib::text(path).map(Arc::from),
        }
    }

    fn library_modules(&self) -> Vec<String> {
        let ours = self.0.all.keys().filter_map(|name| name.strip_prefix("library/")?.strip_suffix(".kl"));
        let all = kolla_lang::stdlib::modules().into_iter().map(str::to_owned);
        ours.map(str::to_owned).chain(all).collect()
    }
}
