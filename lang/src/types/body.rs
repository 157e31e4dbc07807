//! Braces: as definitions they are taken apart into leaves, as values they are built whole.

use super::errors;
use super::hir::*;
use super::scope::*;
use super::steps::Lends;
use super::ty::*;
use crate::diag::Reported;
use crate::live::Value;
use crate::rank;
use crate::source::{FileId, Layer, Span};
use crate::syntax::ast::{self, ExprKind, Op, StepKind};
use std::sync::Arc;

/// A place on a path: its type, what it is if it is a map, and whether it may be taken away by `none`.
#[derive(Clone, Debug)]
pub struct Spot {
    /// Type and conditions.
    pub place: Place,
    /// Which map it is.
    pub identity: Option<KeyOf>,
    /// Whether it is a key of a map or a Tree.
    pub entry: bool,
}

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
    /// The root as a spot.
    pub fn root_spot(&mut self) -> Spot {
        let ty = self.types.intern(Ty::Record(self.root));
        Spot { place: Place::plain(ty), identity: Some(KeyOf::Root(Vec::new().into())), entry: false }
    }

    /// The spot of a field of a record.
    fn field_spot(&mut self, spot: &Spot, rec: RecId, index: u32) -> Spot {
        let record = self.types.record(rec);
        let field = &record.fields[index as usize];
        let identity = match (&record.name, &spot.identity) {
            (Some(_), _) => Some(KeyOf::Nominal(rec, field.name.clone())),
            (None, Some(KeyOf::Root(path))) => {
                Some(KeyOf::Root(path.iter().cloned().chain([field.name.clone()]).collect()))
            }
            _ => None,
        };
        Spot { place: field.place.clone(), identity, entry: false }
    }

    /// Goes one step along a path.
    fn step(&mut self, spot: &Spot, step: &ast::Step, cx: &mut Cx) -> Result<(StepH, Spot), Reported> {
        let ty = self.types.unwrap(spot.place.ty);
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
                    Some(index) => Ok((StepH::Name(name), self.field_spot(spot, rec, index))),
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
                        };
                        Err(self.problems.push(diagnostic))
                    }
                }
            }
            Ty::Map(key, value) => {
                let next = Spot { place: spot.place.item(value), identity: None, entry: true };
                let key_place = spot.place.key(key);
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
                            let (ex, known) = self.map_key(e, key, spot.identity.clone(), cx);
                            StepH::Computed(Arc::new(ex), !known)
                        }
                    },
                };
                Ok((step, next))
            }
            Ty::Tree => {
                let next = Spot { place: Place::plain(TyId::TREE), identity: None, entry: true };
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
    fn key_anywhere(&mut self, step: &ast::Step, why: Reported, cx: &mut Cx) {
        match &step.kind {
            StepKind::Word(_) => {}
            StepKind::Text(text) => drop(self.key_text(text, cx)),
            StepKind::Index(key) => self.look_at([&**key], why, cx),
        }
    }

    /// A key with holes where the keys are those of another map: looked up there.
    fn keyed(&mut self, ex: Ex, key: TyId) -> Ex {
        match self.types.get(key).clone() {
            Ty::Key(of) => Ex { at: ex.at, kind: Ek::KeyName(of, Box::new(ex)) },
            _ => ex,
        }
    }

    fn known_key(&mut self, name: Arc<str>, at: Span, key: TyId, place: &Place) -> StepH {
        if !place.wheres().is_empty() {
            self.literals.push((place.wheres().to_vec(), Value::Str(name.clone()), at));
        }
        if let Ty::Key(KeyOf::Root(path)) = self.types.get(key).clone() {
            // Verified when evaluated, like every key by name.
            self.key_names.push((KeyOf::Root(path), name.clone(), at));
        }
        StepH::Name(name)
    }

    fn walk_path(
        &mut self,
        spot: &Spot,
        path: &[ast::Step],
        cx: &mut Cx,
    ) -> Result<(Vec<StepH>, Spot), Reported> {
        let mut steps = Vec::new();
        let mut spot = spot.clone();
        for (i, step) in path.iter().enumerate() {
            match self.step(&spot, step, cx) {
                Ok((next, next_spot)) => {
                    steps.push(next);
                    spot = next_spot;
                }
                Err(why) => {
                    path[i + 1..].iter().for_each(|step| self.key_anywhere(step, why, cx));
                    return Err(why);
                }
            }
        }
        Ok((steps, spot))
    }

    /// A chain with one more level.
    fn push_group(&mut self, parent: GroupId, kind: GroupKind, n_slots: u32, at: Span) -> GroupId {
        let depth = self.groups[parent.0 as usize].depth + 1;
        self.groups.push(Group { parent, kind, n_slots, depth, at });
        GroupId(self.groups.len() as u32 - 1)
    }

    /// The entries of braces as definitions below a spot.
    pub fn entries(
        &mut self,
        entries: &[ast::Entry],
        spot: &Spot,
        prefix: &[StepH],
        meta: Meta,
        top: bool,
        cx: &mut Cx,
    ) {
        let n_vars = cx.vars.len();
        for entry in entries {
            match entry {
                ast::Entry::Let(binding) => self.shared_let(binding, cx),
                ast::Entry::Loop(l) => {
                    let (vars, slots) = (cx.vars.len(), cx.n_slots);
                    let mut group = meta.group;
                    for bind in &l.generator.binds {
                        let bind_h = self.bind(bind, cx);
                        group = self.push_group(group, GroupKind::Loop(bind_h), cx.n_slots, l.generator.at);
                    }
                    if let Some(cond) = &l.generator.cond {
                        let cond = self.check(cond, &Place::plain(TyId::BOOL), cx);
                        group = self.push_group(
                            group,
                            GroupKind::Guard(Arc::new(cond), true),
                            cx.n_slots,
                            l.generator.at,
                        );
                    }
                    self.entries(&l.body.entries, spot, prefix, Meta { group, ..meta }, top, cx);
                    cx.vars.truncate(vars);
                    cx.n_slots = slots;
                }
                ast::Entry::Guard(guard) => {
                    let cond = Arc::new(self.check(&guard.cond, &Place::plain(TyId::BOOL), cx));
                    let at = guard.cond.at;
                    let group =
                        self.push_group(meta.group, GroupKind::Guard(cond.clone(), true), cx.n_slots, at);
                    self.entries(&guard.then.entries, spot, prefix, Meta { group, ..meta }, top, cx);
                    if let Some(otherwise) = &guard.otherwise {
                        let group =
                            self.push_group(meta.group, GroupKind::Guard(cond, false), cx.n_slots, at);
                        self.entries(&otherwise.entries, spot, prefix, Meta { group, ..meta }, top, cx);
                    }
                }
                ast::Entry::Define(define) => self.define(define, spot, prefix, meta, top, cx),
            }
        }
        cx.vars.truncate(n_vars);
    }

    fn shared_let(&mut self, binding: &ast::Let, cx: &mut Cx) {
        let (ex, ty) = self.let_value(binding, cx);
        let var = Var::Shared(Arc::new(ex), ty, cx.n_slots);
        cx.vars.push((binding.name.text.clone(), var));
    }

    /// The value of a `let`, checked against its type if it has one.
    pub fn let_value(&mut self, binding: &ast::Let, cx: &mut Cx) -> (Ex, TyId) {
        match &binding.ty {
            Some(ty) => {
                let place = self.place(ty, cx.file);
                let of = || binding.name.text.to_string();
                (self.check_demanded(&binding.value, &place, of, cx), place.ty)
            }
            None => self.infer(&binding.value, cx),
        }
    }

    fn define(
        &mut self,
        define: &ast::Define,
        spot: &Spot,
        prefix: &[StepH],
        meta: Meta,
        top: bool,
        cx: &mut Cx,
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
        let (steps, target) = match self.walk_path(spot, &define.path, cx) {
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
    fn give(&mut self, spot: &Spot, path: Vec<StepH>, value: &ast::Expr, meta: Meta, at: Span, cx: &mut Cx) {
        let ty = self.types.unwrap(spot.place.ty);
        let is_opt = ty != spot.place.ty;
        let kind = self.types.get(ty).clone();
        if matches!(meta.op, Op::Add | Op::Remove) && !matches!(kind, Ty::List(_) | Ty::Set(_) | Ty::Error(_))
        {
            let found = self.types.name(spot.place.ty);
            let sign = if meta.op == Op::Add { "+=" } else { "-=" };
            let message = format!("`{sign}` is for lists and sets, this is {found}");
            let why = self.problems.push(errors::bad_operator(at, message, None));
            return self.look_at([value], why, cx);
        }
        let structured = matches!(kind, Ty::Record(_) | Ty::Map(..) | Ty::Tree);
        let given = match &value.kind {
            ExprKind::None if structured && (is_opt || spot.entry) => Given::None,
            ExprKind::None if spot.entry => Given::None,
            ExprKind::Body(body) if structured => {
                self.add_def(&path, meta, at, value.at, Given::Exists, true);
                let inner = Spot {
                    place: Place { ty, refine: spot.place.refine.clone() },
                    identity: spot.identity.clone(),
                    entry: false,
                };
                let meta = Meta { op: if meta.op == Op::Replace { Op::Set } else { meta.op }, ..meta };
                self.entries(&body.entries, &inner, &path, meta, false, cx);
                return;
            }
            _ => {
                // Conditions on the whole list are about what comes out, not about what is added or taken away.
                let place = match (meta.op, &spot.place.refine) {
                    (Op::Remove, _) => Place::plain(spot.place.ty),
                    (Op::Add, Some(all)) => {
                        let items = Refine { wheres: Vec::new(), ..(**all).clone() };
                        Place { ty: spot.place.ty, refine: Some(Arc::new(items)) }
                    }
                    _ => spot.place.clone(),
                };
                let ex = self.check(value, &place, cx);
                let known_good = matches!(ex.kind, Ek::Const(_)) && !structured;
                self.add_def(&path, meta, at, value.at, Given::Value(Arc::new(ex)), known_good);
                return;
            }
        };
        self.add_def(&path, meta, at, value.at, given, true);
    }

    fn add_def(
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

    /// Braces as a value of a record, map or Tree.
    pub fn body_value(&mut self, body: &ast::Body, place: &Place, cx: &mut Cx) -> Ex {
        let ex = self.body_partial(body, place, cx);
        if let Ty::Record(rec) = self.types.get(place.ty) {
            let written: Vec<&str> = body
                .entries
                .iter()
                .filter_map(|e| match e {
                    ast::Entry::Define(d) => match &d.path[0].kind {
                        StepKind::Word(name) => Some(&**name),
                        _ => None,
                    },
                    _ => None,
                })
                .collect();
            let record = self.types.record(*rec);
            let guarded = body.entries.iter().any(|e| !matches!(e, ast::Entry::Define(_)));
            let missing: Vec<&str> = record
                .fields
                .iter()
                .filter(|f| {
                    f.default.is_none() && !self.has_default(*rec, &f.name) && !written.contains(&&*f.name)
                })
                .filter(|f| !matches!(self.types.get(f.place.ty), Ty::Opt(_)))
                .map(|f| &*f.name)
                .collect();
            let mistyped = matches!(&ex.kind, Ek::Body(_, entries) if entries.iter().any(|e| matches!(e, BodyEntry::Failed(_))));
            if !missing.is_empty() && !guarded && !mistyped {
                let diagnostic = errors::missing_fields(body.at, &missing, record.at);
                return self.fail(body.at, diagnostic);
            }
        }
        ex
    }

    /// Whether a default still waits for its check.
    fn has_default(&self, rec: RecId, name: &str) -> bool {
        let index = self.types.record(rec).find(name);
        self.defaulted.contains(&(rec, index.unwrap_or(u32::MAX)))
    }

    /// The same, where the rest of the fields comes from elsewhere.
    pub fn body_partial(&mut self, body: &ast::Body, place: &Place, cx: &mut Cx) -> Ex {
        let spot = Spot { place: place.clone(), identity: None, entry: false };
        let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
        let entries = self.value_entries(&body.entries, &spot, cx);
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        Ex { at: body.at, kind: Ek::Body(place.ty, entries.into()) }
    }

    fn value_entries(&mut self, entries: &[ast::Entry], spot: &Spot, cx: &mut Cx) -> Vec<BodyEntry> {
        let mut out = Vec::new();
        let n_vars = cx.vars.len();
        for entry in entries {
            match entry {
                ast::Entry::Let(binding) => self.shared_let(binding, cx),
                ast::Entry::Loop(l) => {
                    let (vars, slots) = (cx.vars.len(), cx.n_slots);
                    let each = self.generator(&l.generator, cx);
                    let inner = self.value_entries(&l.body.entries, spot, cx);
                    cx.vars.truncate(vars);
                    cx.n_slots = slots;
                    out.push(BodyEntry::For(Box::new(each), inner.into()));
                }
                ast::Entry::Guard(guard) => {
                    let cond = self.check(&guard.cond, &Place::plain(TyId::BOOL), cx);
                    let then = self.value_entries(&guard.then.entries, spot, cx);
                    let otherwise = match &guard.otherwise {
                        Some(body) => self.value_entries(&body.entries, spot, cx),
                        None => Vec::new(),
                    };
                    out.push(BodyEntry::If(Box::new(cond), then.into(), otherwise.into()));
                }
                ast::Entry::Define(define) => {
                    if define.op != Op::Set || define.force.is_some() {
                        self.problems.push(errors::only_set(define.force.unwrap_or(define.op_at)));
                    }
                    let (path, target) = match self.walk_path(spot, &define.path, cx) {
                        Ok(found) => found,
                        Err(why) => {
                            self.look_at([&define.value], why, cx);
                            out.push(BodyEntry::Failed(why));
                            continue;
                        }
                    };
                    let ty = self.types.unwrap(target.place.ty);
                    let structured = matches!(self.types.get(ty), Ty::Record(_) | Ty::Map(..) | Ty::Tree);
                    let at = define.path[0].at.to(define.value.at);
                    let value = match &define.value.kind {
                        ExprKind::None if target.entry => {
                            Ex { at: define.value.at, kind: Ek::Const(Value::None) }
                        }
                        ExprKind::Body(body) if structured => {
                            let place = Place { ty, refine: target.place.refine.clone() };
                            self.body_value(body, &place, cx)
                        }
                        _ => self.check(&define.value, &target.place, cx),
                    };
                    out.push(BodyEntry::Set(path.into(), value, at));
                }
            }
        }
        cx.vars.truncate(n_vars);
        out
    }

    /// Braces without a type: word keys make a record, computed or quoted keys a map.
    pub fn infer_body(&mut self, body: &ast::Body, cx: &mut Cx) -> (Ex, TyId) {
        let at = body.at;
        let mut fields: Vec<(ast::Name, TyId, Ex, Span)> = Vec::new();
        for entry in &body.entries {
            let ast::Entry::Define(define) = entry else {
                return self.untyped_body(body, "these braces", cx);
            };
            let [ast::Step { kind: StepKind::Word(name), at: name_at }] = define.path.as_slice() else {
                return self.untyped_body(body, "this map", cx);
            };
            let (ex, ty) = self.infer(&define.value, cx);
            let name = ast::Name { text: name.clone(), at: *name_at };
            fields.push((name, ty, ex, name_at.to(define.value.at)));
        }
        if fields.is_empty() {
            return self.fail_typed(at, errors::needs_type(at, "`{}`"));
        }
        let rec = self.new_record(None, at);
        let mut entries = Vec::new();
        for (name, ty, ex, at) in fields {
            entries.push(BodyEntry::Set(Box::new([StepH::Name(name.text.clone())]), ex, at));
            self.add_field(rec, &name, None, Place::plain(ty), None, cx.file);
        }
        let ty = self.types.intern(Ty::Record(rec));
        (Ex { at, kind: Ek::Body(ty, entries.into()) }, ty)
    }

    fn untyped_body(&mut self, body: &ast::Body, what: &str, cx: &mut Cx) -> (Ex, TyId) {
        let why = self.problems.push(errors::needs_type(body.at, what));
        let place = self.anywhere(why);
        self.body_partial(body, &place, cx);
        self.error(body.at, why)
    }

    /// The head of a loop or comprehension; its names stay bound.
    pub fn generator(&mut self, each: &ast::Generator, cx: &mut Cx) -> Gen {
        let binds = each.binds.iter().map(|b| self.bind(b, cx)).collect();
        let cond = each.cond.as_ref().map(|c| self.check(c, &Place::plain(TyId::BOOL), cx));
        Gen { binds, cond, at: each.at }
    }

    fn bind(&mut self, bind: &ast::Bind, cx: &mut Cx) -> BindH {
        let (mut source, ty) = if super::expr::needs_push(&bind.source) {
            let why = self.problems.push(errors::needs_type(bind.source.at, "what is looped over"));
            self.look_at([&bind.source], why, cx);
            self.error(bind.source.at, why)
        } else {
            self.infer(&bind.source, cx)
        };
        let two = bind.second.is_some();
        let (kind, first, second) = match self.types.get(ty).clone() {
            Ty::List(item) | Ty::Set(item) if two => (BindKind::Indexed, TyId::INT, item),
            Ty::List(item) | Ty::Set(item) => (BindKind::Items, item, item),
            Ty::Map(key, value) => {
                let key = match (self.types.get(key), self.map_identity(&source)) {
                    (Ty::Key(_), _) | (_, None) => key,
                    (_, Some(identity)) => self.types.intern(Ty::Key(identity)),
                };
                (if two { BindKind::Entries } else { BindKind::Keys }, key, value)
            }
            Ty::Tree => (if two { BindKind::Entries } else { BindKind::Keys }, TyId::STR, TyId::TREE),
            Ty::Opt(inner) if !two => (BindKind::Optional, inner, inner),
            Ty::Error(_) => (if two { BindKind::Entries } else { BindKind::Items }, ty, ty),
            _ => {
                let found = self.types.name(ty);
                let help = "loops run over lists, sets, maps, Trees and optionals".to_string();
                let at = bind.source.at;
                let diagnostic = errors::mismatch(at, "something to loop over", &found, Some(help));
                let (failed, ty) = self.fail_typed(at, diagnostic);
                source = failed;
                (BindKind::Items, ty, ty)
            }
        };
        let slot = cx.bind(&bind.first.text, first);
        if let Some(name) = &bind.second {
            cx.bind(&name.text, second);
        }
        BindH {
            kind,
            slot,
            names: (bind.first.text.clone(), bind.second.as_ref().map(|n| n.text.clone())),
            source,
        }
    }
}
