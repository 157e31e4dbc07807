//! Operators on values.

use super::budget::within;
use super::builtins::move_ip;
use super::errors;
use super::pass::Pass;
use crate::diag::Reported;
use crate::live::Value;
use crate::source::Span;
use crate::syntax::ast::BinOp;
use crate::types::hir::InKind;
use crate::types::ty::{Ty, TyId};
use std::cmp::Ordering;

/// The most items that a range may have.
const RANGE_BUDGET: i64 = 1_000_000;

impl Pass<'_> {
    /// `-v`.
    pub fn negate(&mut self, value: &Value, at: Span) -> Value {
        match value {
            Value::Int(n) => {
                n.checked_neg().map_or_else(|| self.fail(errors::arithmetic(at, "overflow")), Value::Int)
            }
            Value::Float(n) => Value::Float(-n),
            Value::Duration(n) => {
                n.checked_neg().map_or_else(|| self.fail(errors::arithmetic(at, "overflow")), Value::Duration)
            }
            _ => self.failed(at, &[value]),
        }
    }

    /// `a op b` for values of a type.
    pub fn binary(&mut self, op: BinOp, a: &Value, b: &Value, ty: TyId, at: Span) -> Value {
        if a.is_error() || b.is_error() {
            return self.failed(at, &[a, b]);
        }
        // Comparing ends with the smaller of both.
        if matches!(op, BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge) {
            let (left, right) = (a.measure(), b.measure());
            within!(self.walk(if left.n_values < right.n_values { left } else { right }, at));
        }
        match op {
            BinOp::Eq | BinOp::Ne => match self.equal(a, b, ty, at) {
                Ok(equal) => Value::Bool(equal == (op == BinOp::Eq)),
                Err(reported) => Value::Error(reported),
            },
            BinOp::Lt => Value::Bool(a.order(b) == Ordering::Less),
            BinOp::Le => Value::Bool(a.order(b) != Ordering::Greater),
            BinOp::Gt => Value::Bool(a.order(b) == Ordering::Greater),
            BinOp::Ge => Value::Bool(a.order(b) != Ordering::Less),
            BinOp::Range => match (a, b) {
                (Value::Int(from), Value::Int(to)) if to.saturating_sub(*from) < RANGE_BUDGET => {
                    within!(
                        self.make(u64::try_from(to.saturating_sub(*from).saturating_add(1)).unwrap_or(0), at)
                    );
                    Value::List((*from..=*to).map(Value::Int).collect())
                }
                (Value::Int(_), Value::Int(_)) => {
                    self.fail(errors::arithmetic(at, "a range of more than a million numbers"))
                }
                _ => self.failed(at, &[a, b]),
            },
            _ => self.arithmetic(op, a, b, at),
        }
    }

    /// Whether two values of a type are one.
    pub fn equal(&mut self, a: &Value, b: &Value, ty: TyId, at: Span) -> Result<bool, Reported> {
        let deep = |v: &Value| matches!(v, Value::Node(_) | Value::Dict(_));
        if deep(a) || deep(b) {
            if let Some(reported) = self.keys_failed(a).or_else(|| self.keys_failed(b)) {
                return Err(reported);
            }
            // A map without keys is the most frequent question.
            let (a_empty, b_empty) = (self.is_empty(a, ty), self.is_empty(b, ty));
            if let (Some(x), Some(y)) = (a_empty, b_empty)
                && (x || y)
            {
                return Ok(x == y);
            }
            let (a, b) = (self.materialize(a, ty, at), self.materialize(b, ty, at));
            self.walk(a.measure(), at)?;
            return match a.failed().or(b.failed()) {
                Some(reported) => Err(reported),
                None => Ok(a.order(&b) == Ordering::Equal),
            };
        }
        Ok(a.order(b) == Ordering::Equal)
    }

    /// Whether a map has no keys; `None` for what is no map.
    fn is_empty(&mut self, value: &Value, ty: TyId) -> Option<bool> {
        let types = &self.eng.program.types;
        if !matches!(types.get(types.unwrap(ty)), Ty::Map(..)) {
            return None;
        }
        match value {
            Value::Node(id) => Some(self.keys(*id).present.is_empty()),
            Value::Dict(dict) => Some(dict.entries.iter().all(|entry| matches!(entry.value, Value::None))),
            _ => None,
        }
    }

    /// `x in all`.
    pub fn is_in(&mut self, kind: InKind, item: &Value, all: &Value, at: Span) -> Value {
        if item.is_error() || all.is_error() {
            return self.failed(at, &[item, all]);
        }
        match (kind, item, all) {
            (InKind::List, _, Value::List(items)) => {
                within!(self.walk(items.measure(), at));
                Value::Bool(items.iter().any(|i| i.order(item) == Ordering::Equal))
            }
            (InKind::Map, Value::Str(key), Value::Node(id)) => {
                let keys = self.keys(*id);
                match keys.failed.filter(|_| !keys.has(key)) {
                    Some(reported) => Value::Error(reported),
                    None => Value::Bool(keys.has(key)),
                }
            }
            (InKind::Map, Value::Str(key), Value::Dict(dict)) => {
                Value::Bool(dict.get(key).is_some_and(|e| !matches!(e.value, Value::None)))
            }
            (InKind::Cidr, Value::Ip(ip), Value::Cidr(net)) => Value::Bool(net.contains(ip)),
            (InKind::Cidr, Value::Cidr(inner), Value::Cidr(net)) => Value::Bool(net.contains(&**inner)),
            _ => self.failed(at, &[item, all]),
        }
    }

    fn arithmetic(&mut self, op: BinOp, a: &Value, b: &Value, at: Span) -> Value {
        use BinOp::{Add, Div, Mul, Rem, Sub};
        let int = |x: i64, y: i64| match op {
            Add => x.checked_add(y),
            Sub => x.checked_sub(y),
            Mul => x.checked_mul(y),
            Div => x.checked_div(y),
            Rem => x.checked_rem(y),
            _ => None,
        };
        let zero = |y: i64| matches!(op, Div | Rem) && y == 0;
        let result = match (a, b) {
            (Value::Int(x), Value::Int(y)) => (zero(*y), int(*x, *y).map(Value::Int)),
            (Value::Float(x), Value::Float(y)) => {
                let n = match op {
                    Add => x + y,
                    Sub => x - y,
                    Mul => x * y,
                    _ => x / y,
                };
                (op == Div && *y == 0.0, n.is_finite().then_some(Value::Float(n)))
            }
            (Value::Duration(x), Value::Duration(y)) if op == Div => (zero(*y), int(*x, *y).map(Value::Int)),
            (Value::Size(x), Value::Size(y)) if op == Div => (zero(*y), int(*x, *y).map(Value::Int)),
            (Value::Duration(x), Value::Duration(y) | Value::Int(y))
            | (Value::Int(x), Value::Duration(y)) => (zero(*y), int(*x, *y).map(Value::Duration)),
            (Value::Size(x), Value::Size(y) | Value::Int(y)) | (Value::Int(x), Value::Size(y)) => {
                (zero(*y), int(*x, *y).map(Value::Size))
            }
            (Value::Ip(ip), Value::Int(n)) => {
                let by = if op == Add { Some(*n) } else { n.checked_neg() };
                (false, by.and_then(|by| move_ip(*ip, by)).map(Value::Ip))
            }
            (Value::List(x), Value::List(y)) => {
                within!(self.make((x.len() as u64).saturating_add(y.len() as u64), at));
                (false, Some(Value::List(x.iter().chain(y.iter()).cloned().collect())))
            }
            _ => return self.failed(at, &[a, b]),
        };
        match result {
            (true, _) => self.fail(errors::arithmetic(at, "division by zero")),
            (false, Some(value)) => value,
            (false, None) => self.fail(errors::arithmetic(at, "the result is too large")),
        }
    }
}
