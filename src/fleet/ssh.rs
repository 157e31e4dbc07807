//! The one door to ssh: the system's own, with one connection for all commands to a host.
//!
//! Keys, agents, jump hosts and the like are set up where operators have always set them up, in `~/.ssh/config`. ssh asks for nothing:
//! what would need a terminal fails. The password of sudo is not ssh's business: see `sudo`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::heard::{BEGIN, Chunk, Excess, Heard, Lines, MOST, Silent, Taken};
use super::scratch::{Scratch, ScratchError};
use super::sudo::{Root, Sudo};
use store::files;

/// The exit code of a shell for a program that is not there.
const NO_PROGRAM: i32 = 127;

/// The exit code of ssh itself, where the connection failed or was lost.
pub const LOST: i32 = 255;

/// How long a host may say nothing where it is to answer at once, or tells now and then that it is still there.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How long it may say nothing where it does something that takes its time.
pub const LONG_SILENCE: Duration = Duration::from_secs(600);
/// How long the process that holds a connection may take to end it.
const CLOSE: Duration = Duration::from_secs(10);
/// How often it is looked whether a command has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Options of every connection. The first value that ssh is given counts, so its files cannot take one back (ssh_config(5)).
const GIVEN_NOTHING: [&str; 11] = [
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "KnownHostsCommand=none",
    "VerifyHostKeyDNS=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "RemoteCommand=none",
    "PermitLocalCommand=no",
    "EscapeChar=none",
];

/// Where a host is and who it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The host's name in the description.
    pub host: String,
    /// Who logs in.
    pub user: String,
    /// A name or an address, or what `~/.ssh/config` calls it.
    pub address: String,
    /// At which port.
    pub port: u16,
    /// The public key that it must show, as a line of a `.pub` file; without one `known_hosts` of the user decides.
    pub key: Option<String>,
}

/// Why a host was not reached, or not answered as it should.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SshError {
    #[error("cannot start `ssh`")]
    Start(#[source] io::Error),
    #[error("cannot keep what ssh needs")]
    File(#[from] files::FileError),
    #[error("cannot make a folder for ssh")]
    Folder(#[from] ScratchError),
    #[error("cannot keep what ssh says")]
    Said(#[source] io::Error),
    #[error("a word of a command has a zero byte")]
    Word,
    #[error("cannot reach {host} as {user}@{address}, port {port}: {said}")]
    Lost { host: String, user: String, address: String, port: u16, said: String },
    #[error("{host} said nothing for {secs} s")]
    Silent { host: String, secs: u64 },
    #[error("{host} said {excess}, which no kolla-lang says")]
    Excess { host: String, excess: Excess },
    #[error(
        "the host key of {host} is not the one that is known: somebody else answers at {address}, or it was installed anew"
    )]
    OtherKey { host: String, address: String },
    #[error("no host key of {host} is known, so nobody can tell who answers at {address}")]
    NoKey { host: String, address: String },
    #[error("{user} cannot become root on {host}: {said}")]
    NoRoot { host: String, user: String, said: String },
    #[error(
        "{user} cannot become root on {host}: sudo wants a password there\n  help: answer at the terminal; where there is none, \
         `--ask-become-pass` takes it from standard input, and `NOPASSWD` for {user} in sudoers(5) needs none"
    )]
    NoPassword { host: String, user: String },
    #[error("`{command}` on {host} ended with {status}: {said}")]
    Failed { host: String, command: String, status: ExitStatus, said: String },
}

/// A connection to a host, for all commands; it ends with this value.
#[derive(Debug)]
pub struct Connection {
    reach: Reach,
    root: Root,
    sudo: Arc<Sudo>,
    /// The socket of the connection, the one key that is accepted, and what ssh said while it connected.
    folder: Scratch,
}

impl Connection {
    /// Connects to a host. Where its user is not root, the password of sudo is asked for if sudo wants one.
    pub fn open(reach: Reach, sudo: &Arc<Sudo>) -> Result<Self, SshError> {
        let mut connection = Self::connect(reach, Arc::clone(sudo))?;
        if connection.reach.user != "root" {
            connection.root = connection.find_root()?;
        }
        Ok(connection)
    }

    /// Finds out how commands become those of root.
    fn find_root(&self) -> Result<Root, SshError> {
        let (host, user) = (self.reach.host.clone(), self.reach.user.clone());
        // `-k`: what sudo remembers now it may not in a minute.
        let (status, said) = self.try_words(&["sudo", "-k", "-n", "--", "true"], None)?;
        match status.code() {
            Some(0) => return Ok(Root::Free),
            Some(LOST) => return Err(self.lost(&said)),
            Some(NO_PROGRAM) => return Err(SshError::NoRoot { host, user, said: in_one_line(&said) }),
            _ => {}
        }
        let first = Root::Password.first(&self.sudo).ok_or(SshError::NoPassword { host, user })?;
        let words: Vec<&str> = Root::Password.before().iter().copied().chain(["true"]).collect();
        let (status, said) = self.try_words(&words, Some(first))?;
        match status.code() {
            Some(0) => Ok(Root::Password),
            Some(LOST) => Err(self.lost(&said)),
            _ => {
                let Reach { host, user, .. } = self.reach.clone();
                Err(SshError::NoRoot { host, user, said: in_one_line(&said) })
            }
        }
    }

    /// Runs words on the host as whoever signs in, and returns how that ended and what was said.
    fn try_words(
        &self,
        words: &[&str],
        first: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(ExitStatus, String), SshError> {
        let command = self.command_of(words.iter().copied())?;
        let talk = Talk { words, input: [].into(), most: MOST, silence: SILENCE, said: &mut |_| {} };
        self.talk_to(command, first, talk, &mut |_| Ok(()))
    }

    fn connect(reach: Reach, sudo: Arc<Sudo>) -> Result<Self, SshError> {
        // The name of a socket may not be long, so the folder lies where names are short.
        let folder = Scratch::new(Path::new("/tmp"))?;
        let connection = Self { reach, root: Root::IsUser, sudo, folder };
        if let Some(key) = &connection.reach.key {
            let line = format!("{} {key}\n", connection.reach.host);
            files::write_atomic(&connection.known_hosts(), line.as_bytes(), 0o600)?;
        }
        // The process that stays keeps standard error open, so whoever waited for the end of a pipe would wait for it.
        let said = connection.folder.path().join("said");
        let to_file = File::create(&said).map_err(SshError::Said)?;
        let mut ssh = connection.ssh(&["-M", "-N", "-f", "-o", "ControlPersist=120"]);
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(to_file);
        let mut child = ssh.spawn().map_err(SshError::Start)?;
        let status = connection.await_end(&mut child, SILENCE).inspect_err(|_| {
            let _ended = child.kill().and_then(|()| child.wait());
        })?;
        if status.success() {
            return Ok(connection);
        }
        let said = String::from_utf8_lossy(&files::read(&said)?).into_owned();
        Err(connection.lost(&said))
    }

    /// Returns where the host is.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Returns who knows the password of sudo.
    pub fn sudo(&self) -> &Arc<Sudo> {
        &self.sudo
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// Returns `ssh` with its options and these, without a command.
    fn ssh(&self, more: &[&str]) -> Command {
        let Reach { host, user, address, port, key } = &self.reach;
        let mut ssh = Command::new("ssh");
        ssh.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
        // Whatever `~/.ssh/config` says: the host gets no agent, no display and no port of this machine, runs what it is asked to and
        // nothing else, and is known by its key alone.
        for option in GIVEN_NOTHING {
            ssh.args(["-o", option]);
        }
        ssh.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"]);
        ssh.args(more).arg("-o").arg(format!("ControlPath={}", self.folder.path().join("socket").display()));
        if let Some(key) = key {
            let kinds = match key.split(' ').next() {
                // One key of RSA, two ways to sign with it.
                Some("ssh-rsa") => "rsa-sha2-512,rsa-sha2-256",
                first => first.unwrap_or_default(),
            };
            ssh.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o"]);
            ssh.arg(format!("UserKnownHostsFile={}", self.known_hosts().display()));
            ssh.args(["-o", &format!("HostKeyAlias={host}"), "-o", &format!("HostKeyAlgorithms={kinds}")]);
        }
        ssh.args(["-p", &port.to_string(), "-l", user, "--", address]);
        ssh
    }

    /// Returns a command that runs these words on the host, as root. What it prints begins behind the line [`BEGIN`].
    fn command(&self, words: &[&str]) -> Result<Command, SshError> {
        self.command_of(self.root.before().iter().chain(words).copied())
    }

    /// The same as whoever signs in.
    fn command_of<'a>(&self, words: impl Iterator<Item = &'a str>) -> Result<Command, SshError> {
        let line = shlex::try_join(words).map_err(|_| SshError::Word)?;
        let mut command = self.ssh(&[]);
        command.arg(format!("echo '{BEGIN}'; exec {line}"));
        Ok(command)
    }

    /// Runs a command on the host and returns what it printed. A command that fails is an error with what it said.
    pub fn ask(&self, words: &[&str], input: impl Into<Arc<[u8]>>) -> Result<Vec<u8>, SshError> {
        self.ask_for(words, input, MOST)
    }

    /// The same for an answer of at most so many bytes.
    pub fn ask_for(
        &self,
        words: &[&str],
        input: impl Into<Arc<[u8]>>,
        most: usize,
    ) -> Result<Vec<u8>, SshError> {
        // Room that is not used takes no memory; one that grows has its half twice while it is copied.
        let mut answer = Vec::with_capacity(most);
        let talk = Talk { words, input: input.into(), most, silence: SILENCE, said: &mut |_| {} };
        let (status, said) = self.talk(talk, &mut |chunk| {
            answer.extend_from_slice(chunk);
            Ok(())
        })?;
        if status.success() {
            return Ok(answer);
        }
        if status.code() == Some(LOST) {
            return Err(self.lost(&said));
        }
        let said = in_one_line(&said);
        let (host, command) = (self.reach.host.clone(), words.join(" "));
        Err(SshError::Failed { host, command, status, said })
    }

    /// Runs a command on the host, hands on each line that it prints and each that it says beside, as they come, and returns its exit
    /// code: [`LOST`] where the connection was, or where nothing came for [`LONG_SILENCE`].
    pub fn show(
        &self,
        words: &[&str],
        printed: &mut dyn FnMut(&str),
        said: &mut dyn FnMut(&str),
    ) -> Result<i32, SshError> {
        let mut lines = Lines::default();
        let talk = Talk { words, input: [].into(), most: MOST, silence: LONG_SILENCE, said };
        match self.talk(talk, &mut |chunk| lines.take(chunk, printed)) {
            Ok((status, _)) => {
                lines.end(printed);
                Ok(status.code().unwrap_or(LOST))
            }
            Err(SshError::Silent { .. }) => Ok(LOST),
            Err(error) => Err(error),
        }
    }

    /// Runs a command on the host and hands on each line that it prints, as it comes. Returns its exit code, [`LOST`] where the
    /// connection was, and what it said beside. A command that has nothing to tell for a while prints empty lines meanwhile.
    pub fn follow(
        &self,
        words: &[&str],
        silence: Duration,
        mut line: impl FnMut(&str),
    ) -> Result<(i32, String), SshError> {
        let mut lines = Lines::default();
        let mut line = |it: &str| {
            if !it.is_empty() {
                line(it)
            }
        };
        let talk = Talk { words, input: [].into(), most: MOST, silence, said: &mut |_| {} };
        let (status, said) = self.talk(talk, &mut |chunk| lines.take(chunk, &mut line))?;
        lines.end(&mut line);
        Ok((status.code().unwrap_or(LOST), in_one_line(&said)))
    }

    /// Runs a command on the host within the limits of what a host may say, and hands on what it prints. Returns how it ended and what
    /// it said beside.
    fn talk(
        &self,
        talk: Talk<'_>,
        printed: &mut dyn FnMut(&[u8]) -> Result<(), Excess>,
    ) -> Result<(ExitStatus, String), SshError> {
        let command = self.command(talk.words)?;
        let first = self.root.first(&self.sudo);
        self.talk_to(command, first, talk, printed)
    }

    /// The same for a command whose input begins with what is wiped then.
    fn talk_to(
        &self,
        mut command: Command,
        first: Option<Zeroizing<Vec<u8>>>,
        talk: Talk<'_>,
        printed: &mut dyn FnMut(&[u8]) -> Result<(), Excess>,
    ) -> Result<(ExitStatus, String), SshError> {
        let Talk { words: _, input, most, silence, said } = talk;
        let stdin = if input.is_empty() && first.is_none() { Stdio::null() } else { Stdio::piped() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(SshError::Start)?;
        let heard = Heard::from(&mut child, first, input);
        let mut taken = Taken::up_to(most);
        let ended = loop {
            match heard.next(silence) {
                Ok(Some(Chunk::Printed(bytes))) => {
                    if let Err(excess) = taken.printed(&bytes, printed) {
                        break Err(self.excess(excess));
                    }
                }
                Ok(Some(Chunk::Said(bytes))) => taken.said(&bytes, said),
                Ok(None) => break Ok(()),
                Err(Silent) => break Err(self.silent(silence)),
            }
        };
        let ended = ended.and_then(|()| self.await_end(&mut child, silence));
        taken.end(said);
        match ended {
            Ok(status) => Ok((status, taken.all_said)),
            Err(error) => {
                // The connection itself has the ends of the pipes.
                self.close();
                let _ended = child.kill().and_then(|()| child.wait());
                Err(error)
            }
        }
    }

    /// Waits for a command that prints nothing any more.
    fn await_end(&self, child: &mut Child, silence: Duration) -> Result<ExitStatus, SshError> {
        let until = Instant::now() + silence;
        loop {
            match child.try_wait().map_err(SshError::Start)? {
                Some(status) => return Ok(status),
                None if Instant::now() > until => return Err(self.silent(silence)),
                None => thread::sleep(LOOK),
            }
        }
    }

    fn silent(&self, silence: Duration) -> SshError {
        SshError::Silent { host: self.reach.host.clone(), secs: silence.as_secs() }
    }

    fn excess(&self, excess: Excess) -> SshError {
        SshError::Excess { host: self.reach.host.clone(), excess }
    }

    /// Ends the connection, and all commands that use it.
    pub fn close(&self) {
        let mut ssh = self.ssh(&["-O", "exit"]);
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A connection that is gone cannot be ended, and nobody wants to hear of it.
        let Ok(mut child) = ssh.spawn() else { return };
        if self.await_end(&mut child, CLOSE).is_err() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }

    fn lost(&self, said: &str) -> SshError {
        let Reach { host, user, address, port, key: _ } = self.reach.clone();
        // The words of ssh's own `sshconnect.c`.
        if said.contains("HOST IDENTIFICATION HAS CHANGED") {
            return SshError::OtherKey { host, address };
        }
        if said.contains("host key is known for") {
            return SshError::NoKey { host, address };
        }
        SshError::Lost { host, user, address, port, said: in_one_line(said) }
    }
}

/// A command on a host.
struct Talk<'a> {
    words: &'a [&'a str],
    input: Arc<[u8]>,
    /// How much it may print, in bytes.
    most: usize,
    /// How long nothing may come and go.
    silence: Duration,
    /// Hears each line that the command says beside what it prints.
    said: &'a mut dyn FnMut(&str),
}

fn in_one_line(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    if lines.is_empty() { "ssh said nothing".to_owned() } else { lines.join("; ") }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}
