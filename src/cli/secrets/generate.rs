//! `secrets generate`: makes what the cloud lacks and nothing else.

use super::super::exit::Exit;
use super::super::host::{Answer, complain};
use super::book::Book;
use crate::secrets::generate::generate;
use crate::secrets::wanted::{Trouble, compare};

/// Runs the command.
pub fn run(book: &mut Book, answer: Answer) -> Result<(), Exit> {
    book.require_operators()?;
    let troubles = compare(&book.file, &book.wanted);
    let missing = troubles.into_iter().filter(|(_, trouble)| *trouble == Trouble::NotMade);
    let missing: Vec<String> = missing.map(|(name, _)| name).collect();
    for name in &missing {
        let parts = generate(book.wanted(name)?.kind).map_err(|error| complain(&error, Exit::Refused))?;
        book.put(name, parts)?;
    }
    if !missing.is_empty() {
        book.save()?;
    }
    book.say_done("made", &missing, answer);
    Ok(())
}
