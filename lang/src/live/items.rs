//! The items of a list, a set or a payload, and the measure of a value: how much it holds, known before anybody walks it.

use super::Value;
use crate::diag::Reported;
use std::ops::Deref;
use std::sync::Arc;

/// How much a value holds. What is shared is counted wherever it stands, as whoever walks the value meets it there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measure {
    /// Values in it, itself among them.
    pub n_values: u64,
    /// Bytes of texts in it.
    pub n_bytes: u64,
    /// How deep lists, records and payloads lie in each other.
    pub depth: u32,
    /// That something in it failed and was reported, if it did.
    pub failed: Option<Reported>,
}

impl Measure {
    /// Of a value that holds no other.
    pub const fn of_one(n_bytes: usize) -> Measure {
        Measure { n_values: 1, n_bytes: n_bytes as u64, depth: 0, failed: None }
    }

    /// How many steps a walk through all of it takes.
    pub fn n_steps(&self) -> u64 {
        self.n_values.saturating_add(self.n_bytes / 32)
    }

    /// Of a value that holds these.
    pub fn around(inner: impl Iterator<Item = Measure>) -> Measure {
        let mut all = Measure { depth: 1, ..Measure::of_one(0) };
        for one in inner {
            all.n_values = all.n_values.saturating_add(one.n_values);
            all.n_bytes = all.n_bytes.saturating_add(one.n_bytes);
            all.failed = all.failed.or(one.failed);
            all.depth = all.depth.max(one.depth.saturating_add(1));
        }
        all
    }
}

/// The items of a list, a set or a payload.
#[derive(Clone, Debug)]
pub struct Items(Arc<Measured>);

#[derive(Debug)]
struct Measured {
    all: Vec<Value>,
    measure: Measure,
}

impl Items {
    /// Whether somebody else holds them, too.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// How much they hold.
    pub fn measure(&self) -> Measure {
        self.0.measure
    }
}

impl Deref for Items {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.all
    }
}

impl From<Vec<Value>> for Items {
    fn from(all: Vec<Value>) -> Items {
        let measure = Measure::around(all.iter().map(Value::measure));
        Items(Arc::new(Measured { all, measure }))
    }
}

impl FromIterator<Value> for Items {
    fn from_iter<I: IntoIterator<Item = Value>>(all: I) -> Items {
        Vec::from_iter(all).into()
    }
}
