//! Braces as values: they are built whole.

use super::errors;
use super::hir::*;
use super::paths::Location;
use super::scope::*;
use super::ty::*;
use crate::live::Value;
use crate::syntax::ast::{self, ExprKind, Op, StepKind};

impl Checker<'_> {
    /// Braces as a value of a record, map or Tree.
    pub fn body_value(&mut self, body: &ast::Body, place: &RefinedType, cx: &mut Ctx) -> TypedExpr {
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
            let mistyped = matches!(&ex.kind, TypedKind::Body(_, entries) if entries.iter().any(|e| matches!(e, BodyEntry::Failed(_))));
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
    pub fn body_partial(&mut self, body: &ast::Body, place: &RefinedType, cx: &mut Ctx) -> TypedExpr {
        let location = Location { place: place.clone(), identity: None, entry: false };
        let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
        let entries = self.value_entries(&body.entries, &location, cx);
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        TypedExpr { at: body.at, kind: TypedKind::Body(place.ty, entries.into()) }
    }

    fn value_entries(&mut self, entries: &[ast::Entry], location: &Location, cx: &mut Ctx) -> Vec<BodyEntry> {
        let mut out = Vec::new();
        let n_vars = cx.vars.len();
        for entry in entries {
            match entry {
                ast::Entry::Let(binding) => self.shared_let(binding, cx),
                ast::Entry::Loop(l) => {
                    out.push(self.in_loop(&l.generator, cx, |checker, each, cx| {
                        let inner = checker.value_entries(&l.body.entries, location, cx);
                        BodyEntry::For(Box::new(each), inner.into())
                    }));
                }
                ast::Entry::Guard(guard) => {
                    let cond = self.condition(&guard.cond, cx);
                    let then = self.value_entries(&guard.then.entries, location, cx);
                    let otherwise = match &guard.otherwise {
                        Some(body) => self.value_entries(&body.entries, location, cx),
                        None => Vec::new(),
                    };
                    out.push(BodyEntry::If(Box::new(cond), then.into(), otherwise.into()));
                }
                ast::Entry::Define(define) => {
                    if define.op != Op::Set || define.force.is_some() {
                        self.problems.push(errors::only_set(define.force.unwrap_or(define.op_at)));
                    }
                    let (path, target) = match self.walk_path(location, &define.path, cx) {
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
                            TypedExpr { at: define.value.at, kind: TypedKind::Const(Value::None) }
                        }
                        ExprKind::Body(body) if structured => {
                            let place = RefinedType { ty, refine: target.place.refine.clone() };
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

    /// Braces without a type are a record, if each entry is a word with a value.
    pub fn infer_body(&mut self, body: &ast::Body, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let at = body.at;
        let mut named = Vec::with_capacity(body.entries.len());
        for entry in &body.entries {
            let ast::Entry::Define(define) = entry else {
                return self.untyped_body(body, "these braces", cx);
            };
            let [ast::Step { kind: StepKind::Word(name), at }] = define.path.as_slice() else {
                return self.untyped_body(body, "this map", cx);
            };
            named.push((ast::Name { text: name.clone(), at: *at }, &define.value));
        }
        if named.is_empty() {
            return self.fail_typed(at, errors::needs_type(at, "`{}`"));
        }
        let (mut entries, mut fields) = (Vec::new(), Vec::new());
        for (name, value) in named {
            let (ex, ty) = self.infer(value, cx);
            let step = StepH::Name(name.text.clone());
            entries.push(BodyEntry::Set(Box::new([step]), ex, name.at.to(value.at)));
            fields.push((name, ty));
        }
        let rec = self.new_record(None, at);
        for (name, ty) in fields {
            self.add_field(rec, &name, None, RefinedType::plain(ty), None, cx.file);
        }
        let ty = self.types.intern(Ty::Record(rec));
        (TypedExpr { at, kind: TypedKind::Body(ty, entries.into()) }, ty)
    }

    fn untyped_body(&mut self, body: &ast::Body, what: &str, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let why = self.problems.push(errors::needs_type(body.at, what));
        let place = self.anywhere(why);
        self.body_partial(body, &place, cx);
        self.error(body.at, why)
    }

    /// The head of a loop, and what is made of it while its names are bound.
    pub(super) fn in_loop<T>(
        &mut self,
        each: &ast::Generator,
        cx: &mut Ctx,
        inside: impl FnOnce(&mut Self, Gen, &mut Ctx) -> T,
    ) -> T {
        let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
        let each = self.generator(each, cx);
        let made = inside(self, each, cx);
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        made
    }

    /// The head of a loop or comprehension; its names stay bound.
    pub fn generator(&mut self, each: &ast::Generator, cx: &mut Ctx) -> Gen {
        let binds = each.binds.iter().map(|b| self.bind(b, cx)).collect();
        let cond = each.cond.as_ref().map(|c| self.condition(c, cx));
        Gen { binds, cond, at: each.at }
    }

    fn bind(&mut self, bind: &ast::Bind, cx: &mut Ctx) -> BindH {
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
