//! The whole tree as it is printed: every leaf with its origins, every condition tried, every check made.

use super::infer::Scope;
use super::machine::{Machine, Origin};
use super::program::*;
use super::values::{Path, Val};
use kl::diag::Code;
use kl::syntax::ast;

/// No program that is drawn is this deep, unless a document holds itself.
const DEEPEST: usize = 40;

/// What is printed of a value.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    Error,
    None,
    /// Anything without parts, in words.
    Scalar(String),
    Enum(Name, Vec<(Name, ObservedUnit)>),
    List(Vec<ObservedUnit>),
    Set(Vec<ObservedUnit>),
    Record(Vec<(Name, ObservedUnit)>),
    Map(Vec<(Name, ObservedUnit)>),
    Tree(Vec<(Name, ObservedUnit)>),
}

/// A printed value and the places that it may come from; none where no place is asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct ObservedUnit {
    pub shape: Shape,
    pub origins: Vec<Origin>,
}

impl Machine<'_> {
    /// The fields of the root, and every check.
    pub fn print(&mut self) -> Vec<(Name, ObservedUnit)> {
        let root = self.program.root.clone();
        let all = root.fields.iter().map(|f| (f.name.clone(), self.at(&vec![f.name.clone()]))).collect();
        for (file, tree) in self.program.trees.iter().enumerate() {
            for item in &tree.items {
                if let ast::ItemKind::Check { body, .. } = &item.kind {
                    self.lines(body, Scope::of(file));
                }
            }
        }
        all
    }

    fn lines(&mut self, lines: &[ast::CheckItem], scope: Scope) {
        let mut scope = scope;
        for line in lines {
            match line {
                ast::CheckItem::Let(binding) => {
                    let place = self.program.infer_let(binding, &scope);
                    let value = self.let_value(binding, &scope);
                    scope = scope.with(&binding.name.text, place, super::infer::Bound::Value(value));
                }
                ast::CheckItem::Require { cond, message, .. } => {
                    if matches!(self.bool(cond, &scope), Val::Bool(false)) {
                        self.report(Code::Check);
                        if let Some(message) = message {
                            self.synth(message, &scope);
                        }
                    }
                }
                ast::CheckItem::For { generator, body } => {
                    for inner in self.each(generator, &scope).0 {
                        self.lines(body, inner);
                    }
                }
                ast::CheckItem::If { cond, body } => {
                    if matches!(self.bool(cond, &scope), Val::Bool(true)) {
                        self.lines(body, scope.clone());
                    }
                }
            }
        }
    }

    /// A place of the tree with all below.
    fn at(&mut self, path: &Path) -> ObservedUnit {
        if path.len() > DEEPEST {
            self.endless = true;
            return ObservedUnit { shape: Shape::Error, origins: Vec::new() };
        }
        let leaf = self.leaf(path);
        match self.program.place_at(path) {
            Some(place) => self.seen(&leaf.value, &place, &leaf.origins, path),
            None => ObservedUnit { shape: Shape::Error, origins: Vec::new() },
        }
    }

    fn seen(&mut self, value: &Val, place: &Place, origins: &[Origin], path: &Path) -> ObservedUnit {
        let one = |shape| ObservedUnit { shape, origins: origins.to_vec() };
        let inner = |machine: &mut Self, key: &Name| {
            let mut below = path.clone();
            below.push(key.clone());
            (key.clone(), machine.at(&below))
        };
        let shape = match (value, &place.ty) {
            (Val::Error, _) => Shape::Error,
            (Val::None, _) => Shape::None,
            (Val::Node(of), _) if of != path => return self.elsewhere(of, place, origins, path),
            (Val::Node(_), Ty::Record(record)) => {
                let all = record.fields.iter().map(|f| inner(self, &f.name)).collect();
                self.record_wheres(value, place);
                Shape::Record(all)
            }
            (Val::Node(of), Ty::Map(key, _)) => {
                let keys = self.keys(of);
                for name in &keys.present {
                    self.key_lands(name, key);
                }
                self.absent_below(of);
                self.record_wheres(value, place);
                Shape::Map(keys.present.iter().map(|k| inner(self, k)).collect())
            }
            (Val::Node(of), _) => {
                let keys = self.keys(of);
                Shape::Tree(keys.present.iter().map(|k| inner(self, k)).collect())
            }
            (Val::Enum(index, name, values), Ty::Enum(variants)) => {
                let params = &variants[*index].params;
                let all = params.iter().zip(values);
                Shape::Enum(
                    name.clone(),
                    all.map(|(p, v)| (p.name.clone(), self.seen(v, &p.place, origins, path))).collect(),
                )
            }
            (Val::List(items), Ty::Set(item)) => {
                Shape::Set(items.iter().map(|i| self.seen(i, item, origins, path)).collect())
            }
            (Val::List(items), ty) => {
                let item = match ty {
                    Ty::List(item) => (**item).clone(),
                    _ => Place::of(Ty::Tree),
                };
                Shape::List(items.iter().map(|i| self.seen(i, &item, origins, path)).collect())
            }
            (Val::Dict(dict), Ty::Record(record)) => {
                let mut all = Vec::new();
                for field in &record.fields {
                    let value = self.field(value, record, &field.name);
                    let at = dict.get(&field.name).map(|e| e.1);
                    let origins =
                        origins.iter().filter_map(|o| at.map(|at| inner_origin(o, at))).collect::<Vec<_>>();
                    all.push((field.name.clone(), self.seen(&value, &field.place, &origins, path)));
                }
                Shape::Record(all)
            }
            (Val::Dict(dict), ty) => {
                let item = match ty {
                    Ty::Map(_, item) => (**item).clone(),
                    _ => Place::of(Ty::Tree),
                };
                let mut all = Vec::new();
                for (key, (value, at)) in dict.iter().filter(|(_, (v, _))| !matches!(v, Val::None)) {
                    if let Ty::Map(of, _) = ty {
                        self.key_lands(key, of);
                    }
                    let origins = origins.iter().map(|o| inner_origin(o, *at)).collect::<Vec<_>>();
                    all.push((key.clone(), self.seen(value, &item, &origins, path)));
                }
                if matches!(ty, Ty::Map(..)) { Shape::Map(all) } else { Shape::Tree(all) }
            }
            (Val::Str(text), Ty::Key(of)) => {
                self.landed_key(of, text, path);
                Shape::Scalar(format!("key {text}"))
            }
            (other, _) => Shape::Scalar(scalar(other)),
        };
        one(shape)
    }

    /// A key of a map: its conditions hold, and it is one of those of another map, if its map says so.
    fn key_lands(&mut self, name: &Name, place: &Place) {
        self.demand(Val::Str(name.clone()), place);
        if let Ty::Key(of) = &place.ty {
            self.key_name(of, Val::Str(name.clone()));
        }
    }

    /// A reference to another place, inside a list or a value.
    fn elsewhere(&mut self, of: &Path, place: &Place, origins: &[Origin], path: &Path) -> ObservedUnit {
        let settled = self.settled(&Val::Node(of.clone()), place);
        let mut seen = self.seen(&settled, place, origins, path);
        forget(&mut seen);
        seen
    }

    /// A key of a map of the record around: it must be there where it lands.
    fn landed_key(&mut self, of: &KeyOf, key: &Name, path: &Path) {
        let KeyOf::Of(owner, field) = of else { return };
        for n in (0..path.len()).rev() {
            let place = self.program.place_at(&path[..n]);
            let Some(Ty::Record(record)) = place.map(|p| p.ty) else { continue };
            if record.name.as_ref() == Some(owner) {
                let map = [&path[..n], std::slice::from_ref(field)].concat();
                let keys = self.keys(&map);
                if !keys.present.contains(key) && !keys.failed {
                    self.report(Code::AbsentKey);
                }
                return;
            }
        }
    }

    /// Conditions on a whole record or map, which see it merged.
    fn record_wheres(&mut self, value: &Val, place: &Place) {
        for cond in &place.wheres {
            let mut scope = Scope::of(cond.file);
            scope.it = Some((value.clone(), place.there()));
            if matches!(self.bool(&cond.expr, &scope), Val::Bool(false)) {
                self.report(Code::Where);
            }
        }
    }
}

fn inner_origin(outer: &Origin, at: kl::source::Span) -> Origin {
    Origin { at, through: Some(outer.through.unwrap_or(outer.at)) }
}

fn forget(seen: &mut ObservedUnit) {
    seen.origins.clear();
    match &mut seen.shape {
        Shape::Enum(_, all) | Shape::Record(all) | Shape::Map(all) | Shape::Tree(all) => {
            all.iter_mut().for_each(|(_, inner)| forget(inner));
        }
        Shape::List(all) | Shape::Set(all) => all.iter_mut().for_each(forget),
        _ => {}
    }
}

fn scalar(value: &Val) -> String {
    match value {
        Val::Bool(b) => format!("{b}"),
        Val::Int(n) => format!("{n}"),
        Val::Float(n) => format!("float {n}"),
        Val::Str(text) | Val::Version(text) => format!("{text:?}"),
        Val::Ip(ip) => format!("{ip}"),
        Val::Cidr(net) => format!("{net}"),
        Val::Duration(n) => format!("{n}ms"),
        Val::Size(n) => format!("{n}B"),
        other => format!("{other:?}"),
    }
}
