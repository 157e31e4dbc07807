//! A description that is being edited: texts that an editor has open, in place of those of the world, and what was parsed of each
//! text before. The answer is always that of a description that is read for the first time.
//!
//! Watches nothing: who knows that a file of the world has changed says so.

use crate::diag::{Diagnostic, Problems};
use crate::source::{ReadError, SourceMap, World};
use crate::syntax::Parsed;
use crate::types;
use crate::value::{self, budget};
use crate::{Checked, Compiled};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A description that is open in an editor.
pub struct Session<W> {
    world: Edited<W>,
    entries: Vec<String>,
    partition: Option<String>,
    parsed: Parsed,
    known: Known,
}

/// How much is known of the texts as they are now.
enum Known {
    Nothing,
    Types(Box<Checked>),
    Values(Box<Compiled>),
}

/// A world in which some files have texts that were not saved.
struct Edited<W> {
    world: W,
    texts: BTreeMap<String, Arc<str>>,
}

impl<W: World> World for Edited<W> {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        self.texts.get(path).map_or_else(|| self.world.read(path), |text| Ok(text.clone()))
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        self.world.library(path)
    }

    fn library_modules(&self) -> Vec<String> {
        self.world.library_modules()
    }
}

impl<W: World> Session<W> {
    /// Opens a description by its entry files and its partition, as [`crate::compile`] takes them. Reads nothing yet.
    pub fn new(world: W, entries: &[&str], partition: Option<&str>) -> Session<W> {
        Session {
            world: Edited { world, texts: BTreeMap::new() },
            entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
            partition: partition.map(str::to_owned),
            parsed: Parsed::default(),
            known: Known::Nothing,
        }
    }

    /// Gives a file of the site a text, whatever the world has, and returns what is wrong in any file as far as it is seen without
    /// values, sorted: an answer for every key that is pressed. [`Session::diagnostics`] says the rest.
    ///
    /// # Errors
    /// When an entry file cannot be read.
    pub fn set_file(&mut self, path: &str, text: &str) -> Result<Vec<Diagnostic>, ReadError> {
        self.world.texts.insert(path.to_owned(), text.into());
        self.refresh()
    }

    /// Gives a file back to the world, and returns what is wrong then, as [`Session::set_file`] does.
    ///
    /// # Errors
    /// As [`Session::set_file`].
    pub fn close_file(&mut self, path: &str) -> Result<Vec<Diagnostic>, ReadError> {
        self.world.texts.remove(path);
        self.refresh()
    }

    /// Reads again what the world has, and returns what is wrong then, as [`Session::set_file`] does.
    ///
    /// # Errors
    /// As [`Session::set_file`].
    pub fn refresh(&mut self) -> Result<Vec<Diagnostic>, ReadError> {
        self.known = Known::Nothing;
        let checked = self.check()?;
        let found = checked.problems().sorted();
        self.known = Known::Types(Box::new(checked));
        Ok(found)
    }

    /// Returns all that is wrong, values and parts among it, sorted. Parts are evaluated on up to `jobs` threads.
    ///
    /// # Errors
    /// As [`Session::set_file`].
    pub fn diagnostics(&mut self, jobs: usize) -> Result<Vec<Diagnostic>, ReadError> {
        let compiled = self.compiled()?;
        let (_, parts) = compiled.parts(jobs, |_, _| ());
        let mut all = compiled.problems().clone();
        all.extend(parts);
        Ok(all.sorted())
    }

    /// Returns the description as it is now, for values and explanations.
    ///
    /// # Errors
    /// As [`Session::set_file`].
    pub fn compiled(&mut self) -> Result<&Compiled, ReadError> {
        let compiled = match std::mem::replace(&mut self.known, Known::Nothing) {
            Known::Values(compiled) => compiled,
            Known::Types(checked) => Box::new(checked.evaluate(self.partition.as_deref())),
            Known::Nothing => Box::new(self.check()?.evaluate(self.partition.as_deref())),
        };
        self.known = Known::Values(compiled);
        match &self.known {
            Known::Values(compiled) => Ok(compiled),
            // It was put there.
            Known::Nothing | Known::Types(_) => Err(ReadError::Other("nothing was compiled".into())),
        }
    }

    /// Returns the texts that places of the last answer are in, if there was one.
    pub fn sources(&self) -> Option<&SourceMap> {
        match &self.known {
            Known::Nothing => None,
            Known::Types(checked) => Some(checked.sources()),
            Known::Values(compiled) => Some(compiled.sources()),
        }
    }

    fn check(&mut self) -> Result<Checked, ReadError> {
        let entries: Vec<&str> = self.entries.iter().map(String::as_str).collect();
        budget::compiling(|| {
            let mut problems = Problems::default();
            let files = types::load::load_again(&self.world, &entries, &mut self.parsed, &mut problems)?;
            let builtins = value::builtins::signatures();
            let (program, problems) = types::items::check(&self.world, builtins, files, None, problems);
            Ok(Checked { program, problems })
        })
    }
}
