//! Times what an editor waits for: `edits DIR ENTRY STDLIB FILE N` opens a description, edits one file of it N times, each time by
//! another text, and prints the microseconds of one processor until it is typed, and until all its values are known, as JSON. The first are cold.
//!
//! Used by tests/bench; it is no part of the tool.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a tool for measuring, and no part of the language"
)]

use kl::session::Session;
use kl::source::{ReadError, World};
use std::path::PathBuf;
use std::sync::Arc;

struct Folders {
    site: PathBuf,
    library: PathBuf,
}

impl World for Folders {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        let text = std::fs::read_to_string(self.site.join(path));
        text.map(Arc::from).map_err(|error| ReadError::Other(error.to_string()))
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        std::fs::read_to_string(self.library.join(path)).ok().map(Arc::from)
    }

    fn library_modules(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The microseconds of a processor that this thread took so far: what else the machine does is not counted.
fn cpu_us() -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: u64 = text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?;
    Ok(nanos / 1000)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [site, entry, library, file, n] = words.as_slice() else {
        return Err("edits DIR ENTRY STDLIB FILE N".into());
    };
    let world = Folders { site: site.into(), library: library.into() };
    let text = std::fs::read_to_string(world.site.join(file))?;
    let mut session = Session::new(world, &[entry], Some("hosts"));
    let read = |error: ReadError| format!("{error:?}");
    let (mut typed, mut evaluated) = (Vec::new(), Vec::new());
    let mut n_told = 0;
    for i in 0..=n.parse::<usize>()? {
        // Each edit changes a line in the middle of the file.
        let half = text[..text.len() / 2].rfind('\n').map_or(0, |at| at + 1);
        let edited = format!("{}# edit {i}\n{}", &text[..half], &text[half..]);
        let begin = cpu_us()?;
        session.set_file(file, &edited).map_err(read)?;
        typed.push(cpu_us()? - begin);
        n_told = session.diagnostics(1).map_err(read)?.len();
        evaluated.push(cpu_us()? - begin);
    }
    // The first of each knew nothing before.
    println!("{{\"typed_us\": {typed:?}, \"evaluated_us\": {evaluated:?}, \"diagnostics\": {n_told}}}");
    Ok(())
}
