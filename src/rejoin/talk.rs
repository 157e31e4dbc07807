//! One conversation between two hosts of a group, from its greeting to its answer. Each of them proves who it is.
//!
//! Opens no connection and decides nothing. The one that answers speaks first, with what it drew for this conversation.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::line::{Timed, is_late, read_line, write_line};
use super::proof::{Challenge, Key, Side, Talk};
use super::protocol::{Answer, Request};

/// What stands before the challenge in the first line.
const GREETING: &str = "kolla-lang rejoin 2 ";
/// How long a host may take to prove who it is.
pub const PROOF_WITHIN: Duration = Duration::from_secs(2);
/// How long a whole conversation may take: whoever asks its member before it answers needs a moment.
pub const WITHIN: Duration = Duration::from_secs(6);
/// No greeting is longer.
const LONGEST_GREETING: usize = 256;
/// No other line is longer.
const LONGEST: usize = 16 * 1024;

/// What the one that asks says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: String,
    challenge: String,
    ask: String,
    proof: String,
}

/// What the one that answers says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    answer: String,
    proof: String,
}

/// Why a host is not believed, or said nothing.
#[derive(Debug)]
pub enum Silence {
    /// The connection failed or broke off.
    Broken(io::Error),
    /// It speaks the form of before there were keys.
    Older,
    /// What it says is nothing that a host of the group says.
    Strange,
    /// It does not have this host's key.
    Unproven,
}

impl fmt::Display for Silence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                out.write_str("it ended the conversation: its key or its list of hosts may be another one")
            }
            Self::Broken(error) if is_late(error) => out.write_str("it took too long"),
            Self::Broken(error) => write!(out, "{error}"),
            Self::Older => out.write_str("it runs an older version: switch it"),
            Self::Strange => out.write_str("what it says is not understood"),
            Self::Unproven => out.write_str("it has another key: switch both to one description"),
        }
    }
}

impl From<io::Error> for Silence {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Who speaks with whom.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The group.
    pub group: &'a str,
    /// Its key.
    pub key: &'a Key,
    /// The host that asks.
    pub asks: &'a str,
    /// The host that answers.
    pub answers: &'a str,
}

impl<'a> Sides<'a> {
    fn talk(&self, asking: &'a Challenge, answering: &'a Challenge) -> Talk<'a> {
        let Self { group, key: _, asks, answers } = *self;
        Talk { group, asks, answers, asking, answering }
    }
}

/// Asks another host, and returns what it proved to have answered.
pub fn ask(stream: &mut impl Timed, sides: Sides<'_>, request: &Request) -> Result<Answer, Silence> {
    let until = Instant::now() + WITHIN;
    let greeting = read_line(stream, LONGEST_GREETING, until)?;
    let theirs = greeting.strip_prefix(GREETING).and_then(Challenge::parse).ok_or(Silence::Strange)?;
    let mine = Challenge::draw()?;
    let talk = sides.talk(&mine, &theirs);
    // Writing plain structs into memory cannot fail.
    let asked = serde_json::to_string(request).unwrap_or_default();
    let line = serde_json::to_string(&Asked {
        from: sides.asks.to_owned(),
        challenge: mine.as_str().to_owned(),
        proof: sides.key.prove(&talk, Side::Asks, &[&asked]),
        ask: asked.clone(),
    });
    write_line(stream, &line.unwrap_or_default(), until)?;
    let line = read_line(stream, LONGEST, until)?;
    let Answered { answer, proof } = serde_json::from_str(&line).map_err(|_| Silence::Strange)?;
    if !sides.key.is_proven(&talk, Side::Answers, &[&asked, &answer], &proof) {
        return Err(Silence::Unproven);
    }
    serde_json::from_str(&answer).map_err(|_| Silence::Strange)
}

/// Hears another host, and answers once it proved that it asks. `proves` is called then.
pub fn hear(
    stream: &mut impl Timed,
    sides: Sides<'_>,
    proves: impl FnOnce(),
    answer: impl FnOnce(&Request) -> Answer,
) -> Result<(), Silence> {
    let until = Instant::now() + PROOF_WITHIN;
    let mine = Challenge::draw()?;
    write_line(stream, &format!("{GREETING}{}", mine.as_str()), until)?;
    let line = read_line(stream, LONGEST, until)?;
    let Ok(Asked { from, challenge, ask, proof }) = serde_json::from_str(&line) else {
        let is_older = line.starts_with("{\"ask\":") || line.starts_with("member ");
        return Err(if is_older { Silence::Older } else { Silence::Strange });
    };
    let theirs = Challenge::parse(&challenge).ok_or(Silence::Strange)?;
    let talk = sides.talk(&theirs, &mine);
    if from != sides.asks || !sides.key.is_proven(&talk, Side::Asks, &[&ask], &proof) {
        return Err(Silence::Unproven);
    }
    proves();
    let request = serde_json::from_str(&ask).map_err(|_| Silence::Strange)?;
    let answer = serde_json::to_string(&answer(&request)).unwrap_or_default();
    let proof = sides.key.prove(&talk, Side::Answers, &[&ask, &answer]);
    let line = serde_json::to_string(&Answered { answer, proof }).unwrap_or_default();
    Ok(write_line(stream, &line, Instant::now() + PROOF_WITHIN)?)
}
