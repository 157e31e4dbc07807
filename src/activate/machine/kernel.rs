//! Settings and modules of the kernel as they are, and one setting set.

use super::layout::Layout;
use store::files::{self, FileError, failed};

/// Says whether a setting's text, as the kernel tells it, is this value.
pub fn is_value(text: &str, value: &str) -> bool {
    words(text) == words(value)
}

/// Says whether a module is loaded.
pub fn is_loaded(layout: &Layout, name: &str) -> bool {
    // The kernel writes its modules' names with `_`, whatever they were asked for by.
    layout.at("/sys/module").join(name.replace('-', "_")).exists()
}

/// Says whether the kernel has a setting.
pub fn is_known(layout: &Layout, key: &str) -> bool {
    layout.sysctl(key).exists()
}

/// Reads a setting.
pub fn read(layout: &Layout, key: &str) -> Result<String, FileError> {
    files::read_text(&layout.sysctl(key)).map(|text| text.trim_end().to_owned())
}

/// Sets a setting.
pub fn write(layout: &Layout, key: &str, value: &str) -> Result<(), FileError> {
    let path = layout.sysctl(key);
    // In one write and in place: a setting is no file that could be renamed.
    std::fs::write(&path, format!("{value}\n")).map_err(failed!(Write, path))
}

fn words(value: &str) -> Vec<&str> {
    value.split_whitespace().collect()
}
