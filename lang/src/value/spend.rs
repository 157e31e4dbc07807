//! Counts what a pass spends, and reports where more is wanted than there is.

use super::budget::{Cost, Exceeded, MORE_STACK, MOST_NESTED, MOST_WAITING, RED_ZONE};
use super::errors;
use super::pass::Pass;
use crate::diag::Reported;
use crate::live::{Measure, NodeId, Value};
use crate::source::Span;

const TOO_NESTED: Exceeded = Exceeded { limit: MOST_NESTED as u64, what: "values in each other" };
const TOO_MANY_WAIT: Exceeded =
    Exceeded { limit: MOST_WAITING as u64, what: "leaves and calls that wait for each other" };

impl Pass<'_> {
    /// Counts a step.
    #[inline]
    pub fn step(&mut self, at: Span) -> Result<(), Reported> {
        match self.budget.step() {
            Ok(()) => Ok(()),
            Err(exceeded) => Err(self.exceeded(at, exceeded)),
        }
    }

    /// Counts steps that are known beforehand.
    pub fn work(&mut self, n: u64, at: Span) -> Result<(), Reported> {
        self.budget.work(n).map_err(|it| self.exceeded(at, it))
    }

    /// Counts elements that will be made.
    pub fn make(&mut self, n: u64, at: Span) -> Result<(), Reported> {
        self.budget.make(n).map_err(|it| self.exceeded(at, it))
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
        self.budget.unmake(n);
    }

    /// Counts bytes of a text that will be made.
    pub fn make_text(&mut self, n_bytes: u64, at: Span) -> Result<(), Reported> {
        self.budget.make_text(n_bytes).map_err(|it| self.exceeded(at, it))
    }

    /// Counts the walk through a whole value.
    pub fn walk(&mut self, measure: Measure, at: Span) -> Result<(), Reported> {
        self.work(measure.n_steps(), at)
    }

    /// Spends again what a remembered result cost.
    pub(super) fn spend(&mut self, cost: Cost, at: Span) -> Result<(), Reported> {
        self.budget.spend(cost).map_err(|it| self.exceeded(at, it))
    }

    /// A value that was made of others, unless it lies too deep.
    pub fn made(&mut self, value: Value, at: Span) -> Value {
        if value.measure().depth <= MOST_NESTED {
            return value;
        }
        Value::Error(self.exceeded(at, TOO_NESTED))
    }

    /// Reads something that what is being evaluated waits for, on a stack that grows as it must.
    pub(super) fn waiting<T>(
        &mut self,
        at: impl FnOnce(&Self) -> Span,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Reported> {
        if self.budget.waiting == MOST_WAITING {
            let at = at(self);
            return Err(self.exceeded(at, TOO_MANY_WAIT));
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
            return Err(self.exceeded(at, TOO_NESTED));
        }
        self.budget.nested += 1;
        let found = stacker::maybe_grow(RED_ZONE, MORE_STACK, || walk(self));
        self.budget.nested -= 1;
        Ok(found)
    }

    /// Says, once, that more was wanted than there is, and lets nothing more be done.
    #[cold]
    pub(super) fn exceeded(&mut self, at: Span, Exceeded { limit, what }: Exceeded) -> Reported {
        if let Some(over) = self.budget.over() {
            return over;
        }
        let over = self.report(errors::budget(at, what, limit));
        self.budget.end(over);
        over
    }
}
