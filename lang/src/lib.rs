//! The language kl: text to typed, merged, explained values. It has never heard of a host.
//!
//! One way through: [`source`] → [`token`] → [`syntax`] → [`types`] → [`merge`] → [`value`] → [`data`].
//! A caller hands in a [`source::World`], gets a [`Compiled`], and asks it for values, parts and explanations.

pub mod data;
pub mod diag;
pub mod encode;
pub mod live;
pub mod merge;
pub mod rank;
pub mod session;
pub mod source;
pub mod syntax;
pub mod token;
pub mod types;
pub mod value;

use data::Data;
use diag::Problems;
use source::{ReadError, SourceMap, Span, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use types::hir::{Program, TestDef};
use value::caller::Caller;
use value::engine::{Engine, Shared};
use value::expect::Judged;
use value::outcome::{Outcome, PartTrace};
use value::pass::Pass;
use value::state::Reader;
use value::texts::PartTexts;
use value::why::{Concerns, NoPath, Why};

/// What a description means: its typed program, the values that its parts share, and all mistakes found so far.
pub struct Compiled {
    engine: Engine,
    shared: Shared,
    problems: Problems,
    /// Whether definitions are missing because they could not be read.
    is_unread: bool,
    partition: Option<String>,
}

/// What one thread made of its parts.
struct Ran<T> {
    /// The results, each with the number of its part.
    out: Vec<(usize, T)>,
    /// What was reported, each with the number of its part.
    problems: Vec<(usize, Problems)>,
    /// Where something failed, each with the number of its part.
    failed: Vec<(usize, Span)>,
    /// What was found of definitions in all of them.
    outcome: Outcome,
    /// What can be kept of what was found in each, by the number of the part.
    traces: Vec<(usize, PartTrace)>,
}

/// What evaluating parts came to.
pub struct Evaluated<T> {
    /// What was made of each part that was evaluated, in the order of their names.
    pub made: Vec<T>,
    /// The mistakes of these parts, and the warnings that need all parts.
    pub problems: Problems,
    /// What can be kept of each part.
    pub traces: BTreeMap<Arc<str>, PartTrace>,
}

/// A description that was read and typed, and is not evaluated.
#[derive(Debug)]
pub struct Checked {
    program: Program,
    problems: Problems,
}

/// Reads and types a description: its entry files and all that they use.
///
/// # Errors
/// When an entry file itself cannot be read. All other mistakes are in [`Checked::problems`].
pub fn check(world: &dyn World, entries: &[&str]) -> Result<Checked, ReadError> {
    check_asking(world, entries, None)
}

/// The same, with an expression that is typed as if it stood in the first entry: [`Compiled::asked`] is its value.
///
/// # Errors
/// As [`check`].
pub fn check_asking(world: &dyn World, entries: &[&str], asked: Option<&str>) -> Result<Checked, ReadError> {
    value::budget::compiling(|| {
        let mut problems = Problems::default();
        let files = types::load::load(world, entries, &mut problems)?;
        let (program, problems) =
            types::items::check(world, value::builtins::signatures(), files, asked, problems);
        Ok(Checked { program, problems })
    })
}

impl Checked {
    /// The texts.
    pub fn sources(&self) -> &SourceMap {
        &self.program.sources
    }

    /// The mistakes that need no values to be seen.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// The tests, in the order in which they are written, file by file.
    pub fn tests(&self) -> &[TestDef] {
        &self.program.tests
    }

    /// Evaluates it. `partition` names the map of the root whose entries are evaluated apart from each other, by
    /// [`Compiled::parts`]; everything else is evaluated here.
    pub fn evaluate(self, partition: Option<&str>) -> Compiled {
        value::budget::compiling(|| Compiled::new(self.program, self.problems, partition))
    }

    /// Evaluates it with what a test gives.
    pub fn evaluate_with(&self, test: &TestDef, partition: Option<&str>) -> Compiled {
        let program = self.program.with_given(test);
        value::budget::compiling(|| Compiled::new(program, self.problems.clone(), partition))
    }
}

/// Reads, checks and evaluates a description, as [`check`] and [`Checked::evaluate`] do.
///
/// # Errors
/// When an entry file itself cannot be read. All other mistakes are in [`Compiled::problems`].
pub fn compile(world: &dyn World, entries: &[&str], partition: Option<&str>) -> Result<Compiled, ReadError> {
    Ok(check(world, entries)?.evaluate(partition))
}

impl Compiled {
    fn new(program: Program, problems: Problems, partition: Option<&str>) -> Compiled {
        let is_unread = problems.has_errors();
        let engine = Engine::new(program);
        let mut shared = engine.shared(partition);
        let mut all = problems;
        all.extend(std::mem::take(&mut shared.problems));
        all.account_for(shared.fields.iter().find_map(|(_, data)| data.failed()));
        Compiled { engine, shared, problems: all, is_unread, partition: partition.map(str::to_string) }
    }

    /// The texts.
    pub fn sources(&self) -> &SourceMap {
        &self.engine.program.sources
    }

    /// The typed program.
    pub fn program(&self) -> &types::hir::Program {
        &self.engine.program
    }

    /// The mistakes of everything but the parts.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// The fields of the root, but for the partition.
    pub fn root(&self) -> &[(Arc<str>, Data)] {
        &self.shared.fields
    }

    /// The names of the parts, sorted.
    pub fn part_names(&self) -> &[Arc<str>] {
        &self.shared.parts.present
    }

    /// Evaluates every part on up to `jobs` threads and hands each to `each`, which runs on the thread that
    /// evaluated it. Results come back in the order of the names, with the mistakes of the parts and the warnings
    /// that need them all.
    pub fn parts<T: Send>(
        &self,
        jobs: usize,
        each: impl Fn(&Arc<str>, Data) -> T + Sync,
    ) -> (Vec<T>, Problems) {
        let Evaluated { made, problems, .. } = self.evaluate_parts(jobs, None, &BTreeMap::new(), each);
        (made, problems)
    }

    /// The texts by the parts that they concern, unless there are no parts that could be told apart.
    pub fn part_texts(&self) -> Option<PartTexts> {
        let partition = self.partition.as_deref().filter(|_| self.shared.map.is_some())?;
        PartTexts::of(&self.engine.program, partition, &self.shared.looked())
    }

    /// Evaluates parts as [`Compiled::parts`] does, but for those that are known: what was found in them when they were evaluated from the
    /// same texts. If something is reported, that may not be all, nor to the word: then all parts are to be evaluated.
    pub fn parts_but<T: Send>(
        &self,
        jobs: usize,
        texts: &PartTexts,
        known: &BTreeMap<Arc<str>, PartTrace>,
        each: impl Fn(&Arc<str>, Data) -> T + Sync,
    ) -> Evaluated<T> {
        self.evaluate_parts(jobs, Some(texts), known, each)
    }

    fn evaluate_parts<T: Send>(
        &self,
        jobs: usize,
        texts: Option<&PartTexts>,
        known: &BTreeMap<Arc<str>, PartTrace>,
        each: impl Fn(&Arc<str>, Data) -> T + Sync,
    ) -> Evaluated<T> {
        let names: Vec<&Arc<str>> =
            self.part_names().iter().filter(|name| !known.contains_key(*name)).collect();
        // A part that costs too much is the last one: those after it would most likely do the same, each as long. Parts are
        // begun in the order of their names, so those before it are found whatever the number of threads.
        let (next, last) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let evaluate = || {
            let mut pass = Pass::over(&self.engine, &self.shared);
            let mut out = Vec::new();
            let (mut problems, mut failed) = (Vec::new(), Vec::new());
            let (mut outcome, mut traces) = (Outcome::default(), Vec::new());
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(&name) = names.get(i).filter(|_| i <= last.load(Ordering::Relaxed)) else { break };
                if let Some(data) = self.engine.part(&self.shared, &mut pass, name) {
                    failed.extend(pass.failed_at.map(|at| (i, at)));
                    out.push((i, each(name, data)));
                }
                if pass.budget.over().is_some() {
                    last.fetch_min(i, Ordering::Relaxed);
                }
                if let Some(texts) = texts {
                    let found = Outcome::take(&mut pass.memo);
                    let is_right = pass.problems.is_empty() && pass.failed_at.is_none();
                    let trace = || found.trace(texts, name, pass.looked(&self.shared, name));
                    traces.extend(is_right.then(trace).flatten().map(|trace| (i, trace)));
                    outcome.join(found);
                }
                if !pass.problems.is_empty() {
                    problems.push((i, std::mem::take(&mut pass.problems)));
                }
            }
            outcome.join(Outcome::take(&mut pass.memo));
            Ran { out, problems, failed, outcome, traces }
        };
        let run = || value::budget::evaluating(evaluate);
        let jobs = jobs.clamp(1, names.len().max(1));
        let mut results = if jobs == 1 {
            vec![run()]
        } else {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(run)).collect();
                threads
                    .into_iter()
                    .map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect::<Vec<_>>()
            })
        };
        let mut found = Outcome::of(&self.shared.memo);
        found.is_unsure |= self.is_unread;
        for (name, trace) in known {
            if let Some(texts) = texts {
                found.recall(texts, name, trace);
            }
        }
        let mut all_traces = BTreeMap::new();
        let mut problems = Problems::default();
        let mut out: Vec<(usize, T)> = Vec::new();
        let mut failed: Option<Span> = None;
        let last = last.into_inner();
        for Ran { out: parts, problems: told, failed: at, outcome, traces } in results.drain(..) {
            out.extend(parts.into_iter().filter(|(i, _)| *i <= last));
            told.into_iter().filter(|(i, _)| *i <= last).for_each(|(_, told)| problems.extend(told));
            let at = at.into_iter().filter(|(i, _)| *i <= last).map(|(_, at)| at);
            failed = failed.into_iter().chain(at).min();
            found.join(outcome);
            all_traces.extend(traces.into_iter().map(|(i, trace)| (names[i].clone(), trace)));
        }
        if !self.problems.has_errors() {
            problems.account_for(failed);
        }
        out.sort_by_key(|(i, _)| *i);
        found.lost.sort_keys();
        let made = out.into_iter().map(|(_, made)| made).collect();
        if last < usize::MAX {
            // What all parts together say means nothing while some are missing.
            return Evaluated { made, problems, traces: BTreeMap::new() };
        }
        let Outcome { won, lost, by_use, taken, is_unsure } = found;
        self.engine.dead(&won, &lost, &mut problems);
        self.engine.won_by_use(&by_use, &mut problems);
        // Where nobody knows what there is, nobody is told that something is not there.
        if !is_unsure {
            self.engine.taken_in_vain(&self.shared, &taken, &mut problems);
        }
        Evaluated { made, problems, traces: all_traces }
    }

    /// The value at a path, given as names of fields and keys from the root.
    ///
    /// # Errors
    /// When the path leads nowhere.
    pub fn value_at(&self, steps: &[String]) -> Result<(Data, Problems), NoPath> {
        let mut pass = Pass::over(&self.engine, &self.shared);
        let data = pass.data_at(steps)?;
        if !self.problems.has_errors() {
            pass.problems.account_for(data.failed());
        }
        Ok((data, std::mem::take(&mut pass.problems)))
    }

    /// The value at a path, evaluated apart from everything else, with the mistakes that concern it.
    ///
    /// # Errors
    /// When the path leads nowhere.
    pub fn value_apart(&self, steps: &[String]) -> Result<(Data, Concerns), NoPath> {
        let mut pass = Pass::apart(&self.engine);
        let data = pass.data_at(steps)?;
        Ok((data, pass.concerns()))
    }

    /// The value of the expression that [`check_asking`] was given, with the mistakes that concern it. Nothing if there was none, or if its type is wrong.
    pub fn asked(&self) -> Option<(Data, Concerns)> {
        let (ex, ty) = self.engine.program.asked.as_ref()?;
        let mut pass = Pass::apart(&self.engine);
        let data = pass.data_of(ex, *ty);
        Some((data, pass.concerns()))
    }

    /// Who set a leaf, who lost, what it read.
    ///
    /// # Errors
    /// When the path does not lead to a leaf.
    pub fn why(&self, steps: &[String]) -> Result<Why, NoPath> {
        self.engine.why(steps)
    }

    /// Says whether what a test expects holds; it is asked of the description with what the test gives.
    pub fn judge(&self, test: &TestDef, caller: &dyn Caller) -> Judged {
        Pass::over(&self.engine, &self.shared).judge(test, caller)
    }

    /// What definitions of one side take from another side, leaf by leaf.
    pub fn overrides<'a>(
        &'a self,
        over: &'a value::overrides::Side,
        under: &'a value::overrides::Side,
    ) -> value::overrides::Overrides<'a> {
        value::overrides::Overrides::new(&self.engine, &self.shared, over, under)
    }

    /// Everything that reads the value at a path, in the order of where it is written. All parts are evaluated for that.
    pub fn readers(&self, steps: &[String]) -> Vec<Reader> {
        self.engine.readers(steps)
    }

    /// The name of the partition, as the caller gave it.
    pub fn partition(&self) -> Option<&str> {
        self.partition.as_deref()
    }
}
