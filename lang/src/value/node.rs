//! Nodes of the tree: those of the frozen memory, and those that a pass adds.

use super::fields::Fields;
use super::fixed::own;
use super::memo::*;
use super::pass::Pass;
use crate::live::{NodeId, Value};
use crate::merge::trie::TrieId;
use crate::syntax::ast::Op;
use crate::types::hir::TypedKind;
use crate::types::ty::{RecId, RefinedType, Ty};
use std::sync::Arc;

/// What a node takes, in elements, besides its fields.
const NODE_ELEMENTS: u64 = 8;

impl Pass<'_> {
    #[inline]
    pub(super) fn base_nodes(&self) -> u32 {
        self.base.map_or(0, |b| b.nodes.len() as u32)
    }

    /// Whether a node belongs to the frozen memory.
    #[inline]
    pub fn is_frozen(&self, id: NodeId) -> bool {
        id.0 < self.base_nodes()
    }

    /// The node itself, or this pass's own in place of the frozen node of its part.
    #[inline]
    pub fn canon(&self, id: NodeId) -> NodeId {
        match self.own_part {
            Some((frozen, own)) if frozen == id => own,
            _ => id,
        }
    }

    /// A node.
    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        let n = self.base_nodes();
        match self.base {
            Some(base) if id.0 < n => &base.nodes[id.0 as usize],
            _ => &self.memo.nodes[(id.0 - n) as usize],
        }
    }

    #[inline]
    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        let n = self.base_nodes();
        &mut self.memo.nodes[(id.0 - n) as usize]
    }

    /// The values of an environment.
    pub fn env(&self, id: EnvId) -> Arc<[Value]> {
        let n = self.base.map_or(0, |b| b.envs.len() as u32);
        match self.base {
            Some(base) if id.0 < n => base.envs[id.0 as usize].clone(),
            _ => self.memo.envs[(id.0 - n) as usize].clone(),
        }
    }

    /// A new environment.
    pub fn add_env(&mut self, values: Arc<[Value]>) -> EnvId {
        let n = self.base.map_or(0, |b| b.envs.len() as u32);
        self.memo.envs.push(values);
        EnvId(n + self.memo.envs.len() as u32 - 1)
    }

    /// A new node.
    #[allow(clippy::too_many_arguments, reason = "each is a part of a node, taken apart nowhere else")]
    pub fn add_node(
        &mut self,
        place: RefinedType,
        parent: NodeId,
        key: Arc<str>,
        entry: bool,
        cursors: Arc<[Cursor]>,
        above: Arc<[Composite]>,
        cuts: Arc<[Cut]>,
    ) -> NodeId {
        let kind = match self.eng.program.types.get(place.ty) {
            Ty::Record(rec) => {
                let plan = self.plan(*rec, &cursors);
                let n = plan.fields.len();
                // What lies over a frozen memory is one part, which is read whole.
                let slots = if self.base.is_some() { Fields::all(n) } else { Fields::few(n) };
                Kind::Record(*rec, plan, slots)
            }
            Ty::Map(_, value) => Kind::Map(*value, Once::Unset, Map::default()),
            _ => Kind::Tree(Once::Unset, Map::default()),
        };
        let n_slots = match &kind {
            Kind::Record(_, _, slots) => slots.len(),
            _ => 0,
        };
        // A node takes as much as some items; when there is no more room, the next step fails.
        let _ = self.make_for(NODE_ELEMENTS + n_slots as u64, parent);
        let id = NodeId(self.base_nodes() + self.memo.nodes.len() as u32);
        let depth = if parent == id { 0 } else { self.node(parent).depth.saturating_add(1) };
        self.memo.nodes.push(Node {
            place,
            parent,
            key,
            entry,
            cursors,
            above,
            cuts,
            depth,
            wholes: Once::Unset,
            kind,
        });
        id
    }

    /// Which definitions give the fields of a record with these places.
    fn plan(&mut self, rec: RecId, cursors: &[Cursor]) -> Arc<Plan> {
        let places: Vec<TrieId> = cursors.iter().map(|c| c.trie).collect();
        let key = (rec, places);
        if let Some(plan) = self.plans.get(&key) {
            return plan.clone();
        }
        let program = &self.eng.program;
        let mut plan = Plan::default();
        for field in &program.types.record(rec).fields {
            let mut out = FieldPlan {
                name: own(&field.name),
                below: Vec::new(),
                ends: Vec::new(),
                adds: false,
                simple: false,
                fixed: None,
                fixed_data: None,
            };
            for (i, place) in key.1.iter().enumerate() {
                if let Some(below) = self.eng.trie.node(*place).names.get(&field.name) {
                    out.below.push((i as u32, *below));
                    for def in &self.eng.trie.node(*below).ends {
                        out.ends.push((i as u32, *def));
                        out.adds |= matches!(program.defs[def.0 as usize].op, Op::Add | Op::Remove);
                    }
                }
            }
            out.ends.sort_by_key(|(_, def)| (std::cmp::Reverse(program.defs[def.0 as usize].strength), *def));
            out.simple = !out.adds;
            if out.below.is_empty()
                && let Some(default) = &field.default
            {
                out.fixed_data = self.eng.fixed_data(&field.place, default, &self.no_payload);
                if let TypedKind::Const(value) = &default.kind
                    && program.types.is_leaf(field.place.ty)
                {
                    out.fixed = Some((value.clone(), Src { def: NO_DEF, at: default.at }));
                }
            }
            plan.fields.push(out);
        }
        let plan = Arc::new(plan);
        self.plans.insert(key, plan.clone());
        plan
    }
}
