//! Logins of registries that a description names, opened by the operator who asks a registry.

use std::cell::OnceCell;
use std::error::Error;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::secrets::own_keys;
use super::{secrets_of, terminal};
use model::Cloud;
use secrets::deliver::basic;
use secrets::file::SecretsFile;
use secrets::seal::{Ask, OpenError, PrivateKeyError, PrivateKeys, open};
use store::manifest::entry_of;

/// The logins of a description. No secret is opened before a registry asks for one.
pub struct Logins {
    /// Registries with the user and the secret of each.
    all: Vec<(String, String, String)>,
    secrets: SecretsFile,
    path: PathBuf,
    identities: Vec<PathBuf>,
    keys: OnceCell<PrivateKeys>,
}

/// Why a login cannot be read.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    #[error("the secret `{name}` is not in {}: `kolla-lang secrets edit {name}` gives it", path.display())]
    Absent { name: String, path: PathBuf },
    #[error(transparent)]
    Key(#[from] PrivateKeyError),
    #[error("cannot open the secret `{name}` of {}", path.display())]
    Open { name: String, path: PathBuf, source: OpenError },
}

impl Logins {
    /// Takes those of a description and its secrets; keys of operators are looked for in these files, or where SSH looks for them first.
    pub fn of(cloud: &Cloud, secrets: SecretsFile, description: &Path, identities: &[PathBuf]) -> Self {
        let login = |(registry, it): &(std::sync::Arc<str>, model::RegistryLogin)| {
            (registry.to_string(), it.user.to_string(), it.password.to_string())
        };
        Self {
            all: cloud.registries.iter().map(login).collect(),
            secrets,
            path: secrets_of::path_of(Some(description)),
            identities: if identities.is_empty() { own_keys() } else { identities.to_vec() },
            keys: OnceCell::new(),
        }
    }

    /// Opens the login for an image; nothing where the description has none.
    pub fn find(&self, image: &str) -> Option<Result<Zeroizing<String>, Box<dyn Error + Send + Sync>>> {
        let all = self.all.iter().map(|(registry, user, secret)| (registry.as_str(), (user, secret)));
        let (_, (user, secret)) = entry_of(image, all)?;
        Some(self.open(user, secret).map_err(Into::into))
    }

    fn open(&self, user: &str, name: &str) -> Result<Zeroizing<String>, LoginError> {
        let absent = || LoginError::Absent { name: name.to_owned(), path: self.path.clone() };
        let entry = self.secrets.secrets.get(name).ok_or_else(absent)?;
        let kept = open(&entry.text, name, entry.version, &entry.id, self.keys()?)
            .map_err(|source| LoginError::Open { name: name.to_owned(), path: self.path.clone(), source })?;
        // The only part of a password, as the model checked.
        kept.parts.get("").map(|password| basic(user, password)).ok_or_else(absent)
    }

    fn keys(&self) -> Result<&PrivateKeys, LoginError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        terminal::keep();
        let keys = PrivateKeys::load(&self.identities, Ask::Terminal)?;
        Ok(self.keys.get_or_init(|| keys))
    }
}
