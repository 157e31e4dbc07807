//! What is below a field or an entry and no leaf: a record, a map, a Tree, an optional that may be absent.

use super::budget::within;
use super::errors;
use super::eval::Frame;
use super::memo::*;
use super::pass::Pass;
use super::slot::Spot;
use crate::live::{NodeId, Value};
use crate::merge::trie::TrieId;
use crate::rank::{self, Rank};
use crate::source::{FileId, Span};
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Ek, Ex, Given};
use crate::types::ty::{Place, Ty, TyId};
use std::sync::Arc;

impl Pass<'_> {
    /// The node below a spot: a record, map or Tree; for a Tree perhaps a scalar, for an optional perhaps nothing.
    pub(super) fn child(
        &mut self,
        spot: Spot<'_>,
        key: &Arc<str>,
        place: &Place,
        below: &[(Cur, TrieId)],
        default: Option<(Arc<Ex>, Span)>,
    ) -> Slot {
        let id = spot.node();
        let ty = self.eng.program.types.unwrap(place.ty);
        let optional = ty != place.ty;
        let inner = Place { ty, refine: place.refine.clone() };
        let entry = matches!(spot, Spot::Entry(..)) && inner.ty != TyId::TREE;
        let mut above = self.parts(id, key);
        if optional && !self.optional_there(spot, below, &above, default.as_ref()) {
            return Slot::Value(Value::None, Src { def: NO_DEF, at: self.first_at(id) });
        }
        above.retain(|w| !matches!(w.value, Value::None));
        if let Some((default, at)) = &default {
            let empty = matches!(&default.kind, Ek::Body(_, entries) if entries.is_empty());
            if !empty && !matches!(default.kind, Ek::Const(Value::None)) {
                let value = self.default_whole(default, id);
                let rank = Rank { strength: rank::DEFAULT, file: FileId(self.node(id).depth) };
                // Only a `:=` that ends here drops it: where one ends above, this reads as its default like any leaf.
                let rule = self.node(id).depth.saturating_add(1);
                above.push(Whole { rank, src: Src { def: NO_DEF, at: *at }, value, rule });
            }
        }
        let cuts = self.cuts(id, key, below, &mut above);
        let curs = self.below_curs(id, key, below);
        if ty == TyId::TREE {
            return self.tree_child(spot, key, inner, entry, curs, above, cuts, below);
        }
        // A map that one value gives, and nothing else says anything of, is that value.
        if curs.is_empty()
            && inner.refine.is_none()
            && !matches!(spot, Spot::Field(NodeId(0), field) if self.partition_field == Some(field))
            && !self.eng.deep[ty.index()]
            && matches!(self.eng.program.types.get(ty), Ty::Map(_, item) if self.is_leaf(*item))
            && let [Whole { value: value @ Value::Dict(_), src, .. }] = above.as_slice()
        {
            return Slot::Value(value.clone(), *src);
        }
        let child = self.add_node(inner, id, key.clone(), entry, curs, above.into(), cuts);
        Slot::Child(child)
    }

    /// The value of the default of a record, map or Tree; evaluated once where it reads nothing.
    pub(super) fn default_whole(&mut self, default: &Arc<Ex>, id: NodeId) -> Value {
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
            closed &=
                matches!(ex.kind, Ek::Const(_) | Ek::Body(..) | Ek::List(_) | Ek::ToSet(_) | Ek::ToTree(..));
        });
        if closed && !value.is_error() {
            self.defaults.insert(address, (value.clone(), self.budget.since(before)));
        }
        value
    }

    /// The cursors of a child: those whose computed step was the last one stay to be matched.
    pub(super) fn below_curs(&mut self, id: NodeId, key: &Arc<str>, below: &[(Cur, TrieId)]) -> Arc<[Cur]> {
        let mut out = Vec::with_capacity(below.len());
        let mut instances = Vec::new();
        for (cur, place) in below {
            match cur.star {
                // The step that led here is still open, unless its instances are known already.
                Some(star) if self.eng.trie.star(star).target == *place => {
                    match self.known_instances(*cur, key) {
                        Some((group, envs)) => {
                            let here = Cur { trie: *place, group, star: None, ..*cur };
                            out.extend(envs.iter().map(|env| Cur { env: *env, ..here }));
                        }
                        None => out.push(Cur { trie: *place, ..*cur }),
                    }
                }
                Some(_) => {
                    instances.clear();
                    let parent_key = self.node(id).key.clone();
                    self.instances(*cur, &parent_key, &mut instances);
                    out.extend(instances.iter().map(|(group, env)| Cur {
                        trie: *place,
                        group: *group,
                        env: *env,
                        star: None,
                        rule: cur.rule,
                    }));
                }
                None => out.push(Cur { trie: *place, ..*cur }),
            }
        }
        out.into()
    }

    /// `:=` above, and those that end here.
    pub(super) fn cuts(
        &mut self,
        id: NodeId,
        key: &Arc<str>,
        below: &[(Cur, TrieId)],
        above: &mut Vec<Whole>,
    ) -> Arc<[Cut]> {
        let inherited = self.node(id).cuts.clone();
        let depth = self.node(id).depth.saturating_add(1);
        let mut cuts = Vec::new();
        for (cur, place) in below.iter().filter(|(_, p)| self.eng.trie.node(*p).replaces) {
            for def_id in &self.eng.trie.node(*place).ends {
                let def = &self.eng.program.defs[def_id.0 as usize];
                if def.op == Op::Replace && self.is_active(id, *cur, *place, key, *def_id) {
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
        cur: Cur,
        place: TrieId,
        key: &Arc<str>,
        def: DefId,
    ) -> bool {
        !self.def_envs(id, cur, place, key, def).is_empty()
    }

    /// The environments in which a definition ending at a place below a cursor holds.
    pub(super) fn def_envs(
        &mut self,
        id: NodeId,
        cur: Cur,
        place: TrieId,
        key: &Arc<str>,
        def: DefId,
    ) -> Vec<EnvId> {
        let match_key = match cur.star {
            Some(star) if self.eng.trie.star(star).target != place => self.node(id).key.clone(),
            _ => key.clone(),
        };
        let mut instances = Vec::new();
        self.instances(cur, &match_key, &mut instances);
        let to = self.eng.program.defs[def.0 as usize].group;
        let mut out = Vec::new();
        for (group, env) in instances {
            self.extend(group, env, to, &mut out);
        }
        out
    }

    pub(super) fn optional_there(
        &mut self,
        spot: Spot<'_>,
        below: &[(Cur, TrieId)],
        above: &[Whole],
        default: Option<&(Arc<Ex>, Span)>,
    ) -> bool {
        let key = self.spot_key(spot);
        let cuts = self.node(spot.node()).cuts.clone();
        let uses = &self.eng.program.uses;
        let mut claims: Vec<(Rank, bool, Span, Rule)> =
            above.iter().map(|w| (w.rank, !matches!(w.value, Value::None), w.src.at, w.rule)).collect();
        for (cur, place) in below {
            for def in self.eng.trie.node(*place).ends.clone() {
                if self.is_active(spot.node(), *cur, *place, &key, def) {
                    let there = match &self.eng.program.defs[def.0 as usize].given {
                        Given::None => false,
                        Given::Exists => true,
                        Given::Value(ex) => {
                            let envs = self.def_envs(spot.node(), *cur, *place, &key, def);
                            envs.first().is_none_or(|env| {
                                let mut frame = Frame::at(self.env(*env), spot.node());
                                !matches!(self.eval(ex, &mut frame), Value::None)
                            })
                        }
                    };
                    claims.push((self.rank(def), there, self.eng.program.defs[def.0 as usize].at, cur.rule));
                }
            }
        }
        claims.retain(|(rank, .., rule)| !cuts.iter().any(|c| c.drops(*rank, *rule, uses)));
        let strongest = rank::strongest(claims.iter().map(|c| c.0), uses);
        let top: Vec<&(Rank, bool, Span, Rule)> =
            claims.iter().filter(|c| strongest.contains(&c.0)).collect();
        match (top.iter().find(|c| c.1), top.iter().find(|c| !c.1)) {
            (Some(there), Some(gone)) => {
                let path = self.spot_path(spot);
                self.report(errors::presence(&path, &[(gone.2, "taken away here"), (there.2, "given here")]));
                true
            }
            (Some(_), None) => true,
            (None, Some(_)) => {
                let keys =
                    Keys { removed: vec![key.clone()], removed_by: vec![strongest], ..Keys::default() };
                self.refined_in_vain(spot, &key, below, &keys);
                false
            }
            (None, None) if default.is_some_and(|(d, _)| !matches!(d.kind, Ek::Const(Value::None))) => true,
            (None, None) => {
                self.refined_in_vain(spot, &key, below, &Keys::default());
                false
            }
        }
    }

    /// Reports the definitions that go through an optional that nobody gives, or that nothing stronger than they took away.
    fn refined_in_vain(&mut self, spot: Spot<'_>, key: &Arc<str>, below: &[(Cur, TrieId)], keys: &Keys) {
        let (id, before) = (spot.node(), self.unsure);
        for (cur, place) in below {
            let match_key = match cur.star {
                Some(star) if self.eng.trie.star(star).target != *place => self.node(id).key.clone(),
                _ => key.clone(),
            };
            let mut instances = Vec::new();
            self.instances(*cur, &match_key, &mut instances);
            for (group, env) in instances {
                self.report_through(id, key, *place, Cur { group, env, ..*cur }, (keys, true));
            }
        }
        // Whatever goes through it, it is not there.
        self.unsure = before;
    }

    /// The name or key of a spot.
    pub fn spot_key(&self, spot: Spot<'_>) -> Arc<str> {
        match spot {
            Spot::Entry(_, key) => key.clone(),
            Spot::Field(node, field) => match &self.node(node).kind {
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
        spot: Spot<'_>,
        key: &Arc<str>,
        place: Place,
        entry: bool,
        curs: Arc<[Cur]>,
        above: Vec<Whole>,
        cuts: Arc<[Cut]>,
        below: &[(Cur, TrieId)],
    ) -> Slot {
        // Nothing but one value: it is the value.
        if curs.is_empty()
            && let [only] = above.as_slice()
            && !matches!(only.value, Value::Node(_))
        {
            return Slot::Value(only.value.clone(), only.src);
        }
        let is_tree = |v: &Value| matches!(v, Value::Dict(_) | Value::Node(_));
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
        for (cur, trie) in below {
            for def_id in self.eng.trie.node(*trie).ends.clone() {
                let def = &self.eng.program.defs[def_id.0 as usize];
                if drops(self.rank(def_id), cur.rule) {
                    continue;
                }
                let envs = self.def_envs(spot.node(), *cur, *trie, key, def_id);
                for env in envs {
                    match &def.given {
                        Given::Exists => trees.push((self.rank(def_id), def.at)),
                        Given::None => {}
                        Given::Value(ex) => {
                            let mut frame = Frame::at(self.env(env), spot.node());
                            let value = self.eval(ex, &mut frame);
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
            for (cur, trie) in below {
                let mut through = Vec::new();
                let mut instances = Vec::new();
                let match_key = match cur.star {
                    Some(star) if self.eng.trie.star(star).target != *trie => {
                        self.node(spot.node()).key.clone()
                    }
                    _ => key.clone(),
                };
                self.instances(*cur, &match_key, &mut instances);
                for (group, env) in instances {
                    let node = self.eng.trie.node(*trie);
                    let stars = node.stars.iter().map(|s| &self.eng.trie.star(*s).target);
                    for next in node.names.values().chain(stars) {
                        self.defs_below(*next, group, env, &mut through);
                    }
                }
                let kept =
                    through.into_iter().filter(|(def, gone)| !gone && !drops(self.rank(*def), cur.rule));
                trees.extend(kept.map(|(def, _)| (self.rank(def), self.eng.program.defs[def.0 as usize].at)));
            }
            let ranks = scalars.iter().map(|s| s.0).chain(trees.iter().map(|t| t.0));
            let strongest = rank::strongest(ranks, uses);
            scalars.retain(|s| strongest.contains(&s.0));
            trees.retain(|t| strongest.contains(&t.0));
            match (scalars.first(), trees.first()) {
                (Some(scalar), Some(tree)) => {
                    let path = self.spot_path(spot);
                    let (src, strength) = (scalar.1, scalar.0.strength);
                    let value = self.fail(errors::conflict(&path, &[(src.at, strength), (tree.1, strength)]));
                    return Slot::Value(value, src);
                }
                (Some(_), None) => {
                    let (value, src) = self.agree(spot, scalars);
                    self.win(src.def);
                    return Slot::Value(value, src);
                }
                (None, _) => {}
            }
        }
        let above: Vec<Whole> =
            above.into_iter().filter(|w| is_tree(&w.value) || w.value.is_error()).collect();
        let child = self.add_node(place, spot.node(), key.clone(), entry, curs, above.into(), cuts);
        Slot::Child(child)
    }
}
