//! Expressions, by precedence.

use super::ast::{Arg, Arm, BinOp, Bind, Body, Expr, ExprKind, Generator, Name, Pattern};
use super::cursor::{Parsed, Parser, Stop};
use super::errors::{self, ArgFault, Expected, Hint, OpPlace};
use super::recover::Scope;
use crate::diag::Reported;
use crate::token::{Keyword, Sign, TokenKind};

/// How tightly a binary operator binds, and how it stands beside itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joins {
    Left,
    Right,
    Not,
}

const LEVEL_NOT: u8 = 3;

/// What stands in the parentheses of a call.
enum Args {
    List(Vec<Arg>),
    For(Box<Expr>, Generator),
}

impl Parser<'_> {
    /// Reads all tokens as one expression.
    pub fn lone_expr(mut self) -> Expr {
        let (expr, result) = self.soft_expr();
        if result.is_ok() && self.peek() != TokenKind::End {
            let hint = self.sees(Sign::Set).then_some(Hint::Compare);
            let _: Parsed<()> = self.unexpected(Expected::End, hint);
        }
        expr
    }

    /// Reads an expression, or an error in its place.
    pub fn soft_expr(&mut self) -> (Expr, Parsed<()>) {
        let from = self.here();
        match self.operand().and_then(|()| self.expr()) {
            Ok(expr) => (expr, Ok(())),
            Err(Stop(why)) => (Expr { at: self.since(from), kind: ExprKind::Error(why) }, Err(Stop(why))),
        }
    }

    /// Reports it if there is no value on this line and the next one begins something else, as in
    /// `a = ⏎ b = 1`, where `b` would be taken for the value of `a`.
    fn operand(&mut self) -> Parsed<()> {
        let conditional = self.peek() == TokenKind::Keyword(Keyword::If);
        if self.line_ends() && !conditional { self.unexpected(Expected::Expression, None) } else { Ok(()) }
    }

    /// Reads an expression.
    pub fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(|p| match p.peek() {
            TokenKind::Keyword(Keyword::If) => p.conditional(),
            TokenKind::Keyword(Keyword::Match) => p.matching(),
            _ => p.binary(0),
        })
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let from = self.bump().at.start;
        let cond = self.boxed_expr()?;
        if !self.eat_keyword(Keyword::Then) {
            let hint = match self.peek() {
                TokenKind::Sign(Sign::Brace) => Some(Hint::Then),
                TokenKind::Sign(Sign::Set) => Some(Hint::Compare),
                _ => None,
            };
            return self.unexpected(Expected::Then, hint);
        }
        let then = self.boxed_expr()?;
        if !self.eat_keyword(Keyword::Else) {
            return self.unexpected(Expected::Keyword(Keyword::Else), Some(Hint::ElseNeeded));
        }
        let otherwise = self.boxed_expr()?;
        Ok(Expr { at: self.since(from), kind: ExprKind::If(cond, then, otherwise) })
    }

    fn matching(&mut self) -> Parsed<Expr> {
        let from = self.bump().at.start;
        let value = self.boxed_expr()?;
        let (arms, _) = self.braced(Scope::Arms, Self::arm)?;
        Ok(Expr { at: self.since(from), kind: ExprKind::Match(value, arms) })
    }

    fn arm(&mut self, out: &mut Vec<Arm>) -> Parsed<()> {
        let pattern = match self.peek() {
            TokenKind::Keyword(Keyword::None) => Pattern::None(self.bump().at),
            TokenKind::Word => Pattern::Name(self.word(Expected::Pattern)?),
            TokenKind::Variant => {
                let name = self.dotted();
                let read = |p: &mut Self| {
                    let mut names = Vec::new();
                    while p.more(Sign::GroupEnd) {
                        names.push(p.word(Expected::Name("a part of the payload"))?);
                        if !p.eat(Sign::Comma) {
                            break;
                        }
                    }
                    Ok(names)
                };
                let end = Expected::Either(Sign::Comma, Sign::GroupEnd);
                let names = if self.sees(Sign::Call) {
                    self.bracketed(Sign::GroupEnd, end, read)?
                } else {
                    Ok(Vec::new())
                };
                Pattern::Variant(name, names.unwrap_or_default())
            }
            _ => return self.unexpected(Expected::Pattern, None),
        };
        if self.sees(Sign::FatArrow) {
            // What is meant is clear.
            let _: Parsed<()> = self.unexpected(Expected::Sign(Sign::Arrow), Some(Hint::Arrow));
            self.bump();
        } else if !self.eat(Sign::Arrow) {
            let hint = self.sees(Sign::Set).then_some(Hint::Arrow);
            return self.unexpected(Expected::Sign(Sign::Arrow), hint);
        }
        let (value, result) = self.soft_expr();
        out.push(Arm { pattern, value });
        result
    }

    /// Reads operators that bind at least as tightly as `least`.
    ///
    /// This and what it calls on the way down are small on purpose: their frames are what deep nesting costs.
    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        let from = self.here();
        let mut left = match self.peek() {
            TokenKind::Keyword(Keyword::Not) if least <= LEVEL_NOT => self.negation(),
            TokenKind::Sign(Sign::Minus) => self.minus(),
            _ => self.postfix(),
        }?;
        // What may still follow: beside an operator that does not chain, only looser ones.
        let mut most = u8::MAX;
        while let Some((op, level, joins)) = self.operator().filter(|(_, level, _)| *level >= least) {
            if level >= most {
                return self.unexpected(Expected::Separator, Some(Hint::Chain));
            }
            left = self.join(from, left, op, level + u8::from(joins != Joins::Right))?;
            most = if joins == Joins::Not { level } else { u8::MAX };
        }
        Ok(left)
    }

    /// Reads an operator and what stands right of it.
    fn join(&mut self, from: u32, left: Expr, op: BinOp, least: u8) -> Parsed<Expr> {
        self.bump();
        if op == BinOp::NotIn {
            self.bump();
        }
        self.operand()?;
        let right = self.deeper(|p| p.binary(least))?;
        self.taller()?;
        Ok(Expr { at: self.since(from), kind: ExprKind::Bin(op, Box::new(left), Box::new(right)) })
    }

    fn negation(&mut self) -> Parsed<Expr> {
        let from = self.bump().at.start;
        let inner = Box::new(self.deeper(|p| p.binary(LEVEL_NOT))?);
        Ok(Expr { at: self.since(from), kind: ExprKind::Not(inner) })
    }

    fn minus(&mut self) -> Parsed<Expr> {
        let from = self.bump().at.start;
        let inner = self.deeper(|p| if p.sees(Sign::Minus) { p.minus() } else { p.postfix() })?;
        Ok(Expr { at: self.since(from), kind: ExprKind::Neg(Box::new(inner)) })
    }

    fn operator(&self) -> Option<(BinOp, u8, Joins)> {
        let compare = |op| (op, 4, Joins::Not);
        Some(match self.peek() {
            TokenKind::Keyword(Keyword::Or) => (BinOp::Or, 1, Joins::Left),
            TokenKind::Keyword(Keyword::And) => (BinOp::And, 2, Joins::Left),
            TokenKind::Keyword(Keyword::In) => compare(BinOp::In),
            TokenKind::Keyword(Keyword::Not) if self.kind(self.at + 1) == TokenKind::Keyword(Keyword::In) => {
                compare(BinOp::NotIn)
            }
            TokenKind::Sign(sign) => match sign {
                Sign::Eq => compare(BinOp::Eq),
                Sign::Ne => compare(BinOp::Ne),
                Sign::Lt => compare(BinOp::Lt),
                Sign::Le => compare(BinOp::Le),
                Sign::Gt => compare(BinOp::Gt),
                Sign::Ge => compare(BinOp::Ge),
                Sign::Else => (BinOp::Else, 5, Joins::Right),
                Sign::Merge => (BinOp::Merge, 6, Joins::Left),
                Sign::Range => (BinOp::Range, 7, Joins::Not),
                Sign::Plus => (BinOp::Add, 8, Joins::Left),
                Sign::Minus => (BinOp::Sub, 8, Joins::Left),
                Sign::Star => (BinOp::Mul, 9, Joins::Left),
                Sign::Slash => (BinOp::Div, 9, Joins::Left),
                Sign::Percent => (BinOp::Rem, 9, Joins::Left),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        let from = self.here();
        let mut left = self.primary()?;
        while matches!(
            self.peek(),
            TokenKind::Dot | TokenKind::DotText | TokenKind::Sign(Sign::Index | Sign::Call)
        ) {
            left = self.step(from, left)?;
        }
        Ok(left)
    }

    /// Reads one `.name`, `."text"`, `[key]` or `(args)`.
    fn step(&mut self, from: u32, left: Expr) -> Parsed<Expr> {
        let left = Box::new(left);
        let kind = match self.peek() {
            TokenKind::Dot => ExprKind::Field(left, self.dotted()),
            TokenKind::DotText => match self.text("a key") {
                Ok(text) => ExprKind::FieldText(left, text),
                Err(Stop(why)) => ExprKind::Error(why),
            },
            TokenKind::Sign(Sign::Index) => self.subscript(left)?,
            _ => self.call(left)?,
        };
        self.taller()?;
        Ok(Expr { at: self.since(from), kind })
    }

    fn subscript(&mut self, left: Box<Expr>) -> Parsed<ExprKind> {
        let key = self.bracketed(Sign::ListEnd, Expected::Sign(Sign::ListEnd), Self::expr)?;
        Ok(key.map_or_else(ExprKind::Error, |key| ExprKind::Index(left, Box::new(key))))
    }

    fn call(&mut self, left: Box<Expr>) -> Parsed<ExprKind> {
        Ok(match self.args()? {
            Ok(Args::List(args)) => ExprKind::Call(left, args),
            Ok(Args::For(element, generator)) => ExprKind::CallFor(left, element, generator),
            Err(why) => ExprKind::Error(why),
        })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let from = self.here();
        let kind = match self.peek() {
            TokenKind::TextOpen { .. } => self.text_value(),
            TokenKind::Variant => self.variant(),
            TokenKind::Sign(Sign::Group | Sign::Call) => self.group(),
            TokenKind::Sign(Sign::List | Sign::Index) => self.list(),
            TokenKind::Sign(Sign::Brace) => self.body_value(),
            _ => self.atom(),
        }?;
        Ok(Expr { at: self.since(from), kind })
    }

    fn text_value(&mut self) -> Parsed<ExprKind> {
        let broken = self.peek() == TokenKind::TextOpen { broken: true };
        match self.text("a text") {
            Ok(text) => Ok(ExprKind::Text(text)),
            Err(Stop(why)) if broken => Ok(ExprKind::Error(why)),
            Err(stop) => Err(stop),
        }
    }

    fn group(&mut self) -> Parsed<ExprKind> {
        let inner = self.bracketed(Sign::GroupEnd, Expected::Sign(Sign::GroupEnd), Self::expr)?;
        Ok(inner.map_or_else(ExprKind::Error, |inner| inner.kind))
    }

    fn body_value(&mut self) -> Parsed<ExprKind> {
        let (entries, at) = self.braced(Scope::Body, Self::entry)?;
        Ok(ExprKind::Body(Body { at, entries }))
    }

    /// Reads what is one token.
    fn atom(&mut self) -> Parsed<ExprKind> {
        let token = self.token();
        let kind = match self.peek() {
            TokenKind::Lit(index) => match self.tokens.lits.get(index as usize) {
                Some(lit) => ExprKind::Lit(lit.clone()),
                None => ExprKind::Error(self.known()),
            },
            TokenKind::BadLit | TokenKind::Bad => ExprKind::Error(self.known()),
            TokenKind::Word => ExprKind::Name(self.text_of(token.at).into()),
            TokenKind::Keyword(Keyword::None) => ExprKind::None,
            TokenKind::Keyword(Keyword::True) => ExprKind::Bool(true),
            TokenKind::Keyword(Keyword::False) => ExprKind::Bool(false),
            other => {
                let hint = match other {
                    TokenKind::Keyword(Keyword::If | Keyword::Match | Keyword::Not) => {
                        Some(Hint::Parenthesise)
                    }
                    TokenKind::Sign(Sign::Merge) => Some(Hint::WriteAnd),
                    TokenKind::Sign(Sign::Set) => Some(Hint::Compare),
                    TokenKind::DotText | TokenKind::Sign(Sign::Dot) => Some(Hint::GlueDot),
                    _ => None,
                };
                return self.unexpected(Expected::Expression, hint);
            }
        };
        self.bump();
        Ok(kind)
    }

    fn variant(&mut self) -> Parsed<ExprKind> {
        let name = self.dotted();
        if !self.sees(Sign::Call) {
            return Ok(ExprKind::Variant { name, args: Vec::new() });
        }
        Ok(match self.args()? {
            Ok(Args::List(args)) => ExprKind::Variant { name, args },
            Ok(Args::For(_, generator)) => {
                ExprKind::Error(self.report(errors::bad_argument(generator.at, ArgFault::InPayload)))
            }
            Err(why) => ExprKind::Error(why),
        })
    }

    fn list(&mut self) -> Parsed<ExprKind> {
        let end = Expected::Either(Sign::Comma, Sign::ListEnd);
        let read = |p: &mut Self| {
            let mut out = Vec::new();
            while p.more(Sign::ListEnd) {
                if p.eat(Sign::Comma) {
                    continue;
                }
                let element = p.expr()?;
                if let Some(generator) = p.lone_generator(out.is_empty())? {
                    return Ok(ExprKind::ListFor(Box::new(element), generator));
                }
                out.push(element);
                if !p.eat(Sign::Comma) {
                    break;
                }
            }
            Ok(ExprKind::List(out))
        };
        Ok(self.bracketed(Sign::ListEnd, end, read)?.unwrap_or_else(ExprKind::Error))
    }

    fn args(&mut self) -> Parsed<Result<Args, Reported>> {
        let end = Expected::Either(Sign::Comma, Sign::GroupEnd);
        self.bracketed(Sign::GroupEnd, end, |p| {
            let mut out: Vec<Arg> = Vec::new();
            while p.more(Sign::GroupEnd) {
                if p.eat(Sign::Comma) {
                    continue;
                }
                let arg = p.arg()?;
                if arg.name.is_some() && p.peek() == TokenKind::Keyword(Keyword::For) {
                    p.report(errors::bad_argument(p.token().at, ArgFault::NamedGenerator));
                    p.generator(true)?;
                } else if let Some(generator) = p.lone_generator(out.is_empty())? {
                    return Ok(Args::For(Box::new(arg.value), generator));
                }
                out.push(arg);
                if !p.eat(Sign::Comma) {
                    break;
                }
            }
            Ok(Args::List(out))
        })
    }

    fn arg(&mut self) -> Parsed<Arg> {
        let value = self.expr()?;
        match self.peek() {
            TokenKind::Sign(
                Sign::Set | Sign::Suggest | Sign::Add | Sign::Remove | Sign::Replace | Sign::Colon,
            ) => self.named_arg(value),
            _ => Ok(Arg { name: None, value }),
        }
    }

    /// Reads `= e` after what should be a name.
    fn named_arg(&mut self, left: Expr) -> Parsed<Arg> {
        let op = self.token();
        if self.sees(Sign::Colon) {
            let hint = matches!(left.kind, ExprKind::Name(_)).then_some(Hint::ColonForEquals);
            return self.unexpected(Expected::Either(Sign::Comma, Sign::GroupEnd), hint);
        }
        if !self.sees(Sign::Set) {
            self.report(errors::wrong_operator(op.at, self.text_of(op.at), OpPlace::Argument));
        }
        let name = match left.kind {
            ExprKind::Name(text) => Some(Name { text, at: left.at }),
            ExprKind::Error(_) => None,
            _ => {
                self.report(errors::bad_argument(left.at, ArgFault::NotAName));
                None
            }
        };
        self.bump();
        Ok(Arg { name, value: self.expr()? })
    }

    /// Reads `for …` after an element, if it is there. It must be after the first, and nothing may follow.
    fn lone_generator(&mut self, first: bool) -> Parsed<Option<Generator>> {
        if self.peek() != TokenKind::Keyword(Keyword::For) {
            return Ok(None);
        }
        if !first {
            self.report(errors::bad_argument(self.token().at, ArgFault::GeneratorNotAlone));
            self.generator(true)?;
            return Ok(None);
        }
        let generator = self.generator(true)?;
        let more =
            self.eat(Sign::Comma) && !matches!(self.peek(), TokenKind::Sign(Sign::ListEnd | Sign::GroupEnd));
        if more {
            let why = self.report(errors::bad_argument(generator.at, ArgFault::GeneratorNotAlone));
            return Err(Stop(why));
        }
        Ok(Some(generator))
    }

    /// Reads `for a in x, b in y if c`. In brackets a comma may also end it.
    pub fn generator(&mut self, in_brackets: bool) -> Parsed<Generator> {
        let from = self.here();
        self.expect_keyword(Keyword::For)?;
        let binds = self.binds(in_brackets)?;
        let cond = if self.eat_keyword(Keyword::If) { Some(self.boxed_expr()?) } else { None };
        Ok(Generator { at: self.since(from), binds, cond })
    }

    fn binds(&mut self, in_brackets: bool) -> Parsed<Vec<Bind>> {
        let mut binds = Vec::new();
        self.bind(&mut binds)?;
        while self.sees(Sign::Comma) && (!in_brackets || self.bind_follows()) {
            self.bump();
            self.bind(&mut binds)?;
        }
        Ok(binds)
    }

    fn boxed_expr(&mut self) -> Parsed<Box<Expr>> {
        self.expr().map(Box::new)
    }

    fn bind_follows(&self) -> bool {
        let is = |n: usize, kind| self.kind(self.at + n) == kind;
        let second = is(2, TokenKind::Sign(Sign::Comma)) && is(3, TokenKind::Word);
        let n_in = if second { 4 } else { 2 };
        is(1, TokenKind::Word) && is(n_in, TokenKind::Keyword(Keyword::In))
    }

    fn bind(&mut self, out: &mut Vec<Bind>) -> Parsed<()> {
        let first = self.word(Expected::Name("a loop variable"))?;
        let second = if self.eat(Sign::Comma) {
            Some(self.word(Expected::Name("a second loop variable"))?)
        } else {
            None
        };
        self.expect_keyword(Keyword::In)?;
        let source = self.deeper(Self::expr)?;
        out.push(Bind { first, second, source });
        Ok(())
    }

    /// Reads something in brackets. `None`: it could not be read, was reported, and is skipped.
    pub fn bracketed<T>(
        &mut self,
        end: Sign,
        expected: Expected,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<Result<T, Reported>> {
        let open = self.open();
        let inner = read(self).and_then(|inner| {
            self.close(open, TokenKind::Sign(end), expected, None)?;
            Ok(inner)
        });
        match inner {
            Ok(inner) => Ok(Ok(inner)),
            Err(Stop(why)) => self.skip_past(open, why).map(|()| Err(why)),
        }
    }
}
