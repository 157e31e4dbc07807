//! A document on its way to a writer: all that is decided about its values, and nothing of its format.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

/// A document on its way to a writer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Doc {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Doc>),
    Map(Vec<(String, Doc)>),
}

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Doc::Bool(value) => serializer.serialize_bool(*value),
            Doc::Int(value) => serializer.serialize_i64(*value),
            Doc::Float(value) => serializer.serialize_f64(*value),
            Doc::Text(text) => serializer.serialize_str(text),
            Doc::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Doc::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
