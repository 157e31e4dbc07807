//! Literals: what is written at a place with a condition is tried at once, whether it is ever read or not.

use super::define::{Given, Step};
use super::infer::Scope;
use super::machine::Machine;
use super::program::*;
use super::values::Val;
use kl::diag::Code;
use kl::syntax::ast::{self, ExprKind};

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
                // Conditions on a whole list are about what comes out, not about what is added or taken away.
                if matches!(def.op, ast::Op::Add | ast::Op::Remove) {
                    place.wheres.clear();
                }
                let place = Some(&place).filter(|_| def.op != ast::Op::Remove);
                self.literal(value, place, def.rank.file);
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
        match item {
            ast::ItemKind::Fn(f) => {
                for param in &f.params {
                    let place = self.program.place(&param.ty, file);
                    param.default.iter().for_each(|d| self.literal(d, Some(&place), file));
                }
                f.lets.iter().for_each(|l| self.literal_let(l, file));
                let place = self.program.place(&f.result, file);
                self.literal(&f.value, Some(&place), file);
            }
            ast::ItemKind::Type { ty, .. } => {
                let place = self.program.place(ty, file);
                self.literals_of(&place);
            }
            ast::ItemKind::Let { binding, .. } => self.literal_let(binding, file),
            ast::ItemKind::Entry(entry) => self.literal_entry(entry, file),
            _ => {}
        }
    }

    fn literal_let(&mut self, binding: &ast::Let, file: usize) {
        let place = binding.ty.as_ref().map(|ty| self.program.place(ty, file));
        self.literal(&binding.value, place.as_ref(), file);
    }

    /// The lets, guards and loops of bodies that are taken apart; their values are definitions.
    fn literal_entry(&mut self, entry: &ast::Entry, file: usize) {
        match entry {
            ast::Entry::Let(binding) => self.literal_let(binding, file),
            ast::Entry::Loop(each) => {
                each.generator.binds.iter().for_each(|b| self.literal(&b.source, None, file));
                each.body.entries.iter().for_each(|e| self.literal_entry(e, file));
            }
            ast::Entry::Guard(guard) => {
                self.literal(&guard.cond, None, file);
                let bodies = [Some(&guard.then), guard.otherwise.as_ref()];
                bodies
                    .into_iter()
                    .flatten()
                    .for_each(|b| b.entries.iter().for_each(|e| self.literal_entry(e, file)));
            }
            ast::Entry::Define(_) => {}
        }
    }

    /// The defaults of a type.
    fn literals_of(&mut self, place: &Place) {
        match &place.ty {
            Ty::Record(record) => {
                for field in &record.fields {
                    field.default.iter().for_each(|d| self.literal(d, Some(&field.place), field.file));
                    self.literals_of(&field.place);
                }
            }
            Ty::Enum(variants) => {
                for param in variants.iter().flat_map(|v| &v.params) {
                    param.default.iter().for_each(|d| self.literal(d, Some(&param.place), param.file));
                    self.literals_of(&param.place);
                }
            }
            Ty::List(item) | Ty::Set(item) | Ty::Map(_, item) => self.literals_of(item),
            _ => {}
        }
    }

    fn literal(&mut self, e: &ast::Expr, place: Option<&Place>, file: usize) {
        let unknown = Place::of(Ty::Unknown);
        let at = place.unwrap_or(&unknown);
        if is_literal(e) && !at.wheres.is_empty() {
            let mut scope = Scope::of(file);
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
                }
            }
        }
        match (&e.kind, &at.ty) {
            (ExprKind::List(items), ty) => {
                let item = match ty {
                    Ty::List(item) | Ty::Set(item) => Some((**item).clone()),
                    _ => None,
                };
                items.iter().for_each(|i| self.literal(i, item.as_ref(), file));
            }
            (ExprKind::ListFor(item, each), ty) => {
                let of = match ty {
                    Ty::List(item) | Ty::Set(item) => Some((**item).clone()),
                    _ => None,
                };
                self.literal(item, of.as_ref(), file);
                each.binds.iter().for_each(|b| self.literal(&b.source, None, file));
                each.cond.iter().for_each(|c| self.literal(c, None, file));
            }
            (ExprKind::If(cond, a, b), _) => {
                self.literal(cond, None, file);
                [a, b].into_iter().for_each(|e| self.literal(e, place, file));
            }
            (ExprKind::Match(subject, arms), _) => {
                self.literal(subject, None, file);
                arms.iter().for_each(|a| self.literal(&a.value, place, file));
            }
            (ExprKind::Variant { name, args }, Ty::Enum(variants)) => {
                let params = variants.iter().find(|v| v.name == name.text).map(|v| &v.params[..]);
                self.literal_args(params.unwrap_or(&[]), args, file);
            }
            (ExprKind::Body(body), _) => body.entries.iter().for_each(|e| self.literal_body(e, at, file)),
            (ExprKind::Bin(ast::BinOp::Else, a, b), _) => {
                self.literal(a, None, file);
                self.literal(b, place, file);
            }
            (ExprKind::Bin(_, a, b) | ExprKind::Index(a, b), _) => {
                [a, b].into_iter().for_each(|e| self.literal(e, None, file));
            }
            (ExprKind::Call(callee, args), _) => {
                let params = match &callee.kind {
                    ExprKind::Name(name) => self.program.find_fn(file, name).map(|(file, f)| {
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
                self.literal_args(&params.unwrap_or_default(), args, file);
            }
            (ExprKind::CallFor(_, item, each), _) => {
                self.literal(item, None, file);
                each.binds.iter().for_each(|b| self.literal(&b.source, None, file));
                each.cond.iter().for_each(|c| self.literal(c, None, file));
            }
            (ExprKind::Not(inner) | ExprKind::Field(inner, _), _) => self.literal(inner, None, file),
            _ => {}
        }
    }

    fn literal_args(&mut self, params: &[Field], args: &[ast::Arg], file: usize) {
        for (i, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => params.iter().find(|p| p.name == name.text),
                None => params.get(i),
            };
            self.literal(&arg.value, param.map(|p| &p.place), file);
        }
    }

    fn literal_body(&mut self, entry: &ast::Entry, place: &Place, file: usize) {
        match entry {
            ast::Entry::Let(binding) => self.literal_let(binding, file),
            ast::Entry::Loop(each) => {
                each.body.entries.iter().for_each(|e| self.literal_body(e, place, file))
            }
            ast::Entry::Guard(guard) => {
                self.literal(&guard.cond, None, file);
                let bodies = [Some(&guard.then), guard.otherwise.as_ref()];
                let entries = bodies.into_iter().flatten().flat_map(|b| &b.entries);
                entries.for_each(|e| self.literal_body(e, place, file));
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
                self.literal(&define.value, target.as_ref(), file);
            }
        }
    }
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
