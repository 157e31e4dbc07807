//! Types before values: the place that an expression has by itself, where one can be seen.

use super::define::Level;
use super::program::*;
use super::values::{Path, Val};
use kl::syntax::ast::{self, BinOp, ExprKind};
use std::rc::Rc;

/// What is bound to a name.
#[derive(Clone)]
pub enum Bound {
    /// Only its type is known: nothing is evaluated.
    Typed,
    Value(Val),
    /// A `let`: evaluated where it is read.
    Let(Rc<ast::Let>, Rc<Scope>),
}

/// What can be seen where an expression stands.
#[derive(Clone)]
pub struct Scope {
    pub file: usize,
    pub vars: Vec<(Name, Place, Bound)>,
    /// `self` and its type.
    pub this: Option<(Val, Rc<Record>)>,
    /// `it` and its type.
    pub it: Option<(Val, Place)>,
    /// Where the value lies, for `key`.
    pub node: Option<Path>,
}

impl Scope {
    pub fn of(file: usize) -> Scope {
        Scope { file, vars: Vec::new(), this: None, it: None, node: None }
    }

    pub fn with(&self, name: &Name, place: Place, bound: Bound) -> Scope {
        let mut inner = self.clone();
        inner.vars.push((name.clone(), place, bound));
        inner
    }

    pub fn var(&self, name: &str) -> Option<&(Name, Place, Bound)> {
        self.vars.iter().rev().find(|(n, ..)| &**n == name)
    }
}

/// Whether an expression has no type of its own.
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

fn list(item: Place) -> Place {
    Place::of(Ty::List(Rc::new(Place { wheres: Vec::new(), ..item })))
}

fn maybe(mut place: Place) -> Place {
    place.opt = true;
    place
}

impl Program {
    /// The place of an expression.
    pub fn infer(&self, e: &ast::Expr, scope: &Scope) -> Place {
        let unknown = Place::of(Ty::Unknown);
        match &e.kind {
            ExprKind::Lit(lit) => Place::of(match lit {
                ast::Lit::Int(_) => Ty::Int,
                ast::Lit::Float(_) => Ty::Float,
                ast::Lit::Duration(_) => Ty::Duration,
                ast::Lit::Size(_) => Ty::Size,
                ast::Lit::Ip(_) => Ty::Ip,
                ast::Lit::Cidr(..) => Ty::Cidr,
                ast::Lit::Mac(_) => Ty::Str,
            }),
            ExprKind::Bool(_) | ExprKind::Not(_) => Place::of(Ty::Bool),
            ExprKind::Text(_) => Place::of(Ty::Str),
            ExprKind::Neg(inner) => self.infer(inner, scope),
            ExprKind::Name(name) => self.infer_name(name, scope),
            ExprKind::List(items) => {
                let seen = items.iter().find(|i| !needs_push(i));
                list(seen.map_or(unknown, |i| self.infer(i, scope)))
            }
            ExprKind::ListFor(item, each) => list(self.infer(item, &self.bound(each, scope))),
            ExprKind::Body(body) => {
                let fields = body.entries.iter().filter_map(|entry| {
                    let ast::Entry::Define(define) = entry else { return None };
                    let ast::StepKind::Word(name) = &define.path[0].kind else { return None };
                    let place = self.infer(&define.value, scope);
                    Some(Field { name: name.clone(), place, default: None, file: scope.file, at: define.at })
                });
                Place::of(Ty::Record(Rc::new(Record { name: None, fields: fields.collect() })))
            }
            ExprKind::Field(inner, name) => {
                let inner = self.infer(inner, scope);
                below(&inner, &name.text).unwrap_or_else(|| Place::of(property(&inner.ty, &name.text)))
            }
            ExprKind::FieldText(inner, _) => below(&self.infer(inner, scope), "").unwrap_or(unknown),
            ExprKind::Index(inner, _) => match self.infer(inner, scope).ty {
                Ty::List(item) => (*item).clone(),
                other => below(&Place::of(other), "").unwrap_or(unknown),
            },
            ExprKind::Call(callee, args) => self.infer_call(callee, args, scope),
            ExprKind::CallFor(callee, item, each) => {
                let item = self.infer(item, &self.bound(each, scope));
                match &callee.kind {
                    ExprKind::Name(name) => self.infer_builtin(name, &[list(item)]),
                    _ => unknown,
                }
            }
            ExprKind::Bin(op, a, b) => self.infer_bin(*op, a, b, scope),
            ExprKind::If(_, a, b) => self.infer(if needs_push(a) { b } else { a }, scope),
            ExprKind::Match(subject, arms) => {
                let subject = self.infer(subject, scope);
                let arm = arms.iter().find(|a| !needs_push(&a.value));
                arm.map_or(unknown, |a| {
                    self.infer(&a.value, &self.typed_pattern(&a.pattern, &subject, scope))
                })
            }
            ExprKind::Variant { .. } | ExprKind::None | ExprKind::Error(_) => unknown,
        }
    }

    fn infer_name(&self, name: &Name, scope: &Scope) -> Place {
        if let Some((_, place, _)) = scope.var(name) {
            return place.clone();
        }
        match &**name {
            "self" if scope.this.is_some() => {
                return Place::of(Ty::Record(scope.this.as_ref().expect("asked").1.clone()));
            }
            "it" if scope.it.is_some() => return scope.it.as_ref().expect("asked").1.clone(),
            "key" if scope.node.is_some() || scope.this.is_some() => return Place::of(Ty::Str),
            _ => {}
        }
        match self.find_let(scope.file, name) {
            Some((file, binding)) => self.infer_let(&binding, &Scope::of(file)),
            None => self.root.find(name).map_or(Place::of(Ty::Unknown), |f| f.place.clone()),
        }
    }

    /// A `let` of a file that this one sees.
    pub fn find_let(&self, file: usize, name: &str) -> Option<(usize, Rc<ast::Let>)> {
        self.find(file, |item| match item {
            ast::ItemKind::Let { public, binding } if *binding.name.text == *name => {
                Some((*public, Rc::new(binding.clone())))
            }
            _ => None,
        })
    }

    /// A function that a file sees.
    pub fn find_fn(&self, file: usize, name: &str) -> Option<(usize, Rc<ast::Fn>)> {
        self.find(file, |item| match item {
            ast::ItemKind::Fn(f) if *f.name.text == *name => Some((f.public, Rc::new(f.clone()))),
            _ => None,
        })
    }

    pub fn infer_let(&self, binding: &ast::Let, scope: &Scope) -> Place {
        match &binding.ty {
            Some(ty) => self.place(ty, scope.file),
            None => self.infer(&binding.value, scope),
        }
    }

    fn infer_bin(&self, op: BinOp, a: &ast::Expr, b: &ast::Expr, scope: &Scope) -> Place {
        match op {
            BinOp::Else if needs_push(a) => self.infer(b, scope),
            BinOp::Else => self.infer(a, scope).there(),
            BinOp::Merge if needs_push(a) => self.infer(b, scope),
            BinOp::Merge => self.infer(a, scope),
            BinOp::Range => list(Place::of(Ty::Int)),
            BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Rem => {
                let (a, b) = (self.infer(a, scope), self.infer(b, scope));
                Place {
                    wheres: Vec::new(),
                    ..match (&a.ty, &b.ty) {
                        (Ty::Duration, Ty::Duration) | (Ty::Size, Ty::Size) if op == BinOp::Div => {
                            Place::of(Ty::Int)
                        }
                        (Ty::Int, Ty::Duration | Ty::Size) => b,
                        _ => a,
                    }
                }
            }
            _ => Place::of(Ty::Bool),
        }
    }

    fn infer_call(&self, callee: &ast::Expr, args: &[ast::Arg], scope: &Scope) -> Place {
        match &callee.kind {
            ExprKind::Name(name) => match self.find_fn(scope.file, name) {
                Some((file, f)) => self.place(&f.result, file),
                None => {
                    let args: Vec<Place> = args.iter().map(|a| self.infer(&a.value, scope)).collect();
                    self.infer_builtin(name, &args)
                }
            },
            ExprKind::Field(inner, name) => Place::of(property(&self.infer(inner, scope).ty, &name.text)),
            _ => Place::of(Ty::Unknown),
        }
    }

    fn infer_builtin(&self, name: &str, args: &[Place]) -> Place {
        let first = args.first().cloned().unwrap_or(Place::of(Ty::Unknown));
        let item = match &first.ty {
            Ty::List(item) | Ty::Set(item) => (**item).clone(),
            Ty::Map(_, value) => (**value).clone(),
            _ => Place::of(Ty::Unknown),
        };
        match name {
            "first" | "last" => maybe(item),
            "get" if matches!(first.ty, Ty::Tree) => Place::of(Ty::Tree),
            "get" => maybe(item),
            "count" => Place::of(Ty::Int),
            "int" => Place::of(Ty::Int),
            "float" => Place::of(Ty::Float),
            "index" => maybe(Place::of(Ty::Int)),
            "sort" | "list" | "values" => list(item),
            "reverse" => first,
            "flatten" => item,
            "set" => Place::of(Ty::Set(Rc::new(item))),
            "keys" => match first.ty {
                Ty::Map(key, _) => list((*key).clone()),
                _ => list(Place::of(Ty::Unknown)),
            },
            "all" | "any" | "unique" | "disjoint" | "starts_with" | "ends_with" | "contains" | "matches" => {
                Place::of(Ty::Bool)
            }
            "sum" => item,
            "min" | "max" | "abs" => first,
            "split" => list(Place::of(Ty::Str)),
            "join" | "upper" | "lower" | "replace" | "trim" | "basename" | "dirname" | "escape" => {
                Place::of(Ty::Str)
            }
            "ip" => Place::of(Ty::Ip),
            "cidr" => Place::of(Ty::Cidr),
            "version" => Place::of(Ty::Version),
            _ => Place::of(Ty::Unknown),
        }
    }

    /// Which map an expression is, as `key of` would name it.
    pub fn identity(&self, e: &ast::Expr, scope: &Scope) -> Option<KeyOf> {
        match &e.kind {
            ExprKind::Name(name) => {
                let root = scope.var(name).is_none() && self.find_let(scope.file, name).is_none();
                (root && self.root.find(name).is_some()).then(|| KeyOf::Root(vec![name.clone()]))
            }
            ExprKind::Field(inner, name) => match self.infer(inner, scope).ty {
                Ty::Record(record) => match (&record.name, self.identity(inner, scope)) {
                    (Some(owner), _) => Some(KeyOf::Of(owner.clone(), name.text.clone())),
                    (None, Some(KeyOf::Root(mut path))) => {
                        path.push(name.text.clone());
                        Some(KeyOf::Root(path))
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// The places that a loop binds: of its first name, of its second.
    pub fn binds(&self, bind: &ast::Bind, scope: &Scope) -> (Place, Place) {
        let source = self.infer(&bind.source, scope);
        let unknown = Place::of(Ty::Unknown);
        if source.opt && bind.second.is_none() {
            return (source.there(), unknown);
        }
        match source.ty {
            Ty::List(item) | Ty::Set(item) if bind.second.is_some() => (Place::of(Ty::Int), (*item).clone()),
            Ty::List(item) | Ty::Set(item) => ((*item).clone(), unknown),
            Ty::Map(key, value) => {
                let key = match (&key.ty, self.identity(&bind.source, scope)) {
                    (Ty::Key(_), _) | (_, None) => (*key).clone(),
                    (_, Some(of)) => Place::of(Ty::Key(of)),
                };
                (key, (*value).clone())
            }
            Ty::Tree => (Place::of(Ty::Str), Place::of(Ty::Tree)),
            _ => (unknown.clone(), unknown),
        }
    }

    /// The scope inside a generator, by types alone.
    pub fn bound(&self, each: &ast::Generator, scope: &Scope) -> Scope {
        each.binds.iter().fold(scope.clone(), |scope, bind| {
            let (first, second) = self.binds(bind, &scope);
            let scope = scope.with(&bind.first.text, first, Bound::Typed);
            match &bind.second {
                Some(name) => scope.with(&name.text, second, Bound::Typed),
                None => scope,
            }
        })
    }

    /// What can be seen inside some loops and lets, by types alone.
    pub fn typed_scope(&self, chain: &[Level], file: usize) -> Scope {
        chain.iter().fold(Scope::of(file), |scope, level| match level {
            Level::Let(binding) => {
                scope.with(&binding.name.text, self.infer_let(binding, &scope), Bound::Typed)
            }
            Level::Guard(..) => scope,
            Level::Bind(bind) => {
                let each = ast::Generator { at: bind.source.at, binds: vec![(**bind).clone()], cond: None };
                self.bound(&each, &scope)
            }
        })
    }

    /// What can be seen behind an entry of a body.
    pub fn after(&self, entry: &ast::Entry, scope: &Scope) -> Scope {
        match entry {
            ast::Entry::Let(binding) => {
                scope.with(&binding.name.text, self.infer_let(binding, scope), Bound::Typed)
            }
            _ => scope.clone(),
        }
    }

    pub fn typed_pattern(&self, pattern: &ast::Pattern, subject: &Place, scope: &Scope) -> Scope {
        match pattern {
            ast::Pattern::None(_) => scope.clone(),
            ast::Pattern::Name(name) => scope.with(&name.text, subject.there(), Bound::Typed),
            ast::Pattern::Variant(variant, names) => names.iter().fold(scope.clone(), |scope, name| {
                scope.with(&name.text, payload(subject, &variant.text, &name.text), Bound::Typed)
            }),
        }
    }
}

/// The place of a name of a variant's payload.
pub fn payload(subject: &Place, variant: &str, name: &str) -> Place {
    let Ty::Enum(variants) = &subject.ty else { return Place::of(Ty::Unknown) };
    let found = variants.iter().find(|v| &*v.name == variant);
    let param = found.and_then(|v| v.params.iter().find(|p| &*p.name == name));
    param.map_or(Place::of(Ty::Unknown), |p| p.place.clone())
}

fn property(ty: &Ty, name: &str) -> Ty {
    match (ty, name) {
        (Ty::Cidr, "host" | "address" | "last" | "netmask") => Ty::Ip,
        (Ty::Cidr, "subnet") => Ty::Cidr,
        (Ty::Ip, "at" | "in_url") => Ty::Str,
        (Ty::Ip, "numbers") => Ty::List(Rc::new(Place::of(Ty::Int))),
        (Ty::Cidr | Ty::Ip | Ty::Duration | Ty::Size, _) => Ty::Int,
        _ => Ty::Unknown,
    }
}
