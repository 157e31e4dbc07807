//! Variables of an expression that is evaluated.

use crate::live::{NodeId, Value};
use std::sync::Arc;

/// Variables: those of the loops around, then those of the expression itself.
#[derive(Clone, Debug)]
pub struct Frame {
    pub(super) env: Arc<[Value]>,
    pub(super) locals: Vec<Value>,
    /// `self`.
    pub this: Option<Value>,
    /// The node in which the value lies, for `key`.
    pub node: Option<NodeId>,
    /// `it`.
    pub it: Option<Value>,
}

impl Frame {
    /// Nothing but the loops around.
    pub fn of(env: Arc<[Value]>) -> Frame {
        Frame { env, locals: Vec::new(), this: None, node: None, it: None }
    }

    /// The same for a value that lies in a node.
    pub fn at(env: Arc<[Value]>, node: NodeId) -> Frame {
        Frame { node: Some(node), ..Frame::of(env) }
    }

    pub(super) fn get(&self, slot: u32) -> Option<Value> {
        let slot = slot as usize;
        let value = match slot.checked_sub(self.env.len()) {
            None => self.env.get(slot),
            Some(local) => self.locals.get(local),
        };
        value.cloned()
    }

    /// Binds a slot.
    pub fn set(&mut self, slot: u32, value: Value) {
        if let Some(local) = (slot as usize).checked_sub(self.env.len()) {
            if self.locals.len() <= local {
                self.locals.resize(local + 1, Value::None);
            }
            self.locals[local] = value;
        }
    }

    /// The frame of a `let`: the first `n` slots and nothing more.
    pub(super) fn first(&self, n: u32) -> Frame {
        let env: Arc<[Value]> = (0..n).map(|slot| self.get(slot).unwrap_or(Value::None)).collect();
        Frame { env, locals: Vec::new(), this: self.this.clone(), node: self.node, it: self.it.clone() }
    }
}
