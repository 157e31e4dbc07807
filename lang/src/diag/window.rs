//! What of the texts a report shows: of a long line a window around its places, of a long place its first line, and instead
//! of a character that would steer a terminal one that stands for it. Does not draw.

use super::{Diagnostic, Label};
use crate::source::{FileId, Point, SourceMap, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The longest line, in characters, that is shown whole.
const LINE: usize = 200;
/// How much of a longer line is shown on either side of where a place begins and ends.
const AROUND: usize = 40;
/// The most lines that are shown for one place.
const LINES: u32 = 12;
/// The most characters of one text of a report.
const WORDS: usize = 600;

/// The report and the texts to draw it with, if it cannot be drawn as it is: lines that are not shown are empty there.
pub fn windowed(diagnostic: &Diagnostic, sources: &SourceMap) -> Option<(Diagnostic, SourceMap)> {
    let places = |d: &Diagnostic| -> Vec<Span> {
        std::iter::once(d.at).chain(d.labels.iter().map(|label| label.at)).collect()
    };
    let clipped: Vec<Span> = places(diagnostic).into_iter().map(|at| first_lines(at, sources)).collect();
    let mut files: BTreeMap<FileId, BTreeSet<u32>> = BTreeMap::new();
    for at in &clipped {
        let lines = files.entry(at.file).or_default();
        lines.extend(sources.position(at.first()).line..=sources.position(at.after()).line);
    }
    let is_plain = |id: FileId, line: u32| is_plain(line_of(sources, id, line).1);
    let plain = files.iter().all(|(id, lines)| lines.iter().all(|line| is_plain(*id, *line)));
    if plain && clipped == places(diagnostic) {
        return None;
    }
    let mut shown = SourceMap::default();
    let mut moved: BTreeMap<FileId, (FileId, Vec<(u32, u32)>)> = BTreeMap::new();
    for (id, lines) in &files {
        let (mut text, mut pieces) = (String::new(), Vec::new());
        let mut next = 1;
        for line in lines {
            for _ in next..*line {
                text.push('\n');
            }
            next = *line;
            let (begin, whole) = line_of(sources, *id, *line);
            let marks: Vec<usize> = clipped
                .iter()
                .filter(|at| at.file == *id)
                .flat_map(|at| [at.start, at.end])
                .filter(|at| (begin..=begin + whole.len() as u32).contains(at))
                .map(|at| (at - begin) as usize)
                .collect();
            cut(whole, &marks, |from, piece| {
                pieces.push((begin + from as u32, text.len() as u32));
                text.push_str(piece);
            });
            pieces.push((begin + whole.len() as u32, text.len() as u32));
        }
        let source = sources.file(*id);
        moved.insert(*id, (shown.add(&source.name, text.into(), source.layer), pieces));
    }
    let moved_to = |at: &Span| {
        let Some((file, pieces)) = moved.get(&at.file) else { return Span::default() };
        Span::new(*file, target(pieces, at.start), target(pieces, at.end))
    };
    let mut columns: Vec<(Point, u32)> =
        clipped.iter().map(|at| (moved_to(at).first(), sources.position(at.first()).column - 1)).collect();
    columns.sort();
    columns.dedup_by_key(|(place, _)| *place);
    shown.set_columns(columns);
    let mut to = clipped.iter().map(moved_to);
    let at = to.next().unwrap_or_default();
    let labels = diagnostic.labels.iter().zip(to).map(|(label, at)| Label { at, text: label.text.clone() });
    let report = Diagnostic { at, labels: labels.collect(), ..diagnostic.clone() };
    Some((report, shown))
}

/// A text as a terminal may have it, and not longer than anybody reads.
pub fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(WORDS));
    for (i, c) in text.chars().enumerate() {
        if i == WORDS {
            out.push('…');
            break;
        }
        match c {
            '\n' => out.push(c),
            c if steers(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character does something to a terminal or to the order of what it shows.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_plain(line: &str) -> bool {
    (line.len() <= LINE || line.chars().nth(LINE).is_none()) && !line.chars().any(|c| c != '\t' && steers(c))
}

/// A place that is longer than is shown, cut at the end of its first line.
fn first_lines(at: Span, sources: &SourceMap) -> Span {
    let (start, end) = (sources.position(at.first()), sources.position(at.after()));
    if end.line.saturating_sub(start.line) < LINES {
        return at;
    }
    let (begin, text) = line_of(sources, start.file, start.line);
    Span::new(at.file, at.start, begin + text.len() as u32)
}

/// Where a line begins, and its text without its end.
fn line_of(sources: &SourceMap, id: FileId, line: u32) -> (u32, &str) {
    let source = sources.file(id);
    let (from, to) = source.line(line);
    let text = &source.text[from..to];
    (from as u32, text.strip_suffix('\r').unwrap_or(text))
}

/// Hands over the pieces of a line that are shown, each with where it stood. Of a long line these are the characters near a mark.
fn cut(line: &str, marks: &[usize], mut put: impl FnMut(usize, &str)) {
    let is_long = line.len() > LINE && line.chars().nth(LINE).is_some();
    let near = |i: usize| !is_long || marks.iter().any(|mark| i.abs_diff(*mark) < AROUND);
    let mut gap = false;
    for (i, c) in line.char_indices() {
        if !near(i) {
            if !std::mem::replace(&mut gap, true) {
                put(i, "…");
            }
            continue;
        }
        gap = false;
        match c {
            '\t' => put(i, "\t"),
            '\0'..='\x1f' => {
                put(i, char::from_u32(0x2400 + c as u32).unwrap_or(' ').encode_utf8(&mut [0; 4]))
            }
            c if steers(c) => put(i, "\u{fffd}"),
            c => put(i, c.encode_utf8(&mut [0; 4])),
        }
    }
}

/// Where an offset went: to the last piece that did not stand after it.
fn target(moved: &[(u32, u32)], offset: u32) -> u32 {
    let after = moved.partition_point(|(from, _)| *from <= offset);
    moved.get(after.saturating_sub(1)).map_or(0, |(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;
    use crate::source::Layer;

    fn shown(text: &str, from: usize, to: usize) -> Option<(String, String)> {
        let mut sources = SourceMap::default();
        sources.add("a.kl", "x".into(), Layer::Site);
        let id = sources.add("b.kl", text.into(), Layer::Site);
        let at = Span::new(id, from as u32, to as u32);
        let (report, sources) = windowed(&Diagnostic::error(Code::Where, at, "m"), &sources)?;
        let text = sources.files().last().map(|(_, it)| it.text.to_string())?;
        Some((text, sources.text(report.at).to_owned()))
    }

    #[test]
    fn short_lines_stay() {
        assert_eq!(shown("a\nbc = 1\n", 2, 4), None);
    }

    #[test]
    fn of_a_long_line_a_window_is_shown() {
        let text = format!("\n\n{}needle{}\n", "é".repeat(500), "y".repeat(100_000));
        let (line, at) = shown(&text, 1002, 1008).unwrap_or_default();
        assert_eq!(at, "needle");
        assert!(line.starts_with("\n\n…é"), "{line}");
        assert!(line.ends_with("y…"), "{line}");
        assert!(line.chars().count() < 100, "{line}");
    }

    #[test]
    fn a_long_place_shows_both_its_ends() {
        let text = format!("{}b{}e{}", " ".repeat(300), "-".repeat(100_000), " ".repeat(300));
        let (_, at) = shown(&text, 300, 100_302).unwrap_or_default();
        assert!(at.starts_with("b-") && at.ends_with("-e") && at.contains("-…-"), "{at}");
    }

    #[test]
    fn a_place_of_many_lines_shows_its_first() {
        let text = format!("a = {{\n{}}}\n", "  x\n".repeat(1000));
        assert_eq!(shown(&text, 4, text.len() - 1).unwrap_or_default().1, "{");
    }

    #[test]
    fn what_steers_a_terminal_is_made_visible() {
        let (line, at) = shown("a = \"\x1b[2J\u{202e}\" ", 4, 13).unwrap_or_default();
        assert_eq!(line, "a = \"␛[2J\u{fffd}\" ");
        assert_eq!(at, "\"␛[2J\u{fffd}\"");
        assert_eq!(words("a\x1b[2J\nb\u{202e}"), "a\\u{1b}[2J\nb\\u{202e}");
    }

    #[test]
    fn words_are_cut_where_nobody_reads_on() {
        assert_eq!(words(&"x".repeat(100_000)).chars().count(), WORDS + 1);
    }
}
