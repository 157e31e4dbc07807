//! The loop that cuts a text into tokens, with a stack of open texts and holes instead of recursion.

use super::kind::{Sign, TokenKind};
use super::text::Quote;
use super::{MAX_REPORTS, Token, Tokens, address, errors, number, word};
use crate::diag::{Diagnostic, Problems};
use crate::source::{FileId, Span};

/// Cuts a text into tokens.
pub fn run(text: &str, file: FileId, problems: &mut Problems) -> Tokens {
    let mut lexer = Lexer {
        text,
        file,
        at: 0,
        out: Tokens::default(),
        modes: Vec::new(),
        line_bound: None,
        glued: false,
        fresh: true,
        after_key: false,
        reports: Vec::new(),
        n_retries: 0,
    };
    lexer.all();
    let mut out = lexer.out;
    for report in lexer.reports {
        out.reported = Some(problems.push(report));
    }
    out
}

/// What the lexer is inside of.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// A text, opened by this token.
    Text { quote: Quote, token: usize, n_reports: usize, n_trivia: usize, n_docs: usize },
    /// A hole, with so many braces open in it, opened at this token.
    Hole { braces: u32, token: usize },
}

pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) file: FileId,
    pub(super) at: usize,
    pub(super) out: Tokens,
    pub(super) modes: Vec<Mode>,
    /// The index of the outermost text that must end on its line.
    pub(super) line_bound: Option<usize>,
    /// Whether a `.`, `(` or `[` here would go on with the expression before it.
    pub(super) glued: bool,
    /// Whether nothing but space was on this line yet.
    pub(super) fresh: bool,
    /// Whether the last token was `key` or `set` with an `of` to come.
    pub(super) after_key: bool,
    pub(super) reports: Vec<Diagnostic>,
    pub(super) n_retries: u32,
}

impl<'a> Lexer<'a> {
    fn all(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.trivia(TokenKind::Space, '\u{feff}'.len_utf8());
        }
        loop {
            while self.at < self.text.len() {
                match self.modes.last() {
                    Some(Mode::Text { quote, .. }) => self.text_piece(*quote),
                    _ => self.code(),
                }
            }
            match self.modes.first() {
                Some(_) if self.line_bound.is_some() => self.give_up_line(),
                Some(_) => self.give_up_block(),
                None => break,
            }
        }
        self.push(TokenKind::End, 0);
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn span(&self, from: usize, to: usize) -> Span {
        Span::new(self.file, from as u32, to as u32)
    }

    pub(super) fn report(&mut self, report: Diagnostic) {
        if self.reports.len() < MAX_REPORTS {
            self.reports.push(report);
        }
    }

    /// Adds a token of so many bytes.
    pub(super) fn push(&mut self, kind: TokenKind, len: usize) {
        let at = self.span(self.at, self.at + len);
        self.out.code.push(Token { kind, at, fresh: self.fresh });
        self.at += len;
        self.fresh = false;
        self.glued = false;
        self.after_key = false;
    }

    /// Adds a token that a `.`, `(` or `[` may be glued to.
    pub(super) fn push_glue(&mut self, kind: TokenKind, len: usize) {
        self.push(kind, len);
        self.glued = true;
    }

    fn trivia(&mut self, kind: TokenKind, len: usize) {
        let token = Token { kind, at: self.span(self.at, self.at + len), fresh: self.fresh };
        self.out.trivia.push(token);
        if kind == TokenKind::Doc {
            self.out.docs.push(token);
        }
        self.at += len;
        self.glued = false;
    }

    /// One token or piece of trivia outside of texts.
    fn code(&mut self) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        match bytes[0] {
            b' ' | b'\t' | b'\r' | b'\n' => self.space(),
            b'#' => self.comment(),
            b'/' if matches!(bytes.get(1), Some(b'/' | b'*')) => self.foreign_comment(),
            b'"' => self.open_text(if rest.starts_with("\"\"\"") { Quote::Block } else { Quote::Plain }),
            b'\'' => self.raw_text(),
            b'.' => self.dot(),
            b':' | b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f' if self.address() => {}
            b'0'..=b'9' => self.number(),
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => self.word(),
            _ => self.sign(),
        }
    }

    fn space(&mut self) {
        let rest = self.rest();
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r') || *b == b'\n' && self.line_bound.is_none();
        let len = rest.bytes().take_while(|b| blank(b)).count();
        if len == 0 {
            return self.give_up_line();
        }
        self.trivia(TokenKind::Space, len);
        if self.modes.is_empty() && rest[..len].contains('\n') {
            self.fresh = true;
        }
    }

    fn comment(&mut self) {
        let rest = self.rest();
        let len = rest.find('\n').unwrap_or(rest.len());
        let line = rest[..len].trim_end_matches('\r');
        self.unseen(self.at, self.at + line.len());
        let doc = line.starts_with("##") && !line.starts_with("###") && self.modes.is_empty();
        self.trivia(if doc { TokenKind::Doc } else { TokenKind::Comment }, line.len());
    }

    /// A comment of another language: what is in it is none of ours, so nothing else is said of it.
    fn foreign_comment(&mut self) {
        let rest = self.rest();
        let line = rest.find('\n').unwrap_or(rest.len());
        let len = match &rest.as_bytes()[..2] {
            [_, b'*'] if self.line_bound.is_none() => rest.find("*/").map_or(line, |end| end + 2),
            _ => rest[..line].trim_end_matches('\r').len(),
        };
        let at = self.span(self.at, self.at + 2);
        self.report(errors::foreign_comment(at, &rest[..2]));
        self.trivia(TokenKind::Comment, len);
    }

    /// A sign of another language: taken for ours, once it is reported.
    fn foreign_sign(&mut self, len: usize, ours: TokenKind, help: &'static str) {
        let rest = self.rest();
        self.report(errors::foreign_sign(self.span(self.at, self.at + len), &rest[..len], help));
        self.push(ours, len);
    }

    /// `=>`: an arrow in a `match`, `=` elsewhere; the parser knows which, so it is one token of both.
    fn foreign_arrow(&mut self) {
        self.push(TokenKind::Sign(Sign::FatArrow), 2);
    }

    /// A `;`: at the end of a line it is nothing, before more it separates.
    fn semicolon(&mut self) {
        let rest = self.rest();
        let after = rest[1..].trim_start_matches([' ', '\t', '\r']);
        if after.is_empty() || after.starts_with(['\n', '#', '}']) {
            self.report(errors::semicolon(
                self.span(self.at, self.at + 1),
                "leave it out: a definition ends with its line",
            ));
            self.trivia(TokenKind::Space, 1);
        } else {
            self.foreign_sign(1, TokenKind::Sign(Sign::Comma), "write `,`, or begin a new line");
        }
    }

    fn address(&mut self) -> bool {
        let Some((len, found)) = address::address(self.rest()) else { return false };
        match found {
            Ok(lit) => self.lit(lit, len),
            Err(fault) => {
                let at = self.span(self.at, self.at + len);
                self.report(errors::bad_address(at, &self.rest()[..len], fault));
                self.push_glue(TokenKind::BadLit, len);
            }
        }
        true
    }

    fn number(&mut self) {
        let Some((len, found)) = number::number(self.rest()) else { return self.bad() };
        match found {
            Ok(lit) => self.lit(lit, len),
            Err(fault) => {
                let (at, text) = (self.span(self.at, self.at + len), &self.rest()[..len]);
                self.report(match fault {
                    number::Fault::Unit(unit) => errors::unknown_unit(at, text, unit),
                    fault => errors::bad_number(at, text, fault),
                });
                self.push_glue(TokenKind::BadLit, len);
            }
        }
    }

    fn lit(&mut self, lit: super::Lit, len: usize) {
        let index = self.out.lits.len() as u32;
        self.out.lits.push(lit);
        self.push_glue(TokenKind::Lit(index), len);
    }

    fn word(&mut self) {
        let rest = self.rest();
        let len = word::length(rest);
        if rest[len..].chars().next().is_some_and(|c| !c.is_ascii() && c.is_alphanumeric()) {
            return self.bad();
        }
        use super::Keyword::{False, Key, None as Nothing, Set, True};
        match word::keyword(&rest[..len], &rest[len..], self.after_key) {
            Option::None => self.push_glue(TokenKind::Word, len),
            Some(keyword) => {
                self.push(TokenKind::Keyword(keyword), len);
                self.glued = matches!(keyword, Nothing | True | False);
                self.after_key = matches!(keyword, Key | Set);
            }
        }
    }

    fn dot(&mut self) {
        let after = &self.rest()[1..];
        if after.starts_with('.') {
            return self.push(TokenKind::Sign(Sign::Range), 2);
        }
        match word::name_length(after) {
            0 if self.glued && Quote::of(after).is_some() => self.push(TokenKind::DotText, 1),
            0 => self.push(TokenKind::Sign(Sign::Dot), 1),
            len if self.glued => self.push_glue(TokenKind::Dot, 1 + len),
            len => self.push_glue(TokenKind::Variant, 1 + len),
        }
    }

    fn sign(&mut self) {
        let bytes = self.rest().as_bytes();
        match bytes {
            [b'&', b'&', ..] => {
                return self.foreign_sign(2, TokenKind::Keyword(super::Keyword::And), "write `and`");
            }
            [b'|', b'|', ..] => {
                return self.foreign_sign(2, TokenKind::Keyword(super::Keyword::Or), "write `or`");
            }
            [b'!', next, ..] if *next != b'=' && *next != b'!' => {
                return self.foreign_sign(1, TokenKind::Keyword(super::Keyword::Not), "write `not`");
            }
            [b'=', b'>', ..] => return self.foreign_arrow(),
            [b';', ..] => return self.semicolon(),
            _ => {}
        }
        let two = match bytes {
            [b'?', b'?', ..] => Some(Sign::Else),
            [b'?', b'=', ..] => Some(Sign::Suggest),
            [b'+', b'=', ..] => Some(Sign::Add),
            [b'-', b'=', ..] => Some(Sign::Remove),
            [b':', b'=', ..] => Some(Sign::Replace),
            [b'=', b'=', ..] => Some(Sign::Eq),
            [b'!', b'=', ..] => Some(Sign::Ne),
            [b'<', b'=', ..] => Some(Sign::Le),
            [b'>', b'=', ..] => Some(Sign::Ge),
            [b'-', b'>', ..] => Some(Sign::Arrow),
            _ => None,
        };
        if let Some(sign) = two {
            return self.push(TokenKind::Sign(sign), 2);
        }
        let one = match bytes[0] {
            b'(' if self.glued => Sign::Call,
            b'(' => Sign::Group,
            b'[' if self.glued => Sign::Index,
            b'[' => Sign::List,
            b')' | b']' => {
                let end = if bytes[0] == b')' { Sign::GroupEnd } else { Sign::ListEnd };
                return self.push_glue(TokenKind::Sign(end), 1);
            }
            b'{' => {
                if let Some(Mode::Hole { braces, .. }) = self.modes.last_mut() {
                    *braces += 1;
                }
                Sign::Brace
            }
            b'}' => return self.brace_end(),
            b',' => Sign::Comma,
            b':' => Sign::Colon,
            b'?' => Sign::Question,
            b'=' => Sign::Set,
            b'<' => Sign::Lt,
            b'>' => Sign::Gt,
            b'&' => Sign::Merge,
            b'+' => Sign::Plus,
            b'-' => Sign::Minus,
            b'*' => Sign::Star,
            b'/' => Sign::Slash,
            b'%' => Sign::Percent,
            _ => return self.bad(),
        };
        self.push(TokenKind::Sign(one), 1);
    }

    fn brace_end(&mut self) {
        match self.modes.last_mut() {
            Some(Mode::Hole { braces: 0, .. }) => {
                self.modes.pop();
                self.push(TokenKind::HoleClose, 1);
            }
            Some(Mode::Hole { braces, .. }) => {
                *braces -= 1;
                self.push_glue(TokenKind::Sign(Sign::BraceEnd), 1);
            }
            _ => self.push_glue(TokenKind::Sign(Sign::BraceEnd), 1),
        }
    }

    /// A character that begins no token; with what is glued to it, if it looks like a word.
    fn bad(&mut self) {
        let rest = self.rest();
        let wordy = |c: char| c.is_alphanumeric() || c == '_';
        let len = match rest.chars().next() {
            Some(c) if wordy(c) => rest.find(|c| !wordy(c) && c != '-').unwrap_or(rest.len()),
            Some(c) => rest.find(|other| other != c).unwrap_or(rest.len()),
            None => 0,
        };
        self.report(errors::bad_character(self.span(self.at, self.at + len), &rest[..len]));
        self.push_glue(TokenKind::Bad, len);
    }

    fn open_text(&mut self, quote: Quote) {
        if quote == Quote::Plain && self.line_bound.is_none() {
            self.line_bound = Some(self.modes.len());
        }
        self.modes.push(Mode::Text {
            quote,
            token: self.out.code.len(),
            n_reports: self.reports.len(),
            n_trivia: self.out.trivia.len(),
            n_docs: self.out.docs.len(),
        });
        self.push(TokenKind::TextOpen { broken: false }, quote.as_str().len());
    }

    fn raw_text(&mut self) {
        let rest = self.rest();
        let line = rest[1..].find(['\n', '\r']).map_or(&rest[1..], |i| &rest[1..1 + i]);
        let (len, closed) = match line.find('\'') {
            Some(i) => (i, true),
            None => (line.len(), false),
        };
        // Inside an interpolation the line's end closes both; one report is enough.
        if !closed && self.line_bound.is_none() {
            self.spoil(self.at, self.at + 1 + len);
            self.report(errors::open_text(self.span(self.at, self.at + 1), Quote::Raw, None));
        }
        self.push(TokenKind::TextOpen { broken: !closed }, 1);
        if len > 0 {
            self.unseen(self.at, self.at + len);
            self.push(TokenKind::TextChunk, len);
        }
        self.push_glue(TokenKind::TextClose, usize::from(closed));
    }

    /// Reports the characters of a text or a comment that nobody can see.
    pub(super) fn unseen(&mut self, from: usize, to: usize) {
        let text = &self.text[from..to];
        let unseen = text.char_indices().filter(|(_, c)| is_unseen(*c));
        for (at, c) in unseen {
            self.report(errors::unseen(self.span(from + at, from + at + c.len_utf8()), c));
        }
    }
}

/// Whether a character shows nothing, or changes what others show: control characters but tabs and line ends, and those that
/// turn the direction of writing.
fn is_unseen(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}
