//! The one door to ssh: the system's own, with one connection for all commands to a host.
//!
//! Keys, agents, jump hosts and the like are set up where operators have always set them up, in `~/.ssh/config`. Nothing is
//! asked for: what would need a terminal fails.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::store::files;

/// The exit code of ssh itself, where the connection failed or was lost.
pub const LOST: i32 = 255;

/// The line between what a login shell prints by itself, as a `~/.bashrc` that greets, and what a command prints.
const BEGIN: &str = "kolla-lang begins here";

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
    Folder(#[source] io::Error),
    #[error("a word of a command has a zero byte")]
    Word,
    #[error("cannot reach {host} as {user}@{address}, port {port}: {said}")]
    Lost { host: String, user: String, address: String, port: u16, said: String },
    #[error("`{command}` on {host} ended with {status}: {said}")]
    Failed { host: String, command: String, status: ExitStatus, said: String },
}

/// A connection to a host, for all commands; it ends with this value.
#[derive(Debug)]
pub struct Connection {
    reach: Reach,
    /// The socket of the connection, the one key that is accepted, and what ssh said while it connected.
    folder: TempDir,
}

impl Connection {
    /// Connects to a host.
    pub fn open(reach: Reach) -> Result<Self, SshError> {
        // The name of a socket may not be long, so the folder lies where names are short.
        let folder = tempfile::Builder::new().prefix("kl-").tempdir_in("/tmp").map_err(SshError::Folder)?;
        let connection = Self { reach, folder };
        if let Some(key) = &connection.reach.key {
            let line = format!("{} {key}\n", connection.reach.host);
            files::write_atomic(&connection.known_hosts(), line.as_bytes(), 0o600)?;
        }
        // The process that stays keeps standard error open, so whoever waited for the end of a pipe would wait for it.
        let said = connection.folder.path().join("said");
        let to_file = File::create(&said).map_err(SshError::Folder)?;
        let mut ssh = connection.ssh(&["-M", "-N", "-f", "-o", "ControlPersist=120"]);
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(to_file);
        if ssh.status().map_err(SshError::Start)?.success() {
            return Ok(connection);
        }
        let said = String::from_utf8_lossy(&files::read(&said)?).into_owned();
        Err(connection.lost(&said))
    }

    /// Returns where the host is.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// Returns `ssh` with its options and these, without a command.
    fn ssh(&self, more: &[&str]) -> Command {
        let Reach { host, user, address, port, key } = &self.reach;
        let mut ssh = Command::new("ssh");
        ssh.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
        ssh.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"]);
        ssh.args(more).arg("-o").arg(format!("ControlPath={}", self.folder.path().join("socket").display()));
        if let Some(key) = key {
            let kinds = match key.split(' ').next() {
                // One key of RSA, two ways to sign with it.
                Some("ssh-rsa") => "rsa-sha2-512,rsa-sha2-256",
                first => first.unwrap_or_default(),
            };
            ssh.args(["-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null", "-o"]);
            ssh.arg(format!("UserKnownHostsFile={}", self.known_hosts().display()));
            ssh.args(["-o", &format!("HostKeyAlias={host}"), "-o", &format!("HostKeyAlgorithms={kinds}")]);
        }
        ssh.args(["-p", &port.to_string(), "-l", user, "--", address]);
        ssh
    }

    /// Returns a command that runs these words on the host, as root. What it prints begins behind the line [`BEGIN`].
    fn command(&self, words: &[&str]) -> Result<Command, SshError> {
        let sudo: &[&str] = if self.reach.user == "root" { &[] } else { &["sudo", "-n", "--"] };
        let line = shlex::try_join(sudo.iter().chain(words).copied()).map_err(|_| SshError::Word)?;
        let mut command = self.ssh(&[]);
        command.arg(format!("echo '{BEGIN}'; exec {line}"));
        Ok(command)
    }

    /// Runs a command on the host and returns what it printed. A command that fails is an error with what it said.
    pub fn ask(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>, SshError> {
        let mut command = self.command(words)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(SshError::Start)?;
        let output = thread::scope(|scope| {
            let stdin = child.stdin.take();
            // A host that reads no further ends with an error of its own, which says more.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output()
        });
        let Output { status, stdout, stderr } = output.map_err(SshError::Start)?;
        if status.success() {
            let mut lines = BufReader::new(stdout.as_slice());
            skip_greeting(&mut lines);
            let mut rest = Vec::new();
            lines.read_to_end(&mut rest).map_err(SshError::Start)?;
            return Ok(rest);
        }
        let said = String::from_utf8_lossy(&stderr);
        if status.code() == Some(LOST) {
            return Err(self.lost(&said));
        }
        let said = in_one_line(&said);
        let (host, command) = (self.reach.host.clone(), words.join(" "));
        Err(SshError::Failed { host, command, status, said })
    }

    /// Runs a command on the host whose output goes where this program's goes, and returns its exit code: [`LOST`] where the
    /// connection was.
    pub fn show(&self, words: &[&str]) -> Result<i32, SshError> {
        let mut command = self.command(words)?;
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(SshError::Start)?;
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            skip_greeting(&mut stdout);
            hand_on(&mut stdout);
        }
        let status = child.wait().map_err(SshError::Start)?;
        Ok(status.code().unwrap_or(LOST))
    }

    /// Runs a command on the host and hands on each line that it prints, as it comes. Returns its exit code, [`LOST`] where the
    /// connection was, and what it said beside.
    pub fn follow(&self, words: &[&str], mut line: impl FnMut(&str)) -> Result<(i32, String), SshError> {
        let mut command = self.command(words)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(SshError::Start)?;
        let said = thread::scope(|scope| {
            let stderr = child.stderr.take();
            let said = scope.spawn(move || {
                let mut said = Vec::new();
                // What was said until a connection broke is said.
                let _broken = stderr.map(|mut stderr| stderr.read_to_end(&mut said));
                String::from_utf8_lossy(&said).into_owned()
            });
            let mut stdout = child.stdout.take().map(BufReader::new);
            stdout.iter_mut().for_each(skip_greeting);
            let lines = stdout.into_iter().flat_map(BufRead::lines);
            lines.map_while(Result::ok).for_each(|it| line(&it));
            said.join().unwrap_or_default()
        });
        let status = child.wait().map_err(SshError::Start)?;
        Ok((status.code().unwrap_or(LOST), in_one_line(&said)))
    }

    /// Ends the connection, and all commands that use it.
    pub fn close(&self) {
        let mut ssh = self.ssh(&["-O", "exit"]);
        // A connection that is gone cannot be ended, and nobody wants to hear of it.
        let _unheard = ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    fn lost(&self, said: &str) -> SshError {
        let Reach { host, user, address, port, key: _ } = self.reach.clone();
        SshError::Lost { host, user, address, port, said: in_one_line(said) }
    }
}

/// Reads past what was printed before a command ran. A connection that broke before has printed nothing.
fn skip_greeting(stdout: &mut impl BufRead) {
    let mut line = Vec::new();
    // An error comes again when the rest is read.
    while stdout.read_until(b'\n', &mut line).is_ok_and(|n| n > 0)
        && line.trim_ascii_end() != BEGIN.as_bytes()
    {
        line.clear();
    }
}

/// Prints what comes, as it comes, to the end: whoever prints there must not be stopped because nobody reads here any more.
fn hand_on(stdout: &mut impl BufRead) {
    loop {
        let n_read = match stdout.fill_buf() {
            Ok([]) | Err(_) => return,
            Ok(bytes) => {
                let mut here = io::stdout().lock();
                let _unread = here.write_all(bytes).and_then(|()| here.flush());
                bytes.len()
            }
        };
        stdout.consume(n_read);
    }
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
