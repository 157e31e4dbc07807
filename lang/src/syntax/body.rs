//! What stands between braces: definitions, loops, guards and lets.

use super::ast::{Body, Define, Entry, Expr, ExprKind, Guard, Let, Loop, Op, Step, StepKind};
use super::cursor::{Parsed, Parser, Stop};
use super::errors::{self, Expected, Hint, OpPlace};
use super::recover::{Scope, is_item};
use crate::source::Span;
use crate::token::{Keyword, Sign, TokenKind};

impl Parser<'_> {
    /// Reads a sequence in braces, and its place. What is good in it is kept, whatever else is there.
    pub fn braced<T>(
        &mut self,
        scope: Scope,
        read: fn(&mut Self, &mut Vec<T>) -> Parsed<()>,
        hint: Option<Hint>,
    ) -> Parsed<(Vec<T>, Span)> {
        if !self.sees(Sign::Brace) {
            return self.unexpected(Expected::Sign(Sign::Brace), hint);
        }
        let from = self.here();
        let open = self.open();
        let mut out = Vec::new();
        self.sequence(scope, &mut out, read);
        self.close(open, TokenKind::Sign(Sign::BraceEnd), Expected::Sign(Sign::BraceEnd), None)?;
        Ok((out, self.since(from)))
    }

    /// Reads definitions in braces.
    pub fn body(&mut self, hint: Option<Hint>) -> Parsed<Body> {
        let (entries, at) = self.braced(Scope::Body, Self::entry, hint)?;
        Ok(Body { at, entries })
    }

    /// Reads an entry of a body.
    pub fn entry(&mut self, out: &mut Vec<Entry>) -> Parsed<()> {
        match self.peek() {
            TokenKind::Keyword(Keyword::Let) => {
                let (binding, result) = self.binding()?;
                out.push(Entry::Let(binding));
                result
            }
            TokenKind::Keyword(keyword) if is_item(keyword) => self.stray_item(),
            _ => {
                let (entry, result) = self.loop_guard_or_define(Expected::Entry)?;
                out.push(entry);
                result
            }
        }
    }

    /// An item among definitions: reported, and kept for the end of the file, so that its names are known.
    fn stray_item(&mut self) -> Parsed<()> {
        let _: Parsed<()> = self.unexpected(Expected::Entry, Some(Hint::TopOnly));
        let mut items = Vec::new();
        let result = self.item(&mut items);
        self.strays.append(&mut items);
        result
    }

    /// Reads what may stand both in a file and in a body.
    pub fn loop_guard_or_define(&mut self, expected: Expected) -> Parsed<(Entry, Parsed<()>)> {
        match self.peek() {
            TokenKind::Keyword(Keyword::For) => self.deeper(|p| {
                let from = p.here();
                let generator = p.generator(false)?;
                let body = p.body(None)?;
                Ok((Entry::Loop(Loop { at: p.since(from), generator, body }), Ok(())))
            }),
            TokenKind::Keyword(Keyword::If) => Ok((Entry::Guard(self.guard()?), Ok(()))),
            TokenKind::Keyword(Keyword::Force)
            | TokenKind::Word
            | TokenKind::TextOpen { .. }
            | TokenKind::Sign(Sign::List | Sign::Index) => {
                let (define, result) = self.define()?;
                Ok((Entry::Define(define), result))
            }
            TokenKind::Variant | TokenKind::DotText | TokenKind::Sign(Sign::Dot) => {
                self.unexpected(expected, Some(Hint::GlueDot))
            }
            _ => self.unexpected(expected, None),
        }
    }

    fn guard(&mut self) -> Parsed<Guard> {
        self.deeper(|p| {
            let from = p.bump().at.start;
            let cond = p.expr()?;
            let then = p.body(guard_hint(p.peek()))?;
            let mut otherwise = None;
            if p.eat_keyword(Keyword::Else) {
                otherwise = Some(if p.peek() == TokenKind::Keyword(Keyword::If) {
                    let guard = p.guard()?;
                    Body { at: guard.at, entries: vec![Entry::Guard(guard)] }
                } else {
                    p.body(None)?
                });
            }
            Ok(Guard { at: p.since(from), cond, then, otherwise })
        })
    }

    /// Reads `let x : T = e`. What follows the name may be an error in the tree.
    pub fn binding(&mut self) -> Parsed<(Let, Parsed<()>)> {
        self.bump();
        let name = self.word(Expected::Name("a variable"))?;
        let mut ty = None;
        if self.eat(Sign::Colon) {
            let (read, result) = self.soft_type();
            ty = Some(read);
            if result.is_err() {
                return Ok((Let { name, ty, value: self.error_expr() }, Err(Stop)));
            }
        }
        let (value, result) = self.value_behind(OpPlace::Let, Some(Hint::LetValue));
        Ok((Let { name, ty, value }, result))
    }

    /// Reads `= e`, and says so if it is another operator.
    pub fn value_behind(&mut self, place: OpPlace, hint: Option<Hint>) -> (Expr, Parsed<()>) {
        let op = self.token();
        match self.peek() {
            TokenKind::Sign(Sign::Set) => {}
            TokenKind::Sign(Sign::Suggest | Sign::Add | Sign::Remove | Sign::Replace | Sign::Eq) => {
                self.report(errors::wrong_operator(op.at, self.text_of(op.at), place));
            }
            _ => {
                let result = self.unexpected(Expected::Sign(Sign::Set), hint);
                return (self.error_expr(), result);
            }
        }
        self.bump();
        self.soft_expr()
    }

    /// An expression that could not be read, for the tree.
    pub fn error_expr(&self) -> Expr {
        Expr { at: Span::new(self.here(), self.here()), kind: ExprKind::Error }
    }

    fn define(&mut self) -> Parsed<(Define, Parsed<()>)> {
        let (first, from) = (self.at, self.here());
        let force = (self.peek() == TokenKind::Keyword(Keyword::Force)).then(|| self.bump().at);
        let path = self.path()?;
        let op_at = self.token().at;
        let op = self.define_op(&path)?;
        let (value, result) = self.soft_expr();
        let (at, doc) = (self.since(from), self.doc(first));
        Ok((Define { at, doc, force, path, op, op_at, value }, result))
    }

    fn define_op(&mut self, path: &[Step]) -> Parsed<Op> {
        let op_at = self.token().at;
        let op = match self.peek() {
            TokenKind::Sign(Sign::Set) => Op::Set,
            TokenKind::Sign(Sign::Suggest) => Op::Suggest,
            TokenKind::Sign(Sign::Add) => Op::Add,
            TokenKind::Sign(Sign::Remove) => Op::Remove,
            TokenKind::Sign(Sign::Replace) => Op::Replace,
            TokenKind::Sign(Sign::Eq) => {
                self.report(errors::wrong_operator(op_at, "==", OpPlace::Define));
                Op::Set
            }
            TokenKind::Sign(Sign::Brace) if !self.token().fresh => {
                // What is meant is clear, so the braces are read as the value.
                let _: Parsed<()> = self.unexpected(Expected::DefineOp, Some(Hint::Equals));
                return Ok(Op::Set);
            }
            other => {
                let hint = match other {
                    TokenKind::Sign(Sign::Colon) => Some(self.colon_hint()),
                    TokenKind::Variant | TokenKind::Sign(Sign::Dot) => Some(Hint::GlueDot),
                    TokenKind::Sign(Sign::Comma | Sign::BraceEnd) if path.len() == 1 => {
                        Some(Hint::ListInBraces)
                    }
                    _ => None,
                };
                return self.unexpected(Expected::DefineOp, hint);
            }
        };
        self.bump();
        Ok(op)
    }

    /// `a : T` declares in the wrong place; `a : 1` is another language's literal.
    fn colon_hint(&self) -> Hint {
        let next = self.token_at(self.at + 1);
        let is_type = match next.kind {
            TokenKind::Keyword(Keyword::Enum | Keyword::Set | Keyword::Key) => true,
            TokenKind::Word => self.text_of(next.at).starts_with(|c: char| c.is_ascii_uppercase()),
            _ => false,
        };
        if is_type { Hint::TypeElsewhere } else { Hint::ColonForEquals }
    }

    fn path(&mut self) -> Parsed<Vec<Step>> {
        let from = self.here();
        let first = match self.peek() {
            TokenKind::Word => StepKind::Word(self.word(Expected::Entry)?.text),
            TokenKind::TextOpen { .. } => StepKind::Text(self.text("a key")?),
            TokenKind::Sign(Sign::List | Sign::Index) => self.index()?,
            _ => return self.unexpected(Expected::Name("what is defined"), None),
        };
        let mut path = vec![Step { at: self.since(from), kind: first }];
        loop {
            let from = self.here();
            let kind = match self.peek() {
                TokenKind::Dot => StepKind::Word(self.dotted().text),
                TokenKind::DotText => StepKind::Text(self.text("a key")?),
                TokenKind::Sign(Sign::Index) => self.index()?,
                _ => return Ok(path),
            };
            path.push(Step { at: self.since(from), kind });
        }
    }

    fn index(&mut self) -> Parsed<StepKind> {
        let from = self.here();
        let key = self.bracketed(Sign::ListEnd, Expected::Sign(Sign::ListEnd), Self::expr)?;
        let key = key.unwrap_or_else(|| Expr { at: self.since(from), kind: ExprKind::Error });
        Ok(StepKind::Index(Box::new(key)))
    }
}

/// What is likely meant by what stands behind a condition in the place of `{`.
pub fn guard_hint(found: TokenKind) -> Option<Hint> {
    match found {
        TokenKind::Sign(Sign::Set) => Some(Hint::Compare),
        TokenKind::Keyword(Keyword::Then) => Some(Hint::GuardBraces),
        _ => None,
    }
}
