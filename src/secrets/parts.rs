//! The parts of a secret in the clear: texts that are wiped when they are dropped, replaced or taken away.
//!
//! Makes and encrypts nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The parts of a secret by name; the only part of a secret without parts has the empty name. Says nothing of its values when it is printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(BTreeMap<String, String>);

impl Parts {
    /// Returns none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part, or puts a new value in place of its old one.
    pub fn insert(&mut self, part: String, value: String) {
        if let Some(mut old) = self.0.insert(part, value) {
            old.zeroize();
        }
    }

    /// Takes a part away.
    pub fn remove(&mut self, part: &str) {
        if let Some(mut old) = self.0.remove(part) {
            old.zeroize();
        }
    }
}

impl Deref for Parts {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<BTreeMap<String, String>> for Parts {
    fn from(all: BTreeMap<String, String>) -> Self {
        Self(all)
    }
}

impl<const N: usize> From<[(String, String); N]> for Parts {
    fn from(all: [(String, String); N]) -> Self {
        Self(all.into())
    }
}

impl FromIterator<(String, String)> for Parts {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(all: I) -> Self {
        let mut parts = Self::new();
        all.into_iter().for_each(|(part, value)| parts.insert(part, value));
        parts
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Zeroize for Parts {
    fn zeroize(&mut self) {
        self.0.values_mut().for_each(String::zeroize);
        self.0.clear();
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for Parts {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::Kept;

    /// Takes only what is wiped when it is dropped.
    fn is_wiped<T: ZeroizeOnDrop>(_: &T) {}

    #[test]
    fn parts_are_wiped_and_are_never_printed() {
        let mut parts = Parts::from([("key".to_owned(), "s3cret".to_owned())]);
        is_wiped(&parts);
        is_wiped(&Kept::new("a", 1, "id", parts.clone()).parts);
        assert_eq!(format!("{parts:?}"), r#"{"key"}"#);
        assert_eq!(serde_json::to_string(&parts).ok().as_deref(), Some(r#"{"key":"s3cret"}"#));
        parts.insert("key".to_owned(), "other".to_owned());
        assert_eq!(parts["key"], "other");
        parts.remove("key");
        assert_eq!(parts, Parts::new());
    }
}
