//! From a line of a rendered template back to the template's line and to the values that stand in it. The template is rendered once
//! more with a mark at the start of its lines; where marks would change what is rendered, nothing is said.

use super::template;
use kl::data::{Data, Origin, TemplateCall};
use kl::diag::Problems;
use kl::source::Span;

/// Placeholders of lines. They are not among the marks of holes, which no template may hold.
const OPEN: char = '\u{F5A6}';
const CLOSE: char = '\u{F5A7}';

/// A line of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateLine {
    /// The template's name.
    pub name: String,
    /// The line's number, from 1.
    pub number: u32,
    /// The line.
    pub text: String,
    /// The values that the line prints or asks, by their names, and where each was written.
    pub values: Vec<(String, Origin)>,
}

/// Says for a line of the rendered text which line of the template it comes from.
pub fn of_line(call: &TemplateCall, number: u32) -> Option<TemplateLine> {
    let at = *numbers(call)?.get(number.checked_sub(1)? as usize)?;
    let text = call.text.lines().nth(at.checked_sub(1)? as usize)?;
    let loops = loops_around(&call.text, at);
    let mut values: Vec<(String, Origin)> = Vec::new();
    for name in names_in(text) {
        let path = resolved(&name, &loops);
        for (shown, origin) in origins(&call.value, &path) {
            if !values.iter().any(|(known, at)| *known == shown && *at == origin) {
                values.push((shown, origin));
            }
        }
    }
    Some(TemplateLine { name: call.name.to_string(), number: at, text: text.trim().to_owned(), values })
}

/// The template's line for each line of the rendered text.
fn numbers(call: &TemplateCall) -> Option<Vec<u32>> {
    let plain = template::render(call, Span::default(), &mut Problems::default())?.text;
    let marked = TemplateCall { text: marked(&call.text).into(), ..call.clone() };
    let marked = template::render(&marked, Span::default(), &mut Problems::default())?.text;
    let (mut text, mut out, mut last) = (String::with_capacity(plain.len()), Vec::new(), 1);
    for line in marked.split_inclusive('\n') {
        let mut of_line = None;
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let (digits, after) = after.split_once(CLOSE)?;
            text.push_str(before);
            last = digits.parse().ok()?;
            of_line = of_line.or(Some(last));
            rest = after;
        }
        text.push_str(rest);
        out.push(of_line.unwrap_or(last));
    }
    (text == plain).then_some(out)
}

/// The template with a mark before each line that begins as plain text; behind each block of a line that begins with one, if something follows.
fn marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut until: Option<&str> = None;
    for (line, number) in text.split_inclusive('\n').zip(1u32..) {
        let mark = format!("{OPEN}{number}{CLOSE}");
        let mut rest = line;
        let begins = line.trim_start();
        let is_marked = until.is_none() && !begins.starts_with("{%") && !begins.starts_with("{#");
        if is_marked {
            out.push_str(&mark);
        }
        loop {
            match until {
                Some(end) => {
                    let Some(at) = rest.find(end) else { break };
                    out.push_str(&rest[..at + end.len()]);
                    rest = &rest[at + end.len()..];
                    until = None;
                    let follows = rest.trim_start();
                    let is_text =
                        !follows.is_empty() && !follows.starts_with("{%") && !follows.starts_with("{#");
                    // Each branch of an `if` in one line has a mark of its own.
                    if !is_marked && is_text {
                        out.push_str(&mark);
                    }
                }
                None => {
                    let ends = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
                    let next = ends.iter().filter_map(|(open, end)| Some((rest.find(open)?, *end))).min();
                    let Some((at, end)) = next else { break };
                    out.push_str(&rest[..at + 2]);
                    rest = &rest[at + 2..];
                    until = Some(end);
                }
            }
        }
        out.push_str(rest);
    }
    out
}

/// The insides of the tags of a text.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = [rest.find("{{"), rest.find("{%")].into_iter().flatten().min()?;
        let end = if rest[at..].starts_with("{{") { "}}" } else { "%}" };
        let inside = &rest[at + 2..];
        let until = inside.find(end)?;
        rest = &inside[until + 2..];
        Some(inside[..until].trim_matches(['-', '+', ' ', '\n']))
    })
}

/// Names with their fields in the tags of a line, in order: `e.port`.
fn names_in(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    for tag in tags(line) {
        // What is quoted is no name, and neither is a filter.
        let plain: String = tag.split(['"', '\'']).step_by(2).collect::<Vec<_>>().join(" ");
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let mut before = ' ';
        let mut rest = plain.as_str();
        while let Some(at) = rest.find(is_part) {
            before = rest[..at].trim_end().chars().next_back().unwrap_or(before);
            let end = rest[at..].find(|c| !is_part(c)).map_or(rest.len(), |end| at + end);
            let word = rest[at..end].trim_matches('.');
            if before != '|' && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                out.push(word.to_owned());
            }
            before = ' ';
            rest = &rest[end..];
        }
    }
    out
}

/// The loops around a line of a template: what each binds, and from which name.
fn loops_around(text: &str, line: u32) -> Vec<(String, String)> {
    let before: usize = text.split_inclusive('\n').take(line as usize).map(str::len).sum();
    let mut open = Vec::new();
    for tag in tags(&text[..before]) {
        if tag.starts_with("endfor") {
            open.pop();
        } else if let Some((names, source)) =
            tag.strip_prefix("for ").and_then(|rest| rest.split_once(" in "))
        {
            let source = source.split([' ', '|']).find(|word| !word.is_empty()).unwrap_or_default();
            open.push((names.trim().to_owned(), source.to_owned()));
        }
    }
    open
}

/// A name with the loops that bind it taken away: the path of what it is an item of.
fn resolved(name: &str, loops: &[(String, String)]) -> Vec<String> {
    let mut path: Vec<String> = name.split('.').map(str::to_owned).collect();
    for (names, source) in loops.iter().rev() {
        let is_bound = names.split(',').any(|it| Some(it.trim()) == path.first().map(String::as_str));
        if is_bound {
            path.splice(0..1, source.split('.').map(str::to_owned));
        }
    }
    path
}

/// Where the values at a path were written; lists are gone through.
fn origins(data: &Data, path: &[String]) -> Vec<(String, Origin)> {
    let mut found = vec![data];
    for (i, step) in path.iter().enumerate() {
        let items = found.iter().flat_map(|data| data.items().unwrap_or(std::slice::from_ref(*data)));
        let next: Vec<&Data> = items.filter_map(|item| item.get(step)).collect();
        if next.is_empty() && i == 0 {
            return Vec::new();
        }
        if next.is_empty() {
            // A field of the template's own, as `loop.last` has: what it belongs to was read.
            break;
        }
        found = next;
    }
    found.into_iter().map(|data| (path.join("."), data.origin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_tags_alone() {
        assert_eq!(
            names_in("bind {{ b.address }}:{{ e.port|int }} {% if \"x\" in e.extra %}y"),
            ["b.address", "e.port", "if", "in", "e.extra"]
        );
    }

    #[test]
    fn loops_lead_to_what_is_gone_through() {
        let text = "{% for e in endpoints %}\n{% for b in e.bind %}\nx {{ b.address }}\n{% endfor %}\n{% endfor %}\n";
        let loops = loops_around(text, 3);
        assert_eq!(resolved("b.address", &loops).join("."), "endpoints.bind.address");
        assert!(loops_around(text, 5).is_empty());
    }
}
