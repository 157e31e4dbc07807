//! The map that memory is made of.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// A map whose order is that of insertion, with a fast hash.
pub type Map<K, V> = IndexMap<K, V, FxBuildHasher>;
