//! Who reads a value: everything is evaluated once more, and each read of it is noted with what was being evaluated then. What that is read
//! by in turn is another question.

use super::engine::Engine;
use super::memo::Kind;
use super::pass::Pass;
use super::state::{Location, Open, Reader, Watch};
use crate::live::NodeId;
use crate::types::hir::CheckDef;
use std::sync::Arc;

impl Engine {
    /// Everything that reads the value at a path, in the order of where it is written.
    pub fn readers(&self, steps: &[String]) -> Vec<Reader> {
        let mut path = String::new();
        steps.iter().for_each(|step| super::format::push_step(&mut path, step));
        let key = steps.last().map_or("", |it| it).into();
        let mut pass = Pass::new(self, None);
        pass.watch = Some(Watch { path, key, ..Watch::default() });
        for i in 0..self.program.types.record(self.program.root).fields.len() {
            pass.force_field(NodeId(0), i as u32);
        }
        pass.checks();
        let watch = pass.watch.take().unwrap_or_default();
        let mut readers: Vec<Reader> = watch.readers.into_keys().collect();
        readers.sort();
        readers
    }
}

impl Pass<'_> {
    /// Notes a read, if it is one of what is watched.
    pub(super) fn watched(&mut self, location: Location<'_>) {
        let Some(watch) = &self.watch else { return };
        let has_name = match location {
            Location::Entry(_, key) => **key == *watch.key,
            Location::Field(node, field) => match &self.node(node).kind {
                Kind::Record(rec, ..) => {
                    *self.eng.program.types.record(*rec).fields[field as usize].name == *watch.key
                }
                _ => false,
            },
        };
        if has_name && self.location_path(location) == watch.path {
            self.note_reader();
        }
    }

    fn note_reader(&mut self) {
        let reader = self.reader();
        if let Some(watch) = &mut self.watch {
            watch.n_reads += 1;
            if let Some(reader) = reader.filter(|it| it.what != watch.path) {
                watch.readers.insert(reader, ());
            }
        }
    }

    /// What is being evaluated.
    fn reader(&self) -> Option<Reader> {
        let opened = self.open.iter().rev().find_map(|open| match open {
            Open::Wholes(node) => Some(Reader { at: self.first_at(*node), what: self.path(*node) }),
            other => self.describe(*other).map(|(what, at)| Reader { at, what }),
        });
        opened.or_else(|| self.watch.as_ref()?.check.clone())
    }

    /// Remembers which check is being evaluated.
    pub(super) fn watch_check(&mut self, check: &CheckDef) {
        if let Some(watch) = &mut self.watch {
            watch.check = Some(Reader { at: check.at, what: format!("check {:?}", check.title) });
        }
    }

    /// How often it was read, before a call.
    pub(super) fn n_watched(&self) -> usize {
        self.watch.as_ref().map_or(0, |watch| watch.n_reads)
    }

    /// Remembers that it was read in a call, if it was.
    pub(super) fn watch_call(&mut self, before: usize, key: &(u32, Arc<[u8]>)) {
        if let Some(watch) = self.watch.as_mut().filter(|watch| watch.n_reads > before) {
            watch.calls.insert(key.clone(), ());
        }
    }

    /// Notes a read by who calls what is remembered.
    pub(super) fn watch_recall(&mut self, key: &(u32, Arc<[u8]>)) {
        if self.watch.as_ref().is_some_and(|watch| watch.calls.contains_key(key)) {
            self.note_reader();
        }
    }
}
