//! Whether a value fits an option, judged by the text that would stand in the document.

use kl::data::{Data, DataKind, SecretPart};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::net::IpAddr;

use super::table::{Entry, Item, Kind};

/// What a value is, as far as it is known before it stands on its host.
pub(crate) enum Written<'a> {
    /// Nothing is known, or nothing stands there: absent, failed, or with a secret in it.
    Unknown,
    /// A text.
    Text(Cow<'a, str>),
    /// Several, each of which stands there by itself.
    Several(&'a [Data]),
    /// Keys with values.
    Keys,
}

/// What a value will be in its document.
pub(crate) fn written(data: &Data) -> Written<'_> {
    Written::Text(match &data.kind {
        DataKind::Error(_) | DataKind::None | DataKind::Template(_) => return Written::Unknown,
        DataKind::Secret(parts) => match &**parts {
            [SecretPart::Text(text)] => Cow::Borrowed(text),
            _ => return Written::Unknown,
        },
        DataKind::List(items) | DataKind::Set(items) => return Written::Several(items),
        DataKind::Record(_) | DataKind::Map(_) | DataKind::Tree(_) => return Written::Keys,
        DataKind::Bool(it) => Cow::Owned(it.to_string()),
        DataKind::Int(it) | DataKind::Duration(it) | DataKind::Size(it) => Cow::Owned(it.to_string()),
        DataKind::Float(it) => Cow::Owned(it.to_string()),
        DataKind::Str(it) | DataKind::Key(it) | DataKind::Enum(it, _) => Cow::Borrowed(it),
        DataKind::Ip(it) => Cow::Owned(it.to_string()),
        DataKind::Cidr(it) => Cow::Owned(it.to_string()),
    })
}

/// What a text must be, of an option or of an item of one.
#[derive(Clone, Copy)]
pub(crate) struct Rule<'a> {
    kind: Kind,
    min: Option<&'a Number>,
    max: Option<&'a Number>,
    longest: Option<usize>,
    choices: Option<&'a [Value]>,
    ignore_case: bool,
    pattern: Option<&'a str>,
    item: Option<&'a Item>,
}

impl<'a> Rule<'a> {
    /// The rule of an option.
    pub fn of(entry: &'a Entry) -> Self {
        let Entry { kind, min, max, longest, choices, ignore_case, item, pattern, .. } = entry;
        let (min, max, choices) = (min.as_ref(), max.as_ref(), choices.as_deref());
        let (kind, longest, ignore_case) = (*kind, *longest, *ignore_case);
        Self {
            kind,
            min,
            max,
            longest,
            choices,
            ignore_case,
            pattern: pattern.as_deref(),
            item: item.as_deref(),
        }
    }

    /// The rule of an item.
    fn of_item(item: &'a Item) -> Self {
        let Item { kind, min, max, longest, choices, ignore_case, item, pattern } = item;
        let (min, max, choices) = (min.as_ref(), max.as_ref(), choices.as_deref());
        let (kind, longest, ignore_case) = (*kind, *longest, *ignore_case);
        Self {
            kind,
            min,
            max,
            longest,
            choices,
            ignore_case,
            pattern: pattern.as_deref(),
            item: item.as_deref(),
        }
    }

    /// Says what is wrong with a text: "is no integer".
    pub fn refusal(&self, text: &str) -> Option<String> {
        if let Some(wrong) = self.wrong_kind(text) {
            return Some(wrong);
        }
        if let Some(choices) = self.choices
            && !choices.iter().any(|it| self.is_choice(it, text))
        {
            return Some("is none of its choices".to_owned());
        }
        if self.longest.is_some_and(|most| text.chars().count() > most) {
            return Some(format!("is longer than {} characters", self.longest.unwrap_or_default()));
        }
        // A pattern that cannot be read refuses nothing: `Table::parse` does not take it.
        let is_found = |pattern: &str| regex::Regex::new(pattern).map(|it| it.is_match(text)).unwrap_or(true);
        match self.pattern {
            Some(pattern) if !is_found(pattern) => Some(format!("does not match `{pattern}`")),
            _ => None,
        }
    }

    fn is_choice(&self, choice: &Value, text: &str) -> bool {
        let choice = plain(choice);
        if self.ignore_case { choice.eq_ignore_ascii_case(text) } else { choice == text }
    }

    fn wrong_kind(&self, text: &str) -> Option<String> {
        let unless = |is_right: bool, what: &str| (!is_right).then(|| format!("is no {what}"));
        match self.kind {
            Kind::Any | Kind::Text | Kind::Path => None,
            Kind::Bool => unless(as_bool(text).is_some(), "truth value"),
            Kind::Int | Kind::Port => match text.trim().parse::<i128>() {
                Err(_) => Some("is no integer".to_owned()),
                Ok(number) if self.kind == Kind::Port && !(0..=65535).contains(&number) => {
                    Some("is no port".to_owned())
                }
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "limits are far below what a float counts exactly"
                )]
                Ok(number) => self.out_of_range(number as f64),
            },
            Kind::Float => match text.trim().parse::<f64>() {
                Err(_) => Some("is no number".to_owned()),
                Ok(number) => self.out_of_range(number),
            },
            Kind::Ip => unless(text.parse::<IpAddr>().is_ok(), "IP address"),
            Kind::Host => {
                unless(text.parse::<IpAddr>().is_ok() || is_host_name(text), "host name or address")
            }
            Kind::Uri => unless(is_uri(text), "URI"),
            Kind::List => self.wrong_item(split(text)),
            Kind::Dict => {
                let entries = split(text);
                match entries.iter().find(|it| !it.contains(':')) {
                    Some(entry) => Some(format!("is no list of `key:value`: `{entry}` has no colon")),
                    None => {
                        self.wrong_item(entries.iter().filter_map(|it| Some(it.split_once(':')?.1)).collect())
                    }
                }
            }
        }
    }

    fn wrong_item(&self, items: Vec<&str>) -> Option<String> {
        let rule = Rule::of_item(self.item?);
        items.into_iter().find_map(|it| {
            let it = it.trim().trim_matches(['"', '\'']);
            Some(format!("has an item `{it}` that {}", rule.refusal(it)?))
        })
    }

    fn out_of_range(&self, number: f64) -> Option<String> {
        let least = self.min.filter(|it| it.as_f64().is_some_and(|it| number < it));
        let most = self.max.filter(|it| it.as_f64().is_some_and(|it| number > it));
        match (least, most) {
            (Some(least), _) => Some(format!("is less than {least}")),
            (None, Some(most)) => Some(format!("is greater than {most}")),
            (None, None) => None,
        }
    }

    /// Says what it takes: "an integer from 1 to 65535".
    pub fn wanted(&self) -> String {
        if let Some(choices) = self.choices {
            let all: Vec<String> = choices.iter().map(|it| format!("`{}`", plain(it))).collect();
            return format!("one of {}", all.join(", "));
        }
        let of = |plural: &str| match self.item {
            Some(item) => format!("{plural}, each {}", Rule::of_item(item).wanted()),
            None => plural.to_owned(),
        };
        let range = match (self.min, self.max) {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(" of at least {min}"),
            (None, Some(max)) => format!(" of at most {max}"),
            (None, None) => String::new(),
        };
        let what = match self.kind {
            Kind::Any => "any value".to_owned(),
            Kind::Text => match self.longest {
                Some(most) => format!("a text of at most {most} characters"),
                None => "a text".to_owned(),
            },
            Kind::Int => format!("an integer{range}"),
            Kind::Float => format!("a number{range}"),
            Kind::Bool => "`true` or `false`".to_owned(),
            Kind::List => of("values between commas"),
            Kind::Dict => of("pairs `key:value` between commas"),
            Kind::Port => format!("a port{range}"),
            Kind::Ip => "an IP address".to_owned(),
            Kind::Host => "a host name or an address".to_owned(),
            Kind::Uri => "a URI".to_owned(),
            Kind::Path => "a path".to_owned(),
        };
        match self.pattern {
            Some(pattern) => format!("{what} that matches `{pattern}`"),
            None => what,
        }
    }
}

/// What a default or a choice is as a text.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Object(entries) => {
            entries.iter().map(|(key, it)| format!("{key}:{}", plain(it))).collect::<Vec<_>>().join(",")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A truth value as programs write it.
pub(crate) fn as_bool(text: &str) -> Option<bool> {
    let is_one_of = |all: &[&str]| all.iter().any(|it| it.eq_ignore_ascii_case(text.trim()));
    match () {
        () if is_one_of(&["true", "1", "on", "yes"]) => Some(true),
        () if is_one_of(&["false", "0", "off", "no"]) => Some(false),
        () => None,
    }
}

/// Whether a text that is a secret's place holds none: it is empty, or the address of something without a password in it.
pub(crate) fn holds_no_secret(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return text.is_empty() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => !user.contains(':') && !user.contains('@'),
        None => true,
    }
}

/// The items of a text between commas; those within brackets or quotes separate nothing.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start, mut all) = (0_usize, None, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '{' | '(', None) => depth += 1,
            (']' | '}' | ')', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                all.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(&text[start..]);
    all.retain(|it| !it.trim().is_empty());
    all.into_iter().map(str::trim).collect()
}

fn is_host_name(text: &str) -> bool {
    let fine = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253 && text.trim_end_matches('.').split('.').all(fine)
}

fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    }) && !text.contains(char::is_whitespace)
}
