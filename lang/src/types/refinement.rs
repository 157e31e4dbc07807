//! Places that are no leaves of the tree and have conditions: parameters, results, what a variant carries, a `let` with a type.
//! A literal there is tried with all literals; what is computed is tried when it has its value.

use super::hir::{Refinement, TypedExpr, TypedKind};
use super::scope::{Checker, Ctx};
use super::ty::{RefinedType, Ty};
use crate::syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    /// Checks an expression against a place that is no leaf of the tree; `of` says in a report what it is.
    pub fn check_demanded(
        &mut self,
        e: &ast::Expr,
        place: &RefinedType,
        of: impl FnOnce() -> String,
        cx: &mut Ctx,
    ) -> TypedExpr {
        let ex = self.check(e, place, cx);
        self.refined(ex, place, of)
    }

    /// An expression whose value must meet the conditions of a place, and what lies in it those of its own.
    pub fn refined(&self, ex: TypedExpr, place: &RefinedType, of: impl FnOnce() -> String) -> TypedExpr {
        let may_hold_others = matches!(
            self.types.get(self.types.unwrap(place.ty)),
            Ty::List(_) | Ty::Set(_) | Ty::Map(..) | Ty::Record(_) | Ty::Enum(_)
        );
        let is_tried = matches!(ex.kind, TypedKind::Const(_) | TypedKind::Error(_));
        if is_tried || (place.refine.is_none() && !may_hold_others) {
            return ex;
        }
        let refinement = Refinement { place: place.clone(), of: of().into() };
        TypedExpr { at: ex.at, kind: TypedKind::Refinement(Box::new(ex), Arc::new(refinement)) }
    }
}
