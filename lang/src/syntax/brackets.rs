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
    /// Matches all brackets. A closing one skips unclosed ones of other kinds, if one of its own is open below them.
    pub fn new(tokens: &[Token]) -> Partners {
        let mut halves = vec![NONE; tokens.len()];
        let mut loose = Vec::new();
        let mut open: Vec<(Kind, usize)> = Vec::new();
        // How many of each kind are open since the last hole or text: no bracket reaches out of one.
        let mut counts: Vec<[usize; 3]> = vec![[0; 3]];
        for (i, token) in tokens.iter().enumerate() {
            match side(token.kind) {
                Side::Open(kind) => {
                    open.push((kind, i));
                    match (kind, counts.last_mut()) {
                        (Kind::Round | Kind::Square | Kind::Curly, Some(count)) => count[kind as usize] += 1,
                        _ => counts.push([0; 3]),
                    }
                }
                Side::Close(kind @ (Kind::Hole | Kind::Text)) => {
                    counts.pop();
                    while let Some((other, from)) = open.pop() {
                        if other == kind {
                            (halves[from], halves[i]) = (i as u32, from as u32);
                            break;
                        }
                    }
                }
                Side::Close(kind) => {
                    let Some(count) = counts.last_mut().filter(|count| count[kind as usize] > 0) else {
                        loose.push(i);
                        continue;
                    };
                    while let Some((other, from)) = open.pop() {
                        count[other as usize] -= 1;
                        if other == kind {
                            (halves[from], halves[i]) = (i as u32, from as u32);
                            break;
                        }
                    }
                }
                Side::Other => {}
            }
        }
        Partners { halves, loose }
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
