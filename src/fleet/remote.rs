//! A host that this program acts on from elsewhere: by a copy of itself that lies there, named by its digest.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::heard::MOST_OF_CLOSURE;
use super::ssh::{Connection, LOST, SshError};
use crate::activate::layout::Layout;
use crate::store::packed::Packed;
use crate::store::transfer::{self, TransferError};
use crate::store::{Closure, Digest, Store, StoreError, files};

/// Why nothing could be done on a host. Nothing there was touched but the store, and the folder of programs.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RemoteError {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot read this program's own file")]
    Program(#[from] files::FileError),
    #[error("{host} is a machine of {theirs}, and this program is one for {ours}")]
    Architecture { host: String, theirs: String, ours: &'static str },
    #[error("{host} said what no kolla-lang says: {said}")]
    Answer { host: String, said: String },
    #[error("cannot write what is sent")]
    Send(#[source] io::Error),
    #[error("cannot take a closure from {host}")]
    Take { host: String, source: TransferError },
}

/// How much is repeated of what a host said, in characters.
const REPEATED: usize = 200;

impl RemoteError {
    /// Makes the error of an answer that cannot be read, with its beginning.
    pub fn answer(host: &str, said: &str) -> Self {
        let cut = said.char_indices().nth(REPEATED).map(|(at, _)| &said[..at]);
        let said = cut.map_or_else(|| said.to_owned(), |cut| format!("{cut}…"));
        Self::Answer { host: host.to_owned(), said }
    }
}

/// This program, as it is brought to hosts.
#[derive(Debug)]
pub struct Program {
    /// Shared by all hosts that it is brought to at once.
    bytes: Arc<[u8]>,
    digest: Digest,
}

impl Program {
    /// Reads this program's own file.
    pub fn load() -> Result<Self, RemoteError> {
        // Not the file that has the name now: whoever replaces it meanwhile replaces nothing here.
        let bytes = files::read(Path::new("/proc/self/exe"))?;
        let digest = Digest::of(&bytes);
        Ok(Self { bytes: bytes.into(), digest })
    }
}

/// A host with this program on it.
#[derive(Debug)]
pub struct RemoteHost {
    connection: Connection,
    /// Where this program lies there.
    program: String,
}

/// What had to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// How many objects the host lacked.
    pub objects: usize,
    /// And how many bytes they have.
    pub bytes: usize,
}

/// Asks for what decides whether this program can run there, and whether it lies there.
const PROBE: &str = r#"uname -m; if [ -x "$1" ]; then echo there; else echo missing; fi"#;

/// Puts a program into its place, whole and under the name of its digest, or not at all.
const INSTALL: &str = r#"set -e
umask 022
mkdir -p "${1%/*}"
new="${1%/*}/.tmp-$2-$$"
trap 'rm -f "$new"' EXIT
cat > "$new"
sum=$(sha256sum < "$new")
[ "${sum%% *}" = "$2" ] || { echo 'the program arrived as something else' >&2; exit 1; }
chmod 0755 "$new"
sync "$new"
mv "$new" "$1"
sync "${1%/*}""#;

impl RemoteHost {
    /// Reaches a host and puts this program there, unless it is there already.
    pub fn reach(connection: Connection, program: &Program) -> Result<Self, RemoteError> {
        let Program { bytes, digest } = program;
        let path = Layout::new("/").engine(digest).display().to_string();
        let said = connection.ask(&["sh", "-c", PROBE, "sh", &path], [])?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let host = connection.reach().host.clone();
        let mut lines = said.lines();
        let (theirs, is_there) = match (lines.next(), lines.next()) {
            (Some(theirs), Some("there")) => (theirs, true),
            (Some(theirs), Some("missing")) => (theirs, false),
            _ => return Err(RemoteError::answer(&host, &said)),
        };
        let ours = std::env::consts::ARCH;
        if theirs != ours {
            return Err(RemoteError::Architecture { host, theirs: theirs.to_owned(), ours });
        }
        if !is_there {
            connection.ask(&["sh", "-c", INSTALL, "sh", &path, digest.as_str()], Arc::clone(bytes))?;
        }
        Ok(Self { connection, program: path })
    }

    /// Returns the same host behind another connection.
    pub fn with(&self, connection: Connection) -> Self {
        Self { connection, program: self.program.clone() }
    }

    /// Returns the host's name.
    pub fn name(&self) -> &str {
        &self.connection.reach().host
    }

    /// Brings a closure into the host's store: what is there already is not sent.
    pub fn send(&self, closure: &Packed<'_>) -> Result<Sent, RemoteError> {
        let mut names = BTreeSet::new();
        let text: String = closure
            .objects()
            .map(|(digest, _)| digest)
            .filter(|it| names.insert(*it))
            .map(|it| format!("{it}\n"))
            .collect();
        let said = self.ask(&["store", "missing"], text.as_bytes())?;
        let mut missing = BTreeSet::new();
        for line in said.lines() {
            let known = line.parse::<Digest>().ok().filter(|it| names.contains(it));
            let Some(digest) = known else {
                return Err(RemoteError::answer(self.name(), line));
            };
            missing.insert(digest);
        }
        let mut sent = Sent { objects: 0, bytes: 0 };
        if missing.is_empty() {
            return Ok(sent);
        }
        let wanted: Vec<_> = closure.objects().filter(|(digest, _)| missing.remove(*digest)).collect();
        sent.objects = wanted.len();
        sent.bytes = wanted.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut stream = Vec::new();
        transfer::send(wanted, &mut stream).map_err(RemoteError::Send)?;
        self.ask(&["store", "receive"], &stream)?;
        Ok(sent)
    }

    /// Brings a closure from the host's store into ours.
    pub fn take(&self, closure: &Digest, store: &Store) -> Result<Closure, RemoteError> {
        let words = self.command(&["store", "send", closure.as_str()]);
        let stream = self.connection.ask_for(&words, [], MOST_OF_CLOSURE)?;
        let taken = store.receive_closure(closure, &stream);
        taken.map_err(|source| RemoteError::Take { host: self.name().to_owned(), source })?;
        Ok(store.load(closure)?)
    }

    /// Runs this program there with these words and returns what it printed; that it fails is an error with what it said.
    pub fn ask(&self, words: &[&str], input: &[u8]) -> Result<String, RemoteError> {
        let said = self.connection.ask(&self.command(words), input)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs this program there with these words and hands on each line that it prints. Returns its exit code, or nothing where the
    /// connection was lost, and what it said beside.
    pub fn follow(
        &self,
        words: &[&str],
        silence: Duration,
        line: impl FnMut(&str),
    ) -> Result<(Option<i32>, String), RemoteError> {
        let (code, said) = self.connection.follow(&self.command(words), silence, line)?;
        Ok(((code != LOST).then_some(code), said))
    }

    /// Ends the connection, and all commands that use it.
    pub fn close(&self) {
        self.connection.close();
    }

    fn command<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        std::iter::once(self.program.as_str()).chain(words.iter().copied()).collect()
    }

    /// Runs this program there with these words and hands on each line that it prints, and each that it says beside. Returns its exit
    /// code, or nothing where the connection was lost.
    pub fn run(
        &self,
        words: &[&str],
        printed: &mut dyn FnMut(&str),
        said: &mut dyn FnMut(&str),
    ) -> Result<Option<i32>, RemoteError> {
        let code = self.connection.show(&self.command(words), printed, said)?;
        Ok((code != LOST).then_some(code))
    }
}
