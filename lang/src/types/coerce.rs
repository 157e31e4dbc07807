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
    pub fn list(&mut self, all: Vec<TypedExpr>, set: bool, at: Span) -> TypedExpr {
        if all.iter().all(|e| matches!(e.kind, TypedKind::Const(_))) {
            let values: Vec<Value> = all
                .into_iter()
                .filter_map(|e| match e.kind {
                    TypedKind::Const(v) => Some(v),
                    _ => None,
                })
                .collect();
            let value = if set { to_set(values) } else { Value::List(values.into()) };
            return TypedExpr { at, kind: TypedKind::Const(value) };
        }
        let ex = TypedExpr { at, kind: TypedKind::List(all.into()) };
        if set { TypedExpr { at, kind: TypedKind::ToSet(Box::new(ex)) } } else { ex }
    }

    /// Makes a value of one type stand where another is wanted, or reports why it cannot.
    pub fn coerce(&mut self, ex: TypedExpr, from: TyId, to: TyId) -> TypedExpr {
        if self.types.same(from, to) || matches!(ex.kind, TypedKind::Error(_)) {
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
            return if changes { TypedExpr { at, kind: TypedKind::ToTree(Box::new(ex), from) } } else { ex };
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
