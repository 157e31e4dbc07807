//! The texts that a part is evaluated from, by digest. What a site says of one part by its name concerns that part, and whoever looks at
//! it: where nothing else was edited, all others have the values that they had.
//!
//! Evaluates nothing: which places in other parts were looked at is told by a pass, in `looked`. Space and comments are no part of
//! a text here, so where something was written is not either.

use super::looked::{DEPTH, Looked, Place, below};
use crate::diag::Problems;
use crate::source::{Layer, Span};
use crate::syntax::ast::{self, Entry, ExprKind, ItemKind, StepKind};
use crate::types::hir::{Def, DefId, Program, StepH};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A SHA-256.
pub type Sum = [u8; 32];

/// The texts of a description by whom they concern.
#[derive(Debug)]
pub struct PartTexts {
    /// All that may concern every part: what names none, and what is said of places that were looked at for what all share.
    shared: Sum,
    /// By part: all that is said of it by its name.
    parts: BTreeMap<Arc<str>, Sum>,
    /// By place in a part: all that is said of it of parts by their names.
    places: BTreeMap<Place, Sum>,
    pub(super) names: DefNames,
}

/// Names of definitions that stay when others come and go.
#[derive(Debug, Default)]
pub(super) struct DefNames {
    /// By definition: the part that it names, if it names one, and which one it is of those that name the same.
    pub(super) of: Vec<(Option<Arc<str>>, usize)>,
    /// Definitions that name no part.
    pub(super) common: Vec<DefId>,
    /// Definitions by the part that they name.
    pub(super) own: BTreeMap<Arc<str>, Vec<DefId>>,
}

/// A definition at the top of a file that names a part.
struct Named {
    at: Span,
    part: Arc<str>,
    /// What of it concerns one place alone, the inner before the outer. All else concerns the part.
    places: Vec<(Span, Place)>,
}

impl PartTexts {
    /// Digests the texts of a program. Nothing if a definition is not what its text says.
    pub(crate) fn of(program: &Program, partition: &str, looked: &Looked) -> Option<PartTexts> {
        let mut common = Bytes::default();
        let mut regions: BTreeMap<(Arc<str>, Place), Bytes> = BTreeMap::new();
        let mut named: Vec<Vec<Named>> = Vec::new();
        let mut read: BTreeSet<(&str, Layer, &str)> = BTreeSet::new();
        for (id, source) in program.sources.files() {
            if !program.uses.is_module(id) {
                // In which order they are read means nothing.
                read.insert((&source.name, source.layer, &source.text));
                continue;
            }
            common.source(&source.name, source.layer);
            let tree = crate::syntax::parse(&source.text, id, &mut Problems::default());
            let here: Vec<Named> = tree.items.iter().filter_map(|item| name_part(item, partition)).collect();
            let mut items = tree.items.iter().map(|item| item.at).peekable();
            let mut next = here.iter().peekable();
            let (mut end, mut n_common, mut last) = (None, 0_u64, None);
            for token in &tree.tokens.code {
                while next.next_if(|it| it.at.end <= token.at.start).is_some() {}
                let begins = std::iter::from_fn(|| items.next_if(|it| it.start <= token.at.start)).count();
                let text = source.text.get(token.at.start as usize..token.at.end as usize).unwrap_or("");
                let glued = end == Some(token.at.start);
                end = Some(token.at.end);
                let region = next.peek().filter(|it| it.at.holds(token.at)).map(|it| {
                    let place = it.places.iter().find(|(at, _)| at.holds(token.at));
                    (it.part.clone(), place.map_or_else(Place::new, |(_, place)| place.clone()))
                });
                let is_first = begins > 0;
                let Some(region) = region else {
                    // Where an item begins is a part of what is common: what stood between two of them may be gone.
                    common.token(token.fresh, glued, is_first, text);
                    n_common += 1;
                    last = None;
                    continue;
                };
                let out = regions.entry(region.clone()).or_default();
                if is_first || last.as_ref() != Some(&region) {
                    // The order of definitions may mean something.
                    out.number(u64::from(id.0));
                    out.number(n_common);
                }
                out.token(token.fresh, glued, is_first, text);
                last = Some(region);
            }
            named.push(here);
        }
        for (name, layer, text) in read {
            common.source(name, layer);
            common.text(text);
        }
        let names = DefNames::of(program, partition, &named)?;
        let mut parts: BTreeMap<Arc<str>, Bytes> = BTreeMap::new();
        let mut places: BTreeMap<Place, Bytes> = BTreeMap::new();
        for ((part, place), bytes) in &regions {
            let sum = bytes.sum();
            let of_part = parts.entry(part.clone()).or_default();
            of_part.place(place);
            of_part.0.extend(sum);
            let of_place = places.entry(place.clone()).or_default();
            of_place.text(part);
            of_place.0.extend(sum);
        }
        let parts = parts.into_iter().map(|(part, it)| (part, it.sum())).collect();
        let places = places.into_iter().map(|(place, it)| (place, it.sum())).collect();
        let mut texts = PartTexts { shared: common.sum(), parts, places, names };
        let mut shared = Bytes::default();
        shared.0.extend(texts.shared);
        texts.add_looked(looked, &mut shared);
        texts.shared = shared.sum();
        Some(texts)
    }

    /// Digests all that the value of a part follows from, if whoever evaluates it looks at these places in other parts.
    pub fn digest(&self, part: &str, looked: &Looked) -> Sum {
        let mut out = Bytes::default();
        out.0.extend(self.shared);
        out.text(part);
        out.0.extend(self.parts.get(part).unwrap_or(&[0; 32]));
        self.add_looked(looked, &mut out);
        out.sum()
    }

    fn add_looked(&self, looked: &Looked, out: &mut Bytes) {
        for (place, sum) in self.places.iter().filter(|(place, _)| looked.concerns(place)) {
            out.place(place);
            out.0.extend(sum);
        }
    }
}

impl DefNames {
    /// Nothing if a definition names another part than its text.
    fn of(program: &Program, partition: &str, named: &[Vec<Named>]) -> Option<DefNames> {
        let mut out = DefNames::default();
        for (i, def) in program.defs.iter().enumerate() {
            let id = DefId(i as u32);
            let here = named.get(def.file.0 as usize).map_or(&[][..], Vec::as_slice);
            let before = here.partition_point(|it| it.at.start <= def.at.start);
            let part = before.checked_sub(1).map(|i| &here[i]).filter(|it| it.at.holds(def.at));
            let Some(Named { part, .. }) = part else {
                out.of.push((None, out.common.len()));
                out.common.push(id);
                continue;
            };
            if !leads_to(def, partition, part) {
                return None;
            }
            let own = out.own.entry(part.clone()).or_default();
            out.of.push((Some(part.clone()), own.len()));
            own.push(id);
        }
        Some(out)
    }
}

fn leads_to(def: &Def, partition: &str, part: &str) -> bool {
    matches!(def.path.as_slice(), [StepH::Name(first), StepH::Name(second), ..] if **first == *partition && **second == *part)
}

/// What an item says of a part that it names, if it is a definition that does.
fn name_part(item: &ast::Item, partition: &str) -> Option<Named> {
    let ItemKind::Entry(Entry::Define(define)) = &item.kind else { return None };
    let [first, part, rest @ ..] = define.path.as_slice() else { return None };
    if *name_of(first)? != *partition {
        return None;
    }
    let (at, part) = (item.at.to(define.at), name_of(part)?);
    let mut places = Vec::new();
    add_places(define, rest, Place::new(), &mut places);
    Some(Named { at, part, places })
}

/// Adds which places a definition speaks of: one, and in braces those below it.
fn add_places(define: &ast::Define, path: &[ast::Step], around: Place, out: &mut Vec<(Span, Place)>) {
    let mut place = around;
    for step in path {
        match name_of(step) {
            Some(name) if place.len() < DEPTH => place = below(place, &name),
            // From here on it may lead anywhere, or it is told apart no further.
            _ => return out.push((define.at, place)),
        }
    }
    let n = out.len();
    if let ExprKind::Body(body) = &define.value.kind
        && place.len() < DEPTH
    {
        for entry in &body.entries {
            let Entry::Define(inner) = entry else {
                // What is bound or repeated may reach into any entry.
                out.truncate(n);
                break;
            };
            add_places(inner, &inner.path, place.clone(), out);
        }
    }
    out.push((define.at, place));
}

/// The name that a step is, if it is not computed.
fn name_of(step: &ast::Step) -> Option<Arc<str>> {
    match &step.kind {
        StepKind::Word(word) => Some(word.clone()),
        StepKind::Text(text) => text.literal(),
        StepKind::Index(_) => None,
    }
}

/// What is digested, in a form in which no two texts are the same bytes.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn place(&mut self, place: &Place) {
        self.number(place.len() as u64);
        place.iter().for_each(|step| self.text(step));
    }

    fn source(&mut self, name: &str, layer: Layer) {
        self.text(name);
        self.0.push(u8::from(layer == Layer::Library));
    }

    /// A token: its text, and of the space before it what the grammar sees.
    fn token(&mut self, fresh: bool, glued: bool, begins_item: bool, text: &str) {
        self.0.push(u8::from(fresh) | u8::from(glued) << 1 | u8::from(begins_item) << 2);
        self.text(text);
    }

    fn sum(&self) -> Sum {
        Sha256::digest(&self.0).into()
    }
}
