//! Definitions: every statement, taken apart where its right side is braces, with the loops, guards and lets around it.

use super::infer::{Bound, Scope};
use super::program::*;
use kl::source::Span;
use kl::syntax::ast::{self, ExprKind, Op, StepKind};
use std::rc::Rc;

/// What stands around a definition, outermost first.
#[derive(Clone)]
pub enum Level {
    Let(Rc<ast::Let>),
    Guard(Rc<ast::Expr>, bool),
    Bind(Rc<ast::Bind>),
}

#[derive(Clone)]
pub enum Step {
    Name(Name),
    /// A computed key: it can be told after so many levels; the flag says that it may add.
    Computed {
        key: Rc<ast::Expr>,
        known_after: usize,
        adds: bool,
        of: Option<KeyOf>,
    },
}

#[derive(Clone)]
pub enum Given {
    /// Braces that were taken apart: the place is there.
    Exists,
    /// Takes away.
    Nothing,
    Value(Rc<ast::Expr>),
}

/// The six strengths, from 0 for a default to 5 for `force`, and the file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rank {
    pub strength: u8,
    pub file: usize,
    /// How much of the path there is up to its last step by a key of the very map: it is a rule for whatever entries there are.
    pub own: usize,
}

pub const DEFAULT: Rank = Rank { strength: 0, file: 0, own: 0 };

#[derive(Clone)]
pub struct Def {
    pub chain: Vec<Level>,
    pub steps: Vec<Step>,
    pub given: Given,
    pub op: Op,
    pub rank: Rank,
    /// From the path to the end of the value.
    pub at: Span,
}

#[derive(Default)]
pub struct Defs {
    pub all: Vec<Def>,
    /// Keys in paths, with the conditions on the keys of their maps.
    pub keys: Vec<(Name, Place)>,
}

#[derive(Clone)]
struct Meta {
    rank: Rank,
    op: Op,
    prefix: Vec<Step>,
}

impl Program {
    /// All definitions of all files.
    pub fn definitions(&self) -> Defs {
        let mut out = Defs::default();
        let root = (Place::of(Ty::Record(self.root.clone())), Some(KeyOf::Root(Vec::new())));
        for (file, tree) in self.trees.iter().enumerate() {
            let entries: Vec<&ast::Entry> = tree
                .items
                .iter()
                .filter_map(|item| match &item.kind {
                    ast::ItemKind::Entry(entry) => Some(entry),
                    _ => None,
                })
                .collect();
            self.entries(&entries, &root, &Scope::of(file), &[], None, &mut out);
        }
        out
    }

    fn entries(
        &self,
        entries: &[&ast::Entry],
        spot: &(Place, Option<KeyOf>),
        scope: &Scope,
        chain: &[Level],
        meta: Option<&Meta>,
        out: &mut Defs,
    ) {
        let (mut scope, mut chain) = (scope.clone(), chain.to_vec());
        let mut prefix = meta.map_or(Vec::new(), |m| m.prefix.clone());
        for entry in entries {
            let meta = meta.map(|m| Meta { prefix: prefix.clone(), ..*m });
            let meta = meta.as_ref();
            match entry {
                ast::Entry::Let(binding) => {
                    let place = self.infer_let(binding, &scope);
                    scope = scope.with(&binding.name.text, place, Bound::Typed);
                    // It stands as far out as what it reads: what a key needs is known as early as can be.
                    let at = known_after(&binding.value, &chain);
                    chain.insert(at, Level::Let(Rc::new(binding.clone())));
                    for step in &mut prefix {
                        if let Step::Computed { known_after, .. } = step {
                            *known_after += usize::from(*known_after > at);
                        }
                    }
                }
                ast::Entry::Loop(each) => {
                    let mut inner = chain.clone();
                    inner.extend(each.generator.binds.iter().map(|b| Level::Bind(Rc::new(b.clone()))));
                    inner.extend(
                        each.generator.cond.iter().map(|c| Level::Guard(Rc::new((**c).clone()), true)),
                    );
                    let bound = self.bound(&each.generator, &scope);
                    self.entries(
                        &each.body.entries.iter().collect::<Vec<_>>(),
                        spot,
                        &bound,
                        &inner,
                        meta,
                        out,
                    );
                }
                ast::Entry::Guard(guard) => {
                    let bodies = [(Some(&guard.then), true), (guard.otherwise.as_ref(), false)];
                    for (body, holds) in bodies {
                        let Some(body) = body else { continue };
                        let mut inner = chain.clone();
                        inner.push(Level::Guard(Rc::new(guard.cond.clone()), holds));
                        self.entries(
                            &body.entries.iter().collect::<Vec<_>>(),
                            spot,
                            &scope,
                            &inner,
                            meta,
                            out,
                        );
                    }
                }
                ast::Entry::Define(define) => self.define(define, spot, &scope, &chain, meta, out),
            }
        }
    }

    fn define(
        &self,
        define: &ast::Define,
        spot: &(Place, Option<KeyOf>),
        scope: &Scope,
        chain: &[Level],
        meta: Option<&Meta>,
        out: &mut Defs,
    ) {
        let strength = match (self.library[scope.file], define.op, define.force) {
            (false, _, Some(_)) => 5,
            (false, Op::Suggest, _) => 3,
            (false, ..) => 4,
            (true, Op::Suggest, _) => 1,
            (true, ..) => 2,
        };
        let rank = meta.map_or(Rank { strength, file: scope.file, own: 0 }, |m| m.rank);
        let op = meta.map_or(define.op, |m| m.op);
        let mut steps = meta.map_or(Vec::new(), |m| m.prefix.clone());
        let (mut place, mut identity) = spot.clone();
        let mut is_entry = false;
        for step in &define.path {
            is_entry = matches!(place.ty, Ty::Map(..) | Ty::Tree);
            let Some((next, step)) = self.step(&place, identity, step, scope, chain, out) else { return };
            steps.push(step);
            (place, identity) = next;
        }
        let at = define.path[0].at.to(define.value.at);
        let is_own = |step: &Step| matches!(step, Step::Computed { adds: false, .. });
        let rank = Rank { own: steps.iter().rposition(is_own).map_or(0, |i| i + 1), ..rank };
        let push = |given, out: &mut Defs| {
            let chain = chain.to_vec();
            out.all.push(Def { chain, steps: steps.clone(), given, op, rank, at });
        };
        match &define.value.kind {
            ExprKind::None if is_entry || place.merges() && place.opt => push(Given::Nothing, out),
            ExprKind::Body(body) if place.merges() => {
                push(Given::Exists, out);
                let op = if op == Op::Replace { Op::Set } else { op };
                let inner = Meta { rank, op, prefix: steps.clone() };
                let entries: Vec<&ast::Entry> = body.entries.iter().collect();
                self.entries(&entries, &(place.there(), identity), scope, chain, Some(&inner), out);
            }
            _ => push(Given::Value(Rc::new(define.value.clone())), out),
        }
    }

    /// One step of a path: where it leads, and what is looked for.
    #[allow(clippy::type_complexity, reason = "a place and which map it is")]
    fn step(
        &self,
        place: &Place,
        identity: Option<KeyOf>,
        step: &ast::Step,
        scope: &Scope,
        chain: &[Level],
        out: &mut Defs,
    ) -> Option<((Place, Option<KeyOf>), Step)> {
        let literal = match &step.kind {
            StepKind::Word(name) => Some(name.clone()),
            StepKind::Text(text) => text.literal(),
            StepKind::Index(e) => match &e.kind {
                ExprKind::Variant { name, .. } => Some(name.text.clone()),
                ExprKind::Text(text) => text.literal(),
                _ => None,
            },
        };
        if let Ty::Record(record) = &place.ty {
            let name = literal?;
            let identity = match (&record.name, identity) {
                (Some(owner), _) => Some(KeyOf::Of(owner.clone(), name.clone())),
                (None, Some(KeyOf::Root(path))) => Some(KeyOf::Root([path, vec![name.clone()]].concat())),
                _ => None,
            };
            return Some(((record.find(&name)?.place.clone(), identity), Step::Name(name)));
        }
        let next = below(place, "")?;
        let key_place = match &place.ty {
            Ty::Map(key, _) => Some(&**key),
            _ => None,
        };
        let of = match key_place.map(|k| &k.ty) {
            Some(Ty::Key(of)) => Some(of.clone()),
            _ => None,
        };
        let step = match (literal, &step.kind) {
            (Some(name), _) => {
                if let Some(key) = key_place {
                    out.keys.push((name.clone(), key.clone()));
                }
                Step::Name(name)
            }
            (None, StepKind::Text(text)) => {
                let key = Rc::new(ast::Expr { at: text.at, kind: ExprKind::Text(text.clone()) });
                let known_after = known_after(&key, chain);
                Step::Computed { key, known_after, adds: true, of }
            }
            (None, StepKind::Index(e)) => {
                let own = match (self.infer(e, scope).ty, &identity) {
                    (Ty::Key(found), Some(identity)) => found == *identity,
                    _ => false,
                };
                let looked_up = matches!(e.kind, ExprKind::Text(_));
                let key = Rc::new((**e).clone());
                let known_after = known_after(&key, chain);
                Step::Computed { key, known_after, adds: !own, of: of.filter(|_| looked_up) }
            }
            _ => return None,
        };
        Some(((next, None), step))
    }
}

/// After how many levels all names are bound that an expression reads.
fn known_after(e: &ast::Expr, chain: &[Level]) -> usize {
    let mut names = Vec::new();
    names_in(e, &mut names);
    let binds = |level: &Level| match level {
        Level::Let(binding) => names.contains(&binding.name.text),
        Level::Guard(..) => false,
        Level::Bind(bind) => {
            names.contains(&bind.first.text) || bind.second.as_ref().is_some_and(|n| names.contains(&n.text))
        }
    };
    chain.iter().rposition(binds).map_or(0, |i| i + 1)
}

/// Every name that an expression writes.
fn names_in(e: &ast::Expr, out: &mut Vec<Name>) {
    let text = |t: &ast::Text, out: &mut Vec<Name>| {
        for part in &t.parts {
            if let ast::TextPart::Hole(e) = part {
                names_in(e, out);
            }
        }
    };
    match &e.kind {
        ExprKind::Name(name) => out.push(name.clone()),
        ExprKind::Text(t) => text(t, out),
        ExprKind::FieldText(inner, t) => {
            names_in(inner, out);
            text(t, out);
        }
        ExprKind::Field(inner, _) | ExprKind::Not(inner) | ExprKind::Neg(inner) => names_in(inner, out),
        ExprKind::Index(a, b) | ExprKind::Bin(_, a, b) => {
            names_in(a, out);
            names_in(b, out);
        }
        ExprKind::If(a, b, c) => [a, b, c].into_iter().for_each(|e| names_in(e, out)),
        ExprKind::Call(_, args) => args.iter().for_each(|a| names_in(&a.value, out)),
        ExprKind::List(all) => all.iter().for_each(|e| names_in(e, out)),
        ExprKind::Match(subject, arms) => {
            names_in(subject, out);
            arms.iter().for_each(|a| names_in(&a.value, out));
        }
        _ => {}
    }
}
