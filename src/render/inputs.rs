//! What the closure of a host depends on, as one digest: equal digests, equal closures, to the byte.
//!
//! Places in sources are no part of it: they reach reports only, and a host of which anything was reported is rendered each
//! time. So an edited line above does not change every host.

use kl::data::{Data, DataKind, Encode, SecretPart, TemplateCall};
use kl::encode::{Chars, Limit};
use model::cloud::{Cloud, FIELDS, Sealed};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use store::Digest;
use store::digest::Hasher;

/// What all hosts of a cloud depend on.
#[derive(Debug)]
pub struct Inputs {
    shared: Digest,
    templates: Templates,
}

/// Digests of the texts of templates, each text digested once. They are told apart by where they lie, and kept, so that nothing
/// else comes to lie there.
#[derive(Debug, Default)]
struct Templates(Mutex<BTreeMap<usize, (Arc<str>, Digest)>>);

/// A value that failed in what would be digested: of it nothing is known.
struct Failed;

impl Inputs {
    /// Digests what hosts share: this program, what its caller knows of images, the fields of the root that a cloud is decoded from, and what
    /// was made of its secrets. Nothing if something failed there.
    pub fn new(program: &Digest, images: &Digest, root: &[(Arc<str>, Data)], cloud: &Cloud) -> Option<Self> {
        let templates = Templates::default();
        let mut out = Writer::new("cloud inputs", &templates);
        out.text(program.as_str());
        out.text(images.as_str());
        for (name, data) in root.iter().filter(|(name, _)| FIELDS.contains(&&**name)) {
            out.text(name);
            out.data(data).ok()?;
        }
        for (name, spec) in &cloud.secrets {
            out.text(name);
            out.sealed(spec.sealed.as_ref());
        }
        let shared = out.finish();
        Some(Self { shared, templates })
    }

    /// The digest of what hosts share.
    pub fn shared(&self) -> &Digest {
        &self.shared
    }

    /// Digests what one host depends on. Nothing if something failed there.
    pub fn of_host(&self, name: &str, data: &Data) -> Option<Digest> {
        let mut out = Writer::new("host inputs", &self.templates);
        out.text(self.shared.as_str());
        out.text(name);
        out.data(data).ok()?;
        Some(out.finish())
    }
}

impl Templates {
    fn digest(&self, text: &Arc<str>) -> Digest {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(text.as_ptr().addr());
        entry.or_insert_with(|| (text.clone(), Digest::of(text.as_bytes()))).1.clone()
    }
}

/// How many bytes are digested at once.
const CHUNK: usize = 1 << 16;

/// Writes values in a form in which no two of them are the same bytes.
struct Writer<'a> {
    bytes: Vec<u8>,
    hasher: Hasher,
    templates: &'a Templates,
}

impl<'a> Writer<'a> {
    fn new(kind: &str, templates: &'a Templates) -> Self {
        Self { bytes: Vec::with_capacity(CHUNK + CHUNK / 4), hasher: Hasher::new(kind), templates }
    }

    fn finish(mut self) -> Digest {
        self.hasher.field(&self.bytes);
        self.hasher.finish()
    }

    fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
        if self.bytes.len() >= CHUNK {
            self.hasher.field(&self.bytes);
            self.bytes.clear();
        }
    }

    fn opt_text(&mut self, text: Option<&str>) {
        self.bytes.push(u8::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn tagged(&mut self, tag: u8, number: u64) {
        self.bytes.push(tag);
        self.number(number);
    }

    fn data(&mut self, data: &Data) -> Result<(), Failed> {
        let Data { kind, origin: _ } = data;
        match kind {
            DataKind::Error(_) => return Err(Failed),
            DataKind::None => self.bytes.push(0),
            DataKind::Bool(it) => self.bytes.extend([1, u8::from(*it)]),
            DataKind::Int(it) => self.tagged(2, it.cast_unsigned()),
            DataKind::Float(it) => self.tagged(3, it.to_bits()),
            DataKind::Str(it) => {
                self.bytes.push(4);
                self.text(it);
            }
            DataKind::Ip(it) => {
                self.bytes.push(5);
                self.address(*it);
            }
            DataKind::Cidr(it) => {
                self.bytes.extend([6, it.prefix_len()]);
                self.address(it.addr());
            }
            DataKind::Duration(it) => self.tagged(7, it.cast_unsigned()),
            DataKind::Size(it) => self.tagged(8, it.cast_unsigned()),
            DataKind::Key(it) => {
                self.bytes.push(9);
                self.text(it);
            }
            DataKind::Enum(name, payload) => {
                self.bytes.push(10);
                self.text(name);
                self.entries(payload)?;
            }
            DataKind::Secret(parts) => {
                self.tagged(11, parts.len() as u64);
                parts.iter().for_each(|part| self.secret_part(part));
            }
            DataKind::List(items) => self.items(12, items)?,
            DataKind::Set(items) => self.items(13, items)?,
            DataKind::Record(entries) => {
                self.bytes.push(14);
                self.entries(entries)?;
            }
            DataKind::Map(entries) => {
                self.bytes.push(15);
                self.entries(entries)?;
            }
            DataKind::Tree(entries) => {
                self.bytes.push(16);
                self.entries(entries)?;
            }
            DataKind::Template(call) => {
                let TemplateCall { name, text, file: _, value } = &**call;
                self.bytes.push(17);
                self.text(name);
                self.text(self.templates.digest(text).as_str());
                self.data(value)?;
            }
        }
        Ok(())
    }

    fn items(&mut self, tag: u8, items: &[Data]) -> Result<(), Failed> {
        self.tagged(tag, items.len() as u64);
        items.iter().try_for_each(|it| self.data(it))
    }

    fn entries(&mut self, entries: &[(Arc<str>, Data)]) -> Result<(), Failed> {
        self.number(entries.len() as u64);
        entries.iter().try_for_each(|(name, it)| {
            self.text(name);
            self.data(it)
        })
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(it) => {
                self.bytes.push(4);
                self.bytes.extend(it.octets());
            }
            IpAddr::V6(it) => {
                self.bytes.push(6);
                self.bytes.extend(it.octets());
            }
        }
    }

    fn secret_part(&mut self, part: &SecretPart) {
        match part {
            SecretPart::Text(text) => {
                self.bytes.push(0);
                self.text(text);
            }
            SecretPart::Name { name, part, encode, limits } => {
                self.bytes.push(1);
                self.text(name);
                self.opt_text(part.as_deref());
                match encode {
                    Encode::Plain => self.bytes.push(0),
                    Encode::Url => self.bytes.push(1),
                    Encode::Base64 => self.bytes.push(2),
                    Encode::Escape(chars) => {
                        self.bytes.push(3);
                        self.text(chars);
                    }
                    // What it does is this program's.
                    Encode::Within(encoder) => {
                        self.bytes.push(4);
                        self.text(encoder.name);
                    }
                }
                self.number(limits.len() as u64);
                limits.iter().for_each(|limit| self.limit(limit));
            }
        }
    }

    fn limit(&mut self, limit: &Limit) {
        let Limit { reader, chars, most_bytes } = limit;
        self.text(reader);
        self.number(most_bytes.map_or(u64::MAX, u64::from));
        self.bytes.push(match chars {
            Chars::All => 0,
            Chars::Line => 1,
            Chars::Ascii => 2,
            Chars::Xml => 3,
        });
    }

    fn sealed(&mut self, sealed: Option<&Sealed>) {
        self.bytes.push(u8::from(sealed.is_some()));
        let Some(Sealed { version, made, id, text, public }) = sealed else { return };
        self.number(u64::from(*version));
        self.number(*made);
        self.text(id);
        self.text(text);
        self.number(public.len() as u64);
        for (name, value) in public {
            self.text(name);
            self.text(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kl::data::Origin;
    use kl::source::Span;

    fn data(kind: DataKind) -> Data {
        Data { kind, origin: Origin { at: Span::default(), through: None } }
    }

    fn text(text: &str) -> Data {
        data(DataKind::Str(text.into()))
    }

    fn digest(it: &Data) -> Digest {
        let inputs = Inputs { shared: Digest::of(b""), templates: Templates::default() };
        inputs.of_host("h", it).unwrap_or_else(|| panic!("nothing failed"))
    }

    #[test]
    fn what_differs_has_another_digest() {
        let list = |items: &[&str]| data(DataKind::List(items.iter().map(|it| text(it)).collect()));
        let entries = |all: &[(&str, &str)]| {
            all.iter().map(|(key, it)| (Arc::from(*key), text(it))).collect::<Arc<[_]>>()
        };
        let template = |source: &str, value: &str| {
            let value = data(DataKind::Tree(entries(&[("x", value)])));
            let call =
                TemplateCall { name: "t.j2".into(), text: source.into(), file: kl::source::FileId(7), value };
            data(DataKind::Template(call.into()))
        };
        let secret = |encode, part: Option<&str>| {
            let (name, limits) = ("s".into(), Arc::from([]));
            data(DataKind::Secret(
                [SecretPart::Name { name, part: part.map(Into::into), encode, limits }].into(),
            ))
        };
        let long = "x".repeat(CHUNK);
        let all = [
            data(DataKind::None),
            data(DataKind::Bool(false)),
            data(DataKind::Bool(true)),
            data(DataKind::Int(0)),
            data(DataKind::Int(-1)),
            data(DataKind::Duration(0)),
            data(DataKind::Size(0)),
            data(DataKind::Float(0.0)),
            data(DataKind::Float(-0.0)),
            text(""),
            text("a"),
            text(&long),
            text(&format!("{long}x")),
            data(DataKind::Key("a".into())),
            data(DataKind::Enum("a".into(), Arc::from([]))),
            data(DataKind::Ip(IpAddr::from([0, 0, 0, 0]))),
            data(DataKind::Ip(IpAddr::from([0; 16]))),
            list(&[]),
            list(&["a"]),
            list(&["a", ""]),
            list(&["ab", "c"]),
            list(&["a", "bc"]),
            list(&["a", "b", "c"]),
            list(&[&long, "c"]),
            list(&["c", &long]),
            data(DataKind::Set(Arc::from([text("a")]))),
            data(DataKind::Record(entries(&[("a", "b")]))),
            data(DataKind::Map(entries(&[("a", "b")]))),
            data(DataKind::Tree(entries(&[("a", "b")]))),
            data(DataKind::Tree(entries(&[("a", ""), ("b", "")]))),
            template("one", "a"),
            template("two", "a"),
            template("one", "b"),
            secret(Encode::Plain, None),
            secret(Encode::Url, None),
            secret(Encode::Base64, None),
            secret(Encode::Escape("\"".into()), None),
            secret(Encode::Plain, Some("")),
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[..i] {
                assert_ne!(digest(a), digest(b), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn where_it_was_written_changes_nothing_and_what_failed_has_no_digest() {
        let mut moved = text("a");
        moved.origin.at = Span::new(kl::source::FileId(0), 3, 4);
        assert_eq!(digest(&moved), digest(&text("a")));
        let reported = kl::diag::Problems::default().push(kl::diag::Diagnostic::bug(Span::default(), "x"));
        let failed = data(DataKind::List(Arc::from([data(DataKind::Error(reported))])));
        let inputs = Inputs { shared: Digest::of(b""), templates: Templates::default() };
        assert!(inputs.of_host("h", &failed).is_none());
    }
}
