//! `secrets generate`: makes what the cloud lacks and nothing else.

use super::super::exit::Exit;
use super::super::host::Answer;
use super::book::Book;
use secrets::wanted::{EntryError, compare};

/// Runs the command.
pub fn run(book: &mut Book, answer: Answer) -> Result<(), Exit> {
    book.require_operators()?;
    let troubles = compare(&book.file, &book.wanted);
    let missing = troubles.into_iter().filter(|(_, trouble)| *trouble == EntryError::NotMade);
    let mut missing: Vec<String> = missing.map(|(name, _)| name).collect();
    book.in_order(&mut missing);
    for name in &missing {
        let parts = book.generate(name)?;
        book.put(name, parts)?;
    }
    if !missing.is_empty() {
        book.save()?;
    }
    book.say_done("made", &missing, answer);
    Ok(())
}
