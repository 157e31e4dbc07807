//! Renders folders for containers: texts with their secrets put in, with owners and modes, complete or not at all.
//!
//! Decides neither where a folder lies nor when it is rendered.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use zeroize::Zeroizing;

use super::vault::{SecretError, Vault};
use store::Closure;
use store::files::{self, FileError, failed};
use store::manifest::{Encode, Folder, FolderFile, Hole};
use store::written;

/// What RFC 3986 calls unreserved stays as it is.
const URL_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Renders a folder whose path names its content: nothing is done if it is there.
pub fn render_content(
    at: &Path,
    closure: &Closure,
    folder: &Folder,
    vault: &Vault,
) -> Result<(), SecretError> {
    if at.exists() {
        return Ok(());
    }
    let parent = at.parent().unwrap_or(Path::new("/"));
    // Only what a container mounts may be entered from outside, and a mount needs no way through here.
    files::make_private_folder(parent)?;
    let temp =
        tempfile::Builder::new().prefix(".tmp-").tempdir_in(parent).map_err(failed!(MakeFolder, at))?;
    let new = temp.path().join("new");
    files::make_folder(&new)?;
    files::set_mode(&new, 0o755)?;
    write_files(&new, closure, folder, vault)?;
    match files::rename(&new, at) {
        // Somebody rendered the same content at the same time.
        Err(_) if at.exists() => Ok(()),
        result => Ok(result?),
    }
}

/// Renders a folder at a path that stays, file by file, and removes what is no longer in it.
pub fn render_live(at: &Path, closure: &Closure, folder: &Folder, vault: &Vault) -> Result<(), SecretError> {
    files::make_private_folder(at.parent().unwrap_or(Path::new("/")))?;
    files::make_folder(at)?;
    files::set_mode(at, 0o755)?;
    write_files(at, closure, folder, vault)?;
    remove_others(at, folder)
}

fn write_files(root: &Path, closure: &Closure, folder: &Folder, vault: &Vault) -> Result<(), SecretError> {
    for file in &folder.files {
        let FolderFile { name, path, owner, group, mode, format: _, holes } = file;
        let bytes = fill(closure, path, holes, vault)?;
        let at = root.join(name);
        if let Some(parent) = at.parent().filter(|parent| *parent != root) {
            files::make_folder(parent)?;
            files::set_mode(parent, 0o755)?;
        }
        // The owner first, then the name: nobody ever sees the file with a wrong owner.
        let temp =
            at.with_file_name(format!(".new-{}", at.file_name().unwrap_or_default().to_string_lossy()));
        files::write_atomic(&temp, &bytes, *mode)?;
        give_to(&temp, owner, group)?;
        files::set_mode(&temp, *mode)?;
        files::rename(&temp, &at)?;
    }
    Ok(())
}

fn remove_others(root: &Path, folder: &Folder) -> Result<(), SecretError> {
    for name in others(root, "", folder)? {
        let at = root.join(name);
        if fs::symlink_metadata(&at).is_ok_and(|it| it.is_dir()) {
            files::remove_folder(&at)?;
        } else {
            files::remove_file(&at)?;
        }
    }
    Ok(())
}

/// Compares a rendered folder with what it would be, and says of each file that is not so in which way. No text is told.
pub fn compare(
    at: &Path,
    closure: &Closure,
    folder: &Folder,
    vault: &Vault,
) -> Result<Vec<(String, String)>, SecretError> {
    let mut differs = Vec::new();
    for FolderFile { name, path, owner, group, mode, format: _, holes } in &folder.files {
        let file = at.join(name);
        let wanted = fill(closure, path, holes, vault)?;
        let Some(found) = files::read_if_there(&file)? else {
            differs.push((name.clone(), "it is gone".to_owned()));
            continue;
        };
        let access = access_differs(&file, owner, group, *mode)?;
        if found != *wanted {
            differs.push((name.clone(), "its text is another".to_owned()));
        } else if let Some(access) = access {
            differs.push((name.clone(), access));
        }
    }
    for name in others(at, "", folder)? {
        differs.push((name, "it does not belong there".to_owned()));
    }
    Ok(differs)
}

/// Says how the owner and the mode of a file are, if they are not these.
pub fn access_differs(path: &Path, owner: &str, group: &str, mode: u32) -> Result<Option<String>, FileError> {
    let metadata = fs::symlink_metadata(path).map_err(failed!(Read, path))?;
    let (uid, gid) = (id_of(path, "/etc/passwd", owner)?, id_of(path, "/etc/group", group)?);
    let is = (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
    let said = |(uid, gid, mode): (u32, u32, u32)| format!("it is {uid}:{gid} {mode:04o}");
    Ok((is != (uid, gid, mode)).then(|| format!("{}, not {uid}:{gid} {mode:04o}", said(is))))
}

/// Lists what lies in a folder and is not one of its files.
fn others(root: &Path, within: &str, folder: &Folder) -> Result<Vec<String>, FileError> {
    let mut found = Vec::new();
    for name in files::names(&root.join(within))? {
        let name = if within.is_empty() { name } else { format!("{within}/{name}") };
        let is_ours = folder.files.iter().any(|it| it.name.starts_with(&format!("{name}/")));
        if is_ours && root.join(&name).is_dir() {
            found.extend(others(root, &name, folder)?);
        } else if !folder.files.iter().any(|it| it.name == name) {
            found.push(name);
        }
    }
    Ok(found)
}

/// Puts secrets into the holes of a text of a closure.
fn fill(
    closure: &Closure,
    path: &str,
    holes: &[Hole],
    vault: &Vault,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let text = closure.files.get(path).map(|it| it.bytes.as_slice()).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut last = 0;
    for Hole { offset, secret, part, encode, escapes, limits: _, shown: _ } in holes {
        let offset = usize::try_from(*offset).unwrap_or(usize::MAX).clamp(last, text.len());
        bytes.extend_from_slice(&text[last..offset]);
        last = offset;
        let value = vault.read(closure, secret, part.as_deref())?;
        bytes.extend_from_slice(escaped(&encoded(&value, encode), escapes).as_bytes());
    }
    bytes.extend_from_slice(&text[last..]);
    Ok(bytes)
}

/// Returns what stands behind `Basic` in a request of HTTP (RFC 7617).
pub fn basic(user: &str, password: &str) -> Zeroizing<String> {
    let mut pair = Zeroizing::new(String::with_capacity(user.len() + 1 + password.len()));
    [user, ":", password].iter().for_each(|it| pair.push_str(it));
    encoded(&pair, &Encode::Base64)
}

/// Writes a secret as the text around it asks for.
pub(super) fn encoded(value: &str, encode: &Encode) -> Zeroizing<String> {
    Zeroizing::new(match encode {
        Encode::Plain => value.to_owned(),
        Encode::Url => utf8_percent_encode(value, URL_PART).to_string(),
        Encode::Base64 => STANDARD.encode(value),
        Encode::Quoted => quoted(value),
        Encode::Escape(which) => slashed(value, which),
        Encode::EscapeQuoted(which) => quoted(&Zeroizing::new(slashed(value, which))),
    })
}

/// Writes something in place of the characters that have an escape.
pub(super) fn escaped(value: &str, escapes: &BTreeMap<char, String>) -> Zeroizing<String> {
    // Room for the longest result from the start: a string that grows would leave copies of the secret behind.
    let mut out = Zeroizing::new(String::with_capacity(written::most_bytes(value, escapes)));
    written::escape(value, escapes, &mut out);
    out
}

fn quoted(value: &str) -> String {
    // Room for all of it from the start, as in [`escaped`]. No character takes more than six.
    let mut quoted = Zeroizing::new(Vec::with_capacity(6 * value.len() + 2));
    // Writing a text into memory cannot fail, and what is written is a text.
    let _written = serde_json::to_writer(&mut *quoted, value);
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    std::str::from_utf8(inner).unwrap_or_default().to_owned()
}

fn slashed(value: &str, which: &str) -> String {
    let mut slashed = String::with_capacity(2 * value.len());
    for c in value.chars() {
        slashed.extend(which.contains(c).then_some('\\'));
        slashed.push(c);
    }
    slashed
}

/// Gives a file to a user and a group of this host, each a number or a name.
pub fn give_to(path: &Path, owner: &str, group: &str) -> Result<(), FileError> {
    let (uid, gid) = (id_of(path, "/etc/passwd", owner)?, id_of(path, "/etc/group", group)?);
    let metadata = fs::metadata(path).map_err(failed!(Read, path))?;
    if (metadata.uid(), metadata.gid()) == (uid, gid) {
        return Ok(());
    }
    let owner = format!("{owner}:{group}");
    chown(path, Some(uid), Some(gid)).map_err(|source| FileError::Own {
        path: path.to_owned(),
        owner,
        source,
    })
}

/// Returns the number of a user or group. Only files are asked: the services' own users are made by packages and images.
fn id_of(path: &Path, table: &str, name: &str) -> Result<u32, FileError> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    if name == "root" {
        return Ok(0);
    }
    let text = files::read_text(Path::new(table))?;
    let line = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name);
    let id = line.and_then(|fields| fields.get(2)?.parse().ok());
    id.ok_or_else(|| FileError::NoUser { path: path.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::generate::{generate, new_id};
    use crate::kept::Kept;
    use crate::seal::{PublicKey, seal};
    use store::Closure;
    use store::closure::secret_path;
    use store::manifest::*;

    fn file(name: &str, holes: Vec<Hole>) -> FolderFile {
        // Whoever runs the test owns what it writes.
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        FolderFile {
            name: name.into(),
            path: format!("files/x/{name}"),
            owner: uid.to_string(),
            group: gid.to_string(),
            mode: 0o640,
            format: Format::Text,
            holes,
        }
    }

    fn hole(offset: u64, secret: &str, part: Option<&str>) -> Hole {
        Hole {
            offset,
            secret: secret.into(),
            part: part.map(str::to_owned),
            encode: Encode::Plain,
            escapes: BTreeMap::new(),
            limits: Vec::new(),
            shown: 0,
        }
    }

    /// A closure with two secrets that a new key opens; the private key is returned.
    fn closure() -> Result<(Closure, String), Box<dyn std::error::Error>> {
        let text = r#"{"version":1,"cloud":"t","host":"h","backend":"quadlet","engine":"0","secrets":
            {"db":{"kind":"password","length":8,"version":1},"f/k":{"kind":"fernet","count":2,"version":1}}}"#;
        let mut closure = Closure::new(parse_manifest(text)?);
        let host = generate(&SecretKind::SshKey, &|_| None)?;
        for (name, spec) in &mut closure.manifest.secrets {
            spec.id = new_id()?;
            let kept = Kept::new(name, 1, &spec.id, generate(&spec.kind, &|_| None)?);
            let text = seal(&kept, &[PublicKey::parse(&host["public"])?])?;
            closure.files.insert(secret_path(name), store::ClosureFile { bytes: text.into(), mode: 0o600 });
        }
        Ok((closure, host["private"].clone()))
    }

    #[test]
    fn secrets_go_into_their_holes_and_stay_the_same() -> Result<(), Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        let (mut closure, private) = closure()?;
        let key = root.path().join("key");
        files::write_atomic(&key, private.as_bytes(), 0o600)?;
        let holes = vec![hole(2, "db", None), hole(2, "f/k", Some("1"))];
        let files = vec![(file("sub/a", holes), "a=;z".into()), (file("b", vec![]), "plain".into())];
        closure.add_folder("x.service", Delivery::Content, files);
        let folder = &closure.manifest.folders[0];
        let vault = Vault::new(vec![root.path().join("absent"), key]);
        assert!(vault.check(&closure).is_empty());
        let (content, live) = (root.path().join("files/1"), root.path().join("live/x"));
        render_content(&content, &closure, folder, &vault)?;
        files::make_folder(&live.join("gone"))?;
        render_live(&live, &closure, folder, &vault)?;
        for at in [&content, &live] {
            let text = files::read_text(&at.join("sub/a"))?;
            assert!(text.starts_with("a=") && text.ends_with("=;z") && text.len() == 4 + 8 + 44);
            assert_eq!(files::names(at)?, ["b", "sub"]);
            assert!(compare(at, &closure, folder, &vault)?.is_empty());
        }
        assert_eq!(fs::metadata(content.join("sub/a"))?.permissions().mode() & 0o777, 0o640);
        Ok(())
    }

    #[test]
    fn escapes_come_after_the_encoding() {
        let escapes = BTreeMap::from([('$', "\\$".to_owned()), ('%', "%%".to_owned())]);
        assert_eq!(*escaped("a$b\\", &escapes), "a\\$b\\");
        assert_eq!(*escaped(&encoded("$", &Encode::Url), &escapes), "%%24");
        assert_eq!(*escaped("a$b", &BTreeMap::new()), "a$b");
    }

    #[test]
    fn what_a_service_printed_is_told_without_its_secrets() -> Result<(), Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        let (closure, private) = closure()?;
        let key = root.path().join("key");
        files::write_atomic(&key, private.as_bytes(), 0o600)?;
        let vault = Vault::new(vec![key]);
        let (db, fernet) = (vault.read(&closure, "db", None)?, vault.read(&closure, "f/k", Some("1"))?);
        let mut lines = ["nothing".to_owned(), format!("a {} b {}", *db, *db), String::new()];
        lines[2] = format!("{} {}", *encoded(&fernet, &Encode::Url), *encoded(&db, &Encode::Base64));
        vault.hide(&[&closure], &mut lines);
        assert_eq!(lines, ["nothing", "a <db> b <db>", "<f/k> <db>"]);
        Ok(())
    }

    #[test]
    fn keys_are_read_once_and_secrets_are_opened_once() -> Result<(), Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        let (mut closure, private) = closure()?;
        let holes = vec![hole(0, "db", None)];
        closure.add_folder("x.service", Delivery::Content, vec![(file("a", holes), "abc".into())]);
        let key = root.path().join("key");
        files::write_atomic(&key, private.as_bytes(), 0o600)?;
        let vault = Vault::new(vec![key.clone()]);
        assert!(vault.check(&closure).is_empty());
        files::remove_file(&key)?;
        // Another closure, with a secret that no hole named before.
        let mut other = closure.clone();
        assert!(vault.read(&other, "f/k", Some("0")).is_ok());
        // What was opened says nothing of another text, nor of another making.
        if let Some(file) = other.files.get_mut(&secret_path("db")) {
            file.bytes.truncate(100);
        }
        assert_eq!(vault.check(&other).len(), 1);
        if let Some(spec) = closure.manifest.secrets.get_mut("db") {
            spec.id = "0".into();
        }
        assert_eq!(vault.check(&closure).len(), 1);
        Ok(())
    }

    #[test]
    fn what_cannot_be_opened_is_told_once() -> Result<(), Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        let (mut closure, private) = closure()?;
        let holes = vec![hole(0, "db", None), hole(1, "f/k", Some("7")), hole(2, "f/k", Some("9"))];
        closure.add_folder("x.service", Delivery::Content, vec![(file("a", holes), "abc".into())]);
        let told = |closure: &Closure, key: &Path| -> Vec<String> {
            let all = Vault::new(vec![key.to_owned()]).check(closure);
            all.iter().map(|it| it.to_string()).collect()
        };
        let (key, other) = (root.path().join("key"), root.path().join("other"));
        assert_eq!(told(&closure, &key), ["no secret of this host can be opened"]);
        files::write_atomic(&key, private.as_bytes(), 0o600)?;
        assert_eq!(told(&closure, &key).len(), 1);
        assert!(told(&closure, &key)[0].starts_with("the secret `f/k` has no part `7`"));
        files::write_atomic(&other, generate(&SecretKind::SshKey, &|_| None)?["private"].as_bytes(), 0o600)?;
        let all = told(&closure, &other);
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(
            all[0].starts_with("the secrets `db`, `f/k` are not encrypted to a key of this host, "),
            "{all:?}"
        );
        if let Some(spec) = closure.manifest.secrets.get_mut("db") {
            spec.version = 2;
        }
        assert_eq!(told(&closure, &key).len(), 2);
        closure.files.remove(&secret_path("db"));
        assert!(told(&closure, &key)[0].contains("was not made before this was built"));
        Ok(())
    }
}
