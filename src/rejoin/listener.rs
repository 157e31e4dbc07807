//! The listener of a group on one host: hears the member here, at a socket that its container alone has, and the listeners of the other hosts.
//!
//! Keeps nothing on disk: a listener that began anew knows nothing until its member comes again, and says so.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;

use super::book::Book;
use super::connect::is_of_root;
use super::line::{Timed as _, is_late, read_line, write_line};
use super::member::Member;
use super::notes::Notes;
use super::proof::Key;
use super::protocol::{Answer, Position, Request, State};
use super::seats::Seats;
use super::talk::{self, Sides};
use super::{Group, report, rounds};
use activate::layout::Layout;
use store::files::{self, FileError};

/// How long a member may take to say what it wants, and then to read a word.
const WITHIN: Duration = Duration::from_secs(5);
/// No line of a member is longer.
const LONGEST: usize = 256;
/// How often it is looked whether a member that waits was told, or is gone.
const LOOK: Duration = Duration::from_millis(200);
/// How long the answer of a member that was asked whether it takes part stands for all who ask.
const FRESH: Duration = Duration::from_secs(2);
/// How many processes of the member are heard at once: the one that waits, and those that are told that it does.
const MOST_MEMBERS: usize = 4;

/// A listener.
#[derive(Debug)]
pub struct Listener {
    /// Its group.
    pub group: Group,
    /// Who was not believed.
    pub notes: Notes,
    member: Box<dyn Member>,
    book: Mutex<Book>,
    probed: Mutex<Option<(Instant, bool)>>,
    seats: Seats,
    n_members: AtomicUsize,
}

/// Opens the listener of a group, says so, and keeps it open; returns only when it cannot.
pub fn keep_open(
    group: Group,
    member: Box<dyn Member>,
    layout: &Layout,
    opened: impl FnOnce(),
) -> io::Result<()> {
    let here = listen_here(layout, &group.name).map_err(io::Error::other)?;
    let there = listen_there(&group)?;
    let listener = Listener {
        group,
        notes: Notes::default(),
        member,
        book: Mutex::default(),
        probed: Mutex::default(),
        seats: Seats::default(),
        n_members: AtomicUsize::new(0),
    };
    opened();
    thread::scope(|scope| {
        let listener = &listener;
        scope.spawn(|| rounds::go_on(listener, layout));
        if let (Some(there), Some(key)) = (&there, &listener.group.key) {
            scope.spawn(move || forever(|| listener.host_comes(scope, there, key)));
        }
        forever(|| listener.member_comes(scope, &here))
    })
}

/// Whoever went away again is no reason to close a listener, nor is a moment without a free file.
fn forever(mut accept: impl FnMut() -> io::Result<()>) -> ! {
    loop {
        if accept().is_err() {
            thread::sleep(LOOK);
        }
    }
}

/// Listens for the member, in a folder whose parent nobody but root may enter: a container has it by a mount.
fn listen_here(layout: &Layout, group: &str) -> Result<UnixListener, FileError> {
    let socket = report::member_socket(layout, group);
    let folder = report::member_folder(layout, group);
    files::make_private_folder(folder.parent().unwrap_or(&folder))?;
    files::make_folder(&folder)?;
    files::set_mode(&folder, 0o755)?;
    if files::exists(&socket) {
        files::remove_file(&socket)?;
    }
    let listener =
        UnixListener::bind(&socket).map_err(|source| FileError::Write { path: socket.clone(), source })?;
    files::set_mode(&socket, 0o666)?;
    Ok(listener)
}

/// Listens for the other hosts, where there are any.
fn listen_there(group: &Group) -> io::Result<Option<TcpListener>> {
    let own = group.listener(&group.host).ok_or_else(|| io::Error::other("this host is not in the group"))?;
    if group.others().next().is_none() {
        return Ok(None);
    }
    if group.key.is_none() {
        return Err(io::Error::other("this group has no key, and several hosts"));
    }
    TcpListener::bind(own).map(Some)
}

impl Listener {
    /// Returns what is known of the member here. No thread panics while it holds this.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    /// Takes somebody from the network, and hears them if they may be a host of the group.
    fn host_comes<'a>(
        &'a self,
        scope: &'a thread::Scope<'a, '_>,
        listener: &TcpListener,
        key: &'a Key,
    ) -> io::Result<()> {
        let (stream, from) = listener.accept()?;
        let Some(host) = self.group.others().find(|it| self.group.addresses.get(*it) == Some(&from.ip()))
        else {
            self.notes.of_address(from.ip(), "it is no host of the group");
            return Ok(());
        };
        if is_of_root(self.group.port) && !is_of_root(from.port()) {
            self.notes.of_address(
                from.ip(),
                "whoever speaks there is not root of that host, or runs an older version",
            );
            return Ok(());
        }
        let Some(seat) = self.seats.take(from.ip(), &stream)? else { return Ok(()) };
        let heard = thread::Builder::new().spawn_scoped(scope, move || {
            self.hear(stream, from, host, key, seat);
            self.seats.leave(seat);
        });
        if heard.is_err() {
            self.seats.leave(seat);
        }
        heard.map(drop)
    }

    fn hear(&self, mut stream: TcpStream, from: SocketAddr, host: &str, key: &Key, seat: u64) {
        let Group { name, host: own, .. } = &self.group;
        let sides = Sides { group: name, key, asks: host, answers: own };
        let answer = |request: &Request| self.answer(host, request);
        match talk::hear(&mut stream, sides, || self.seats.proves(seat), answer) {
            Ok(()) => {}
            // Anybody can break off; only what was said says something of the host.
            Err(why @ talk::Silence::Broken(_)) => self.notes.of_address(from.ip(), &why.to_string()),
            Err(why) => self.notes.of_host(host, &why.to_string()),
        }
    }

    /// Takes a process of this host, and hears it if it is one of the member.
    fn member_comes<'a>(
        &'a self,
        scope: &'a thread::Scope<'a, '_>,
        listener: &UnixListener,
    ) -> io::Result<()> {
        let (stream, _) = listener.accept()?;
        let pid = socket_peercred(&stream)?.pid.as_raw_nonzero().get();
        let Some(run) = self.member.run_of(pid) else {
            self.notes.of_process(pid, "it is none of the member");
            return Ok(());
        };
        if self.n_members.fetch_add(1, Ordering::Relaxed) >= MOST_MEMBERS {
            self.n_members.fetch_sub(1, Ordering::Relaxed);
            return Ok(());
        }
        let heard = thread::Builder::new().spawn_scoped(scope, move || {
            // A conversation that broke off was none.
            let _broken = self.keep(stream, pid, &run);
            self.n_members.fetch_sub(1, Ordering::Relaxed);
        });
        if heard.is_err() {
            self.n_members.fetch_sub(1, Ordering::Relaxed);
        }
        heard.map(drop)
    }

    /// Keeps a member until it is told or goes away.
    fn keep(&self, mut stream: UnixStream, pid: i32, run: &str) -> io::Result<()> {
        let line = read_line(&mut stream, LONGEST, Instant::now() + WITHIN)?;
        let Some(position) = line.strip_prefix("member ").and_then(Position::parse) else {
            self.notes.of_process(pid, "what it says is not understood");
            return Ok(());
        };
        // Whoever takes part does not wait: this one is a second one.
        let is_there = self.book().position().is_some() || self.takes_part();
        let number = if is_there { None } else { self.book().comes(position, run) };
        let Some(number) = number else {
            self.notes.of_process(pid, "the member is there already");
            return Ok(());
        };
        *lock(&self.probed) = None;
        stream.wait_for(LOOK)?;
        loop {
            if let Some(word) = self.book().word(number) {
                let written = write_line(&mut stream, word.line(), Instant::now() + WITHIN);
                if written.is_err() {
                    self.book().unheard(number);
                }
                return written;
            }
            match stream.read(&mut [0; 64]) {
                Err(error) if is_late(&error) => {}
                // It was told all it wanted to say.
                Ok(n) if n > 0 => {}
                _ => {
                    self.book().goes(number);
                    return Ok(());
                }
            }
        }
    }

    fn answer(&self, host: &str, request: &Request) -> Answer {
        let promised = match request {
            Request::State => false,
            Request::Promise { round, without } => self.book().promise(host, round, without, Instant::now()),
            Request::StepBack => self.step_back(),
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

    /// Says whether the member takes part, as it was a moment ago: however many ask, it is asked once.
    pub fn takes_part(&self) -> bool {
        self.probe(FRESH)
    }

    fn probe(&self, fresh: Duration) -> bool {
        let mut probed = lock(&self.probed);
        match *probed {
            Some((at, takes_part)) if at.elapsed() < fresh => takes_part,
            _ => {
                let takes_part = self.member.takes_part();
                *probed = Some((Instant::now(), takes_part));
                takes_part
            }
        }
    }

    /// Has the member start again, which makes it wait, if it was told long ago and takes no part.
    fn step_back(&self) -> bool {
        let is_late = |since: Duration| since > self.group.patience;
        self.book().told_for(Instant::now()).is_some_and(is_late)
            && !self.probe(Duration::ZERO)
            && self.member.restart()
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
