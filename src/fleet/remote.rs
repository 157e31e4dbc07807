//! A host that this program acts on from elsewhere: by a copy of this program that lies there, named by its digest.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::heard::MOST_OF_CLOSURE;
use super::program::{HELP_TO_RUN, Program, ProgramError, ProgramFile, VERSION};
use super::ssh::{Connection, LOST, Reach, SshError};
use activate::layout::Layout;
use store::packed::Packed;
use store::transfer::{self, TransferError};
use store::{Closure, Digest, Store, StoreError};

/// Why nothing could be done on a host. Nothing there was touched but the store, and the folder of programs.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RemoteError {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{host} is a machine of {theirs}")]
    NoProgram { host: String, theirs: String, source: ProgramError },
    #[error("{host} does not run this program: {said}")]
    DoesNotRun { host: String, said: String },
    #[error(
        "{host} is a machine of {theirs}, and the program for it is another version than this one: {said}"
    )]
    OtherVersion { host: String, theirs: String, said: String },
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
        Self::Answer { host: host.to_owned(), said: beginning(said) }
    }

    /// Makes the error of a program that is on a host and does not answer there as it should.
    fn of_program(host: &str, theirs: &str, said: &str) -> Self {
        let (host, said) = (host.to_owned(), beginning(said));
        if said.starts_with("kolla-lang ") {
            return Self::OtherVersion { host, theirs: theirs.to_owned(), said };
        }
        Self::DoesNotRun { host, said }
    }

    /// Returns what to do about it, where more can be said than that the host must be reachable.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoProgram { source, .. } => source.help(),
            Self::DoesNotRun { .. } => Some(HELP_TO_RUN.to_owned()),
            Self::OtherVersion { theirs, .. } => Some(format!(
                "replace kolla-lang-{theirs} beside this program by one of its version, {VERSION}"
            )),
            Self::Ssh(_) | Self::Store(_) | Self::Answer { .. } | Self::Send(_) | Self::Take { .. } => None,
        }
    }
}

/// Returns the beginning of what a host said.
fn beginning(said: &str) -> String {
    let cut = said.char_indices().nth(REPEATED).map(|(at, _)| &said[..at]);
    cut.map_or_else(|| said.to_owned(), |cut| format!("{cut}…"))
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

/// Defines `runs FILE VERSION`: whether a program runs there and is of that version. It prints what it says if not.
const RUNS: &str = r#"runs() { said=$("$1" --version 2>&1 </dev/null) && [ "$said" = "$2" ] && return
  printf 'broken\n%s\n' "${said:-it says nothing}"; return 1; }
"#;

/// Asks what kind of machine it is, and whether the program `$1` lies there and runs.
const PROBE: &str = r#"uname -m; [ -x "$1" ] || { echo missing; exit 0; }; ! runs "$1" "$2" || echo there"#;

/// Puts a program into its place `$1`, whole, under the name of its digest `$3` and only if it runs there, or not at all.
const INSTALL: &str = r#"set -e
umask 022
mkdir -p "${1%/*}"
new="${1%/*}/.tmp-$3-$$"
trap 'rm -f "$new"' EXIT
cat > "$new"
sum=$(sha256sum < "$new")
[ "${sum%% *}" = "$3" ] || { echo 'the program arrived as something else' >&2; exit 1; }
chmod 0755 "$new"
runs "$new" "$2" || exit 0
sync "$new"
mv "$new" "$1"
sync "${1%/*}"
echo there"#;

/// What a host says of a program.
#[derive(Debug, PartialEq, Eq)]
enum Presence<'a> {
    /// It is there and runs.
    Runs,
    Missing,
    /// It is there, and this is what it says in place of its version.
    Broken(&'a str),
}

impl<'a> Presence<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        match text.split_once('\n')? {
            ("there", "") => Some(Self::Runs),
            ("missing", "") => Some(Self::Missing),
            ("broken", said) => Some(Self::Broken(said.trim())),
            _ => None,
        }
    }
}

impl RemoteHost {
    /// Reaches a host and puts this program there, unless it is there already, once it is known to run there.
    pub fn reach(connection: Connection, program: &Program) -> Result<Self, RemoteError> {
        let host = connection.reach().host.clone();
        let mut file = program.own();
        let mut said = ask(&connection, PROBE, file, [])?;
        let (theirs, _) = parse_probe(&said).ok_or_else(|| RemoteError::answer(&host, &said))?;
        let theirs = beginning(theirs);
        if theirs != std::env::consts::ARCH {
            let no_program =
                |source| RemoteError::NoProgram { host: host.clone(), theirs: theirs.clone(), source };
            file = program.of(&theirs).map_err(no_program)?;
            said = ask(&connection, PROBE, file, [])?;
        }
        let (_, presence) = parse_probe(&said).ok_or_else(|| RemoteError::answer(&host, &said))?;
        let installed;
        let (said, presence) = match presence {
            Presence::Missing => {
                installed = ask(&connection, INSTALL, file, file.bytes())?;
                (&installed, Presence::parse(&installed))
            }
            there => (&said, Some(there)),
        };
        match presence {
            Some(Presence::Runs) => Ok(Self { connection, program: path_of(file) }),
            Some(Presence::Broken(said)) => Err(RemoteError::of_program(&host, &theirs, said)),
            Some(Presence::Missing) | None => Err(RemoteError::answer(&host, said)),
        }
    }

    /// Connects to it once more, and asks nobody for what is known.
    pub fn reopen(&self, reach: Reach) -> Result<Connection, SshError> {
        Connection::open(reach, self.connection.sudo())
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

/// Returns where a program lies on hosts.
fn path_of(file: &ProgramFile) -> String {
    Layout::new("/").engine(file.digest()).display().to_string()
}

/// Runs one of the scripts on a host, about a program.
fn ask(
    connection: &Connection,
    script: &str,
    file: &ProgramFile,
    input: impl Into<Arc<[u8]>>,
) -> Result<String, RemoteError> {
    let script = format!("{RUNS}{script}");
    let words = ["sh", "-c", &script, "sh", &path_of(file), VERSION, file.digest().as_str()];
    Ok(String::from_utf8_lossy(&connection.ask(&words, input)?).into_owned())
}

/// Reads what [`PROBE`] prints: the kind of machine, and what is said of the program.
fn parse_probe(said: &str) -> Option<(&str, Presence<'_>)> {
    let (machine, rest) = said.split_once('\n')?;
    Some((machine, Presence::parse(rest)?))
}
