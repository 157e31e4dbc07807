//! Logins of registries, as `podman login` keeps them on this machine. They are secrets: nothing here prints one or keeps it longer
//! than a question takes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::store::files::{self, FileError};

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
        let Some(bytes) = files::read_if_there(&path)?.map(Zeroizing::new) else { continue };
        let form: Form =
            serde_json::from_slice(&bytes).map_err(|error| LoginError::Form { path, line: error.line() })?;
        if let Some(found) = best(form, registry, repository) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The entry of the longest path that the repository is below.
fn best(form: Form, registry: &str, repository: &str) -> Option<Zeroizing<String>> {
    let whole = format!("{registry}/{repository}");
    let covers =
        |key: &str| whole == key || whole.strip_prefix(key).is_some_and(|rest| rest.starts_with('/'));
    let found = form.auths.into_iter().filter(|(key, _)| covers(key));
    found.max_by_key(|(key, _)| key.len()).and_then(|(_, entry)| entry.auth)
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
}
