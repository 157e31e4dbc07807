//! The names of switches and rollouts. They become names of files, and they come from hosts: whatever reads one checks it.

use serde::{Deserialize as _, Deserializer};

/// The longest name, in characters.
const LONGEST: usize = 40;

/// Reads a name: digits and `-`.
pub fn parse_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|it| it.is_ascii_digit() || it == b'-')
        && !text.starts_with('-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err(format!("it is made of digits and `-`, at most {LONGEST} of them"))
    }
}

/// Reads a name out of what a host, a journal or a record says.
pub fn of_text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    parse_name(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path_and_no_option() {
        for name in ["1795950770-27218", "17-1-0", "0", "1795950770123-27218-1-0"] {
            assert_eq!(parse_name(name).as_deref(), Ok(name));
        }
        let long = "1".repeat(LONGEST + 1);
        for name in ["", "-1", "../x", "/etc/passwd", "a", "1 2", "1\n", "1\u{1b}", "１", &long] {
            assert!(parse_name(name).is_err(), "{name:?}");
        }
    }
}
