//! What is below a field or an entry and no leaf: a record, a map, a Tree, an optional that may be absent.

use super::budget::within;
use super::errors;
use super::frame::Frame;
use super::memo::*;
use super::pass::Pass;
use super::state::Location;
use crate::live::{NodeId, Value};
use crate::merge::trie::TrieId;
use crate::rank::{self, Rank};
use crate::source::{FileId, Span};
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Given, TypedExpr, TypedKind};
use crate::types::ty::{RefinedType, Ty, TyId};
use std::sync::Arc;

impl Pass<'_> {
    /// The node below a location: a record, map or Tree; for a Tree perhaps a scalar, for an optional perhaps nothing.
    pub(super) fn child(
        &mut self,
        location: Location<'_>,
        key: &Arc<str>,
        place: &RefinedType,
        below: &[(Cursor, TrieId)],
        default: Option<(Arc<TypedExpr>, Span)>,
    ) -> Slot {
        let id = location.node();
        let ty = self.eng.program.types.unwrap(place.ty);
        let optional = ty != place.ty;
        let inner = RefinedType { ty, refine: place.refine.clone() };
        let entry = matches!(location, Location::Entry(..)) && inner.ty != TyId::TREE;
        let mut above = self.parts(id, key);
        if self.is_lazy() {
            above.iter_mut().for_each(|whole| whole.value = self.head(whole.value.clone()));
        }
        if optional && !self.optional_there(location, below, &above, default.as_ref()) {
            return Slot::Value(Value::None, Src { def: NO_DEF, at: self.first_at(id) });
        }
        above.retain(|w| !matches!(w.value, Value::None));
        if let Some((default, at)) = &default {
            let empty = matches!(&default.kind, TypedKind::Body(_, entries) if entries.is_empty());
            if !empty && !matches!(default.kind, TypedKind::Const(Value::None)) {
                let value = self.default_whole(default, id);
                let rank = Rank { strength: rank::DEFAULT, file: FileId(self.node(id).depth) };
                // Only a `:=` that ends here drops it: where one ends above, this reads as its default like any leaf.
                let rule = self.node(id).depth.saturating_add(1);
                above.push(Composite { rank, src: Src { def: NO_DEF, at: *at }, value, rule });
            }
        }
        let cuts = self.cuts(id, key, below, &mut above);
        let cursors = self.below_curs(id, key, below);
        if ty == TyId::TREE {
            return self.tree_child(location, key, inner, entry, cursors, above, cuts, below);
        }
        // A map that one value gives, and nothing else says anything of, is that value.
        if cursors.is_empty()
            && inner.refine.is_none()
            && !matches!(location, Location::Field(NodeId(0), field) if self.partition_field == Some(field))
            && !self.eng.deep[ty.index()]
            && matches!(self.eng.program.types.get(ty), Ty::Map(_, item) if self.is_leaf(*item))
            && let [Composite { value: value @ Value::Dict(_), src, .. }] = above.as_slice()
        {
            return Slot::Value(value.clone(), *src);
        }
        let above = self.all_wholes(above);
        let child = self.add_node(inner, id, key.clone(), entry, cursors, above, cuts);
        Slot::Child(child)
    }

    /// Values given whole, as nodes keep them: most have none, and share that.
    fn all_wholes(&self, all: Vec<Composite>) -> Arc<[Composite]> {
        if all.is_empty() { self.no_wholes.clone() } else { all.into() }
    }

    /// The value of the default of a record, map or Tree; evaluated once where it reads nothing.
    pub(super) fn default_whole(&mut self, default: &Arc<TypedExpr>, id: NodeId) -> Value {
        let address = Arc::as_ptr(default) as usize;
        if let Some((known, cost)) = self.defaults.get(&address).cloned() {
            within!(self.spend(cost, default.at));
            return known;
        }
        let before = self.budget.spent();
        let mut frame = Frame::at(self.nothing.clone(), id);
        frame.this = Some(Value::Node(id));
        let value = self.eval(default, &mut frame);
        let mut closed = true;
        default.walk(&mut |ex| {
            closed &= matches!(
                ex.kind,
                TypedKind::Const(_)
                    | TypedKind::Body(..)
                    | TypedKind::List(_)
                    | TypedKind::ToSet(_)
                    | TypedKind::ToTree(..)
            );
        });
        if closed && !value.is_error() {
            self.defaults.insert(address, (value.clone(), self.budget.since(before)));
        }
        value
    }

    /// The cursors of a child: those whose computed step was the last one stay to be matched.
    pub(super) fn below_curs(
        &mut self,
        id: NodeId,
        key: &Arc<str>,
        below: &[(Cursor, TrieId)],
    ) -> Arc<[Cursor]> {
        let mut out = Vec::with_capacity(below.len());
        let mut instances = Vec::new();
        for (cursor, place) in below {
            match cursor.star {
                // The step that led here is still open, unless its instances are known already.
                Some(star) if self.eng.trie.star(star).target == *place => {
                    match self.known_instances(*cursor, key) {
                        Some((group, envs)) => {
                            let here = Cursor { trie: *place, group, star: None, ..*cursor };
                            out.extend(envs.iter().map(|env| Cursor { env: *env, ..here }));
                        }
                        None => out.push(Cursor { trie: *place, ..*cursor }),
                    }
                }
                Some(_) => {
                    instances.clear();
                    let parent_key = self.node(id).key.clone();
                    self.instances(*cursor, &parent_key, &mut instances);
                    out.extend(instances.iter().map(|(group, env)| Cursor {
                        trie: *place,
                        group: *group,
                        env: *env,
                        star: None,
                        rule: cursor.rule,
                    }));
                }
                None => out.push(Cursor { trie: *place, ..*cursor }),
            }
        }
        out.into()
    }

    /// `:=` above, and those that end here.
    pub(super) fn cuts(
        &mut self,
        id: NodeId,
        key: &Arc<str>,
        below: &[(Cursor, TrieId)],
        above: &mut Vec<Composite>,
    ) -> Arc<[Cut]> {
        let inherited = self.node(id).cuts.clone();
        let depth = self.node(id).depth.saturating_add(1);
        let mut cuts = Vec::new();
        for (cursor, place) in below.iter().filter(|(_, p)| self.eng.trie.node(*p).replaces) {
            for def_id in &self.eng.trie.node(*place).ends {
                let def = &self.eng.program.defs[def_id.0 as usize];
                if def.op == Op::Replace && self.is_active(id, *cursor, *place, key, *def_id) {
                    cuts.push(Cut { rank: self.rank(*def_id), depth, def: *def_id });
                }
            }
        }
        if cuts.is_empty() && inherited.is_empty() {
            return inherited;
        }
        cuts.extend(inherited.iter());
        cuts.sort_unstable();
        cuts.dedup();
        let uses = &self.eng.program.uses;
        above.retain(|w| !cuts.iter().any(|c| c.drops(w.rank, w.rule, uses)));
        cuts.into()
    }

    /// Whether a definition ending at a place below a cursor has an instance.
    pub(super) fn is_active(
        &mut self,
        id: NodeId,
        cursor: Cursor,
        place: TrieId,
        key: &Arc<str>,
        def: DefId,
    ) -> bool {
        !self.def_envs(id, cursor, place, key, def).is_empty()
    }

    /// The environments in which a definition ending at a place below a cursor holds.
    pub(super) fn def_envs(
        &mut self,
        id: NodeId,
        cursor: Cursor,
        place: TrieId,
        key: &Arc<str>,
        def: DefId,
    ) -> Vec<EnvId> {
        let match_key = match cursor.star {
            Some(star) if self.eng.trie.star(star).target != place => self.node(id).key.clone(),
            _ => key.clone(),
        };
        let mut instances = Vec::new();
        self.instances(cursor, &match_key, &mut instances);
        let to = self.eng.program.defs[def.0 as usize].group;
        let mut out = Vec::new();
        for (group, env) in instances {
            self.extend(group, env, to, &mut out);
        }
        out
    }

    pub(super) fn optional_there(
        &mut self,
        location: Location<'_>,
        below: &[(Cursor, TrieId)],
        above: &[Composite],
        default: Option<&(Arc<TypedExpr>, Span)>,
    ) -> bool {
        let key = self.spot_key(location);
        let cuts = self.node(location.node()).cuts.clone();
        let uses = &self.eng.program.uses;
        let mut claims: Vec<(Rank, bool, Span, Rule)> =
            above.iter().map(|w| (w.rank, !matches!(w.value, Value::None), w.src.at, w.rule)).collect();
        for (cursor, place) in below {
            for def in self.eng.trie.node(*place).ends.clone() {
                if self.is_active(location.node(), *cursor, *place, &key, def) {
                    let there = match &self.eng.program.defs[def.0 as usize].given {
                        Given::None => false,
                        Given::Exists => true,
                        Given::Value(ex) => {
                            let envs = self.def_envs(location.node(), *cursor, *place, &key, def);
                            envs.first().is_none_or(|env| {
                                let mut frame = Frame::at(self.env(*env), location.node());
                                !matches!(self.eval_head(ex, &mut frame), Value::None)
                            })
                        }
                    };
                    claims.push((
                        self.rank(def),
                        there,
                        self.eng.program.defs[def.0 as usize].at,
                        cursor.rule,
                    ));
                }
            }
        }
        claims.retain(|(rank, .., rule)| !cuts.iter().any(|c| c.drops(*rank, *rule, uses)));
        let strongest = rank::strongest(claims.iter().map(|c| c.0), uses);
        let top: Vec<&(Rank, bool, Span, Rule)> =
            claims.iter().filter(|c| strongest.contains(&c.0)).collect();
        match (top.iter().find(|c| c.1), top.iter().find(|c| !c.1)) {
            (Some(there), Some(gone)) => {
                let path = self.location_path(location);
                self.report(errors::presence(&path, &[(gone.2, "taken away here"), (there.2, "given here")]));
                true
            }
            (Some(_), None) => true,
            (None, Some(_)) => {
                let keys =
                    Keys { removed: vec![key.clone()], removed_by: vec![strongest], ..Keys::default() };
                self.refined_in_vain(location, &key, below, &keys);
                false
            }
            (None, None)
                if default.is_some_and(|(d, _)| !matches!(d.kind, TypedKind::Const(Value::None))) =>
            {
                true
            }
            (None, None) => {
                self.refined_in_vain(location, &key, below, &Keys::default());
                false
            }
        }
    }

    /// Reports the definitions that go through an optional that nobody gives, or that nothing stronger than they took away.
    fn refined_in_vain(
        &mut self,
        location: Location<'_>,
        key: &Arc<str>,
        below: &[(Cursor, TrieId)],
        keys: &Keys,
    ) {
        let (id, before) = (location.node(), self.unsure);
        for (cursor, place) in below {
            let match_key = match cursor.star {
                Some(star) if self.eng.trie.star(star).target != *place => self.node(id).key.clone(),
                _ => key.clone(),
            };
            let mut instances = Vec::new();
            self.instances(*cursor, &match_key, &mut instances);
            for (group, env) in instances {
                self.report_through(id, key, *place, Cursor { group, env, ..*cursor }, (keys, true));
            }
        }
        // Whatever goes through it, it is not there.
        self.unsure = before;
    }

    /// The name or key of a location.
    pub fn spot_key(&self, location: Location<'_>) -> Arc<str> {
        match location {
            Location::Entry(_, key) => key.clone(),
            Location::Field(node, field) => match &self.node(node).kind {
                Kind::Record(rec, ..) => {
                    self.eng.program.types.record(*rec).fields[field as usize].name.clone()
                }
                _ => "".into(),
            },
        }
    }

    /// A Tree: a scalar, or a node of its own.
    #[allow(clippy::too_many_arguments, reason = "what a node is made of")]
    pub(super) fn tree_child(
        &mut self,
        location: Location<'_>,
        key: &Arc<str>,
        place: RefinedType,
        entry: bool,
        cursors: Arc<[Cursor]>,
        above: Vec<Composite>,
        cuts: Arc<[Cut]>,
        below: &[(Cursor, TrieId)],
    ) -> Slot {
        // Nothing but one value: it is the value.
        if cursors.is_empty()
            && let [only] = above.as_slice()
            && !matches!(only.value, Value::Node(_))
        {
            return Slot::Value(only.value.clone(), only.src);
        }
        let is_tree = Value::has_parts;
        let uses = &self.eng.program.uses;
        // Scalars and trees at this very place, and paths through it.
        let mut scalars: Vec<(Rank, Src, Value)> = Vec::new();
        let drops = |rank: Rank, rule: Rule| cuts.iter().any(|c| c.drops(rank, rule, uses));
        let mut trees: Vec<(Rank, Span)> = Vec::new();
        for whole in above.iter().filter(|w| !drops(w.rank, w.rule)) {
            if is_tree(&whole.value) {
                trees.push((whole.rank, whole.src.at));
            } else {
                scalars.push((whole.rank, whole.src, whole.value.clone()));
            }
        }
        for (cursor, trie) in below {
            for def_id in self.eng.trie.node(*trie).ends.clone() {
                let def = &self.eng.program.defs[def_id.0 as usize];
                if drops(self.rank(def_id), cursor.rule) {
                    continue;
                }
                let envs = self.def_envs(location.node(), *cursor, *trie, key, def_id);
                for env in envs {
                    match &def.given {
                        Given::Exists => trees.push((self.rank(def_id), def.at)),
                        Given::None => {}
                        Given::Value(ex) => {
                            let mut frame = Frame::at(self.env(env), location.node());
                            let value = self.eval_head(ex, &mut frame);
                            let src = Src { def: def_id, at: def.at };
                            if is_tree(&value) {
                                trees.push((self.rank(def_id), def.at));
                            } else {
                                scalars.push((self.rank(def_id), src, value));
                            }
                        }
                    }
                }
            }
        }
        if !scalars.is_empty() {
            for (cursor, trie) in below {
                let mut through = Vec::new();
                let mut instances = Vec::new();
                let match_key = match cursor.star {
                    Some(star) if self.eng.trie.star(star).target != *trie => {
                        self.node(location.node()).key.clone()
                    }
                    _ => key.clone(),
                };
                self.instances(*cursor, &match_key, &mut instances);
                for (group, env) in instances {
                    let node = self.eng.trie.node(*trie);
                    let stars = node.stars.iter().map(|s| &self.eng.trie.star(*s).target);
                    for next in node.names.values().chain(stars) {
                        self.defs_below(*next, group, env, &mut through);
                    }
                }
                let kept =
                    through.into_iter().filter(|(def, gone)| !gone && !drops(self.rank(*def), cursor.rule));
                trees.extend(kept.map(|(def, _)| (self.rank(def), self.eng.program.defs[def.0 as usize].at)));
            }
            let ranks = scalars.iter().map(|s| s.0).chain(trees.iter().map(|t| t.0));
            let strongest = rank::strongest(ranks, uses);
            scalars.retain(|s| strongest.contains(&s.0));
            trees.retain(|t| strongest.contains(&t.0));
            match (scalars.first(), trees.first()) {
                (Some(scalar), Some(tree)) => {
                    let path = self.location_path(location);
                    let (src, strength) = (scalar.1, scalar.0.strength);
                    let value = self.fail(errors::conflict(&path, &[(src.at, strength), (tree.1, strength)]));
                    return Slot::Value(value, src);
                }
                (Some(_), None) => {
                    let (value, src) = self.resolve(location, scalars);
                    self.win(src.def);
                    return Slot::Value(value, src);
                }
                (None, _) => {}
            }
        }
        let above: Vec<Composite> =
            above.into_iter().filter(|w| is_tree(&w.value) || w.value.is_error()).collect();
        let above = self.all_wholes(above);
        let child = self.add_node(place, location.node(), key.clone(), entry, cursors, above, cuts);
        Slot::Child(child)
    }
}
