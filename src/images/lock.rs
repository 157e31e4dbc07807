//! The file `images.lock`: what each tag meant when somebody pinned it. Text beside the description, friendly to git.
//!
//! Asks no registry and knows no description.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::reference;
use store::Digest;
use store::files::{self, FileError};

/// The version of this form.
const VERSION: u32 = 1;

/// The name of the file.
pub const FILE_NAME: &str = "images.lock";

/// What stands above the entries.
const HEAD: &str = "\
# What each tag of an image meant when it was pinned. Written by `kolla-lang images pin`; it belongs beside the description
# and into git. Hosts get these bytes, whatever the tags mean by now.

";

/// What stands below the entries: without it a file that lost its end could look whole.
const END: &str = "\n# end";

/// The largest file that is read. A cloud names some hundred images; a line takes less than 400 bytes.
const LARGEST: u64 = 4 << 20;

/// The digests of images by reference, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImagesLock(pub BTreeMap<String, Pinned>);

/// The digest of the manifest of an image, as registries write it: `sha256:` and 64 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pinned(Digest);

impl Pinned {
    /// Names bytes of a manifest.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Digest::of(bytes))
    }

    /// Reads it as a registry writes it.
    pub fn parse(text: &str) -> Option<Self> {
        text.strip_prefix("sha256:").and_then(|it| it.parse().ok()).map(Self)
    }

    /// Returns enough of it for people.
    pub fn short(&self) -> String {
        format!("sha256:{}", self.0.short())
    }
}

impl std::fmt::Display for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl From<Pinned> for String {
    fn from(it: Pinned) -> Self {
        it.to_string()
    }
}

impl TryFrom<String> for Pinned {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a digest is `sha256:` and 64 hexadecimal digits")
    }
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LockError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} is no whole lock of images: {why}", path.display())]
    Form { path: PathBuf, why: String },
    #[error("{} has version {version}, and this kolla-lang reads version {VERSION}", path.display())]
    Version { path: PathBuf, version: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    #[serde(default)]
    images: BTreeMap<String, Pinned>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Returns where the lock of a description lies: in its folder, for all descriptions there.
pub fn path_of(description: &Path) -> PathBuf {
    description.with_file_name(FILE_NAME)
}

/// Reads a lock; one that is not there pins nothing.
pub fn load(path: &Path) -> Result<ImagesLock, LockError> {
    let form = |why: String| LockError::Form { path: path.to_owned(), why };
    let Some(bytes) = files::read_plain(path, LARGEST)? else { return Ok(ImagesLock::default()) };
    parse(&bytes).map_err(|fault| match fault {
        Fault::Form(why) => form(why),
        Fault::Version(version) => LockError::Version { path: path.to_owned(), version },
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Form(String),
    Version(u32),
}

fn parse(bytes: &[u8]) -> Result<ImagesLock, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Form("it is not UTF-8".to_owned()))?;
    let why = |error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        let said: String = error.message().lines().next().unwrap_or_default().chars().take(100).collect();
        Fault::Form(format!("line {line}: {said}"))
    };
    let Versioned { version } = toml::from_str(text).map_err(why)?;
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    let Form { version: _, images } = toml::from_str(text).map_err(why)?;
    if !text.trim_end().ends_with(END) {
        return Err(Fault::Form("its last line, `# end`, is missing".to_owned()));
    }
    match images.keys().find(|it| reference::has_digest(it)) {
        Some(name) => Err(Fault::Form(format!("`{name}` has a digest of its own"))),
        None => Ok(ImagesLock(images)),
    }
}

impl ImagesLock {
    /// Returns the reference by digest of one by tag, if that is pinned.
    pub fn resolve(&self, image: &str) -> Option<String> {
        self.0.get(image).map(|digest| reference::by_digest(image, &digest.to_string()))
    }

    /// Returns the file's one text.
    pub fn to_text(&self) -> String {
        let form = Form { version: VERSION, images: self.0.clone() };
        // Tables of texts can always be written.
        format!("{HEAD}{}{END}\n", toml::to_string(&form).unwrap_or_default())
    }

    /// Writes the file; a reader sees the old text or the new one.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        files::write_synced(path, self.to_text().as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> ImagesLock {
        let names = ["quay.io/b/c:1", "quay.io/a:1"];
        ImagesLock(names.iter().map(|name| ((*name).to_owned(), Pinned::of(name.as_bytes()))).collect())
    }

    #[test]
    fn a_lock_is_read_back_as_it_was_and_is_sorted() {
        let text = lock().to_text();
        assert_eq!(parse(text.as_bytes()), Ok(lock()));
        assert!(
            text.find("quay.io/a").is_some_and(|a| text.find("quay.io/b").is_some_and(|b| a < b)),
            "{text}"
        );
        assert_eq!(parse(ImagesLock::default().to_text().as_bytes()), Ok(ImagesLock::default()));
    }

    #[test]
    fn a_lock_that_lost_its_end_anywhere_is_not_read() {
        let text = lock().to_text();
        for end in 0..text.len() - 1 {
            assert!(parse(&text.as_bytes()[..end]).is_err(), "{}", &text[..end]);
        }
    }

    #[test]
    fn what_no_pin_has_written_is_named() {
        let check = |text: &str, expected: &str| match parse(format!("{text}\n# end\n").as_bytes()) {
            Err(Fault::Form(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{text}: {other:?}"),
        };
        let digest = format!("sha256:{}", "0".repeat(64));
        check("version = 1\n[images]\n\"a:1\" = \"sha256:12\"\n", "line 3: a digest is `sha256:`");
        check("version = 1\nsurprise = 1\n", "line 2: unknown field");
        check(&format!("version = 1\n[images]\n\"a@{digest}\" = \"{digest}\"\n"), "has a digest of its own");
        check(&format!("version = 1\n[images]\n\"a:1\" = \"{digest}\"\n\"a:1\" = \"{digest}\"\n"), "line 4");
        assert_eq!(parse(b"version = 2\nfuture = true\n"), Err(Fault::Version(2)));
    }

    #[test]
    fn a_pinned_tag_is_named_by_its_digest_and_no_other_is() {
        let digest = Pinned::of(b"quay.io/a:1");
        assert_eq!(lock().resolve("quay.io/a:1"), Some(format!("quay.io/a@{digest}")));
        assert_eq!(lock().resolve("quay.io/a:2"), None);
    }
}
