//! `secrets rekey`: encrypts secrets again to exactly those who may read them now. No value and no version changes.

use super::super::exit::Exit;
use super::super::host::Answer;
use super::book::Book;
use secrets::wanted::{EntryError, compare};

/// Runs the command.
pub fn run(book: &mut Book, answer: Answer) -> Result<(), Exit> {
    book.require_operators()?;
    let troubles = compare(&book.file, &book.wanted);
    let wrong = troubles.into_iter().filter(|(_, trouble)| matches!(trouble, EntryError::Readers { .. }));
    let wrong: Vec<String> = wrong.map(|(name, _)| name).collect();
    for name in &wrong {
        let kept = book.read(name)?;
        let Some(entry) = book.file.secrets.get(name) else { continue };
        // Its kind stays what it was made as: whether that is still what is described is another question.
        let (kind, public, made) = (entry.kind.clone(), entry.public.clone(), entry.made.clone());
        book.seal(&kept, kind, public, &made)?;
    }
    if !wrong.is_empty() {
        book.save()?;
    }
    book.say_done("encrypted again", &wrong, answer);
    Ok(())
}
