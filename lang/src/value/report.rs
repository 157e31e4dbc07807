//! Reports of a pass: what failed, paths as they are written, cycles, and where things stand.

use super::errors;
use super::format::push_step;
use super::memo::Kind;
use super::pass::Pass;
use super::state::Open;
use crate::diag::{Diagnostic, Reported};
use crate::live::{NodeId, Value};
use crate::merge::trie::StarId;
use crate::source::Span;
use std::sync::Arc;

impl Pass<'_> {
    /// Adds a report, with what was going on.
    pub fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        // What is found after evaluation was stopped follows from that.
        if let Some(over) = self.budget.over() {
            return over;
        }
        let diagnostic = self.in_context(diagnostic);
        self.look_for_site(&diagnostic);
        self.problems.push(diagnostic)
    }

    /// Reports and fails.
    pub fn fail(&mut self, diagnostic: Diagnostic) -> Value {
        Value::Error(self.report(diagnostic))
    }

    /// The failure of one of some values; if none failed, they are not what the checker promised.
    pub fn failure(&mut self, at: Span, values: &[&Value]) -> Reported {
        match values.iter().find_map(|value| value.failed()) {
            Some(reported) => reported,
            None => self.report(Diagnostic::bug(at, "a value is not of its type")),
        }
    }

    /// The same, as a value.
    pub fn failed(&mut self, at: Span, values: &[&Value]) -> Value {
        Value::Error(self.failure(at, values))
    }

    /// The path of a node as it is written.
    pub fn path(&self, id: NodeId) -> String {
        let mut parts = Vec::new();
        let mut at = id;
        loop {
            let node = self.node(at);
            if node.parent == at {
                break;
            }
            parts.push(node.key.clone());
            at = node.parent;
        }
        let mut out = String::new();
        for part in parts.iter().rev() {
            push_step(&mut out, part);
        }
        out
    }

    /// The path of a field of a record.
    pub fn field_path(&self, id: NodeId, field: u32) -> String {
        let mut out = self.path(id);
        if let Kind::Record(rec, ..) = &self.node(id).kind {
            push_step(&mut out, &self.eng.program.types.record(*rec).fields[field as usize].name);
        }
        out
    }

    /// The path of an entry of a map.
    pub fn entry_path(&self, id: NodeId, key: &str) -> String {
        let mut out = self.path(id);
        push_step(&mut out, key);
        out
    }

    /// Reports the cycle that begins at something that is already being evaluated.
    pub fn cycle(&mut self, what: Open, name: Option<&Arc<str>>) -> Reported {
        let first = self.open.iter().position(|o| match (o, what) {
            (Open::Entry(n, i), Open::Entry(m, _)) => *n == m && Some(&self.open_names[*i as usize]) == name,
            (a, b) => *a == b,
        });
        let open = &self.open[first.unwrap_or(0)..];
        let describe = |(i, o): (usize, &Open)| match (o, open.get(i + 1)) {
            // Which keys there are is asked by the definition whose computed key is being found.
            (Open::Keys(node), Some(Open::Star(star, _))) => {
                let target = self.eng.trie.node(self.eng.trie.star(StarId(*star)).target);
                let def = target.ends.first().map(|def| self.eng.program.defs[def.0 as usize].at);
                Some((format!("keys({})", self.path(*node)), def.unwrap_or_else(|| self.first_at(*node))))
            }
            _ => self.describe(*o),
        };
        let mut chain: Vec<(String, Span)> = open.iter().enumerate().filter_map(describe).collect();
        if chain.is_empty() {
            chain.extend(open.iter().filter_map(|open| self.describe_hidden(*open)));
        }
        if chain.is_empty() {
            chain.extend(self.describe_hidden(what));
        }
        let Some((closes, at)) = chain.first().cloned() else {
            return self.report(Diagnostic::bug(Span::default(), "a cycle of nothing"));
        };
        self.report(errors::cycle(at, &closes, &chain))
    }

    /// What is told of only where a cycle is made of nothing else.
    fn describe_hidden(&self, open: Open) -> Option<(String, Span)> {
        match open {
            Open::Wholes(node) => Some((self.path(node), self.first_at(node))),
            Open::Star(star, _) => {
                let at = self.eng.trie.star(crate::merge::trie::StarId(star)).key.at;
                Some((format!("the key in {}", self.eng.program.sources.place(at)), at))
            }
            _ => self.describe(open),
        }
    }

    pub(super) fn describe(&self, open: Open) -> Option<(String, Span)> {
        let program = &self.eng.program;
        Some(match open {
            Open::Field(node, field) => (self.field_path(node, field), self.field_at(node, field)),
            Open::Entry(node, i) => {
                let name = &self.open_names[i as usize];
                (self.entry_path(node, name), self.entry_at(node, name))
            }
            Open::Keys(node) => (format!("keys({})", self.path(node)), self.first_at(node)),
            Open::Guard(group, _) | Open::Loop(group, _) => {
                let at = program.groups[group.0 as usize].at;
                let word = if matches!(open, Open::Guard(..)) { "if" } else { "for" };
                (format!("the `{word}` in {}", program.sources.place(at)), at)
            }
            Open::Star(..) | Open::Wholes(_) => return None,
            Open::Default(_, rec, field) => {
                let field = &program.types.record(rec).fields[field as usize];
                (format!("the default of `{}`", field.name), field.default.as_ref()?.at)
            }
            Open::Global(id) => {
                let at = program.globals[id as usize].at;
                (format!("the `let` in {}", program.sources.place(at)), at)
            }
        })
    }

    /// A definition of a field, or where it is declared.
    fn field_at(&self, node: NodeId, field: u32) -> Span {
        let Kind::Record(rec, plan, _) = &self.node(node).kind else { return Span::default() };
        let def = plan.fields[field as usize].ends.first().map(|(_, def)| *def);
        let declared = &self.eng.program.types.record(*rec).fields[field as usize];
        match (def, &declared.default) {
            (Some(def), _) => self.eng.program.defs[def.0 as usize].at,
            (None, Some(default)) => declared.at.to(default.at),
            (None, None) => declared.at,
        }
    }

    pub(super) fn entry_at(&self, node: NodeId, key: &str) -> Span {
        for cursor in self.node(node).cursors.iter() {
            if let Some(below) = self.eng.trie.node(cursor.trie).names.get(key)
                && let Some(def) = self.eng.trie.node(*below).ends.first()
            {
                return self.eng.program.defs[def.0 as usize].at;
            }
        }
        self.first_at(node)
    }

    /// The first definition at or below a node, or the declaration of the option around it.
    pub fn first_at(&self, id: NodeId) -> Span {
        let node = self.node(id);
        let mut cursors = node.cursors.iter().rev();
        if let Some(def) = cursors.find_map(|cursor| self.eng.trie.node(cursor.trie).first) {
            return self.eng.program.defs[def.0 as usize].at;
        }
        match &self.node(node.parent).kind {
            Kind::Record(rec, ..) => {
                let record = self.eng.program.types.record(*rec);
                record.find(&node.key).map_or(record.at, |i| record.fields[i as usize].at)
            }
            _ if node.parent != id => self.first_at(node.parent),
            _ => Span::default(),
        }
    }
}
