//! What an evaluation remembers, and expressions to values.

use super::define::{Def, Rank};
use super::infer::{Bound, Scope, needs_push, payload};
use super::program::*;
use super::values::{Dict, Path, Val, shown, to_set};
use kl::diag::Code;
use kl::source::Span;
use kl::syntax::ast::{self, BinOp, ExprKind};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub enum Once<T> {
    Busy,
    Done(T),
}

/// Where a value was written, and the definition that brought it here if that is another place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Origin {
    pub at: Span,
    pub through: Option<Span>,
}

impl Origin {
    pub fn of(at: Span) -> Origin {
        Origin { at, through: None }
    }
}

impl Whole {
    /// The places that may be named: of a default it is the same whether what brought it is named.
    pub fn origins(&self) -> Vec<Origin> {
        let mut all = vec![Origin { at: self.at, through: self.through }];
        if self.rank.strength == 0 {
            all.push(Origin::of(self.at));
        }
        all
    }
}

/// A value and every place that may be named as its origin: equally strong definitions agree on it.
#[derive(Clone)]
pub struct Leaf {
    pub value: Val,
    pub origins: Vec<Origin>,
}

impl Leaf {
    pub fn plain(value: Val) -> Leaf {
        Leaf { value, origins: Vec::new() }
    }
}

#[derive(Default)]
pub struct Keys {
    pub present: BTreeSet<Name>,
    pub removed: BTreeSet<Name>,
    /// The ranks of those that took a key away.
    pub gone_by: BTreeMap<Name, Vec<Rank>>,
    /// Could not be found: readers stay silent.
    pub failed: bool,
}

/// A value given whole at a place or above it.
#[derive(Clone)]
pub struct Whole {
    pub rank: Rank,
    pub at: Span,
    pub through: Option<Span>,
    pub value: Val,
}

/// One evaluation of a program.
pub struct Machine<'p> {
    pub program: &'p Program,
    pub defs: Vec<Rc<Def>>,
    pub leaves: BTreeMap<Path, Once<Rc<Leaf>>>,
    pub keys: BTreeMap<Path, Once<Rc<Keys>>>,
    pub wholes: BTreeMap<Path, Once<Rc<Vec<Whole>>>>,
    /// Places whose parts of values above are being looked for.
    pub open_parts: Vec<Path>,
    /// Maps whose keys were read while they were being found.
    pub broken: Vec<Path>,
    pub codes: BTreeSet<Code>,
    /// A guard, a loop or a key failed on the way: what else there may be is not known.
    pub unsure: bool,
    /// Whether that ever happened.
    pub doubted: bool,
    /// Whether something holds itself, so that printing it has no end.
    pub endless: bool,
    /// Literals that break a condition: error values wherever they are read.
    pub broken_literals: Vec<Span>,
    lets: BTreeMap<(usize, Name), Once<Val>>,
}

impl<'p> Machine<'p> {
    pub fn new(program: &'p Program, defs: Vec<Rc<Def>>) -> Machine<'p> {
        Machine {
            program,
            defs,
            leaves: BTreeMap::new(),
            keys: BTreeMap::new(),
            wholes: BTreeMap::new(),
            broken: Vec::new(),
            open_parts: Vec::new(),
            codes: program.codes.iter().copied().collect(),
            unsure: false,
            doubted: false,
            endless: false,
            broken_literals: Vec::new(),
            lets: BTreeMap::new(),
        }
    }

    /// Notes that it is not known what else there may be.
    pub fn doubt(&mut self) {
        (self.unsure, self.doubted) = (true, true);
    }

    pub fn report(&mut self, code: Code) {
        self.codes.insert(code);
    }

    pub fn fail(&mut self, code: Code) -> Val {
        self.report(code);
        Val::Error
    }

    /// A value that must be a Bool.
    pub fn bool(&mut self, e: &ast::Expr, scope: &Scope) -> Val {
        self.check(e, &Place::of(Ty::Bool), scope)
    }

    /// The key that an expression gives.
    pub fn key(&mut self, e: &ast::Expr, scope: &Scope) -> Val {
        match &e.kind {
            ExprKind::Variant { name, .. } => Val::Str(name.text.clone()),
            _ => self.synth(e, scope),
        }
    }

    /// A key by name: it must be one of its map.
    pub fn key_name(&mut self, of: &KeyOf, name: Val) -> Val {
        let (KeyOf::Root(path), Val::Str(text)) = (of, &name) else { return name };
        let keys = self.keys(path);
        match keys.present.contains(text) {
            true => name,
            false if keys.failed => Val::Error,
            false => self.fail(Code::AbsentKey),
        }
    }

    /// What a loop binds, round by round.
    pub fn bind(&mut self, bind: &ast::Bind, scope: &Scope) -> Vec<Scope> {
        let (first, second) = self.program.binds(bind, scope);
        let source = self.program.infer(&bind.source, scope);
        let value = self.synth(&bind.source, scope);
        let two = |scope: &Scope, a: Val, b: Val| {
            let inner = scope.with(&bind.first.text, first.clone(), Bound::Value(a));
            match &bind.second {
                Some(name) => inner.with(&name.text, second.clone(), Bound::Value(b)),
                None => inner,
            }
        };
        if source.opt {
            let there = !matches!(value, Val::None | Val::Error);
            return if there { vec![two(scope, value, Val::None)] } else { Vec::new() };
        }
        match &value {
            Val::List(items) if bind.second.is_some() => {
                items.iter().enumerate().map(|(i, v)| two(scope, Val::Int(i as i64), v.clone())).collect()
            }
            Val::List(items) => items.iter().map(|v| two(scope, v.clone(), Val::None)).collect(),
            Val::Dict(_) | Val::Node(_) => {
                let mut out = Vec::new();
                for key in self.keys_of(&value) {
                    let entry = if bind.second.is_some() { self.entry(&value, &key) } else { Val::None };
                    out.push(two(scope, Val::Str(key), entry));
                }
                out
            }
            _ => Vec::new(),
        }
    }

    /// Every round of a generator, and whether none of what it loops over and asks failed.
    pub fn each(&mut self, each: &ast::Generator, scope: &Scope) -> (Vec<Scope>, bool) {
        let (mut all, mut fine) = (vec![scope.clone()], true);
        for bind in &each.binds {
            let mut inner = Vec::new();
            for scope in &all {
                let source = self.synth(&bind.source, scope);
                fine &= !source.is_error() && !self.keys_failed(&source);
                inner.extend(self.bind(bind, scope));
            }
            all = inner;
        }
        if let Some(cond) = &each.cond {
            let mut kept = Vec::new();
            for scope in all {
                match self.bool(cond, &scope) {
                    Val::Bool(true) => kept.push(scope),
                    Val::Bool(false) => {}
                    _ => fine = false,
                }
            }
            all = kept;
        }
        (all, fine)
    }

    /// Whether not all keys of a map are known.
    pub fn keys_failed(&mut self, map: &Val) -> bool {
        match map {
            Val::Node(path) if !matches!(self.program.place_at(path).map(|p| p.ty), Some(Ty::Record(_))) => {
                self.keys(path).failed
            }
            _ => false,
        }
    }

    pub fn keys_of(&mut self, map: &Val) -> Vec<Name> {
        match map {
            Val::Node(path) => self.keys(path).present.iter().cloned().collect(),
            Val::Dict(dict) => {
                dict.iter().filter(|(_, (v, _))| !matches!(v, Val::None)).map(|(k, _)| k.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The entry of a key that is there.
    pub fn entry(&mut self, map: &Val, key: &Name) -> Val {
        match map {
            Val::Node(path) => self.read(path, key),
            Val::Dict(dict) => dict.get(key).map_or(Val::Error, |(v, _)| v.clone()),
            _ => Val::Error,
        }
    }

    pub fn read(&mut self, above: &Path, name: &Name) -> Val {
        let mut path = above.clone();
        path.push(name.clone());
        self.leaf(&path).value.clone()
    }

    /// A field of a record, which reads as its default if it was not written.
    pub fn field(&mut self, value: &Val, record: &Rc<Record>, name: &str) -> Val {
        let Some(field) = record.find(name) else { return Val::Error };
        match value {
            Val::Node(path) => self.read(path, &field.name),
            Val::Dict(dict) => match (dict.get(name), &field.default) {
                (Some((value, _)), _) => value.clone(),
                (None, Some(default)) => {
                    let mut scope = Scope::of(field.file);
                    scope.this = Some((value.clone(), record.clone()));
                    self.check(default, &field.place, &scope)
                }
                (None, None) if field.place.opt => Val::None,
                (None, None) if field.place.merges() => Val::Dict(Rc::default()),
                (None, None) => self.fail(Code::Missing),
            },
            _ => Val::Error,
        }
    }

    /// The value of an expression where a type is expected.
    pub fn check(&mut self, e: &ast::Expr, place: &Place, scope: &Scope) -> Val {
        if self.broken_literals.contains(&e.at) {
            return Val::Error;
        }
        match (&e.kind, &place.ty) {
            (ExprKind::None, _) => Val::None,
            (ExprKind::Variant { name, args }, Ty::Enum(variants)) => {
                self.variant(name, args, variants, scope)
            }
            (ExprKind::Variant { name, .. }, Ty::Key(of)) => self.key_name(of, Val::Str(name.text.clone())),
            (ExprKind::Text(_), Ty::Key(of)) => {
                let name = self.synth(e, scope);
                self.key_name(of, name)
            }
            (ExprKind::List(items), Ty::List(item) | Ty::Set(item)) => {
                let all = items.iter().map(|i| self.check(i, item, scope)).collect();
                listed(all, matches!(place.ty, Ty::Set(_)))
            }
            (ExprKind::List(items), Ty::Tree) => {
                listed(items.iter().map(|i| self.check(i, place, scope)).collect(), false)
            }
            (ExprKind::ListFor(item, each), ty) => {
                let item_place = match ty {
                    Ty::List(item) | Ty::Set(item) => (**item).clone(),
                    Ty::Tree => Place::of(Ty::Tree),
                    _ => return self.synth(e, scope),
                };
                let (rounds, fine) = self.each(each, scope);
                let all = rounds.iter().map(|scope| self.check(item, &item_place, scope)).collect();
                if fine { listed(all, matches!(ty, Ty::Set(_))) } else { Val::Error }
            }
            (ExprKind::Body(body), _) => self.body(body, place, scope),
            (ExprKind::If(cond, a, b), _) => match self.bool(cond, scope) {
                Val::Bool(true) => self.check(a, place, scope),
                Val::Bool(false) => self.check(b, place, scope),
                _ => Val::Error,
            },
            (ExprKind::Match(subject, arms), _) => self.matched(subject, arms, Some(place), scope),
            (ExprKind::Bin(BinOp::Else, a, b), _) => {
                let wanted = Place { opt: true, ..place.clone() };
                let left =
                    if needs_push(a) { self.check(a, &wanted, scope) } else { self.coerced(a, place, scope) };
                if matches!(left, Val::None) { self.check(b, place, scope) } else { left }
            }
            (ExprKind::Bin(BinOp::Merge, a, b), Ty::Tree | Ty::Map(..)) => {
                let (a, b) = (self.check(a, place, scope), self.check(b, place, scope));
                self.merged(&a, &b)
            }
            _ => self.coerced(e, place, scope),
        }
    }

    fn coerced(&mut self, e: &ast::Expr, place: &Place, scope: &Scope) -> Val {
        let value = self.synth(e, scope);
        let from = self.program.infer(e, scope);
        match (&from.ty, &place.ty) {
            (Ty::Tree, _) => value,
            (_, Ty::Tree) => self.as_tree(&value, &from),
            (Ty::List(_), Ty::List(item)) if matches!(item.ty, Ty::Tree) => self.as_tree(&value, &from),
            _ => value,
        }
    }

    fn variant(
        &mut self,
        name: &ast::Name,
        args: &[ast::Arg],
        variants: &Rc<Vec<Variant>>,
        scope: &Scope,
    ) -> Val {
        let Some(index) = variants.iter().position(|v| v.name == name.text) else { return Val::Error };
        let params: Vec<Field> = variants[index].params.clone();
        match self.arguments(&params, args, scope) {
            Some(payload) => Val::Enum(index, name.text.clone(), payload),
            None => Val::Error,
        }
    }

    /// Arguments by position, then by name, then defaults; none of them if one failed.
    pub fn arguments(&mut self, params: &[Field], args: &[ast::Arg], scope: &Scope) -> Option<Vec<Val>> {
        let mut out = Vec::new();
        for (i, param) in params.iter().enumerate() {
            let named = args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.text == param.name));
            let given = named.or(args.get(i).filter(|a| a.name.is_none()));
            let value = match (given, &param.default) {
                (Some(arg), _) => self.check(&arg.value, &param.place, scope),
                (None, Some(default)) => self.check(default, &param.place, &Scope::of(param.file)),
                (None, None) => Val::None,
            };
            out.push(self.demand(value, &param.place));
        }
        (!out.iter().any(Val::is_error)).then_some(out)
    }

    pub fn matched(
        &mut self,
        subject: &ast::Expr,
        arms: &[ast::Arm],
        place: Option<&Place>,
        scope: &Scope,
    ) -> Val {
        let of = self.program.infer(subject, scope);
        let value = self.synth(subject, scope);
        if value.is_error() {
            return Val::Error;
        }
        for arm in arms {
            let inner = match (&arm.pattern, &value) {
                (ast::Pattern::None(_), Val::None) => scope.clone(),
                (ast::Pattern::Name(name), _) => {
                    scope.with(&name.text, of.there(), Bound::Value(value.clone()))
                }
                (ast::Pattern::Variant(variant, names), Val::Enum(index, found, values))
                    if variant.text == *found =>
                {
                    let Ty::Enum(variants) = &of.ty else { return Val::Error };
                    let params = &variants[*index].params;
                    names.iter().fold(scope.clone(), |scope, name| {
                        let value =
                            params.iter().position(|p| p.name == name.text).map(|i| values[i].clone());
                        let place = payload(&of, found, &name.text);
                        scope.with(&name.text, place, Bound::Value(value.unwrap_or(Val::Error)))
                    })
                }
                _ => continue,
            };
            return match place {
                Some(place) => self.check(&arm.value, place, &inner),
                None => {
                    let seen = arms
                        .iter()
                        .find(|a| !needs_push(&a.value))
                        .map(|a| self.program.infer(&a.value, &inner));
                    self.check(&arm.value, &seen.unwrap_or(Place::of(Ty::Unknown)), &inner)
                }
            };
        }
        Val::Error
    }

    /// Braces as a value: what is written in them.
    fn body(&mut self, body: &ast::Body, place: &Place, scope: &Scope) -> Val {
        let mut dict = Dict::new();
        match self.fill(&body.entries, place, scope, &mut dict) {
            true => Val::Dict(Rc::new(dict)),
            false => Val::Error,
        }
    }

    fn fill(&mut self, entries: &[ast::Entry], place: &Place, scope: &Scope, dict: &mut Dict) -> bool {
        let mut scope = scope.clone();
        let mut fine = true;
        for entry in entries {
            match entry {
                ast::Entry::Let(binding) => {
                    let of = self.program.infer_let(binding, &scope);
                    let bound = Bound::Let(Rc::new(binding.clone()), Rc::new(scope.clone()));
                    scope = scope.with(&binding.name.text, of, bound);
                }
                ast::Entry::Loop(each) => {
                    let (rounds, whole) = self.each(&each.generator, &scope);
                    fine &= whole;
                    for inner in rounds {
                        fine &= self.fill(&each.body.entries, place, &inner, dict);
                    }
                }
                ast::Entry::Guard(guard) => match (self.bool(&guard.cond, &scope), &guard.otherwise) {
                    (Val::Bool(true), _) => fine &= self.fill(&guard.then.entries, place, &scope, dict),
                    (Val::Bool(false), Some(body)) => fine &= self.fill(&body.entries, place, &scope, dict),
                    (Val::Bool(false), None) => {}
                    _ => fine = false,
                },
                ast::Entry::Define(define) => fine &= self.put_define(define, place, &scope, dict),
            }
        }
        fine
    }

    fn put_define(&mut self, define: &ast::Define, place: &Place, scope: &Scope, dict: &mut Dict) -> bool {
        let (mut keys, mut target) = (Vec::new(), place.clone());
        for step in &define.path {
            let key = match &step.kind {
                ast::StepKind::Word(name) => Val::Str(name.clone()),
                ast::StepKind::Text(text) => self.text(text, scope),
                ast::StepKind::Index(e) => self.key(e, scope),
            };
            let (Val::Str(key), next) = (key, below_or_field(&target, step)) else { return false };
            let looked_up = match (&target.ty, &step.kind) {
                (Ty::Map(of, _), ast::StepKind::Text(_)) => Some(of.clone()),
                (Ty::Map(of, _), ast::StepKind::Index(e)) if matches!(e.kind, ExprKind::Text(_)) => {
                    Some(of.clone())
                }
                _ => None,
            };
            if let Some(Ty::Key(of)) = looked_up.map(|p| p.ty.clone())
                && self.key_name(&of, Val::Str(key.clone())).is_error()
            {
                return false;
            }
            keys.push(key);
            target = next.unwrap_or(Place::of(Ty::Unknown));
        }
        let at = define.path[0].at.to(define.value.at);
        let value = match &define.value.kind {
            ExprKind::Body(_) => self.check(&define.value, &target.there(), scope),
            _ => self.check(&define.value, &target, scope),
        };
        self.put(dict, &keys, value, at);
        true
    }

    fn put(&mut self, dict: &mut Dict, keys: &[Name], value: Val, at: Span) {
        let Some((first, rest)) = keys.split_first() else { return };
        let known = dict.get(first).cloned();
        let value = match (known, rest) {
            (known, [_, ..]) => {
                let mut inner = match known {
                    Some((Val::Dict(inner), _)) => (*inner).clone(),
                    Some((node @ Val::Node(_), _)) => match self.merged(&node, &Val::Dict(Rc::default())) {
                        Val::Dict(inner) => (*inner).clone(),
                        _ => Dict::new(),
                    },
                    _ => Dict::new(),
                };
                self.put(&mut inner, rest, value, at);
                Val::Dict(Rc::new(inner))
            }
            (None, []) => value,
            (Some((old, _)), []) if old.is_tree() && value.is_tree() => self.merged(&old, &value),
            (Some((old, _)), []) if old.is_error() || value.is_error() || old.same(&value) => value,
            (Some(_), []) => self.fail(Code::Conflict),
        };
        dict.insert(first.clone(), (value, at));
    }

    /// A text with its holes filled.
    pub fn text(&mut self, text: &ast::Text, scope: &Scope) -> Val {
        let mut out = String::new();
        for (index, part) in text.parts.iter().enumerate() {
            match part {
                ast::TextPart::Literal(plain) => out.push_str(plain),
                ast::TextPart::Hole(e) => match self.synth(e, scope) {
                    Val::Error => return Val::Error,
                    Val::Ip(ip) if has_wrong_brackets(ip.is_ipv6(), &text.parts, index) => {
                        return self.fail(Code::BadText);
                    }
                    value => out.push_str(&shown(&value)),
                },
            }
        }
        Val::Str(out.into())
    }

    pub fn name(&mut self, name: &Name, scope: &Scope) -> Val {
        if let Some((_, _, bound)) = scope.var(name) {
            return match bound.clone() {
                Bound::Typed => Val::Error,
                Bound::Value(value) => value,
                Bound::Let(binding, outer) => self.let_value(&binding, &outer),
            };
        }
        match &**name {
            "self" if scope.this.is_some() => return scope.this.as_ref().expect("asked").0.clone(),
            "it" if scope.it.is_some() => return scope.it.as_ref().expect("asked").0.clone(),
            "key" if scope.node.is_some() || scope.this.is_some() => {
                let key = scope.node.as_ref().and_then(|path| self.nearest_key(path));
                return key.map_or_else(|| self.fail(Code::BadText), Val::Str);
            }
            _ => {}
        }
        let Some((file, binding)) = self.program.find_let(scope.file, name) else {
            return if self.program.root.find(name).is_some() {
                self.read(&Vec::new(), name)
            } else {
                Val::Error
            };
        };
        let id = (file, name.clone());
        match self.lets.get(&id) {
            Some(Once::Done(value)) => return value.clone(),
            Some(Once::Busy) => return self.fail(Code::Cycle),
            None => {}
        }
        self.lets.insert(id.clone(), Once::Busy);
        let value = self.let_value(&binding, &Scope::of(file));
        self.lets.insert(id, Once::Done(value.clone()));
        value
    }

    pub fn let_value(&mut self, binding: &ast::Let, scope: &Scope) -> Val {
        match &binding.ty {
            Some(ty) => {
                let place = self.program.place(ty, scope.file);
                let value = self.check(&binding.value, &place, scope);
                self.demand(value, &place)
            }
            None => self.synth(&binding.value, scope),
        }
    }

    /// The key of the nearest entry of a map at or above a path.
    fn nearest_key(&self, path: &[Name]) -> Option<Name> {
        let is_entry =
            |n: &usize| matches!(self.program.place_at(&path[..n - 1]).map(|p| p.ty), Some(Ty::Map(..)));
        (1..=path.len()).rev().find(is_entry).map(|n| path[n - 1].clone())
    }

    /// Tries the conditions of a place on a value that lands there, and those of all that lies in it.
    pub fn demand(&mut self, value: Val, place: &Place) -> Val {
        if matches!(value, Val::Error | Val::None) {
            return value;
        }
        for cond in &place.wheres {
            let mut scope = Scope::of(cond.file);
            scope.it = Some((value.clone(), Place { opt: false, wheres: Vec::new(), ..place.clone() }));
            if matches!(self.bool(&cond.expr, &scope), Val::Bool(false)) {
                return self.fail(Code::Where);
            }
        }
        let mut fine = true;
        match (&value, &place.ty) {
            (Val::List(items), Ty::List(item) | Ty::Set(item)) => {
                for one in items {
                    fine &= !self.demand(one.clone(), item).is_error();
                }
            }
            (Val::Enum(index, _, values), Ty::Enum(variants)) => {
                for (one, param) in values.iter().zip(&variants[*index].params) {
                    fine &= !self.demand(one.clone(), &param.place).is_error();
                }
            }
            (Val::Dict(dict), Ty::Record(record)) => {
                for (name, (one, _)) in dict.iter() {
                    let place = record.find(name).map_or(Place::of(Ty::Unknown), |f| f.place.clone());
                    fine &= one.is_error() || !self.demand(one.clone(), &place).is_error();
                }
            }
            (Val::Dict(dict), Ty::Map(key, item)) => {
                for (name, (one, _)) in dict.iter() {
                    fine &= !self.demand(Val::Str(name.clone()), key).is_error();
                    fine &= one.is_error() || !self.demand(one.clone(), item).is_error();
                }
            }
            _ => {}
        }
        if fine { value } else { Val::Error }
    }
}

/// Items as a list or a set; one that failed fails it.
fn listed(all: Vec<Val>, set: bool) -> Val {
    match all.iter().any(Val::is_error) {
        true => Val::Error,
        false if set => to_set(all),
        false => Val::List(all),
    }
}

fn below_or_field(place: &Place, step: &ast::Step) -> Option<Place> {
    match &step.kind {
        ast::StepKind::Word(name) => below(place, name),
        ast::StepKind::Text(text) => below(place, &text.literal().unwrap_or_default()),
        ast::StepKind::Index(_) => below(place, ""),
    }
}

/// Whether an address in a text lacks the brackets of IPv6 before a port or as the host of a URL, or is of IPv4 and has them there.
fn has_wrong_brackets(six: bool, parts: &[ast::TextPart], index: usize) -> bool {
    // A hole is `*`: it is neither a bracket nor a colon, and it may be a port.
    let plain = |part: &ast::TextPart| match part {
        ast::TextPart::Literal(text) => text.to_string(),
        ast::TextPart::Hole(_) => "*".to_string(),
    };
    let before: String = parts[..index].iter().map(plain).collect();
    let after: String = parts[index + 1..].iter().map(plain).collect();
    let in_brackets = before.ends_with('[') && after.starts_with(']');
    let after = if in_brackets { &after[1..] } else { &after };
    let mut next = after.chars();
    let port = next.next() == Some(':') && next.next().is_some_and(|it| it.is_ascii_digit() || it == '*');
    let url = before.rfind("://").is_some_and(|at| {
        !before[at + 3..].contains(|c: char| c.is_whitespace() || "/?#\"'<>()".contains(c))
    });
    (port || url) && six != in_brackets
}
