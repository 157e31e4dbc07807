//! What evaluation may cost, counted for each part: steps, elements, bytes of text, and how deep. Whoever walks or makes
//! something counts it first, so that nothing is begun that would not end. Knows no time and no machine: the same description
//! fails everywhere or nowhere.

use crate::diag::Reported;

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
pub(super) const RED_ZONE: usize = 1 << 20;
pub(super) const MORE_STACK: usize = 8 << 20;

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
    pub(super) elements: u64,
    pub(super) bytes: u64,
}

/// More was wanted than may be spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exceeded {
    /// How much may be spent.
    pub limit: u64,
    /// Of what, in the plural.
    pub what: &'static str,
}

/// What was spent so far.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub(super) limits: Limits,
    pub(super) spent: Cost,
    /// Leaves and calls that wait for what is evaluated.
    pub(super) waiting: u32,
    /// Values around what is walked.
    pub(super) nested: u32,
    /// That more was wanted than there is, once it was.
    pub(super) over: Option<Reported>,
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

    /// Counts a step.
    ///
    /// # Errors
    /// When there are none left, as of all that counts.
    #[inline]
    pub fn step(&mut self) -> Result<(), Exceeded> {
        self.work(1)
    }

    /// Counts steps that are known beforehand.
    ///
    /// # Errors
    /// When there are fewer left.
    #[inline]
    pub fn work(&mut self, n: u64) -> Result<(), Exceeded> {
        self.spent.steps = self.spent.steps.saturating_add(n);
        if self.spent.steps <= self.limits.steps { Ok(()) } else { Err(self.over_steps()) }
    }

    #[cold]
    fn over_steps(&self) -> Exceeded {
        Exceeded { limit: self.limits.steps, what: "steps" }
    }

    /// Counts elements that will be made.
    ///
    /// # Errors
    /// When there is no room for so many.
    pub fn make(&mut self, n: u64) -> Result<(), Exceeded> {
        self.work(n)?;
        self.spent.elements = self.spent.elements.saturating_add(n);
        if self.spent.elements <= self.limits.elements {
            return Ok(());
        }
        Err(Exceeded { limit: self.limits.elements, what: "elements" })
    }

    /// Gives back elements that nobody holds any more.
    pub fn unmake(&mut self, n: u64) {
        self.spent.elements = self.spent.elements.saturating_sub(n);
    }

    /// Counts bytes of a text that will be made.
    ///
    /// # Errors
    /// When there is no room for so many.
    pub fn make_text(&mut self, n_bytes: u64) -> Result<(), Exceeded> {
        self.work(n_bytes / 64)?;
        self.spent.bytes = self.spent.bytes.saturating_add(n_bytes);
        if self.spent.bytes <= self.limits.bytes {
            return Ok(());
        }
        Err(Exceeded { limit: self.limits.bytes >> 20, what: "MiB of text" })
    }

    /// Spends again what a remembered result cost.
    pub(super) fn spend(&mut self, cost: Cost) -> Result<(), Exceeded> {
        self.work(cost.steps)?;
        // Their steps are among those already.
        let steps = self.spent.steps;
        self.make(cost.elements)?;
        self.make_text(cost.bytes)?;
        self.spent.steps = steps;
        Ok(())
    }

    /// Lets nothing more be done.
    pub(super) fn end(&mut self, reported: Reported) {
        self.over = Some(reported);
        self.limits = Limits { steps: 0, elements: 0, bytes: 0 };
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
