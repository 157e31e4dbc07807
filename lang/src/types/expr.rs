//! Expressions: two modes. *Check* pushes a type inward, *infer* finds one.

use super::bare::bare_at;
use super::errors;
use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::diag::{Diagnostic, Reported};
use crate::live::Value;
use crate::source::Span;
use crate::syntax::ast::{self, BinOp, ExprKind, Lit};
use ipnet::IpNet;
use std::sync::Arc;

/// Whether an expression needs a type pushed in: its own cannot be seen.
pub fn needs_push(e: &ast::Expr) -> bool {
    match &e.kind {
        ExprKind::Variant { .. } | ExprKind::Body(_) | ExprKind::None => true,
        ExprKind::List(all) => all.first().is_none_or(needs_push),
        ExprKind::ListFor(item, _) => needs_push(item),
        ExprKind::If(_, a, b) => needs_push(a) && needs_push(b),
        ExprKind::Match(_, arms) => arms.iter().all(|a| needs_push(&a.value)),
        _ => false,
    }
}

impl Checker<'_> {
    /// Checks an expression that is true or false.
    pub fn condition(&mut self, e: &ast::Expr, cx: &mut Ctx) -> TypedExpr {
        self.check(e, &RefinedType::plain(TyId::BOOL), cx)
    }

    /// Checks an expression against a place: its type, and, for literals, its conditions.
    pub fn check(&mut self, e: &ast::Expr, place: &RefinedType, cx: &mut Ctx) -> TypedExpr {
        let ex = self.check_inner(e, place, cx);
        if let TypedKind::Const(value) = &ex.kind
            && !place.wheres().is_empty()
            && !matches!(value, Value::None | Value::Error(_))
        {
            self.literals.push((place.wheres().to_vec(), value.clone(), e.at));
        }
        ex
    }

    fn check_inner(&mut self, e: &ast::Expr, place: &RefinedType, cx: &mut Ctx) -> TypedExpr {
        let at = e.at;
        let inner_ty = self.types.unwrap(place.ty);
        let inner = RefinedType { ty: inner_ty, refine: place.refine.clone() };
        let want = self.types.get(inner_ty).clone();
        let is_opt = inner_ty != place.ty;
        match &e.kind {
            ExprKind::None => {
                if is_opt || matches!(want, Ty::Tree | Ty::Error(_)) {
                    return TypedExpr { at, kind: TypedKind::Const(Value::None) };
                }
                let name = self.types.name(place.ty);
                let help = format!("only a `{name}?` can be `none`");
                self.fail(at, errors::mismatch(at, &name, "none", Some(help)))
            }
            ExprKind::Variant { name, args } => self.variant(name, args, &inner, at, cx),
            ExprKind::Name(name) if self.is_unknown(name, cx) => {
                let diagnostic = self.no_such_name(name, at, Some(place.ty), cx);
                self.fail(at, diagnostic)
            }
            ExprKind::Text(text) if let Ty::Key(key) = &want => {
                let name = self.key_text(text, cx);
                TypedExpr { at, kind: TypedKind::KeyName(key.clone(), Box::new(name)) }
            }
            ExprKind::List(items) => match want {
                Ty::Error(why) => {
                    let place = self.anywhere(why);
                    items.iter().for_each(|i| drop(self.check(i, &place, cx)));
                    TypedExpr { at, kind: TypedKind::Error(why) }
                }
                Ty::List(item) | Ty::Set(item) => {
                    let item_place = inner.item(item);
                    let all: Vec<TypedExpr> = items.iter().map(|i| self.check(i, &item_place, cx)).collect();
                    self.list(all, matches!(want, Ty::Set(_)), at)
                }
                Ty::Tree => {
                    let place = RefinedType::plain(TyId::TREE);
                    let all: Vec<TypedExpr> = items.iter().map(|i| self.check(i, &place, cx)).collect();
                    self.list(all, false, at)
                }
                _ => {
                    let wanted = self.types.name(place.ty);
                    let help = self.instead_of_list(items, place.ty);
                    let why = self.problems.push(errors::mismatch(at, &wanted, "a list", help));
                    self.look_at(items, why, cx);
                    TypedExpr { at, kind: TypedKind::Error(why) }
                }
            },
            ExprKind::ListFor(item, each) => {
                let item_ty = match want {
                    Ty::List(item) | Ty::Set(item) => item,
                    Ty::Tree => TyId::TREE,
                    Ty::Error(_) => inner_ty,
                    _ => return self.infer_then(e, place, cx),
                };
                let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
                let each = self.generator(each, cx);
                let item = self.check(item, &inner.item(item_ty), cx);
                cx.vars.truncate(n_vars);
                cx.n_slots = n_slots;
                let ex = TypedExpr { at, kind: TypedKind::ListFor(Box::new(each), Box::new(item)) };
                if matches!(want, Ty::Set(_)) {
                    TypedExpr { at, kind: TypedKind::ToSet(Box::new(ex)) }
                } else {
                    ex
                }
            }
            ExprKind::Body(body) => match want {
                Ty::Record(_) | Ty::Map(..) | Ty::Tree => self.body_value(body, &inner, cx),
                Ty::Error(why) => {
                    self.body_partial(body, &inner, cx);
                    TypedExpr { at, kind: TypedKind::Error(why) }
                }
                _ => {
                    let name = self.types.name(place.ty);
                    let help = self.instead_of_braces(body, place.ty);
                    let why = self.problems.push(errors::mismatch(at, &name, "a record", help));
                    let place = self.anywhere(why);
                    self.body_partial(body, &place, cx);
                    TypedExpr { at, kind: TypedKind::Error(why) }
                }
            },
            ExprKind::If(cond, then, otherwise) => {
                let cond = self.condition(cond, cx);
                let then = self.check(then, place, cx);
                let otherwise = self.check(otherwise, place, cx);
                TypedExpr { at, kind: TypedKind::If(Box::new(cond), Box::new(then), Box::new(otherwise)) }
            }
            ExprKind::Match(subject, arms) => self.match_expr(subject, arms, Some(place), at, cx).0,
            ExprKind::Bin(BinOp::Else, a, b) => {
                let wanted = self.types.opt(place.ty);
                let (left, left_ty) = if needs_push(a) {
                    (self.check(a, &RefinedType::plain(wanted), cx), wanted)
                } else {
                    self.infer(a, cx)
                };
                let left = self.else_left(left, left_ty, a.at, place.ty);
                let right = self.check(b, place, cx);
                TypedExpr { at, kind: TypedKind::Else(Box::new(left), Box::new(right)) }
            }
            ExprKind::Bin(BinOp::Merge, a, b) if matches!(want, Ty::Tree | Ty::Map(..)) => {
                let left = self.check(a, &inner, cx);
                let right = self.check(b, &inner, cx);
                TypedExpr { at, kind: TypedKind::Merge(Box::new(left), Box::new(right)) }
            }
            _ => self.infer_then(e, place, cx),
        }
    }

    /// Looks for mistakes in what stands where nothing is known of what is wanted.
    pub fn look_at<'e>(&mut self, all: impl IntoIterator<Item = &'e ast::Expr>, why: Reported, cx: &mut Ctx) {
        let place = self.anywhere(why);
        for e in all {
            self.check(e, &place, cx);
        }
    }

    fn infer_then(&mut self, e: &ast::Expr, place: &RefinedType, cx: &mut Ctx) -> TypedExpr {
        let (ex, ty) = self.infer(e, cx);
        self.coerce(ex, ty, place.ty)
    }

    /// Finds the type of an expression.
    pub fn infer(&mut self, e: &ast::Expr, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let at = e.at;
        match &e.kind {
            ExprKind::Error(why) => self.error(at, *why),
            ExprKind::Lit(lit) => self.literal(lit, at),
            ExprKind::Bool(b) => (TypedExpr { at, kind: TypedKind::Const(Value::Bool(*b)) }, TyId::BOOL),
            ExprKind::None => self.fail_typed(at, errors::needs_type(at, "`none`")),
            ExprKind::Text(text) => self.text(text, cx),
            ExprKind::Name(name) => self.name(name, at, cx),
            ExprKind::Variant { name, args } => {
                let why = self.problems.push(errors::needs_type(at, &format!("`.{}`", name.text)));
                self.look_at(args.iter().map(|a| &a.value), why, cx);
                self.error(at, why)
            }
            ExprKind::List(items) => self.infer_list(items, at, cx),
            ExprKind::ListFor(item, each) => {
                let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
                let each = self.generator(each, cx);
                let (item, ty) = self.infer(item, cx);
                cx.vars.truncate(n_vars);
                cx.n_slots = n_slots;
                let ty = self.types.list(ty);
                (TypedExpr { at, kind: TypedKind::ListFor(Box::new(each), Box::new(item)) }, ty)
            }
            ExprKind::Body(body) => self.infer_body(body, cx),
            ExprKind::Field(inner, name) => self.field(inner, name, at, cx),
            ExprKind::FieldText(inner, text) => {
                let (inner, ty) = self.infer(inner, cx);
                let key = self.key_text(text, cx);
                self.index_by(inner, ty, key, at)
            }
            ExprKind::Index(inner, key) => self.index(inner, key, at, cx),
            ExprKind::Call(callee, args) => self.call(callee, args, at, cx),
            ExprKind::CallFor(callee, item, each) => self.call_for(callee, item, each, at, cx),
            ExprKind::Not(inner) => {
                let inner = self.condition(inner, cx);
                (TypedExpr { at, kind: TypedKind::Not(Box::new(inner)) }, TyId::BOOL)
            }
            ExprKind::Neg(inner) => self.negate(inner, at, cx),
            ExprKind::Bin(op, a, b) => self.binary(*op, a, b, at, cx),
            ExprKind::If(cond, then, otherwise) => {
                let cond = self.condition(cond, cx);
                let (then, otherwise, ty) = self.both(then, otherwise, cx);
                (
                    TypedExpr {
                        at,
                        kind: TypedKind::If(Box::new(cond), Box::new(then), Box::new(otherwise)),
                    },
                    ty,
                )
            }
            ExprKind::Match(subject, arms) => self.match_expr(subject, arms, None, at, cx),
        }
    }

    /// Two expressions of one type: the one whose type can be seen decides.
    fn both(&mut self, a: &ast::Expr, b: &ast::Expr, cx: &mut Ctx) -> (TypedExpr, TypedExpr, TyId) {
        if needs_push(a) {
            let (right, ty) = self.infer(b, cx);
            let left = self.check(a, &RefinedType::plain(ty), cx);
            return (left, right, ty);
        }
        let (left, ty) = self.infer(a, cx);
        let right = self.check(b, &RefinedType::plain(ty), cx);
        (left, right, ty)
    }

    fn literal(&mut self, lit: &Lit, at: Span) -> (TypedExpr, TyId) {
        let (value, ty) = match lit {
            Lit::Int(n) => (Value::Int(*n), TyId::INT),
            Lit::Float(n) => (Value::Float(*n), TyId::FLOAT),
            Lit::Duration(ms) => (Value::Duration(*ms), TyId::DURATION),
            Lit::Size(bytes) => (Value::Size(*bytes), TyId::SIZE),
            Lit::Ip(ip) => (Value::Ip(*ip), TyId::IP),
            Lit::Cidr(ip, prefix) => match IpNet::new(*ip, *prefix) {
                Ok(net) => (Value::Cidr(Arc::new(net)), TyId::CIDR),
                Err(_) => return self.fail_typed(at, Diagnostic::bug(at, "a prefix is too long")),
            },
            Lit::Mac(mac) => (Value::Str(mac.clone()), TyId::STR),
        };
        (TypedExpr { at, kind: TypedKind::Const(value) }, ty)
    }

    /// A text; a Secret when an interpolation is one.
    pub fn text(&mut self, text: &ast::Text, cx: &mut Ctx) -> (TypedExpr, TyId) {
        if let Some(plain) = text.literal() {
            return (TypedExpr { at: text.at, kind: TypedKind::Const(Value::Str(plain)) }, TyId::STR);
        }
        let mut secret = false;
        let mut pieces = Vec::new();
        for (index, part) in text.parts.iter().enumerate() {
            pieces.push(match part {
                ast::TextPart::Literal(plain) => Piece::Text(plain.clone()),
                ast::TextPart::Hole(e) => {
                    let (value, ty) = self.infer(e, cx);
                    secret |= ty == TyId::SECRET;
                    self.check_hole(e.at, ty);
                    let bare = bare_at(&text.parts, index);
                    if let Some(bare) = bare.filter(|_| ty == TyId::IP) {
                        self.problems.push(errors::bare_address(e.at, bare));
                    }
                    Piece::Hole(Hole { value, ty, bare })
                }
            });
        }
        let ty = if secret { TyId::SECRET } else { TyId::STR };
        (TypedExpr { at: text.at, kind: TypedKind::Text(pieces.into(), secret) }, ty)
    }

    /// A text where a key stands: none of it may be secret.
    pub fn key_text(&mut self, text: &ast::Text, cx: &mut Ctx) -> TypedExpr {
        let (ex, ty) = self.text(text, cx);
        if ty != TyId::SECRET {
            return ex;
        }
        self.fail(text.at, errors::secret_leak(text.at, secret_hole(&ex), "a key"))
    }

    fn check_hole(&mut self, at: Span, ty: TyId) {
        let (ok, help) = match self.types.get(ty) {
            Ty::Error(_)
            | Ty::Bool
            | Ty::Int
            | Ty::Float
            | Ty::Str
            | Ty::Ip
            | Ty::Cidr
            | Ty::Secret
            | Ty::Version
            | Ty::Key(_) => (true, None),
            Ty::Enum(id) => {
                let all_plain = self.types.enumeration(*id).variants.iter().all(|(_, p)| p.is_empty());
                (all_plain, Some("only an enum without payload has a text; use `match`".to_string()))
            }
            Ty::Duration => (false, Some("say in which unit: `.seconds`, `.minutes`, `.hours`".into())),
            Ty::Size => (false, Some("say in which unit: `.bytes`, `.MiB`, `.GiB`".into())),
            Ty::Opt(inner) => (false, Some(self.hole_of_optional(at, *inner))),
            Ty::List(_) | Ty::Set(_) => (false, Some("make one text of it: `join(list, \",\")`".into())),
            _ => (false, None),
        };
        if !ok {
            let found = self.types.name(ty);
            self.problems.push(errors::mismatch(at, "something that has a text", &found, help));
        }
    }

    fn infer_list(&mut self, items: &[ast::Expr], at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        // The type of the first item that shows one decides.
        let Some(shows) = items.iter().position(|i| !needs_push(i)) else {
            let why = self.problems.push(errors::needs_type(at, "this list"));
            self.look_at(items, why, cx);
            return self.error(at, why);
        };
        let (first, ty) = self.infer(&items[shows], cx);
        let place = RefinedType::plain(ty);
        let mut all: Vec<TypedExpr> = items[..shows].iter().map(|i| self.check(i, &place, cx)).collect();
        all.push(first);
        all.extend(items[shows + 1..].iter().map(|i| self.check(i, &place, cx)));
        let ty = self.types.list(ty);
        (self.list(all, false, at), ty)
    }

    fn negate(&mut self, inner: &ast::Expr, at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let (ex, ty) = self.infer(inner, cx);
        match (&ex.kind, self.types.get(ty)) {
            (TypedKind::Const(Value::Int(n)), _) => {
                (TypedExpr { at, kind: TypedKind::Const(Value::Int(-n)) }, ty)
            }
            (TypedKind::Const(Value::Float(n)), _) => {
                (TypedExpr { at, kind: TypedKind::Const(Value::Float(-n)) }, ty)
            }
            (_, Ty::Int | Ty::Float | Ty::Duration | Ty::Error(_)) => {
                (TypedExpr { at, kind: TypedKind::Neg(Box::new(ex)) }, ty)
            }
            _ => {
                let found = self.types.name(ty);
                self.fail_typed(at, errors::bad_operator(at, format!("`-` does not go with {found}"), None))
            }
        }
    }

    fn else_left(&mut self, left: TypedExpr, ty: TyId, at: Span, wanted: TyId) -> TypedExpr {
        match self.types.get(ty).clone() {
            Ty::Opt(inner) => self.coerce(left, inner, wanted),
            Ty::Error(_) => left,
            _ => {
                let found = self.types.name(ty);
                let message = format!("`??` gives a value for `none`, but this {found} is never `none`");
                self.fail(at, errors::bad_operator(at, message, Some("leave out the `??`".into())))
            }
        }
    }
}

/// The interpolation of a text that makes it a secret.
pub(super) fn secret_hole(ex: &TypedExpr) -> Option<Span> {
    let TypedKind::Text(pieces, _) = &ex.kind else { return None };
    pieces.iter().find_map(|piece| match piece {
        Piece::Hole(hole) if hole.ty == TyId::SECRET => Some(hole.value.at),
        _ => None,
    })
}
