//! What stands between braces: definitions, loops, guards and lets.

use super::ast::{
    Bind, Body, Define, Entry, Expr, ExprKind, Generator, Guard, Let, Loop, Name, Op, Step, StepKind,
    TypeExpr,
};
use super::cursor::{Parsed, Parser, Stop};
use super::errors::{self, Expected, Hint, OpPlace};
use super::recover::{Scope, is_item};
use crate::diag::Reported;
use crate::source::Span;
use crate::token::{Keyword, Sign, TokenKind};

impl Parser<'_> {
    /// Reads a sequence in braces, and its place. What is good in it is kept, whatever else is there.
    pub fn braced<T>(
        &mut self,
        scope: Scope,
        read: fn(&mut Self, &mut Vec<T>) -> Parsed<()>,
    ) -> Parsed<(Vec<T>, Span)> {
        let from = self.here();
        if !self.sees(Sign::Brace) {
            return match self.unexpected(Expected::Sign(Sign::Brace), None) {
                Ok(read) => Ok(read),
                Err(missing) => self.braced_without(scope, read, missing),
            };
        }
        let open = self.open();
        let mut out = Vec::new();
        self.sequence(scope, &mut out, read);
        self.close(open, TokenKind::Sign(Sign::BraceEnd), Expected::Sign(Sign::BraceEnd), None)?;
        Ok((out, self.since(from)))
    }

    /// Reads on where the `{` was forgotten and the `}` was not.
    fn braced_without<T>(
        &mut self,
        scope: Scope,
        read: fn(&mut Self, &mut Vec<T>) -> Parsed<()>,
        missing: Stop,
    ) -> Parsed<(Vec<T>, Span)> {
        let Some(end) = self.end_of_missing_brace(scope) else { return Err(missing) };
        let (from, limit) = (self.here(), self.limit);
        self.limit = end;
        let mut out = Vec::new();
        self.sequence(scope, &mut out, read);
        self.limit = limit;
        self.at = end + 1;
        Ok((out, self.since(from)))
    }

    /// Reads definitions in braces.
    pub fn body(&mut self) -> Parsed<Body> {
        let (entries, at) = self.braced(Scope::Body, Self::entry)?;
        Ok(Body { at, entries })
    }

    /// Reads an entry of a body.
    pub fn entry(&mut self, out: &mut Vec<Entry>) -> Parsed<()> {
        match self.peek() {
            TokenKind::Keyword(Keyword::Let) => self.let_entry(out),
            TokenKind::Keyword(keyword) if is_item(keyword) => self.stray_item(),
            _ => self.definition(Expected::Entry, out),
        }
    }

    fn let_entry(&mut self, out: &mut Vec<Entry>) -> Parsed<()> {
        let (binding, result) = self.binding()?;
        out.push(Entry::Let(binding));
        result
    }

    /// An item among definitions: reported, and kept for the end of the file, so that its names are known.
    fn stray_item(&mut self) -> Parsed<()> {
        let _: Parsed<()> = self.unexpected(Expected::Entry, Some(Hint::TopOnly));
        let mut items = Vec::new();
        let result = self.item(&mut items);
        self.strays.append(&mut items);
        result
    }

    /// Reads what may stand both in a file and in a body: a loop, a guard or a definition.
    pub fn definition(&mut self, expected: Expected, out: &mut Vec<Entry>) -> Parsed<()> {
        match self.peek() {
            TokenKind::Keyword(Keyword::For) => self.deeper(|p| p.for_loop(out)),
            TokenKind::Keyword(Keyword::If) => self.guard_entry(out),
            TokenKind::Keyword(Keyword::Force)
            | TokenKind::Word
            | TokenKind::TextOpen { .. }
            | TokenKind::Sign(Sign::List | Sign::Index) => self.define(out),
            TokenKind::Variant | TokenKind::DotText | TokenKind::Sign(Sign::Dot) => {
                self.unexpected(expected, Some(Hint::GlueDot))
            }
            _ => self.unexpected(expected, None),
        }
    }

    fn for_loop(&mut self, out: &mut Vec<Entry>) -> Parsed<()> {
        let from = self.here();
        let generator = self.head(Scope::Body, |p| p.generator(false), Self::broken_generator)?;
        let body = self.body()?;
        out.push(Entry::Loop(Loop { at: self.since(from), generator, body }));
        Ok(())
    }

    fn guard_entry(&mut self, out: &mut Vec<Entry>) -> Parsed<()> {
        let guard = self.deeper(Self::guard)?;
        out.push(Entry::Guard(guard));
        Ok(())
    }

    fn guard(&mut self) -> Parsed<Guard> {
        let from = self.bump().at.start;
        let cond = self.condition(Scope::Body)?;
        let then = self.body()?;
        let otherwise = if self.eat_keyword(Keyword::Else) { Some(self.otherwise()?) } else { None };
        Ok(Guard { at: self.since(from), cond, then, otherwise })
    }

    fn otherwise(&mut self) -> Parsed<Body> {
        if self.peek() != TokenKind::Keyword(Keyword::If) {
            return self.body();
        }
        let guard = self.deeper(Self::guard)?;
        Ok(Body { at: guard.at, entries: vec![Entry::Guard(guard)] })
    }

    /// Reads the condition of a guard, up to its `{`.
    pub fn condition(&mut self, scope: Scope) -> Parsed<Expr> {
        self.head(scope, Self::expr, Self::error_expr)
    }

    /// Reads what stands before a `{`. If that fails, but the `{` is on the same line, what stands in the braces is
    /// good still.
    pub fn head<T>(
        &mut self,
        scope: Scope,
        read: fn(&mut Self) -> Parsed<T>,
        broken: fn(&Self, Reported) -> T,
    ) -> Parsed<T> {
        let result = read(self).and_then(|head| {
            // Whoever reads the body says that its brace is missing.
            if self.sees(Sign::Brace) || self.end_of_missing_brace(scope).is_some() {
                return Ok(head);
            }
            let hint = match self.peek() {
                TokenKind::Sign(Sign::Set) => Some(Hint::Compare),
                TokenKind::Keyword(Keyword::Then) => Some(Hint::GuardBraces),
                _ => None,
            };
            self.unexpected(Expected::Sign(Sign::Brace), hint)
        });
        result.or_else(|Stop(why)| {
            if !self.skip_to_brace() {
                return Err(Stop(why));
            }
            Ok(broken(self, why))
        })
    }

    /// A generator that could not be read, for the tree.
    pub fn broken_generator(&self, why: Reported) -> Generator {
        let source = self.error_expr(why);
        let name = Name { text: "_".into(), at: source.at };
        Generator { at: source.at, binds: vec![Bind { first: name, second: None, source }], cond: None }
    }

    /// Reads `let x : T = e`. What follows the name may be an error in the tree.
    pub fn binding(&mut self) -> Parsed<(Let, Parsed<()>)> {
        self.bump();
        let name = self.word(Expected::Name("a variable"))?;
        let (ty, result) = self.let_type();
        let (value, result) = match result {
            Ok(()) => self.value_behind(OpPlace::Let, Some(Hint::LetValue)),
            Err(Stop(why)) => (self.error_expr(why), Err(Stop(why))),
        };
        Ok((Let { name, ty, value }, result))
    }

    fn let_type(&mut self) -> (Option<TypeExpr>, Parsed<()>) {
        if !self.eat(Sign::Colon) {
            return (None, Ok(()));
        }
        let (ty, result) = self.soft_type();
        (Some(ty), result)
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
                return match self.unexpected(Expected::Sign(Sign::Set), hint) {
                    Ok(read) => (read, Ok(())),
                    Err(Stop(why)) => (self.error_expr(why), Err(Stop(why))),
                };
            }
        }
        self.bump();
        self.soft_expr()
    }

    /// An expression that could not be read, for the tree.
    pub fn error_expr(&self, why: Reported) -> Expr {
        Expr { at: self.span(self.here(), self.here()), kind: ExprKind::Error(why) }
    }

    fn define(&mut self, out: &mut Vec<Entry>) -> Parsed<()> {
        let (first, from) = (self.at, self.here());
        let force = (self.peek() == TokenKind::Keyword(Keyword::Force)).then(|| self.bump().at);
        let path = self.path()?;
        let op_at = self.token().at;
        let op = self.define_op(&path)?;
        let (value, result) = self.soft_expr();
        let (at, doc) = (self.since(from), self.doc(first));
        out.push(Entry::Define(Define { at, doc, force, path, op, op_at, value }));
        result
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
                if let [Step { kind: StepKind::Word(word), at }] = path
                    && !self.token().fresh
                    && let Some(meant) = keyword_meant(word, other)
                {
                    return Err(Stop(self.report(errors::no_keyword(*at, word, meant))));
                }
                let hint = match other {
                    TokenKind::Sign(Sign::Colon) => Some(self.colon_hint()),
                    TokenKind::Sign(Sign::FatArrow) => Some(Hint::EqualsForArrow),
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
            self.fits(path.len())?;
            path.push(Step { at: self.since(from), kind });
        }
    }

    fn index(&mut self) -> Parsed<StepKind> {
        let from = self.here();
        let key = self.bracketed(Sign::ListEnd, Expected::Sign(Sign::ListEnd), Self::expr)?;
        let key = key.unwrap_or_else(|why| Expr { at: self.since(from), kind: ExprKind::Error(why) });
        Ok(StepKind::Index(Box::new(key)))
    }
}

/// The keyword that a word before something else was most likely meant to be.
fn keyword_meant(word: &str, next: TokenKind) -> Option<&'static str> {
    // What can follow a keyword that begins a line; a definition goes on with an operator.
    let follows = matches!(
        next,
        TokenKind::Word | TokenKind::TextOpen { .. } | TokenKind::Sign(Sign::Group) | TokenKind::Keyword(_)
    );
    if !follows {
        return None;
    }
    Some(match word {
        "import" | "include" => "use",
        "def" | "func" | "function" | "proc" => "fn",
        "var" | "val" | "const" => "let",
        "struct" | "class" | "record" | "typedef" => "type",
        "assert" | "validate" => "check",
        "foreach" => "for",
        "override" => "force",
        _ => {
            const ALL: [&str; 10] =
                ["use", "option", "type", "fn", "let", "check", "force", "for", "if", "pub"];
            return crate::diag::nearest(word, ALL);
        }
    })
}
