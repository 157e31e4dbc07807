//! Functions that call each other in a cycle.

use super::errors;
use super::hir::*;
use super::scope::*;
use crate::source::Span;
use std::collections::BTreeSet;

impl Checker<'_> {
    /// Reports functions that call each other in a cycle, and makes them fail when called.
    pub(super) fn cycles(&mut self) {
        let calls: Vec<BTreeSet<u32>> = self
            .funcs
            .iter()
            .map(|f| {
                let mut out = BTreeSet::new();
                let mut see = |e: &TypedExpr| {
                    if let TypedKind::Call(id, _) = &e.kind {
                        out.insert(id.0);
                    }
                };
                f.lets.iter().for_each(|l| l.walk(&mut see));
                f.value.walk(&mut see);
                out
            })
            .collect();
        let mut state = vec![0u8; calls.len()];
        for start in 0..calls.len() as u32 {
            if state[start as usize] == 0 {
                self.visit(start, &calls, &mut state);
            }
        }
    }

    /// Depth-first with its own stack: descriptions may have long chains of calls.
    pub(super) fn visit(&mut self, start: u32, calls: &[BTreeSet<u32>], state: &mut [u8]) {
        let mut stack: Vec<(u32, Vec<u32>)> = vec![(start, calls[start as usize].iter().copied().collect())];
        state[start as usize] = 1;
        while let Some((at, todo)) = stack.last_mut() {
            let at = *at;
            match todo.pop() {
                Some(next) if state[next as usize] == 0 => {
                    state[next as usize] = 1;
                    stack.push((next, calls[next as usize].iter().copied().collect()));
                }
                Some(next) if state[next as usize] == 1 => {
                    let first = stack.iter().position(|(f, _)| *f == next).unwrap_or(0);
                    let chain: Vec<(String, Span)> = stack[first..]
                        .iter()
                        .map(|(f, _)| *f)
                        .chain([next])
                        .map(|f| (self.funcs[f as usize].name.to_string(), self.funcs[f as usize].at))
                        .collect();
                    let why = self.problems.push(errors::recursive_function(chain[0].1, &chain));
                    let value_at = self.funcs[at as usize].value.at;
                    self.funcs[at as usize].value = TypedExpr { at: value_at, kind: TypedKind::Error(why) };
                    self.funcs[at as usize].lets.clear();
                }
                Some(_) => {}
                None => {
                    state[at as usize] = 2;
                    stack.pop();
                }
            }
        }
    }
}
