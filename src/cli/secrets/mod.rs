//! `kolla-lang secrets`: makes, shows, changes and re-encrypts the secrets of a cloud. One file per word.

mod book;
mod edit;
mod generate;
mod import;
mod list;
mod rekey;
mod rotate;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::host::Answer;
pub use book::own_keys;
use book::{Book, Purpose};

/// Make, show, change and re-encrypt the secrets of a cloud
#[derive(Debug, Args)]
#[command(
    after_help = "The secrets of cloud.kl lie in cloud.secrets beside it, each encrypted to the operators and to exactly the hosts \
that may read it.\n\nExample: kolla-lang secrets generate --file cloud.kl\n\nExit codes: 0 done, 1 the description or the usage \
is wrong, 2 refused and nothing was changed, 6 another one changes them"
)]
pub struct SecretsArgs {
    #[command(subcommand)]
    what: What,
    /// The description; without it `cloud.kl` in this folder
    #[arg(long, global = true, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A private key of yours, of SSH or age; without it ~/.ssh/id_ed25519 and ~/.ssh/id_rsa
    #[arg(long, global = true, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Print one JSON value; it holds a secret only where `show` was asked for one
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the secrets that the cloud lacks; none is ever made anew
    #[command(after_help = "Example: kolla-lang secrets generate")]
    Generate,
    /// Say of each secret what it is, its version, and who may read it
    #[command(after_help = "Example: kolla-lang secrets list")]
    List,
    /// Print a secret
    #[command(after_help = "Example: kolla-lang secrets show keystone/admin")]
    Show(show::ShowArgs),
    /// Give a secret another value, from standard input or with $EDITOR
    #[command(after_help = "Examples: kolla-lang secrets edit keystone/admin <new.txt\n          \
kolla-lang secrets edit tls/vip/public --from certificate=fullchain.pem --from key=privkey.pem --from authority=ca.pem")]
    Edit(edit::EditArgs),
    /// Make secrets anew, as the next version
    #[command(after_help = "Example: kolla-lang secrets rotate keystone/db")]
    Rotate(rotate::RotateArgs),
    /// Encrypt secrets again to exactly those who may read them now
    #[command(after_help = "Example: kolla-lang secrets rekey")]
    Rekey,
    /// Take over the values of a passwords.yml of kolla-ansible
    #[command(after_help = "Example: kolla-lang secrets import /etc/kolla/passwords.yml")]
    Import(import::ImportArgs),
}

/// Runs the command.
pub fn run(args: &SecretsArgs) -> Exit {
    let SecretsArgs { what, file, identity, json } = args;
    let answer = Answer::of(*json);
    let purpose = match what {
        What::List | What::Show(_) => Purpose::Look,
        What::Generate | What::Edit(_) | What::Rotate(_) | What::Rekey | What::Import(_) => Purpose::Change,
    };
    let ended = Book::open(file.as_deref(), identity, purpose, answer).and_then(|mut book| match what {
        What::Generate => generate::run(&mut book, answer),
        What::List => list::run(&book, answer),
        What::Show(args) => show::run(&book, args, answer),
        What::Edit(args) => edit::run(&mut book, args, answer),
        What::Rotate(args) => rotate::run(&mut book, args, answer),
        What::Rekey => rekey::run(&mut book, answer),
        What::Import(args) => import::run(&mut book, args, answer),
    });
    ended.err().unwrap_or(Exit::Done)
}
