//! Literals: what is written at a place with a condition is tried at once, whether it is ever read or not.

use super::define::{Given, Step};
use super::infer::{Bound, Scope, needs_push};
use super::machine::Machine;
use super::program::*;
use super::values::Val;
use kl::diag::Code;
use kl::syntax::ast::{self, ExprKind};
use std::rc::Rc;

impl Machine<'_> {
    /// Tries every literal of the description, and the keys that are written in paths.
    pub fn literals(&mut self, keys: &[(Name, Place)]) {
        for (name, place) in keys {
            self.demand(Val::Str(name.clone()), place);
        }
        for def in self.defs.clone() {
            let Given::Value(value) = &def.given else { continue };
            let names: Vec<Name> = def
                .steps
                .iter()
                .map(|step| match step {
                    Step::Name(name) => name.clone(),
                    Step::Computed { .. } => "".into(),
                })
                .collect();
            if let Some(mut place) = self.program.place_at(&names) {
                // Conditions on a whole list are about what comes out, not about what is added or taken away; what is taken
                // away need not even be allowed.
                if matches!(def.op, ast::Op::Add | ast::Op::Remove) {
                    place.wheres.clear();
                }
                if let (ast::Op::Remove, Ty::List(item) | Ty::Set(item)) = (def.op, place.ty.clone()) {
                    let item = Rc::new(Place { wheres: Vec::new(), ..(*item).clone() });
                    place.ty = if matches!(place.ty, Ty::Set(_)) { Ty::Set(item) } else { Ty::List(item) };
                }
                let place = Some(&place);
                let scope = self.program.typed_scope(&def.chain, def.rank.file);
                self.literal(value, place, &scope);
            }
        }
        let root = Place::of(Ty::Record(self.program.root.clone()));
        self.literals_of(&root);
        for (file, tree) in self.program.trees.iter().enumerate() {
            for item in &tree.items {
                self.literals_in(&item.kind, file);
            }
        }
    }

    fn literals_in(&mut self, item: &ast::ItemKind, file: usize) {
        let mut scope = &Scope::of(file);
        let mut inner;
        match item {
            ast::ItemKind::Fn(f) => {
                for param in &f.params {
                    let place = self.program.place(&param.ty, file);
                    param.default.iter().for_each(|d| self.literal(d, Some(&place), scope));
                }
                inner = scope.clone();
                for param in &f.params {
                    inner = inner.with(&param.name.text, self.program.place(&param.ty, file), Bound::Typed);
                }
                for binding in &f.lets {
                    self.literal_let(binding, &inner);
                    inner =
                        inner.with(&binding.name.text, self.program.infer_let(binding, &inner), Bound::Typed);
                }
                scope = &inner;
                let place = self.program.place(&f.result, file);
                self.literal(&f.value, Some(&place), scope);
            }
            ast::ItemKind::Type { ty, .. } => {
                let place = self.program.place(ty, file);
                self.literals_of(&place);
            }
            ast::ItemKind::Let { binding, .. } => self.literal_let(binding, scope),
            ast::ItemKind::Entry(entry) => self.literal_entry(entry, scope),
            ast::ItemKind::Check { body, .. } => self.literal_lines(body, scope),
            _ => {}
        }
    }

    fn literal_lines(&mut self, lines: &[ast::CheckItem], scope: &Scope) {
        let mut scope = scope.clone();
        for line in lines {
            match line {
                ast::CheckItem::Let(binding) => {
                    self.literal_let(binding, &scope);
                    let place = self.program.infer_let(binding, &scope);
                    scope = scope.with(&binding.name.text, place, Bound::Typed);
                }
                ast::CheckItem::Require { cond, message, .. } => {
                    self.literal(cond, None, &scope);
                    message.iter().for_each(|m| self.literal(m, None, &scope));
                }
                ast::CheckItem::For { generator, body } => {
                    generator.binds.iter().for_each(|b| self.literal(&b.source, None, &scope));
                    let inner = self.program.bound(generator, &scope);
                    generator.cond.iter().for_each(|c| self.literal(c, None, &inner));
                    self.literal_lines(body, &inner);
                }
                ast::CheckItem::If { cond, body } => {
                    self.literal(cond, None, &scope);
                    self.literal_lines(body, &scope);
                }
            }
        }
    }

    fn literal_let(&mut self, binding: &ast::Let, scope: &Scope) {
        let place = binding.ty.as_ref().map(|ty| self.program.place(ty, scope.file));
        self.literal(&binding.value, place.as_ref(), scope);
    }

    /// The lets, guards and loops of bodies that are taken apart; their values are definitions.
    fn literal_entry(&mut self, entry: &ast::Entry, scope: &Scope) {
        match entry {
            ast::Entry::Let(binding) => self.literal_let(binding, scope),
            ast::Entry::Loop(each) => {
                each.generator.binds.iter().for_each(|b| self.literal(&b.source, None, scope));
                let inner = self.program.bound(&each.generator, scope);
                self.literal_entries(&each.body, &inner);
            }
            ast::Entry::Guard(guard) => {
                self.literal(&guard.cond, None, scope);
                let bodies = [Some(&guard.then), guard.otherwise.as_ref()];
                bodies.into_iter().flatten().for_each(|b| self.literal_entries(b, scope));
            }
            ast::Entry::Define(_) => {}
        }
    }

    fn literal_entries(&mut self, body: &ast::Body, scope: &Scope) {
        let mut scope = scope.clone();
        for entry in &body.entries {
            self.literal_entry(entry, &scope);
            scope = self.program.after(entry, &scope);
        }
    }

    /// The defaults of a type.
    fn literals_of(&mut self, place: &Place) {
        match &place.ty {
            Ty::Record(record) => {
                for field in &record.fields {
                    let mut scope = Scope::of(field.file);
                    scope.this = record.name.as_ref().map(|_| (Val::Error, record.clone()));
                    field.default.iter().for_each(|d| self.literal(d, Some(&field.place), &scope));
                    self.literals_of(&field.place);
                }
            }
            Ty::Enum(variants) => {
                for param in variants.iter().flat_map(|v| &v.params) {
                    let scope = Scope::of(param.file);
                    param.default.iter().for_each(|d| self.literal(d, Some(&param.place), &scope));
                    self.literals_of(&param.place);
                }
            }
            Ty::List(item) | Ty::Set(item) | Ty::Map(_, item) => self.literals_of(item),
            _ => {}
        }
    }

    fn literal(&mut self, e: &ast::Expr, place: Option<&Place>, scope: &Scope) {
        let unknown = Place::of(Ty::Unknown);
        let at = place.unwrap_or(&unknown);
        // Keys are looked up when they are read.
        let of_keys = match &at.ty {
            Ty::Key(_) => true,
            Ty::List(item) | Ty::Set(item) => matches!(item.ty, Ty::Key(_)),
            _ => false,
        };
        if is_literal(e) && !of_keys && !at.wheres.is_empty() {
            let mut scope = Scope::of(scope.file);
            let plain = Place { wheres: Vec::new(), ..at.clone() };
            if matches!(e.kind, ExprKind::Variant { .. }) && !matches!(at.ty, Ty::Enum(_)) {
                return;
            }
            let value = self.check(e, &plain, &scope);
            for cond in &at.wheres {
                scope = Scope::of(cond.file);
                scope.it = Some((value.clone(), at.there()));
                if !value.is_error() && matches!(self.bool(&cond.expr, &scope), Val::Bool(false)) {
                    self.report(Code::Where);
                    self.broken_literals.push(e.at);
                }
            }
        }
        match (&e.kind, &at.ty) {
            (ExprKind::List(items), ty) => {
                let item = match ty {
                    Ty::List(item) | Ty::Set(item) => Some((**item).clone()),
                    _ => None,
                };
                items.iter().for_each(|i| self.literal(i, item.as_ref(), scope));
            }
            (ExprKind::ListFor(item, each), ty) => {
                let of = match ty {
                    Ty::List(item) | Ty::Set(item) => Some((**item).clone()),
                    _ => None,
                };
                self.literal_round(item, of.as_ref(), each, scope);
            }
            (ExprKind::If(cond, a, b), _) => {
                self.literal(cond, None, scope);
                [a, b].into_iter().for_each(|e| self.literal(e, place, scope));
            }
            (ExprKind::Match(subject, arms), _) => {
                self.literal(subject, None, scope);
                let of = self.program.infer(subject, scope);
                for arm in arms {
                    let inner = self.program.typed_pattern(&arm.pattern, &of, scope);
                    self.literal(&arm.value, place, &inner);
                }
            }
            (ExprKind::Variant { name, args }, Ty::Enum(variants)) => {
                let params = variants.iter().find(|v| v.name == name.text).map(|v| &v.params[..]);
                self.literal_args(params.unwrap_or(&[]), args, scope);
            }
            (ExprKind::Body(body), _) => self.literal_body(body, at, scope),
            (ExprKind::Bin(ast::BinOp::Else, a, b), _) => {
                self.literal(a, None, scope);
                self.literal(b, place, scope);
            }
            (ExprKind::Bin(ast::BinOp::Merge, a, b), _) => {
                let of = place.cloned().unwrap_or_else(|| self.program.infer(a, scope));
                [a, b].into_iter().for_each(|e| self.literal(e, Some(&of), scope));
            }
            (ExprKind::Bin(op, a, b), _) if is_comparison(*op) => {
                // What stands beside a value of a place is one for that place.
                let seen = unconditional(&self.program.infer(if needs_push(a) { b } else { a }, scope));
                for e in [a, b] {
                    let own = needs_push(e).then_some(&seen);
                    self.literal(e, own, scope);
                }
            }
            (ExprKind::Bin(ast::BinOp::In | ast::BinOp::NotIn, a, b), _) => {
                let item = match &self.program.infer(b, scope).ty {
                    Ty::List(item) | Ty::Set(item) => Some(unconditional(item)),
                    _ => None,
                };
                self.literal(a, item.as_ref(), scope);
                self.literal(b, None, scope);
            }
            (ExprKind::Bin(_, a, b) | ExprKind::Index(a, b), _) => {
                [a, b].into_iter().for_each(|e| self.literal(e, None, scope));
            }
            (ExprKind::Call(callee, args), _) => {
                let params = match &callee.kind {
                    ExprKind::Name(name) => self.program.find_fn(scope.file, name).map(|(file, f)| {
                        let place = |p: &ast::Param| Field {
                            name: p.name.text.clone(),
                            place: self.program.place(&p.ty, file),
                            default: None,
                            file,
                            at: p.name.at,
                        };
                        f.params.iter().map(place).collect::<Vec<_>>()
                    }),
                    _ => None,
                };
                self.literal_args(&params.unwrap_or_default(), args, scope);
            }
            (ExprKind::CallFor(_, item, each), _) => {
                self.literal_round(item, None, each, scope);
            }
            (ExprKind::Not(inner) | ExprKind::Field(inner, _), _) => self.literal(inner, None, scope),
            _ => {}
        }
    }

    fn literal_round(&mut self, item: &ast::Expr, of: Option<&Place>, each: &ast::Generator, scope: &Scope) {
        each.binds.iter().for_each(|b| self.literal(&b.source, None, scope));
        let inner = self.program.bound(each, scope);
        each.cond.iter().for_each(|c| self.literal(c, None, &inner));
        self.literal(item, of, &inner);
    }

    fn literal_args(&mut self, params: &[Field], args: &[ast::Arg], scope: &Scope) {
        for (i, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => params.iter().find(|p| p.name == name.text),
                None => params.get(i),
            };
            self.literal(&arg.value, param.map(|p| &p.place), scope);
        }
    }

    fn literal_body(&mut self, body: &ast::Body, place: &Place, scope: &Scope) {
        let mut scope = scope.clone();
        for entry in &body.entries {
            self.literal_body_entry(entry, place, &scope);
            scope = self.program.after(entry, &scope);
        }
    }

    fn literal_body_entry(&mut self, entry: &ast::Entry, place: &Place, scope: &Scope) {
        match entry {
            ast::Entry::Let(binding) => self.literal_let(binding, scope),
            ast::Entry::Loop(each) => {
                each.generator.binds.iter().for_each(|b| self.literal(&b.source, None, scope));
                self.literal_body(&each.body, place, &self.program.bound(&each.generator, scope));
            }
            ast::Entry::Guard(guard) => {
                self.literal(&guard.cond, None, scope);
                let bodies = [Some(&guard.then), guard.otherwise.as_ref()];
                bodies.into_iter().flatten().for_each(|b| self.literal_body(b, place, scope));
            }
            ast::Entry::Define(define) => {
                let mut target = Some(place.clone());
                for step in &define.path {
                    let name = match &step.kind {
                        ast::StepKind::Word(name) => Some(name.clone()),
                        ast::StepKind::Text(text) => text.literal(),
                        ast::StepKind::Index(_) => None,
                    };
                    if let (Some(Place { ty: Ty::Map(key, _), .. }), Some(name)) = (&target, &name) {
                        self.demand(Val::Str(name.clone()), &key.clone());
                    }
                    target = target.and_then(|p| below(&p, name.as_deref().unwrap_or("")));
                }
                self.literal(&define.value, target.as_ref(), scope);
            }
        }
    }
}

/// A place without the conditions that it says itself; those of fields and payloads stay.
fn unconditional(place: &Place) -> Place {
    let ty = match &place.ty {
        Ty::List(item) => Ty::List(Rc::new(unconditional(item))),
        Ty::Set(item) => Ty::Set(Rc::new(unconditional(item))),
        Ty::Map(key, item) => Ty::Map(Rc::new(unconditional(key)), Rc::new(unconditional(item))),
        other => other.clone(),
    };
    Place { ty, opt: place.opt, wheres: Vec::new() }
}

fn is_comparison(op: ast::BinOp) -> bool {
    use ast::BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

/// Whether an expression is a value already.
fn is_literal(e: &ast::Expr) -> bool {
    match &e.kind {
        ExprKind::Lit(_) | ExprKind::Bool(_) => true,
        ExprKind::Text(text) => text.literal().is_some(),
        ExprKind::Neg(inner) => matches!(inner.kind, ExprKind::Lit(_)),
        ExprKind::Variant { args, .. } => args.is_empty(),
        ExprKind::List(items) => items.iter().all(is_literal),
        _ => false,
    }
}
