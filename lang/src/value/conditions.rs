//! What can be said of conditions before anything is evaluated.

use super::builtins;
use crate::live::Value;
use crate::types::hir::{Program, TypedExpr, TypedKind};
use crate::types::ty::{Ty, TyId, Types};
use std::collections::BTreeSet;
use std::sync::Arc;

/// For each type whether conditions lie in its values that are not said at the place: in fields of records and in what variants carry.
pub fn deep(types: &Types) -> Vec<bool> {
    let mut all = vec![None; types.ids().count()];
    types.ids().map(|ty| is_deep(types, ty, &mut all)).collect()
}

fn is_deep(types: &Types, ty: TyId, all: &mut [Option<bool>]) -> bool {
    if let Some(known) = all[ty.index()] {
        return known;
    }
    // Names of types do not recur; one that does was reported.
    all[ty.index()] = Some(false);
    let found = match types.get(ty) {
        Ty::List(item) | Ty::Set(item) | Ty::Opt(item) | Ty::Map(_, item) => is_deep(types, *item, all),
        Ty::Record(rec) => {
            let fields = &types.record(*rec).fields;
            fields.iter().any(|f| f.place.refine.is_some() || is_deep(types, f.place.ty, all))
        }
        Ty::Enum(id) => {
            let variants = &types.enumeration(*id).variants;
            variants.iter().any(|(_, payload)| payload.iter().any(|f| is_deep(types, f.place.ty, all)))
        }
        _ => false,
    };
    all[ty.index()] = Some(found);
    found
}

/// For each condition whether it reads nothing but `it`.
pub fn closed(program: &Program) -> Vec<bool> {
    program.wheres.iter().map(reads_only_it).collect()
}

fn reads_only_it(ex: &TypedExpr) -> bool {
    let mut closed = true;
    ex.walk(&mut |inner| {
        closed &= !matches!(
            inner.kind,
            TypedKind::Root(_)
                | TypedKind::Global(_)
                | TypedKind::Call(..)
                | TypedKind::KeyName(..)
                | TypedKind::Refinement(..)
        )
    });
    closed
}

/// The patterns that conditions name.
pub fn patterns(program: &Program) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    for ex in &program.wheres {
        ex.walk(&mut |inner| {
            if let TypedKind::Builtin(index, args, _) = &inner.kind
                && builtins::get(*index).name == "matches"
                && let Some(TypedKind::Const(Value::Str(pattern))) = args.get(1).map(|it| &it.kind)
            {
                found.insert(pattern.clone());
            }
        });
    }
    found
}
