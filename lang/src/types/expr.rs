//! Expressions: two modes. *Check* pushes a type inward, *infer* finds one.

use super::errors;
use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::live::{Value, to_set};
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
    /// Checks an expression against a place: its type, and, for literals, its conditions.
    pub fn check(&mut self, e: &ast::Expr, place: &Place, cx: &mut Cx) -> Ex {
        let ex = self.check_inner(e, place, cx);
        if let Ek::Const(value) = &ex.kind
            && !place.wheres().is_empty()
            && !matches!(value, Value::None | Value::Error)
        {
            self.literals.push((place.wheres().to_vec(), value.clone(), e.at));
        }
        ex
    }

    fn check_inner(&mut self, e: &ast::Expr, place: &Place, cx: &mut Cx) -> Ex {
        let at = e.at;
        let inner_ty = self.types.unwrap(place.ty);
        let inner = Place { ty: inner_ty, refine: place.refine.clone() };
        let want = self.types.get(inner_ty).clone();
        let is_opt = inner_ty != place.ty;
        match &e.kind {
            ExprKind::None => {
                if is_opt || matches!(want, Ty::Tree | Ty::Error) {
                    return Ex { at, kind: Ek::Const(Value::None) };
                }
                let name = self.types.name(place.ty);
                self.problems.push(errors::mismatch(
                    at,
                    &name,
                    "none",
                    Some(format!("only a `{name}?` can be `none`")),
                ));
                Ex { at, kind: Ek::Error }
            }
            ExprKind::Variant { name, args } => self.variant(name, args, &inner, at, cx),
            ExprKind::Text(text) if matches!(want, Ty::Key(_)) => {
                let Ty::Key(key) = want else { return Ex { at, kind: Ek::Error } };
                let (ex, ty) = self.text(text, cx);
                if ty == TyId::SECRET {
                    self.problems.push(errors::secret_leak(at, None, "a key"));
                }
                Ex { at, kind: Ek::KeyName(key, Box::new(ex)) }
            }
            ExprKind::List(items) => match want {
                Ty::List(item) | Ty::Set(item) => {
                    let item_place = inner.item(item);
                    let all: Vec<Ex> = items.iter().map(|i| self.check(i, &item_place, cx)).collect();
                    self.list(all, matches!(want, Ty::Set(_)), at)
                }
                Ty::Tree => {
                    let place = Place::plain(TyId::TREE);
                    let all: Vec<Ex> = items.iter().map(|i| self.check(i, &place, cx)).collect();
                    self.list(all, false, at)
                }
                _ => self.infer_then(e, place, cx),
            },
            ExprKind::ListFor(item, each) => {
                let item_ty = match want {
                    Ty::List(item) | Ty::Set(item) => item,
                    Ty::Tree => TyId::TREE,
                    _ => return self.infer_then(e, place, cx),
                };
                let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
                let each = self.generator(each, cx);
                let item = self.check(item, &inner.item(item_ty), cx);
                cx.vars.truncate(n_vars);
                cx.n_slots = n_slots;
                let ex = Ex { at, kind: Ek::ListFor(Box::new(each), Box::new(item)) };
                if matches!(want, Ty::Set(_)) { Ex { at, kind: Ek::ToSet(Box::new(ex)) } } else { ex }
            }
            ExprKind::Body(body) => match want {
                Ty::Record(_) | Ty::Map(..) | Ty::Tree => self.body_value(body, &inner, cx),
                Ty::Error => {
                    self.body_value(body, &Place::plain(TyId::TREE), cx);
                    Ex { at, kind: Ek::Error }
                }
                _ => {
                    let name = self.types.name(place.ty);
                    self.problems.push(errors::mismatch(at, &name, "a record", None));
                    Ex { at, kind: Ek::Error }
                }
            },
            ExprKind::If(cond, then, otherwise) => {
                let cond = self.check(cond, &Place::plain(TyId::BOOL), cx);
                let then = self.check(then, place, cx);
                let otherwise = self.check(otherwise, place, cx);
                Ex { at, kind: Ek::If(Box::new(cond), Box::new(then), Box::new(otherwise)) }
            }
            ExprKind::Match(subject, arms) => self.match_expr(subject, arms, Some(place), at, cx).0,
            ExprKind::Bin(BinOp::Else, a, b) => {
                let wanted = self.types.opt(place.ty);
                let (left, left_ty) = if needs_push(a) {
                    (self.check(a, &Place::plain(wanted), cx), wanted)
                } else {
                    self.infer(a, cx)
                };
                let left = self.else_left(left, left_ty, a.at, place.ty);
                let right = self.check(b, place, cx);
                Ex { at, kind: Ek::Else(Box::new(left), Box::new(right)) }
            }
            ExprKind::Bin(BinOp::Merge, a, b) if matches!(want, Ty::Tree) => {
                let left = self.check(a, &inner, cx);
                let right = self.check(b, &inner, cx);
                Ex { at, kind: Ek::Merge(Box::new(left), Box::new(right)) }
            }
            _ => self.infer_then(e, place, cx),
        }
    }

    fn infer_then(&mut self, e: &ast::Expr, place: &Place, cx: &mut Cx) -> Ex {
        let (ex, ty) = self.infer(e, cx);
        self.coerce(ex, ty, place.ty)
    }

    /// A list or a set; of constants, it is one.
    pub fn list(&mut self, all: Vec<Ex>, set: bool, at: Span) -> Ex {
        if all.iter().all(|e| matches!(e.kind, Ek::Const(_))) {
            let values: Vec<Value> = all
                .into_iter()
                .filter_map(|e| match e.kind {
                    Ek::Const(v) => Some(v),
                    _ => None,
                })
                .collect();
            let value = if set { to_set(values) } else { Value::List(values.into()) };
            return Ex { at, kind: Ek::Const(value) };
        }
        let ex = Ex { at, kind: Ek::List(all.into()) };
        if set { Ex { at, kind: Ek::ToSet(Box::new(ex)) } } else { ex }
    }

    /// Makes a value of one type stand where another is wanted, or reports why it cannot.
    pub fn coerce(&mut self, ex: Ex, from: TyId, to: TyId) -> Ex {
        if self.types.same(from, to) || matches!(ex.kind, Ek::Error) {
            return ex;
        }
        let at = ex.at;
        if self.types.fits(from, to) {
            let target = self.types.unwrap(to);
            let changes = match (self.types.get(self.types.unwrap(from)), self.types.get(target)) {
                (Ty::Tree, _) => false,
                (_, Ty::Tree) => true,
                (Ty::List(x), Ty::List(_)) => !self.types.same(*x, TyId::TREE),
                _ => false,
            };
            return if changes { Ex { at, kind: Ek::ToTree(Box::new(ex), from) } } else { ex };
        }
        let (wanted, found) = (self.types.name(to), self.types.name(from));
        let diagnostic = match (self.types.get(from), self.types.get(self.types.unwrap(to))) {
            (Ty::Secret, _) => {
                let hole = match &ex.kind {
                    Ek::Text(pieces, _) => pieces.iter().find_map(|p| match p {
                        Piece::Hole(e, TyId::SECRET) => Some(e.at),
                        _ => None,
                    }),
                    _ => None,
                };
                errors::secret_leak(at, hole, &format!("a {wanted}"))
            }
            (Ty::Duration, Ty::Tree) => {
                errors::not_in_tree(at, "a Duration", Some("write `.seconds`".into()))
            }
            (Ty::Size, Ty::Tree) => {
                errors::not_in_tree(at, "a Size", Some("write `.MiB` or `.bytes`".into()))
            }
            (_, Ty::Tree) => errors::not_in_tree(at, &found, None),
            (Ty::Opt(inner), _) if self.types.fits(*inner, to) => errors::mismatch(
                at,
                &wanted,
                &found,
                Some("give it a value for `none`: `… ?? default`".into()),
            ),
            (Ty::Key(_) | Ty::Int | Ty::Ip | Ty::Cidr | Ty::Bool | Ty::Float | Ty::Enum(_), Ty::Str) => {
                let text = format!("write it as a text: `\"${{{}}}\"`", self.files.sources.text(at));
                errors::mismatch(at, &wanted, &found, Some(text))
            }
            (Ty::Int, Ty::Size) => {
                errors::mismatch(at, &wanted, &found, Some("give it a unit, as in `8GiB`".into()))
            }
            (Ty::Int, Ty::Duration) => {
                errors::mismatch(at, &wanted, &found, Some("give it a unit, as in `30s`".into()))
            }
            (Ty::Int, Ty::Float) => {
                errors::mismatch(at, &wanted, &found, Some("write it with a point, as in `1.0`".into()))
            }
            (Ty::Str, Ty::Int) => errors::mismatch(at, &wanted, &found, Some("leave out the quotes".into())),
            (Ty::Duration, Ty::Int) => errors::mismatch(at, &wanted, &found, Some("write `.seconds`".into())),
            (Ty::Size, Ty::Int) => {
                errors::mismatch(at, &wanted, &found, Some("write `.bytes` or `.MiB`".into()))
            }
            (Ty::List(x), Ty::Set(y)) if self.types.same(*x, *y) => {
                errors::mismatch(at, &wanted, &found, Some("write `set(…)`".into()))
            }
            _ => errors::mismatch(at, &wanted, &found, None),
        };
        self.problems.push(diagnostic);
        Ex { at, kind: Ek::Error }
    }

    /// Finds the type of an expression.
    pub fn infer(&mut self, e: &ast::Expr, cx: &mut Cx) -> (Ex, TyId) {
        let at = e.at;
        match &e.kind {
            ExprKind::Error => Self::error(at),
            ExprKind::Lit(lit) => self.literal(lit, at),
            ExprKind::Bool(b) => (Ex { at, kind: Ek::Const(Value::Bool(*b)) }, TyId::BOOL),
            ExprKind::None => (Ex { at, kind: Ek::Const(Value::None) }, TyId::NONE),
            ExprKind::Text(text) => self.text(text, cx),
            ExprKind::Name(name) => self.name(name, at, cx),
            ExprKind::Variant { name, .. } => {
                self.problems.push(errors::needs_type(at, &format!("`.{}`", name.text)));
                Self::error(at)
            }
            ExprKind::List(items) => self.infer_list(items, at, cx),
            ExprKind::ListFor(item, each) => {
                let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
                let each = self.generator(each, cx);
                let (item, ty) = self.infer(item, cx);
                cx.vars.truncate(n_vars);
                cx.n_slots = n_slots;
                let ty = self.types.list(ty);
                (Ex { at, kind: Ek::ListFor(Box::new(each), Box::new(item)) }, ty)
            }
            ExprKind::Body(body) => self.infer_body(body, cx),
            ExprKind::Field(inner, name) => self.field(inner, name, at, cx),
            ExprKind::FieldText(inner, text) => {
                let (inner, ty) = self.infer(inner, cx);
                let (key, key_ty) = self.text(text, cx);
                self.index_by(inner, ty, key, key_ty, at)
            }
            ExprKind::Index(inner, key) => self.index(inner, key, at, cx),
            ExprKind::Call(callee, args) => self.call(callee, args, at, cx),
            ExprKind::CallFor(callee, item, each) => self.call_for(callee, item, each, at, cx),
            ExprKind::Not(inner) => {
                let inner = self.check(inner, &Place::plain(TyId::BOOL), cx);
                (Ex { at, kind: Ek::Not(Box::new(inner)) }, TyId::BOOL)
            }
            ExprKind::Neg(inner) => self.negate(inner, at, cx),
            ExprKind::Bin(op, a, b) => self.binary(*op, a, b, at, cx),
            ExprKind::If(cond, then, otherwise) => {
                let cond = self.check(cond, &Place::plain(TyId::BOOL), cx);
                let (then, otherwise, ty) = self.both(then, otherwise, cx);
                (Ex { at, kind: Ek::If(Box::new(cond), Box::new(then), Box::new(otherwise)) }, ty)
            }
            ExprKind::Match(subject, arms) => self.match_expr(subject, arms, None, at, cx),
        }
    }

    /// Two expressions of one type: the one whose type can be seen decides.
    fn both(&mut self, a: &ast::Expr, b: &ast::Expr, cx: &mut Cx) -> (Ex, Ex, TyId) {
        if needs_push(a) {
            let (right, ty) = self.infer(b, cx);
            let left = self.check(a, &Place::plain(ty), cx);
            return (left, right, ty);
        }
        let (left, ty) = self.infer(a, cx);
        let right = self.check(b, &Place::plain(ty), cx);
        (left, right, ty)
    }

    fn literal(&mut self, lit: &Lit, at: Span) -> (Ex, TyId) {
        let (value, ty) = match lit {
            Lit::Int(n) => (Value::Int(*n), TyId::INT),
            Lit::Float(n) => (Value::Float(*n), TyId::FLOAT),
            Lit::Duration(ms) => (Value::Duration(*ms), TyId::DURATION),
            Lit::Size(bytes) => (Value::Size(*bytes), TyId::SIZE),
            Lit::Ip(ip) => (Value::Ip(*ip), TyId::IP),
            Lit::Cidr(ip, prefix) => match IpNet::new(*ip, *prefix) {
                Ok(net) => (Value::Cidr(Arc::new(net)), TyId::CIDR),
                Err(_) => return Self::error(at),
            },
            Lit::Mac(mac) => (Value::Str(mac.clone()), TyId::STR),
        };
        (Ex { at, kind: Ek::Const(value) }, ty)
    }

    /// A text; a Secret when a hole is one.
    pub fn text(&mut self, text: &ast::Text, cx: &mut Cx) -> (Ex, TyId) {
        if let Some(plain) = text.literal() {
            return (Ex { at: text.at, kind: Ek::Const(Value::Str(plain)) }, TyId::STR);
        }
        let mut secret = false;
        let mut pieces = Vec::new();
        for part in &text.parts {
            pieces.push(match part {
                ast::TextPart::Literal(plain) => Piece::Text(plain.clone()),
                ast::TextPart::Hole(e) => {
                    let (ex, ty) = self.infer(e, cx);
                    secret |= ty == TyId::SECRET;
                    self.check_hole(e.at, ty);
                    Piece::Hole(ex, ty)
                }
            });
        }
        let ty = if secret { TyId::SECRET } else { TyId::STR };
        (Ex { at: text.at, kind: Ek::Text(pieces.into(), secret) }, ty)
    }

    fn check_hole(&mut self, at: Span, ty: TyId) {
        let (ok, help) = match self.types.get(ty) {
            Ty::Error
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
            Ty::Opt(_) => (false, Some("give it a value for `none`: `… ?? \"\"`".into())),
            Ty::List(_) | Ty::Set(_) => (false, Some("make one text of it: `join(list, \",\")`".into())),
            _ => (false, None),
        };
        if !ok {
            let found = self.types.name(ty);
            self.problems.push(errors::mismatch(at, "something that has a text", &found, help));
        }
    }

    fn infer_list(&mut self, items: &[ast::Expr], at: Span, cx: &mut Cx) -> (Ex, TyId) {
        let Some(first) = items.iter().find(|i| !needs_push(i)) else {
            self.problems.push(errors::needs_type(at, "this list"));
            return Self::error(at);
        };
        let (_, ty) = {
            // The type of the first item that shows one decides; it is checked again below, silently the same.
            let n = self.problems.len();
            let found = self.infer(first, cx);
            self.problems.truncate(n);
            found
        };
        let place = Place::plain(ty);
        let all: Vec<Ex> = items.iter().map(|i| self.check(i, &place, cx)).collect();
        let ty = self.types.list(ty);
        (self.list(all, false, at), ty)
    }

    fn name(&mut self, name: &Arc<str>, at: Span, cx: &mut Cx) -> (Ex, TyId) {
        if let Some((_, var)) = cx.vars.iter().rev().find(|(n, _)| n == name) {
            return match var {
                Var::Slot(slot, ty) => (Ex { at, kind: Ek::Local(*slot) }, *ty),
                Var::Shared(ex, ty, n) => (Ex { at, kind: Ek::Shared(ex.clone(), *n) }, *ty),
            };
        }
        match (&**name, cx.this, cx.key, cx.it) {
            ("self", Some(ty), _, _) => return (Ex { at, kind: Ek::This }, ty),
            ("key", _, Some(ty), _) => return (Ex { at, kind: Ek::Key }, ty),
            ("it", _, _, Some(ty)) => return (Ex { at, kind: Ek::It }, ty),
            _ => {}
        }
        let root = self.types.record(self.root).find(name);
        match self.find(cx.file, name, |d| matches!(d, Decl::Let(_))) {
            Found::One(Decl::Let(id), declared_at) => {
                if let Some(root) = root {
                    let places = [declared_at, self.types.record(self.root).fields[root as usize].at];
                    self.problems.push(errors::ambiguous(at, name, &places));
                    return Self::error(at);
                }
                let ty = self.let_type(id, at);
                (Ex { at, kind: Ek::Global(id) }, ty)
            }
            Found::Many(places) => {
                self.problems.push(errors::ambiguous(at, name, &places));
                Self::error(at)
            }
            _ => match root {
                Some(i) => {
                    let ty = self.types.record(self.root).fields[i as usize].place.ty;
                    (Ex { at, kind: Ek::Root(i) }, ty)
                }
                None => {
                    let mut known: Vec<String> = cx.vars.iter().map(|(n, _)| n.to_string()).collect();
                    known.extend(self.visible(cx.file, |d| matches!(d, Decl::Let(_))));
                    known.extend(self.types.record(self.root).fields.iter().map(|f| f.name.to_string()));
                    self.problems.push(match &**name {
                        "self" | "it" => errors::no_such_name(at, name, [])
                            .help("`self` is read in the default of a field, `it` in a `where`"),
                        _ => errors::no_such_name(at, name, known.iter().map(String::as_str)),
                    });
                    Self::error(at)
                }
            },
        }
    }

    fn field(&mut self, inner: &ast::Expr, name: &ast::Name, at: Span, cx: &mut Cx) -> (Ex, TyId) {
        let (inner, ty) = self.infer(inner, cx);
        match self.types.get(ty).clone() {
            Ty::Error => Self::error(at),
            Ty::Record(rec) => {
                let record = self.types.record(rec);
                match record.find(&name.text) {
                    Some(i) => {
                        let ty = record.fields[i as usize].place.ty;
                        (Ex { at, kind: Ek::Field(Box::new(inner), rec, i) }, ty)
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
                        );
                        self.problems.push(diagnostic);
                        Self::error(at)
                    }
                }
            }
            Ty::Map(..) | Ty::Tree => {
                let key = Ex { at: name.at, kind: Ek::Const(Value::Str(name.text.clone())) };
                self.index_by(inner, ty, key, TyId::STR, at)
            }
            _ => self.property(inner, ty, name, at),
        }
    }

    /// `M.k`, `M."k"`, `T.k` with a text.
    fn index_by(&mut self, inner: Ex, ty: TyId, key: Ex, key_ty: TyId, at: Span) -> (Ex, TyId) {
        match self.types.get(ty).clone() {
            Ty::Error => Self::error(at),
            Ty::Map(_, value) => {
                if key_ty == TyId::SECRET {
                    self.problems.push(errors::secret_leak(key.at, None, "a key"));
                }
                (Ex { at, kind: Ek::MapGet(Box::new(inner), Box::new(key), false) }, value)
            }
            Ty::Tree => (Ex { at, kind: Ek::TreeGet(Box::new(inner), Box::new(key)) }, TyId::TREE),
            _ => {
                let found = self.types.name(ty);
                self.problems.push(errors::mismatch(
                    at,
                    "a record, map or Tree before the `.`",
                    &found,
                    None,
                ));
                Self::error(at)
            }
        }
    }

    fn index(&mut self, inner: &ast::Expr, key: &ast::Expr, at: Span, cx: &mut Cx) -> (Ex, TyId) {
        let (inner, ty) = self.infer(inner, cx);
        match self.types.get(ty).clone() {
            Ty::Map(key_ty, value) => {
                let identity = self.map_identity(&inner);
                let (key, known) = self.map_key(key, key_ty, identity, cx);
                (Ex { at, kind: Ek::MapGet(Box::new(inner), Box::new(key), known) }, value)
            }
            Ty::Tree => {
                let key = self.tree_key(key, cx);
                (Ex { at, kind: Ek::TreeGet(Box::new(inner), Box::new(key)) }, TyId::TREE)
            }
            Ty::List(item) => {
                let key = self.check(key, &Place::plain(TyId::INT), cx);
                (Ex { at, kind: Ek::ListGet(Box::new(inner), Box::new(key)) }, item)
            }
            Ty::Error => {
                if !needs_push(key) {
                    self.infer(key, cx);
                }
                Self::error(at)
            }
            _ => {
                let found = self.types.name(ty);
                self.problems.push(errors::mismatch(at, "a map, list or Tree before the `[`", &found, None));
                Self::error(at)
            }
        }
    }

    /// The key of a map: of its own keys (then it is known to be there), of the map's key type, or a text.
    pub fn map_key(
        &mut self,
        key: &ast::Expr,
        key_ty: TyId,
        identity: Option<KeyOf>,
        cx: &mut Cx,
    ) -> (Ex, bool) {
        if let ExprKind::Variant { name, args } = &key.kind
            && args.is_empty()
            && !matches!(self.types.get(key_ty), Ty::Key(_))
        {
            return (Ex { at: key.at, kind: Ek::Const(Value::Str(name.text.clone())) }, false);
        }
        if needs_push(key)
            || matches!(key.kind, ExprKind::Text(_)) && matches!(self.types.get(key_ty), Ty::Key(_))
        {
            return (self.check(key, &Place::plain(key_ty), cx), false);
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
    pub fn tree_key(&mut self, key: &ast::Expr, cx: &mut Cx) -> Ex {
        if let ExprKind::Variant { name, .. } = &key.kind {
            return Ex { at: key.at, kind: Ek::Const(Value::Str(name.text.clone())) };
        }
        let (ex, ty) = self.infer(key, cx);
        match self.types.get(ty) {
            Ty::Key(_) => ex,
            _ => self.coerce(ex, ty, TyId::STR),
        }
    }

    fn negate(&mut self, inner: &ast::Expr, at: Span, cx: &mut Cx) -> (Ex, TyId) {
        let (ex, ty) = self.infer(inner, cx);
        match (&ex.kind, self.types.get(ty)) {
            (Ek::Const(Value::Int(n)), _) => (Ex { at, kind: Ek::Const(Value::Int(-n)) }, ty),
            (Ek::Const(Value::Float(n)), _) => (Ex { at, kind: Ek::Const(Value::Float(-n)) }, ty),
            (_, Ty::Int | Ty::Float | Ty::Duration | Ty::Error) => {
                (Ex { at, kind: Ek::Neg(Box::new(ex)) }, ty)
            }
            _ => {
                let found = self.types.name(ty);
                self.problems.push(errors::bad_operator(at, format!("`-` does not go with {found}"), None));
                Self::error(at)
            }
        }
    }

    fn else_left(&mut self, left: Ex, ty: TyId, at: Span, wanted: TyId) -> Ex {
        match self.types.get(ty).clone() {
            Ty::Opt(inner) => self.coerce(left, inner, wanted),
            Ty::None | Ty::Error => left,
            _ => {
                let found = self.types.name(ty);
                let message = format!("`??` gives a value for `none`, but this {found} is never `none`");
                self.problems.push(errors::bad_operator(at, message, Some("leave out the `??`".into())));
                left
            }
        }
    }

    fn match_expr(
        &mut self,
        subject: &ast::Expr,
        arms: &[ast::Arm],
        place: Option<&Place>,
        at: Span,
        cx: &mut Cx,
    ) -> (Ex, TyId) {
        let (ex, ty) = self.infer(subject, cx);
        let mut result: Option<Place> = place.cloned();
        if result.is_none() {
            // The first arm whose type can be seen decides for all.
            for arm in arms {
                if !needs_push(&arm.value) {
                    let n = self.problems.len();
                    let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
                    self.pattern(&arm.pattern, ty, cx);
                    let (_, found) = self.infer(&arm.value, cx);
                    cx.vars.truncate(n_vars);
                    cx.n_slots = n_slots;
                    self.problems.truncate(n);
                    result = Some(Place::plain(found));
                    break;
                }
            }
        }
        let Some(result) = result else {
            self.problems.push(errors::needs_type(at, "this match"));
            return Self::error(at);
        };
        let mut out = Vec::new();
        let mut seen: Vec<u32> = Vec::new();
        let (mut has_none, mut has_any) = (false, false);
        for arm in arms {
            let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
            let pattern = self.pattern(&arm.pattern, ty, cx);
            let value = self.check(&arm.value, &result, cx);
            cx.vars.truncate(n_vars);
            cx.n_slots = n_slots;
            match &pattern {
                Some(PatH::Variant(v, ..)) => seen.push(*v),
                Some(PatH::None) => has_none = true,
                Some(PatH::Any(_)) => has_any = true,
                None => has_any = true,
            }
            if let Some(pattern) = pattern {
                out.push(ArmH { pattern, value });
            }
        }
        if !has_any {
            self.exhaustive(ty, &seen, has_none, at);
        }
        (Ex { at, kind: Ek::Match(Box::new(ex), out.into()) }, result.ty)
    }

    fn exhaustive(&mut self, ty: TyId, seen: &[u32], has_none: bool, at: Span) {
        let (inner, opt) = (self.types.unwrap(ty), self.types.unwrap(ty) != ty);
        let mut missing: Vec<String> = Vec::new();
        if opt && !has_none {
            missing.push("`none`".into());
        }
        match self.types.get(inner) {
            Ty::Enum(id) => {
                for (i, (name, _)) in self.types.enumeration(*id).variants.iter().enumerate() {
                    if !seen.contains(&(i as u32)) {
                        missing.push(format!("`.{name}`"));
                    }
                }
            }
            Ty::Error => {}
            _ => missing.push("a name for the value".into()),
        }
        if !missing.is_empty() {
            let message = format!("no arm for {}", missing.join(", "));
            self.problems.push(errors::bad_match(
                at,
                message,
                Some("add the arms, or a last one with a name: `other -> …`".into()),
            ));
        }
    }

    fn pattern(&mut self, pattern: &ast::Pattern, ty: TyId, cx: &mut Cx) -> Option<PatH> {
        let inner = self.types.unwrap(ty);
        match pattern {
            ast::Pattern::None(at) => {
                if inner == ty && ty != TyId::ERROR {
                    let name = self.types.name(ty);
                    self.problems.push(errors::bad_match(
                        *at,
                        format!("a {name} is never `none`"),
                        Some("remove the arm".into()),
                    ));
                }
                Some(PatH::None)
            }
            ast::Pattern::Name(name) => {
                // After `none` a name is the value that is there.
                let slot = cx.bind(&name.text, inner);
                Some(PatH::Any(slot))
            }
            ast::Pattern::Variant(name, names) => {
                let Ty::Enum(id) = self.types.get(inner).clone() else {
                    if inner != TyId::ERROR {
                        let found = self.types.name(ty);
                        self.problems.push(errors::bad_match(
                            name.at,
                            format!("`.{}` is a variant, but this is {found}", name.text),
                            None,
                        ));
                    }
                    return None;
                };
                let def = self.types.enumeration(id).clone();
                let Some(index) = def.find(&name.text) else {
                    let owner = def.name.as_deref().unwrap_or("this enum").to_string();
                    let known = def.variants.iter().map(|(n, _)| &**n);
                    self.problems.push(errors::unknown_variant(name.at, &name.text, &owner, def.at, known));
                    return None;
                };
                let payload = &def.variants[index as usize].1;
                let mut positions = Vec::new();
                let first = cx.n_slots;
                for name in names {
                    match payload.iter().position(|f| f.name == name.text) {
                        Some(i) => {
                            positions.push(i as u32);
                            cx.bind(&name.text, payload[i].place.ty);
                        }
                        None => {
                            let known = payload.iter().map(|f| &*f.name);
                            self.problems.push(errors::unknown_field(
                                name.at,
                                &name.text,
                                "this variant",
                                Some(def.at),
                                known,
                            ));
                            cx.bind(&name.text, TyId::ERROR);
                            positions.push(u32::MAX);
                        }
                    }
                }
                Some(PatH::Variant(index, first, positions))
            }
        }
    }

    fn variant(&mut self, name: &ast::Name, args: &[ast::Arg], place: &Place, at: Span, cx: &mut Cx) -> Ex {
        match self.types.get(place.ty).clone() {
            Ty::Enum(id) => {
                let def = self.types.enumeration(id).clone();
                let Some(index) = def.find(&name.text) else {
                    let owner = def.name.as_ref().map_or("this enum".to_string(), |n| format!("`{n}`"));
                    let known = def.variants.iter().map(|(n, _)| &**n);
                    self.problems.push(errors::unknown_variant(name.at, &name.text, &owner, def.at, known));
                    return Ex { at, kind: Ek::Error };
                };
                let payload = &def.variants[index as usize].1;
                if payload.is_empty() && args.is_empty() {
                    return Ex { at, kind: Ek::Const(Value::Enum(index, None)) };
                }
                let params: Vec<_> = payload
                    .iter()
                    .map(|f| (f.name.clone(), f.place.clone(), f.default.as_ref().map(|d| (**d).clone())))
                    .collect();
                let all = self.arguments(&format!(".{}", name.text), &params, args, at, def.at, cx);
                Ex { at, kind: Ek::Variant(id, index, all.into()) }
            }
            Ty::Key(key) => {
                if let Some(arg) = args.first() {
                    self.problems.push(errors::wrong_arguments(
                        arg.value.at,
                        "a key has no payload",
                        None,
                        None,
                    ));
                }
                let inner = Ex { at, kind: Ek::Const(Value::Str(name.text.clone())) };
                Ex { at, kind: Ek::KeyName(key, Box::new(inner)) }
            }
            Ty::Error => Ex { at, kind: Ek::Error },
            _ => {
                let wanted = self.types.name(place.ty);
                let help =
                    (place.ty == TyId::STR).then(|| format!("write it as a text: `\"{}\"`", name.text));
                self.problems.push(errors::mismatch(
                    at,
                    &wanted,
                    &format!("the variant `.{}`", name.text),
                    help,
                ));
                Ex { at, kind: Ek::Error }
            }
        }
    }

    /// Matches arguments with parameters: by position, then by name, then defaults.
    pub fn arguments(
        &mut self,
        what: &str,
        params: &[(Arc<str>, Place, Option<Ex>)],
        args: &[ast::Arg],
        at: Span,
        declared_at: Span,
        cx: &mut Cx,
    ) -> Vec<Ex> {
        let mut given: Vec<Option<Ex>> = vec![None; params.len()];
        for (i, arg) in args.iter().enumerate() {
            let index = match &arg.name {
                Some(name) => match params.iter().position(|(n, ..)| *n == name.text) {
                    Some(index) => index,
                    None => {
                        let help = crate::diag::did_you_mean(&name.text, params.iter().map(|(n, ..)| &**n));
                        let message = format!("`{what}` has no parameter `{}`", name.text);
                        self.problems.push(errors::wrong_arguments(
                            name.at,
                            message,
                            Some(declared_at),
                            help,
                        ));
                        continue;
                    }
                },
                None if i < params.len() => i,
                None => {
                    let message = format!(
                        "`{what}` takes {} argument{}",
                        params.len(),
                        if params.len() == 1 { "" } else { "s" }
                    );
                    self.problems.push(errors::wrong_arguments(
                        arg.value.at,
                        message,
                        Some(declared_at),
                        None,
                    ));
                    break;
                }
            };
            if given[index].is_some() {
                let message = format!("`{}` is given twice", params[index].0);
                self.problems.push(errors::wrong_arguments(arg.value.at, message, Some(declared_at), None));
                continue;
            }
            given[index] = Some(self.check(&arg.value, &params[index].1, cx));
        }
        let mut missing = Vec::new();
        let out = given
            .into_iter()
            .zip(params)
            .map(|(given, (name, place, default))| match (given, default) {
                (Some(ex), _) => ex,
                (None, Some(default)) => default.clone(),
                (None, None) if matches!(self.types.get(place.ty), Ty::Opt(_)) => {
                    Ex { at, kind: Ek::Const(Value::None) }
                }
                (None, None) => {
                    missing.push(format!("`{name}`"));
                    Ex { at, kind: Ek::Error }
                }
            })
            .collect();
        if !missing.is_empty() {
            let message = format!("`{what}` lacks {}", missing.join(", "));
            self.problems.push(errors::wrong_arguments(at, message, Some(declared_at), None));
        }
        out
    }
}
