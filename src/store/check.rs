//! Checks that a closure holds together before anything trusts it: paths, references, the order.
//!
//! A closure that fails was damaged or written by something else; the compiler's own never fail.

use std::collections::BTreeSet;
use std::path::Path;

use super::closure::{Closure, secret_path};
use super::manifest::Manifest;
use super::tree::is_plain;

/// A closure that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Contradiction {
    #[error("the path `{path}` leaves the closure or is spelled oddly")]
    Path { path: String },
    #[error("`{name}` is no name of {what}: it would leave the folder that is named by it")]
    Name { name: String, what: &'static str },
    #[error("the closure has no file `{path}`, which {wanted_by} names")]
    NoFile { path: String, wanted_by: String },
    #[error("there is no unit `{unit}`, which {wanted_by} names")]
    NoUnit { unit: String, wanted_by: String },
    #[error("there is no secret `{secret}`, which {wanted_by} needs")]
    NoSecret { secret: String, wanted_by: String },
    #[error(
        "a hole of {wanted_by} lies at {offset}, beyond its end, before the hole in front of it, or inside a character"
    )]
    Hole { offset: u64, wanted_by: String },
    #[error("in the order `{unit}` stands before `{after}`, which it comes after")]
    Order { unit: String, after: String },
    #[error("the order names `{unit}` twice")]
    Twice { unit: String },
    #[error("`{unit}` is a unit's name that systemd refuses")]
    UnitName { unit: String },
}

/// Checks a closure, and returns the first contradiction.
pub fn check(closure: &Closure) -> Result<(), Contradiction> {
    let Closure { manifest, files } = closure;
    if let Some(path) = files.keys().find(|path| !is_plain(path)) {
        return Err(Contradiction::Path { path: path.clone() });
    }
    for (name, what) in [(&manifest.host, "a host"), (&manifest.cloud, "a cloud")] {
        if !is_plain(name) || name.contains('/') {
            return Err(Contradiction::Name { name: name.clone(), what });
        }
    }
    check_units(manifest, closure)?;
    check_folders(manifest, closure)?;
    for (path, file) in &manifest.files {
        if !path.strip_prefix('/').is_some_and(is_plain) {
            return Err(Contradiction::Path { path: path.clone() });
        }
        has_file(closure, &file.path, path)?;
    }
    check_order(manifest)
}

fn check_units(manifest: &Manifest, closure: &Closure) -> Result<(), Contradiction> {
    for (name, unit) in &manifest.units {
        let known = |it: char| it.is_ascii_alphanumeric() || ":-_.\\@".contains(it);
        if !name.chars().all(known) || Path::new(name).extension().is_none() || name.len() > 255 {
            return Err(Contradiction::UnitName { unit: name.clone() });
        }
        unit.files.iter().try_for_each(|path| has_file(closure, path, name))?;
        unit.uses.iter().try_for_each(|network| has_unit(manifest, network, name))?;
    }
    for (name, task) in &manifest.tasks {
        has_unit(manifest, &task.unit, &format!("task `{name}`"))?;
    }
    Ok(())
}

fn check_folders(manifest: &Manifest, closure: &Closure) -> Result<(), Contradiction> {
    for folder in &manifest.folders {
        has_unit(manifest, &folder.owner, "a folder")?;
        for file in &folder.files {
            if !is_plain(&file.name) {
                return Err(Contradiction::Path { path: file.name.clone() });
            }
            has_file(closure, &file.path, &folder.owner)?;
            let text = closure.files.get(&file.path).map(|it| it.bytes.as_slice()).unwrap_or_default();
            let mut last = 0;
            for hole in &file.holes {
                let inside = |byte: &u8| byte & 0xC0 == 0x80;
                let offset = usize::try_from(hole.offset).unwrap_or(usize::MAX);
                if offset < last || offset > text.len() || text.get(offset).is_some_and(inside) {
                    return Err(Contradiction::Hole { offset: hole.offset, wanted_by: file.path.clone() });
                }
                if !manifest.secrets.contains_key(&hole.secret) {
                    return Err(Contradiction::NoSecret {
                        secret: hole.secret.clone(),
                        wanted_by: file.path.clone(),
                    });
                }
                last = offset;
            }
        }
    }
    for (registry, login) in &manifest.logins {
        if !manifest.secrets.contains_key(&login.secret) {
            let wanted_by = format!("the login of `{registry}`");
            return Err(Contradiction::NoSecret { secret: login.secret.clone(), wanted_by });
        }
    }
    let opened = manifest.opened();
    for (name, spec) in &manifest.secrets {
        if !is_plain(name) {
            return Err(Contradiction::Path { path: name.clone() });
        }
        if spec.version > 0 && opened.contains(name.as_str()) {
            has_file(closure, &secret_path(name), &format!("the secret `{name}`"))?;
        }
    }
    Ok(())
}

fn check_order(manifest: &Manifest) -> Result<(), Contradiction> {
    let mut seen = BTreeSet::new();
    for step in &manifest.order {
        has_unit(manifest, &step.unit, "the order")?;
        for after in &step.after {
            has_unit(manifest, after, &step.unit)?;
            if !seen.contains(after) {
                return Err(Contradiction::Order { unit: step.unit.clone(), after: after.clone() });
            }
        }
        if !seen.insert(&step.unit) {
            return Err(Contradiction::Twice { unit: step.unit.clone() });
        }
    }
    Ok(())
}

fn has_file(closure: &Closure, path: &str, wanted_by: &str) -> Result<(), Contradiction> {
    if closure.files.contains_key(path) {
        return Ok(());
    }
    Err(Contradiction::NoFile { path: path.to_owned(), wanted_by: wanted_by.to_owned() })
}

fn has_unit(manifest: &Manifest, unit: &str, wanted_by: &str) -> Result<(), Contradiction> {
    if manifest.units.contains_key(unit) {
        return Ok(());
    }
    Err(Contradiction::NoUnit { unit: unit.to_owned(), wanted_by: wanted_by.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Backend, Login};

    #[test]
    fn a_login_needs_its_secret() {
        let mut closure = Closure::new(Manifest::new("t", "h", Backend::Quadlet, "0"));
        assert_eq!(check(&closure), Ok(()));
        let login = Login { user: "puller".into(), secret: "gone".into() };
        closure.manifest.logins.insert("r.test".into(), login);
        let found = check(&closure).map_err(|error| error.to_string());
        assert_eq!(found, Err("there is no secret `gone`, which the login of `r.test` needs".into()));
    }
}
