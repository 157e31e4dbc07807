//! Signing what hosts are to become and what was planned, by an operator who is here.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use super::say::say_wrong;
use activate::history::seconds_now;
use sign::key::SigningKey;
use sign::{SignError, Signed, Signer, Statement, Subject};
use store::Closure;

/// Who signs.
#[derive(Debug, Default, Args)]
pub struct SignArgs {
    /// Sign with this key of an operator: a private key, or a public one whose private key an agent has. Without it one of those in the
    /// description is looked for, in ~/.ssh/id_ed25519 and in the agent
    #[arg(long, value_name = "FILE")]
    sign_with: Option<PathBuf>,
}

impl SignArgs {
    /// Finds who signs, where any of some closures is for a host that takes nothing else, or somebody asked for it.
    pub fn signer<'a>(
        &self,
        closures: impl IntoIterator<Item = &'a Closure>,
    ) -> Result<Option<Signer>, Exit> {
        let found = match &self.sign_with {
            Some(path) => Signer::named(path),
            None => {
                let lines = closures.into_iter().flat_map(|it| it.manifest.operators.values());
                let operators: Vec<SigningKey> = lines.filter_map(|it| SigningKey::parse(it)).collect();
                if operators.is_empty() {
                    return Ok(None);
                }
                let home = std::env::var_os("HOME").map(PathBuf::from);
                let files: Vec<PathBuf> = home.map(|it| it.join(".ssh/id_ed25519")).into_iter().collect();
                Signer::find(&operators, &files)
            }
        };
        found.map(Some).map_err(|error| refused(&error))
    }
}

/// Signs a closure, if there is somebody who signs.
pub fn sign_one(signer: Option<&Signer>, closure: &Closure) -> Result<Option<Signed>, Exit> {
    let (manifest, digest) = (&closure.manifest, closure.digest());
    let subject = Subject::Closure { host: &manifest.host, closure: &digest };
    sign_now(signer, &manifest.cloud, subject)
}

/// Signs something of a cloud, if there is somebody who signs.
pub fn sign_now(signer: Option<&Signer>, cloud: &str, subject: Subject<'_>) -> Result<Option<Signed>, Exit> {
    let Some(signer) = signer else { return Ok(None) };
    let statement = Statement { cloud, subject, counter: seconds_now() };
    signer.sign(&statement).map(Some).map_err(|error| refused(&error))
}

fn refused(error: &SignError) -> Exit {
    let exit = complain(error, Exit::Refused);
    say_wrong!(
        "  help: `ssh-add` gives a key to the agent, `--sign-with FILE` names another; nothing was touched"
    );
    exit
}
