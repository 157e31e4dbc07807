//! The door of a group on one host: hears the member here and the doors of the other hosts, until it is stopped.
//!
//! Keeps nothing on disk: a door that began anew knows nothing until its member comes again, and says so.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::book::Book;
use super::words::{Answer, Position, Request, State};
use super::{Group, rounds};
use crate::activate::ask::Answer as Probed;
use crate::activate::podman::{HostTools, Tools as _};
use crate::store::manifest::{Ask, Probe};

/// How long somebody may take to say what they want.
const WITHIN: Duration = Duration::from_secs(5);
/// No request is longer.
const LONGEST: u64 = 16 * 1024;
/// How long a member may take to say whether it takes part: shorter than others wait for an answer.
const PROBE_SECS: u64 = 4;
/// How often it is looked whether a member that waits was told, or is gone.
const LOOK: Duration = Duration::from_millis(200);
/// How many may be heard at once; a site has a member, a door per other host, and somebody who looks.
const MOST_HEARD: usize = 64;

/// A door.
#[derive(Debug)]
pub struct Door {
    /// Its group.
    pub group: Group,
    book: Mutex<Book>,
    heard: Mutex<usize>,
}

/// Opens the door of a group and keeps it open; returns only when it cannot.
pub fn keep_open(group: Group) -> io::Result<()> {
    let own = group.door(&group.host).ok_or_else(|| io::Error::other("this host is not in the group"))?;
    let listener = TcpListener::bind(own)?;
    let door = Door { group, book: Mutex::default(), heard: Mutex::default() };
    thread::scope(|scope| {
        scope.spawn(|| rounds::go_on(&door));
        loop {
            // Whoever went away again is no reason to close the door, nor is a moment without a free file.
            let Ok((stream, from)) = listener.accept() else {
                thread::sleep(LOOK);
                continue;
            };
            if !door.enters() {
                continue;
            }
            let (door, is_own) = (&door, from.ip() == own.ip());
            scope.spawn(move || {
                // A conversation that broke off was no request.
                let _broken = door.hear(stream, is_own);
                door.leaves();
            });
        }
    })
}

impl Door {
    /// Returns what is known of the member here. No thread panics while it holds this.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enters(&self) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = *heard < MOST_HEARD;
        *heard += usize::from(has_room);
        has_room
    }

    fn leaves(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }

    fn hear(&self, mut stream: TcpStream, is_own: bool) -> io::Result<()> {
        stream.set_read_timeout(Some(WITHIN))?;
        stream.set_write_timeout(Some(WITHIN))?;
        let mut line = String::new();
        BufReader::new((&stream).take(LONGEST)).read_line(&mut line)?;
        if let Some(said) = line.strip_prefix("member ") {
            let position = Position::parse(said).filter(|_| is_own);
            return position.map_or(Ok(()), |position| self.member(stream, position));
        }
        let request: Request = serde_json::from_str(&line)?;
        if request.group() != self.group.name {
            return Ok(());
        }
        let mut answer = serde_json::to_string(&self.answer(&request))?;
        answer.push('\n');
        stream.write_all(answer.as_bytes())
    }

    /// Keeps a member until it is told or goes away.
    fn member(&self, mut stream: TcpStream, position: Position) -> io::Result<()> {
        let number = self.book().comes(position);
        stream.set_read_timeout(Some(LOOK))?;
        loop {
            if let Some(word) = self.book().word(number) {
                return stream.write_all(word.line().as_bytes());
            }
            match stream.read(&mut [0; 64]) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Ok(n) if n > 0 => {}
                _ => {
                    self.book().goes(number);
                    return Ok(());
                }
            }
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        let promised = match request {
            Request::State { .. } => false,
            Request::Promise { to, round, without, .. } => {
                self.book().promise(to, round, without, Instant::now())
            }
            Request::StepBack { .. } => self.step_back(),
        };
        let (state, round) = {
            let book = self.book();
            (book.state(), book.round(&self.group.host))
        };
        let state = match state {
            State::Unknown | State::Starts if self.takes_part() => State::TakesPart,
            state => state,
        };
        Answer { hosts: self.group.hosts(), state, round, promised }
    }

    /// Asks the member whether it takes part.
    pub fn takes_part(&self) -> bool {
        let probe =
            Probe { ask: Ask::Command { command: self.group.probe.clone() }, timeout_secs: PROBE_SECS };
        matches!(HostTools.probe(Some(&self.group.container), &probe), Ok(Probed::Good))
    }

    /// Has the member start again, which makes it wait, if it was told long ago and takes no part.
    fn step_back(&self) -> bool {
        let is_late = |since: Duration| since > self.group.patience;
        if !self.book().told_for(Instant::now()).is_some_and(is_late) || self.takes_part() {
            return false;
        }
        let unit = format!("{}.service", self.group.container);
        // If it does not, whoever waits asks again.
        Command::new("systemctl").args(["--no-block", "restart", &unit]).status().is_ok_and(|it| it.success())
    }
}
