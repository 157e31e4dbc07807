//! One changed description through all that reads descriptions.

use super::change;
use super::corpus::{Changed, Corpus};
use super::watch::Watch;
use fastrand::Rng;
use kl::data::{Data, DataKind};
use kl::diag::Severity;
use kolla_lang::cli::build::make;
use kolla_lang::cli::describe::{Described, PARTITION};
use kolla_lang::cli::report;
use std::fmt;

/// How many came to what.
#[derive(Default)]
pub struct ObservedUnit {
    right: u32,
    wrong: u32,
    unread: u32,
    too_much: u32,
}

impl fmt::Display for ObservedUnit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObservedUnit { right, wrong, unread, too_much } = self;
        write!(
            out,
            "{right} still right, {wrong} wrong, of which {too_much} would cost too much, {unread} unreadable"
        )
    }
}

/// Reports that are drawn: drawing tells nothing new after that.
const N_DRAWN: usize = 20;

/// Changes one description as a seed says, and does with it what the commands do.
pub fn one(corpus: &Corpus, seed: u64, watch: &Watch, seen: &mut ObservedUnit) {
    let mut rng = Rng::with_seed(seed);
    let case = &corpus.cases[rng.usize(0..corpus.cases.len())];
    let other = corpus.cases[rng.usize(0..corpus.cases.len())].text.clone();
    let text = change::changed(&mut rng, &case.text, &corpus.words, &other);
    let entry = rng.choice(case.entries.iter()).map_or("", String::as_str);
    watch.about(format!("{} as part of {entry}:\n{text}", case.name));
    let world = Changed { case, text: text.into() };
    let Ok(compiled) = kl::compile(&world, &[entry], Some(PARTITION)) else {
        seen.unread += 1;
        return;
    };
    let described = Described { compiled, secrets: Default::default(), lock: Default::default() };
    let made = make(&described, 1);
    let sources = described.compiled.sources();
    for problem in made.problems.iter().take(N_DRAWN) {
        report::drawn(problem, sources);
    }
    report::as_json(&made.problems, sources);
    if let Some(bug) = made.problems.iter().find(|it| it.severity == Severity::Bug) {
        watch.fail(&format!("called a mistake of the program: {}", bug.message));
    }
    let is_wrong = made.problems.iter().any(|it| it.severity == Severity::Error);
    match is_wrong {
        true => seen.wrong += 1,
        false => seen.right += 1,
    }
    if made.problems.iter().any(|it| it.code == kl::diag::Code::Budget) {
        seen.too_much += 1;
    }
    if !is_wrong {
        for closure in made.closures.values() {
            closure.digest();
        }
    }
    for _ in 0..3 {
        let steps = some_leaf(&described, &mut rng);
        if let Ok((data, _)) = described.compiled.value_at(&steps) {
            kl::value::show::text(&data);
            render::values::write_json(&mut Vec::new(), &data);
        }
        let _ = described.compiled.why(&steps);
    }
}

/// The way to some value of a description.
fn some_leaf(described: &Described, rng: &mut Rng) -> Vec<String> {
    let compiled = &described.compiled;
    let mut steps = Vec::new();
    let part = rng.choice(compiled.part_names().iter()).filter(|_| rng.bool());
    let mut at: Data = match part {
        Some(name) => {
            steps.extend([PARTITION.to_owned(), name.to_string()]);
            match compiled.value_at(&steps) {
                Ok((data, _)) => data,
                Err(_) => return steps,
            }
        }
        None => match rng.choice(compiled.root().iter()) {
            Some((name, data)) => {
                steps.push(name.to_string());
                data.clone()
            }
            None => return steps,
        },
    };
    while let DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) = &at.kind {
        let Some((key, inner)) = rng.choice(all.iter()) else { break };
        steps.push(key.to_string());
        at = inner.clone();
    }
    steps
}
