//! Types: interned, so that equal types are equal ids. A `where` belongs to a [`RefinedType`], never to a type.

use super::hir::{TypedExpr, WhereId};
use crate::diag::Reported;
use crate::source::{FileId, Span};
use indexmap::IndexSet;
use std::sync::Arc;

/// An interned type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TyId(u32);

/// A record type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RecId(pub u32);

/// An enum type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EnumId(pub u32);

/// Which map a `key of` names.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum KeyOf {
    /// A map of the root, by the path of its option.
    Root(Arc<[Arc<str>]>),
    /// A map of the record of this type in which the value lies.
    Nominal(RecId, Arc<str>),
}

/// A type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names are the types of the language")]
pub enum Ty {
    /// Something that was reported; agrees with everything.
    Error(Reported),
    Bool,
    Int,
    Float,
    Str,
    Ip,
    Cidr,
    Duration,
    Size,
    Secret,
    Version,
    Tree,
    List(TyId),
    Set(TyId),
    Map(TyId, TyId),
    Record(RecId),
    Enum(EnumId),
    Opt(TyId),
    Key(KeyOf),
}

/// A type and the conditions that a value must meet to stand at this place.
#[derive(Clone, Debug)]
pub struct RefinedType {
    /// The type.
    pub ty: TyId,
    /// The conditions here and inside.
    pub refine: Option<Arc<Refine>>,
}

/// Conditions on a value, on the keys of a map, on what lies in a list, set, map or optional.
#[derive(Clone, Debug, Default)]
pub struct Refine {
    /// On the value itself.
    pub wheres: Vec<WhereId>,
    /// On keys.
    pub key: Option<Arc<Refine>>,
    /// On items, values of a map, the inner value of an optional.
    pub item: Option<Arc<Refine>>,
}

impl RefinedType {
    /// A place without conditions.
    pub fn plain(ty: TyId) -> RefinedType {
        RefinedType { ty, refine: None }
    }

    /// The place of what lies inside, with its type.
    pub fn item(&self, ty: TyId) -> RefinedType {
        RefinedType { ty, refine: self.refine.as_ref().and_then(|r| r.item.clone()) }
    }

    /// The place of the keys, with their type.
    pub fn key(&self, ty: TyId) -> RefinedType {
        RefinedType { ty, refine: self.refine.as_ref().and_then(|r| r.key.clone()) }
    }

    /// The conditions on the value itself.
    pub fn wheres(&self) -> &[WhereId] {
        self.refine.as_ref().map_or(&[], |r| &r.wheres)
    }
}

/// A field of a record, or of a variant's payload.
#[derive(Clone, Debug)]
pub struct FieldDef {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub at: Span,
    /// The file of the declaration.
    pub file: FileId,
    /// Its documentation.
    pub doc: Option<Arc<str>>,
    /// Its type and conditions.
    pub place: RefinedType,
    /// Its default; `self`, `key` may be read in it.
    pub default: Option<Arc<TypedExpr>>,
}

/// A record type.
#[derive(Clone, Debug)]
pub struct RecordDef {
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Where it is declared.
    pub at: Span,
    /// The record that it extends; its fields come first.
    pub base: Option<RecId>,
    /// Its fields in order.
    pub fields: Vec<FieldDef>,
    /// Positions by name.
    pub index: indexmap::IndexMap<Arc<str>, u32>,
}

impl RecordDef {
    /// The position of a field.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.index.get(name).copied()
    }
}

/// An enum type.
#[derive(Clone, Debug)]
pub struct EnumDef {
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Where it is declared.
    pub at: Span,
    /// Its variants with their payload.
    pub variants: Vec<(Arc<str>, Vec<FieldDef>)>,
}

impl EnumDef {
    /// The position of a variant.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.variants.iter().position(|(n, _)| &**n == name).map(|i| i as u32)
    }
}

/// All types of a program.
#[derive(Clone, Debug)]
pub struct Types {
    all: IndexSet<Ty>,
    /// The records.
    pub records: Vec<RecordDef>,
    /// The enums.
    pub enums: Vec<EnumDef>,
}

macro_rules! basic {
    ($($name:ident $ty:ident $n:literal,)*) => {
        impl TyId {
            $(#[doc = concat!("The type ", stringify!($ty), ".")] pub const $name: TyId = TyId($n);)*
        }
        const BASIC: &[Ty] = &[$(Ty::$ty,)*];
    };
}

basic! {
    BOOL Bool 0, INT Int 1, FLOAT Float 2, STR Str 3, IP Ip 4, CIDR Cidr 5, DURATION Duration 6, SIZE Size 7,
    SECRET Secret 8, VERSION Version 9, TREE Tree 10,
}

impl TyId {
    /// Its number among all types.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Default for Types {
    fn default() -> Types {
        Types { all: BASIC.iter().cloned().collect(), records: Vec::new(), enums: Vec::new() }
    }
}

impl Types {
    /// The id of a type.
    pub fn intern(&mut self, ty: Ty) -> TyId {
        TyId(self.all.insert_full(ty).0 as u32)
    }

    /// The type of what failed.
    pub fn error(&mut self, reported: Reported) -> TyId {
        self.intern(Ty::Error(reported))
    }

    /// That its failure was reported, if it is the type of what failed.
    pub fn failed(&self, id: TyId) -> Option<Reported> {
        match self.get(id) {
            Ty::Error(reported) => Some(*reported),
            _ => None,
        }
    }

    /// The type of an id.
    #[inline]
    pub fn get(&self, id: TyId) -> &Ty {
        &self.all[id.0 as usize]
    }

    /// All types, in the order of [`TyId::index`].
    pub fn ids(&self) -> impl Iterator<Item = TyId> {
        (0..self.all.len() as u32).map(TyId)
    }

    /// A record.
    #[inline]
    pub fn record(&self, id: RecId) -> &RecordDef {
        &self.records[id.0 as usize]
    }

    /// Whether a record is another one or extends it.
    pub fn extends(&self, id: RecId, base: RecId) -> bool {
        let mut at = Some(id);
        while let Some(here) = at {
            if here == base {
                return true;
            }
            at = self.record(here).base;
        }
        false
    }

    /// The map that a field of a record is, named by the record that declares the field.
    pub fn nominal(&self, id: RecId, field: Arc<str>) -> KeyOf {
        let mut owner = id;
        while let Some(base) =
            self.record(owner).base.filter(|base| self.record(*base).find(&field).is_some())
        {
            owner = base;
        }
        KeyOf::Nominal(owner, field)
    }

    /// An enum.
    #[inline]
    pub fn enumeration(&self, id: EnumId) -> &EnumDef {
        &self.enums[id.0 as usize]
    }

    /// `[T]`.
    pub fn list(&mut self, item: TyId) -> TyId {
        self.intern(Ty::List(item))
    }

    /// `T?`, never doubled.
    pub fn opt(&mut self, inner: TyId) -> TyId {
        match self.get(inner) {
            Ty::Opt(_) | Ty::Error(_) => inner,
            _ => self.intern(Ty::Opt(inner)),
        }
    }

    /// What lies in an optional, or the type itself.
    #[inline]
    pub fn unwrap(&self, id: TyId) -> TyId {
        match self.get(id) {
            Ty::Opt(inner) => *inner,
            _ => id,
        }
    }

    /// Which map the keys of a map are those of, if they are not its own.
    pub fn keys_of_another(&self, id: TyId) -> Option<&KeyOf> {
        let Ty::Map(key, _) = self.get(id) else { return None };
        match self.get(*key) {
            Ty::Key(of) => Some(of),
            _ => None,
        }
    }

    /// Whether values of the type are replaced whole, never merged.
    pub fn is_leaf(&self, id: TyId) -> bool {
        match self.get(id) {
            Ty::Record(_) | Ty::Map(..) | Ty::Tree => false,
            Ty::Opt(inner) => self.is_leaf(*inner),
            _ => true,
        }
    }

    /// Whether two types are one: equal, or unnamed records with equal fields.
    pub fn same(&self, a: TyId, b: TyId) -> bool {
        if a == b {
            return true;
        }
        match (self.get(a), self.get(b)) {
            (Ty::Error(_), _) | (_, Ty::Error(_)) => true,
            (Ty::List(x), Ty::List(y)) | (Ty::Set(x), Ty::Set(y)) | (Ty::Opt(x), Ty::Opt(y)) => {
                self.same(*x, *y)
            }
            (Ty::Map(k, v), Ty::Map(l, w)) => self.same(*k, *l) && self.same(*v, *w),
            (Ty::Record(x), Ty::Record(y)) => {
                let (x, y) = (self.record(*x), self.record(*y));
                x.name.is_none()
                    && y.name.is_none()
                    && x.fields.len() == y.fields.len()
                    && x.fields
                        .iter()
                        .zip(&y.fields)
                        .all(|(f, g)| f.name == g.name && self.same(f.place.ty, g.place.ty))
            }
            _ => false,
        }
    }

    /// Whether a value of type `a` may stand where `b` is wanted without being changed.
    pub fn fits(&self, a: TyId, b: TyId) -> bool {
        if self.same(a, b) {
            return true;
        }
        match (self.get(a), self.get(b)) {
            (Ty::Opt(x), Ty::Opt(y)) => self.fits(*x, *y),
            (_, Ty::Opt(y)) => self.fits(a, *y),
            (_, Ty::Tree) => self.fits_tree(a),
            (Ty::Record(x), Ty::Record(y)) => self.extends(*x, *y),
            (Ty::List(x), Ty::List(y)) => *y == TyId::TREE && self.fits_tree(*x),
            _ => false,
        }
    }

    /// Whether a value of the type can be a Tree.
    pub fn fits_tree(&self, id: TyId) -> bool {
        match self.get(id) {
            Ty::Error(_)
            | Ty::Bool
            | Ty::Int
            | Ty::Float
            | Ty::Str
            | Ty::Ip
            | Ty::Cidr
            | Ty::Secret
            | Ty::Tree
            | Ty::Key(_) => true,
            Ty::Enum(e) => self.enumeration(*e).variants.iter().all(|(_, p)| p.is_empty()),
            Ty::List(x) => self.fits_tree(*x),
            Ty::Opt(x) => self.fits_tree(*x),
            Ty::Map(k, v) => {
                matches!(self.get(*k), Ty::Str | Ty::Key(_) | Ty::Error(_)) && self.fits_tree(*v)
            }
            Ty::Record(r) => self.record(*r).fields.iter().all(|f| self.fits_tree(f.place.ty)),
            _ => false,
        }
    }

    /// Whether a Secret may lie in a value of the type.
    pub fn holds_secret(&self, id: TyId) -> bool {
        match self.get(id) {
            Ty::Secret | Ty::Tree => true,
            Ty::List(x) | Ty::Set(x) | Ty::Opt(x) | Ty::Map(_, x) => self.holds_secret(*x),
            Ty::Record(r) => self.record(*r).fields.iter().any(|f| self.holds_secret(f.place.ty)),
            Ty::Enum(e) => self
                .enumeration(*e)
                .variants
                .iter()
                .any(|(_, p)| p.iter().any(|f| self.holds_secret(f.place.ty))),
            _ => false,
        }
    }

    /// The type as reports print it.
    pub fn name(&self, id: TyId) -> String {
        match self.get(id) {
            Ty::Error(_) => "?".into(),
            Ty::List(x) => format!("[{}]", self.name(*x)),
            Ty::Set(x) => format!("set of {}", self.name(*x)),
            Ty::Opt(x) => format!("{}?", self.name(*x)),
            Ty::Map(k, v) => format!("{{[{}]: {}}}", self.name(*k), self.name(*v)),
            Ty::Key(KeyOf::Root(path)) => format!("key of {}", path.join(".")),
            Ty::Key(KeyOf::Nominal(rec, field)) => {
                format!("key of {}.{field}", self.record(*rec).name.as_deref().unwrap_or("record"))
            }
            Ty::Record(r) => match &self.record(*r).name {
                Some(name) => name.to_string(),
                None => {
                    let names: Vec<_> = self.record(*r).fields.iter().take(4).map(|f| &*f.name).collect();
                    format!(
                        "{{ {}{} }}",
                        names.join(", "),
                        if self.record(*r).fields.len() > 4 { ", …" } else { "" }
                    )
                }
            },
            Ty::Enum(e) => match &self.enumeration(*e).name {
                Some(name) => name.to_string(),
                None => {
                    let all: Vec<_> =
                        self.enumeration(*e).variants.iter().take(5).map(|(n, _)| &**n).collect();
                    format!("enum {{ {} }}", all.join(", "))
                }
            },
            other => format!("{other:?}"),
        }
    }
}
