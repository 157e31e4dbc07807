//! Lists and sets that grow and shrink: `+=` and `-=` on the strongest `=`.

use super::errors;
use super::frame::Frame;
use super::leaf::Candidate;
use super::memo::*;
use super::pass::Pass;
use super::state::Location;
use super::taken::Missed;
use crate::live::{Items, Value, to_set};
use crate::rank::{self, Rank};
use crate::source::FileId;
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Given, TypedExpr, TypedKind};
use crate::types::ty::{Refine, RefinedType, Ty};
use std::cmp::Ordering;
use std::sync::Arc;

impl Pass<'_> {
    /// A list or set with `+=` and `-=`.
    pub(super) fn grown(
        &mut self,
        location: Location<'_>,
        place: &RefinedType,
        ends: &[(Cursor, DefId)],
        wholes: &[Composite],
        default: Option<&Arc<TypedExpr>>,
    ) -> (Value, Src) {
        let program = &self.eng.program;
        let changes = |d: DefId| matches!(program.defs[d.0 as usize].op, Op::Add | Op::Remove);
        let (parts, bases): (Vec<_>, Vec<_>) = ends.iter().copied().partition(|(_, d)| changes(*d));
        let winners = self.winners(location, &bases, wholes);
        let (base, base_src) = self.agreed(location, place, &winners, &bases, default);
        if base.is_error() {
            return (base, base_src);
        }
        let mut stronger: Vec<Rank> = winners.all.iter().map(|c| self.cand_rank(c)).collect();
        if stronger.is_empty() {
            stronger.push(Rank { strength: rank::DEFAULT, file: FileId(0) });
        }
        // What replaces the whole drops the rest on purpose.
        let replaced = winners
            .all
            .iter()
            .any(|c| matches!(c, Candidate::Def(d, ..) if program.defs[d.0 as usize].op == Op::Replace));
        let cuts = self.node(location.node()).cuts.clone();
        let mut live: Vec<(DefId, EnvId)> = Vec::new();
        for (cursor, def) in parts {
            let rank = self.rank(def);
            if cuts.iter().any(|cut| cut.drops(rank, cursor.rule, &program.uses)) {
                continue;
            }
            let key = self.leaf_key(location, cursor, def);
            let mut instances = Vec::new();
            self.instances(cursor, &key, &mut instances);
            let mut envs = Vec::new();
            for (group, env) in instances {
                self.extend(group, env, program.defs[def.0 as usize].group, &mut envs);
            }
            if stronger.iter().any(|base| base.beats(rank, &program.uses)) {
                if !envs.is_empty() && !replaced {
                    self.report(errors::dropped(program.defs[def.0 as usize].at, base_src.at));
                }
                continue;
            }
            live.extend(envs.into_iter().map(|env| (def, env)));
        }
        if live.is_empty() {
            return (base, base_src);
        }
        // Weakest first; among equals by module path and line; the rounds of one line stay in their order.
        live.sort_by_cached_key(|(id, _)| {
            let def = &program.defs[id.0 as usize];
            (self.rank(*id).order(&program.uses), program.sources.file(def.file).name.clone(), def.at.start)
        });
        // A condition on the whole list is about what comes out; those on its items are about each that is added.
        let of_items = place
            .refine
            .as_ref()
            .map(|all| Arc::new(Refine { wheres: Vec::new(), key: all.key.clone(), item: all.item.clone() }));
        let added = RefinedType { ty: place.ty, refine: of_items };
        let mut items: Vec<Value> = base.items().map(|l| l.to_vec()).unwrap_or_default();
        let mut gone: Vec<(DefId, Items)> = Vec::new();
        let mut last = base_src;
        let mut traced = Vec::new();
        for wanted in [Op::Add, Op::Remove] {
            for (id, env) in live.iter().filter(|(d, _)| program.defs[d.0 as usize].op == wanted) {
                let def = &program.defs[id.0 as usize];
                let Given::Value(ex) = &def.given else { continue };
                let mut frame = Frame::at(self.env(*env), location.node());
                let mut value = self.eval(ex, &mut frame);
                if wanted == Op::Add {
                    value = self.check_refinement(location, &added, value, def.value_at, None);
                }
                let Value::List(more) = value else {
                    return (self.failed(def.value_at, &[&value]), base_src);
                };
                let counted = match wanted {
                    Op::Add => self.make(more.len() as u64, def.value_at),
                    _ => self.walk(more.measure(), def.value_at),
                };
                if let Err(reported) = counted {
                    return (Value::Error(reported), base_src);
                }
                self.win(*id);
                self.involve(def.at);
                last = Src { def: *id, at: def.at };
                if self.trace.is_some() {
                    traced.push((*id, wanted, more.clone()));
                }
                match wanted {
                    Op::Add => items.extend(more.iter().cloned()),
                    _ => gone.push((*id, more)),
                }
            }
        }
        // What is there is sorted, so that what goes is found; and a set is.
        let n_rounds = u64::from((items.len() as u64 + 1).ilog2());
        if let Err(reported) = self.work((items.len() as u64).saturating_mul(n_rounds), last.at) {
            return (Value::Error(reported), base_src);
        }
        self.taken_items(location, place, &gone, &items);
        self.trace_grown(location, base_src, traced, &items);
        let mut gone: Vec<&Value> = gone.iter().flat_map(|(_, more)| more.iter()).collect();
        gone.sort_by(|a, b| a.order(b));
        items.retain(|i| gone.binary_search_by(|g| g.order(i)).is_err());
        let set = matches!(program.types.get(program.types.unwrap(place.ty)), Ty::Set(_));
        let value = if set { to_set(items) } else { Value::List(items.into()) };
        (self.check_refinement(location, place, value, last.at, None), last)
    }

    /// Remembers, while it is traced, what a list is made of.
    fn trace_grown(
        &mut self,
        location: Location<'_>,
        base: Src,
        parts: Vec<(DefId, Op, Items)>,
        items: &[Value],
    ) {
        if self.trace.is_none() {
            return;
        }
        let path = self.location_path(location);
        let is_there = |item: &&Value| items.iter().any(|it| it.order(item) == Ordering::Equal);
        let touched = |op: Op, all: Items| match op {
            Op::Remove => all.iter().filter(is_there).cloned().collect(),
            _ => all,
        };
        let parts =
            parts.into_iter().map(|(def, op, all)| (def, op, Value::List(touched(op, all)))).collect();
        if let Some(trace) = &mut self.trace {
            trace.grown.push((path, super::state::Grown { base, parts }));
        }
    }

    /// Notes for each `-=` whether what it takes away was there: each item that is written, and of a list that is computed
    /// any one.
    fn taken_items(
        &mut self,
        location: Location<'_>,
        place: &RefinedType,
        gone: &[(DefId, Items)],
        items: &[Value],
    ) {
        if gone.is_empty() {
            return;
        }
        let mut sorted: Vec<&Value> = items.iter().collect();
        sorted.sort_by(|a, b| a.order(b));
        let there = |item: &Value| sorted.binary_search_by(|i| i.order(item)).is_ok();
        let types = &self.eng.program.types;
        let item_ty = match types.get(types.unwrap(place.ty)) {
            Ty::List(item) | Ty::Set(item) => *item,
            _ => return,
        };
        for (id, more) in gone {
            let def = &self.eng.program.defs[id.0 as usize];
            let Given::Value(ex) = &def.given else { continue };
            let missed = |pass: &Self, name: &str| {
                let path = pass.location_path(location);
                let known: Vec<String> = sorted.iter().map(|i| pass.shown(i, item_ty)).collect();
                let help = errors::known_items(&path, name, known.iter().map(String::as_str));
                Missed { part: None, path, help: Some(help), is_key: false }
            };
            if is_written(ex) {
                for item in more.iter() {
                    let name = self.shown(item, item_ty);
                    self.takes(*id, name.as_str().into(), there(item), |pass| missed(pass, &name));
                }
            } else if let Some(first) = more.first() {
                let name = self.shown(first, item_ty);
                let found = more.iter().any(there);
                self.takes(*id, name.as_str().into(), found, |pass| missed(pass, &name));
            }
        }
    }
}

/// Whether a list is written item by item.
fn is_written(ex: &TypedExpr) -> bool {
    match &ex.kind {
        TypedKind::Const(_) | TypedKind::List(_) => true,
        TypedKind::ToSet(inner) => is_written(inner),
        _ => false,
    }
}
