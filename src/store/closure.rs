//! A closure in memory: what one host needs, as a tree of files and the manifest that describes them.
//!
//! Writes nothing and reads nothing; that is the store's and the generation's part.

use std::collections::BTreeMap;

use super::digest::{Digest, Hasher};
use super::manifest::{Delivery, Folder, FolderFile, Manifest};

/// Everything one host needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// What the files mean. It becomes `manifest.json` and is not among [`Closure::files`].
    pub manifest: Manifest,
    /// The files by path in the closure: `quadlet/<service>/…`, `units/…`, `files/…`, `secrets/…`; relative, with `/`, without `..`.
    pub files: BTreeMap<String, ClosureFile>,
}

/// One file of a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosureFile {
    /// Its content; never a secret.
    pub bytes: Vec<u8>,
    /// Its permission bits in the store and in a generation: 0644, 0755 for a program, or 0600 for ciphertext.
    pub mode: u32,
}

impl Closure {
    /// Makes a closure that has a manifest and no files yet.
    pub fn new(manifest: Manifest) -> Self {
        Self { manifest, files: BTreeMap::new() }
    }

    /// Adds a file; a second one of the same path replaces the first.
    pub fn add_file(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>, mode: u32) {
        self.files.insert(path.into(), ClosureFile { bytes: bytes.into(), mode });
    }

    /// Adds a folder of rendered files with their texts, and returns the folder's path on the host.
    ///
    /// The secrets that holes name must be in the manifest before: their versions are part of the digest.
    pub fn add_folder(
        &mut self,
        owner: &str,
        delivery: Delivery,
        files: Vec<(FolderFile, Vec<u8>)>,
    ) -> String {
        let mut files = files;
        files.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let digest = folder_digest(&self.manifest, &files);
        let path = folder_path(&delivery, &digest);
        let mut kept = Vec::with_capacity(files.len());
        for (file, bytes) in files {
            self.add_file(file.path.clone(), bytes, 0o644);
            kept.push(file);
        }
        self.manifest.folders.push(Folder { owner: owner.to_owned(), delivery, digest, files: kept });
        path
    }
}

impl Closure {
    /// Notes a folder whose files nobody will have, and returns a path as long as that of the folder would be.
    pub fn note_folder(
        &mut self,
        owner: &str,
        delivery: Delivery,
        files: Vec<(FolderFile, Vec<u8>)>,
    ) -> String {
        let digest = Digest::of_nothing();
        let path = folder_path(&delivery, &digest);
        let mut files: Vec<FolderFile> = files.into_iter().map(|(file, _)| file).collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        self.manifest.folders.push(Folder { owner: owner.to_owned(), delivery, digest, files });
        path
    }
}

/// Returns the absolute path of a folder on the host.
pub fn folder_path(delivery: &Delivery, digest: &Digest) -> String {
    match delivery {
        Delivery::Content => format!("/run/kolla-lang/files/{digest}"),
        Delivery::Live(name) => format!("/run/kolla-lang/live/{name}"),
    }
}

/// Returns where the ciphertext of a secret lies in a closure; a `/` in its name stays within one file name.
pub fn secret_path(name: &str) -> String {
    format!("secrets/{}.age", name.replace('%', "%25").replace('/', "%2F"))
}

/// Computes what names a folder: everything that a reader of it could see, secrets by name and version.
fn folder_digest(manifest: &Manifest, files: &[(FolderFile, Vec<u8>)]) -> Digest {
    let mut hasher = Hasher::new("folder");
    for (file, bytes) in files {
        // The place in the closure and the format are ours; neither is seen by a reader.
        let FolderFile { name, path: _, owner, group, mode, format: _, holes } = file;
        hasher.field(name).field(owner).field(group).number(u64::from(*mode)).field(bytes);
        hasher.number(holes.len() as u64);
        for hole in holes {
            let (version, id) =
                manifest.secrets.get(&hole.secret).map_or((0, ""), |spec| (spec.version, spec.id.as_str()));
            hasher.number(hole.offset).field(&hole.secret).number(u64::from(version)).field(id);
            hasher.field(hole.part.as_deref().unwrap_or_default());
            hole.encode.tell(&mut hasher);
            // None adds nothing, so that a folder from before there were any keeps its name.
            if !hole.escapes.is_empty() {
                hasher.field("escapes").number(hole.escapes.len() as u64);
            }
            for (char, written) in &hole.escapes {
                hasher.field(char.to_string()).field(written);
            }
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::*;

    fn manifest() -> Manifest {
        let secret = SecretSpec {
            kind: SecretKind::Password { length: 40, alphabet: Alphabet::Alphanumeric },
            version: 0,
            id: String::new(),
            public: BTreeMap::new(),
            due: None,
        };
        Manifest {
            version: VERSION,
            cloud: "test".into(),
            host: "ctl01".into(),
            machine_id: None,
            backend: Backend::Quadlet,
            engine: "0.1.0".into(),
            podman: Some("5.4".into()),
            units: BTreeMap::new(),
            folders: vec![],
            tasks: BTreeMap::new(),
            groups: BTreeMap::new(),
            order: vec![],
            files: BTreeMap::new(),
            sysctls: BTreeMap::new(),
            modules: vec![],
            volumes: vec![],
            formats: BTreeMap::new(),
            images: vec![],
            secrets: BTreeMap::from([("db".to_owned(), secret)]),
            logins: BTreeMap::new(),
            operators: BTreeMap::new(),
            prechecks: BTreeMap::new(),
        }
    }

    fn add(closure: &mut Closure, text: &str) -> String {
        let hole = Hole {
            offset: 9,
            secret: "db".into(),
            part: None,
            encode: Encode::Plain,
            escapes: BTreeMap::new(),
            limits: Vec::new(),
            shown: 0,
        };
        let file = FolderFile {
            name: "my.cnf".into(),
            path: "files/mariadb/my.cnf".into(),
            owner: "root".into(),
            group: "root".into(),
            mode: 0o600,
            format: Format::Ini,
            holes: vec![hole],
        };
        closure.add_folder("mariadb.service", Delivery::Content, vec![(file, text.into())])
    }

    #[test]
    fn a_manifest_is_read_back_as_it_was() {
        let mut closure = Closure::new(manifest());
        add(&mut closure, "password=\n");
        let text = closure.manifest.to_text();
        let read = parse_manifest(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(read, closure.manifest);
        assert_eq!(read.to_text(), text);
    }

    #[test]
    fn a_later_schema_is_refused_by_its_number() {
        let error = parse_manifest(r#"{"version": 2, "new": true}"#).err().map(|it| it.to_string());
        assert_eq!(
            error.as_deref(),
            Some("the manifest has schema version 2, and this kolla-lang reads version 1")
        );
    }

    #[test]
    fn another_text_or_another_version_of_a_secret_is_another_folder() {
        let mut one = Closure::new(manifest());
        let mut rotated = one.clone();
        if let Some(spec) = rotated.manifest.secrets.get_mut("db") {
            spec.version = 2;
        }
        let (a, b, c) =
            (add(&mut one, "password=\n"), add(&mut one, "password= \n"), add(&mut rotated, "password=\n"));
        assert!(a != b && b != c && a != c);
    }
}
