//! The plan of a fleet as a picture in SVG: equal hosts are one row, waves are columns, what is done in each from top to bottom, and a line
//! from each step to those on other hosts that wait for it. Which steps are drawn as one is decided in `fold`. Sizes are in pixels at
//! 11-pixel type.

use std::fmt::Write as _;

use super::fold::{At, Cell, Step, Table};
use super::names::ranges;
use super::plan::FleetPlan;

const LINE: usize = 20;
const BOX: usize = 16;
const GAP: usize = 14;
/// A letter of the monospaced type at 11 pixels is a little less wide.
const LETTER: usize = 7;
const HEAD: usize = 28;

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
    for (from, to) in &table.waits {
        wait(&mut svg, &table, &places, *from, *to);
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
struct Position {
    left: usize,
    top: usize,
    width: usize,
}

/// Where a cell lies.
struct Places {
    left: usize,
    /// The top of its name.
    name: usize,
    steps: Vec<Position>,
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
            |(line, step): (usize, &Step)| Position { left, top: first + line * LINE, width: width(step) };
        Places { left, name, steps: cell.steps.iter().enumerate().map(step).collect() }
    };
    (table.cells.iter().map(place).collect(), tops, top + 8)
}

fn width(step: &Step) -> usize {
    step.label.chars().count() * LETTER + 8
}

fn draw(svg: &mut String, step: &Step, place: &Position) {
    let Position { left, top, width } = place;
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
fn wait(svg: &mut String, table: &Table<'_>, places: &[Places], from: At, to: At) {
    let end = |place: &Position| (place.left + place.width, place.top + BOX / 2);
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
