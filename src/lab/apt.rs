//! Asks the machine's own apt where Debian comes from and how to reach it, so that no mirror is named in kolla-lang.
//!
//! Changes nothing in apt and fetches nothing.

use std::process::Command;

use super::needs::KEYRING;
use super::{LabError, tool};

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// Lines of a sources.list.
    pub sources: Vec<String>,
    /// Settings of apt, as they are written in apt.conf.
    pub settings: Vec<String>,
}

/// One line per index: what an `apt-get update` would fetch.
const FORMAT: &str = "$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)";

/// Settings worth passing on: how to reach a mirror, and which of its promises this machine does not insist on.
const SETTINGS: &[&str] =
    &["Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIP"];

/// Returns the archive of a Debian release, from the mirrors this machine uses itself.
pub(super) fn archive(suite: &str) -> Result<Archive, LabError> {
    let targets = tool::run(Command::new("apt-get").args(["indextargets", "--format", FORMAT]))?;
    let sources = sources(&targets, suite);
    if sources.is_empty() {
        return Err(LabError::NoMirror);
    }
    let dump = tool::run(Command::new("apt-config").args(["dump", "--format", "%F \"%v\";%n"]))?;
    Ok(Archive { sources, settings: settings(&dump) })
}

/// Returns the sources of `suite` on the mirrors among apt's index targets.
fn sources(targets: &str, suite: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for target in targets.lines() {
        let fields: Vec<_> = target.split('|').collect();
        let ["Packages", uri, release, "main", "Debian", label] = fields[..] else { continue };
        let pocket = match label {
            "Debian-Security" => "-security",
            _ if release.ends_with("-updates") => "-updates",
            // What else has a dash is a pocket nobody asked for: backports, proposed updates.
            _ if release.contains('-') => continue,
            _ => "",
        };
        let line = format!("deb [signed-by={KEYRING}] {uri} {suite}{pocket} main");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Returns the settings that reach a mirror, of all that apt has.
fn settings(dump: &str) -> Vec<String> {
    dump.lines()
        .filter(|line| SETTINGS.iter().any(|it| line.starts_with(it)) && !line.ends_with(" \"\";"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_comes_from_the_same_mirrors() {
        let targets = "\
DEP-11|http://mirror/debian/|bookworm|main|Debian|Debian
Packages|http://mirror/debian-security/|bookworm-security|main|Debian|Debian-Security
Packages|http://mirror/debian/|bookworm|main|Debian|Debian
Packages|http://mirror/debian/|bookworm-updates|main|Debian|Debian
Packages|http://mirror/debian/|bookworm-backports|main|Debian Backports|Debian Backports
Packages|http://other/tools/|stable|main|Other|Other
Packages|http://mirror/debian/|bookworm|contrib|Debian|Debian
";
        let expected = [
            format!("deb [signed-by={KEYRING}] http://mirror/debian-security/ trixie-security main"),
            format!("deb [signed-by={KEYRING}] http://mirror/debian/ trixie main"),
            format!("deb [signed-by={KEYRING}] http://mirror/debian/ trixie-updates main"),
        ];
        assert_eq!(sources(targets, "trixie"), expected);
    }

    #[test]
    fn proxies_are_passed_on_and_the_rest_is_not() {
        let dump = "\
Acquire \"\";
Acquire::http::Proxy \"http://proxy:3128\";
Acquire::https::Proxy \"\";
Acquire::Check-Valid-Until \"false\";
Acquire::Languages:: \"none\";
";
        let expected =
            ["Acquire::http::Proxy \"http://proxy:3128\";", "Acquire::Check-Valid-Until \"false\";"];
        assert_eq!(settings(dump), expected);
    }
}
