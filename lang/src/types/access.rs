//! Names, fields and keys: what is read from where.

use super::errors;
use super::expr::needs_push;
use super::hir::*;
use super::scope::*;
use super::steps::Lends;
use super::ty::*;
use crate::diag::Diagnostic;
use crate::live::Value;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use std::sync::Arc;

impl Checker<'_> {
    /// Whether nobody declares a name.
    pub(super) fn is_unknown(&self, name: &str, cx: &Ctx) -> bool {
        let special = matches!(
            (name, cx.this, cx.key, cx.it),
            ("self", Some(_), _, _) | ("key", _, Some(_), _) | ("it", _, _, Some(_))
        );
        !special
            && !cx.vars.iter().any(|(n, _)| **n == *name)
            && self.types.record(self.root).find(name).is_none()
            && matches!(self.find(cx.file, name, |d| matches!(d, Decl::Let(_))), Found::Nothing)
    }

    /// The report of a name that nobody declares, where a value of some type may be wanted.
    pub(super) fn no_such_name(
        &mut self,
        name: &str,
        at: Span,
        wanted: Option<TyId>,
        cx: &Ctx,
    ) -> Diagnostic {
        let mut known: Vec<String> = cx.vars.iter().map(|(n, _)| n.to_string()).collect();
        known.extend(self.visible(cx.file, |d| matches!(d, Decl::Let(_))));
        known.extend(self.types.record(self.root).fields.iter().map(|f| f.name.to_string()));
        if matches!(name, "self" | "it") {
            return errors::no_such_name(at, name, [])
                .help("`self` is read in the default of a field, `it` in a `where`");
        }
        let meant =
            self.name_meant(name, wanted).or_else(|| self.use_meant(&[Lends::Option, Lends::Let], name));
        let diagnostic = errors::no_such_name(at, name, known.iter().map(String::as_str)).help_opt(meant);
        if diagnostic.help.is_some() { diagnostic } else { diagnostic.help_opt(self.key_meant(name, wanted)) }
    }

    pub(super) fn name(&mut self, name: &Arc<str>, at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        if let Some((_, var)) = cx.vars.iter().rev().find(|(n, _)| n == name) {
            return match var {
                Var::Slot(slot, ty) => (TypedExpr { at, kind: TypedKind::Local(*slot) }, *ty),
                Var::Shared(ex, ty, n) => (TypedExpr { at, kind: TypedKind::Shared(ex.clone(), *n) }, *ty),
            };
        }
        match (&**name, cx.this, cx.key, cx.it) {
            ("self", Some(ty), _, _) => return (TypedExpr { at, kind: TypedKind::This }, ty),
            ("key", _, Some(ty), _) => return (TypedExpr { at, kind: TypedKind::Key }, ty),
            ("it", _, _, Some(ty)) => return (TypedExpr { at, kind: TypedKind::It }, ty),
            _ => {}
        }
        let root = self.types.record(self.root).find(name);
        match self.find(cx.file, name, |d| matches!(d, Decl::Let(_))) {
            Found::One(Decl::Let(id), declared_at) => {
                if let Some(root) = root {
                    let places = [declared_at, self.types.record(self.root).fields[root as usize].at];
                    return self.fail_typed(at, errors::ambiguous(at, name, &places));
                }
                let ty = self.let_type(id, at);
                (TypedExpr { at, kind: TypedKind::Global(id) }, ty)
            }
            Found::Many(places) => self.fail_typed(at, errors::ambiguous(at, name, &places)),
            _ => match root {
                Some(i) => {
                    let ty = self.types.record(self.root).fields[i as usize].place.ty;
                    (TypedExpr { at, kind: TypedKind::Root(i) }, ty)
                }
                None => {
                    let diagnostic = self.no_such_name(name, at, None, cx);
                    self.fail_typed(at, diagnostic)
                }
            },
        }
    }

    pub(super) fn field(
        &mut self,
        inner: &ast::Expr,
        name: &ast::Name,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let (inner, ty) = self.infer(inner, cx);
        match self.types.get(ty).clone() {
            Ty::Error(why) => self.error(at, why),
            Ty::Record(rec) => {
                let record = self.types.record(rec);
                match record.find(&name.text) {
                    Some(i) => {
                        let ty = record.fields[i as usize].place.ty;
                        (TypedExpr { at, kind: TypedKind::Field(Box::new(inner), rec, i) }, ty)
                    }
                    None => {
                        let owner = self.types.name(ty);
                        let owner =
                            if record.name.is_some() { format!("`{owner}`") } else { "this record".into() };
                        let diagnostic = errors::unknown_field(
                            name.at,
                            &name.text,
                            &owner,
                            Some(record.at),
                            record.fields.iter().map(|f| &*f.name),
                        )
                        .help_opt(self.renamed(&name.text, rec));
                        self.fail_typed(at, diagnostic)
                    }
                }
            }
            Ty::Map(..) | Ty::Tree => {
                let key = TypedExpr { at: name.at, kind: TypedKind::Const(Value::Str(name.text.clone())) };
                self.index_by(inner, ty, key, at)
            }
            _ => self.property(inner, ty, name, at),
        }
    }

    /// `M.k`, `M."k"`, `T.k` with a text.
    pub(super) fn index_by(
        &mut self,
        inner: TypedExpr,
        ty: TyId,
        key: TypedExpr,
        at: Span,
    ) -> (TypedExpr, TyId) {
        match self.types.get(ty).clone() {
            Ty::Error(why) => self.error(at, why),
            Ty::Map(_, value) => {
                (TypedExpr { at, kind: TypedKind::MapGet(Box::new(inner), Box::new(key), false) }, value)
            }
            Ty::Tree => {
                (TypedExpr { at, kind: TypedKind::TreeGet(Box::new(inner), Box::new(key)) }, TyId::TREE)
            }
            _ => {
                let found = self.types.name(ty);
                let wanted = "a record, map or Tree before the `.`";
                self.fail_typed(at, errors::mismatch(at, wanted, &found, None))
            }
        }
    }

    pub(super) fn index(
        &mut self,
        inner: &ast::Expr,
        key: &ast::Expr,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let (inner, ty) = self.infer(inner, cx);
        match self.types.get(ty).clone() {
            Ty::Map(key_ty, value) => {
                let identity = self.map_identity(&inner);
                let (key, known) = self.map_key(key, key_ty, identity, cx);
                (TypedExpr { at, kind: TypedKind::MapGet(Box::new(inner), Box::new(key), known) }, value)
            }
            Ty::Tree => {
                let key = self.tree_key(key, cx);
                (TypedExpr { at, kind: TypedKind::TreeGet(Box::new(inner), Box::new(key)) }, TyId::TREE)
            }
            Ty::List(item) => {
                let key = self.check(key, &RefinedType::plain(TyId::INT), cx);
                (TypedExpr { at, kind: TypedKind::ListGet(Box::new(inner), Box::new(key)) }, item)
            }
            Ty::Error(why) => {
                self.look_at([key], why, cx);
                self.error(at, why)
            }
            _ => {
                let found = self.types.name(ty);
                let wanted = "a map, list or Tree before the `[`";
                let why = self.problems.push(errors::mismatch(at, wanted, &found, None));
                self.look_at([key], why, cx);
                self.error(at, why)
            }
        }
    }

    /// The key of a map: of its own keys (then it is known to be there), of the map's key type, or a text.
    pub fn map_key(
        &mut self,
        key: &ast::Expr,
        key_ty: TyId,
        identity: Option<KeyOf>,
        cx: &mut Ctx,
    ) -> (TypedExpr, bool) {
        if let ExprKind::Variant { name, args } = &key.kind
            && args.is_empty()
            && !matches!(self.types.get(key_ty), Ty::Key(_))
        {
            return (TypedExpr { at: key.at, kind: TypedKind::Const(Value::Str(name.text.clone())) }, false);
        }
        if let ExprKind::Name(name) = &key.kind
            && self.is_unknown(name, cx)
        {
            // A name in an index is most likely the key of the map itself.
            let diagnostic = self.no_such_name(name, key.at, None, cx);
            let meant = format!("a key begins with a dot: write `.{name}`");
            let diagnostic = if diagnostic.help.is_some() { diagnostic } else { diagnostic.help(meant) };
            return (self.fail(key.at, diagnostic), false);
        }
        if needs_push(key)
            || matches!(key.kind, ExprKind::Text(_)) && matches!(self.types.get(key_ty), Ty::Key(_))
        {
            return (self.check(key, &RefinedType::plain(key_ty), cx), false);
        }
        if let ExprKind::Text(text) = &key.kind {
            let ex = self.key_text(text, cx);
            return (self.coerce(ex, TyId::STR, key_ty), false);
        }
        let (ex, found) = self.infer(key, cx);
        if let (Ty::Key(found_key), Some(identity)) = (self.types.get(found), &identity)
            && found_key == identity
        {
            return (ex, true);
        }
        (self.coerce(ex, found, key_ty), false)
    }

    /// The key of a Tree: a text or a key.
    pub fn tree_key(&mut self, key: &ast::Expr, cx: &mut Ctx) -> TypedExpr {
        match &key.kind {
            ExprKind::Variant { name, args } => {
                if let Some(arg) = args.first() {
                    let why = self.problems.push(errors::payload_of_key(arg.value.at));
                    self.look_at(args.iter().map(|a| &a.value), why, cx);
                }
                return TypedExpr { at: key.at, kind: TypedKind::Const(Value::Str(name.text.clone())) };
            }
            ExprKind::Text(text) => return self.key_text(text, cx),
            _ => {}
        }
        let (ex, ty) = self.infer(key, cx);
        match self.types.get(ty) {
            Ty::Key(_) => ex,
            _ => self.coerce(ex, ty, TyId::STR),
        }
    }
}
