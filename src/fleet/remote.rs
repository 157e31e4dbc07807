//! A host that this program acts on from elsewhere: by a copy of itself that lies there, named by its digest.

use std::io;
use std::path::Path;

use super::ssh::{Connection, SshError};
use crate::activate::layout::Layout;
use crate::store::transfer::{self, objects};
use crate::store::{Closure, Digest, StoreError, files};

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
    /// Reaches a host and puts this program there, unless it is there already. `program` is its own file.
    pub fn reach(connection: Connection, program: &Path) -> Result<Self, RemoteError> {
        let bytes = files::read(program)?;
        let digest = Digest::of(&bytes);
        let path = Layout::new("/").engine(&digest).display().to_string();
        let said = connection.ask(&["sh", "-c", PROBE, "sh", &path], &[])?;
        let host = connection.reach().host.clone();
        let mut lines = said.lines();
        let (theirs, is_there) = match (lines.next(), lines.next()) {
            (Some(theirs), Some("there")) => (theirs, true),
            (Some(theirs), Some("missing")) => (theirs, false),
            _ => return Err(RemoteError::Answer { host, said }),
        };
        let ours = std::env::consts::ARCH;
        if theirs != ours {
            return Err(RemoteError::Architecture { host, theirs: theirs.to_owned(), ours });
        }
        if !is_there {
            connection.ask(&["sh", "-c", INSTALL, "sh", &path, digest.as_str()], &bytes)?;
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

    /// Brings a closure into the host's store: what is there already is not sent. Returns its digest.
    pub fn send(&self, closure: &Closure) -> Result<(Digest, Sent), RemoteError> {
        let (digest, objects) = objects(closure)?;
        let names: String = objects.keys().map(|digest| format!("{digest}\n")).collect();
        let said = self.connection.ask(&[&self.program, "store", "missing"], names.as_bytes())?;
        let mut missing = Vec::new();
        for line in said.lines() {
            let known = line.parse::<Digest>().ok().and_then(|it| objects.get_key_value(&it));
            let Some((digest, bytes)) = known else {
                return Err(RemoteError::Answer { host: self.name().to_owned(), said: line.to_owned() });
            };
            missing.push((digest, bytes.as_slice()));
        }
        let sent = Sent { objects: missing.len(), bytes: missing.iter().map(|(_, it)| it.len()).sum() };
        if !missing.is_empty() {
            let mut stream = Vec::new();
            transfer::send(missing, &mut stream).map_err(RemoteError::Send)?;
            self.connection.ask(&[&self.program, "store", "receive"], &stream)?;
        }
        Ok((digest, sent))
    }

    /// Runs this program there with these words; what it prints is printed here. Returns its exit code, or nothing where the
    /// connection was lost.
    pub fn run(&self, words: &[&str]) -> Result<Option<i32>, RemoteError> {
        let mut all = vec![self.program.as_str()];
        all.extend(words);
        let code = self.connection.show(&all)?;
        Ok((code != super::ssh::LOST).then_some(code))
    }
}
