//! Types as written.

use super::ast::{Expr, Field, Name, Param, TypeBase, TypeExpr, Variant};
use super::cursor::{Parsed, Parser, Stop};
use super::errors::{self, Expected, Hint, OpPlace};
use super::recover::Scope;
use crate::diag::Reported;
use crate::token::{Keyword, Sign, TokenKind};

impl Parser<'_> {
    /// Reads `Base ? where e`.
    pub fn type_expr(&mut self) -> Parsed<TypeExpr> {
        self.deeper(|p| {
            let from = p.here();
            let base = p.base()?;
            let optional = p.eat(Sign::Question);
            let refine = if p.eat_keyword(Keyword::Where) { Some(Box::new(p.expr()?)) } else { None };
            Ok(TypeExpr { at: p.since(from), optional, refine, base })
        })
    }

    fn error_type(&self, why: Reported) -> TypeExpr {
        let at = self.token().at;
        TypeExpr { at, optional: false, refine: None, base: TypeBase::Error(why) }
    }

    /// Reads a type, or an error type in its place.
    pub fn soft_type(&mut self) -> (TypeExpr, Parsed<()>) {
        match self.type_expr() {
            Ok(ty) => (ty, Ok(())),
            Err(Stop(why)) => (self.error_type(why), Err(Stop(why))),
        }
    }

    /// Reads `: T = e`, as of an option, a field and a parameter.
    pub fn typed(&mut self) -> (TypeExpr, Option<Expr>, Parsed<()>) {
        if let Err(Stop(why)) = self.expect(Sign::Colon) {
            return (self.error_type(why), None, Err(Stop(why)));
        }
        let (mut ty, result) = self.soft_type();
        if result.is_err() {
            return (ty, None, result);
        }
        let op = self.token();
        match self.peek() {
            TokenKind::Sign(Sign::Set) => {}
            TokenKind::Sign(Sign::Suggest)
                if !ty.optional && ty.refine.is_none() && ty.at.end == op.at.start =>
            {
                self.report(errors::glued_question(op.at));
                ty.optional = true;
            }
            TokenKind::Sign(Sign::Suggest | Sign::Add | Sign::Remove | Sign::Replace | Sign::Eq) => {
                self.report(errors::wrong_operator(op.at, self.text_of(op.at), OpPlace::Default));
            }
            _ => return (ty, None, Ok(())),
        }
        self.bump();
        let (value, result) = self.soft_expr();
        (ty, Some(value), result)
    }

    fn base(&mut self) -> Parsed<TypeBase> {
        match self.peek() {
            TokenKind::Word => self.named(),
            TokenKind::Sign(Sign::List | Sign::Index) => {
                let element =
                    self.bracketed(Sign::ListEnd, Expected::Sign(Sign::ListEnd), Self::type_expr)?;
                Ok(element.map_or_else(TypeBase::Error, |ty| TypeBase::List(Box::new(ty))))
            }
            TokenKind::Keyword(Keyword::Set) => {
                self.bump();
                self.expect_keyword(Keyword::Of)?;
                let from = self.here();
                let base = self.deeper(Self::base)?;
                let element = TypeExpr { at: self.since(from), optional: false, refine: None, base };
                Ok(TypeBase::Set(Box::new(element)))
            }
            TokenKind::Keyword(Keyword::Key) => {
                self.bump();
                self.expect_keyword(Keyword::Of)?;
                let first = self.word(Expected::Name("a map"))?;
                Ok(TypeBase::Key(self.dots(vec![first])))
            }
            TokenKind::Keyword(Keyword::Enum) => {
                self.bump();
                if !self.sees(Sign::Brace) {
                    return self.unexpected(Expected::Sign(Sign::Brace), None);
                }
                let end = Expected::Either(Sign::Comma, Sign::BraceEnd);
                let variants = self.bracketed(Sign::BraceEnd, end, Self::variants)?;
                Ok(variants.map_or_else(TypeBase::Error, TypeBase::Enum))
            }
            TokenKind::Sign(Sign::Brace) => self.braced_type(),
            _ => self.unexpected(Expected::Type, None),
        }
    }

    fn named(&mut self) -> Parsed<TypeBase> {
        let first = self.word(Expected::Type)?;
        let of_missing = matches!(&*first.text, "set" | "key") && self.peek() == TokenKind::Word;
        if of_missing && !self.token().fresh {
            return self.unexpected(Expected::Keyword(Keyword::Of), None);
        }
        if matches!(self.peek(), TokenKind::Sign(Sign::Index | Sign::Call | Sign::Lt)) && !self.token().fresh
        {
            return self.foreign(first);
        }
        let path = self.dots(vec![first]);
        if !self.eat(Sign::Merge) {
            return Ok(TypeBase::Named(path));
        }
        if !self.sees(Sign::Brace) {
            return self.unexpected(Expected::Sign(Sign::Brace), None);
        }
        let (fields, _) = self.braced(Scope::Fields, Self::field)?;
        Ok(TypeBase::Extended(path, fields))
    }

    /// Reads `List[Str]`, `Map<Str, Int>`, `Str[]` and their like, and says how the type is written here.
    fn foreign(&mut self, name: Name) -> Parsed<TypeBase> {
        let open = self.bump();
        let mut inside = Vec::new();
        loop {
            match self.peek() {
                TokenKind::Sign(Sign::ListEnd | Sign::GroupEnd | Sign::Gt) => break,
                TokenKind::Sign(Sign::Comma) => {
                    self.bump();
                }
                TokenKind::Word | TokenKind::Sign(Sign::List | Sign::Brace) => {
                    let from = self.here();
                    let base = self.deeper(Self::base)?;
                    inside.push(TypeExpr { at: self.since(from), optional: false, refine: None, base });
                }
                _ => return self.unexpected(Expected::Type, None),
            }
        }
        self.bump();
        let at = self.since(name.at.start);
        let written: Vec<&str> = inside.iter().map(|ty| self.text_of(ty.at)).collect();
        let ours = match (name.text.to_ascii_lowercase().as_str(), written.as_slice()) {
            (_, []) if open.kind == TokenKind::Sign(Sign::Index) => format!("[{}]", name.text),
            ("list" | "array" | "vec" | "seq" | "listof" | "iterable", [item]) => format!("[{item}]"),
            ("set" | "hashset" | "setof", [item]) => format!("set of {item}"),
            ("map" | "dict" | "hashmap" | "attrsof" | "mapof", [value]) => format!("{{[Str]: {value}}}"),
            ("map" | "dict" | "hashmap" | "mapof", [key, value]) => format!("{{[{key}]: {value}}}"),
            ("option" | "optional" | "maybe" | "nullor" | "nullable", [inner]) => format!("{inner}?"),
            ("enum" | "oneof" | "literal", _) => "enum { a, b }".into(),
            _ => {
                let report = errors::no_parameters(at, &name.text);
                return Err(Stop(self.report(report)));
            }
        };
        let why = self.report(errors::foreign_type(at, self.text_of(at), &ours));
        Ok(TypeBase::Error(why))
    }

    /// Reads `{[K]: V}` or `{ a : T, … }`.
    fn braced_type(&mut self) -> Parsed<TypeBase> {
        if self.kind(self.at + 1) == TokenKind::Sign(Sign::List) {
            let read = |p: &mut Self| {
                let key = p.bracketed(Sign::ListEnd, Expected::Sign(Sign::ListEnd), Self::type_expr)?;
                let key = key.unwrap_or_else(|why| p.error_type(why));
                p.expect(Sign::Colon)?;
                let value = p.type_expr()?;
                if p.sees(Sign::Comma) {
                    return p.unexpected(Expected::Sign(Sign::BraceEnd), Some(Hint::MapAlone));
                }
                Ok(TypeBase::Map(Box::new(key), Box::new(value)))
            };
            let map = self.bracketed(Sign::BraceEnd, Expected::Sign(Sign::BraceEnd), read)?;
            return Ok(map.unwrap_or_else(TypeBase::Error));
        }
        let (fields, _) = self.braced(Scope::Fields, Self::field)?;
        Ok(TypeBase::Record(fields))
    }

    fn field(&mut self, out: &mut Vec<Field>) -> Parsed<()> {
        let first = self.at;
        let name = match self.peek() {
            TokenKind::Word => self.word(Expected::Field)?,
            TokenKind::TextOpen { .. } => self.plain_text("the name of a field")?,
            TokenKind::Sign(Sign::List) => return self.unexpected(Expected::Field, Some(Hint::MapAlone)),
            _ => return self.unexpected(Expected::Field, None),
        };
        let (ty, default, result) = self.typed();
        out.push(Field { name, doc: self.doc(first), ty, default });
        result
    }

    fn variants(&mut self) -> Parsed<Vec<Variant>> {
        let mut out = Vec::new();
        while self.more(Sign::BraceEnd) {
            if self.eat(Sign::Comma) {
                continue;
            }
            let hint = matches!(self.peek(), TokenKind::Keyword(_)).then_some(Hint::KeywordAsName);
            if self.peek() != TokenKind::Word {
                return self.unexpected(Expected::Name("a variant"), hint);
            }
            let name = self.word(Expected::Name("a variant"))?;
            let params = if self.sees(Sign::Call) { self.params()? } else { Vec::new() };
            out.push(Variant { name, params });
            if !self.eat(Sign::Comma) {
                break;
            }
        }
        Ok(out)
    }

    /// Reads `(a : T = e, …)`.
    pub fn params(&mut self) -> Parsed<Vec<Param>> {
        let end = Expected::Either(Sign::Comma, Sign::GroupEnd);
        Ok(self.bracketed(Sign::GroupEnd, end, Self::param_list)?.unwrap_or_default())
    }

    fn param_list(&mut self) -> Parsed<Vec<Param>> {
        let mut out = Vec::new();
        while self.more(Sign::GroupEnd) {
            if self.eat(Sign::Comma) {
                continue;
            }
            let name = self.word(Expected::Name("a parameter"))?;
            let (ty, default, result) = self.typed();
            result?;
            out.push(Param { name, ty, default });
            if !self.eat(Sign::Comma) {
                break;
            }
        }
        Ok(out)
    }

    /// Whether a list in brackets goes on here.
    pub fn more(&self, end: Sign) -> bool {
        !self.sees(end) && self.peek() != TokenKind::End
    }
}
