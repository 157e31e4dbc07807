//! `secrets rotate`: makes secrets anew as their next version. What is rolled out by a build and a switch is not its business.

use clap::Args;

use super::super::exit::Exit;
use super::super::host::{Answer, complain};
use super::super::say::say_wrong;
use super::super::secrets_of::how_to_give;
use super::book::Book;
use secrets::generate::turned;
use store::manifest::SecretKind;

/// Which secrets are made anew.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// The secrets
    #[arg(required = true)]
    names: Vec<String>,
}

/// Runs the command.
pub fn run(book: &mut Book, args: &RotateArgs, answer: Answer) -> Result<(), Exit> {
    book.require_operators()?;
    let mut names = args.names.clone();
    book.in_order(&mut names);
    names.dedup();
    for name in &names {
        if book.wanted(name)?.kind.is_given() {
            say_wrong!(
                "error: the secret `{name}` is given and not made here, so it cannot be rotated; nothing was changed"
            );
            say_wrong!("  help: {}", how_to_give(name));
            return Err(Exit::Refused);
        }
    }
    for name in &names {
        let parts = match book.wanted(name)?.kind {
            // The next keys of a set begin with those of the last one: what they signed stays good.
            SecretKind::Fernet { count } if book.file.secrets.contains_key(name) => {
                turned(count, &book.parts(name)?).map_err(|error| complain(&error, Exit::Refused))?
            }
            _ => book.generate(name)?,
        };
        book.put(name, parts)?;
    }
    book.save()?;
    book.say_done("rotated", &names, answer);
    Ok(())
}
