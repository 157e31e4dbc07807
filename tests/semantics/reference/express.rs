//! Expressions that show their own type: names, paths, operators, calls.

use super::infer::{Scope, needs_push};
use super::machine::Machine;
use super::program::*;
use super::values::{Dict, Val};
use ipnet::IpNet;
use kl::diag::Code;
use kl::syntax::ast::{self, BinOp, ExprKind};
use std::cmp::Ordering;
use std::rc::Rc;

impl Machine<'_> {
    /// The value of an expression by itself.
    pub fn synth(&mut self, e: &ast::Expr, scope: &Scope) -> Val {
        if self.broken_literals.contains(&e.at) {
            return Val::Error;
        }
        match &e.kind {
            ExprKind::Lit(lit) => match lit {
                ast::Lit::Int(n) => Val::Int(*n),
                ast::Lit::Float(n) => Val::Float(*n),
                ast::Lit::Duration(n) => Val::Duration(*n),
                ast::Lit::Size(n) => Val::Size(*n),
                ast::Lit::Ip(ip) => Val::Ip(*ip),
                ast::Lit::Cidr(ip, n) => IpNet::new(*ip, *n).map_or(Val::Error, Val::Cidr),
                ast::Lit::Mac(text) => Val::Str(text.clone()),
            },
            ExprKind::Bool(b) => Val::Bool(*b),
            ExprKind::None => Val::None,
            ExprKind::Text(text) => self.text(text, scope),
            ExprKind::Name(name) => self.name(name, scope),
            ExprKind::List(_) | ExprKind::ListFor(..) => {
                let place = self.program.infer(e, scope);
                if let (ExprKind::ListFor(item, each), Ty::List(of)) = (&e.kind, &place.ty) {
                    let (rounds, fine) = self.each(each, scope);
                    let all: Vec<Val> = rounds.iter().map(|inner| self.check(item, of, inner)).collect();
                    return if !fine || all.iter().any(Val::is_error) { Val::Error } else { Val::List(all) };
                }
                self.check(e, &place, scope)
            }
            ExprKind::Body(_) => {
                let place = self.program.infer(e, scope);
                self.check(e, &place, scope)
            }
            ExprKind::Field(inner, name) => self.field_or_key(inner, name, scope),
            ExprKind::FieldText(inner, text) => {
                let map = self.synth(inner, scope);
                let key = self.text(text, scope);
                self.looked_up(&map, &key)
            }
            ExprKind::Index(inner, key) => self.indexed(inner, key, scope),
            ExprKind::Call(callee, args) => self.call(callee, args, scope),
            ExprKind::CallFor(callee, item, each) => {
                let ExprKind::Name(name) = &callee.kind else { return Val::Error };
                let of = self.program.infer(item, &self.program.bound(each, scope));
                let of = if matches!(&**name, "all" | "any") { Place::of(Ty::Bool) } else { of };
                let (rounds, fine) = self.each(each, scope);
                let all: Vec<Val> = rounds.iter().map(|inner| self.check(item, &of, inner)).collect();
                if !fine || all.iter().any(Val::is_error) {
                    return Val::Error;
                }
                self.builtin(name, vec![Val::List(all)], &[Place::of(Ty::List(Rc::new(of)))])
            }
            ExprKind::Not(inner) => match self.bool(inner, scope) {
                Val::Bool(b) => Val::Bool(!b),
                _ => Val::Error,
            },
            ExprKind::Neg(inner) => match self.synth(inner, scope) {
                Val::Int(n) => n.checked_neg().map_or_else(|| self.fail(Code::Arithmetic), Val::Int),
                Val::Duration(n) => {
                    n.checked_neg().map_or_else(|| self.fail(Code::Arithmetic), Val::Duration)
                }
                Val::Float(n) => Val::Float(-n),
                _ => Val::Error,
            },
            ExprKind::Bin(op, a, b) => self.binary(*op, a, b, scope),
            ExprKind::If(_, a, b) => {
                let place = self.program.infer(if needs_push(a) { b } else { a }, scope);
                self.check(e, &place, scope)
            }
            ExprKind::Match(subject, arms) => self.matched(subject, arms, None, scope),
            ExprKind::Variant { .. } | ExprKind::Error(_) => Val::Error,
        }
    }

    fn looked_up(&mut self, map: &Val, key: &Val) -> Val {
        let (Val::Str(key), true) = (key, map.is_tree()) else { return Val::Error };
        if self.keys_of(map).contains(key) {
            return self.entry(map, key);
        }
        match map {
            Val::Node(path) if self.keys(path).failed => Val::Error,
            _ => self.fail(Code::AbsentKey),
        }
    }

    fn field_or_key(&mut self, inner: &ast::Expr, name: &ast::Name, scope: &Scope) -> Val {
        let of = self.program.infer(inner, scope);
        let value = self.synth(inner, scope);
        match &of.ty {
            Ty::Record(record) => self.field(&value, record, &name.text),
            Ty::Map(..) | Ty::Tree => self.looked_up(&value, &Val::Str(name.text.clone())),
            _ => self.property(&value, &name.text, &[]),
        }
    }

    fn indexed(&mut self, inner: &ast::Expr, key: &ast::Expr, scope: &Scope) -> Val {
        let of = self.program.infer(inner, scope);
        let found = self.synth(inner, scope);
        match &of.ty {
            Ty::List(_) => match (&found, self.synth(key, scope)) {
                (Val::List(all), Val::Int(i)) => {
                    let item = usize::try_from(i).ok().and_then(|i| all.get(i)).cloned();
                    item.unwrap_or_else(|| self.fail(Code::Arithmetic))
                }
                _ => Val::Error,
            },
            Ty::Map(of, _) if matches!(of.ty, Ty::Key(_)) => {
                let key = match &key.kind {
                    ExprKind::Variant { .. } | ExprKind::Text(_) => self.check(key, &of.clone(), scope),
                    _ => self.synth(key, scope),
                };
                self.looked_up(&found, &key)
            }
            _ => {
                let key = self.key(key, scope);
                self.looked_up(&found, &key)
            }
        }
    }

    fn call(&mut self, callee: &ast::Expr, args: &[ast::Arg], scope: &Scope) -> Val {
        match &callee.kind {
            ExprKind::Name(name) => match self.program.find_fn(scope.file, name) {
                Some((file, f)) => self.call_fn(file, &f, args, scope),
                None => {
                    let of: Vec<Place> = args.iter().map(|a| self.program.infer(&a.value, scope)).collect();
                    let values: Vec<Val> = args
                        .iter()
                        .zip(&of)
                        .map(|(a, of)| match &a.value.kind {
                            ExprKind::Variant { .. } if matches!(of.ty, Ty::Unknown) => {
                                self.key(&a.value, scope)
                            }
                            _ => self.synth(&a.value, scope),
                        })
                        .collect();
                    if values.iter().any(Val::is_error) {
                        return Val::Error;
                    }
                    self.builtin(name, values, &of)
                }
            },
            ExprKind::Field(inner, name) => {
                let receiver = self.synth(inner, scope);
                let args: Vec<Val> = args.iter().map(|a| self.synth(&a.value, scope)).collect();
                self.property(&receiver, &name.text, &args)
            }
            _ => Val::Error,
        }
    }

    /// A function sees its file and its parameters; what it is given and what it gives are of their types.
    fn call_fn(&mut self, file: usize, f: &ast::Fn, args: &[ast::Arg], scope: &Scope) -> Val {
        let params: Vec<Field> = f
            .params
            .iter()
            .map(|p| Field {
                name: p.name.text.clone(),
                place: self.program.place(&p.ty, file),
                default: p.default.clone().map(Rc::new),
                file,
                at: p.name.at,
            })
            .collect();
        let Some(values) = self.arguments(&params, args, scope) else { return Val::Error };
        let mut inner = Scope::of(file);
        for (param, value) in params.iter().zip(values) {
            inner = inner.with(&param.name, param.place.clone(), super::infer::Bound::Value(value));
        }
        for binding in &f.lets {
            let place = self.program.infer_let(binding, &inner);
            let value = self.let_value(binding, &inner);
            inner = inner.with(&binding.name.text, place, super::infer::Bound::Value(value));
        }
        let result = self.program.place(&f.result, file);
        let value = self.check(&f.value, &result, &inner);
        self.demand(value, &result)
    }

    fn binary(&mut self, op: BinOp, a: &ast::Expr, b: &ast::Expr, scope: &Scope) -> Val {
        match op {
            BinOp::And | BinOp::Or => match self.bool(a, scope) {
                Val::Bool(left) if left == (op == BinOp::Or) => Val::Bool(left),
                Val::Bool(_) => self.bool(b, scope),
                _ => Val::Error,
            },
            BinOp::Else => {
                let place =
                    if needs_push(a) { self.program.infer(b, scope) } else { self.program.infer(a, scope) };
                match self.check(a, &place, scope) {
                    Val::None => self.check(b, &place.there(), scope),
                    value => value,
                }
            }
            BinOp::In | BinOp::NotIn => match self.is_in(a, b, scope) {
                Val::Bool(found) => Val::Bool(found == (op == BinOp::In)),
                _ => Val::Error,
            },
            BinOp::Merge => {
                let seen = if needs_push(a) { b } else { a };
                let place = self.program.infer(seen, scope);
                let (left, right) = (self.check(a, &place, scope), self.check(b, &place, scope));
                self.merged(&left, &right)
            }
            BinOp::Range => match (self.synth(a, scope), self.synth(b, scope)) {
                (Val::Int(from), Val::Int(to)) => Val::List((from..=to).map(Val::Int).collect()),
                _ => Val::Error,
            },
            BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                let seen = if needs_push(a) { b } else { a };
                let place = self.program.infer(seen, scope);
                let (x, y) = (self.check(a, &place, scope), self.check(b, &place, scope));
                if matches!(place.ty, Ty::Map(..)) && x.is_tree() && y.is_tree() {
                    // With a map that has no keys only the keys are compared.
                    if self.keys_failed(&x) || self.keys_failed(&y) {
                        return Val::Error;
                    }
                    let (x, y) = (self.keys_of(&x).is_empty(), self.keys_of(&y).is_empty());
                    if x || y {
                        return Val::Bool((x == y) == (op == BinOp::Eq));
                    }
                }
                let (x, y) = (self.settled(&x, &place), self.settled(&y, &place));
                if x.is_error() || y.is_error() {
                    return Val::Error;
                }
                let order = x.order(&y);
                Val::Bool(match op {
                    BinOp::Eq => order == Ordering::Equal,
                    BinOp::Ne => order != Ordering::Equal,
                    BinOp::Lt => order == Ordering::Less,
                    BinOp::Le => order != Ordering::Greater,
                    BinOp::Gt => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Rem => {
                let (x, y) = (self.synth(a, scope), self.synth(b, scope));
                self.arithmetic(op, &x, &y)
            }
        }
    }

    fn is_in(&mut self, a: &ast::Expr, b: &ast::Expr, scope: &Scope) -> Val {
        let of = self.program.infer(b, scope);
        let all = if needs_push(b) {
            self.check(b, &Place::of(Ty::List(Rc::new(self.program.infer(a, scope)))), scope)
        } else {
            self.synth(b, scope)
        };
        let item = match &of.ty {
            Ty::List(item) | Ty::Set(item) if !matches!(item.ty, Ty::Unknown) => {
                self.check(a, &item.clone(), scope)
            }
            Ty::Map(..) => self.key(a, scope),
            _ => self.synth(a, scope),
        };
        if all.is_error() || item.is_error() {
            return Val::Error;
        }
        match (&item, &all) {
            (_, Val::List(items)) => Val::Bool(items.iter().any(|i| i.same(&item))),
            (Val::Str(key), Val::Dict(_) | Val::Node(_)) => {
                let found = self.keys_of(&all).contains(key);
                if !found && self.keys_failed(&all) { Val::Error } else { Val::Bool(found) }
            }
            (Val::Ip(ip), Val::Cidr(net)) => Val::Bool(net.contains(ip)),
            (Val::Cidr(inner), Val::Cidr(net)) => Val::Bool(net.contains(inner)),
            _ => Val::Error,
        }
    }

    fn arithmetic(&mut self, op: BinOp, a: &Val, b: &Val) -> Val {
        let int = |x: i64, y: i64| match op {
            BinOp::Add => x.checked_add(y),
            BinOp::Sub => x.checked_sub(y),
            BinOp::Mul => x.checked_mul(y),
            BinOp::Div => x.checked_div(y),
            _ => x.checked_rem(y),
        };
        let found = match (a, b) {
            (Val::Error, _) | (_, Val::Error) => return Val::Error,
            (Val::Int(x), Val::Int(y)) => int(*x, *y).map(Val::Int),
            (Val::Float(x), Val::Float(y)) => {
                let n = match op {
                    BinOp::Add => x + y,
                    BinOp::Sub => x - y,
                    BinOp::Mul => x * y,
                    _ => x / y,
                };
                n.is_finite().then_some(Val::Float(n))
            }
            (Val::Duration(x), Val::Duration(y)) | (Val::Size(x), Val::Size(y)) if op == BinOp::Div => {
                int(*x, *y).map(Val::Int)
            }
            (Val::Duration(x), Val::Duration(y) | Val::Int(y)) | (Val::Int(x), Val::Duration(y)) => {
                int(*x, *y).map(Val::Duration)
            }
            (Val::Size(x), Val::Size(y) | Val::Int(y)) | (Val::Int(x), Val::Size(y)) => {
                int(*x, *y).map(Val::Size)
            }
            (Val::List(x), Val::List(y)) => Some(Val::List([x.as_slice(), y].concat())),
            (Val::Ip(ip), Val::Int(n)) => {
                let n = if op == BinOp::Sub { n.checked_neg() } else { Some(*n) };
                n.and_then(|n| super::builtins::moved(*ip, n)).map(Val::Ip)
            }
            _ => return Val::Error,
        };
        found.unwrap_or_else(|| self.fail(Code::Arithmetic))
    }

    /// A value with everything below it read: records with all fields, maps with their keys.
    pub fn settled(&mut self, value: &Val, place: &Place) -> Val {
        let mut dict = Dict::new();
        match (value, &place.ty) {
            (Val::List(items), Ty::List(item) | Ty::Set(item)) => {
                return Val::List(items.iter().map(|i| self.settled(i, item)).collect());
            }
            (Val::Dict(_) | Val::Node(_), Ty::Record(record)) => {
                for field in &record.fields {
                    let inner = self.field(value, record, &field.name);
                    let inner = self.settled(&inner, &field.place);
                    dict.insert(field.name.clone(), (inner, field.at));
                }
            }
            (Val::Dict(_) | Val::Node(_), ty) => {
                let item = match ty {
                    Ty::Map(_, item) => (**item).clone(),
                    _ => Place::of(Ty::Tree),
                };
                for key in self.keys_of(value) {
                    let inner = self.entry(value, &key);
                    let inner = self.settled(&inner, &item);
                    dict.insert(key, (inner, Default::default()));
                }
            }
            _ => return value.clone(),
        }
        if dict.values().any(|(v, _)| v.is_error()) { Val::Error } else { Val::Dict(Rc::new(dict)) }
    }

    /// A value as a document: names of variants as texts, records with all their fields.
    pub fn as_tree(&mut self, value: &Val, from: &Place) -> Val {
        let mut dict = Dict::new();
        match (value, &from.ty) {
            (Val::Enum(_, name, _), _) => return Val::Str(name.clone()),
            (Val::List(items), Ty::List(item) | Ty::Set(item)) => {
                return Val::List(items.iter().map(|i| self.as_tree(i, item)).collect());
            }
            (Val::Dict(_) | Val::Node(_), Ty::Record(record)) => {
                for field in &record.fields {
                    let inner = self.field(value, record, &field.name);
                    let at = match value {
                        Val::Dict(dict) => dict.get(&field.name).map_or(field.at, |e| e.1),
                        _ => field.at,
                    };
                    dict.insert(field.name.clone(), (self.as_tree(&inner, &field.place), at));
                }
            }
            (Val::Dict(_) | Val::Node(_), Ty::Map(_, item)) => {
                for key in self.keys_of(value) {
                    let inner = self.entry(value, &key);
                    let inner = self.as_tree(&inner, item);
                    dict.insert(key, (inner, Default::default()));
                }
            }
            _ => return value.clone(),
        }
        Val::Dict(Rc::new(dict))
    }

    /// `a & b`: by leaf, the right wins, `none` on the right takes away.
    pub fn merged(&mut self, a: &Val, b: &Val) -> Val {
        let (a, b) = (self.as_written(a), self.as_written(b));
        let (Val::Dict(left), Val::Dict(right)) = (&a, &b) else {
            return if a.is_error() { Val::Error } else { b };
        };
        let mut out = (**left).clone();
        for (key, (value, at)) in right.iter() {
            let value = match out.get(key) {
                Some((old, _)) if old.is_tree() && value.is_tree() => {
                    let old = old.clone();
                    self.merged(&old, value)
                }
                _ => value.clone(),
            };
            out.insert(key.clone(), (value, *at));
        }
        Val::Dict(Rc::new(out))
    }

    /// A record, map or Tree of the tree as what was written in it.
    fn as_written(&mut self, value: &Val) -> Val {
        let Val::Node(path) = value else { return value.clone() };
        let names: Vec<Name> = match self.program.place_at(path).map(|p| p.ty) {
            Some(Ty::Record(record)) => record.fields.iter().map(|f| f.name.clone()).collect(),
            _ => {
                let keys = self.keys(path);
                keys.present.iter().chain(&keys.removed).cloned().collect()
            }
        };
        let mut dict = Dict::new();
        for name in names {
            // Of several that agree, the first by file and line.
            let first = |(_, at): &(Val, kl::source::Span)| {
                let sources = &self.program.sources;
                (sources.file(at.file).name.clone(), at.start)
            };
            if let Some(written) = self.written(path, &name).into_iter().min_by_key(first) {
                dict.insert(name, written);
            }
        }
        Val::Dict(Rc::new(dict))
    }
}
