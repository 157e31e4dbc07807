//! What evaluation may cost, counted for each part: steps, elements, bytes of text, and how deep. Whoever walks or makes
//! something counts it first, so that nothing is begun that would not end. Knows no time and no machine: the same description
//! fails everywhere or nowhere.

use super::errors;
use super::pass::Pass;
use crate::diag::Reported;
use crate::live::{Measure, NodeId, Value};
use crate::source::Span;

/// What may be spent.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Expressions evaluated, values compared or walked, texts read.
    pub steps: u64,
    /// Items of lists, entries and fields of records and maps, rounds of loops that are kept.
    pub elements: u64,
    /// Bytes of the texts that are made.
    pub bytes: u64,
}

/// What all parts share may cost: it grows with the number of parts, and a thousand hosts of forty containers take about a quarter of it.
pub const SHARED: Limits = Limits { steps: 50_000_000, elements: 10_000_000, bytes: 256 << 20 };

/// What one part may cost; several are evaluated at once. A host of forty containers takes less than a hundredth of it.
pub const PART: Limits = Limits { steps: 12_500_000, elements: 2_500_000, bytes: 64 << 20 };

/// Leaves and calls that may wait for each other.
pub const MOST_WAITING: u32 = 20_000;

/// How deep values may lie in each other; expressions have the same limit.
pub const MOST_NESTED: u32 = 256;

/// Stack that a description is compiled on: all that is bounded by the depth of expressions fits.
const COMPILE_STACK: usize = 64 << 20;

/// Stack that parts are evaluated and rendered on; evaluation adds to it as it must.
const PART_STACK: usize = 8 << 20;

/// Stack that must be left before a level of evaluation, and what is added when it is not.
const RED_ZONE: usize = 1 << 20;
const MORE_STACK: usize = 8 << 20;

/// Compiles on a stack that is large enough for the deepest expression.
pub fn compiling<T>(compile: impl FnOnce() -> T) -> T {
    stacker::grow(COMPILE_STACK, compile)
}

/// Evaluates parts on a stack that does not depend on the thread.
pub fn evaluating<T>(evaluate: impl FnOnce() -> T) -> T {
    stacker::grow(PART_STACK, evaluate)
}

/// What something gives, or the error that more was wanted than there is.
macro_rules! within {
    ($counted:expr) => {
        match $counted {
            Ok(found) => found,
            Err(reported) => return crate::live::Value::Error(reported),
        }
    };
}

pub(super) use within;

/// Something that was spent, to be spent again by whoever is given a remembered result: whether it was remembered may depend on
/// what the same thread did before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Steps.
    pub(super) steps: u64,
    elements: u64,
    bytes: u64,
}

/// What was spent so far.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    limits: Limits,
    spent: Cost,
    /// Leaves and calls that wait for what is evaluated.
    waiting: u32,
    /// Values around what is walked.
    nested: u32,
    /// That more was wanted than there is, once it was.
    over: Option<Reported>,
}

impl Budget {
    /// Nothing spent yet.
    pub fn new(limits: Limits) -> Budget {
        Budget { limits, spent: Cost::default(), waiting: 0, nested: 0, over: None }
    }

    /// That more was wanted than there is: nothing that was found after that means anything.
    pub fn over(&self) -> Option<Reported> {
        self.over
    }

    /// What was spent since.
    pub(super) fn since(&self, before: Cost) -> Cost {
        let now = self.spent;
        Cost {
            steps: now.steps - before.steps,
            elements: now.elements.saturating_sub(before.elements),
            bytes: now.bytes - before.bytes,
        }
    }

    /// What was spent so far.
    pub(super) fn spent(&self) -> Cost {
        self.spent
    }
}

impl Pass<'_> {
    /// Counts a step.
    #[inline]
    pub fn step(&mut self, at: Span) -> Result<(), Reported> {
        self.budget.spent.steps += 1;
        if self.budget.spent.steps <= self.budget.limits.steps { Ok(()) } else { Err(self.over_steps(at)) }
    }

    #[cold]
    fn over_steps(&mut self, at: Span) -> Reported {
        self.exceeded(at, self.budget.limits.steps, "steps")
    }

    /// Counts steps that are known beforehand.
    pub fn work(&mut self, n: u64, at: Span) -> Result<(), Reported> {
        self.budget.spent.steps = self.budget.spent.steps.saturating_add(n);
        if self.budget.spent.steps <= self.budget.limits.steps { Ok(()) } else { Err(self.over_steps(at)) }
    }

    /// Counts elements that will be made.
    pub fn make(&mut self, n: u64, at: Span) -> Result<(), Reported> {
        self.work(n, at)?;
        self.budget.spent.elements = self.budget.spent.elements.saturating_add(n);
        if self.budget.spent.elements <= self.budget.limits.elements {
            return Ok(());
        }
        Err(self.exceeded(at, self.budget.limits.elements, "elements"))
    }

    /// Counts elements that will be made for a node.
    pub(super) fn make_for(&mut self, n: u64, id: NodeId) -> Result<(), Reported> {
        let spent = self.budget.spent;
        let fits = spent.steps.saturating_add(n) <= self.budget.limits.steps
            && spent.elements.saturating_add(n) <= self.budget.limits.elements;
        // Where a node was written is looked for only when it must be told.
        let at = if fits { Span::default() } else { self.first_at(id) };
        self.make(n, at)
    }

    /// Counts steps for a node.
    pub(super) fn work_for(&mut self, n: u64, id: NodeId) -> Result<(), Reported> {
        let fits = self.budget.spent.steps.saturating_add(n) <= self.budget.limits.steps;
        let at = if fits { Span::default() } else { self.first_at(id) };
        self.work(n, at)
    }

    /// Gives back elements that nobody holds any more.
    pub fn unmake(&mut self, n: u64) {
        self.budget.spent.elements = self.budget.spent.elements.saturating_sub(n);
    }

    /// Counts bytes of a text that will be made.
    pub fn make_text(&mut self, n_bytes: u64, at: Span) -> Result<(), Reported> {
        self.work(n_bytes / 64, at)?;
        self.budget.spent.bytes = self.budget.spent.bytes.saturating_add(n_bytes);
        if self.budget.spent.bytes <= self.budget.limits.bytes {
            return Ok(());
        }
        Err(self.exceeded(at, self.budget.limits.bytes >> 20, "MiB of text"))
    }

    /// Counts the walk through a whole value.
    pub fn walk(&mut self, measure: Measure, at: Span) -> Result<(), Reported> {
        self.work(measure.n_steps(), at)
    }

    /// Spends again what a remembered result cost.
    pub(super) fn spend(&mut self, cost: Cost, at: Span) -> Result<(), Reported> {
        self.work(cost.steps, at)?;
        // Their steps are among those already.
        let steps = self.budget.spent.steps;
        let made = self.make(cost.elements, at).and_then(|()| self.make_text(cost.bytes, at));
        if made.is_ok() {
            self.budget.spent.steps = steps;
        }
        made
    }

    /// A value that was made of others, unless it lies too deep.
    pub fn made(&mut self, value: Value, at: Span) -> Value {
        if value.measure().depth <= MOST_NESTED {
            return value;
        }
        Value::Error(self.exceeded(at, u64::from(MOST_NESTED), "values in each other"))
    }

    /// Reads something that what is being evaluated waits for, on a stack that grows as it must.
    pub(super) fn waiting<T>(
        &mut self,
        at: impl FnOnce(&Self) -> Span,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Reported> {
        if self.budget.waiting == MOST_WAITING {
            let at = at(self);
            return Err(self.exceeded(
                at,
                u64::from(MOST_WAITING),
                "leaves and calls that wait for each other",
            ));
        }
        self.budget.waiting += 1;
        // What is read is no part of the value that is walked.
        let nested = std::mem::take(&mut self.budget.nested);
        let found = stacker::maybe_grow(RED_ZONE, MORE_STACK, || read(self));
        self.budget.nested = nested;
        self.budget.waiting -= 1;
        Ok(found)
    }

    /// Walks something that lies in what is being walked.
    pub(super) fn nested<T>(
        &mut self,
        at: impl FnOnce(&Self) -> Span,
        walk: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Reported> {
        if self.budget.nested == MOST_NESTED {
            let at = at(self);
            return Err(self.exceeded(at, u64::from(MOST_NESTED), "values in each other"));
        }
        self.budget.nested += 1;
        let found = stacker::maybe_grow(RED_ZONE, MORE_STACK, || walk(self));
        self.budget.nested -= 1;
        Ok(found)
    }

    /// Says, once, that more was wanted than there is, and lets nothing more be done.
    #[cold]
    fn exceeded(&mut self, at: Span, limit: u64, what: &str) -> Reported {
        if let Some(over) = self.budget.over {
            return over;
        }
        let over = self.report(errors::budget(at, what, limit));
        self.budget.over = Some(over);
        self.budget.limits = Limits { steps: 0, elements: 0, bytes: 0 };
        over
    }
}
