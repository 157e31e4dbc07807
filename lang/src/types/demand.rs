//! Places that are no leaves of the tree and have conditions: parameters, results, what a variant carries, a `let` with a type.
//! A literal there is tried with all literals; what is computed is tried when it has its value.

use super::hir::{Demand, Ek, Ex};
use super::scope::{Checker, Cx};
use super::ty::{Place, Ty};
use crate::syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    /// Checks an expression against a place that is no leaf of the tree; `of` says in a report what it is.
    pub fn check_demanded(
        &mut self,
        e: &ast::Expr,
        place: &Place,
        of: impl FnOnce() -> String,
        cx: &mut Cx,
    ) -> Ex {
        let ex = self.check(e, place, cx);
        self.demanded(ex, place, of)
    }

    /// An expression whose value must meet the conditions of a place, and what lies in it those of its own.
    pub fn demanded(&self, ex: Ex, place: &Place, of: impl FnOnce() -> String) -> Ex {
        let may_hold_others = matches!(
            self.types.get(self.types.unwrap(place.ty)),
            Ty::List(_) | Ty::Set(_) | Ty::Map(..) | Ty::Record(_) | Ty::Enum(_)
        );
        let is_tried = matches!(ex.kind, Ek::Const(_) | Ek::Error(_));
        if is_tried || (place.refine.is_none() && !may_hold_others) {
            return ex;
        }
        let demand = Demand { place: place.clone(), of: of().into() };
        Ex { at: ex.at, kind: Ek::Demand(Box::new(ex), Arc::new(demand)) }
    }
}
