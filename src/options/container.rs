//! The container of a document's tables: LZMA of lines, each a release, a tab and JSON. The tables of all releases come first, their helps
//! behind them, so that a check reads no helps. tests/options/container.py writes it.

use lzma_rust2::LzmaReader;
use std::io::{BufRead, BufReader, Read};

/// The most memory of reading one, in KiB: its dictionary has 8 MiB.
const MOST_KIB: u32 = 32 << 10;

/// The most text that is read of one, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// Which line of a release is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its options.
    Table,
    /// Its helps.
    Help,
}

/// Reads one line; `None` when there is no such release.
pub(crate) fn read(container: &[u8], release: &str, part: Part) -> Result<Option<String>, String> {
    let mut n_seen = 0;
    let mut found = None;
    each_line(container, |name, json| {
        n_seen += usize::from(name == release);
        if n_seen == (if part == Part::Table { 1 } else { 2 }) && name == release {
            found = Some(json.to_owned());
        }
        found.is_none()
    })?;
    Ok(found)
}

/// The releases that a container has tables of, in order.
pub(crate) fn releases(container: &[u8]) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    each_line(container, |name, _| {
        let is_new = !all.iter().any(|it| it == name);
        if is_new {
            all.push(name.to_owned());
        }
        is_new
    })?;
    Ok(all)
}

/// Hands out lines for as long as they are wanted.
fn each_line(container: &[u8], mut wants_more: impl FnMut(&str, &str) -> bool) -> Result<(), String> {
    let reader = LzmaReader::new_mem_limit(container, MOST_KIB, None).map_err(|it| it.to_string())?;
    let mut reader = BufReader::with_capacity(1 << 16, reader.take(MOST_BYTES));
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).map_err(|it| it.to_string())? == 0 {
            return Ok(());
        }
        let Some((release, json)) = line.trim_end().split_once('\t') else {
            return Err("a line of it begins with no release".to_owned());
        };
        if !wants_more(release, json) {
            return Ok(());
        }
    }
}
