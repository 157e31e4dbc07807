//! The plan of a fleet as a picture in SVG: hosts as rows, waves as columns, what is done in each from top to bottom, and a line from
//! each step to those on other hosts that wait for it. Sizes are in pixels at 12-pixel type.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::plan::{FleetPlan, Planned};

const ROW: usize = 20;
const BOX: usize = 16;
const GAP: usize = 14;
/// A letter of the monospaced type at 11 pixels is a little less wide.
const LETTER: usize = 7;
const HEAD: usize = 28;

/// A column: its heading, and where it lies.
struct Column {
    title: String,
    left: usize,
    width: usize,
}

/// Draws a plan.
pub fn picture(plan: &FleetPlan) -> String {
    let hosts = hosts(plan);
    let left = hosts.iter().map(|host| host.len()).max().unwrap_or(0) * LETTER + 2 * GAP;
    let columns = columns(plan, left);
    let (places, rows, height) = places(plan, &hosts, &columns);
    let width = columns.last().map_or(left, |it| it.left + it.width) + 3 * GAP;
    let mut svg = String::new();
    // Writing into a text cannot fail, here and below.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">"
    );
    svg.push_str(STYLE);
    let _ = writeln!(svg, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>");
    for column in &columns {
        let Column { title, left, width } = column;
        let _ = writeln!(
            svg,
            "<rect class=\"wave\" x=\"{left}\" y=\"4\" width=\"{width}\" height=\"{}\"/>",
            height.saturating_sub(8)
        );
        let _ =
            writeln!(svg, "<text class=\"head\" x=\"{}\" y=\"20\">{}</text>", left + GAP / 2, escaped(title));
    }
    for (host, top) in hosts.iter().zip(&rows) {
        let _ = writeln!(svg, "<path class=\"row\" d=\"M0 {top}H{width}\"/>");
        let _ = writeln!(svg, "<text class=\"head\" x=\"{GAP}\" y=\"{}\">{}</text>", top + 16, escaped(host));
    }
    for (idx, it) in plan.nodes.iter().enumerate() {
        across(&mut svg, plan, &places, idx, it);
    }
    for (it, place) in plan.nodes.iter().zip(&places) {
        node(&mut svg, it, place);
    }
    svg.push_str("</svg>\n");
    svg
}

const STYLE: &str = "<style>text{font:11px monospace;fill:#222}.head{font-weight:bold}.wave{fill:#f4f6f8;stroke:#c8d0d8}\
.row{stroke:#c8d0d8;fill:none}.box{stroke:#667}.stop{fill:#f5d5d0}.start{fill:#d8efd8}.restart{fill:#fbeec8}.reload{fill:#e8f0c8}\
.run{fill:#d5e3f7}.wait{stroke:#3a66b0;fill:none;marker-end:url(#end)}.no-return{stroke:#b00020;stroke-width:2}</style>\n\
<defs><marker id=\"end\" markerWidth=\"6\" markerHeight=\"6\" refX=\"5\" refY=\"3\" orient=\"auto\"><path d=\"M0 0L6 3L0 6z\" \
fill=\"#3a66b0\"/></marker></defs>\n";

/// Where a node lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    left: usize,
    top: usize,
    width: usize,
}

/// The hosts that have something to do or cannot be reached, by name.
fn hosts(plan: &FleetPlan) -> Vec<&String> {
    let mut hosts: Vec<&String> = plan.waves.waves.iter().flat_map(|wave| &wave.hosts).collect();
    hosts.extend(&plan.waves.behind);
    hosts.sort();
    hosts
}

fn label(it: &Planned) -> String {
    let unit = it.node.unit.strip_suffix(".service").unwrap_or(&it.node.unit);
    format!("{} {unit}", it.node.action)
}

/// One column for each wave, and one for what runs at the end.
fn columns(plan: &FleetPlan, left: usize) -> Vec<Column> {
    let n_waves = plan.waves.waves.len();
    let mut out: Vec<Column> = Vec::new();
    let mut next = left;
    for idx in 0..=n_waves {
        let wave = (idx < n_waves).then_some(idx);
        let labels = plan.nodes.iter().filter(|it| it.wave == wave).map(|it| label(it).chars().count());
        let title = match plan.waves.waves.get(idx) {
            Some(wave) if wave.canary => format!("wave {}, the canary", idx + 1),
            Some(_) => format!("wave {}", idx + 1),
            None => "when all is committed".to_owned(),
        };
        let longest = labels.max();
        if wave.is_none() && longest.is_none() {
            continue;
        }
        let width = longest.unwrap_or(0).max(title.len()) * LETTER + 2 * GAP;
        out.push(Column { title, left: next, width });
        next += width + 3 * GAP;
    }
    out
}

/// Lays the nodes out: the place of each, the top of each host's row, and the height of it all.
fn places(plan: &FleetPlan, hosts: &[&String], columns: &[Column]) -> (Vec<Place>, Vec<usize>, usize) {
    let column_of = |it: &Planned| it.wave.unwrap_or(plan.waves.waves.len());
    let mut filled: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let mut lines: Vec<usize> = Vec::new();
    for it in &plan.nodes {
        let n = filled.entry((it.node.host.as_str(), column_of(it))).or_default();
        lines.push(*n);
        *n += 1;
    }
    let mut top = HEAD;
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    let mut tops = Vec::new();
    for host in hosts {
        rows.insert(host.as_str(), top);
        tops.push(top);
        let of_host = filled.iter().filter(|((it, _), _)| it == host).map(|(_, n)| *n);
        top += of_host.max().unwrap_or(0).max(1) * ROW + 6;
    }
    let place = |(it, line): (&Planned, &usize)| {
        let left = columns.get(column_of(it)).map_or(0, |column| column.left) + GAP / 2;
        let top = rows.get(it.node.host.as_str()).copied().unwrap_or(HEAD) + line * ROW + 5;
        Place { left, top, width: label(it).chars().count() * LETTER + 8 }
    };
    (plan.nodes.iter().zip(&lines).map(place).collect(), tops, top + 8)
}

fn node(svg: &mut String, it: &Planned, place: &Place) {
    let Place { left, top, width } = place;
    let no_return = if it.node.is_one_way() { " no-return" } else { "" };
    let action = it.node.action;
    let _ = writeln!(
        svg,
        "<g><title>{}</title><rect class=\"box {action}{no_return}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{BOX}\" rx=\"3\"/>\
         <text x=\"{}\" y=\"{}\">{}</text></g>",
        escaped(&format!("{} on {}: {}", it.node.unit, it.node.host, it.node.reason)),
        left + 4,
        top + 12,
        escaped(&label(it))
    );
}

/// Draws what a node waits for on other hosts: from the end of what is waited for to its own end, around both.
fn across(svg: &mut String, plan: &FleetPlan, places: &[Place], idx: usize, it: &Planned) {
    let end = |place: &Place| (place.left + place.width, place.top + BOX / 2);
    for before in it.node.after.iter().filter(|before| plan.nodes[**before].node.host != it.node.host) {
        let (from, to) = (&places[*before], &places[idx]);
        let (from_x, from_y) = end(from);
        let path = if plan.nodes[*before].wave == it.wave {
            let (to_x, to_y) = end(to);
            let around = from_x.max(to_x) + 2 * GAP;
            format!("M{from_x} {from_y}C{around} {from_y} {around} {to_y} {to_x} {to_y}")
        } else {
            let (to_x, to_y) = (to.left, to.top + BOX / 2);
            let middle = from_x.midpoint(to_x);
            format!("M{from_x} {from_y}C{middle} {from_y} {middle} {to_y} {to_x} {to_y}")
        };
        let _ = writeln!(svg, "<path class=\"wait\" d=\"{path}\"/>");
    }
}

/// Writes a text so that it is nothing but text in XML. What XML cannot hold becomes a question mark.
fn escaped(text: &str) -> String {
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
