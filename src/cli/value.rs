//! Values in JSON, as `eval` prints them for programs. How they are written in the language is the language's own business.

use kl::data::{Data, DataKind};
use kl::value::show;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A value that serializes as JSON: addresses, keys, durations and sizes are texts, a variant with a payload is an
/// object of one key, a secret is an object that names it.
#[derive(Debug)]
pub struct Json<'a>(pub &'a Data);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            DataKind::Error(_) | DataKind::None => out.serialize_none(),
            DataKind::Bool(b) => out.serialize_bool(*b),
            DataKind::Int(n) => out.serialize_i64(*n),
            DataKind::Float(n) => out.serialize_f64(*n),
            DataKind::Str(text) | DataKind::Key(text) => out.serialize_str(text),
            DataKind::Ip(ip) => out.collect_str(ip),
            DataKind::Cidr(net) => out.collect_str(net),
            DataKind::Duration(ms) => out.serialize_str(&show::duration(*ms)),
            DataKind::Size(bytes) => out.serialize_str(&show::size(*bytes)),
            DataKind::Enum(name, payload) if payload.is_empty() => out.serialize_str(name),
            DataKind::Enum(name, payload) => {
                let mut map = out.serialize_map(Some(1))?;
                map.serialize_entry(&**name, &Fields(payload))?;
                map.end()
            }
            DataKind::Secret(parts) => {
                let mut map = out.serialize_map(Some(1))?;
                map.serialize_entry("secret", &show::secret(parts))?;
                map.end()
            }
            DataKind::List(all) | DataKind::Set(all) => {
                let mut seq = out.serialize_seq(Some(all.len()))?;
                for item in all.iter() {
                    seq.serialize_element(&Json(item))?;
                }
                seq.end()
            }
            DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => Fields(all).serialize(out),
            DataKind::Template(call) => {
                let mut map = out.serialize_map(Some(2))?;
                map.serialize_entry("template", &*call.name)?;
                map.serialize_entry("value", &Json(&call.value))?;
                map.end()
            }
        }
    }
}

struct Fields<'a>(&'a [(std::sync::Arc<str>, Data)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(&**key, &Json(value))?;
        }
        map.end()
    }
}
