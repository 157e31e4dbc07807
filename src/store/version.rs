//! Versions that compare by their numbers, and formats of data, which have one.
//!
//! Knows no suffixes: what has one is no version here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Numbers between dots, at most four. One that is not written counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version([u32; 4]);

impl Version {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0; 4];
        for (idx, part) in text.split('.').enumerate() {
            let is_number = !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
            *numbers.get_mut(idx)? = part.parse().ok().filter(|_| is_number)?;
        }
        Some(Self(numbers))
    }
}

/// At least two numbers, and none behind them that is 0.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_told = self.0.iter().rposition(|it| *it != 0).map_or(2, |last| (last + 1).max(2));
        let told: Vec<String> = self.0.iter().take(n_told).map(u32::to_string).collect();
        f.write_str(&told.join("."))
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no version of numbers between dots"))
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// The format of the data in a volume: once units that write it ran with this one, no unit of an earlier one may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFormat {
    /// Its version, numbers between dots.
    pub version: Version,
    /// Earlier formats that are taken over directly; none: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Version>,
    /// Units that write the volume, sorted.
    pub units: Vec<String>,
}

/// Why data of a format are not for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// They have a later format than it reads.
    Later,
    /// They have an earlier one, and it does not take that over.
    Step,
}

impl DataFormat {
    /// Says why data that have a format are not for the units of this one, if they are not.
    pub fn misfit(&self, has: Version) -> Option<Misfit> {
        if has > self.version {
            Some(Misfit::Later)
        } else if has < self.version && !self.from.is_empty() && !self.from.contains(&has) {
            Some(Misfit::Step)
        } else {
            None
        }
    }

    /// Names the earlier formats that it takes over, for a message.
    pub fn from_text(&self) -> String {
        self.from.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        let of = |text: &str| Version::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert!(of("3.9") < of("3.13") && of("3.13") < of("4.0") && of("10.11") > of("9"));
        assert_eq!(of("4"), of("4.0.0"));
        assert_eq!(["4", "10.11", "1.0.2"].map(|it| of(it).to_string()), ["4.0", "10.11", "1.0.2"]);
        for text in ["", "4.", ".4", "4.x", "+4", "4.0.0.0.0", "99999999999", "4 .0"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
