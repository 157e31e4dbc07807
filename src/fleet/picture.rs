//! The plan of a fleet as a picture in SVG: equal hosts are one row, waves are columns, what is done in each from top to bottom, and a line
//! from each step to those on other hosts that wait for it. Steps that nobody on another host waits for, and that wait for nobody there, are
//! folded where there are many. Sizes are in pixels at 11-pixel type.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::names::{counted, ranges};
use super::plan::{FleetPlan, Planned};

const LINE: usize = 20;
const BOX: usize = 16;
const GAP: usize = 14;
/// A letter of the monospaced type at 11 pixels is a little less wide.
const LETTER: usize = 7;
const HEAD: usize = 28;
/// Of a cell with more steps than this, those are folded that have nothing to do with other hosts.
const N_UNFOLDED: usize = 8;
/// A name of hosts that is longer is cut.
const N_LETTERS: usize = 34;

/// Draws a plan.
pub fn picture(plan: &FleetPlan) -> String {
    let table = Table::of(plan);
    let left = table.rows.iter().map(|row| row.label().chars().count()).max().unwrap_or(0) * LETTER + 2 * GAP;
    let columns = columns(plan, &table, left);
    let (places, tops, height) = places(&table, &columns);
    let width = columns.last().map_or(left, |it| it.left + it.width) + 3 * GAP;
    let mut svg = String::new();
    // Writing into a text cannot fail, here and below.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plan\" role=\"img\" aria-label=\"hosts as rows, waves as columns\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">"
    );
    svg.push_str(STYLE);
    let _ = writeln!(svg, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
    for Column { title, left, width } in &columns {
        let _ = writeln!(
            svg,
            "<rect class=\"wave\" x=\"{left}\" y=\"4\" width=\"{width}\" height=\"{}\"/>",
            height.saturating_sub(8)
        );
        let _ =
            writeln!(svg, "<text class=\"head\" x=\"{}\" y=\"20\">{}</text>", left + GAP / 2, escaped(title));
    }
    for (row, top) in table.rows.iter().zip(&tops) {
        let _ = writeln!(svg, "<path class=\"row\" d=\"M0 {top}H{width}\"/>");
        let _ = writeln!(
            svg,
            "<g><title>{}</title><text class=\"head\" x=\"{GAP}\" y=\"{}\">{}</text></g>",
            escaped(&ranges(row.hosts.iter().copied())),
            top + 16,
            escaped(&row.label())
        );
    }
    for (from, to) in table.waits(plan) {
        wait(&mut svg, &table, &places, from, to);
    }
    for (cell, tops) in table.cells.iter().zip(&places) {
        if let Some(name) = &cell.name {
            let _ =
                writeln!(svg, "<text x=\"{}\" y=\"{}\">{}</text>", tops.left, tops.name + 12, escaped(name));
        }
        for (step, place) in cell.steps.iter().zip(&tops.steps) {
            draw(&mut svg, step, place);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

const STYLE: &str = "<style>.plan text{font:11px monospace;fill:#1c2430}.plan .head{font-weight:bold}.plan .paper{fill:#fff}\
.plan .wave{fill:#f4f6f8;stroke:#c8d0d8}.plan .row{stroke:#c8d0d8;fill:none}.plan .box{stroke:#667}.plan .stop{fill:#f5d5d0}\
.plan .start{fill:#d8efd8}.plan .restart{fill:#fbeec8}.plan .reload{fill:#e8f0c8}.plan .run{fill:#d5e3f7}\
.plan .folded{stroke-dasharray:3 2}.plan .wait{stroke:#3a66b0;fill:none;marker-end:url(#plan-end)}.plan .end{fill:#3a66b0}\
.plan .no-return{stroke:#b00020;stroke-width:2}\
@media(prefers-color-scheme:dark){.plan text{fill:#e4e8ee}.plan .paper{fill:#14181d}.plan .wave{fill:#1c2229;stroke:#3a444f}\
.plan .row{stroke:#3a444f}.plan .box{stroke:#8a94a0}.plan .stop{fill:#5a2a26}.plan .start{fill:#1f4a2a}.plan .restart{fill:#54431a}\
.plan .reload{fill:#40481c}.plan .run{fill:#24406a}.plan .wait{stroke:#7fa6e6}.plan .end{fill:#7fa6e6}.plan .no-return{stroke:#ff7a85}}\
</style>\n<defs><marker id=\"plan-end\" markerWidth=\"6\" markerHeight=\"6\" refX=\"5\" refY=\"3\" orient=\"auto\">\
<path class=\"end\" d=\"M0 0L6 3L0 6z\"/></marker></defs>\n";

/// What is drawn, before it has a place.
struct Table<'a> {
    rows: Vec<Row<'a>>,
    cells: Vec<Cell>,
    /// The cell and the step in it that shows a node, by the node's index.
    shown: BTreeMap<usize, (usize, usize)>,
}

/// Hosts on which the same is done for the same reasons, in whatever wave.
struct Row<'a> {
    hosts: Vec<&'a str>,
    is_behind: bool,
}

/// What hosts of one row do in one wave.
struct Cell {
    row: usize,
    column: usize,
    /// The hosts, where the row has others too.
    name: Option<String>,
    steps: Vec<Step>,
}

/// One step, or several that are folded.
struct Step {
    label: String,
    title: String,
    class: String,
}

impl Row<'_> {
    fn label(&self) -> String {
        let name = label(&self.hosts);
        if self.is_behind { format!("{name}, behind") } else { name }
    }
}

impl<'a> Table<'a> {
    fn of(plan: &'a FleetPlan) -> Self {
        let mut nodes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (idx, it) in plan.nodes.iter().enumerate() {
            nodes.entry(&it.node.host).or_default().push(idx);
        }
        let mut hosts: Vec<&String> = plan.waves.waves.iter().flat_map(|wave| &wave.hosts).collect();
        hosts.extend(&plan.waves.behind);
        hosts.sort();
        let mut rows: Vec<Row> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for host in hosts {
            let is_behind = plan.waves.behind.contains(host);
            let of_host = nodes.get(host.as_str()).into_iter().flatten().map(|idx| &plan.nodes[*idx]);
            let lines: Vec<_> = of_host.map(|it| (it.wave.is_none(), plan.line(it))).collect();
            let row = *known.entry(format!("{is_behind}{lines:?}")).or_insert(rows.len());
            match rows.get_mut(row) {
                Some(row) => row.hosts.push(host),
                None => rows.push(Row { hosts: vec![host], is_behind }),
            }
        }
        let mut table = Self { rows, cells: Vec::new(), shown: BTreeMap::new() };
        let tied = tied(plan);
        for row in 0..table.rows.len() {
            for column in 0..=plan.waves.waves.len() {
                table.add(plan, &nodes, &tied, row, column);
            }
        }
        table
    }

    /// Adds what the hosts of a row do in a wave, if it is one of theirs.
    fn add(
        &mut self,
        plan: &FleetPlan,
        nodes: &BTreeMap<&str, Vec<usize>>,
        tied: &BTreeSet<usize>,
        row: usize,
        column: usize,
    ) {
        let wave = (column < plan.waves.waves.len()).then_some(column);
        let is_here = |host: &&str| match plan.waves.waves.get(column) {
            Some(wave) => wave.hosts.iter().any(|it| it == host),
            None => true,
        };
        let all = &self.rows[row].hosts;
        let hosts: Vec<&str> = all.iter().copied().filter(is_here).collect();
        let of_host = |host: &&str| -> Vec<usize> {
            let all = nodes.get(host).into_iter().flatten().copied();
            all.filter(|idx| plan.nodes[*idx].wave == wave).collect()
        };
        // Equal hosts have equal steps in the same order.
        let steps: Vec<Vec<usize>> = hosts.iter().map(of_host).collect();
        let Some(first) = steps.first().filter(|it| !it.is_empty() || wave.is_some()) else { return };
        let name = (hosts.len() < all.len()).then(|| label(&hosts));
        let mut cell = Cell { row, column, name, steps: Vec::new() };
        let is_tied = |at: usize| steps.iter().any(|of_host| tied.contains(&of_host[at]));
        let mut folded: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for at in 0..first.len() {
            let it = &plan.nodes[first[at]];
            if first.len() > N_UNFOLDED && !is_tied(at) && !it.node.is_one_way() {
                folded.entry(it.node.action).or_default().push(at);
                continue;
            }
            steps.iter().for_each(|of_host| {
                self.shown.insert(of_host[at], (self.cells.len(), cell.steps.len()));
            });
            cell.steps.push(Step::of(it, &hosts));
        }
        for (action, all) in folded {
            match all.as_slice() {
                [at] => cell.steps.push(Step::of(&plan.nodes[first[*at]], &hosts)),
                all => cell.steps.push(Step {
                    label: format!("{action} {} units", all.len()),
                    title: all.iter().map(|at| short(&plan.nodes[first[*at]])).collect::<Vec<_>>().join(", "),
                    class: format!("{action} folded"),
                }),
            }
        }
        self.cells.push(cell);
    }

    /// Returns which steps wait for which on other hosts, each pair once.
    fn waits(&self, plan: &FleetPlan) -> BTreeSet<((usize, usize), (usize, usize))> {
        let mut waits = BTreeSet::new();
        for (before, after) in across(plan) {
            if let (Some(from), Some(to)) = (self.shown.get(&before), self.shown.get(&after))
                && from != to
            {
                waits.insert((*from, *to));
            }
        }
        waits
    }
}

impl Step {
    fn of(it: &Planned, hosts: &[&str]) -> Self {
        let no_return = if it.node.is_one_way() { " no-return" } else { "" };
        Self {
            label: format!("{} {}", it.node.action, short(it)),
            title: format!("{} on {}: {}", it.node.unit, ranges(hosts.iter().copied()), it.node.reason),
            class: format!("{}{no_return}", it.node.action),
        }
    }

    fn width(&self) -> usize {
        self.label.chars().count() * LETTER + 8
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

/// The nodes that wait for another host or are waited for by one.
fn tied(plan: &FleetPlan) -> BTreeSet<usize> {
    across(plan).flat_map(|(before, after)| [before, after]).collect()
}

/// A column: its heading, and where it lies.
struct Column {
    title: String,
    left: usize,
    width: usize,
}

/// One column for each wave, and one for what runs at the end.
fn columns(plan: &FleetPlan, table: &Table<'_>, left: usize) -> Vec<Column> {
    let n_waves = plan.waves.waves.len();
    let mut out: Vec<Column> = Vec::new();
    let mut next = left;
    for idx in 0..=n_waves {
        let cells: Vec<&Cell> = table.cells.iter().filter(|it| it.column == idx).collect();
        let title = match plan.waves.waves.get(idx) {
            Some(wave) if wave.canary => format!("wave {}, the canary", idx + 1),
            Some(_) => format!("wave {}", idx + 1),
            None => "when all is committed".to_owned(),
        };
        if idx == n_waves && cells.is_empty() {
            continue;
        }
        let labels = cells.iter().flat_map(|it| it.steps.iter().map(|step| &step.label).chain(&it.name));
        let longest = labels.map(|it| it.chars().count()).max().unwrap_or(0);
        let width = longest.max(title.len()) * LETTER + 2 * GAP;
        out.push(Column { title, left: next, width });
        next += width + 3 * GAP;
    }
    out
}

/// Where a step lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    left: usize,
    top: usize,
    width: usize,
}

/// Where a cell lies.
struct Places {
    left: usize,
    /// The top of its name.
    name: usize,
    steps: Vec<Place>,
}

/// Lays the cells out: their places, the top of each row, and the height of it all.
fn places(table: &Table<'_>, columns: &[Column]) -> (Vec<Places>, Vec<usize>, usize) {
    let n_lines = |cell: &Cell| cell.steps.len() + usize::from(cell.name.is_some());
    let mut top = HEAD;
    let mut tops = Vec::new();
    for row in 0..table.rows.len() {
        tops.push(top);
        let lines = table.cells.iter().filter(|cell| cell.row == row).map(n_lines).max();
        top += lines.unwrap_or(0).max(1) * LINE + 6;
    }
    let place = |cell: &Cell| {
        let left = columns.get(cell.column).map_or(0, |column| column.left) + GAP / 2;
        let name = tops[cell.row] + 3;
        let first = name + 2 + usize::from(cell.name.is_some()) * LINE;
        let step =
            |(line, step): (usize, &Step)| Place { left, top: first + line * LINE, width: step.width() };
        Places { left, name, steps: cell.steps.iter().enumerate().map(step).collect() }
    };
    (table.cells.iter().map(place).collect(), tops, top + 8)
}

fn draw(svg: &mut String, step: &Step, place: &Place) {
    let Place { left, top, width } = place;
    let _ = writeln!(
        svg,
        "<g><title>{}</title><rect class=\"box {}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{BOX}\" rx=\"3\"/>\
         <text x=\"{}\" y=\"{}\">{}</text></g>",
        escaped(&step.title),
        step.class,
        left + 4,
        top + 12,
        escaped(&step.label)
    );
}

/// Draws what a step waits for on other hosts: from the end of what is waited for to its own end, around both; to its beginning where it is
/// of a later wave.
fn wait(svg: &mut String, table: &Table<'_>, places: &[Places], from: (usize, usize), to: (usize, usize)) {
    let end = |place: &Place| (place.left + place.width, place.top + BOX / 2);
    let (before, after) = (&places[from.0].steps[from.1], &places[to.0].steps[to.1]);
    let (from_x, from_y) = end(before);
    let path = if table.cells[from.0].column == table.cells[to.0].column {
        let (to_x, to_y) = end(after);
        let around = from_x.max(to_x) + 2 * GAP;
        format!("M{from_x} {from_y}C{around} {from_y} {around} {to_y} {to_x} {to_y}")
    } else {
        let (to_x, to_y) = (after.left, after.top + BOX / 2);
        let middle = from_x.midpoint(to_x);
        format!("M{from_x} {from_y}C{middle} {from_y} {middle} {to_y} {to_x} {to_y}")
    };
    let _ = writeln!(svg, "<path class=\"wait\" d=\"{path}\"/>");
}

/// Writes a text so that it is nothing but text in XML. What XML cannot hold becomes a question mark.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            it if it.is_control() || matches!(it, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            it => out.push(it),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_written_becomes_markup() {
        assert_eq!(escaped("<a b=\"c\" & 'd'>\n\u{1}"), "&lt;a b=&quot;c&quot; &amp; &#39;d&#39;&gt; ?");
    }
}
