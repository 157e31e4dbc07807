//! Written types to types: names, records, enums, `key of`, conditions.

use super::errors;
use super::scope::*;
use super::steps::{Lends, type_meant};
use super::ty::*;
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};
use crate::syntax::ast::{self, TypeBase};
use indexmap::IndexMap;
use std::sync::Arc;

const BASIC: &[(&str, TyId)] = &[
    ("Bool", TyId::BOOL),
    ("Int", TyId::INT),
    ("Float", TyId::FLOAT),
    ("Str", TyId::STR),
    ("Ip", TyId::IP),
    ("Cidr", TyId::CIDR),
    ("Duration", TyId::DURATION),
    ("Size", TyId::SIZE),
    ("Secret", TyId::SECRET),
    ("Version", TyId::VERSION),
    ("Tree", TyId::TREE),
];

/// How many names may be declared by each other.
pub(super) const MOST_NAMES: usize = 256;

impl Checker<'_> {
    /// The place that a written type describes.
    pub fn place(&mut self, ty: &ast::TypeExpr, file: FileId) -> RefinedType {
        self.place_for(ty, file, None)
    }

    /// The same, filling the record made beforehand for a declaration.
    pub fn place_for(
        &mut self,
        ty: &ast::TypeExpr,
        file: FileId,
        declared: Option<(RecId, Arc<str>)>,
    ) -> RefinedType {
        let mut place = match &ty.base {
            TypeBase::Error(why) => self.anywhere(*why),
            TypeBase::Named(path) => self.named(path, ty.at, file),
            TypeBase::List(item) => {
                let item = self.place(item, file);
                self.around(item, Ty::List)
            }
            TypeBase::Set(item) => {
                let item = self.place(item, file);
                self.around(item, Ty::Set)
            }
            TypeBase::Map(key, value) => self.map(key, value, file),
            TypeBase::Key(path) => RefinedType::plain(self.key_of(path, ty.at, file)),
            TypeBase::Record(fields) => {
                let id = declared.as_ref().map(|(id, _)| *id).unwrap_or_else(|| self.new_record(None, ty.at));
                self.add_fields(id, fields, file);
                RefinedType::plain(self.types.intern(Ty::Record(id)))
            }
            TypeBase::Extended(path, fields) => {
                self.extended(path, fields, ty.at, file, declared.map(|(id, _)| id))
            }
            TypeBase::Enum(variants) => {
                self.enumeration(variants, ty.at, file, declared.map(|(_, name)| name))
            }
        };
        if ty.optional {
            place = self.optional(place, ty.at);
        }
        if let Some(cond) = &ty.refine {
            // A condition on an optional is about the value that is there.
            let inner = self.types.unwrap(place.ty);
            let id = self.later_where(cond, inner, file);
            let mut refine = place.refine.as_deref().cloned().unwrap_or_default();
            refine.wheres.push(id);
            place.refine = Some(Arc::new(refine));
        }
        place
    }

    fn around(&mut self, item: RefinedType, make: fn(TyId) -> Ty) -> RefinedType {
        let ty = self.types.intern(make(item.ty));
        RefinedType {
            ty,
            refine: item.refine.map(|r| Arc::new(Refine { item: Some(r), ..Refine::default() })),
        }
    }

    fn optional(&mut self, inner: RefinedType, at: Span) -> RefinedType {
        if matches!(self.types.get(inner.ty), Ty::Opt(_)) {
            self.problems.push(errors::bad_type_use(
                at,
                "an optional of an optional",
                Some("one `?` is enough"),
            ));
            return inner;
        }
        RefinedType { ty: self.types.opt(inner.ty), refine: inner.refine }
    }

    fn map(&mut self, key: &ast::TypeExpr, value: &ast::TypeExpr, file: FileId) -> RefinedType {
        let key_place = self.place(key, file);
        let value_place = self.place(value, file);
        if !matches!(self.types.get(key_place.ty), Ty::Str | Ty::Key(_) | Ty::Error(_)) {
            let found = self.types.name(key_place.ty);
            self.problems.push(errors::bad_type_use(
                key.at,
                format!("a map cannot have keys of type {found}"),
                Some("keys are texts, or keys of another map"),
            ));
        }
        if matches!(self.types.get(value_place.ty), Ty::Opt(_)) {
            self.problems.push(errors::bad_type_use(
                value.at,
                "a map of optionals",
                Some("leave out the `?`: a key that is not there is what `none` means"),
            ));
        }
        let ty = self.types.intern(Ty::Map(key_place.ty, value_place.ty));
        let refine = (key_place.refine.is_some() || value_place.refine.is_some()).then(|| {
            Arc::new(Refine { wheres: Vec::new(), key: key_place.refine, item: value_place.refine })
        });
        RefinedType { ty, refine }
    }

    pub(super) fn named(&mut self, path: &[ast::Name], at: Span, file: FileId) -> RefinedType {
        let [first] = path else {
            let help = Some("did you mean `key of …`?");
            let why = self.problems.push(errors::bad_type_use(at, "a type has no parts", help));
            return self.anywhere(why);
        };
        match self.find(file, &first.text, |d| matches!(d, Decl::Type(_))) {
            Found::One(Decl::Type(id), _) => self.declared(id, at),
            Found::Many(places) => {
                let why = self.problems.push(errors::ambiguous(at, &first.text, &places));
                self.anywhere(why)
            }
            _ => match BASIC.iter().find(|(name, _)| *name == &*first.text) {
                Some((_, ty)) => RefinedType::plain(*ty),
                None => {
                    let diagnostic = self.no_such_type(first, file);
                    let why = self.problems.push(diagnostic);
                    self.anywhere(why)
                }
            },
        }
    }

    /// The report of a type that nobody declares.
    pub(super) fn no_such_type(&mut self, name: &ast::Name, file: FileId) -> Diagnostic {
        let lent = type_meant(&name.text).or_else(|| self.use_meant(&[Lends::Type], &name.text));
        let mut known = self.visible(file, |d| matches!(d, Decl::Type(_)));
        known.extend(BASIC.iter().map(|(n, _)| n.to_string()));
        errors::no_such_type(name.at, &name.text, known.iter().map(String::as_str)).help_opt(lent)
    }

    /// The meaning of a declared type.
    pub fn declared(&mut self, id: u32, used_at: Span) -> RefinedType {
        let decl = self.type_decls[id as usize].clone();
        match decl.state {
            State::Done(place) => place,
            State::Busy => {
                let why = self.problems.push(errors::recursive_type(used_at, &decl.name));
                self.anywhere(why)
            }
            State::Todo if self.depth == MOST_NAMES => {
                let why = self.problems.push(errors::too_deep(used_at, MOST_NAMES));
                self.anywhere(why)
            }
            State::Todo => {
                self.depth += 1;
                self.type_decls[id as usize].state = State::Busy;
                let record = decl.record.map(|r| (r, decl.name.clone()));
                let name_for_enum = Some((RecId(u32::MAX), decl.name.clone()));
                let is_enum = matches!(decl.ty.base, TypeBase::Enum(_));
                let declared = if is_enum { name_for_enum } else { record };
                let place = self.documented(&decl.doc, |it| it.place_for(&decl.ty, decl.file, declared));
                self.type_decls[id as usize].state = State::Done(place.clone());
                self.depth -= 1;
                place
            }
        }
    }

    fn enumeration(
        &mut self,
        variants: &[ast::Variant],
        at: Span,
        file: FileId,
        name: Option<Arc<str>>,
    ) -> RefinedType {
        let id = EnumId(self.types.enums.len() as u32);
        self.types.enums.push(EnumDef { name, at, variants: Vec::new() });
        let mut all: Vec<(Arc<str>, Vec<FieldDef>)> = Vec::new();
        let mut first_at: IndexMap<Arc<str>, Span> = IndexMap::new();
        for variant in variants {
            if let Some(first) = first_at.get(&variant.name.text) {
                self.problems.push(errors::duplicate(
                    variant.name.at,
                    "the variant",
                    &variant.name.text,
                    *first,
                ));
                for param in &variant.params {
                    let place = self.place(&param.ty, file);
                    if let Some(default) = &param.default {
                        self.todo_defaults.push((Owner::Nobody(None, place), 0, default.clone(), file));
                    }
                }
                continue;
            }
            first_at.insert(variant.name.text.clone(), variant.name.at);
            let mut payload = Vec::new();
            for (i, param) in variant.params.iter().enumerate() {
                let place = self.place(&param.ty, file);
                if let Some(default) = &param.default {
                    self.todo_defaults.push((
                        Owner::Variant(id, all.len() as u32),
                        i as u32,
                        default.clone(),
                        file,
                    ));
                }
                payload.push(FieldDef {
                    name: param.name.text.clone(),
                    at: param.name.at,
                    file,
                    doc: None,
                    place,
                    default: None,
                });
            }
            all.push((variant.name.text.clone(), payload));
        }
        self.types.enums[id.0 as usize].variants = all;
        RefinedType::plain(self.types.intern(Ty::Enum(id)))
    }

    /// A record without fields yet.
    pub fn new_record(&mut self, name: Option<Arc<str>>, at: Span) -> RecId {
        self.types.records.push(RecordDef {
            name,
            at,
            base: None,
            fields: Vec::new(),
            index: IndexMap::new(),
        });
        RecId(self.types.records.len() as u32 - 1)
    }

    /// Adds fields to a record.
    pub fn add_fields(&mut self, id: RecId, fields: &[ast::Field], file: FileId) {
        for field in fields {
            let place = self.documented(&field.doc, |it| it.place(&field.ty, file));
            self.add_field(id, &field.name, field.doc.clone(), place, field.default.as_ref(), file);
        }
    }

    /// Adds one field to a record.
    pub fn add_field(
        &mut self,
        id: RecId,
        name: &ast::Name,
        doc: Option<Arc<str>>,
        place: RefinedType,
        default: Option<&ast::Expr>,
        file: FileId,
    ) {
        let record = &self.types.records[id.0 as usize];
        if let Some(first) = record.find(&name.text) {
            let first = record.fields[first as usize].at;
            self.problems.push(errors::duplicate(name.at, "the field", &name.text, first));
            if let Some(default) = default {
                self.todo_defaults.push((Owner::Nobody(Some(id), place), 0, default.clone(), file));
            }
            return;
        }
        let index = record.fields.len() as u32;
        let record = &mut self.types.records[id.0 as usize];
        record.index.insert(name.text.clone(), index);
        record.fields.push(FieldDef {
            name: name.text.clone(),
            at: name.at,
            file,
            doc,
            place,
            default: None,
        });
        if let Some(default) = default {
            self.defaulted.insert((id, index));
            self.todo_defaults.push((Owner::Record(id), index, default.clone(), file));
        }
    }

    fn key_of(&mut self, path: &[ast::Name], at: Span, file: FileId) -> TyId {
        let Some(first) = path.first() else {
            let why = self.problems.push(Diagnostic::bug(at, "`key of` names nothing"));
            return self.types.error(why);
        };
        if let Found::One(Decl::Type(id), _) = self.find(file, &first.text, |d| matches!(d, Decl::Type(_))) {
            let id = path.get(1).map_or(id, |field| self.declares(id, &field.text));
            let Some(record) = self.type_decls[id as usize].record else {
                let message = format!("`{}` is no record", first.text);
                let why = self.problems.push(errors::bad_type_use(at, message, None));
                return self.types.error(why);
            };
            let [_, field] = path else {
                let help = format!("write `key of {}.field`", first.text);
                let message = "`key of` a type names one map of it";
                let why = self.problems.push(errors::bad_type_use(at, message, Some(&help)));
                return self.types.error(why);
            };
            self.todo_keys.push((vec![first.text.clone(), field.text.clone()], field.at));
            return self.types.intern(Ty::Key(KeyOf::Nominal(record, field.text.clone())));
        }
        let names: Arc<[Arc<str>]> = path.iter().map(|n| n.text.clone()).collect();
        self.todo_keys.push((names.to_vec(), at));
        self.types.intern(Ty::Key(KeyOf::Root(names)))
    }

    /// Reports every `key of` that names no map. To be called when all options are known.
    pub fn check_keys(&mut self) {
        for (path, at) in std::mem::take(&mut self.todo_keys) {
            let nominal =
                self.type_decls.iter().find(|d| d.name == path[0] && path.len() == 2).and_then(|d| d.record);
            let key = match nominal {
                Some(rec) => KeyOf::Nominal(rec, path[1].clone()),
                None => KeyOf::Root(path.clone().into()),
            };
            if self.map_of(&key).is_none() {
                let known: Vec<Arc<str>> = match nominal {
                    Some(rec) => self.types.record(rec).fields.iter().map(|f| f.name.clone()).collect(),
                    None => self.types.record(self.root).fields.iter().map(|f| f.name.clone()).collect(),
                };
                let help =
                    crate::diag::did_you_mean(path.last().map_or("", |s| s), known.iter().map(|s| &**s));
                let why = self.problems.push(errors::bad_type_use(
                    at,
                    format!("`{}` is not a map", path.join(".")),
                    Some(
                        help.as_deref()
                            .unwrap_or("`key of` names a map of the root, or a map of a record type"),
                    ),
                ));
                self.bad_keys.push((key, why));
            }
        }
    }
}
