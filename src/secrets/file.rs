//! The file of a cloud's secrets: text beside the description, friendly to git, each entry a ciphertext of its own.
//!
//! Opens no entry and knows no description.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use store::files::{self, FileError};
use store::manifest::SecretKind;

/// The version of this form.
const VERSION: u32 = 1;

/// What stands above the entries.
const HEAD: &str = "\
# The secrets of this cloud, each encrypted to those who may read it. Written by `kolla-lang secrets`; it belongs beside
# the description and into git. Entries stand by themselves: two branches that added different ones can be merged as text.

";

/// What stands below the entries: without it a file that lost its end could look whole.
const END: &str = "\n# end";

/// The largest file that is read. Of a thousand hosts that all read a hundred secrets it is a tenth.
const LARGEST: u64 = 256 << 20;

/// The secrets of a cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsFile {
    /// The version of this form, 1.
    version: u32,
    /// The secrets by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, Entry>,
}

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts its rotations, from 1.
    pub version: u32,
    /// Names this making of it among all that ever were: 16 hex digits.
    pub id: String,
    /// The day it was made, as in `2026-11-24`.
    pub made: String,
    /// What it is, as it was described when it was made.
    #[serde(flatten)]
    pub kind: SecretKind,
    /// Who may read it, sorted: `host ctl01 0123456789abcdef`, `operator ada 0123456789abcdef`; the last word names the key.
    pub readers: Vec<String>,
    /// The ciphertext of what is secret of it, in age's armor.
    pub text: String,
    /// Its parts that are no secret, as a certificate is none beside its key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub public: BTreeMap<String, String>,
}

/// A file of secrets that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SecretsFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} is no whole file of secrets: {why}", path.display())]
    Form { path: PathBuf, why: String },
    #[error("{} has version {version}, and this kolla-lang reads version {VERSION}", path.display())]
    Version { path: PathBuf, version: u32 },
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Default for SecretsFile {
    fn default() -> Self {
        Self { version: VERSION, secrets: BTreeMap::new() }
    }
}

/// Returns where the secrets of a description lie: beside it, as `cloud.secrets` beside `cloud.kl`.
pub fn path_of(description: &Path) -> PathBuf {
    description.with_extension("secrets")
}

/// Reads a file of secrets; one that is not there holds none.
pub fn load(path: &Path) -> Result<SecretsFile, SecretsFileError> {
    let Some(bytes) = files::read_plain(path, LARGEST)? else { return Ok(SecretsFile::default()) };
    parse(&bytes).map_err(|error| match error {
        Fault::Form(why) => SecretsFileError::Form { path: path.to_owned(), why },
        Fault::Version(version) => SecretsFileError::Version { path: path.to_owned(), version },
    })
}

enum Fault {
    Form(String),
    Version(u32),
}

fn parse(bytes: &[u8]) -> Result<SecretsFile, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Form("it is not UTF-8".to_owned()))?;
    let why = |error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        Fault::Form(format!("line {line}: {}", shortened(error.message())))
    };
    let Versioned { version } = toml::from_str(text).map_err(why)?;
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    let file = toml::from_str(text).map_err(why)?;
    if !text.trim_end().ends_with(END) {
        return Err(Fault::Form("its last line, `# end`, is missing".to_owned()));
    }
    Ok(file)
}

/// The beginning of what the parser says: it may quote a text of the file, which may be long.
fn shortened(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let short: String = line.chars().take(100).collect();
    if short.len() < line.len() { short + "…" } else { short }
}

impl SecretsFile {
    /// Returns the file's one text.
    pub fn to_text(&self) -> String {
        // Tables with text keys, numbers and texts can always be written.
        format!("{HEAD}{}{END}\n", toml::to_string_pretty(self).unwrap_or_default())
    }

    /// Writes the file; a reader sees the old text or the new one. Where a link leads to it, the link stays; and who may read it may do so
    /// on, but nobody else may write it.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mode = place.metadata().map_or(0o644, |it| it.permissions().mode() & 0o644);
        files::write_synced(&place, self.to_text().as_bytes(), mode)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn entry() -> Entry {
        Entry {
            version: 2,
            id: "0123456789abcdef".into(),
            made: "2026-11-24".into(),
            kind: SecretKind::Fernet { count: 3 },
            readers: vec!["host ctl01 0123456789abcdef".into()],
            text: "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n".into(),
            public: BTreeMap::from([("certificate".into(), "-----BEGIN\nx\n".into())]),
        }
    }

    #[test]
    fn a_file_is_read_back_as_it_was_and_an_entry_is_lines_of_its_own() {
        let mut file = SecretsFile::default();
        let empty = file.to_text();
        file.secrets.insert("keystone/fernet".into(), entry());
        let text = file.to_text();
        assert!(parse(empty.as_bytes()).is_ok_and(|it| it.secrets.is_empty()));
        assert!(parse(text.as_bytes()).is_ok_and(|it| it == file), "{text}");
        assert!(text.contains("\n[secrets.\"keystone/fernet\"]\nversion = 2\n"), "{text}");
        assert!(text.contains("\n-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n"), "{text}");
    }

    #[test]
    fn what_is_torn_or_newer_is_named() {
        assert!(matches!(parse(b"version = 2\nfuture = true\n"), Err(Fault::Version(2))));
        assert!(
            matches!(parse(b"version = 1\n[secrets.x]\nversion = "), Err(Fault::Form(why)) if why.starts_with("line 3"))
        );
        assert!(matches!(parse(b"\xff"), Err(Fault::Form(_))));
    }

    #[test]
    fn a_file_that_lost_its_end_anywhere_is_not_read() {
        let mut file = SecretsFile::default();
        for name in ["a", "b", "c"] {
            file.secrets.insert(name.into(), entry());
        }
        let text = file.to_text();
        for end in 0..text.len() - 1 {
            assert!(parse(&text.as_bytes()[..end]).is_err(), "{}", &text[..end]);
        }
    }

    #[test]
    fn no_long_text_of_the_file_is_quoted() {
        let text = format!("version = 1\n[secrets.x]\nversion = \"{}\"\n# end\n", "A".repeat(5000));
        let Err(Fault::Form(why)) = parse(text.as_bytes()) else { panic!("it was read") };
        assert!(why.starts_with("line 3: ") && why.len() < 130, "{why}");
    }

    #[test]
    fn what_is_no_file_is_named() -> Result<(), Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        let told = |path: &Path| load(path).err().map(|it| it.to_string()).unwrap_or_default();
        assert!(told(root.path()).ends_with(" is no file"));
        assert!(load(&root.path().join("absent"))?.secrets.is_empty());
        let large = root.path().join("large");
        fs::File::create(&large)?.set_len(LARGEST + 1)?;
        assert!(told(&large).ends_with(" is larger than 256 MiB"));
        Ok(())
    }
}
