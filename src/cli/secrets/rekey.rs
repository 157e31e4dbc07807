//! `secrets rekey`: encrypts secrets again to exactly those who may read them now. No value and no version changes.

use super::super::exit::Exit;
use super::super::host::Answer;
use super::book::Book;
use crate::secrets::wanted::{Trouble, compare};

/// Runs the command.
pub fn run(book: &mut Book, answer: Answer) -> Result<(), Exit> {
    book.require_operators()?;
    let troubles = compare(&book.file, &book.wanted);
    let wrong = troubles.into_iter().filter(|(_, trouble)| matches!(trouble, Trouble::Readers { .. }));
    let wrong: Vec<String> = wrong.map(|(name, _)| name).collect();
    for name in &wrong {
        let kept = book.read(name)?;
        let entry = book.file.secrets.get(name);
        let (made, public) = entry.map(|it| (it.made.clone(), it.public.clone())).unwrap_or_default();
        book.seal(&kept, public, &made)?;
    }
    if !wrong.is_empty() {
        book.save()?;
    }
    book.say_done("encrypted again", &wrong, answer);
    Ok(())
}
