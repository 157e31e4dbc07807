//! What somebody mistyped, and what a disk damaged: files of this repository are changed as a seed says and go through check, eval,
//! build and why in this process, and records of a host are changed and read. Nothing may panic, take too long, or be called a
//! mistake of the program itself.
//!
//! Without arguments a few of each; `--seed S --descriptions N --records N` as many as one likes. One is looked at again with
//! `--seed S --descriptions 1`, as it is told. It decides nothing about what is right: the other tests do.

mod mutants {
    pub mod change;
    pub mod corpus;
    pub mod describe;
    pub mod records;
    pub mod watch;
}

use mutants::watch::Watch;
use mutants::{corpus::Corpus, describe, records};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, fallback: u64| {
        let value = arguments.iter().position(|it| it == name).and_then(|at| arguments.get(at + 1));
        value.map_or(fallback, |it| it.parse().unwrap_or_else(|_| panic!("{name} {it}: no number")))
    };
    let (seed, n_descriptions) = (number("--seed", 1), number("--descriptions", 40));
    let n_records = number("--records", 4000);
    let corpus = Corpus::read();
    let watch = Watch::begin();
    let mut seen = describe::ObservedUnit::default();
    for seed in seed..seed + n_descriptions {
        watch.run(&format!("--seed {seed} --descriptions 1 --records 0"), || {
            describe::one(&corpus, seed, &watch, &mut seen);
        });
    }
    if n_descriptions > 0 {
        println!("   {n_descriptions} changed descriptions: {seen}");
    }
    let n_read = records::all(seed, n_records, &watch);
    if n_records > 0 {
        println!("   {n_read} damaged records read by {} readers", records::READERS.len());
    }
    watch.end();
}
