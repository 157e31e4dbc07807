//! What `why` says of a leaf: all that changes the leaf when it is taken away, and of what lies beside it nothing.

use crate::compare::Case;
use crate::drive::for_programs;
use crate::reference::program::File;
use kl::Compiled;
use kl::data::{Data, DataKind};
use kl::source::Span;
use kl::types::ty::Ty;
use kl::value::why::Read;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A line of a file.
type Line = (String, usize);

/// A description without mistakes, and what is known of its leaves.
struct Described {
    compiled: Compiled,
    /// Steps and value of each leaf by its path as it is written.
    leaves: BTreeMap<String, (Vec<String>, String)>,
    /// The lines that `why` names, by path.
    named: RefCell<BTreeMap<String, BTreeSet<Line>>>,
}

impl Described {
    fn of(files: &[File]) -> Option<Described> {
        let compiled = kl::compile(&Case(files), &[&files[0].name], None).expect("the entry is there");
        if compiled.problems().has_errors() {
            return None;
        }
        let mut leaves = BTreeMap::new();
        for (name, data) in compiled.root() {
            add_leaves(&compiled, vec![name.to_string()], data, &mut leaves);
        }
        Some(Described { compiled, leaves, named: RefCell::default() })
    }

    fn line(&self, at: Span) -> Line {
        let sources = self.compiled.sources();
        let position = sources.position(at.first());
        (sources.file(position.file).name.to_string(), position.line as usize)
    }

    /// The lines of a leaf and of all that was read for it.
    fn lines(&self, path: &str) -> BTreeSet<Line> {
        if let Some(known) = self.named.borrow().get(path) {
            return known.clone();
        }
        // What reads itself is an error, and there is none.
        self.named.borrow_mut().insert(path.to_owned(), BTreeSet::new());
        let mut out = BTreeSet::new();
        if let Some((steps, _)) = self.leaves.get(path)
            && let Ok(why) = self.compiled.why(steps)
        {
            let mut places = vec![why.written_at, why.winner.at];
            places.extend(why.through.iter().chain(&why.losers).map(|line| line.at));
            places.extend(why.parts.iter().map(|part| part.line.at));
            out.extend(places.into_iter().map(|at| self.line(at)));
            let mut read = BTreeSet::new();
            paths(&why.reads, &mut read);
            read.iter().for_each(|path| out.extend(self.lines(path)));
        }
        self.named.borrow_mut().insert(path.to_owned(), out.clone());
        out
    }

    /// Whether a path leads through records and documents alone: what decides whether there is a key of a map is no leaf.
    fn is_plain(&self, steps: &[String]) -> bool {
        let types = &self.compiled.program().types;
        let mut ty = Ty::Record(self.compiled.program().root);
        for step in steps {
            ty = match ty {
                Ty::Record(rec) => {
                    let record = types.record(rec);
                    let Some(field) = record.find(step) else { return false };
                    types.get(record.fields[field as usize].place.ty).clone()
                }
                Ty::Tree => Ty::Tree,
                _ => return false,
            };
        }
        !matches!(ty, Ty::Opt(inner) if !types.is_leaf(inner))
    }
}

fn paths(reads: &[Read], out: &mut BTreeSet<String>) {
    for read in reads {
        out.insert(read.path.clone());
        paths(&read.reads, out);
    }
}

fn add_leaves(
    compiled: &Compiled,
    steps: Vec<String>,
    data: &Data,
    out: &mut BTreeMap<String, (Vec<String>, String)>,
) {
    match &data.kind {
        DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => {
            for (name, inner) in all.iter() {
                add_leaves(compiled, [&steps[..], &[name.to_string()]].concat(), inner, out);
            }
        }
        _ => {
            if let Ok(why) = compiled.why(&steps) {
                out.insert(why.path, (steps, why.value));
            }
        }
    }
}

#[test]
fn why_names_what_changes_a_leaf() {
    let (mut n_programs, mut n_changed) = (0usize, 0usize);
    for_programs("why names what changes a leaf", 2, |files| {
        let Some(before) = Described::of(files) else { return Vec::new() };
        n_programs += 1;
        let mut out = Vec::new();
        for (i, file) in files.iter().enumerate() {
            for (n, line) in file.text.lines().enumerate() {
                let declares = ["use ", "pub ", "type ", "option ", "fn ", "let ", "check "];
                // What `:=` drops is named by nobody.
                if declares.iter().any(|word| line.starts_with(word)) || line.contains(":=") {
                    continue;
                }
                let mut fewer = files.to_vec();
                let left = file.text.lines().enumerate().map(|(m, text)| if m == n { "" } else { text });
                fewer[i].text = left.collect::<Vec<_>>().join("\n") + "\n";
                let Some(after) = Described::of(&fewer) else { continue };
                if !before.leaves.keys().eq(after.leaves.keys()) {
                    continue;
                }
                for (path, (steps, value)) in &before.leaves {
                    if after.leaves[path].1 == *value || !before.is_plain(steps) {
                        continue;
                    }
                    n_changed += 1;
                    let lines = before.lines(path);
                    if !lines.contains(&(file.name.clone(), n + 1)) {
                        out.push(format!(
                            "{path} = {value} is {} without line {} of {}, which `why` does not name: {lines:?}",
                            after.leaves[path].1,
                            n + 1,
                            file.name,
                        ));
                    }
                }
            }
        }
        out
    });
    println!("{n_programs} programs without mistakes, {n_changed} leaves changed");
    assert!(n_changed > 0, "no line changed a leaf");
}

#[test]
fn a_leaf_that_is_evaluated_alone_has_its_value() {
    for_programs("a leaf that is evaluated alone has its value", 2, |files| {
        let Some(described) = Described::of(files) else { return Vec::new() };
        let mut out = Vec::new();
        for (path, (steps, value)) in &described.leaves {
            if let Ok(why) = described.compiled.why(steps)
                && !why.is_narrow
            {
                out.push(format!("{path} = {value} has another value when nothing else is evaluated"));
            }
        }
        out
    });
}
