//! What evaluation yields: finished values of the tree with defaults filled in, each with its origin. This is all
//! that a caller sees of values; it holds no reference into the evaluator.

use crate::diag::Reported;
use crate::encode::{Encoder, Limit};
use crate::source::{FileId, Span};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// Where it was written: the value, or the default in the type.
    pub at: Span,
    /// The definition that brought it here, if that is another place (through `&` or a call).
    pub through: Option<Span>,
}

/// A finished value.
#[derive(Clone, PartialEq, Debug)]
pub struct Data {
    /// The value.
    pub kind: DataKind,
    /// Where it comes from.
    pub origin: Origin,
}

/// What a value is. Failed leaves are [`DataKind::Error`]: they were reported, and readers stay silent.
#[derive(Clone, PartialEq, Debug)]
pub enum DataKind {
    /// Failed, and was reported.
    Error(Reported),
    /// An optional that is absent.
    None,
    /// `true`
    Bool(bool),
    /// `1`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// A text, a Path, a Name, a Mac …
    Str(Arc<str>),
    /// `10.0.0.1`
    Ip(IpAddr),
    /// `10.0.0.0/24`
    Cidr(IpNet),
    /// In milliseconds.
    Duration(i64),
    /// In bytes.
    Size(i64),
    /// A key of a map.
    Key(Arc<str>),
    /// A variant with its payload by name, empty for none.
    Enum(Arc<str>, Arc<[(Arc<str>, Data)]>),
    /// A text that is finished on the host.
    Secret(Arc<[SecretPart]>),
    /// A list.
    List(Arc<[Data]>),
    /// A set, sorted and without doubles.
    Set(Arc<[Data]>),
    /// A record: every field of its type in the order of the declaration.
    Record(Arc<[(Arc<str>, Data)]>),
    /// A map, sorted bytewise by key.
    Map(Arc<[(Arc<str>, Data)]>),
    /// A Tree with children, sorted bytewise by key.
    Tree(Arc<[(Arc<str>, Data)]>),
    /// `template("x.j2", v)`: turned into bytes only by rendering.
    Template(Arc<TemplateCall>),
}

/// A piece of a secret text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum SecretPart {
    /// Plain text.
    Text(Arc<str>),
    /// The secret of this name, or the part of it that `secret_part` named.
    Name {
        /// Key in `secrets`.
        name: Arc<str>,
        /// Which part of a secret that has several.
        part: Option<Arc<str>>,
        /// How it is encoded on the host.
        encode: Encode,
        /// Who reads it and does not take every character.
        limits: Arc<[Limit]>,
    },
}

/// How a secret is encoded when it is filled in.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Encode {
    /// As it is.
    Plain,
    /// Percent-encoded, everything but unreserved characters.
    Url,
    /// Base64.
    Base64,
    /// With a backslash in front of each of these characters.
    Escape(Arc<str>),
    /// Within a text of another language. What begins and ends it there stands around it.
    Within(&'static Encoder),
}

/// Writes a secret text, which is written once, in one way: what is known of it now, the secrets on their host. `None` when one of its
/// secrets is written in some way already.
pub fn encode_secret(
    parts: &[SecretPart],
    how: &Encode,
    plain: impl Fn(&str) -> String,
) -> Option<Arc<[SecretPart]>> {
    let part = |part: &SecretPart| match part {
        SecretPart::Text(text) => Some(SecretPart::Text(plain(text).into())),
        SecretPart::Name { name, part, encode: Encode::Plain, limits } => {
            let (name, part, limits) = (name.clone(), part.clone(), limits.clone());
            Some(SecretPart::Name { name, part, encode: how.clone(), limits })
        }
        SecretPart::Name { .. } => None,
    };
    parts.iter().map(part).collect()
}

/// Writes a secret text within a text of another language.
///
/// # Errors
///
/// One of its secrets is written in some way already, or what is known of it cannot be written.
pub fn encode_within(parts: &[SecretPart], encoder: &'static Encoder) -> Result<Arc<[SecretPart]>, String> {
    let known = parts.iter().filter_map(|part| match part {
        SecretPart::Text(text) => Some(text),
        SecretPart::Name { .. } => None,
    });
    if let Some(why) = known.into_iter().find_map(|text| encoder.refusal(text)) {
        return Err(why);
    }
    let inner = encode_secret(parts, &Encode::Within(encoder), |text| encoder.inner(text));
    let inner = inner.ok_or("this secret is encoded already")?;
    let ends = [encoder.open, encoder.close].map(|end| SecretPart::Text(end.into()));
    let [open, close] = ends;
    let all = std::iter::once(open).chain(inner.iter().cloned()).chain([close]);
    Ok(all.filter(|part| *part != SecretPart::Text("".into())).collect())
}

/// A template to render.
#[derive(Clone, PartialEq, Debug)]
pub struct TemplateCall {
    /// The file's name as reports print it.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// The file that it is.
    pub file: FileId,
    /// What it is rendered with.
    pub value: Data,
}

impl Data {
    /// The field of a record, or the child of a map or a tree.
    pub fn get(&self, name: &str) -> Option<&Data> {
        self.entries()?.iter().find(|(k, _)| &**k == name).map(|(_, v)| v)
    }

    /// The entries of a record, map or tree.
    pub fn entries(&self) -> Option<&[(Arc<str>, Data)]> {
        match &self.kind {
            DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => Some(all),
            _ => None,
        }
    }

    /// Whether it failed itself.
    pub fn is_error(&self) -> bool {
        matches!(self.kind, DataKind::Error(_))
    }

    /// Where something failed in it.
    pub fn failed(&self) -> Option<Span> {
        match &self.kind {
            DataKind::Error(_) => Some(self.origin.at),
            DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) | DataKind::Enum(_, all) => {
                all.iter().find_map(|(_, inner)| inner.failed())
            }
            DataKind::List(all) | DataKind::Set(all) => all.iter().find_map(Data::failed),
            DataKind::Template(call) => call.value.failed(),
            _ => None,
        }
    }

    /// The items of a list or a set.
    pub fn items(&self) -> Option<&[Data]> {
        match &self.kind {
            DataKind::List(all) | DataKind::Set(all) => Some(all),
            _ => None,
        }
    }
}
