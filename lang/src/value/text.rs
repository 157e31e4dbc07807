//! Texts with interpolations, and those that hold secrets.

use super::budget::within;
use super::errors;
use super::format;
use super::frame::Frame;
use super::pass::Pass;
use crate::data::SecretPart;
use crate::diag::Reported;
use crate::live::Value;
use crate::source::Span;
use crate::types::bare::Bare;
use crate::types::hir::{Hole, Piece};
use crate::types::ty::{Ty, TyId};
use std::fmt::Write as _;
use std::net::IpAddr;

impl Pass<'_> {
    pub(super) fn text(&mut self, pieces: &[Piece], secret: bool, frame: &mut Frame, at: Span) -> Value {
        if secret {
            return self.secret_text(pieces, frame, at);
        }
        // What is evaluated for it may make texts itself: they find no room yet, and make their own.
        let mut out = std::mem::take(&mut self.text);
        out.clear();
        let written = self.write_pieces(pieces, frame, at, &mut out);
        let value = match written {
            Ok(()) => Value::Str(out.as_str().into()),
            Err(reported) => Value::Error(reported),
        };
        self.text = out;
        value
    }

    fn write_pieces(
        &mut self,
        pieces: &[Piece],
        frame: &mut Frame,
        at: Span,
        out: &mut String,
    ) -> Result<(), Reported> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    self.make_text(text.len() as u64, at)?;
                    out.push_str(text);
                }
                Piece::Hole(hole) => {
                    let value = self.eval(&hole.value, frame);
                    if let Some(reported) = value.failed() {
                        return Err(reported);
                    }
                    self.check_brackets(hole, &value)?;
                    self.make_text(written_bytes(&value), at)?;
                    self.write(&value, hole.ty, out);
                }
            }
        }
        Ok(())
    }

    fn secret_text(&mut self, pieces: &[Piece], frame: &mut Frame, at: Span) -> Value {
        let mut parts: Vec<SecretPart> = Vec::new();
        let mut plain = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    within!(self.make_text(text.len() as u64, at));
                    plain.push_str(text);
                }
                Piece::Hole(hole) => match self.eval(&hole.value, frame) {
                    failed @ Value::Error(_) => return failed,
                    Value::Secret(inner) => {
                        within!(self.make(1 + inner.len() as u64, at));
                        if !plain.is_empty() {
                            parts.push(SecretPart::Text(std::mem::take(&mut plain).into()));
                        }
                        parts.extend(inner.iter().cloned());
                    }
                    value => {
                        within!(self.check_brackets(hole, &value));
                        within!(self.make_text(written_bytes(&value), at));
                        self.write(&value, hole.ty, &mut plain);
                    }
                },
            }
        }
        if !plain.is_empty() {
            parts.push(SecretPart::Text(plain.into()));
        }
        Value::Secret(parts.into())
    }

    /// Refuses an address that lacks the brackets that it needs before a port and in a URL, or has those that it may not have.
    fn check_brackets(&mut self, hole: &Hole, value: &Value) -> Result<(), Reported> {
        let (Some(bare), Value::Ip(ip)) = (hole.bare, value) else { return Ok(()) };
        let wrong = match bare {
            Bare::InBrackets => ip.is_ipv4(),
            Bare::BeforePort | Bare::InUrl => ip.is_ipv6(),
        };
        if wrong { Err(self.report(errors::brackets(hole.value.at, *ip))) } else { Ok(()) }
    }

    /// The text of a value in an interpolation.
    pub fn write(&self, value: &Value, ty: TyId, out: &mut String) {
        match (value, self.eng.program.types.get(ty)) {
            (Value::Str(text), _) | (Value::Version(text), _) => out.push_str(text),
            (Value::Enum(index, _), Ty::Enum(id)) => {
                out.push_str(&self.eng.program.types.enumeration(*id).variants[*index as usize].0);
            }
            // Writing into a text cannot fail.
            (Value::Int(n), _) => {
                let _ = write!(out, "{n}");
            }
            (Value::Ip(IpAddr::V4(ip)), _) => format::ipv4(*ip, |byte| out.push(char::from(byte))),
            _ => out.push_str(&format::plain(value)),
        }
    }
}

/// The most bytes that a value takes in a text.
fn written_bytes(value: &Value) -> u64 {
    match value {
        Value::Str(text) | Value::Version(text) => text.len() as u64,
        other => {
            let measure = other.measure();
            measure.n_bytes.saturating_add(measure.n_values.saturating_mul(32))
        }
    }
}
