//! What a command on another host prints and says, within limits: a host that lies, that is broken or that is silent costs neither memory
//! nor an operator's day. Knows no ssh.

use std::fmt;
use std::io::{Read, Write as _};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

/// The most that a host may say to one question, in bytes.
pub const MOST: usize = 16 << 20;
/// The same where a closure is asked for, most of which are far smaller.
pub const MOST_OF_CLOSURE: usize = 64 << 20;
/// The longest line of it, in bytes.
const LONGEST_LINE: usize = 64 << 10;
/// How much of what a command says beside what it prints is kept, in bytes.
const MOST_SAID: usize = 64 << 10;
/// How much is read at once, in bytes, and how often before somebody takes it.
const CHUNK: usize = 64 << 10;
const N_CHUNKS: usize = 4;
/// The line between what a login shell prints by itself, as a `~/.bashrc` that greets, and what a command prints.
pub const BEGIN: &str = "kolla-lang begins here";

/// What a host said that no host needs to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// More in all than it may.
    All {
        /// That, in bytes.
        most: usize,
    },
    /// A line longer than [`LONGEST_LINE`].
    Line,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All { most } => write!(f, "more than {} MiB", most >> 20),
            Self::Line => write!(f, "a line of more than {} KiB", LONGEST_LINE >> 10),
        }
    }
}

/// That nothing came and went for too long.
#[derive(Debug)]
pub struct Silent;

/// What comes from a command.
#[derive(Debug)]
pub enum Chunk {
    /// To standard output.
    Printed(Vec<u8>),
    /// To standard error.
    Said(Vec<u8>),
}

/// What a command prints and says, read beside, so that nobody waits for it for ever.
#[derive(Debug)]
pub struct Heard {
    chunks: Receiver<Chunk>,
    /// How many bytes of its input it has taken.
    given: Arc<AtomicUsize>,
}

impl Heard {
    /// Reads a command's output and gives it its input, behind what comes first and is wiped then. The threads end with the pipes.
    pub fn from(child: &mut Child, first: Option<Zeroizing<Vec<u8>>>, input: Arc<[u8]>) -> Self {
        let (to, chunks) = sync_channel(N_CHUNKS);
        let given = Arc::new(AtomicUsize::new(0));
        if let Some(stdout) = child.stdout.take() {
            let to = to.clone();
            thread::spawn(move || hand_on(stdout, |bytes| to.send(Chunk::Printed(bytes)).is_ok()));
        }
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || hand_on(stderr, |bytes| to.send(Chunk::Said(bytes)).is_ok()));
        }
        if let Some(mut stdin) = child.stdin.take() {
            let given = Arc::clone(&given);
            thread::spawn(move || {
                let begun = first.as_ref().is_none_or(|it| stdin.write_all(it).is_ok());
                drop(first);
                if !begun {
                    return;
                }
                for chunk in input.chunks(CHUNK) {
                    // A host that reads no further ends with an error of its own, which says more.
                    if stdin.write_all(chunk).is_err() {
                        return;
                    }
                    given.fetch_add(chunk.len(), Ordering::Relaxed);
                }
            });
        }
        Self { chunks, given }
    }

    /// Returns what comes next; nothing at the end.
    pub fn next(&self, silence: Duration) -> Result<Option<Chunk>, Silent> {
        loop {
            let given = self.given.load(Ordering::Relaxed);
            match self.chunks.recv_timeout(silence) {
                Ok(chunk) => return Ok(Some(chunk)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.given.load(Ordering::Relaxed) != given => {}
                Err(RecvTimeoutError::Timeout) => return Err(Silent),
            }
        }
    }
}

/// Reads to the end, or until nobody takes it any more.
fn hand_on(mut from: impl Read, mut take: impl FnMut(Vec<u8>) -> bool) {
    let mut bytes = vec![0; CHUNK];
    while let Ok(n_read @ 1..) = from.read(&mut bytes) {
        if !take(bytes[..n_read].to_vec()) {
            return;
        }
    }
}

/// What was taken of what a command prints and says.
#[derive(Debug)]
pub struct Taken {
    /// How much may be printed, in bytes.
    most: usize,
    /// Whether the line [`BEGIN`] came; what is before it is of the login shell.
    has_begun: bool,
    greeting: Vec<u8>,
    n_printed: usize,
    lines: Lines,
    /// What was said, up to [`MOST_SAID`].
    pub all_said: String,
}

impl Taken {
    /// Nothing yet, of at most so many bytes.
    pub fn up_to(most: usize) -> Self {
        Self {
            most,
            has_begun: false,
            greeting: Vec::new(),
            n_printed: 0,
            lines: Lines::default(),
            all_said: String::new(),
        }
    }

    /// Takes what is printed, and hands on what comes behind the greeting of a login shell.
    pub fn printed(
        &mut self,
        bytes: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<(), Excess>,
    ) -> Result<(), Excess> {
        self.n_printed += bytes.len();
        if self.n_printed > self.most {
            return Err(Excess::All { most: self.most });
        }
        if self.has_begun {
            return take(bytes);
        }
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|it| *it == b'\n') {
            let (line, behind) = rest.split_at(end);
            self.greeting.extend_from_slice(line);
            rest = &behind[1..];
            let is_begin = self.greeting.trim_ascii_end() == BEGIN.as_bytes();
            self.greeting.clear();
            if is_begin {
                self.has_begun = true;
                return if rest.is_empty() { Ok(()) } else { take(rest) };
            }
        }
        self.greeting.extend_from_slice(rest);
        if self.greeting.len() > LONGEST_LINE { Err(Excess::Line) } else { Ok(()) }
    }

    /// Takes what is said beside.
    pub fn said(&mut self, bytes: &[u8], line: &mut dyn FnMut(&str)) {
        let all_said = &mut self.all_said;
        let mut line = |it: &str| {
            if all_said.len() + it.len() < MOST_SAID {
                all_said.push_str(it);
                all_said.push('\n');
            }
            line(it);
        };
        // What is too long is cut, as it is for people.
        if self.lines.take(bytes, &mut line).is_err() {
            self.lines = Lines::default();
        }
    }

    /// Takes the end of what is said.
    pub fn end(&mut self, line: &mut dyn FnMut(&str)) {
        let mut rest = std::mem::take(&mut self.lines);
        let all_said = &mut self.all_said;
        rest.end(&mut |it| {
            all_said.push_str(it);
            line(it);
        });
    }
}

/// Lines that come in pieces.
#[derive(Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes a piece, and hands on the lines that it ends.
    pub fn take(&mut self, bytes: &[u8], line: &mut dyn FnMut(&str)) -> Result<(), Excess> {
        let mut pieces = bytes.split(|it| *it == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if self.begun.len() + piece.len() > LONGEST_LINE {
                return Err(Excess::Line);
            }
            self.begun.extend_from_slice(piece);
            if pieces.peek().is_some() {
                let whole = std::mem::take(&mut self.begun);
                line(String::from_utf8_lossy(&whole).trim_end_matches('\r'));
            }
        }
        Ok(())
    }

    /// Hands on a last line without an end.
    pub fn end(&mut self, line: &mut dyn FnMut(&str)) {
        if !self.begun.is_empty() {
            line(&String::from_utf8_lossy(&std::mem::take(&mut self.begun)));
        }
    }
}
