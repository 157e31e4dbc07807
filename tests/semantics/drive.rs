//! Random programs are tried, and the one that fails is made small. `LAWS=n` draws with another seed, `CASES=n` draws that many; both
//! are printed.

use crate::cases::text_of;
use crate::compare::differences;
use crate::random::program;
use crate::reference::program::File;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

/// Tries a property for as many programs as are asked for; the one that fails is made small and printed.
pub fn for_programs(name: &str, share: u32, mut property: impl FnMut(&[File]) -> Vec<String>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, cases) = (number("LAWS").unwrap_or(1), number("CASES").unwrap_or(300));
    let cases = u32::try_from(cases).unwrap_or(u32::MAX).div_ceil(share);
    println!("{name}: seed {seed}, {cases} programs");
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let numbers = proptest::collection::vec(any::<u32>(), 0..400);
    let shared = std::cell::RefCell::new(&mut property);
    let tried = TestRunner::new(config).run(&numbers, |numbers| {
        let files = program(&numbers);
        let found = (shared.borrow_mut())(&files);
        if found.is_empty() { Ok(()) } else { Err(TestCaseError::fail(found.join("\n"))) }
    });
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(_, numbers)) => {
            let files = smaller(program(&numbers), &mut property);
            panic!("{name}, seed {seed}:\n{}\n{}", text_of(&files), property(&files).join("\n"));
        }
        Err(other) => panic!("{name}, seed {seed}: {other}"),
    }
}

/// Leaves out every line without which the property still fails.
fn smaller(mut files: Vec<File>, property: &mut impl FnMut(&[File]) -> Vec<String>) -> Vec<File> {
    let of_types = |found: &[String]| found.iter().any(|l| l == "not typed" || l.contains("no-such-file"));
    let had = of_types(&property(&files));
    loop {
        let mut changed = false;
        for i in 0..files.len() {
            let mut line = 0;
            while line < files[i].text.lines().count() {
                let mut fewer = files.clone();
                fewer[i].text = files[i]
                    .text
                    .lines()
                    .enumerate()
                    .filter(|(n, _)| *n != line)
                    .map(|(_, text)| format!("{text}\n"))
                    .collect();
                let found = property(&fewer);
                if !found.is_empty() && (had || !of_types(&found)) {
                    files = fewer;
                    changed = true;
                } else {
                    line += 1;
                }
            }
        }
        if !changed {
            return files;
        }
    }
}

/// Both evaluators on the program in `FILE`.
#[test]
#[ignore = "prints"]
fn show_file() {
    let text = std::fs::read_to_string(std::env::var("FILE").expect("FILE names a case")).expect("a case");
    let files = crate::cases::files_of(&text);
    let theirs = crate::compare::compile(&files, None, 1);
    println!("# compiler {:?} {:#?}", theirs.codes, theirs.reports);
    let ours = crate::reference::evaluate(&files);
    println!("# reference {:?}", ours.codes);
    println!("# {:#?}", differences(&files));
}

/// The first differences of many programs, each made small, one of a kind.
#[test]
#[ignore = "prints"]
fn show_differences() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let config = Config { rng_seed: RngSeed::Fixed(number("LAWS").unwrap_or(1)), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let numbers = proptest::collection::vec(any::<u32>(), 0..400);
    let mut kinds = std::collections::BTreeMap::new();
    let (mut untyped, mut wrong, n) = (0, 0, number("CASES").unwrap_or(300));
    for _ in 0..n {
        let drawn = numbers.new_tree(&mut runner).expect("numbers").current();
        let files = program(&drawn);
        let of_types = |found: &[String]| found.first().is_some_and(|l| l == "not typed");
        let mut property = |files: &[File]| {
            let found = differences(files);
            if of_types(&found) && std::env::var("TYPES").is_err() { Vec::new() } else { found }
        };
        untyped += usize::from(of_types(&differences(&files)));
        let found = property(&files);
        let Some(first) = found.first() else { continue };
        wrong += 1;
        let kind: String = match first.strip_prefix("codes: ") {
            Some(_) => first.clone(),
            None => first
                .split_once(' ')
                .map_or("", |w| w.1)
                .chars()
                .filter(|c| !c.is_ascii_digit())
                .take(24)
                .collect(),
        };
        if kinds.contains_key(&kind) {
            continue;
        }
        let files = smaller(files, &mut property);
        kinds.insert(kind, format!("{}\n{}", text_of(&files), property(&files).join("\n")));
    }
    for text in kinds.values().take(number("SHOWN").unwrap_or(12) as usize) {
        println!("=====\n{text}");
    }
    println!("{n} programs, {untyped} not typed, {wrong} differ");
}
