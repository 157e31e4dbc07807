//! Visits every expression inside an expression.

use super::hir::{BodyEntry, Ek, Ex, Gen, Piece, StepH};

impl Ex {
    /// Calls `see` for this expression and for all inside it.
    pub fn walk(&self, see: &mut dyn FnMut(&Ex)) {
        see(self);
        match &self.kind {
            Ek::Error(_)
            | Ek::Const(_)
            | Ek::Local(_)
            | Ek::Global(_)
            | Ek::Root(_)
            | Ek::This
            | Ek::Key
            | Ek::It => {}
            Ek::Shared(e, _) => e.walk(see),
            Ek::Demand(e, _) => e.walk(see),
            Ek::Field(e, ..)
            | Ek::KeyName(_, e)
            | Ek::ToSet(e)
            | Ek::ToTree(e, _)
            | Ek::Not(e)
            | Ek::Neg(e) => e.walk(see),
            Ek::MapGet(a, b, _)
            | Ek::TreeGet(a, b)
            | Ek::ListGet(a, b)
            | Ek::And(a, b)
            | Ek::Or(a, b)
            | Ek::Bin(_, a, b, _)
            | Ek::In(_, a, b)
            | Ek::Else(a, b)
            | Ek::Merge(a, b) => {
                a.walk(see);
                b.walk(see);
            }
            Ek::InRange(a, b, c) | Ek::If(a, b, c) => {
                a.walk(see);
                b.walk(see);
                c.walk(see);
            }
            Ek::Variant(_, _, all) | Ek::List(all) | Ek::Call(_, all) | Ek::Builtin(_, all, _) => {
                all.iter().for_each(|e| e.walk(see));
            }
            Ek::Text(pieces, _) => pieces.iter().for_each(|p| {
                if let Piece::Hole(e, _) = p {
                    e.walk(see);
                }
            }),
            Ek::ListFor(each, e) => {
                each.walk(see);
                e.walk(see);
            }
            Ek::BuiltinFor(_, each, e, _) => {
                each.walk(see);
                e.walk(see);
            }
            Ek::Match(e, arms) => {
                e.walk(see);
                arms.iter().for_each(|a| a.value.walk(see));
            }
            Ek::Body(_, entries) => entries.iter().for_each(|e| e.walk(see)),
        }
    }
}

impl Gen {
    fn walk(&self, see: &mut dyn FnMut(&Ex)) {
        self.binds.iter().for_each(|b| b.source.walk(see));
        if let Some(cond) = &self.cond {
            cond.walk(see);
        }
    }
}

impl BodyEntry {
    fn walk(&self, see: &mut dyn FnMut(&Ex)) {
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
