//! Record types that extend others: `type Api = Service & { port : Port }`. The fields of the base come first, so that a record that extends
//! another is one of that type, too, wherever it is wanted.

use super::errors;
use super::scope::*;
use super::ty::*;
use crate::source::{FileId, Span};
use crate::syntax::ast::{self, TypeBase};
use std::sync::Arc;

impl Checker<'_> {
    /// The place of `base & { fields }`; the record was made beforehand for a declaration.
    pub(super) fn extended(
        &mut self,
        path: &[ast::Name],
        fields: &[ast::Field],
        at: Span,
        file: FileId,
        declared: Option<RecId>,
    ) -> RefinedType {
        let base_at = path.first().map_or(at, |name| name.at);
        let place = self.named(path, base_at, file);
        let record = declared.unwrap_or_else(|| self.new_record(None, at));
        // Its types are looked at even where nothing is known of the base.
        self.add_fields(record, fields, file);
        let base = match self.types.get(place.ty) {
            Ty::Record(base) => *base,
            Ty::Error(_) => return place,
            _ => {
                let name = self.types.name(place.ty);
                let report = errors::bad_type_use(base_at, format!("`{name}` is no record type"), NO_RECORD);
                let why = self.problems.push(report);
                return self.anywhere(why);
            }
        };
        self.types.records[record.0 as usize].base = Some(base);
        match &mut self.todo_bases {
            Some(todo) => todo.push(record),
            None => self.inherit(record),
        }
        // A condition on the whole base holds for what extends it.
        RefinedType { ty: self.types.intern(Ty::Record(record)), refine: place.refine }
    }

    /// Gives the records that extend others the fields of these. To be called when all fields are known: files may add some to any record.
    pub(super) fn inherit_all(&mut self) {
        // A base was declared before what extends it.
        for record in self.todo_bases.take().unwrap_or_default() {
            self.inherit(record);
        }
    }

    fn inherit(&mut self, record: RecId) {
        let Some(base) = self.types.record(record).base else { return };
        let mut fields = self.types.record(base).fields.clone();
        let mut index = self.types.record(base).index.clone();
        let n_base = fields.len() as u32;
        let own = std::mem::take(&mut self.types.records[record.0 as usize].fields);
        // Where each field of its own goes.
        let mut moved: Vec<Result<u32, RefinedType>> = Vec::with_capacity(own.len());
        for field in own {
            if let Some(first) = index.get(&field.name) {
                let first = fields[*first as usize].at;
                self.problems.push(errors::duplicate(field.at, "the field", &field.name, first));
                moved.push(Err(field.place));
                continue;
            }
            moved.push(Ok(fields.len() as u32));
            index.insert(field.name.clone(), fields.len() as u32);
            fields.push(field);
        }
        let def = &mut self.types.records[record.0 as usize];
        (def.fields, def.index) = (fields, index);
        for (owner, index, ..) in &mut self.todo_defaults {
            match (&owner, moved.get(*index as usize)) {
                (Owner::Record(id), Some(Ok(to))) if *id == record => *index = *to,
                (Owner::Record(id), Some(Err(place))) if *id == record => {
                    *owner = Owner::Nobody(Some(record), place.clone());
                }
                _ => {}
            }
        }
        let waiting = std::mem::take(&mut self.defaulted);
        self.defaulted = waiting
            .into_iter()
            .filter_map(|(id, index)| match id == record {
                true => moved.get(index as usize)?.as_ref().ok().map(|to| (id, *to)),
                false => Some((id, index)),
            })
            .collect();
        for index in 0..n_base {
            if self.defaulted.contains(&(base, index)) {
                self.defaulted.insert((record, index));
            }
        }
        self.inherited.push((record, base, n_base));
    }

    /// Gives them the defaults, which read `self` as the base does.
    pub(super) fn inherit_defaults(&mut self) {
        for (record, base, n_fields) in &self.inherited {
            for i in 0..*n_fields as usize {
                let default = self.types.record(*base).fields[i].default.clone();
                self.types.records[record.0 as usize].fields[i].default = default;
            }
        }
    }

    /// The declared record that brings a field: the type of a number, or what it extends.
    pub(super) fn declares(&self, mut id: u32, field: &Arc<str>) -> u32 {
        for _ in 0..self.type_decls.len() {
            let decl = &self.type_decls[id as usize];
            let TypeBase::Extended(path, own) = &decl.ty.base else { break };
            let Some(base) = path.first().filter(|_| !own.iter().any(|it| it.name.text == *field)) else {
                break;
            };
            match self.find(decl.file, &base.text, |it| matches!(it, Decl::Type(_))) {
                Found::One(Decl::Type(base), _) if self.type_decls[base as usize].record.is_some() => {
                    id = base
                }
                _ => break,
            }
        }
        id
    }
}

const NO_RECORD: Option<&str> = Some("`T & { … }` adds fields to a record type");
