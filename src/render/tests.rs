//! Cases of tests/render: a content as JSON, and the file it becomes. `BLESS=1` writes what is printed now.

use super::document::{render_file, render_lines};
use super::placeholders::Rendered;
use kl::data::{Data, DataKind, Encode, Origin, SecretPart, TemplateCall};
use kl::diag::Problems;
use kl::source::{FileId, Span};
use model::{At, File, Format, Quotes, Style};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Makes values of JSON. An object with one key that begins with `$` is what JSON lacks.
struct Maker {
    next: u32,
}

impl Maker {
    fn make(&mut self, value: &Value) -> Data {
        self.next += 10;
        let at = Span::new(FileId(0), self.next, self.next + 5);
        let kind = match value {
            Value::Null => DataKind::None,
            Value::Bool(value) => DataKind::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => DataKind::Int(value),
                None => DataKind::Float(number.as_f64().expect("a number")),
            },
            Value::String(text) => DataKind::Str(text.as_str().into()),
            Value::Array(items) => DataKind::List(items.iter().map(|it| self.make(it)).collect()),
            Value::Object(entries) => match entries.iter().next() {
                Some((key, inner)) if key.starts_with('$') => self.special(key, inner),
                _ => DataKind::Tree(
                    entries.iter().map(|(key, it)| (key.as_str().into(), self.make(it))).collect(),
                ),
            },
        };
        Data { kind, origin: Origin { at, through: None } }
    }

    fn special(&mut self, key: &str, inner: &Value) -> DataKind {
        let text = || inner.as_str().expect("a text");
        match key {
            "$ip" => DataKind::Ip(text().parse().expect("an address")),
            "$size" => DataKind::Size(inner.as_i64().expect("a number")),
            // "before ${name} after", "${url:name}", "${name#1}"
            "$secret" => DataKind::Secret(secret(text()).into()),
            "$template" => {
                let (template, value) = (inner["text"].as_str().expect("a text"), self.make(&inner["value"]));
                let call =
                    TemplateCall { name: "case.j2".into(), text: template.into(), file: FileId(1), value };
                DataKind::Template(Arc::new(call))
            }
            other => panic!("no such special value: {other}"),
        }
    }
}

fn secret(text: &str) -> Vec<SecretPart> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(SecretPart::Text(before.into()));
        }
        let (name, after) = after.split_once('}').expect("a closing brace");
        let (encode, name) = match name.split_once(':') {
            Some(("url", name)) => (Encode::Url, name),
            Some(("base64", name)) => (Encode::Base64, name),
            Some((other, name)) => (Encode::Within(kl::encode::named(other).expect("an encoder")), name),
            None => (Encode::Plain, name),
        };
        let (name, part) = match name.split_once('#') {
            Some((name, part)) => (name, Some(part.into())),
            None => (name, None),
        };
        parts.push(SecretPart::Name { name: name.into(), part, encode, limits: [].into() });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(SecretPart::Text(rest.into()));
    }
    parts
}

fn file(format: &str, content: Data) -> File {
    let style = match format {
        "ini-ends" => Style { quotes: Quotes::For(String::new()), escapes: [('$', "\\$".to_owned())].into() },
        "ini-hash" => Style {
            quotes: Quotes::For("#\"'\\".to_owned()),
            escapes: [('\\', "\\\\".to_owned()), ('"', "\\\"".to_owned()), ('\n', "\\n".to_owned())].into(),
        },
        _ => Style::default(),
    };
    let format = match format {
        "ini" | "ini-ends" | "ini-hash" => Format::Ini,
        "json" => Format::Json,
        "yaml" => Format::Yaml,
        "toml" => Format::Toml,
        "env" => Format::Env,
        _ => Format::Text,
    };
    let at = content.origin.at;
    File { at, format, content, owner: At::new("root".into(), at), mode: 0o640, style, schema: None }
}

/// What a case prints: the text with its holes as `«name»`, the line of each leaf, and reports.
fn printed(format: &str, content: Data) -> String {
    let file = file(format, content);
    let mut problems = Problems::default();
    let mut out = String::new();
    if let Some(Rendered { text, holes }) = render_file("case", &file, &mut problems) {
        let mut shown = text.clone();
        for hole in holes.iter().rev() {
            let mut encode = format!("{:?}", hole.encode).to_lowercase();
            hole.escapes.keys().for_each(|it| encode.push_str(&format!(" {}", it.escape_default())));
            let part = hole.part.as_ref().map_or(String::new(), |part| format!("#{part}"));
            shown.insert_str(hole.offset as usize, &format!("«{encode}:{}{part}»", hole.secret));
        }
        out.push_str(&shown);
        if file.format != Format::Text {
            let lines = render_lines("case", &file);
            let shown: Vec<String> =
                lines.iter().map(|line| format!("{} {}", line.number, line.path)).collect();
            let _ = writeln!(out, "lines: {}", shown.join(", "));
        }
    }
    for report in problems.sorted() {
        let help = report.help.map_or(String::new(), |help| format!(" ({help})"));
        let labels: Vec<String> = report
            .labels
            .iter()
            .map(|label| format!(" [{}..{} {}]", label.at.start, label.at.end, label.text))
            .collect();
        let _ = writeln!(out, "error[{}] {}{}{help}", report.code, report.message, labels.concat());
    }
    out
}

#[test]
fn documents_are_written_as_the_cases_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/render/documents.txt");
    let cases = std::fs::read_to_string(&path).expect("the cases can be read");
    let mut now = String::new();
    for case in cases.split("--- ").skip(1) {
        let (title, rest) = case.split_once('\n').expect("a case has a title");
        let (input, _) = rest.split_once("===\n").expect("a case has a result");
        let format = title.split(':').next().unwrap_or_default();
        let value: Value = serde_json::from_str(input).unwrap_or_else(|error| panic!("{title}: {error}"));
        let content = Maker { next: 0 }.make(&value);
        let _ = write!(now, "--- {title}\n{input}===\n{}", printed(format, content));
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &now).expect("the cases can be written");
        return;
    }
    assert_same(&cases, &now);
}

/// Fails with the difference and the way to accept it.
pub(super) fn assert_same(expected: &str, found: &str) {
    if expected != found {
        let diff = similar::TextDiff::from_lines(expected, found);
        panic!("{}\naccept with BLESS=1", diff.unified_diff().context_radius(3));
    }
}
