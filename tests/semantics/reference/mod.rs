//! Sections 1 to 4 of the specification, written down as naively as they read: a definition is looked for by walking over all
//! definitions, a value is computed where it is asked for, and nothing is shared but what the language says is evaluated once.
//! It reads the tree that the parser yields, and knows nothing of the checker, the merger and the evaluator. It takes it that
//! types fit.

pub mod builtins;
pub mod define;
pub mod express;
pub mod infer;
pub mod literals;
pub mod machine;
pub mod print;
pub mod program;
pub mod tree;
pub mod values;

use kl::diag::Code;
use print::ObservedUnit;
use program::{File, Name, Program};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What a description means.
pub struct Meaning {
    pub root: Vec<(Name, ObservedUnit)>,
    pub codes: BTreeSet<Code>,
    /// Whether a guard, a loop or a computed key failed: what it would add is not known.
    pub doubted: bool,
    /// Whether something holds itself.
    pub endless: bool,
}

/// Evaluates a description; its first file is the entry.
pub fn evaluate(files: &[File]) -> Meaning {
    let program = Program::load(files);
    let defs = program.definitions();
    let mut machine = machine::Machine::new(&program, defs.all.into_iter().map(Rc::new).collect());
    machine.literals(&defs.keys);
    let root = machine.print();
    Meaning { root, codes: machine.codes, doubted: machine.doubted, endless: machine.endless }
}
