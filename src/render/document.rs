//! Documents: a file's content written in its format, with holes for secrets and, when asked, each line's origin.
//!
//! Knows no file system and no service. What a format cannot carry is reported at the leaf that says it.

use super::doc::Doc;
use super::encode::{float, yaml_float};
use super::placeholders::{self, Placeholders, Quoting, Rendered};
use super::{ini_file, style, template};
use kl::data::{Data, DataKind, Origin, SecretPart};
use kl::diag::Problems;
use model::errors::{bad_document, too_large};
use model::{File, Format, Quotes, Style};

/// A line of a rendered file and the leaf that begins there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u32,
    /// The leaf's path within the document, for people; empty for a whole text.
    pub path: String,
    /// The same as keys, which may hold dots, and positions in lists.
    pub steps: Vec<String>,
    /// Where the leaf comes from.
    pub origin: Origin,
}

/// The largest file that is written, in bytes: as large as the largest source.
pub const MOST_BYTES: u64 = 16 << 20;

/// How many bytes a value takes at least when it is written; a text that many leaves share counts wherever it stands.
fn size(data: &Data) -> u64 {
    let text = |part: &SecretPart| match part {
        SecretPart::Text(text) => text.len() as u64,
        SecretPart::Name { name, .. } => name.len() as u64,
    };
    let inner = match &data.kind {
        DataKind::Str(text) | DataKind::Key(text) => text.len() as u64,
        DataKind::Secret(parts) => parts.iter().map(text).fold(0, u64::saturating_add),
        DataKind::List(all) | DataKind::Set(all) => all.iter().map(size).fold(0, u64::saturating_add),
        DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => {
            all.iter().map(|(key, it)| size(it).saturating_add(key.len() as u64)).fold(0, u64::saturating_add)
        }
        _ => 0,
    };
    inner.saturating_add(1)
}

/// Writes a file. `None` when something was reported, here or by the evaluator.
pub fn render_file(name: &str, file: &File, problems: &mut Problems) -> Option<Rendered> {
    let too_large = || too_large(file.content.origin.at, &format!("`{name}` would have"), MOST_BYTES);
    if size(&file.content) > MOST_BYTES {
        problems.push(too_large());
        return None;
    }
    let rendered = render_small(name, file, problems)?;
    if rendered.text.len() as u64 > MOST_BYTES {
        problems.push(too_large());
        return None;
    }
    Some(rendered)
}

fn render_small(name: &str, file: &File, problems: &mut Problems) -> Option<Rendered> {
    if let DataKind::Template(call) = &file.content.kind {
        if file.format != Format::Text {
            let report = bad_document(
                file.content.origin.at,
                format!("`{name}` has a format, and a template is text"),
            );
            problems.push(report.help("leave `format` out"));
            return None;
        }
        let rendered = template::render(call, file.content.origin.at, problems)?;
        return without_nul(name, file, rendered, problems);
    }
    let mut placeholders = Placeholders::of_holes();
    let text = write(name, file, &mut placeholders, problems)?;
    let rendered = placeholders.split(&text);
    if rendered.is_none() {
        problems.push(
            bad_document(file.content.origin.at, format!("a secret in `{name}` was lost while writing it"))
                .help("this is a bug in kolla-lang"),
        );
    }
    without_nul(name, file, rendered?, problems)
}

/// Refuses a file with a NUL in it, where most readers end.
fn without_nul(name: &str, file: &File, rendered: Rendered, problems: &mut Problems) -> Option<Rendered> {
    if rendered.text.contains('\0') {
        problems.push(
            bad_document(file.content.origin.at, format!("`{name}` has a character NUL"))
                .help("take it out: most programs that read a text end at one"),
        );
        return None;
    }
    Some(rendered)
}

/// Says for each leaf of a file on which line it begins; renders the file again to find out.
pub fn render_lines(name: &str, file: &File) -> Vec<Line> {
    let whole =
        || vec![Line { number: 1, path: String::new(), steps: Vec::new(), origin: file.content.origin }];
    if matches!(file.content.kind, DataKind::Template(_)) || file.format == Format::Text {
        return whole();
    }
    let mut placeholders = Placeholders::of_leaves();
    // What cannot be written was reported when the file was rendered.
    let Some(text) = write(name, file, &mut placeholders, &mut Problems::default()) else {
        return Vec::new();
    };
    let lines = placeholders.lines(&text).into_iter();
    lines.map(|(number, steps, origin)| Line { number, path: steps.join("."), steps, origin }).collect()
}

fn write(
    name: &str,
    file: &File,
    placeholders: &mut Placeholders,
    problems: &mut Problems,
) -> Option<String> {
    let quoting = match file.format {
        Format::Json | Format::Yaml | Format::Toml => Quoting::Forced,
        Format::Text | Format::Ini | Format::Env => Quoting::Plain,
    };
    let style = match file.format {
        Format::Ini => file.style.clone(),
        Format::Env => style::of_shell(),
        Format::Text | Format::Json | Format::Yaml | Format::Toml => Style::default(),
    };
    let mut converter = Converter {
        name,
        quoting,
        style,
        is_yaml: file.format == Format::Yaml,
        placeholders,
        problems,
        path: Vec::new(),
        failed: false,
    };
    let doc = converter.convert(&file.content);
    match file.format {
        Format::Text => converter.check_text(&file.content),
        Format::Ini => converter.check_ini(&file.content),
        Format::Env => converter.check_env(&file.content),
        Format::Toml => converter.check_top(&file.content),
        Format::Json | Format::Yaml => {}
    }
    if converter.failed {
        return None;
    }
    let written = match (file.format, &doc) {
        (Format::Text, Doc::Text(text)) => Ok(text.clone()),
        (Format::Text, _) => Ok(String::new()),
        (Format::Ini, _) => Ok(ini_file::write(&doc)),
        (Format::Env, _) => Ok(write_env(&doc)),
        (Format::Json, _) => {
            serde_json::to_string_pretty(&doc).map(|text| text + "\n").map_err(|e| e.to_string())
        }
        (Format::Yaml, _) => serde_yaml_ng::to_string(&doc).map_err(|e| e.to_string()),
        (Format::Toml, _) => toml::to_string_pretty(&doc).map_err(|e| e.to_string()),
    };
    match written {
        Ok(text) => Some(text),
        Err(error) => {
            problems
                .push(bad_document(file.content.origin.at, format!("`{name}` cannot be written: {error}")));
            None
        }
    }
}

fn write_env(doc: &Doc) -> String {
    let Doc::Map(entries) = doc else { return String::new() };
    let line = |(key, value): &(String, Doc)| match value {
        Doc::Bool(value) => format!("{key}={value}\n"),
        Doc::Int(value) => format!("{key}={value}\n"),
        Doc::Float(value) => format!("{key}={}\n", float(*value)),
        Doc::Text(text) => format!("{key}={text}\n"),
        Doc::List(_) | Doc::Map(_) => String::new(),
    };
    entries.iter().map(line).collect()
}

/// Turns values into documents, and reports what no document can carry.
struct Converter<'a> {
    name: &'a str,
    quoting: Quoting,
    style: Style,
    is_yaml: bool,
    placeholders: &'a mut Placeholders,
    problems: &'a mut Problems,
    /// Keys and positions down to where it is.
    path: Vec<String>,
    failed: bool,
}

impl Converter<'_> {
    fn refuse(&mut self, at: &Data, message: String, help: &str) {
        let report = bad_document(at.origin.at, message);
        self.problems.push(if help.is_empty() { report } else { report.help(help) });
        self.failed = true;
    }

    fn below(&mut self, key: &str, data: &Data) -> Doc {
        self.path.push(key.to_owned());
        let doc = self.convert(data);
        self.path.pop();
        doc
    }

    fn convert(&mut self, data: &Data) -> Doc {
        let doc = match &data.kind {
            DataKind::Record(entries) | DataKind::Map(entries) | DataKind::Tree(entries) => {
                let present = entries.iter().filter(|(_, it)| it.kind != DataKind::None);
                let convert = |(key, it): &(std::sync::Arc<str>, Data)| {
                    if placeholders::is_forged(key) {
                        self.refuse(
                            it,
                            format!("the key `{key}` holds a character that is kept for secrets"),
                            "",
                        );
                    }
                    (self.plain(key), self.below(key, it))
                };
                return Doc::Map(present.map(convert).collect());
            }
            DataKind::List(items) | DataKind::Set(items) => {
                let convert = |(index, it): (usize, &Data)| {
                    if it.kind == DataKind::None {
                        let place = self.place();
                        self.refuse(
                            it,
                            format!("a list has no place for `none`, and `{place}` has one"),
                            "leave it out",
                        );
                    }
                    self.below(&index.to_string(), it)
                };
                return Doc::List(items.iter().enumerate().map(convert).collect());
            }
            DataKind::Bool(value) => Doc::Bool(*value),
            DataKind::Int(value) => Doc::Int(*value),
            DataKind::Float(value) if self.is_yaml => Doc::Text(placeholders::bare(&yaml_float(*value))),
            DataKind::Float(value) => Doc::Float(*value),
            DataKind::Str(text) | DataKind::Key(text) => Doc::Text(self.value(text)),
            DataKind::Enum(name, payload) if payload.is_empty() => Doc::Text(self.value(name)),
            DataKind::Ip(value) => Doc::Text(self.value(&value.to_string())),
            DataKind::Cidr(value) => Doc::Text(self.value(&value.to_string())),
            DataKind::Secret(parts) => {
                let text = self.placeholders.secret(parts, self.quoting, &self.style);
                Doc::Text(style::quote(text, &self.style))
            }
            DataKind::Error(_) => {
                self.failed = true;
                Doc::Text(String::new())
            }
            DataKind::None => Doc::Text(String::new()),
            DataKind::Duration(_) | DataKind::Size(_) | DataKind::Enum(..) => {
                let message = format!("`{}` has no form of its own in a document", self.place());
                self.refuse(data, message, "write what is meant, as in `.seconds` or `.MiB`");
                Doc::Text(String::new())
            }
            DataKind::Template(_) => {
                let message = format!("a template is a whole file and cannot stand at `{}`", self.place());
                self.refuse(data, message, "");
                Doc::Text(String::new())
            }
        };
        let forged = match &data.kind {
            DataKind::Str(text) | DataKind::Key(text) => placeholders::is_forged(text),
            DataKind::Secret(parts) => parts.iter().filter_map(plain_text).any(placeholders::is_forged),
            _ => false,
        };
        if forged {
            let message = format!("`{}` holds a character that is kept for secrets", self.place());
            self.refuse(data, message, "characters from U+F5A0 to U+F5A5 cannot stand in a document");
        }
        if !self.placeholders.wants_leaves() {
            return doc;
        }
        let text = match doc {
            Doc::Bool(value) => value.to_string(),
            Doc::Int(value) => value.to_string(),
            Doc::Float(value) => float(value),
            Doc::Text(text) => text,
            Doc::List(_) | Doc::Map(_) => String::new(),
        };
        Doc::Text(self.placeholders.leaf(&self.path, data.origin) + &text)
    }

    /// A value that is a text.
    fn value(&self, text: &str) -> String {
        style::quote(style::escape(&self.plain(text), &self.style), &self.style)
    }

    /// A text that must stay one.
    fn plain(&self, text: &str) -> String {
        if self.is_yaml { placeholders::quoted_for_yaml(text) } else { text.to_owned() }
    }

    fn place(&self) -> String {
        if self.path.is_empty() { self.name.to_owned() } else { self.path.join(".") }
    }

    fn check_text(&mut self, content: &Data) {
        if content.entries().is_some() || content.items().is_some() {
            let message = format!("`{}` is text, and its content is a document", self.name);
            self.refuse(content, message, "say its `format`, as in `ini(…)` or `json_file(…)`");
        } else if !matches!(
            content.kind,
            DataKind::Str(_) | DataKind::Secret(_) | DataKind::Key(_) | DataKind::Error(_)
        ) {
            let message = format!("`{}` is text, and its content is none", self.name);
            self.refuse(content, message, "write it as a text: \"${…}\"");
        }
    }

    fn check_top(&mut self, content: &Data) {
        if content.entries().is_none() && !content.is_error() {
            self.refuse(content, format!("`{}` must be keys with values", self.name), "");
        }
    }

    fn check_ini(&mut self, content: &Data) {
        self.check_top(content);
        for (name, section) in content.entries().unwrap_or_default() {
            let Some(keys) = section.entries() else {
                self.check_ini_key(name, section);
                continue;
            };
            if name.is_empty() || name.contains(']') || name.contains(char::is_control) {
                self.refuse(section, format!("`{name}` is no name of a section in an ini file"), "");
            }
            for (key, value) in keys {
                if value.entries().is_some() {
                    let message =
                        format!("an ini file has two levels, and `{name}.{key}` has keys of its own");
                    self.refuse(value, message, "write a text, or another `format`");
                } else {
                    self.check_ini_key(key, value);
                }
            }
        }
    }

    fn check_ini_key(&mut self, key: &str, value: &Data) {
        let bad = key.is_empty()
            || key.trim() != key
            || key.starts_with(['[', '#', ';'])
            || key.contains(['=', ':'])
            || key.contains(char::is_control);
        if bad {
            self.refuse(value, format!("`{key}` is no key of an ini file"), "");
        }
        let items = value.items().unwrap_or(std::slice::from_ref(value));
        for item in items {
            if item.items().is_some() || item.entries().is_some() {
                self.refuse(item, format!("a list in an ini file holds texts, and `{key}` holds more"), "");
            }
            self.check_line(
                item,
                "a value in an ini file",
                key,
                "join the lines, or repeat the key by writing a list",
            );
            if self.style.quotes == Quotes::Never && ends_in_white_space(item) {
                let message =
                    format!("`{key}` begins or ends with white space, which readers of ini files drop");
                let help = "take it out, or say how the reader quotes: `ini(…, style = { quotes = \"\" })`";
                self.refuse(item, message, help);
            }
        }
    }

    /// Refuses a text that no line can hold.
    fn check_line(&mut self, data: &Data, what: &str, key: &str, help: &str) {
        match plain_texts(data).iter().find_map(|text| style::unwritable(text, &self.style)) {
            None => {}
            Some('\n' | '\r') => self.refuse(data, format!("{what} is one line, and `{key}` has more"), help),
            Some(c) => {
                let message =
                    format!("{what} holds no control characters, and `{key}` has U+{:04X}", u32::from(c));
                self.refuse(data, message, "take it out");
            }
        }
    }

    fn check_env(&mut self, content: &Data) {
        self.check_top(content);
        for (key, value) in content.entries().unwrap_or_default() {
            let fine = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !key.starts_with(|c: char| c.is_ascii_digit())
                && !key.is_empty();
            if !fine {
                self.refuse(value, format!("`{key}` is no name of an environment variable"), "");
            }
            if value.entries().is_some() || value.items().is_some() {
                self.refuse(value, format!("an environment variable is one text, and `{key}` is more"), "");
            }
            self.check_line(value, "an environment variable", key, "join the lines");
        }
    }
}

/// The texts of a value that are known: of a secret, what stands around it.
fn plain_texts(data: &Data) -> Vec<&str> {
    match &data.kind {
        DataKind::Str(text) | DataKind::Key(text) => vec![text],
        DataKind::Secret(parts) => parts.iter().filter_map(plain_text).collect(),
        _ => Vec::new(),
    }
}

fn plain_text(part: &SecretPart) -> Option<&str> {
    match part {
        SecretPart::Text(text) => Some(text),
        SecretPart::Name { .. } => None,
    }
}

fn ends_in_white_space(data: &Data) -> bool {
    let (first, last) = match &data.kind {
        DataKind::Str(text) | DataKind::Key(text) => (Some(&**text), Some(&**text)),
        DataKind::Secret(parts) => (parts.first().and_then(plain_text), parts.last().and_then(plain_text)),
        _ => (None, None),
    };
    first.is_some_and(|it| it.starts_with(char::is_whitespace))
        || last.is_some_and(|it| it.ends_with(char::is_whitespace))
}
