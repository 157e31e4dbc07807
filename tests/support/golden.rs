//! Expected texts: compared with what is seen, or rewritten when the environment says BLESS=1.

use super::shown;
use libtest_mimic::Failed;
use similar::{ChangeTag, TextDiff};
use std::path::Path;

/// Whether what is seen becomes what is expected.
pub fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|v| v == "1")
}

/// Compares a file with what was seen, or rewrites it.
pub fn compare_file(path: &Path, seen: &str) -> Result<(), Failed> {
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == seen {
        return Ok(());
    }
    if blessing() {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, seen)?;
        return Ok(());
    }
    Err(differs(&shown(path), &expected, seen))
}

/// The failure that shows a difference and how it would be accepted.
pub fn differs(what: &str, expected: &str, seen: &str) -> Failed {
    let diff = TextDiff::from_lines(expected, seen);
    let mut out = format!("{what} is not as expected (- expected, + seen):\n");
    for group in diff.grouped_ops(2) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            out.push_str(&format!("  {sign}{}\n", change.value().trim_end_matches('\n')));
        }
    }
    out.push_str("to accept it: BLESS=1 cargo test --test suite");
    out.into()
}
