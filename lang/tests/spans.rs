//! Places are of one file: what is edited in one moves nothing in another, and nothing else is parsed again.

use kl::diag::Problems;
use kl::source::{FileId, ReadError, World};
use kl::syntax::Parsed;
use kl::types::load::{Files, load_again};
use std::sync::Arc;

/// A description of three files; the second of them has this text.
struct Texts(&'static str);

impl World for Texts {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        match path {
            "cloud.kl" => Ok("use \"./ports.kl\"\nuse \"./names.kl\"\noption port : Int = http\n".into()),
            "ports.kl" => Ok(self.0.into()),
            "names.kl" => Ok("pub let name = \"web\"  # a name\n".into()),
            _ => Err(ReadError::Missing),
        }
    }

    fn library(&self, _: &str) -> Option<Arc<str>> {
        None
    }

    fn library_modules(&self) -> Vec<String> {
        Vec::new()
    }
}

fn load(text: &'static str, parsed: &mut Parsed) -> Files {
    let mut problems = Problems::default();
    let files = load_again(&Texts(text), &["cloud.kl"], parsed, &mut problems).expect("the entry is there");
    assert!(problems.is_empty(), "{:?}", problems.sorted());
    assert_eq!(files.all.len(), 3);
    files
}

#[test]
fn only_the_edited_file_is_parsed_again() {
    let mut parsed = Parsed::default();
    let before = load("pub let http = 80\n", &mut parsed);
    let after = load("# A port.\npub let http = 8080\n", &mut parsed);
    for (i, (old, new)) in before.all.iter().zip(&after.all).enumerate() {
        let name = &before.sources.file(FileId(i as u16)).name;
        assert_eq!(Arc::ptr_eq(&old.tree, &new.tree), **name != *"ports.kl", "{name}");
    }
}

#[test]
fn a_place_takes_twelve_bytes() {
    assert_eq!(size_of::<kl::source::Span>(), 12);
}
