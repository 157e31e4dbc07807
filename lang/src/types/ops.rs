//! Operators: which types they take and give.

use super::errors;
use super::expr::needs_push;
use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::source::Span;
use crate::syntax::ast::{self, BinOp, ExprKind};

/// How an operator is written.
pub fn symbol(op: BinOp) -> &'static str {
    match op {
        BinOp::Or => "or",
        BinOp::And => "and",
        BinOp::Eq => "==",
        BinOp::Ne => "!=",
        BinOp::Lt => "<",
        BinOp::Le => "<=",
        BinOp::Gt => ">",
        BinOp::Ge => ">=",
        BinOp::In => "in",
        BinOp::NotIn => "not in",
        BinOp::Else => "??",
        BinOp::Merge => "&",
        BinOp::Range => "..",
        BinOp::Add => "+",
        BinOp::Sub => "-",
        BinOp::Mul => "*",
        BinOp::Div => "/",
        BinOp::Rem => "%",
    }
}

impl Checker<'_> {
    /// `a op b`.
    pub fn binary(
        &mut self,
        op: BinOp,
        a: &ast::Expr,
        b: &ast::Expr,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        match op {
            BinOp::And | BinOp::Or => {
                let left = Box::new(self.condition(a, cx));
                let right = Box::new(self.condition(b, cx));
                (
                    TypedExpr {
                        at,
                        kind: if op == BinOp::And {
                            TypedKind::And(left, right)
                        } else {
                            TypedKind::Or(left, right)
                        },
                    },
                    TyId::BOOL,
                )
            }
            BinOp::In => self.is_in(a, b, at, cx),
            BinOp::NotIn => {
                let (ex, ty) = self.is_in(a, b, at, cx);
                (TypedExpr { at, kind: TypedKind::Not(Box::new(ex)) }, ty)
            }
            BinOp::Eq | BinOp::Ne => self.equal(op, a, b, at, cx),
            BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => self.ordered(op, a, b, at, cx),
            BinOp::Else => self.otherwise(a, b, at, cx),
            BinOp::Merge => self.merged(a, b, at, cx),
            BinOp::Range => {
                let place = RefinedType::plain(TyId::INT);
                let left = self.check(a, &place, cx);
                let right = self.check(b, &place, cx);
                let ty = self.types.list(TyId::INT);
                (TypedExpr { at, kind: TypedKind::Bin(op, Box::new(left), Box::new(right), TyId::INT) }, ty)
            }
            BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Rem => {
                self.arithmetic(op, a, b, at, cx)
            }
        }
    }

    /// Both sides of a comparison: the one whose type can be seen decides.
    fn sides(
        &mut self,
        a: &ast::Expr,
        b: &ast::Expr,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TypedExpr, TyId) {
        if needs_push(a) && needs_push(b) {
            let why = self.problems.push(errors::needs_type(at, "either side"));
            self.look_at([a, b], why, cx);
            let (failed, ty) = self.error(at, why);
            return (failed.clone(), failed, ty);
        }
        if needs_push(a) {
            let (right, ty) = self.infer(b, cx);
            let left = self.check(a, &RefinedType::plain(ty), cx);
            return (left, right, ty);
        }
        let (left, ty) = self.infer(a, cx);
        if let ExprKind::Name(name) = &b.kind
            && self.is_unknown(name, cx)
        {
            let right = self.check(b, &RefinedType::plain(ty), cx);
            return (left, right, ty);
        }
        // A key beside a text: the text is looked up as a key.
        let key_right =
            matches!(self.types.get(ty), Ty::Str) && !needs_push(b) && !matches!(b.kind, ExprKind::Text(_));
        if key_right && matches!(a.kind, ExprKind::Text(_)) {
            let (right, right_ty) = self.infer(b, cx);
            if matches!(self.types.get(right_ty), Ty::Key(_)) {
                let left = self.check(a, &RefinedType::plain(right_ty), cx);
                return (left, right, right_ty);
            }
            let right = self.coerce(right, right_ty, ty);
            return (left, right, ty);
        }
        if needs_push(b) || matches!(b.kind, ExprKind::Text(_)) {
            let right = match (&b.kind, matches!(self.types.get(ty), Ty::Opt(_) | Ty::Tree | Ty::Error(_))) {
                (ExprKind::None, false) => {
                    let name = self.types.name(ty);
                    let message = format!("this {name} is never `none`");
                    self.fail(b.at, errors::bad_operator(b.at, message, None))
                }
                _ => self.check(b, &RefinedType::plain(ty), cx),
            };
            return (left, right, ty);
        }
        let (right, right_ty) = self.infer(b, cx);
        if self.types.fits(ty, right_ty) {
            return (left, right, right_ty);
        }
        let right = self.coerce(right, right_ty, ty);
        (left, right, ty)
    }

    fn equal(
        &mut self,
        op: BinOp,
        a: &ast::Expr,
        b: &ast::Expr,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let (left, right, ty) = self.sides(a, b, at, cx);
        if self.types.holds_secret(ty) {
            let name = self.types.name(ty);
            let message = format!("a {name} cannot be compared: it may hold a Secret");
            return self.fail_typed(at, errors::bad_operator(at, message, None));
        }
        (TypedExpr { at, kind: TypedKind::Bin(op, Box::new(left), Box::new(right), ty) }, TyId::BOOL)
    }

    fn ordered(
        &mut self,
        op: BinOp,
        a: &ast::Expr,
        b: &ast::Expr,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let (left, right, ty) = self.sides(a, b, at, cx);
        let fine = matches!(
            self.types.get(ty),
            Ty::Error(_) | Ty::Int | Ty::Float | Ty::Str | Ty::Duration | Ty::Size | Ty::Version | Ty::Ip
        );
        if !fine {
            let name = self.types.name(ty);
            let message = format!("`{}` does not go with {name}", symbol(op));
            return self.fail_typed(at, errors::bad_operator(at, message, None));
        }
        (TypedExpr { at, kind: TypedKind::Bin(op, Box::new(left), Box::new(right), ty) }, TyId::BOOL)
    }

    fn is_in(&mut self, a: &ast::Expr, b: &ast::Expr, at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        if let ExprKind::Bin(BinOp::Range, from, to) = &b.kind {
            let place = RefinedType::plain(TyId::INT);
            let item = self.check(a, &place, cx);
            let from = self.check(from, &place, cx);
            let to = self.check(to, &place, cx);
            return (
                TypedExpr { at, kind: TypedKind::InRange(Box::new(item), Box::new(from), Box::new(to)) },
                TyId::BOOL,
            );
        }
        if needs_push(b) {
            let (item, ty) = self.infer(a, cx);
            let list = self.types.list(ty);
            let all = self.check(b, &RefinedType::plain(list), cx);
            return (
                TypedExpr { at, kind: TypedKind::In(InKind::List, Box::new(item), Box::new(all)) },
                TyId::BOOL,
            );
        }
        let (all, ty) = self.infer(b, cx);
        let (kind, item) = match self.types.get(ty).clone() {
            Ty::List(item) | Ty::Set(item) => {
                let is_tree = item == TyId::TREE || self.types.holds_secret(item);
                if is_tree {
                    let message = "what may hold a Secret cannot be compared";
                    let why = self.problems.push(errors::bad_operator(at, message, None));
                    self.look_at([a], why, cx);
                    return self.error(at, why);
                }
                (InKind::List, self.check(a, &RefinedType::plain(item), cx))
            }
            Ty::Map(key, _) => {
                let identity = self.map_identity(&all);
                (InKind::Map, self.member_key(a, key, identity, cx))
            }
            Ty::Tree => (InKind::Map, self.tree_key(a, cx)),
            Ty::Cidr => {
                let (item, found) = self.infer(a, cx);
                let item = if found == TyId::CIDR { item } else { self.coerce(item, found, TyId::IP) };
                (InKind::Cidr, item)
            }
            Ty::Error(why) => {
                self.look_at([a], why, cx);
                return self.error(at, why);
            }
            _ => {
                let found = self.types.name(ty);
                let message = format!("nothing is `in` a {found}");
                let why = self.problems.push(errors::bad_operator(b.at, message, None));
                self.look_at([a], why, cx);
                return self.error(at, why);
            }
        };
        (TypedExpr { at, kind: TypedKind::In(kind, Box::new(item), Box::new(all)) }, TyId::BOOL)
    }

    /// What is asked for in a map need not be there, so a text or variant is not looked up.
    fn member_key(&mut self, a: &ast::Expr, key: TyId, identity: Option<KeyOf>, cx: &mut Ctx) -> TypedExpr {
        match &a.kind {
            ExprKind::Variant { name, args } if args.is_empty() => {
                TypedExpr { at: a.at, kind: TypedKind::Const(crate::live::Value::Str(name.text.clone())) }
            }
            ExprKind::Text(text) => self.key_text(text, cx),
            _ => self.map_key(a, key, identity, cx).0,
        }
    }

    fn otherwise(&mut self, a: &ast::Expr, b: &ast::Expr, at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let (left, ty) = self.infer(a, cx);
        let inner = match self.types.get(ty).clone() {
            Ty::Opt(inner) => inner,
            Ty::Error(_) => ty,
            _ => {
                let found = self.types.name(ty);
                let message = format!("`??` gives a value for `none`, but this {found} is never `none`");
                let help = Some("leave out the `??`".into());
                let why = self.problems.push(errors::bad_operator(at, message, help));
                self.look_at([b], why, cx);
                return self.error(at, why);
            }
        };
        // `a ?? b` of two optionals is an optional.
        if !needs_push(b) && self.types.failed(inner).is_none() {
            let (right, right_ty) = self.infer(b, cx);
            if right_ty == TyId::STR
                && let Some(help) = self.text_for_none(left.at, inner, right.at)
            {
                let (wanted, found) = (self.types.name(inner), self.types.name(right_ty));
                let diagnostic = errors::mismatch(at, &wanted, &found, Some(help));
                return self.fail_typed(at, diagnostic);
            }
            let ty = if self.types.same(right_ty, ty) { ty } else { inner };
            let right = self.coerce(right, right_ty, ty);
            return (TypedExpr { at, kind: TypedKind::Else(Box::new(left), Box::new(right)) }, ty);
        }
        let right = self.check(b, &RefinedType::plain(inner), cx);
        (TypedExpr { at, kind: TypedKind::Else(Box::new(left), Box::new(right)) }, inner)
    }

    fn merged(&mut self, a: &ast::Expr, b: &ast::Expr, at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let (left, right, ty) = if needs_push(a) && needs_push(b) {
            let place = RefinedType::plain(TyId::TREE);
            (self.check(a, &place, cx), self.check(b, &place, cx), TyId::TREE)
        } else if needs_push(a) {
            let (right, ty) = self.infer(b, cx);
            (self.partial(a, ty, cx), right, ty)
        } else {
            let (left, ty) = self.infer(a, cx);
            let right = if needs_push(b) {
                self.partial(b, ty, cx)
            } else {
                let (right, found) = self.infer(b, cx);
                self.coerce(right, found, ty)
            };
            (left, right, ty)
        };
        if !matches!(self.types.get(ty), Ty::Tree | Ty::Record(_) | Ty::Map(..) | Ty::Error(_)) {
            let found = self.types.name(ty);
            let help = "`&` merges two Trees, or two records or two maps of one type".to_string();
            let message = format!("`&` does not go with {found}");
            return self.fail_typed(at, errors::bad_operator(at, message, Some(help)));
        }
        (TypedExpr { at, kind: TypedKind::Merge(Box::new(left), Box::new(right)) }, ty)
    }

    /// A literal on one side of `&`: the other side has the rest of its fields.
    fn partial(&mut self, e: &ast::Expr, ty: TyId, cx: &mut Ctx) -> TypedExpr {
        match &e.kind {
            ExprKind::Body(body) => self.body_partial(body, &RefinedType::plain(ty), cx),
            _ => self.check(e, &RefinedType::plain(ty), cx),
        }
    }

    fn arithmetic(
        &mut self,
        op: BinOp,
        a: &ast::Expr,
        b: &ast::Expr,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        use BinOp::{Add, Div, Mul, Rem, Sub};
        let (left, x) = self.infer(a, cx);
        let (right, y) = self.infer(b, cx);
        if let Some(why) = self.types.failed(x).or_else(|| self.types.failed(y)) {
            return self.error(at, why);
        }
        let result = match (op, self.types.get(x), self.types.get(y)) {
            (_, Ty::Int, Ty::Int) => Some(TyId::INT),
            (Add | Sub | Mul | Div, Ty::Float, Ty::Float) => Some(TyId::FLOAT),
            (Add | Sub, Ty::Duration, Ty::Duration) => Some(TyId::DURATION),
            (Add | Sub, Ty::Size, Ty::Size) => Some(TyId::SIZE),
            (Div, Ty::Duration, Ty::Duration) | (Div, Ty::Size, Ty::Size) => Some(TyId::INT),
            (Mul | Div, Ty::Duration, Ty::Int) => Some(TyId::DURATION),
            (Mul | Div, Ty::Size, Ty::Int) => Some(TyId::SIZE),
            (Mul, Ty::Int, Ty::Duration) => Some(TyId::DURATION),
            (Mul, Ty::Int, Ty::Size) => Some(TyId::SIZE),
            (Add | Sub, Ty::Ip, Ty::Int) => Some(TyId::IP),
            (Add, Ty::List(p), Ty::List(q)) if self.types.same(*p, *q) => Some(x),
            (Rem, ..) => None,
            _ => None,
        };
        match result {
            Some(ty) => (TypedExpr { at, kind: TypedKind::Bin(op, Box::new(left), Box::new(right), x) }, ty),
            None => {
                let (p, q) = (self.types.name(x), self.types.name(y));
                let help = match (self.types.get(x), self.types.get(y)) {
                    (Ty::Str, _) | (_, Ty::Str) if op == Add => {
                        Some("join texts in one: `\"${a}${b}\"`".to_string())
                    }
                    (Ty::Int, Ty::Float) | (Ty::Float, Ty::Int) => {
                        Some("make both Float: `1.0`, or `float(n)`".into())
                    }
                    _ => None,
                };
                let message = format!("`{}` does not go with {p} and {q}", symbol(op));
                self.fail_typed(at, errors::bad_operator(at, message, help))
            }
        }
    }
}
