//! The one tree: who gives a place, which keys a map has, what is absent. Rules of merging, as they are written down.

use super::define::{DEFAULT, Def, Given, Level, Rank, Step};
use super::infer::{Bound, Scope};
use super::machine::{Keys, Leaf, Machine, Once, Origin, Whole};
use super::program::*;
use super::values::{Path, Val, to_set};
use kl::diag::Code;
use kl::syntax::ast::Op;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A candidate for a place: its rank, its value, where that was written.
type Cand = (Rank, Val, Vec<Origin>);
/// The same before it is evaluated: a round of a definition, or a part of a value.
type Source = (Rank, Option<(Rc<Def>, Scope)>, Option<Whole>);

impl Machine<'_> {
    /// Whether one rank beats another; a strict order, and in the site a file beats those that it uses.
    pub fn beats(&self, a: Rank, b: Rank) -> bool {
        a.strength > b.strength
            || a.strength == b.strength && a.strength >= 3 && self.program.uses[a.file][b.file]
            || a.strength == 0 && b.strength == 0 && a.own < b.own
    }

    /// Those that none of the others beats.
    fn strongest<T: Clone>(&self, all: &[T], rank: impl Fn(&T) -> Rank) -> Vec<T> {
        let beaten = |one: &T| all.iter().any(|other| self.beats(rank(other), rank(one)));
        all.iter().filter(|one| !beaten(one)).cloned().collect()
    }

    /// The definitions whose path may begin like this one, by names alone.
    fn along(&self, path: &[Name], wanted: impl Fn(&Def) -> bool) -> Vec<Rc<Def>> {
        let fits = |def: &Def| {
            def.steps.len() >= path.len()
                && def
                    .steps
                    .iter()
                    .zip(path)
                    .all(|(step, name)| !matches!(step, Step::Name(own) if own != name))
        };
        self.defs.iter().filter(|def| fits(def) && wanted(def)).cloned().collect()
    }

    fn ending(&self, path: &[Name]) -> Vec<Rc<Def>> {
        self.along(path, |def| def.steps.len() == path.len())
    }

    fn going_through(&self, path: &[Name]) -> Vec<Rc<Def>> {
        self.along(path, |def| def.steps.len() > path.len())
    }

    /// The rounds of the loops around a definition in which its guards hold and its path begins like this one.
    pub fn rounds(&mut self, def: &Def, path: &[Name]) -> Vec<Scope> {
        let mut out = Vec::new();
        self.expand(def, (path, None), 0, Scope::of(def.rank.file), &mut out);
        out
    }

    /// The same with the next key, which is asked for as early as can be; but for rounds that go on with one of some keys:
    /// nothing more is asked of these.
    fn rounds_but(&mut self, def: &Def, path: &[Name], but: &BTreeSet<Name>) -> Vec<Scope> {
        let mut out = Vec::new();
        let known = matches!(def.steps.get(path.len()), Some(Step::Name(name)) if but.contains(name));
        if !known {
            self.expand(def, (path, Some(but)), 0, Scope::of(def.rank.file), &mut out);
        }
        out
    }

    fn expand(
        &mut self,
        def: &Def,
        wanted: (&[Name], Option<&BTreeSet<Name>>),
        level: usize,
        scope: Scope,
        out: &mut Vec<Scope>,
    ) {
        let (path, but) = wanted;
        for (i, step) in def.steps.iter().enumerate().take(path.len() + usize::from(but.is_some())) {
            let Step::Computed { known_after, .. } = step else { continue };
            if *known_after == level {
                let before = self.codes.clone();
                let key = self.computed(step, &scope);
                if key.is_none() {
                    self.untold(def, level, step, &scope, before);
                }
                let goes_on = match path.get(i) {
                    Some(name) => key.as_ref() == Some(name),
                    None => key.is_some_and(|key| but.is_none_or(|but| !but.contains(&key))),
                };
                if !goes_on {
                    return;
                }
            }
        }
        let Some(next) = def.chain.get(level) else { return out.push(scope) };
        match next {
            Level::Let(binding) => {
                let place = self.program.infer_let(binding, &scope);
                let bound = Bound::Let(binding.clone(), Rc::new(scope.clone()));
                self.expand(def, wanted, level + 1, scope.with(&binding.name.text, place, bound), out);
            }
            Level::Guard(cond, holds) => match self.bool(cond, &scope) {
                Val::Bool(b) if b == *holds => self.expand(def, wanted, level + 1, scope, out),
                Val::Bool(_) => {}
                _ => self.doubt(),
            },
            Level::Bind(bind) => {
                let source = self.synth(&bind.source, &scope);
                // Of a map whose keys are not all known, those that are.
                if source.is_error() {
                    self.doubt();
                }
                for inner in self.bind(bind, &scope) {
                    self.expand(def, wanted, level + 1, inner, out);
                }
            }
        }
    }

    /// A key that cannot be told is a mistake where the guards around it hold, and none where they do not.
    fn untold(&mut self, def: &Def, level: usize, step: &Step, scope: &Scope, before: BTreeSet<Code>) {
        let (known, doubted) = (std::mem::take(&mut self.unsure), self.doubted);
        let mut holds = Vec::new();
        self.expand(def, (&[], None), level, scope.clone(), &mut holds);
        if !holds.is_empty() || self.unsure {
            return self.doubt();
        }
        (self.unsure, self.doubted) = (known, doubted);
        // What the key says by itself it says again; what it read stays told.
        let told = std::mem::replace(&mut self.codes, before.clone());
        self.computed(step, scope);
        let own: BTreeSet<Code> = self.codes.difference(&before).copied().collect();
        self.codes = told.difference(&own).copied().collect();
    }

    /// The key that a step gives in a round.
    fn computed(&mut self, step: &Step, scope: &Scope) -> Option<Name> {
        match step {
            Step::Name(name) => Some(name.clone()),
            Step::Computed { key, of, .. } => match (self.key(key, scope), of) {
                (Val::Str(name), None) => Some(name),
                (name @ Val::Str(_), Some(of)) => match self.key_name(of, name) {
                    Val::Str(name) => Some(name),
                    _ => None,
                },
                _ => None,
            },
        }
    }

    fn holds_somewhere(&mut self, def: &Def, path: &[Name]) -> bool {
        !self.rounds(def, path).is_empty()
    }

    /// `:=` at or above a path that beats one of these: how strong it is, and how long its path.
    fn cuts(&mut self, path: &[Name], cuttable: &[Rank]) -> Vec<(Rank, usize)> {
        let mut out = Vec::new();
        for n in 1..=path.len() {
            for def in self.ending(&path[..n]) {
                let may_cut = |other: &Rank| self.cuts_off((def.rank, n), *other);
                if def.op == Op::Replace
                    && cuttable.iter().any(may_cut)
                    && self.holds_somewhere(&def, &path[..n])
                {
                    out.push((def.rank, n));
                }
            }
        }
        out
    }

    fn cut<T>(&mut self, path: &[Name], all: &mut Vec<T>, rank: impl Fn(&T) -> Rank) {
        let ranks: Vec<Rank> = all.iter().map(&rank).collect();
        let cuts = self.cuts(path, &ranks);
        all.retain(|one| !cuts.iter().any(|cut| self.cuts_off(*cut, rank(one))));
    }

    /// Whether `:=` drops a definition: what comes to an entry by the own keys of its map is a rule, and stays.
    fn cuts_off(&self, (cut, length): (Rank, usize), other: Rank) -> bool {
        other.own <= length && self.beats(cut, other)
    }

    /// What was given whole at a place or above it, as far as it lies there.
    pub fn wholes(&mut self, path: &Path) -> Rc<Vec<Whole>> {
        if path.is_empty() {
            return Rc::default();
        }
        match self.wholes.get(path) {
            Some(Once::Done(known)) => return known.clone(),
            Some(Once::Busy) => {
                self.report(Code::Cycle);
                return Rc::default();
            }
            None => {}
        }
        self.wholes.insert(path.clone(), Once::Busy);
        let Some(place) = self.program.place_at(path) else { return Rc::default() };
        let mut out = self.parts(path);
        out.extend(self.default_whole(path, &place));
        for def in self.ending(path) {
            if matches!(def.given, Given::Exists | Given::Nothing) {
                continue;
            }
            // What `:=` drops is not even evaluated.
            let cuts = self.cuts(path, &[def.rank]);
            if cuts.iter().any(|cut| self.cuts_off(*cut, def.rank)) {
                continue;
            }
            let before = std::mem::take(&mut self.unsure);
            for scope in self.rounds(&def, path) {
                let value = match &def.given {
                    Given::Value(value) => self.check(value, &place, &scope),
                    _ => Val::Error,
                };
                out.push(Whole { rank: def.rank, at: def.at, through: None, value });
            }
            if std::mem::replace(&mut self.unsure, before) {
                out.push(Whole { rank: def.rank, at: def.at, through: None, value: Val::Error });
            }
        }
        out.retain(|w| !matches!(w.value, Val::None));
        self.cut(path, &mut out, |w| w.rank);
        let out = Rc::new(out);
        self.wholes.insert(path.clone(), Once::Done(out.clone()));
        out
    }

    /// The default of a field that is a record, a map or a Tree.
    fn default_whole(&mut self, path: &Path, place: &Place) -> Option<Whole> {
        let (field, scope) = self.default_scope(path)?;
        let default = field.default.clone()?;
        let value = self.check(&default, place, &scope);
        // Of two defaults that of the record further out is the stronger one: it writes what lies in it.
        let rank = Rank { own: path.len(), ..DEFAULT };
        Some(Whole { rank, at: default.at, through: None, value })
    }

    /// The field at a path and what its default sees.
    fn default_scope(&self, path: &[Name]) -> Option<(Field, Scope)> {
        let (name, parent) = path.split_last()?;
        let Ty::Record(record) = self.program.place_at(parent)?.ty else { return None };
        let field = record.find(name)?.clone();
        let mut scope = Scope::of(field.file);
        if !parent.is_empty() {
            scope.this = Some((Val::Node(parent.to_vec()), record));
        }
        scope.node = Some(parent.to_vec());
        Some((field, scope))
    }

    /// The parts at a path of what was given whole above it.
    fn parts(&mut self, path: &Path) -> Vec<Whole> {
        let Some((name, parent)) = path.split_last() else { return Vec::new() };
        if self.open_parts.contains(path) {
            self.report(Code::Cycle);
            return vec![Whole { rank: DEFAULT, at: Default::default(), through: None, value: Val::Error }];
        }
        self.open_parts.push(path.clone());
        let mut out = Vec::new();
        for whole in self.wholes(&parent.to_vec()).iter() {
            // Equally strong definitions of another place that agree are each where it may have been written.
            let parts = match &whole.value {
                Val::Dict(dict) => dict.get(name).cloned().into_iter().collect(),
                Val::Node(other) => self.written(other, name),
                Val::Error => vec![(Val::Error, whole.at)],
                _ => Vec::new(),
            };
            for (value, at) in parts {
                let through = Some(whole.through.unwrap_or(whole.at));
                out.push(Whole { rank: whole.rank, at, through, value });
            }
        }
        self.open_parts.pop();
        out
    }

    /// What is written below another place, if anything is, with each place where it is: a default never counts.
    pub fn written(&mut self, above: &Path, name: &Name) -> Vec<(Val, kl::source::Span)> {
        let mut path = above.clone();
        path.push(name.clone());
        let Some(place) = self.program.place_at(above) else { return Vec::new() };
        if let Ty::Record(_) = place.ty {
            let mut parts: Vec<Rank> = self.parts(&path).iter().map(|w| w.rank).collect();
            for def in self.along(&path, |_| true) {
                if self.holds_somewhere(&def, &path) {
                    parts.push(def.rank);
                }
            }
            self.cut(&path, &mut parts, |rank| *rank);
            if parts.is_empty() {
                return Vec::new();
            }
        } else {
            let keys = self.keys(above);
            if keys.removed.contains(name) {
                return vec![(Val::None, Default::default())];
            }
            if !keys.present.contains(name) {
                return Vec::new();
            }
        }
        let leaf = self.leaf(&path);
        match leaf.origins.is_empty() {
            true => vec![(leaf.value.clone(), Default::default())],
            false => leaf.origins.iter().map(|o| (leaf.value.clone(), o.at)).collect(),
        }
    }

    /// The keys of a map or Tree.
    pub fn keys(&mut self, path: &Path) -> Rc<Keys> {
        match self.keys.get(path) {
            Some(Once::Done(known)) => return known.clone(),
            Some(Once::Busy) => {
                self.report(Code::Cycle);
                self.broken.push(path.clone());
                return Rc::new(Keys { failed: true, ..Keys::default() });
            }
            None => {}
        }
        self.keys.insert(path.clone(), Once::Busy);
        let before = std::mem::take(&mut self.unsure);
        let mut keys = self.find_keys(path);
        keys.failed |= self.broken.contains(path) | std::mem::replace(&mut self.unsure, before);
        let keys = Rc::new(keys);
        self.keys.insert(path.clone(), Once::Done(keys.clone()));
        keys
    }

    fn find_keys(&mut self, path: &Path) -> Keys {
        let tree = matches!(self.program.place_at(path).map(|p| p.ty), Some(Ty::Tree));
        let mut keys = Keys::default();
        let mut claims: BTreeMap<Name, Vec<(Rank, bool)>> = BTreeMap::new();
        for whole in self.wholes(path).iter() {
            match &whole.value {
                Val::Dict(dict) => {
                    for (key, (value, _)) in dict.iter() {
                        claims
                            .entry(key.clone())
                            .or_default()
                            .push((whole.rank, !matches!(value, Val::None)));
                    }
                }
                Val::Node(other) => {
                    let known = self.keys(other);
                    keys.failed |= known.failed;
                    for (all, there) in [(&known.present, true), (&known.removed, false)] {
                        for key in all {
                            claims.entry(key.clone()).or_default().push((whole.rank, there));
                        }
                    }
                }
                Val::Error => keys.failed = true,
                _ => {}
            }
        }
        for def in self.going_through(path) {
            let ends = def.steps.len() == path.len() + 1;
            let step = &def.steps[path.len()];
            let adds = !matches!(step, Step::Computed { adds: false, .. });
            let gone = matches!(def.given, Given::Nothing);
            let claims_it = ends && (adds || gone) || tree && !gone;
            if !claims_it {
                if tree {
                    // A path of a document is asked for whatever it says.
                    self.rounds_but(&def, path, &BTreeSet::new());
                }
                continue;
            }
            for scope in self.rounds_but(&def, path, &BTreeSet::new()) {
                match self.computed(step, &scope) {
                    Some(key) => claims.entry(key).or_default().push((def.rank, !gone)),
                    None => self.doubt(),
                }
            }
        }
        for (key, mut claims) in claims {
            self.cut(path, &mut claims, |c| c.0);
            let top = self.strongest(&claims, |c| c.0);
            match (top.iter().any(|c| c.1), top.iter().any(|c| !c.1)) {
                (true, true) => {
                    self.report(Code::Conflict);
                    keys.present.insert(key);
                }
                (true, false) => drop(keys.present.insert(key)),
                (false, true) => {
                    keys.gone_by.insert(key.clone(), top.iter().map(|c| c.0).collect());
                    keys.removed.insert(key);
                }
                (false, false) => {}
            }
        }
        keys
    }

    /// Reports what goes through keys of a map that are not there, unless a stronger `none` took them away.
    pub fn absent_below(&mut self, path: &Path) {
        let keys = self.keys(path);
        if keys.failed {
            return;
        }
        for def in self.going_through(path) {
            // What `:=` replaced refines nothing.
            let cuts = self.cuts(path, &[def.rank]);
            if cuts.iter().any(|cut| self.cuts_off(*cut, def.rank)) {
                continue;
            }
            for scope in self.rounds_but(&def, path, &keys.present) {
                let Some(key) = self.computed(&def.steps[path.len()], &scope) else { continue };
                let taken =
                    keys.gone_by.get(&key).is_some_and(|by| by.iter().any(|r| self.beats(*r, def.rank)));
                let takes = def.steps.len() == path.len() + 1 && keys.removed.contains(&key);
                if !keys.present.contains(&key) && !taken && !takes {
                    self.report(Code::AbsentKey);
                }
            }
        }
    }

    /// The value at a place of the tree, found once.
    pub fn leaf(&mut self, path: &Path) -> Rc<Leaf> {
        match self.leaves.get(path) {
            Some(Once::Done(known)) => return known.clone(),
            Some(Once::Busy) => {
                self.report(Code::Cycle);
                return Rc::new(Leaf { value: Val::Error, origins: Vec::new() });
            }
            None => {}
        }
        self.leaves.insert(path.clone(), Once::Busy);
        let before = std::mem::take(&mut self.unsure);
        let mut leaf = match self.program.place_at(path) {
            Some(place) if place.opt && place.merges() && !self.there(path, &place) => Leaf::plain(Val::None),
            Some(Place { ty: Ty::Tree, .. }) => self.document(path),
            Some(place) if place.merges() => Leaf::plain(Val::Node(path.clone())),
            Some(place) => self.plain(path, &place),
            None => Leaf::plain(Val::Error),
        };
        // What failed may have been stronger than what was found.
        if std::mem::replace(&mut self.unsure, before) && !matches!(leaf.value, Val::Node(_)) {
            leaf.value = Val::Error;
        }
        let leaf = Rc::new(leaf);
        self.leaves.insert(path.clone(), Once::Done(leaf.clone()));
        leaf
    }

    /// Whether an optional that merges is there.
    fn there(&mut self, path: &Path, place: &Place) -> bool {
        let mut claims: Vec<(Rank, bool)> =
            self.parts(path).iter().map(|w| (w.rank, !matches!(w.value, Val::None))).collect();
        for def in self.ending(path) {
            for scope in self.rounds(&def, path) {
                let there = match &def.given {
                    Given::Exists | Given::Failed => true,
                    Given::Nothing => false,
                    Given::Value(value) => !matches!(self.check(value, place, &scope), Val::None),
                };
                claims.push((def.rank, there));
            }
        }
        if let Some((Field { default: Some(default), .. }, _)) = self.default_scope(path) {
            let rank = Rank { own: path.len(), ..DEFAULT };
            claims.push((rank, !matches!(default.kind, kl::syntax::ast::ExprKind::None)));
        }
        self.cut(path, &mut claims, |c| c.0);
        let top = self.strongest(&claims, |c| c.0);
        match (top.iter().any(|c| c.1), top.iter().any(|c| !c.1)) {
            (true, true) => {
                self.report(Code::Conflict);
                true
            }
            (true, false) => true,
            _ => {
                // What goes through it goes nowhere, unless something stronger took it away.
                let before = self.unsure;
                for def in self.going_through(path) {
                    let holds = self.holds_somewhere(&def, path);
                    let cuts = self.cuts(path, &[def.rank]);
                    if cuts.iter().any(|cut| self.cuts_off(*cut, def.rank)) {
                        continue;
                    }
                    let taken = top.iter().any(|c| self.beats(c.0, def.rank));
                    if !taken && holds {
                        self.report(Code::AbsentKey);
                    }
                }
                // Whatever goes through it, it is not there.
                self.unsure = before;
                false
            }
        }
    }

    /// A place of a document: a scalar or a list, or a Tree of its own; the stronger wins whole.
    fn document(&mut self, path: &Path) -> Leaf {
        let tree = Place::of(Ty::Tree);
        let mut all: Vec<Cand> = Vec::new();
        let mut parts = self.parts(path);
        parts.extend(self.default_whole(path, &tree));
        all.extend(parts.into_iter().map(|w| (w.rank, w.value.clone(), w.origins())));
        for def in self.ending(path) {
            // What `:=` drops is not even evaluated.
            let cuts = self.cuts(path, &[def.rank]);
            if cuts.iter().any(|cut| self.cuts_off(*cut, def.rank)) {
                continue;
            }
            for scope in self.rounds(&def, path) {
                let value = match &def.given {
                    Given::Exists => Val::Node(path.clone()),
                    Given::Nothing => continue,
                    Given::Failed => Val::Error,
                    Given::Value(value) => self.check(value, &tree, &scope),
                };
                all.push((def.rank, value, vec![Origin::of(def.at)]));
            }
        }
        all.retain(|(_, value, _)| !matches!(value, Val::None));
        if all.iter().all(|(_, value, _)| value.is_tree()) {
            return Leaf::plain(Val::Node(path.clone()));
        }
        for def in self.going_through(path) {
            if !matches!(def.given, Given::Nothing) && self.holds_somewhere(&def, path) {
                all.push((def.rank, Val::Node(path.clone()), vec![Origin::of(def.at)]));
            }
        }
        self.cut(path, &mut all, |c| c.0);
        let top = self.strongest(&all, |c| c.0);
        match top.iter().filter(|(_, value, _)| value.is_tree()).count() {
            n if n == top.len() => Leaf::plain(Val::Node(path.clone())),
            0 => self.agree(top),
            _ => {
                self.report(Code::Conflict);
                Leaf { value: Val::Error, origins: Vec::new() }
            }
        }
    }

    /// The one value of those that are equally strong.
    fn agree(&mut self, all: Vec<Cand>) -> Leaf {
        let origins = all.iter().flat_map(|c| c.2.clone()).collect();
        if all.iter().any(|c| c.1.is_error()) {
            return Leaf { value: Val::Error, origins };
        }
        if all.iter().any(|c| !c.1.same(&all[0].1)) {
            self.report(Code::Conflict);
            return Leaf { value: Val::Error, origins };
        }
        Leaf { value: all[0].1.clone(), origins }
    }

    /// A leaf: the strongest definitions that end there, or its default; then what is added and taken.
    fn plain(&mut self, path: &Path, place: &Place) -> Leaf {
        let ending = self.ending(path);
        let is_base = |def: &Def| !matches!(def.op, Op::Add | Op::Remove);
        let mut cands: Vec<Source> = Vec::new();
        let parts = self.parts(path);
        // What a stronger one beats is not even asked whether its guards hold.
        for strength in (0..=5).rev() {
            for def in ending.iter().filter(|d| is_base(d) && d.rank.strength == strength) {
                let rounds = self.rounds(def, path);
                cands.extend(rounds.into_iter().map(|s| (def.rank, Some((def.clone(), s)), None)));
            }
            let here = parts.iter().filter(|w| w.rank.strength == strength).cloned();
            cands.extend(here.map(|w| (w.rank, None, Some(w))));
            self.cut(path, &mut cands, |c| c.0);
            if !cands.is_empty() {
                break;
            }
        }
        let top = self.strongest(&cands, |c| c.0);
        let bases: Vec<Rank> = top.iter().map(|c| c.0).collect();
        let replaced = top.iter().any(|c| c.1.as_ref().is_some_and(|(def, _)| def.op == Op::Replace));
        let mut found = Vec::new();
        for (rank, def, whole) in top {
            let (value, origin) = match (&def, whole) {
                (Some((def, scope)), _) => {
                    let value = match &def.given {
                        Given::Value(value) => self.check(value, place, scope),
                        Given::Failed => Val::Error,
                        _ => Val::None,
                    };
                    (value, vec![Origin::of(def.at)])
                }
                (None, Some(w)) => (w.value.clone(), w.origins()),
                (None, None) => continue,
            };
            found.push((rank, self.demand(value, place), origin));
        }
        let base = if found.is_empty() { self.default_leaf(path, place) } else { self.agree(found) };
        let more: Vec<Rc<Def>> = ending.into_iter().filter(|d| !is_base(d)).collect();
        if more.is_empty() { base } else { self.added(path, place, base, (&bases, replaced), &more) }
    }

    fn default_leaf(&mut self, path: &Path, place: &Place) -> Leaf {
        let Some((Field { default: Some(default), .. }, scope)) = self.default_scope(path) else {
            if place.opt {
                return Leaf::plain(Val::None);
            }
            let parent = path[..path.len() - 1].to_vec();
            if !self.wholes(&parent).iter().any(|w| w.value.is_error()) {
                self.report(Code::Missing);
            }
            return Leaf::plain(Val::Error);
        };
        let value = self.check(&default, place, &scope);
        let value = self.demand(value, place);
        Leaf { value, origins: vec![Origin::of(default.at)] }
    }

    /// `+=` and `-=`: every one at least as strong as the base, weakest first, then by file and line; then the `-=`.
    fn added(
        &mut self,
        path: &Path,
        place: &Place,
        base: Leaf,
        (bases, replaced): (&[Rank], bool),
        more: &[Rc<Def>],
    ) -> Leaf {
        if base.value.is_error() {
            return base;
        }
        let mut live: Vec<(Rc<Def>, Scope)> = Vec::new();
        for def in more {
            let cuts = self.cuts(&path[..path.len() - 1], &[def.rank]);
            // What replaces the whole drops the rest on purpose.
            if cuts.iter().any(|cut| self.cuts_off(*cut, def.rank)) {
                continue;
            }
            let rounds = self.rounds(def, path);
            if !bases.iter().any(|base| self.beats(*base, def.rank)) {
                live.extend(rounds.into_iter().map(|s| (def.clone(), s)));
            } else if !rounds.is_empty() && !replaced {
                self.report(Code::DroppedPart);
            }
        }
        let ordered = self.weakest_first(live);
        let mut items = base.value.items().to_vec();
        let mut origins = base.origins;
        for wanted in [Op::Add, Op::Remove] {
            for (def, scope) in ordered.iter().filter(|(d, _)| d.op == wanted) {
                let Given::Value(value) = &def.given else { continue };
                let mut value = self.check(value, place, scope);
                if wanted == Op::Add {
                    // Each item that is added has to be allowed; the conditions of the whole are about what comes out.
                    value = self.demand(value, &Place { wheres: Vec::new(), ..place.clone() });
                }
                let Val::List(more) = value else { return Leaf { value: Val::Error, origins } };
                origins = vec![Origin::of(def.at)];
                if wanted == Op::Add {
                    items.extend(more);
                } else {
                    items.retain(|item| !more.iter().any(|m| m.same(item)));
                }
            }
        }
        let value = if matches!(place.ty, Ty::Set(_)) { to_set(items) } else { Val::List(items) };
        let value = self.demand(value, place);
        Leaf { value, origins }
    }

    /// By strength; then by the longest chain of site files that a file uses; then by file and line.
    fn weakest_first(&self, mut all: Vec<(Rc<Def>, Scope)>) -> Vec<(Rc<Def>, Scope)> {
        let name = |file: usize| self.program.sources.files().nth(file).map(|f| f.1.name.clone());
        all.sort_by_cached_key(|(def, _)| {
            (def.rank.strength, self.level(def.rank.file), name(def.rank.file), def.at.start)
        });
        all
    }

    fn level(&self, file: usize) -> usize {
        let used = |i: usize| self.program.uses[file][i] && !self.program.library[i];
        let below = (0..self.program.trees.len()).filter(|i| used(*i)).map(|i| 1 + self.level(i));
        if self.program.library[file] { 0 } else { below.max().unwrap_or(0) }
    }
}
