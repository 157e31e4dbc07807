//! One description through both evaluators: what differs in values, origins and codes.

use crate::reference::machine::Origin;
use crate::reference::print::{ObservedUnit, Shape};
use crate::reference::program::File;
use kl::data::{Data, DataKind};
use kl::diag::{Code, Diagnostic};
use kl::source::{ReadError, SourceMap, Span, World};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The files of a case as the compiler asks for them.
pub struct Case<'a>(pub &'a [File]);

impl Case<'_> {
    fn find(&self, name: &str, library: bool) -> Option<Arc<str>> {
        let found = self.0.iter().find(|f| f.name == name && f.library == library);
        found.map(|f| f.text.as_str().into())
    }
}

impl World for Case<'_> {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        self.find(path, false).ok_or(ReadError::Missing)
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        self.find(path, true)
    }

    fn library_modules(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What the compiler makes of a description.
pub struct Compiled {
    pub root: Vec<(Arc<str>, Data)>,
    pub codes: BTreeSet<Code>,
    pub reports: Vec<String>,
    pub sources: SourceMap,
    /// Whether no mistake is one of types or words but those that were made on purpose, in a line that names the code.
    pub is_typed: bool,
}

/// Compiles a case. With a partition its map is evaluated part by part, on as many threads.
pub fn compile(files: &[File], partition: Option<&str>, jobs: usize) -> Compiled {
    let compiled = kl::compile(&Case(files), &[&files[0].name], partition).expect("the entry is there");
    let (parts, more) = compiled.parts(jobs, |name, data| (name.clone(), data));
    let mut problems = compiled.problems().clone();
    problems.extend(more);
    let all = problems.sorted();
    let mut root = compiled.root().to_vec();
    if let Some(name) = partition {
        let origin = kl::data::Origin { at: Span::default(), through: None };
        let data = Data { kind: DataKind::Map(parts.into()), origin };
        let place = compiled.program().types.record(compiled.program().root).find(name);
        if let Some(place) = place {
            root.insert(place as usize, (name.into(), data));
        }
    }
    Compiled {
        root,
        codes: all.iter().map(|d| d.code).collect(),
        reports: all.iter().map(|d| d.one_line(compiled.sources())).collect(),
        sources: compiled.sources().clone(),
        is_typed: all.iter().all(|d| !is_of_types(&d.code) || is_planted(compiled.sources(), d)),
    }
}

/// Codes that one evaluator alone gives: what a definition is good for is a matter of its file, not of meaning.
fn counts(code: &Code) -> bool {
    !["kl::merge::dead-definition", "kl::merge::nothing-taken", "kl::merge::won-by-use", BARE]
        .contains(&code.as_str())
}

/// A warning that types give, about a text that has its type.
const BARE: &str = "kl::types::bare-address";

/// Whether a code is about types or words: the reference takes it that these are right.
fn is_of_types(code: &Code) -> bool {
    let areas = ["kl::types::", "kl::parse::", "kl::lex::"];
    code.as_str() != BARE && areas.iter().any(|area| code.as_str().starts_with(area))
}

/// Whether the line of a report names its code behind a `#!`.
fn is_planted(sources: &SourceMap, report: &Diagnostic) -> bool {
    let position = sources.position(report.at.first());
    let line = sources.file(position.file).text.lines().nth(position.line as usize - 1);
    let named = line.and_then(|line| line.split_once("#! ")).and_then(|(_, name)| Code::find(name.trim()));
    named == Some(report.code)
}

/// What differs between both, a line for each; nothing if they agree. Of what is not typed, that alone.
pub fn differences(files: &[File]) -> Vec<String> {
    let theirs = compile(files, None, 1);
    if !theirs.is_typed {
        return [vec!["not typed".to_owned()], theirs.reports].concat();
    }
    let ours = crate::reference::evaluate(files);
    let mut out = Vec::new();
    let codes = |all: &BTreeSet<Code>| all.iter().copied().filter(counts).collect::<BTreeSet<_>>();
    let (seen, wanted) = (codes(&theirs.codes), codes(&ours.codes));
    if ours.endless && (seen.contains(&Code::Cycle) || seen.contains(&Code::Budget)) {
        return out;
    }
    if seen.contains(&Code::Cycle) && wanted.contains(&Code::Cycle) {
        // Where a cycle is entered decides which of its leaves fail; that it is told is what counts.
        return out;
    }
    // Where a guard, a loop or a computed key failed, the compiler goes on with what it knows as far as is easy, so what follows may
    // be told or not, and a value that something unknown may change may be shown.
    let lenient = ours.doubted && !seen.is_empty() && !seen.is_disjoint(&wanted);
    let agree = seen == wanted || lenient && (seen.is_subset(&wanted) || wanted.is_subset(&seen));
    if !agree {
        let list = |all: &BTreeSet<Code>| all.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(" ");
        out.push(format!("codes: compiler [{}], reference [{}]", list(&seen), list(&wanted)));
        out.extend(theirs.reports.iter().map(|r| format!("  {r}")));
    }
    for (name, data) in &theirs.root {
        match ours.root.iter().find(|(n, _)| n == name) {
            Some((_, seen)) => compare(name, data, seen, (&theirs.sources, lenient), &mut out),
            None => out.push(format!("{name}: only the compiler has it")),
        }
    }
    out
}

fn compare(path: &str, data: &Data, seen: &ObservedUnit, with: (&SourceMap, bool), out: &mut Vec<String>) {
    let (sources, lenient) = with;
    let all = |a: &[(Arc<str>, Data)], b: &[(Arc<str>, ObservedUnit)], out: &mut Vec<String>| {
        let names = |names: Vec<&Arc<str>>| names.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let (x, y) = (names(a.iter().map(|e| &e.0).collect()), names(b.iter().map(|e| &e.0).collect()));
        if x != y && lenient {
            return;
        }
        if x != y {
            return out.push(format!("{path}: compiler has [{x}], reference [{y}]"));
        }
        for ((name, data), (_, seen)) in a.iter().zip(b) {
            compare(&format!("{path}.{name}"), data, seen, with, out);
        }
    };
    let items = |a: &[Data], b: &[ObservedUnit], out: &mut Vec<String>| {
        if a.len() != b.len() {
            return out.push(format!("{path}: compiler has {} items, reference {}", a.len(), b.len()));
        }
        for (i, (data, seen)) in a.iter().zip(b).enumerate() {
            compare(&format!("{path}[{i}]"), data, seen, with, out);
        }
    };
    match (&data.kind, &seen.shape) {
        (DataKind::Record(a), Shape::Record(b))
        | (DataKind::Map(a), Shape::Map(b))
        | (DataKind::Tree(a), Shape::Tree(b)) => return all(a, b, out),
        (DataKind::Enum(name, a), Shape::Enum(other, b)) if name == other => all(a, b, out),
        (DataKind::List(a), Shape::List(b)) | (DataKind::Set(a), Shape::Set(b)) => items(a, b, out),
        (DataKind::Error(_), Shape::Error) => return,
        // What an unknown guard might add to a record may be all that makes it be there.
        (_, Shape::Error | Shape::None) | (DataKind::Error(_) | DataKind::None, _) if lenient => return,
        (DataKind::None, Shape::None) => {}
        (kind, Shape::Scalar(text)) if scalar(kind).as_ref() == Some(text) => {}
        (kind, shape) => return out.push(format!("{path}: compiler {}, reference {shape:?}", brief(kind))),
    }
    let line = |at: Span| sources.place(at);
    let place = |o: &Origin| (line(o.at), o.through.map(line).filter(|t| *t != line(o.at)));
    let here = place(&Origin { at: data.origin.at, through: data.origin.through });
    if !seen.origins.is_empty() && !seen.origins.iter().any(|o| place(o) == here) {
        let known: Vec<_> = seen.origins.iter().map(place).collect();
        out.push(format!("{path}: origin {here:?}, reference {known:?}"));
    }
}

/// A value without parts in the words of the reference.
fn scalar(kind: &DataKind) -> Option<String> {
    Some(match kind {
        DataKind::Bool(b) => format!("{b}"),
        DataKind::Int(n) => format!("{n}"),
        DataKind::Float(n) => format!("float {n}"),
        DataKind::Str(text) => format!("{text:?}"),
        DataKind::Ip(ip) => format!("{ip}"),
        DataKind::Cidr(net) => format!("{net}"),
        DataKind::Duration(n) => format!("{n}ms"),
        DataKind::Size(n) => format!("{n}B"),
        DataKind::Key(text) => format!("key {text}"),
        _ => return None,
    })
}

fn brief(kind: &DataKind) -> String {
    let text = scalar(kind).unwrap_or_else(|| format!("{kind:?}"));
    text.chars().take(200).collect()
}
