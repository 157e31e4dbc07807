//! Visits every expression inside an expression.

use super::hir::{BodyEntry, Gen, Piece, StepH, TypedExpr, TypedKind};

impl TypedExpr {
    /// Calls `see` for this expression and for all inside it.
    pub fn walk(&self, see: &mut dyn FnMut(&TypedExpr)) {
        see(self);
        match &self.kind {
            TypedKind::Error(_)
            | TypedKind::Const(_)
            | TypedKind::Local(_)
            | TypedKind::Global(_)
            | TypedKind::Root(_)
            | TypedKind::This
            | TypedKind::Key
            | TypedKind::It => {}
            TypedKind::Shared(e, _) => e.walk(see),
            TypedKind::Refinement(e, _) => e.walk(see),
            TypedKind::Field(e, ..)
            | TypedKind::KeyName(_, e)
            | TypedKind::ToSet(e)
            | TypedKind::ToTree(e, _)
            | TypedKind::Not(e)
            | TypedKind::Neg(e) => e.walk(see),
            TypedKind::MapGet(a, b, _)
            | TypedKind::TreeGet(a, b)
            | TypedKind::ListGet(a, b)
            | TypedKind::And(a, b)
            | TypedKind::Or(a, b)
            | TypedKind::Bin(_, a, b, _)
            | TypedKind::In(_, a, b)
            | TypedKind::Else(a, b)
            | TypedKind::Merge(a, b) => {
                a.walk(see);
                b.walk(see);
            }
            TypedKind::InRange(a, b, c) | TypedKind::If(a, b, c) => {
                a.walk(see);
                b.walk(see);
                c.walk(see);
            }
            TypedKind::Variant(_, _, all)
            | TypedKind::List(all)
            | TypedKind::Call(_, all)
            | TypedKind::Builtin(_, all, _) => {
                all.iter().for_each(|e| e.walk(see));
            }
            TypedKind::Text(pieces, _) => pieces.iter().for_each(|p| {
                if let Piece::Hole(hole) = p {
                    hole.value.walk(see);
                }
            }),
            TypedKind::ListFor(each, e) => {
                each.walk(see);
                e.walk(see);
            }
            TypedKind::BuiltinFor(_, each, e, _) => {
                each.walk(see);
                e.walk(see);
            }
            TypedKind::Match(e, arms) => {
                e.walk(see);
                arms.iter().for_each(|a| a.value.walk(see));
            }
            TypedKind::Body(_, entries) => entries.iter().for_each(|e| e.walk(see)),
        }
    }
}

impl Gen {
    fn walk(&self, see: &mut dyn FnMut(&TypedExpr)) {
        self.binds.iter().for_each(|b| b.source.walk(see));
        if let Some(cond) = &self.cond {
            cond.walk(see);
        }
    }
}

impl BodyEntry {
    fn walk(&self, see: &mut dyn FnMut(&TypedExpr)) {
        match self {
            BodyEntry::For(each, entries) => {
                each.walk(see);
                entries.iter().for_each(|e| e.walk(see));
            }
            BodyEntry::If(cond, then, otherwise) => {
                cond.walk(see);
                then.iter().chain(otherwise.iter()).for_each(|e| e.walk(see));
            }
            BodyEntry::Failed(_) => {}
            BodyEntry::Set(path, value, _) => {
                for step in path {
                    if let StepH::Computed(key, _) = step {
                        key.walk(see);
                    }
                }
                value.walk(see);
            }
        }
    }
}
