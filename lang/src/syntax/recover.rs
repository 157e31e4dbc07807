//! Sequences of things between braces, and how reading goes on after a mistake in one of them.
//!
//! A mistake costs the thing it is in, no more: reading goes on before the next line that looks like the beginning of
//! another, or at the bracket that closes the sequence. Columns matter only where a bracket is never closed; then a
//! thing also ends before a line that is not indented deeper than it.

use super::brackets;
use super::cursor::{Parsed, Parser, Stop};
use super::errors::{self, Expected, Hint};
use crate::token::{Keyword, Sign, TokenKind};

/// How many steps of a path are looked at to see whether a line defines something.
const MAX_LOOKAHEAD: usize = 64;

/// What a sequence is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The items of a file.
    File,
    /// Definitions.
    Body,
    /// The lines of a `check`.
    Check,
    /// The lines of a `test`.
    Test,
    /// The lines of a function.
    FnBody,
    /// The fields of a record type.
    Fields,
    /// The arms of a `match`.
    Arms,
}

impl Parser<'_> {
    /// Reads things up to the end of the file or to a closing bracket, which is not taken.
    pub fn sequence<T>(
        &mut self,
        scope: Scope,
        out: &mut Vec<T>,
        read: fn(&mut Self, &mut Vec<T>) -> Parsed<()>,
    ) {
        let outer = (self.column, self.limit, self.by_columns, self.muted, self.first);
        let mut line_column = None;
        loop {
            let first = self.at;
            match self.peek() {
                TokenKind::End => break,
                kind if brackets::closes(kind) && scope != Scope::File && !self.closes_nothing(first) => {
                    break;
                }
                kind if brackets::closes(kind) => {
                    self.extra_bracket(scope);
                    continue;
                }
                TokenKind::Bad => {
                    self.bump();
                    self.sync(scope, first);
                    continue;
                }
                _ => {}
            }
            // What follows on a line is indented as the first on that line.
            let own_column = self.token().fresh.then(|| self.column_of(first));
            line_column = own_column.or(line_column);
            self.column = line_column;
            self.first = first;
            if scope == Scope::File {
                self.too_deep = false;
                self.mistaken &= own_column != Some(0);
                // An indented line after a mistake is most likely the rest of what was not understood.
                self.muted = self.mistaken;
            }
            if self.by_columns {
                self.limit_by_columns(first);
            }
            let mut result = read(self, out);
            if result.is_ok() {
                result = self.separator(scope);
            }
            if result.is_err() {
                self.sync(scope, first);
            }
            (self.column, self.limit, self.by_columns, self.muted, self.first) = outer;
        }
    }

    /// Skips a closing bracket that closes nothing. Behind a mistake that is no news.
    fn extra_bracket(&mut self, scope: Scope) {
        if !self.unclosed_seen && !self.mistaken {
            let expected = if scope == Scope::File { Expected::Item } else { Expected::Separator };
            let _: Parsed<()> = self.unexpected(expected, Some(Hint::ClosesNothing));
        }
        self.bump();
    }

    /// What may stand between two things: a comma, or the end of a line.
    fn separator(&mut self, scope: Scope) -> Parsed<()> {
        let next = self.peek();
        let nothing = self.closes_nothing(self.at) && scope != Scope::File;
        if self.eat(Sign::Comma) || next == TokenKind::End || brackets::closes(next) && !nothing {
            return Ok(());
        }
        let gap = self.span(self.since(0).end, self.here());
        if self.token().fresh || self.text_of(gap).contains('\n') {
            return Ok(());
        }
        if nothing && (self.mistaken || self.unclosed_seen) {
            return Err(Stop(self.known()));
        }
        if !self.starts(scope, self.at) {
            let at = self.token().at;
            let word = self.text_of(at);
            if matches!(word, "elif" | "elsif" | "elseif") {
                return Err(Stop(self.report(errors::no_keyword(at, word, "else if"))));
            }
            let hint = match next {
                _ if nothing => Some(Hint::ClosesNothing),
                TokenKind::Sign(Sign::Group | Sign::List) => Some(Hint::GlueBracket),
                TokenKind::Variant | TokenKind::Sign(Sign::Dot) => Some(Hint::GlueDot),
                TokenKind::Sign(Sign::Brace) if self.behind_variant() => Some(Hint::Payload),
                TokenKind::Sign(Sign::Eq | Sign::Ne | Sign::Lt | Sign::Le | Sign::Gt | Sign::Ge) => {
                    Some(Hint::Chain)
                }
                TokenKind::Sign(Sign::Set) => Some(Hint::Compare),
                TokenKind::Keyword(Keyword::For) => Some(Hint::ListFor),
                _ => None,
            };
            return self.unexpected(Expected::Separator, hint);
        }
        let word = self.text_of(self.token().at);
        self.warn(errors::missing_comma(gap, word));
        Ok(())
    }

    fn behind_variant(&self) -> bool {
        self.at > 0 && self.kind(self.at - 1) == TokenKind::Variant
    }

    /// Skips to where the sequence goes on after a mistake in the thing that began at `first`.
    fn sync(&mut self, scope: Scope, first: usize) {
        self.mistaken = true;
        loop {
            let kind = self.peek();
            if kind == TokenKind::End {
                break;
            }
            if self.at > first && self.resumes(scope) {
                break;
            }
            if brackets::closes(kind) {
                if scope != Scope::File && !self.closes_nothing(self.at) {
                    break;
                }
                self.bump();
                continue;
            }
            match self.partners.of(self.at).filter(|end| *end > self.at && *end < self.limit) {
                Some(end) => self.at = end + 1,
                None => {
                    self.bump();
                }
            }
        }
    }

    /// Where a `{` is missing before things that begin here: its `}`, if that is there.
    pub fn end_of_missing_brace(&mut self, scope: Scope) -> Option<usize> {
        if !self.token().fresh && !self.starts(scope, self.at) {
            return None;
        }
        let limit = self.limit;
        self.limit_by_columns(self.at);
        let end = self.partners.next_loose(self.at).filter(|end| *end < self.limit);
        self.limit = limit;
        end.filter(|end| self.kind(*end) == TokenKind::Sign(Sign::BraceEnd))
    }

    /// Skips to a `{` on this line, if there is one; the mistake before it was reported.
    pub fn skip_to_brace(&mut self) -> bool {
        let mut at = self.at;
        loop {
            let kind = self.kind(at);
            if kind == TokenKind::Sign(Sign::Brace) {
                self.at = at;
                return true;
            }
            let stays =
                kind != TokenKind::End && !brackets::closes(kind) && kind != TokenKind::Sign(Sign::Comma);
            if !stays || self.token_at(at).fresh {
                return false;
            }
            at = self.partners.of(at).filter(|end| *end > at).unwrap_or(at) + 1;
        }
    }

    fn resumes(&self, scope: Scope) -> bool {
        let comma = self.kind(self.at - 1) == TokenKind::Sign(Sign::Comma);
        let token = self.token();
        if !(comma || token.fresh) || !self.starts(scope, self.at) {
            return false;
        }
        // A line that goes on with `if` or `for` may belong to what failed, when it is indented.
        let may_go_on = matches!(token.kind, TokenKind::Keyword(Keyword::If | Keyword::For));
        !may_go_on || comma || self.column.is_none_or(|column| self.column_of(self.at) <= column)
    }

    /// The column of a token that is the first on its line, from 0, in bytes.
    pub fn column_of(&self, token: usize) -> u32 {
        let at = self.token_at(token).at.start as usize;
        let line = self.text.as_bytes()[..at].iter().rev().take_while(|b| **b != b'\n');
        line.count() as u32
    }

    /// Ends all before the first line after `from` that cannot belong to the entry being read, going by columns.
    pub fn limit_by_columns(&mut self, from: usize) {
        let Some(column) = self.column else { return };
        let lines = &self.lines;
        for line in &lines[lines.partition_point(|line| *line as usize <= from)..] {
            let line = *line as usize;
            if line >= self.limit {
                return;
            }
            let its_column = self.column_of(line);
            let outside = its_column < column && brackets::closes(self.kind(line))
                || its_column <= column && self.starts_any(line);
            if outside {
                self.limit = line;
                return;
            }
        }
    }

    fn starts_any(&self, at: usize) -> bool {
        [Scope::File, Scope::Check, Scope::Test, Scope::FnBody, Scope::Fields, Scope::Arms]
            .into_iter()
            .any(|scope| self.starts(scope, at))
    }

    /// Whether the next line begins something else, so that what is being read ends without what it needs.
    pub fn line_ends(&self) -> bool {
        let at = self.at;
        at > self.first && self.token().fresh && (self.kind(at) == TokenKind::End || self.starts_any(at))
    }

    /// Whether a thing of this kind seems to begin at a token.
    fn starts(&self, scope: Scope, at: usize) -> bool {
        use Keyword::{Expect, For, Given, If, Let, Require, Return};
        let keyword = match self.kind(at) {
            TokenKind::Keyword(keyword) => Some(keyword),
            _ => None,
        };
        if keyword.is_some_and(is_item) {
            return true;
        }
        match scope {
            Scope::File | Scope::Body => {
                matches!(keyword, Some(Let | For | If | Keyword::Force)) || self.defines(at)
            }
            Scope::Check => matches!(keyword, Some(Let | Require | For | If)),
            Scope::Test => matches!(keyword, Some(Given | Expect)),
            Scope::FnBody => matches!(keyword, Some(Let | Return)),
            Scope::Fields => {
                let after = match self.kind(at) {
                    TokenKind::Word => at + 1,
                    TokenKind::TextOpen { .. } => self.partners.of(at).map_or(at, |end| end + 1),
                    _ => return false,
                };
                self.kind(after) == TokenKind::Sign(Sign::Colon)
            }
            Scope::Arms => {
                let after = match self.kind(at) {
                    TokenKind::Word | TokenKind::Keyword(Keyword::None) => at + 1,
                    TokenKind::Variant if self.kind(at + 1) == TokenKind::Sign(Sign::Call) => {
                        self.partners.of(at + 1).map_or(at, |end| end + 1)
                    }
                    TokenKind::Variant => at + 1,
                    _ => return false,
                };
                self.kind(after) == TokenKind::Sign(Sign::Arrow)
            }
        }
    }

    /// Whether `Key Step* Op` stands at a token.
    fn defines(&self, mut at: usize) -> bool {
        let after = |open: usize| self.partners.of(open).map(|end| end + 1);
        let first = match self.kind(at) {
            TokenKind::Word => Some(at + 1),
            TokenKind::TextOpen { .. } | TokenKind::Sign(Sign::List) => after(at),
            _ => None,
        };
        let Some(first) = first else { return false };
        at = first;
        for _ in 0..MAX_LOOKAHEAD {
            let next = match self.kind(at) {
                TokenKind::Dot => Some(at + 1),
                TokenKind::DotText => after(at + 1),
                TokenKind::Sign(Sign::Index) => after(at),
                TokenKind::Sign(Sign::Set | Sign::Suggest | Sign::Add | Sign::Remove | Sign::Replace) => {
                    return true;
                }
                _ => None,
            };
            let Some(next) = next else { return false };
            at = next;
        }
        false
    }
}

/// Whether only an item of a file can begin with this keyword.
pub fn is_item(keyword: Keyword) -> bool {
    use Keyword::{Check, Fn, Option, Pub, Test, Type, Use};
    matches!(keyword, Use | Pub | Option | Type | Fn | Check | Test)
}
