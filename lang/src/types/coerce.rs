//! From one type to another, and what to write where that cannot be.

use super::errors;
use super::expr::secret_hole;
use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::live::{Value, to_set};
use crate::source::Span;

impl Checker<'_> {
    /// A list or a set; of constants, it is one.
    pub fn list(&mut self, all: Vec<Ex>, set: bool, at: Span) -> Ex {
        if all.iter().all(|e| matches!(e.kind, Ek::Const(_))) {
            let values: Vec<Value> = all
                .into_iter()
                .filter_map(|e| match e.kind {
                    Ek::Const(v) => Some(v),
                    _ => None,
                })
                .collect();
            let value = if set { to_set(values) } else { Value::List(values.into()) };
            return Ex { at, kind: Ek::Const(value) };
        }
        let ex = Ex { at, kind: Ek::List(all.into()) };
        if set { Ex { at, kind: Ek::ToSet(Box::new(ex)) } } else { ex }
    }

    /// Makes a value of one type stand where another is wanted, or reports why it cannot.
    pub fn coerce(&mut self, ex: Ex, from: TyId, to: TyId) -> Ex {
        if self.types.same(from, to) || matches!(ex.kind, Ek::Error(_)) {
            return ex;
        }
        let at = ex.at;
        if self.types.fits(from, to) {
            let target = self.types.unwrap(to);
            let changes = match (self.types.get(self.types.unwrap(from)), self.types.get(target)) {
                (Ty::Tree, _) => false,
                (_, Ty::Tree) => true,
                (Ty::List(x), Ty::List(y)) => {
                    self.types.same(*y, TyId::TREE) && !self.types.same(*x, TyId::TREE)
                }
                _ => false,
            };
            return if changes { Ex { at, kind: Ek::ToTree(Box::new(ex), from) } } else { ex };
        }
        let (wanted, found) = (self.types.name(to), self.types.name(from));
        let help = self.instead(&ex, from, to);
        let diagnostic = match (self.types.get(from), self.types.get(self.types.unwrap(to))) {
            (Ty::Secret, _) => errors::secret_leak(at, secret_hole(&ex), &format!("a {wanted}")),
            (Ty::Duration | Ty::Size, Ty::Tree) => errors::not_in_tree(at, &format!("a {found}"), help),
            (_, Ty::Tree) => errors::not_in_tree(at, &found, help),
            _ => errors::mismatch(at, &wanted, &found, help),
        };
        self.fail(at, diagnostic)
    }
}
