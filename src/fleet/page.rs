//! A plan or a comparison as one page of HTML, to be read beside a change: it needs nothing but itself.
//!
//! Decides nothing; what it says is what the text says, with all values instead of the first ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::alike::{Alike, FileRow, KeyRow, TextRow, Values};
use super::names::{counted, ranges};
use super::picture::{escaped, picture};
use super::plan::FleetPlan;
use super::review::Review;
use super::rows::one_line;
use super::words::Groups;
use activate::diff::Several;
use activate::words::Line;

const STYLE: &str = include_str!("page.css");

/// Of more units than this those that only start because they are new are folded.
const N_UNITS: usize = 12;
/// Of a key with more values than this they are folded.
const N_VALUES: usize = 4;

/// A part of a page: hosts that have something to do with each other.
struct Section<'a> {
    id: String,
    title: String,
    groups: &'a [Alike],
}

/// Writes a plan; `gone` are hosts that are no longer described.
pub fn plan_page(plan: &FleetPlan, groups: &Groups, gone: &[String]) -> String {
    let mut sections = Vec::new();
    for (idx, (wave, groups)) in plan.waves.waves.iter().zip(&groups.waves).enumerate() {
        let canary = if wave.canary { ", the canary" } else { "" };
        let title = format!("Wave {}{canary}", idx + 1);
        sections.push(Section { id: format!("wave-{}", idx + 1), title, groups });
    }
    if !groups.last.is_empty() {
        sections.push(Section {
            id: "last".to_owned(),
            title: "When all is committed".to_owned(),
            groups: &groups.last,
        });
    }
    let mut notes = plan.note_lines();
    notes.extend(gone_words(gone));
    let picture = (!plan.nodes.is_empty()).then(|| picture(plan));
    page(&format!("{}: plan", plan.cloud), &plan.summary(), &notes, picture.as_deref(), &sections)
}

/// Writes a comparison of two sides.
pub fn review_page(review: &Review, from: &str, to: &str) -> String {
    let mut sections = Vec::new();
    for (id, title, groups) in [("hosts", "Hosts", &review.groups), ("new", "New hosts", &review.added)] {
        if !groups.is_empty() {
            sections.push(Section { id: id.to_owned(), title: title.to_owned(), groups });
        }
    }
    let mut notes: Vec<String> = gone_words(&review.gone).into_iter().collect();
    if review.is_empty() {
        notes.push("nothing differs".to_owned());
    } else if !review.unchanged.is_empty() {
        notes.push(format!("nothing differs on {}", names(&review.unchanged)));
    }
    page("What differs", &format!("from {from} to {to}"), &notes, None, &sections)
}

fn gone_words(gone: &[String]) -> Option<String> {
    (!gone.is_empty()).then(|| format!("no longer described, and left as it is: {}", names(gone)))
}

fn names(hosts: &[String]) -> String {
    counted(hosts.iter().map(String::as_str))
}

fn page(
    title: &str,
    lead: &str,
    notes: &[String],
    picture: Option<&str>,
    sections: &[Section<'_>],
) -> String {
    let mut html = String::new();
    // Writing into a text cannot fail, here and below.
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        escaped(title),
        escaped(title),
        escaped(lead)
    );
    counts(&mut html, sections);
    contents(&mut html, picture.is_some(), sections);
    html.push_str("</header>\n<main>\n");
    if !notes.is_empty() {
        html.push_str("<ul class=\"notes\">\n");
        for note in notes {
            let grave = if note.starts_with("no way back") { " class=\"grave\"" } else { "" };
            let _ = writeln!(html, "<li{grave}>{}</li>", escaped(note));
        }
        html.push_str("</ul>\n");
    }
    if let Some(picture) = picture {
        let _ = write!(
            html,
            "<section id=\"picture\">\n<h2>What waits for what <small>across hosts</small></h2>\n\
             <div class=\"picture\" tabindex=\"0\" role=\"region\" aria-label=\"picture of the plan, scrolls\">\n{picture}</div>\n</section>\n"
        );
    }
    for Section { id, title, groups } in sections {
        let n_hosts = groups.iter().map(|it| it.hosts.len()).sum();
        let _ = writeln!(
            html,
            "<section id=\"{id}\">\n<h2>{} <small>{}</small></h2>",
            escaped(title),
            plural(n_hosts, "host")
        );
        groups.iter().for_each(|it| group(&mut html, it));
        html.push_str("</section>\n");
    }
    html.push_str("</main>\n<footer>A switch does this; nothing was touched to find it out. Values of secrets are not in here.</footer>\n</body>\n</html>\n");
    html
}

/// How many units of all hosts each action is about.
fn counts(html: &mut String, sections: &[Section<'_>]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for group in sections.iter().flat_map(|it| it.groups) {
        let units = group.units.iter().filter(|it| it.verb != "done");
        units.for_each(|it| *counts.entry(it.verb).or_default() += group.hosts.len());
    }
    if counts.is_empty() {
        return;
    }
    html.push_str("<ul class=\"counts\" aria-label=\"units by action\">\n");
    for (verb, n) in counts {
        let _ = writeln!(html, "<li><span class=\"verb {}\">{verb}</span> {n}</li>", class(verb));
    }
    html.push_str("</ul>\n");
}

fn contents(html: &mut String, has_picture: bool, sections: &[Section<'_>]) {
    if sections.len() + usize::from(has_picture) < 2 {
        return;
    }
    html.push_str("<nav aria-label=\"contents\"><ul>\n");
    if has_picture {
        html.push_str("<li><a href=\"#picture\">Picture</a></li>\n");
    }
    for Section { id, title, .. } in sections {
        let _ = writeln!(html, "<li><a href=\"#{id}\">{}</a></li>", escaped(title));
    }
    html.push_str("</ul></nav>\n");
}

/// The word of an action as a class: it has no blank.
fn class(verb: &str) -> &str {
    verb.split([' ', ',']).next().unwrap_or_default()
}

fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn group(html: &mut String, alike: &Alike) {
    let _ = writeln!(html, "<article>\n<h3>{}</h3>", escaped(&names(&alike.hosts)));
    units(html, &alike.units);
    if !alike.kernel.is_empty() {
        fold(html, "kernel settings", &count_keys(&alike.kernel), |html| {
            keys(html, &alike.kernel, &alike.hosts);
        });
    }
    alike.files.iter().for_each(|it| file(html, it, &alike.hosts));
    for secret in &alike.secrets {
        let _ =
            writeln!(html, "<p>secret <code>{}</code>: {}</p>", escaped(&secret.name), secret.how.words());
    }
    if !alike.rest.is_empty() {
        fold(html, "gates, groups and order", &count_keys(&alike.rest), |html| {
            keys(html, &alike.rest, &alike.hosts);
        });
    }
    html.push_str("</article>\n");
}

fn units(html: &mut String, all: &[Line]) {
    if all.is_empty() {
        html.push_str("<p class=\"reason\">no unit is touched</p>\n");
        return;
    }
    let is_plain = |it: &&Line| it.verb == "start" && it.reason.starts_with("new");
    let (plain, shown): (Vec<&Line>, Vec<&Line>) = match all.len() > N_UNITS {
        true => all.iter().partition(is_plain),
        false => (Vec::new(), all.iter().collect()),
    };
    unit_list(html, &shown);
    if !plain.is_empty() {
        let _ =
            writeln!(html, "<details>\n<summary>{} that start as new</summary>", plural(plain.len(), "unit"));
        unit_list(html, &plain);
        html.push_str("</details>\n");
    }
}

fn unit_list(html: &mut String, all: &[&Line]) {
    if all.is_empty() {
        return;
    }
    html.push_str("<ul class=\"units\">\n");
    for Line { verb, unit, reason } in all {
        let _ = writeln!(
            html,
            "<li><span class=\"verb {}\">{verb}</span> <span class=\"unit\">{}</span> <span class=\"reason\">{}</span></li>",
            class(verb),
            escaped(unit),
            escaped(reason)
        );
    }
    html.push_str("</ul>\n");
}

fn count_keys(keys: &[KeyRow]) -> String {
    plural(keys.len(), "key")
}

/// Writes what can be folded and is open at first.
fn fold(html: &mut String, title: &str, small: &str, body: impl FnOnce(&mut String)) {
    let _ = writeln!(
        html,
        "<details open>\n<summary><code>{}</code> <small>{}</small></summary>",
        escaped(title),
        escaped(small)
    );
    body(html);
    html.push_str("</details>\n");
}

fn file(html: &mut String, file: &FileRow, hosts: &[String]) {
    let FileRow { unit, name, how, access, keys: all, texts } = file;
    let of = unit.as_deref().map(|unit| format!("{unit}, ")).unwrap_or_default();
    let access = access.as_deref().map(|it| format!(", {it}")).unwrap_or_default();
    let small = format!("{of}{}{access}", how.word());
    if all.is_empty() && texts.is_empty() {
        let _ = writeln!(html, "<p><code>{}</code> <small>{}</small></p>", escaped(name), escaped(&small));
        return;
    }
    fold(html, name, &small, |html| {
        if !all.is_empty() {
            keys(html, all, hosts);
        }
        let (shown, more) = texts.split_at(texts.len().min(1));
        shown.iter().for_each(|it| text(html, it, hosts));
        if !more.is_empty() {
            let n_hosts = more.iter().map(|it| it.hosts.len()).sum();
            let _ =
                writeln!(html, "<details>\n<summary>other lines on {}</summary>", plural(n_hosts, "host"));
            more.iter().for_each(|it| text(html, it, hosts));
            html.push_str("</details>\n");
        }
    });
}

fn text(html: &mut String, row: &TextRow, hosts: &[String]) {
    let TextRow { hosts: on, text, at } = row;
    let mut words: Vec<String> = Vec::new();
    if on.len() < hosts.len() {
        words.push(format!("on {}", ranges(on.iter().map(String::as_str))));
    }
    words.extend(at.iter().map(|at| format!("from {at}")));
    if !words.is_empty() {
        let _ = writeln!(html, "<p class=\"reason\">{}</p>", escaped(&words.join(", ")));
    }
    html.push_str("<pre>");
    for line in text.lines() {
        let class = match line.as_bytes().first() {
            Some(b'-') => "gone",
            Some(b'+') => "come",
            Some(b'@') => "at",
            _ => "same",
        };
        let _ = write!(html, "<span class=\"{class}\">{}</span>", escaped(line));
    }
    html.push_str("</pre>\n");
}

fn keys(html: &mut String, all: &[KeyRow], hosts: &[String]) {
    html.push_str(
        "<table>\n<thead><tr><th scope=\"col\">key</th><th scope=\"col\">before</th><th scope=\"col\">after</th><th scope=\"col\">line</th></tr></thead>\n<tbody>\n",
    );
    let mut folded = Vec::new();
    for row in all {
        let n_shown = if row.values.len() > N_VALUES { 1 } else { row.values.len() };
        for values in &row.values[..n_shown] {
            key(html, &row.key, values, hosts);
        }
        if n_shown < row.values.len() {
            folded.push((row, &row.values[n_shown..]));
        }
    }
    html.push_str("</tbody>\n</table>\n");
    for (row, values) in folded {
        let _ = writeln!(
            html,
            "<details>\n<summary><code>{}</code> <small>{} more on other hosts</small></summary>\n<table>\n<tbody>",
            escaped(&row.key),
            plural(values.len(), "value")
        );
        values.iter().for_each(|it| key(html, &row.key, it, hosts));
        html.push_str("</tbody>\n</table>\n</details>\n");
    }
}

fn key(html: &mut String, key: &str, values: &Values, hosts: &[String]) {
    let Values { hosts: on, old, new, several, at } = values;
    let on = match on.len() < hosts.len() {
        true => format!("<span class=\"on\">on {}</span>", escaped(&ranges(on.iter().map(String::as_str)))),
        false => String::new(),
    };
    let list = |word: &str, all: &[String]| {
        let one = |it: &String| format!("<{word}><code>{}</code></{word}>", escaped(&one_line(it)));
        all.iter().map(one).collect::<Vec<_>>().join("<br>")
    };
    let (before, after) = match several {
        Some(Several { gone, come }) => (list("del", gone), list("ins", come)),
        None => {
            let value = |word: &str, it: &Option<String>| match it {
                Some(it) => list(word, std::slice::from_ref(it)),
                None => "<span class=\"none\">absent</span>".to_owned(),
            };
            (value("del", old), value("ins", new))
        }
    };
    let at = at.as_deref().map(escaped).unwrap_or_default();
    let _ = writeln!(
        html,
        "<tr><td><code>{}</code>{on}</td><td data-is=\"before\">{before}</td><td data-is=\"after\">{after}</td><td><code>{at}</code></td></tr>",
        escaped(key)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use activate::diff::How;

    #[test]
    fn what_a_description_says_stays_text_and_nothing_is_fetched() {
        let evil = "</code><script src=\"https://x.example/\">";
        let values = Values {
            hosts: vec!["a".to_owned()],
            old: None,
            new: Some(evil.to_owned()),
            several: None,
            at: Some(evil.to_owned()),
        };
        let row = KeyRow { key: evil.to_owned(), values: vec![values] };
        let text = TextRow { hosts: vec!["a".to_owned()], text: format!("+{evil}\n"), at: None };
        let file = FileRow {
            unit: Some(evil.to_owned()),
            name: evil.to_owned(),
            how: How::Changed,
            access: None,
            keys: vec![row],
            texts: vec![text],
        };
        let unit = Line { verb: "start", unit: evil.to_owned(), reason: evil.to_owned() };
        let group = Alike {
            hosts: vec!["a".to_owned()],
            units: vec![unit],
            files: vec![file],
            kernel: Vec::new(),
            secrets: Vec::new(),
            rest: Vec::new(),
        };
        let review = Review { groups: vec![group], ..Review::default() };
        let page = review_page(&review, evil, evil);
        assert!(!page.contains("<script") && page.matches("&lt;script").count() >= 8, "{page}");
        for word in ["src=", "href=\"h", "url(", "@import", "<link"] {
            let is_text = |at: usize| page[..at].ends_with("script ");
            assert!(page.match_indices(word).all(|(at, _)| is_text(at)), "{word} in {page}");
        }
    }
}
