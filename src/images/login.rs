//! Logins of registries, as `podman login` keeps them on this machine, and as podman reads them. They are secrets: nothing here prints
//! one or keeps it longer than a question takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use store::files::{self, FileError};
use store::manifest::entry_of;

/// Logins that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// A file of them cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not as podman writes it. What the parser would say may quote a login.
    #[error("{} holds no logins of registries: line {line} is not as `podman login` writes it", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where it is not.
        line: usize,
    },
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// `user:password` in base64; none where a helper keeps it.
    #[serde(default)]
    auth: Option<Zeroizing<String>>,
}

/// Returns what stands behind `Basic` in a request for a repository, from the first file that has it, as podman looks for it
/// (containers-auth.json(5)).
pub fn find(registry: &str, repository: &str) -> Result<Option<Zeroizing<String>>, LoginError> {
    for path in places() {
        if let Some(found) = find_in(&path, registry, repository)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The same of one file; nothing where it is not there.
pub fn find_in(
    path: &Path,
    registry: &str,
    repository: &str,
) -> Result<Option<Zeroizing<String>>, LoginError> {
    let Some(bytes) = files::read_if_there(path)?.map(Zeroizing::new) else { return Ok(None) };
    let form = serde_json::from_slice(&bytes)
        .map_err(|error| LoginError::Form { path: path.to_owned(), line: error.line() })?;
    Ok(best(form, registry, repository))
}

/// The entry of the longest path that the repository is below.
fn best(form: Form, registry: &str, repository: &str) -> Option<Zeroizing<String>> {
    let whole = format!("{registry}/{repository}");
    let (key, _) = entry_of(&whole, form.auths.keys().map(|key| (key.as_str(), ())))?;
    let key = key.to_owned();
    let mut auths = form.auths;
    auths.remove(&key).and_then(|entry| entry.auth)
}

/// Returns the text of a file with one login, as `podman pull --authfile` takes it (containers-auth.json(5)). `basic` is what stands behind
/// `Basic` in a request.
pub fn authfile(registry: &str, basic: &str) -> Zeroizing<String> {
    // A name in quotes, whatever is in it.
    let registry = serde_json::Value::from(registry).to_string();
    let parts = [r#"{"auths":{"#, &registry, r#":{"auth":""#, basic, "\"}}}\n"];
    // Room for all of it from the start: a string that grows would leave copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|it| it.len()).sum()));
    parts.iter().for_each(|it| text.push_str(it));
    text
}

/// Returns the first file of logins that podman would look into and that is there.
pub fn kept_in() -> Option<PathBuf> {
    places().into_iter().find(|it| it.is_file())
}

fn places() -> Vec<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    // A file that is named is the only one.
    if let Some(path) = of("REGISTRY_AUTH_FILE") {
        return vec![path];
    }
    let run = of("XDG_RUNTIME_DIR").map(|it| it.join("containers/auth.json"));
    let home = of("HOME");
    let config = of("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|it| it.join(".config")));
    let config = config.map(|it| it.join("containers/auth.json"));
    let docker = home.map(|it| it.join(".docker/config.json"));
    // Of root without a session, where podman keeps them.
    let root = rustix::process::geteuid().is_root().then(|| PathBuf::from("/run/containers/0/auth.json"));
    run.into_iter().chain(root).chain(config).chain(docker).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_of_the_longest_path_counts() {
        let text = r#"{"auths":{"quay.io":{"auth":"a"},"quay.io/kolla":{"auth":"b"},"quay.io/ko":{"auth":"c"},"other":{}}}"#;
        let check = |registry: &str, repository: &str, expected: Option<&str>| {
            let form = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(best(form, registry, repository).as_deref().map(String::as_str), expected);
        };
        check("quay.io", "kolla/cron", Some("b"));
        check("quay.io", "x/cron", Some("a"));
        check("other", "x", None);
        check("nowhere", "x", None);
    }

    #[test]
    fn what_podman_is_given_is_read_as_what_it_keeps() {
        let text = authfile("r.example:5000/kolla", "YWRhOnMzY3JldA==");
        let form = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        let found = best(form, "r.example:5000", "kolla/cron");
        assert_eq!(found.as_deref().map(String::as_str), Some("YWRhOnMzY3JldA=="));
        assert!(text.capacity() >= text.len());
    }
}
