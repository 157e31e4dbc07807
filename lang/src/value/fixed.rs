//! What a field is that nobody defines and whose default is made of literals: data, found once for all records of one type.

use super::engine::Engine;
use super::plain::{Payload, plain_kind};
use crate::data::{Data, DataKind, Origin};
use crate::source::Span;
use crate::types::hir::{BodyEntry, StepH, TypedExpr, TypedKind};
use crate::types::ty::{RefinedType, Ty, TyId};
use std::sync::Arc;

/// A text that nobody else holds: two threads that count who holds one text wait for each other.
pub(super) fn own(text: &str) -> Arc<str> {
    text.into()
}

impl Engine {
    /// The data of a default that is a scalar, a list of scalars or a map of them, if it needs nothing to be evaluated or tried.
    pub(super) fn fixed_data(
        &self,
        place: &RefinedType,
        default: &TypedExpr,
        nothing: &Payload,
    ) -> Option<Data> {
        let types = &self.program.types;
        let kind = match (&default.kind, types.get(place.ty)) {
            // It was tried with all literals.
            (TypedKind::Const(_), _) if types.is_leaf(place.ty) => {
                return self.scalar(default, place.ty, default.at, nothing);
            }
            _ if place.refine.is_some() || self.deep[place.ty.index()] => return None,
            (TypedKind::List(items), Ty::List(item)) => {
                let items = items.iter().map(|it| self.scalar(it, *item, default.at, nothing));
                DataKind::List(items.collect::<Option<_>>()?)
            }
            (TypedKind::Body(_, entries), Ty::Map(_, item)) if types.keys_of_another(place.ty).is_none() => {
                DataKind::Map(self.entries(entries, *item, default.at, nothing)?.into())
            }
            _ => return None,
        };
        Some(Data { kind, origin: Origin { at: default.at, through: None } })
    }

    /// The entries of a map of scalars, sorted, if each is named once.
    fn entries(
        &self,
        entries: &[BodyEntry],
        item: TyId,
        default_at: Span,
        nothing: &Payload,
    ) -> Option<Vec<(Arc<str>, Data)>> {
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let BodyEntry::Set(path, value, at) = entry else { return None };
            let [StepH::Name(name)] = &**path else { return None };
            let through = Some(default_at).filter(|through| through != at);
            let value = self.scalar(value, item, *at, nothing)?;
            all.push((own(name), Data { origin: Origin { at: *at, through }, ..value }));
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.is_sorted_by(|(a, _), (b, _)| a < b).then_some(all)
    }

    /// A literal that holds no other.
    fn scalar(&self, ex: &TypedExpr, ty: TyId, at: Span, nothing: &Payload) -> Option<Data> {
        let TypedKind::Const(value) = &ex.kind else { return None };
        let kind = match plain_kind(&self.program.types, value, ty, nothing)? {
            DataKind::Str(text) => DataKind::Str(own(&text)),
            DataKind::Enum(name, nothing) => DataKind::Enum(own(&name), nothing),
            kind => kind,
        };
        Some(Data { kind, origin: Origin { at, through: None } })
    }
}
