//! Values that hold no other, as data.

use crate::data::{Data, DataKind};
use crate::live::Value;
use crate::types::ty::{KeyOf, Ty, TyId, Types};
use std::sync::Arc;

/// What a variant carries.
pub(super) type Payload = Arc<[(Arc<str>, Data)]>;

/// What a value is that holds no other, and of which nothing has to be looked up. Nothing of one that failed.
pub(super) fn plain_kind(types: &Types, value: &Value, ty: TyId, nothing: &Payload) -> Option<DataKind> {
    Some(match value {
        Value::Bool(b) => DataKind::Bool(*b),
        Value::Int(n) => DataKind::Int(*n),
        Value::Float(n) => DataKind::Float(*n),
        Value::Ip(ip) => DataKind::Ip(*ip),
        Value::Cidr(net) => DataKind::Cidr(**net),
        Value::Duration(ms) => DataKind::Duration(*ms),
        Value::Size(bytes) => DataKind::Size(*bytes),
        Value::Str(text) => match types.get(types.unwrap(ty)) {
            Ty::Key(KeyOf::Nominal(..)) => return None,
            Ty::Key(KeyOf::Root(_)) => DataKind::Key(text.clone()),
            _ => DataKind::Str(text.clone()),
        },
        Value::Version(text) => DataKind::Str(text.clone()),
        Value::Enum(index, None) => match types.get(types.unwrap(ty)) {
            Ty::Enum(id) => {
                let (name, _) = &types.enumeration(*id).variants[*index as usize];
                DataKind::Enum(name.clone(), nothing.clone())
            }
            _ => return None,
        },
        _ => return None,
    })
}
