//! Random programs that mostly make sense: a schema first, then definitions that fit it, spread over files that use each other.
//!
//! All that is random comes from one list of numbers, read from the front, and 0 when it has ended. A smaller list with smaller
//! numbers is a smaller program, so whoever makes the list smaller needs to know nothing of programs.

mod express;
mod schema;
mod state;

use crate::reference::program::File;

/// The numbers that decide.
pub struct Draw<'a> {
    numbers: &'a [u32],
    at: usize,
}

impl<'a> Draw<'a> {
    pub fn new(numbers: &'a [u32]) -> Draw<'a> {
        Draw { numbers, at: 0 }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        let next = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        next as usize % n.max(1)
    }

    /// Whether something happens that happens so often in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub fn pick<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        &all[self.below(all.len())]
    }

    /// Whether the list has ended.
    pub fn ended(&self) -> bool {
        self.at >= self.numbers.len()
    }
}

/// The program that a list of numbers stands for; the first file is the entry.
pub fn program(numbers: &[u32]) -> Vec<File> {
    let mut draw = Draw::new(numbers);
    let schema = schema::schema(&mut draw);
    state::files(&mut draw, &schema)
}
