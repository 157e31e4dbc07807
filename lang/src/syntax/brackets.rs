//! Which bracket belongs to which, found once before parsing, so that a mistake inside brackets can be skipped and a
//! bracket that is never closed is known when it is opened.

use crate::token::{Sign, Token, TokenKind};

/// The brackets of a text, with their other halves.
pub struct Partners {
    /// For each token the index of its other half; [`NONE`] for all that have none.
    halves: Vec<u32>,
    /// The closing ones with nothing to close, in order.
    loose: Vec<usize>,
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Round,
    Square,
    Curly,
    Hole,
    Text,
}

enum Side {
    Open(Kind),
    Close(Kind),
    Other,
}

fn side(kind: TokenKind) -> Side {
    match kind {
        TokenKind::Sign(Sign::Group | Sign::Call) => Side::Open(Kind::Round),
        TokenKind::Sign(Sign::List | Sign::Index) => Side::Open(Kind::Square),
        TokenKind::Sign(Sign::Brace) => Side::Open(Kind::Curly),
        TokenKind::HoleOpen => Side::Open(Kind::Hole),
        TokenKind::TextOpen { .. } => Side::Open(Kind::Text),
        TokenKind::Sign(Sign::GroupEnd) => Side::Close(Kind::Round),
        TokenKind::Sign(Sign::ListEnd) => Side::Close(Kind::Square),
        TokenKind::Sign(Sign::BraceEnd) => Side::Close(Kind::Curly),
        TokenKind::HoleClose => Side::Close(Kind::Hole),
        TokenKind::TextClose => Side::Close(Kind::Text),
        _ => Side::Other,
    }
}

/// Whether a token closes a bracket that a writer may forget.
pub fn closes(kind: TokenKind) -> bool {
    matches!(side(kind), Side::Close(Kind::Round | Kind::Square | Kind::Curly | Kind::Hole))
}

impl Partners {
    /// Matches all brackets. A `}` skips what is unclosed since its `{`. A `)` or `]` goes past a `{` only on its own
    /// line, since a brace says more about what is meant.
    pub fn new(tokens: &[Token]) -> Partners {
        let mut matching =
            Matching { open: Vec::new(), frames: vec![[0; 2]], n_curly: vec![0], halves: Vec::new() };
        matching.halves.resize(tokens.len(), NONE);
        let mut loose = Vec::new();
        let mut line = 0;
        for (i, token) in tokens.iter().enumerate() {
            if token.fresh {
                line = i;
            }
            match side(token.kind) {
                Side::Open(kind) => matching.push(kind, i),
                Side::Close(kind) if matching.can_close(kind, line) => matching.pop(kind, i),
                Side::Close(_) => loose.push(i),
                Side::Other => {}
            }
        }
        Partners { halves: matching.halves, loose }
    }

    /// The other half of a bracket, a text or a hole.
    pub fn of(&self, token: usize) -> Option<usize> {
        self.halves.get(token).filter(|p| **p != NONE).map(|p| *p as usize)
    }

    /// The first closing bracket from a token on that closes nothing.
    pub fn next_loose(&self, from: usize) -> Option<usize> {
        self.loose.get(self.loose.partition_point(|at| *at < from)).copied()
    }
}

/// How many open brackets a `)` or `]` may look past.
const MAX_CROSSED: usize = 16;

/// The state of [`Partners::new`].
struct Matching {
    open: Vec<(Kind, usize)>,
    /// How many `(` and `[` are open since the last `{`, hole or text.
    frames: Vec<[usize; 2]>,
    /// How many `{` are open since the last hole or text: no bracket reaches out of one.
    n_curly: Vec<usize>,
    halves: Vec<u32>,
}

impl Matching {
    fn push(&mut self, kind: Kind, at: usize) {
        self.open.push((kind, at));
        match kind {
            Kind::Round | Kind::Square => self.count(kind, 1),
            Kind::Curly => {
                self.frames.push([0; 2]);
                self.n_curly.last_mut().into_iter().for_each(|n| *n += 1);
            }
            Kind::Hole | Kind::Text => {
                self.frames.push([0; 2]);
                self.n_curly.push(0);
            }
        }
    }

    fn count(&mut self, kind: Kind, more: isize) {
        let frame = self.frames.last_mut();
        frame
            .into_iter()
            .for_each(|frame| frame[kind as usize] = frame[kind as usize].saturating_add_signed(more));
    }

    fn can_close(&self, kind: Kind, line: usize) -> bool {
        match kind {
            Kind::Hole | Kind::Text => true,
            Kind::Curly => self.n_curly.last().is_some_and(|n| *n > 0),
            Kind::Round | Kind::Square => {
                let here = self.frames.last().is_some_and(|frame| frame[kind as usize] > 0);
                let mut near = self.open.iter().rev().take(MAX_CROSSED);
                here || near
                    .find(|(other, at)| {
                        *at < line || matches!(other, Kind::Hole | Kind::Text) || *other == kind
                    })
                    .is_some_and(|(other, at)| *at >= line && *other == kind)
            }
        }
    }

    /// Closes the last of a kind, and forgets what is open in it.
    fn pop(&mut self, kind: Kind, at: usize) {
        while let Some((other, from)) = self.open.pop() {
            match other {
                Kind::Round | Kind::Square => self.count(other, -1),
                Kind::Curly => {
                    self.frames.pop();
                    self.n_curly.last_mut().into_iter().for_each(|n| *n = n.saturating_sub(1));
                }
                Kind::Hole | Kind::Text => {
                    self.frames.pop();
                    self.n_curly.pop();
                }
            }
            if other == kind {
                (self.halves[from], self.halves[at]) = (at as u32, from as u32);
                break;
            }
        }
    }
}
