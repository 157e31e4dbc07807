//! Who signs: a private key of this user that nothing protects, or `ssh-keygen -Y sign`, which asks the agent, or the user for the
//! words that open a key.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::key::SigningKey;
use super::{Signed, Statement};
use child::{self, ChildError, run_within};

/// How long ssh-keygen may take: whoever gives it a passphrase, or touches a key, is a person.
const SIGN_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SignError {
    #[error("no key of an operator who signs is here: not in an agent, and not in {}", files.join(", "))]
    NoKey { files: Vec<String> },
    #[error("cannot write the public key for ssh-keygen")]
    Temporary(#[source] std::io::Error),
    #[error("cannot run ssh-keygen")]
    Run(#[source] std::io::Error),
    #[error(
        "ssh-keygen did not sign within {secs} s: it waits for a passphrase, for a touch of a key or for the agent"
    )]
    Late { secs: u64 },
    #[error("ssh-keygen did not sign: {0}")]
    Failed(String),
    #[error("the key in {} cannot sign", path.display())]
    Key { path: PathBuf, source: ssh_key::Error },
}

/// Signs with one key.
pub struct Signer(Kind);

enum Kind {
    /// A key that was read.
    Own(Box<PrivateKey>, PathBuf),
    /// The file that names a key to ssh-keygen, kept for as long as it is needed.
    Keygen(PathBuf, #[expect(dead_code, reason = "the folder is gone with it")] Option<tempfile::TempDir>),
}

impl Signer {
    /// Finds a key of one of some operators: in these files first, then in the agent.
    pub fn find(operators: &[SigningKey], files: &[PathBuf]) -> Result<Self, SignError> {
        let is_operator = |key: &PrivateKey| {
            let line = key.public_key().to_openssh().unwrap_or_default();
            SigningKey::parse(&line).is_some_and(|it| operators.contains(&it))
        };
        let mut locked = None;
        for path in files {
            // What is no key of an operator is passed over, whatever else it is.
            let Ok(key) = PrivateKey::read_openssh_file(path) else { continue };
            match is_operator(&key) {
                true if key.is_encrypted() => locked = Some(path.clone()),
                true => return Ok(Self(Kind::Own(Box::new(key), path.clone()))),
                false => {}
            }
        }
        if std::env::var_os("SSH_AUTH_SOCK").is_some() {
            let held = agent_keys()?;
            if let Some(key) = operators.iter().find(|it| held.contains(it)) {
                let folder = tempfile::tempdir().map_err(SignError::Temporary)?;
                let path = folder.path().join("operator.pub");
                std::fs::write(&path, format!("{}\n", key.line())).map_err(SignError::Temporary)?;
                return Ok(Self(Kind::Keygen(path, Some(folder))));
            }
        }
        match locked {
            Some(path) => Ok(Self(Kind::Keygen(path, None))),
            None => {
                Err(SignError::NoKey { files: files.iter().map(|it| it.display().to_string()).collect() })
            }
        }
    }

    /// Takes the key that somebody named.
    pub fn named(path: &Path) -> Result<Self, SignError> {
        match PrivateKey::read_openssh_file(path) {
            Ok(key) if !key.is_encrypted() => Ok(Self(Kind::Own(Box::new(key), path.to_owned()))),
            // A public key, or one that its owner must open: ssh-keygen says what is wrong with anything else.
            _ => Ok(Self(Kind::Keygen(path.to_owned(), None))),
        }
    }

    /// Signs a statement.
    pub fn sign(&self, statement: &Statement<'_>) -> Result<Signed, SignError> {
        let (text, namespace) = (statement.to_text(), statement.subject.namespace());
        let armor = match &self.0 {
            Kind::Own(key, path) => {
                let failed = |source| SignError::Key { path: path.clone(), source };
                let made = key.sign(namespace, HashAlg::Sha512, text.as_bytes()).map_err(failed)?;
                made.to_pem(LineEnding::LF).map_err(failed)?
            }
            Kind::Keygen(path, _) => keygen(path, namespace, &text)?,
        };
        Signed::new(statement.counter, &armor)
            .map_err(|_| SignError::Failed("what it printed is no signature".to_owned()))
    }
}

/// Returns the keys that the agent holds.
fn agent_keys() -> Result<Vec<SigningKey>, SignError> {
    let output = run_within(Command::new("ssh-add").arg("-L"), child::ASK).map_err(|error| match error {
        ChildError::Run { source, .. } => SignError::Run(source),
        late => SignError::Failed(late.to_string()),
    })?;
    // Of an agent that holds none it prints a sentence, which is no key.
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(SigningKey::parse).collect())
}

fn keygen(key: &Path, namespace: &str, text: &str) -> Result<String, SignError> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(key);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(SignError::Run)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).map_err(SignError::Run)?;
    }
    // Not by `run_within`: it asks at the terminal, which a group of its own may not read. What it prints fits into a pipe.
    let until = Instant::now() + SIGN_WITHIN;
    while child.try_wait().map_err(SignError::Run)?.is_none() {
        if Instant::now() > until {
            let _ended = child.kill().and_then(|()| child.wait());
            return Err(SignError::Late { secs: SIGN_WITHIN.as_secs() });
        }
        thread::sleep(LOOK);
    }
    let output = child.wait_with_output().map_err(SignError::Run)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(SignError::Failed(said.lines().last().unwrap_or("it said nothing").to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
