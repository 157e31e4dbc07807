//! A unit before it is decided who reads it: what systemd is told, and what podman is told as settings of the table of keys.
//!
//! Knows neither Quadlet's files nor podman's command line; `quadlet` and `run` write both from this, and decide nothing
//! but how a setting is spelled.

use super::encode;
use super::keys::{self, Key};
use super::run;
use super::unit::{Line, UnitText};
use kl::diag::{Diagnostic, Problems};
use kl::source::Span;
use model::{At, Host, Text, errors};

/// What a unit is of podman's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A container that is kept running.
    Container,
    /// A container that runs to completion.
    Task,
    /// A volume.
    Volume,
    /// A container network.
    Network,
}

impl Form {
    /// The section of Quadlet's files that its settings stand in.
    pub fn section(self) -> &'static str {
        match self {
            Form::Container | Form::Task => "Container",
            Form::Volume => "Volume",
            Form::Network => "Network",
        }
    }
}

/// The value of a setting, in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One value, or one word.
    Text(String),
    /// The words of a command.
    Words(Vec<String>),
    /// That it holds.
    Yes,
    /// Arguments of ours, which nothing in them needs to be encoded for.
    Arguments(&'static str),
    /// A mount of a volume of the host: its name, and the rest of the mount.
    Volume(String, String),
    /// A container network of the host: its name in the description, and podman's.
    Network(String, String),
}

/// One thing that podman is told.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What is known of it.
    pub key: &'static Key,
    /// What is said.
    pub value: Value,
    /// Where the description says so.
    pub at: Span,
    /// Whether a change of it changes what runs.
    pub line: Line,
}

/// A unit on its way.
#[derive(Debug)]
pub struct Lowered {
    /// Its name in the description.
    pub name: String,
    /// What it is.
    pub form: Form,
    /// What systemd is told by both writers: [Unit] and [Service].
    pub unit: UnitText,
    /// What podman is told, in order.
    pub settings: Vec<Setting>,
    /// Paths of the host that are mounted.
    pub paths: Vec<String>,
}

/// Lowers one unit of a host.
pub struct Lowering<'a> {
    /// What there is so far.
    pub out: Lowered,
    pub(super) host: &'a Host,
    pub(super) problems: &'a mut Problems,
}

impl<'a> Lowering<'a> {
    /// Begins a unit.
    pub fn new(host: &'a Host, name: &str, form: Form, problems: &'a mut Problems) -> Lowering<'a> {
        let (unit, settings, paths) = (UnitText::default(), Vec::new(), Vec::new());
        Lowering { out: Lowered { name: name.to_owned(), form, unit, settings, paths }, host, problems }
    }

    /// Tells podman something.
    pub fn set(&mut self, name: &str, value: Value, at: Span) {
        self.push(name, value, at, Line::Meaning);
    }

    /// Tells podman something that is only for readers.
    pub fn set_meta(&mut self, name: &str, value: Value, at: Span) {
        self.push(name, value, at, Line::Meta);
    }

    fn push(&mut self, name: &str, value: Value, at: Span, line: Line) {
        match keys::find(self.out.form.section(), name) {
            Some(key) => self.out.settings.push(Setting { key, value, at, line }),
            None => {
                let message = format!("`{name}` is missing in the table of keys");
                self.problems.push(Diagnostic::bug(at, message));
            }
        }
    }

    /// Tells podman one text.
    pub fn text(&mut self, name: &str, text: impl Into<String>, at: Span) {
        self.set(name, Value::Text(text.into()), at);
    }

    /// Tells podman that something holds.
    pub fn yes(&mut self, name: &str, at: Span) {
        self.set(name, Value::Yes, at);
    }

    /// Tells podman a list of words as a JSON array: the form that no shell reads.
    pub fn json<'t>(&mut self, name: &str, words: impl IntoIterator<Item = &'t str>, at: Span) {
        self.text(name, encode::json_words(words), at);
    }

    /// Tells systemd something of the service, if the host's systemd knows it.
    pub fn service(&mut self, name: &str, value: impl Into<String>) {
        match keys::service_since(name) {
            Some((since, lost)) if self.host.systemd < since => {
                let (at, has) = (self.host.podman.at, self.host.systemd);
                self.problems.push(errors::systemd_too_old(at, name, since, has, lost));
            }
            _ => self.out.unit.add("Service", name, value),
        }
    }

    /// A command of [Service], read by systemd alone.
    pub fn command(&mut self, name: &str, prefix: &str, words: &[Text]) {
        match encode::words(words.iter().map(At::as_str)) {
            Ok(line) => self.out.unit.add("Service", name, format!("{prefix}{line}")),
            Err(why) => {
                let at = words.first().map_or(self.host.at, |word| word.at);
                self.problems.push(errors::bad_unit(at, format!("a word of this command {why}")));
            }
        }
    }
}

/// Refuses what makes podman's command line, which is one line of the unit, longer than systemd reads. Single words and the command have
/// limits of their own.
pub fn refuse_long(lowered: &Lowered, problems: &mut Problems) {
    let length = |it: &Setting| {
        let words = run::options(it.key.spelled, &it.value, encode::argument).unwrap_or_default();
        words.iter().map(|word| word.len() + 1).sum::<usize>()
    };
    let lengths: Vec<usize> = lowered.settings.iter().map(length).collect();
    let longest = lowered.settings.iter().zip(&lengths).max_by_key(|(_, length)| **length);
    if let Some((Setting { value, at, .. }, _)) =
        longest.filter(|_| lengths.iter().sum::<usize>() >= encode::LONGEST_LINE)
    {
        refuse(problems, *at, value, encode::LINE_TOO_LONG);
    }
}

/// Says that a unit cannot carry a text.
pub fn refuse(problems: &mut Problems, at: Span, value: &Value, why: &str) {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Words(words) => words.join(" "),
        Value::Volume(name, _) | Value::Network(name, _) => name.clone(),
        Value::Yes | Value::Arguments(_) => String::new(),
    };
    let report = errors::bad_unit(at, format!("`{}` {why}", shorten(&text)));
    problems.push(
        report.help("a unit file is lines of plain text: what is longer goes into a file of the container"),
    );
}

fn shorten(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}
