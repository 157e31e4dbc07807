//! What the picture of a plan shows: equal hosts as one row, the waves as columns, and steps of a cell folded where there are many.
//!
//! Folded are steps that nobody on another host waits for, and then those that wait for the same and that the same waits for: no line is
//! lost, and each goes where it went. What leaves no way back is never folded.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{counted, ranges};
use super::plan::{FleetPlan, Planned};

/// Steps of a cell with no more than this are not folded.
const N_UNFOLDED: usize = 8;
/// A name of hosts that is longer is cut.
const N_LETTERS: usize = 34;

/// Where a step stands: its cell, and its place in the cell.
pub type At = (usize, usize);

/// What is drawn, before it has a place.
pub struct Table<'a> {
    /// The rows.
    pub rows: Vec<Row<'a>>,
    /// The cells that are not empty, row by row.
    pub cells: Vec<Cell>,
    /// Which steps wait for which on other hosts: the first is over before the second begins.
    pub waits: BTreeSet<(At, At)>,
}

/// Hosts on which the same is done for the same reasons, in whatever wave.
pub struct Row<'a> {
    /// The hosts.
    pub hosts: Vec<&'a str>,
    is_unreachable: bool,
}

/// What hosts of one row do in one wave.
pub struct Cell {
    /// The index of the row.
    pub row: usize,
    /// The index of the wave; that behind the last is of what is done at the end.
    pub column: usize,
    /// The hosts, where the row has others too.
    pub name: Option<String>,
    /// What is done, those that are folded last.
    pub steps: Vec<Step>,
}

/// One step, or several that are folded.
pub struct Step {
    /// What is written in it.
    pub label: String,
    /// What is told besides.
    pub title: String,
    /// What it looks like.
    pub class: String,
}

impl Row<'_> {
    /// Returns what stands before the row.
    pub fn label(&self) -> String {
        let name = label(&self.hosts);
        if self.is_unreachable { format!("{name}, unreachable") } else { name }
    }
}

/// A cell before it is folded.
struct Draft<'a> {
    row: usize,
    column: usize,
    hosts: Vec<&'a str>,
    /// The nodes of its first host. Equal hosts have equal nodes in the same order.
    nodes: Vec<usize>,
}

impl<'a> Table<'a> {
    /// Decides what is drawn of a plan.
    pub fn of(plan: &'a FleetPlan) -> Self {
        let mut nodes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (idx, it) in plan.nodes.iter().enumerate() {
            nodes.entry(&it.node.host).or_default().push(idx);
        }
        let rows = rows(plan, &nodes);
        let (mut drafts, mut places) = (Vec::new(), BTreeMap::new());
        for (row, Row { hosts, .. }) in rows.iter().enumerate() {
            for column in 0..=plan.waves.waves.len() {
                let found = draft(plan, &nodes, row, column, hosts);
                let Some((draft, all)) = found else { continue };
                let place = |(at, idx): (usize, &usize)| (*idx, (drafts.len(), at));
                all.iter().for_each(|of_host| places.extend(of_host.iter().enumerate().map(place)));
                drafts.push(draft);
            }
        }
        let waits =
            across(plan).filter_map(|(before, after)| Some((*places.get(&before)?, *places.get(&after)?)));
        let waits: BTreeSet<(At, At)> = waits.filter(|(from, to)| from != to).collect();
        let groups = fold(plan, &drafts, &waits);
        let mut shown: BTreeMap<At, At> = BTreeMap::new();
        let mut cells = Vec::new();
        for (cell, draft) in drafts.iter().enumerate() {
            let all = rows[draft.row].hosts.len();
            let name = (draft.hosts.len() < all).then(|| label(&draft.hosts));
            let mut folded: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for at in 0..draft.nodes.len() {
                folded.entry(groups[&(cell, at)]).or_default().push(at);
            }
            let mut steps = Vec::new();
            let (one, several): (Vec<_>, Vec<_>) = folded.into_values().partition(|it| it.len() == 1);
            for group in one.into_iter().chain(several) {
                shown.extend(group.iter().map(|at| ((cell, *at), (cell, steps.len()))));
                let all: Vec<&Planned> = group.iter().map(|at| &plan.nodes[draft.nodes[*at]]).collect();
                steps.push(Step::of(&all, &draft.hosts));
            }
            cells.push(Cell { row: draft.row, column: draft.column, name, steps });
        }
        let waits = waits.iter().map(|(from, to)| (shown[from], shown[to])).filter(|(from, to)| from != to);
        Self { waits: waits.collect(), rows, cells }
    }
}

/// Puts equal hosts together, those that cannot be reached apart.
fn rows<'a>(plan: &'a FleetPlan, nodes: &BTreeMap<&str, Vec<usize>>) -> Vec<Row<'a>> {
    let mut hosts: Vec<&String> = plan.waves.waves.iter().flat_map(|wave| &wave.hosts).collect();
    hosts.extend(&plan.waves.skipped);
    hosts.sort();
    let mut rows: Vec<Row> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for host in hosts {
        let is_unreachable = plan.waves.skipped.contains(host);
        let of_host = nodes.get(host.as_str()).into_iter().flatten().map(|idx| &plan.nodes[*idx]);
        let lines: Vec<_> = of_host.map(|it| (it.wave.is_none(), plan.line(it))).collect();
        let row = *known.entry(format!("{is_unreachable}{lines:?}")).or_insert(rows.len());
        match rows.get_mut(row) {
            Some(row) => row.hosts.push(host),
            None => rows.push(Row { hosts: vec![host], is_unreachable }),
        }
    }
    rows
}

/// Finds what the hosts of a row do in a wave, if it is one of theirs: host by host.
fn draft<'a>(
    plan: &FleetPlan,
    nodes: &BTreeMap<&str, Vec<usize>>,
    row: usize,
    column: usize,
    all: &[&'a str],
) -> Option<(Draft<'a>, Vec<Vec<usize>>)> {
    let wave = (column < plan.waves.waves.len()).then_some(column);
    let is_here = |host: &&str| match plan.waves.waves.get(column) {
        Some(wave) => wave.hosts.iter().any(|it| it == host),
        None => true,
    };
    let hosts: Vec<&str> = all.iter().copied().filter(is_here).collect();
    let of_host = |host: &&str| -> Vec<usize> {
        let all = nodes.get(host).into_iter().flatten().copied();
        all.filter(|idx| plan.nodes[*idx].wave == wave).collect()
    };
    let steps: Vec<Vec<usize>> = hosts.iter().map(of_host).collect();
    let nodes = steps.first().filter(|it| !it.is_empty() || wave.is_some())?.clone();
    Some((Draft { row, column, hosts, nodes }, steps))
}

/// Two steps are no crowd: their names say more.
fn unfold(mut groups: BTreeMap<At, usize>) -> BTreeMap<At, usize> {
    let mut sizes: BTreeMap<At, usize> = BTreeMap::new();
    groups.iter().for_each(|(place, first)| *sizes.entry((place.0, *first)).or_default() += 1);
    for (place, first) in &mut groups {
        if sizes[&(place.0, *first)] < 3 {
            *first = place.1;
        }
    }
    groups
}

/// A cell, an action, and what comes right before and right after on other hosts.
type Same<'a> = (usize, &'a str, BTreeSet<At>, BTreeSet<At>);

/// Names for each step the group that it is drawn in, by the first step of it.
fn fold(plan: &FleetPlan, drafts: &[Draft<'_>], waits: &BTreeSet<(At, At)>) -> BTreeMap<At, usize> {
    let mut groups: BTreeMap<At, usize> = BTreeMap::new();
    for (cell, draft) in drafts.iter().enumerate() {
        groups.extend((0..draft.nodes.len()).map(|at| ((cell, at), at)));
    }
    let (mut before, mut after): (BTreeMap<At, Vec<At>>, BTreeMap<At, Vec<At>>) = Default::default();
    for (from, to) in waits {
        before.entry(*to).or_default().push(*from);
        after.entry(*from).or_default().push(*to);
    }
    let is_foldable = |(cell, at): &At| {
        let draft: &Draft = &drafts[*cell];
        draft.nodes.len() > N_UNFOLDED && !plan.nodes[draft.nodes[*at]].node.is_one_way()
    };
    let places: Vec<At> = groups.keys().copied().filter(is_foldable).collect();
    let action = |(cell, at): At| plan.nodes[drafts[cell].nodes[at]].node.action;
    let mut last: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for place in places.iter().filter(|it| !after.contains_key(*it)) {
        let first = *last.entry((place.0, action(*place))).or_insert(place.1);
        groups.insert(*place, first);
    }
    loop {
        let ends = |all: Option<&Vec<At>>| -> BTreeSet<At> {
            all.into_iter().flatten().map(|at| (at.0, groups[at])).collect()
        };
        let mut same: BTreeMap<Same<'_>, usize> = BTreeMap::new();
        let mut merged: Vec<(At, usize)> = Vec::new();
        for place in places.iter().filter(|it| after.contains_key(*it)) {
            let key = (place.0, action(*place), ends(before.get(place)), ends(after.get(place)));
            merged.push((*place, *same.entry(key).or_insert(groups[place])));
        }
        let is_news = merged.iter().any(|(place, first)| groups[place] != *first);
        groups.extend(merged);
        if !is_news {
            break;
        }
    }
    unfold(groups)
}

impl Step {
    fn of(all: &[&Planned], hosts: &[&str]) -> Self {
        let names = || all.iter().map(|it| short(it)).collect::<Vec<_>>().join(", ");
        match all {
            [it] => {
                let no_return = if it.node.is_one_way() { " no-return" } else { "" };
                Self {
                    label: format!("{} {}", it.node.action, short(it)),
                    title: format!(
                        "{} on {}: {}",
                        it.node.unit,
                        ranges(hosts.iter().copied()),
                        it.node.reason
                    ),
                    class: format!("{}{no_return}", it.node.action),
                }
            }
            all => {
                let action = all.first().map(|it| it.node.action).unwrap_or_default();
                Self {
                    label: format!("{action} {} units", all.len()),
                    title: names(),
                    class: format!("{action} folded"),
                }
            }
        }
    }
}

fn short(it: &Planned) -> &str {
    it.node.unit.strip_suffix(".service").unwrap_or(&it.node.unit)
}

/// Names hosts, by the first one where there is no room for more.
fn label(hosts: &[&str]) -> String {
    let name = counted(hosts.iter().copied());
    match hosts {
        [first, ..] if name.chars().count() > N_LETTERS => format!("{first} … ({} hosts)", hosts.len()),
        _ => name,
    }
}

/// Which nodes wait for which of other hosts.
fn across(plan: &FleetPlan) -> impl Iterator<Item = (usize, usize)> {
    plan.nodes.iter().enumerate().flat_map(|(idx, it)| {
        let elsewhere = |before: &&usize| plan.nodes[**before].node.host != it.node.host;
        it.node.after.iter().filter(elsewhere).map(move |before| (*before, idx))
    })
}
