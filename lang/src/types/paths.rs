//! Paths of definitions: where each step leads.

use super::errors;
use super::hir::*;
use super::scope::*;
use super::steps::Lends;
use super::ty::*;
use crate::diag::Reported;
use crate::live::Value;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, StepKind};
use std::sync::Arc;

/// A place on a path: its type, what it is if it is a map, and whether it may be taken away by `none`.
#[derive(Clone, Debug)]
pub struct Location {
    /// Type and conditions.
    pub place: RefinedType,
    /// Which map it is.
    pub identity: Option<KeyOf>,
    /// Whether it is a key of a map or a Tree.
    pub entry: bool,
}

impl Checker<'_> {
    /// The root as a location.
    pub fn root_spot(&mut self) -> Location {
        let ty = self.types.intern(Ty::Record(self.root));
        Location {
            place: RefinedType::plain(ty),
            identity: Some(KeyOf::Root(Vec::new().into())),
            entry: false,
        }
    }

    /// The location of a field of a record.
    pub(super) fn field_location(&mut self, location: &Location, rec: RecId, index: u32) -> Location {
        let record = self.types.record(rec);
        let field = &record.fields[index as usize];
        let identity = match (&record.name, &location.identity) {
            (Some(_), _) => Some(self.types.nominal(rec, field.name.clone())),
            (None, Some(KeyOf::Root(path))) => {
                Some(KeyOf::Root(path.iter().cloned().chain([field.name.clone()]).collect()))
            }
            _ => None,
        };
        Location { place: field.place.clone(), identity, entry: false }
    }

    /// Goes one step along a path.
    pub(super) fn step(
        &mut self,
        location: &Location,
        step: &ast::Step,
        cx: &mut Ctx,
    ) -> Result<(StepH, Location), Reported> {
        let ty = self.types.unwrap(location.place.ty);
        match self.types.get(ty).clone() {
            Ty::Record(rec) => {
                let name = match &step.kind {
                    StepKind::Word(name) => name.clone(),
                    StepKind::Text(text) if let Some(name) = text.literal() => name,
                    _ => {
                        let message = "the fields of a record have fixed names";
                        let why = self.problems.push(errors::bad_path(step.at, message, None));
                        self.key_anywhere(step, why, cx);
                        return Err(why);
                    }
                };
                match self.types.record(rec).find(&name) {
                    Some(index) => Ok((StepH::Name(name), self.field_location(location, rec, index))),
                    None => {
                        let lent =
                            if rec == self.root { self.use_meant(&[Lends::Option], &name) } else { None };
                        let record = self.types.record(rec);
                        let known = record.fields.iter().map(|f| &*f.name);
                        let diagnostic = if rec == self.root {
                            errors::unknown_root(step.at, &name, known).help_opt(lent)
                        } else {
                            let owner =
                                record.name.as_ref().map_or("this record".to_string(), |n| format!("`{n}`"));
                            errors::unknown_field(step.at, &name, &owner, Some(record.at), known)
                                .help_opt(self.renamed(&name, rec))
                        };
                        Err(self.problems.push(diagnostic))
                    }
                }
            }
            Ty::Map(key, value) => {
                let next = Location { place: location.place.item(value), identity: None, entry: true };
                let key_place = location.place.key(key);
                let step = match &step.kind {
                    StepKind::Word(name) => self.known_key(name.clone(), step.at, key, &key_place),
                    StepKind::Text(text) => match text.literal() {
                        Some(plain) => self.known_key(plain, step.at, key, &key_place),
                        None => {
                            let ex = self.key_text(text, cx);
                            StepH::Computed(Arc::new(self.keyed(ex, key)), true)
                        }
                    },
                    StepKind::Index(e) => match &e.kind {
                        ExprKind::Variant { name, args } if args.is_empty() => {
                            self.known_key(name.text.clone(), e.at, key, &key_place)
                        }
                        ExprKind::Text(text) => match text.literal() {
                            Some(plain) => self.known_key(plain, e.at, key, &key_place),
                            None => {
                                let ex = self.key_text(text, cx);
                                StepH::Computed(Arc::new(self.keyed(ex, key)), true)
                            }
                        },
                        _ => {
                            let (ex, known) = self.map_key(e, key, location.identity.clone(), cx);
                            StepH::Computed(Arc::new(ex), !known)
                        }
                    },
                };
                Ok((step, next))
            }
            Ty::Tree => {
                let next = Location { place: RefinedType::plain(TyId::TREE), identity: None, entry: true };
                let step = match &step.kind {
                    StepKind::Word(name) => StepH::Name(name.clone()),
                    StepKind::Text(text) => match text.literal() {
                        Some(plain) => StepH::Name(plain),
                        None => StepH::Computed(Arc::new(self.key_text(text, cx)), true),
                    },
                    StepKind::Index(e) => StepH::Computed(Arc::new(self.tree_key(e, cx)), true),
                };
                Ok((step, next))
            }
            Ty::Error(why) => {
                self.key_anywhere(step, why, cx);
                Err(why)
            }
            _ => {
                let name = self.types.name(ty);
                let message = format!("nothing lies below a {name}");
                let help = "it is a leaf: define it whole, at the path above";
                let why = self.problems.push(errors::bad_path(step.at, message, Some(help)));
                self.key_anywhere(step, why, cx);
                Err(why)
            }
        }
    }

    /// A step where none can be: what is computed in it is looked at all the same.
    pub(super) fn key_anywhere(&mut self, step: &ast::Step, why: Reported, cx: &mut Ctx) {
        match &step.kind {
            StepKind::Word(_) => {}
            StepKind::Text(text) => drop(self.key_text(text, cx)),
            StepKind::Index(key) => self.look_at([&**key], why, cx),
        }
    }

    /// A key with interpolations where the keys are those of another map: looked up there.
    pub(super) fn keyed(&mut self, ex: TypedExpr, key: TyId) -> TypedExpr {
        match self.types.get(key).clone() {
            Ty::Key(of) => TypedExpr { at: ex.at, kind: TypedKind::KeyName(of, Box::new(ex)) },
            _ => ex,
        }
    }

    pub(super) fn known_key(&mut self, name: Arc<str>, at: Span, key: TyId, place: &RefinedType) -> StepH {
        if !place.wheres().is_empty() {
            self.literals.push((place.wheres().to_vec(), Value::Str(name.clone()), at));
        }
        if let Ty::Key(KeyOf::Root(path)) = self.types.get(key).clone() {
            // Verified when evaluated, like every key by name.
            self.key_names.push((KeyOf::Root(path), name.clone(), at));
        }
        StepH::Name(name)
    }

    pub(super) fn walk_path(
        &mut self,
        location: &Location,
        path: &[ast::Step],
        cx: &mut Ctx,
    ) -> Result<(Vec<StepH>, Location), Reported> {
        let mut steps = Vec::new();
        let mut location = location.clone();
        for (i, step) in path.iter().enumerate() {
            match self.step(&location, step, cx) {
                Ok((next, next_spot)) => {
                    steps.push(next);
                    location = next_spot;
                }
                Err(why) => {
                    path[i + 1..].iter().for_each(|step| self.key_anywhere(step, why, cx));
                    return Err(why);
                }
            }
        }
        Ok((steps, location))
    }
}
