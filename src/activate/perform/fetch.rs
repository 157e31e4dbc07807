//! Gets images that are missing, and brings them to disk before anything refers to them.
//!
//! A registry whose login is a secret of the host gets it from a file in memory, which is there while podman runs.
//!
//! Nothing is removed here, and nothing is got that is there already, under whatever content: a tag is not asked for again.

use std::path::PathBuf;

use super::host::Host;
use crate::checks::images::users;
use crate::failure::Refusal;
use crate::machine::layout::Layout;
use crate::machine::memory::hold_one;
use crate::records::journal::Record;
use images::login::authfile;
use secrets::deliver::basic;
use store::{Closure, files};

/// Gets images, and returns when podman's store is on disk: podman itself syncs nothing that it writes there.
pub fn fetch(host: &mut Host<'_>, closure: &Closure, missing: &[String]) -> Vec<Refusal> {
    let manifest = &closure.manifest;
    for image in missing {
        if let Err(error) = host.journal.tell(&Record::Pulling { image: image.clone() }) {
            return vec![error.into()];
        }
        let login = match login(host, closure, image) {
            Ok(login) => login,
            Err(refusal) => return vec![refusal],
        };
        let pulled = host.tools.pull(image, login.as_deref());
        if let Some(path) = login
            && let Err(error) = files::remove_file(&path)
        {
            return vec![error.into()];
        }
        if let Err(source) = pulled {
            return vec![Refusal::NotPulled { image: image.clone(), unit: users(manifest, image), source }];
        }
    }
    if manifest.images.is_empty() {
        return Vec::new();
    }
    // Also where nothing was missing: what somebody loaded a moment ago may not be on disk yet.
    let synced = host.tools.image_store().map_err(Refusal::from);
    let synced = synced.and_then(|at| files::sync_file_system(&host.layout.at(&at)).map_err(Refusal::from));
    synced.err().into_iter().collect()
}

/// Writes the login for the registry of an image where podman reads it, for root alone and in memory; nothing where podman's own logins
/// are used.
fn login(host: &mut Host<'_>, closure: &Closure, image: &str) -> Result<Option<PathBuf>, Refusal> {
    let Some((registry, login)) = closure.manifest.login_of(image) else { return Ok(None) };
    let password = host.vault.read(closure, &login.secret, None)?;
    let text = authfile(registry, &basic(&login.user, &password));
    hold_one(host.layout, host.tools, &host.layout.logins())?;
    let path = login_file(host.layout);
    files::write_atomic(&path, text.as_bytes(), 0o600)?;
    Ok(Some(path))
}

/// Where the login lies with which an image is pulled: there is one at a time.
pub fn login_file(layout: &Layout) -> PathBuf {
    layout.logins().join("auth.json")
}
