//! The items of a file.

use super::ast::{CheckItem, Expr, Fn, Item, ItemKind, Let, TestItem, TypeBase, TypeExpr};
use super::cursor::{Parsed, Parser, Stop};
use super::errors::{self, Expected, Found, Hint, OpPlace};
use super::recover::Scope;
use crate::token::{Keyword, Sign, TokenKind};

/// A line of the block of a function.
enum FnLine {
    Let(Let),
    Return(super::ast::Expr),
}

/// What was read of an item, and whether a mistake ended it.
type Partial = (ItemKind, Parsed<()>);

impl Parser<'_> {
    /// Reads all items.
    pub fn items(mut self) -> Vec<Item> {
        let mut items = Vec::new();
        self.sequence(Scope::File, &mut items, Self::item);
        items.append(&mut self.strays);
        items
    }

    /// Reads an item.
    pub fn item(&mut self, out: &mut Vec<Item>) -> Parsed<()> {
        let (first, from) = (self.at, self.here());
        let (kind, result) = self.item_kind()?;
        out.push(Item { at: self.since(from), doc: self.doc(first), kind });
        result
    }

    fn item_kind(&mut self) -> Parsed<Partial> {
        let public = self.eat_keyword(Keyword::Pub);
        match self.peek() {
            TokenKind::Keyword(Keyword::Fn) => self.function(public),
            TokenKind::Keyword(Keyword::Type) => self.type_decl(public),
            TokenKind::Keyword(Keyword::Let) => {
                let (binding, result) = self.binding()?;
                Ok((ItemKind::Let { public, binding }, result))
            }
            _ if public => self.unexpected(Expected::Shared, None),
            TokenKind::Keyword(Keyword::Use) => self.usage(),
            TokenKind::Keyword(Keyword::Option) => self.option(),
            TokenKind::Keyword(Keyword::Check) => {
                self.bump();
                let title = self.text("the sentence that the check is known by")?;
                let warn = self.eat_keyword(Keyword::Warn);
                let (body, _) = self.braced(Scope::Check, Self::check_item)?;
                Ok((ItemKind::Check { title, warn, body }, Ok(())))
            }
            TokenKind::Keyword(Keyword::Test) => {
                self.bump();
                let title = self.text("the sentence that the test is known by")?;
                let (body, _) = self.braced(Scope::Test, Self::test_item)?;
                Ok((ItemKind::Test { title, body }, Ok(())))
            }
            _ => {
                let mut entries = Vec::new();
                let result = self.definition(Expected::Item, &mut entries);
                match entries.pop() {
                    Some(entry) => Ok((ItemKind::Entry(entry), result)),
                    None => Err(result.err().unwrap_or_else(|| Stop(self.known()))),
                }
            }
        }
    }

    fn usage(&mut self) -> Parsed<Partial> {
        self.bump();
        let quoted = matches!(self.peek(), TokenKind::TextOpen { .. });
        let name = if quoted { self.plain_text("the path of a file")? } else { self.word(Expected::Source)? };
        Ok((ItemKind::Use { name, quoted }, Ok(())))
    }

    fn option(&mut self) -> Parsed<Partial> {
        self.bump();
        let first = self.word(Expected::Name("an option"))?;
        let path = self.dots(vec![first]);
        let (ty, default, result) = self.typed();
        Ok((ItemKind::Option { path, ty, default }, result))
    }

    fn type_decl(&mut self, public: bool) -> Parsed<Partial> {
        self.bump();
        let name = self.word(Expected::Name("a type"))?;
        let op = self.token();
        let extends = match self.peek() {
            TokenKind::Sign(Sign::Set) => false,
            TokenKind::Sign(Sign::Add) => true,
            TokenKind::Sign(Sign::Suggest | Sign::Remove | Sign::Replace | Sign::Eq) => {
                self.report(errors::wrong_operator(op.at, self.text_of(op.at), OpPlace::Type));
                false
            }
            _ => return self.unexpected(Expected::Either(Sign::Set, Sign::Add), None),
        };
        self.bump();
        let (ty, result) = self.soft_type();
        Ok((ItemKind::Type { public, name, extends, ty }, result))
    }

    fn function(&mut self, public: bool) -> Parsed<Partial> {
        self.bump();
        let name = self.word(Expected::Name("a function"))?;
        let (params, result, read) = self.signature();
        let mut lets = Vec::new();
        let body = read.and_then(|()| self.function_body(&mut lets));
        let (value, read) = match body {
            Ok((value, read)) => (value, read),
            Err(Stop(why)) => (self.error_expr(why), Err(Stop(why))),
        };
        Ok((ItemKind::Fn(Fn { public, name, params, result, lets, value }), read))
    }

    /// Reads `(a : T) -> T`. A function whose signature is broken has an error type, so that calls of it stay silent.
    fn signature(&mut self) -> (Vec<super::ast::Param>, TypeExpr, Parsed<()>) {
        let mut params = Vec::new();
        let mut read = || -> Parsed<TypeExpr> {
            if !self.sees(Sign::Call) && !self.sees(Sign::Group) {
                return self.unexpected(Expected::Sign(Sign::Call), None);
            }
            params = self.params()?;
            self.expect(Sign::Arrow)?;
            self.type_expr()
        };
        match read() {
            Ok(ty) => (params, ty, Ok(())),
            Err(Stop(why)) => {
                let at = self.token().at;
                let ty = TypeExpr { at, optional: false, refine: None, base: TypeBase::Error(why) };
                (params, ty, Err(Stop(why)))
            }
        }
    }

    /// Reads `= e`, or the lines of a function in braces: its value, and how reading it ended.
    fn function_body(&mut self, lets: &mut Vec<Let>) -> Parsed<(Expr, Parsed<()>)> {
        if !self.sees(Sign::Brace) {
            return match self.peek() {
                TokenKind::Sign(_) => Ok(self.value_behind(OpPlace::Fn, None)),
                _ => self.unexpected(Expected::FnBody, None),
            };
        }
        let (lines, _) = self.braced(Scope::FnBody, Self::fn_line)?;
        let mut value = None;
        for line in lines {
            match line {
                FnLine::Let(binding) => lets.push(binding),
                FnLine::Return(expr) => value = value.or(Some(expr)),
            }
        }
        let value = match value {
            Some(value) => value,
            None if !self.mistaken => {
                let end = self.token_at(self.at - 1);
                let found = Found::Token(end.kind, self.text_of(end.at));
                let why =
                    self.report(errors::unexpected(end.at, found, Expected::FnLine, Some(Hint::Return)));
                self.error_expr(why)
            }
            None => {
                let why = self.known();
                self.error_expr(why)
            }
        };
        Ok((value, Ok(())))
    }

    fn fn_line(&mut self, out: &mut Vec<FnLine>) -> Parsed<()> {
        if matches!(out.last(), Some(FnLine::Return(_))) {
            return self.unexpected(Expected::Sign(Sign::BraceEnd), None);
        }
        match self.peek() {
            TokenKind::Keyword(Keyword::Let) => {
                let (binding, result) = self.binding()?;
                out.push(FnLine::Let(binding));
                result
            }
            TokenKind::Keyword(Keyword::Return) => {
                self.bump();
                let (value, result) = self.soft_expr();
                out.push(FnLine::Return(value));
                result
            }
            _ => self.unexpected(Expected::FnLine, None),
        }
    }

    fn check_item(&mut self, out: &mut Vec<CheckItem>) -> Parsed<()> {
        match self.peek() {
            TokenKind::Keyword(Keyword::Let) => {
                let (binding, result) = self.binding()?;
                out.push(CheckItem::Let(binding));
                result
            }
            TokenKind::Keyword(Keyword::Require) => self.requirement(out),
            TokenKind::Keyword(Keyword::For) => self.deeper(|p| p.check_for(out)),
            TokenKind::Keyword(Keyword::If) => self.deeper(|p| p.check_if(out)),
            _ => self.unexpected(Expected::CheckLine, None),
        }
    }

    fn requirement(&mut self, out: &mut Vec<CheckItem>) -> Parsed<()> {
        let from = self.bump().at.start;
        let cond = self.expr()?;
        let message = if self.eat_keyword(Keyword::Else) { Some(self.expr()?) } else { None };
        out.push(CheckItem::Require { at: self.since(from), cond, message });
        Ok(())
    }

    fn check_for(&mut self, out: &mut Vec<CheckItem>) -> Parsed<()> {
        let generator = self.head(Scope::Check, |p| p.generator(false), Self::broken_generator)?;
        let (body, _) = self.braced(Scope::Check, Self::check_item)?;
        out.push(CheckItem::For { generator, body });
        Ok(())
    }

    fn check_if(&mut self, out: &mut Vec<CheckItem>) -> Parsed<()> {
        self.bump();
        let cond = self.condition(Scope::Check)?;
        let (body, _) = self.braced(Scope::Check, Self::check_item)?;
        out.push(CheckItem::If { cond, body });
        Ok(())
    }

    fn test_item(&mut self, out: &mut Vec<TestItem>) -> Parsed<()> {
        match self.peek() {
            TokenKind::Keyword(Keyword::Given) => {
                self.bump();
                out.push(TestItem::Given(self.body()?));
                Ok(())
            }
            TokenKind::Keyword(Keyword::Expect) => {
                self.bump();
                let (value, result) = self.soft_expr();
                out.push(TestItem::Expect(value));
                result
            }
            _ => self.unexpected(Expected::TestLine, None),
        }
    }
}
