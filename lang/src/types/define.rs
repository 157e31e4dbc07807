//! Braces as definitions: they are taken apart into leaves.

use super::errors;
use super::hir::*;
use super::paths::Location;
use super::scope::*;
use super::ty::*;
use crate::rank;
use crate::source::{FileId, Layer, Span};
use crate::syntax::ast::{self, ExprKind, Op};
use std::sync::Arc;

/// What all definitions from one statement share.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// The statement's file.
    pub file: FileId,
    /// Its strength.
    pub strength: u8,
    /// Its operator.
    pub op: Op,
    /// The chain around it.
    pub group: GroupId,
}

/// Steps from the root to what is defined: braces in each other have as many levels.
const MOST_STEPS: usize = 256;

impl Checker<'_> {
    /// A chain with one more level.
    pub(super) fn push_group(&mut self, parent: GroupId, kind: GroupKind, n_slots: u32, at: Span) -> GroupId {
        let depth = self.groups[parent.0 as usize].depth + 1;
        self.groups.push(Group { parent, kind, n_slots, depth, at });
        GroupId(self.groups.len() as u32 - 1)
    }

    /// The entries of braces as definitions below a location.
    pub fn entries(
        &mut self,
        entries: &[ast::Entry],
        location: &Location,
        prefix: &[StepH],
        meta: Meta,
        top: bool,
        cx: &mut Ctx,
    ) {
        let n_vars = cx.vars.len();
        for entry in entries {
            match entry {
                ast::Entry::Let(binding) => self.shared_let(binding, cx),
                ast::Entry::Loop(l) => {
                    self.in_loop(&l.generator, cx, |checker, each, cx| {
                        let mut group = meta.group;
                        for bind in each.binds {
                            let n_slots = bind.n_slots();
                            group = checker.push_group(group, GroupKind::Loop(bind), n_slots, each.at);
                        }
                        if let Some(cond) = each.cond {
                            let guard = GroupKind::Guard(Arc::new(cond), true);
                            group = checker.push_group(group, guard, cx.n_slots, each.at);
                        }
                        checker.entries(&l.body.entries, location, prefix, Meta { group, ..meta }, top, cx);
                    });
                }
                ast::Entry::Guard(guard) => {
                    let cond = Arc::new(self.condition(&guard.cond, cx));
                    let at = guard.cond.at;
                    let group =
                        self.push_group(meta.group, GroupKind::Guard(cond.clone(), true), cx.n_slots, at);
                    self.entries(&guard.then.entries, location, prefix, Meta { group, ..meta }, top, cx);
                    if let Some(otherwise) = &guard.otherwise {
                        let group =
                            self.push_group(meta.group, GroupKind::Guard(cond, false), cx.n_slots, at);
                        self.entries(&otherwise.entries, location, prefix, Meta { group, ..meta }, top, cx);
                    }
                }
                ast::Entry::Define(define) => self.define(define, location, prefix, meta, top, cx),
            }
        }
        cx.vars.truncate(n_vars);
    }

    pub(super) fn shared_let(&mut self, binding: &ast::Let, cx: &mut Ctx) {
        let (ex, ty) = self.let_value(binding, cx);
        let var = Var::Shared(Arc::new(ex), ty, cx.n_slots);
        cx.vars.push((binding.name.text.clone(), var));
    }

    /// The value of a `let`, checked against its type if it has one.
    pub fn let_value(&mut self, binding: &ast::Let, cx: &mut Ctx) -> (TypedExpr, TyId) {
        match &binding.ty {
            Some(ty) => {
                let place = self.place(ty, cx.file);
                let of = || binding.name.text.to_string();
                (self.check_demanded(&binding.value, &place, of, cx), place.ty)
            }
            None => self.infer(&binding.value, cx),
        }
    }

    pub(super) fn define(
        &mut self,
        define: &ast::Define,
        location: &Location,
        prefix: &[StepH],
        meta: Meta,
        top: bool,
        cx: &mut Ctx,
    ) {
        let mut meta = meta;
        if top {
            // What a test gives stands above the site, wherever the test is written.
            let library = meta.file != GIVEN && self.files.all[meta.file.0 as usize].layer == Layer::Library;
            meta.op = define.op;
            meta.strength = match (library, define.op == Op::Suggest) {
                (true, true) => rank::LIBRARY_SUGGEST,
                (true, false) => rank::LIBRARY,
                (false, true) => rank::SITE_SUGGEST,
                (false, false) => rank::SITE,
            };
            if let Some(at) = define.force {
                if library {
                    self.problems.push(errors::bad_force(at));
                } else {
                    meta.strength = rank::FORCE;
                }
            }
        } else if define.op != Op::Set || define.force.is_some() {
            // What is meant is clear enough: it is read as if it were `=`.
            self.problems.push(errors::only_set(define.force.unwrap_or(define.op_at)));
        }
        let (steps, target) = match self.walk_path(location, &define.path, cx) {
            Ok(found) => found,
            // The value is still looked at, for what can be said of it alone.
            Err(why) => return self.look_at([&define.value], why, cx),
        };
        let mut path = prefix.to_vec();
        path.extend(steps);
        let path_at = define.path.first().map_or(define.at, |first| first.at);
        let at = path_at.to(define.value.at);
        self.give(&target, path, &define.value, meta, at, cx);
    }

    /// Puts a value at a path, taken apart if it is braces.
    pub(super) fn give(
        &mut self,
        location: &Location,
        path: Vec<StepH>,
        value: &ast::Expr,
        meta: Meta,
        at: Span,
        cx: &mut Ctx,
    ) {
        let ty = self.types.unwrap(location.place.ty);
        let is_opt = ty != location.place.ty;
        let kind = self.types.get(ty).clone();
        if matches!(meta.op, Op::Add | Op::Remove) && !matches!(kind, Ty::List(_) | Ty::Set(_) | Ty::Error(_))
        {
            let found = self.types.name(location.place.ty);
            let sign = if meta.op == Op::Add { "+=" } else { "-=" };
            let message = format!("`{sign}` is for lists and sets, this is {found}");
            let why = self.problems.push(errors::bad_operator(at, message, None));
            return self.look_at([value], why, cx);
        }
        let structured = matches!(kind, Ty::Record(_) | Ty::Map(..) | Ty::Tree);
        let given = match &value.kind {
            ExprKind::None if structured && (is_opt || location.entry) => Given::None,
            ExprKind::None if location.entry => Given::None,
            ExprKind::Body(body) if structured => {
                self.add_def(&path, meta, at, value.at, Given::Exists, true);
                let inner = Location {
                    place: RefinedType { ty, refine: location.place.refine.clone() },
                    identity: location.identity.clone(),
                    entry: false,
                };
                let meta = Meta { op: if meta.op == Op::Replace { Op::Set } else { meta.op }, ..meta };
                self.entries(&body.entries, &inner, &path, meta, false, cx);
                return;
            }
            _ => {
                // Conditions on the whole list are about what comes out, not about what is added or taken away.
                let place = match (meta.op, &location.place.refine) {
                    (Op::Remove, _) => RefinedType::plain(location.place.ty),
                    (Op::Add, Some(all)) => {
                        let items = Refine { wheres: Vec::new(), ..(**all).clone() };
                        RefinedType { ty: location.place.ty, refine: Some(Arc::new(items)) }
                    }
                    _ => location.place.clone(),
                };
                let ex = self.check(value, &place, cx);
                let known_good = matches!(ex.kind, TypedKind::Const(_)) && !structured;
                self.add_def(&path, meta, at, value.at, Given::Value(Arc::new(ex)), known_good);
                return;
            }
        };
        self.add_def(&path, meta, at, value.at, given, true);
    }

    pub(super) fn add_def(
        &mut self,
        path: &[StepH],
        meta: Meta,
        at: Span,
        value_at: Span,
        given: Given,
        known_good: bool,
    ) {
        let Meta { file, strength, op, group } = meta;
        if path.len() > MOST_STEPS {
            self.problems.push(errors::too_deep(at, MOST_STEPS));
            return;
        }
        self.defs.push(Def {
            at,
            value_at,
            file,
            strength,
            op,
            group,
            path: path.to_vec(),
            given,
            known_good,
        });
    }
}
