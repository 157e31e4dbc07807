//! The tables of options that this program carries, and what is wrong with documents by them.

use std::sync::OnceLock;

use options::Tables;

/// What the name of a container of tables ends with.
const ENDING: &str = ".lzma";

/// The tables of the library. Each is read once in a process.
pub fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let files = stdlib::files_below("options").into_iter();
        let documents = files.filter_map(|(path, _)| path.strip_suffix(ENDING).map(str::to_owned)).collect();
        Tables::new(documents, |document| stdlib::bytes(&format!("options/{document}{ENDING}")))
    })
}
