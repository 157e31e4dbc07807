//! The state of the parser and its smallest steps: looking, taking, expecting, opening and closing.

use super::ast::Name;
use super::brackets::{self, Partners};
use super::errors::{self, Expected, Found, Hint};
use crate::diag::{Diagnostic, Problems, Reported};
use crate::source::{FileId, Span};
use crate::token::{Keyword, MAX_REPORTS, Sign, Token, TokenKind, Tokens};

/// How deep brackets and operators may nest, in the text and in the tree.
const MAX_DEPTH: u32 = 256;

/// A mistake was reported; whoever can go on after it does.
pub struct Stop(pub Reported);

/// What was read, or [`Stop`].
pub type Parsed<T> = Result<T, Stop>;

/// A parser at a place of its tokens.
pub struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) file: FileId,
    pub(super) tokens: &'a Tokens,
    pub(super) partners: Partners,
    /// The tokens that begin a line.
    pub(super) lines: Vec<u32>,
    pub(super) problems: &'a mut Problems,
    /// That something of this file was reported, if anything was.
    reported: Option<Reported>,
    /// The next token.
    pub(super) at: usize,
    /// Where all ends for now: the end of the tokens, or of an item with an open bracket.
    pub(super) limit: usize,
    /// Where the entry being read begins.
    pub(super) first: usize,
    /// Whether the item being read has a bracket that is never closed, so that columns decide where its parts end.
    pub(super) by_columns: bool,
    /// The column of the entry being read; none if it does not begin its line.
    pub(super) column: Option<u32>,
    /// Whether an unclosed bracket was reported, so that a closing one too many is no news.
    pub(super) unclosed_seen: bool,
    /// Whether there was a mistake since the last item at the beginning of a line.
    pub(super) mistaken: bool,
    /// Whether what is read now spilt out of braces that were not understood, so that it is good for nothing.
    pub(super) muted: bool,
    /// The token at which the last report was made.
    last_report: Option<usize>,
    n_reports: usize,
    depth: u32,
    /// How tall the tree of what was read in this scope is.
    height: u32,
    /// The item in which nesting was too deep is known.
    pub(super) too_deep: bool,
    /// Items found where none may be; they are good otherwise.
    pub(super) strays: Vec<super::ast::Item>,
}

impl<'a> Parser<'a> {
    /// A parser at the first token.
    pub fn new(text: &'a str, file: FileId, tokens: &'a Tokens, problems: &'a mut Problems) -> Parser<'a> {
        let fresh = tokens.code.iter().enumerate().filter(|(_, token)| token.fresh);
        Parser {
            text,
            file,
            tokens,
            lines: fresh.map(|(i, _)| i as u32).collect(),
            partners: Partners::new(&tokens.code),
            problems,
            reported: tokens.reported,
            at: 0,
            limit: tokens.code.len().saturating_sub(1),
            first: 0,
            by_columns: false,
            column: None,
            unclosed_seen: false,
            mistaken: false,
            muted: false,
            last_report: None,
            n_reports: 0,
            depth: 0,
            height: 0,
            too_deep: false,
            strays: Vec::new(),
        }
    }

    /// The next token.
    pub fn peek(&self) -> TokenKind {
        self.kind(self.at)
    }

    /// The kind of any token; [`TokenKind::End`] from the limit on.
    pub fn kind(&self, at: usize) -> TokenKind {
        if at >= self.limit { TokenKind::End } else { self.tokens.code[at].kind }
    }

    /// The next token as it is, even after the limit.
    pub fn token(&self) -> Token {
        self.token_at(self.at)
    }

    /// A token as it is, even after the limit.
    pub fn token_at(&self, at: usize) -> Token {
        let end = Token { kind: TokenKind::End, at: self.span(0, 0), fresh: true };
        self.tokens.code.get(at).or(self.tokens.code.last()).copied().unwrap_or(end)
    }

    /// The text of a span of this file.
    pub fn text_of(&self, at: Span) -> &'a str {
        self.text.get(at.start as usize..at.end as usize).unwrap_or_default()
    }

    /// Where the next token begins.
    pub fn here(&self) -> u32 {
        self.token().at.start
    }

    /// From an offset to the end of the last token taken.
    pub fn since(&self, from: u32) -> Span {
        let end = self.at.checked_sub(1).map_or(from, |last| self.token_at(last).at.end);
        self.span(from, end.max(from))
    }

    /// A span of this file.
    pub fn span(&self, from: u32, to: u32) -> Span {
        Span::new(self.file, from, to)
    }

    /// Takes the next token.
    pub fn bump(&mut self) -> Token {
        let token = self.token();
        if self.at < self.limit {
            self.at += 1;
        }
        token
    }

    /// Whether the next token is this sign.
    pub fn sees(&self, sign: Sign) -> bool {
        self.peek() == TokenKind::Sign(sign)
    }

    /// Takes this sign, if it is next.
    pub fn eat(&mut self, sign: Sign) -> bool {
        let found = self.sees(sign);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes this keyword, if it is next.
    pub fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        let found = self.peek() == TokenKind::Keyword(keyword);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes this sign, or reports that it is missing.
    pub fn expect(&mut self, sign: Sign) -> Parsed<Token> {
        if self.sees(sign) { Ok(self.bump()) } else { self.unexpected(Expected::Sign(sign), None) }
    }

    /// Takes this keyword, or reports that it is missing.
    pub fn expect_keyword(&mut self, keyword: Keyword) -> Parsed<Token> {
        if self.peek() == TokenKind::Keyword(keyword) {
            Ok(self.bump())
        } else {
            self.unexpected(Expected::Keyword(keyword), None)
        }
    }

    /// Takes a word, or reports that one is missing.
    pub fn word(&mut self, expected: Expected) -> Parsed<Name> {
        match self.peek() {
            TokenKind::Word => {
                let at = self.bump().at;
                Ok(Name { text: self.text_of(at).into(), at })
            }
            _ => self.unexpected(expected, None),
        }
    }

    /// Takes a [`TokenKind::Dot`] or [`TokenKind::Variant`]: the name without its dot.
    pub fn dotted(&mut self) -> Name {
        let at = self.bump().at;
        let at = self.span(at.start + 1, at.end);
        Name { text: self.text_of(at).into(), at }
    }

    /// Takes `.a.b` glued to a name.
    pub fn dots(&mut self, mut path: Vec<Name>) -> Vec<Name> {
        while self.peek() == TokenKind::Dot {
            path.push(self.dotted());
        }
        path
    }

    /// Adds a report about the next token, unless something there was reported already.
    pub fn report(&mut self, report: Diagnostic) -> Reported {
        let known = self.is_known(&report);
        self.last_report = Some(self.at);
        self.mistaken = true;
        match self.reported {
            Some(reported) if known || self.n_reports >= MAX_REPORTS => reported,
            _ => {
                self.n_reports += 1;
                *self.reported.insert(self.problems.push(report))
            }
        }
    }

    /// Adds a warning about the next token. Nothing is wrong for it, so it is no reason to say less of what follows.
    pub fn warn(&mut self, report: Diagnostic) {
        if !self.is_known(&report) && self.n_reports < MAX_REPORTS {
            self.n_reports += 1;
            self.problems.push(report);
        }
    }

    /// Whether something at the next token was reported already.
    fn is_known(&self, report: &Diagnostic) -> bool {
        let bad = |at: usize| self.token_at(at).kind == TokenKind::Bad;
        self.muted
            || self.last_report == Some(self.at)
            || self.at < self.limit && bad(self.at)
            || self.at.checked_sub(1).is_some_and(bad)
            || self.is_spoilt(report.at)
    }

    /// That what is wrong here was reported before.
    pub fn known(&mut self) -> Reported {
        match self.reported {
            Some(reported) => reported,
            None => {
                self.problems.push(Diagnostic::bug(self.token().at, "what is wrong here was not reported"))
            }
        }
    }

    /// Whether some of a span is on a line with an open text.
    fn is_spoilt(&self, at: Span) -> bool {
        let spoilt = &self.tokens.spoilt;
        let next = spoilt.partition_point(|line| line.end < at.start);
        spoilt.get(next).is_some_and(|line| line.start <= at.end)
    }

    /// Reports that something else was expected here.
    pub fn unexpected<T>(&mut self, expected: Expected, hint: Option<Hint>) -> Parsed<T> {
        let token = self.token();
        // What is missing at the end of a line is missing there, and not at the beginning of the next one.
        let found = if self.peek() == TokenKind::End && token.kind == TokenKind::End {
            Found::FileEnd
        } else if self.peek() == TokenKind::End || self.line_ends() {
            Found::LineEnd
        } else {
            Found::Token(token.kind, self.text_of(token.at))
        };
        let after = self.since(0).end;
        let at = if matches!(found, Found::Token(..)) { token.at } else { self.span(after, after) };
        let report = errors::unexpected(at, found, expected, hint);
        Err(Stop(self.report(report)))
    }

    /// Takes an opening bracket and returns its index, for [`Parser::close`].
    pub fn open(&mut self) -> usize {
        let open = self.at;
        self.bump();
        if self.partners.of(open).is_none() && !self.by_columns {
            self.by_columns = true;
            self.limit_by_columns(open);
        }
        open
    }

    /// Takes the closing bracket, or reports what is wrong instead. An unclosed one is taken for closed.
    pub fn close(
        &mut self,
        open: usize,
        end: TokenKind,
        expected: Expected,
        hint: Option<Hint>,
    ) -> Parsed<()> {
        let next = self.peek();
        if next == end {
            self.bump();
            return Ok(());
        }
        if self.closes_nothing(self.at) && self.partners.of(open).is_none() {
            // Two halves without another: `[1, 2)`.
            let _: Parsed<()> = self.unexpected(expected, hint);
            self.bump();
            return Ok(());
        }
        if next != TokenKind::End && (!brackets::closes(next) || self.closes_nothing(self.at)) {
            return self.unexpected(expected, hint);
        }
        // An open text after the bracket may have swallowed what closes it, and that text was reported.
        let bracket = self.token_at(open).at;
        let gave_up = self.token();
        if !self.is_spoilt(self.since(bracket.start)) && !self.too_deep {
            self.report(errors::unclosed(bracket, self.text_of(bracket), gave_up.at, gave_up.kind));
        }
        self.unclosed_seen = true;
        Ok(())
    }

    /// Whether a token is a closing bracket with nothing to close.
    pub fn closes_nothing(&self, at: usize) -> bool {
        brackets::closes(self.kind(at)) && self.partners.of(at).is_none()
    }

    /// Where something failed within brackets: goes on after the closing one, if that is known.
    pub fn skip_past(&mut self, open: usize, reported: Reported) -> Parsed<()> {
        match self.partners.of(open) {
            Some(end) if end < self.limit && end >= self.at => {
                self.at = end + 1;
                Ok(())
            }
            _ => Err(Stop(reported)),
        }
    }

    /// Reads something one level deeper.
    pub fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return self.too_deep();
        }
        let outer = std::mem::take(&mut self.height);
        self.depth += 1;
        let out = read(self);
        self.depth -= 1;
        self.height = outer.max(self.height + 1);
        out
    }

    /// Says that what was read in this scope becomes a part of one more node, as in `a + b + c`.
    pub fn taller(&mut self) -> Parsed<()> {
        self.height += 1;
        if self.height > MAX_DEPTH { self.too_deep() } else { Ok(()) }
    }

    /// Says whether one more step of a path may follow so many.
    pub fn fits(&mut self, n_steps: usize) -> Parsed<()> {
        if n_steps < MAX_DEPTH as usize { Ok(()) } else { self.too_deep() }
    }

    fn too_deep<T>(&mut self) -> Parsed<T> {
        let at = self.token().at;
        let reported = match self.reported {
            Some(reported) if self.too_deep => reported,
            _ => self.report(errors::too_deep(at, MAX_DEPTH)),
        };
        self.too_deep = true;
        Err(Stop(reported))
    }
}
