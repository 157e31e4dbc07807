//! What files declare: names, types, options, signatures and defaults. What has a value is in `items`.

use super::errors;
use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::source::FileId;
use crate::syntax::ast::{self, ItemKind, TypeBase};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn declare(&mut self, file: FileId, name: &ast::Name, decl: Decl, public: bool) {
        let names = &mut self.names[file.0 as usize];
        if let Some(first) = names.get(&name.text) {
            let first = first.at;
            self.problems.push(errors::duplicate(name.at, "the name", &name.text, first));
            return;
        }
        names.insert(name.text.clone(), Declared { decl, public, at: name.at });
    }

    pub(super) fn collect(&mut self, file: FileId, tree: &ast::File) {
        self.names.push(BTreeMap::new());
        for item in &tree.items {
            match &item.kind {
                ItemKind::Fn(func) => {
                    let id = self.fn_decls.len() as u32;
                    self.fn_decls.push(FnDecl { tree: Arc::new(func.clone()), file });
                    self.declare(file, &func.name, Decl::Fn(id), func.public);
                }
                ItemKind::Let { public, binding } => {
                    let id = self.let_decls.len() as u32;
                    self.let_decls.push(LetDecl {
                        tree: Arc::new(binding.clone()),
                        file,
                        state: State::Todo,
                    });
                    self.globals.push(None);
                    self.declare(file, &binding.name, Decl::Let(id), *public);
                }
                ItemKind::Type { public, name, extends: false, ty } => {
                    let id = self.type_decls.len() as u32;
                    let record = matches!(ty.base, TypeBase::Record(_) | TypeBase::Extended(..))
                        .then(|| self.new_record(Some(name.text.clone()), name.at));
                    let ty = ty.clone();
                    self.type_decls.push(TypeDecl {
                        name: name.text.clone(),
                        file,
                        ty,
                        doc: item.doc.clone(),
                        at: name.at,
                        record,
                        state: State::Todo,
                    });
                    self.declare(file, name, Decl::Type(id), *public);
                }
                _ => {}
            }
        }
    }

    pub(super) fn options(&mut self, file: FileId, tree: &ast::File) {
        for item in &tree.items {
            match &item.kind {
                ItemKind::Option { path, ty, default } => {
                    let place = self.documented(&item.doc, |it| it.place(ty, file));
                    self.option(file, path, item.doc.clone(), place, default.as_ref());
                }
                ItemKind::Type { name, extends: true, ty, .. } => self.extend(file, name, ty),
                _ => {}
            }
        }
    }

    pub(super) fn option(
        &mut self,
        file: FileId,
        path: &[ast::Name],
        doc: Option<Arc<str>>,
        place: RefinedType,
        default: Option<&ast::Expr>,
    ) {
        let Some((last, before)) = path.split_last() else { return };
        let mut rec = self.root;
        for name in before {
            let found = self.types.record(rec).find(&name.text);
            rec = match found.map(|i| self.types.record(rec).fields[i as usize].clone()) {
                Some(field) => match self.types.get(field.place.ty) {
                    Ty::Record(inner) if self.types.record(*inner).name.is_none() => *inner,
                    _ => {
                        self.problems.push(errors::duplicate(name.at, "the option", &name.text, field.at));
                        if let Some(default) = default {
                            self.todo_defaults.push((
                                Owner::Nobody(Some(rec), place),
                                0,
                                default.clone(),
                                file,
                            ));
                        }
                        return;
                    }
                },
                None => {
                    let inner = self.new_record(None, name.at);
                    let ty = self.types.intern(Ty::Record(inner));
                    self.add_field(rec, name, None, RefinedType::plain(ty), None, file);
                    inner
                }
            };
        }
        self.add_field(rec, last, doc, place, default, file);
    }

    pub(super) fn extend(&mut self, file: FileId, name: &ast::Name, ty: &ast::TypeExpr) {
        let Found::One(Decl::Type(id), _) = self.find(file, &name.text, |d| matches!(d, Decl::Type(_)))
        else {
            let diagnostic = self.no_such_type(name, file);
            self.problems.push(diagnostic);
            return;
        };
        let (Some(record), TypeBase::Record(fields)) = (self.type_decls[id as usize].record, &ty.base) else {
            self.problems.push(errors::bad_type_use(name.at, "only record types can be extended", None));
            return;
        };
        for field in fields {
            if field.default.is_none() && !field.ty.optional {
                let message = format!("the added field `{}` has no default", field.name.text);
                self.problems.push(errors::bad_type_use(
                    field.name.at,
                    message,
                    Some("give it one: others make such records too"),
                ));
            }
        }
        self.add_fields(record, fields, file);
    }

    pub(super) fn signatures(&mut self) {
        for id in 0..self.fn_decls.len() {
            let FnDecl { tree, file } = self.fn_decls[id].clone();
            let (mut params, mut defaults) = (Vec::new(), Vec::new());
            for param in &tree.params {
                let place = self.place(&param.ty, file);
                params.push(FnParam { name: param.name.text.clone(), place });
                let tree = param.default.as_ref().map(|tree| Arc::new(tree.clone()));
                defaults.push(tree.map(|tree| ParamDefault { tree, state: State::Todo }));
            }
            let result = self.place(&tree.result, file);
            self.fn_sigs.push(FnSig { params, defaults, result });
        }
    }

    pub(super) fn defaults(&mut self) {
        // A default may write a type that has defaults again.
        while !self.todo_defaults.is_empty() {
            for (owner, index, expr, file) in std::mem::take(&mut self.todo_defaults) {
                let mut cx = Ctx::new(file);
                if let Owner::Record(rec) | Owner::Nobody(Some(rec), _) = owner {
                    if rec != self.root {
                        cx.this = Some(self.types.intern(Ty::Record(rec)));
                    }
                    cx.key = Some(TyId::STR);
                }
                let place = match &owner {
                    Owner::Record(rec) => self.types.record(*rec).fields[index as usize].place.clone(),
                    Owner::Variant(id, variant) => self.types.enumeration(*id).variants[*variant as usize].1
                        [index as usize]
                        .place
                        .clone(),
                    Owner::Nobody(_, place) => place.clone(),
                };
                let ex = Arc::new(self.default(&expr, &place, &mut cx));
                match owner {
                    Owner::Record(rec) => {
                        self.types.records[rec.0 as usize].fields[index as usize].default = Some(ex)
                    }
                    Owner::Variant(id, variant) => {
                        self.types.enums[id.0 as usize].variants[variant as usize].1[index as usize]
                            .default = Some(ex);
                    }
                    Owner::Nobody(..) => {}
                }
            }
        }
        self.inherit_defaults();
    }

    /// A default: braces may leave out fields, which definitions then have to give.
    pub(super) fn default(&mut self, expr: &ast::Expr, place: &RefinedType, cx: &mut Ctx) -> TypedExpr {
        match &expr.kind {
            ast::ExprKind::Body(body)
                if matches!(self.types.get(self.types.unwrap(place.ty)), Ty::Record(_)) =>
            {
                let inner = RefinedType { ty: self.types.unwrap(place.ty), refine: place.refine.clone() };
                self.body_partial(body, &inner, cx)
            }
            _ => self.check(expr, place, cx),
        }
    }

    pub(super) fn conditions(&mut self) {
        while !self.todo_wheres.is_empty() {
            for (id, expr, it, file) in std::mem::take(&mut self.todo_wheres) {
                let mut cx = Ctx::new(file);
                cx.it = Some(it);
                if it == TyId::SECRET {
                    let why = self.problems.push(errors::secret_leak(expr.at, None, "a condition"));
                    cx.it = Some(self.types.error(why));
                }
                let cond = self.condition(&expr, &mut cx);
                self.wheres[id.0 as usize] = Some(cond);
            }
        }
    }
}
