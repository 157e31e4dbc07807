//! How files get into a container: by the config.json of Kolla's images, or mounted where they belong.
//!
//! Kolla's images read one folder at every start and copy from it, as root, to where config.json says. What they copy
//! lands in the container's own layer on disk, so a folder that receives a secret is kept in memory.

use super::document::render_file;
use super::placeholders::Rendered;
use kl::diag::Problems;
use kl::source::Span;
use model::{At, Contract, File, Format, Run, Text, errors};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::manifest::{self, FolderFile};

/// Where Kolla's images look for their files.
pub const CONFIG_FILES: &str = "/var/lib/kolla/config_files";

/// What a container is given.
#[derive(Debug, Default)]
pub struct Delivered {
    /// The files of its folder with their texts, and the place each is said.
    pub files: Vec<(FolderFile, Vec<u8>, Span)>,
    /// For each file that is mounted by itself: its name in the folder and its path inside.
    pub mounted: Vec<(String, Text)>,
    /// Folders inside that are kept in memory, because a secret is copied there.
    pub in_memory: Vec<String>,
    /// What Kolla's start script is told, where there is one.
    pub config_json: Option<String>,
}

/// Renders the files of a container or a task called `name`.
pub fn deliver(name: &str, run: &Run, problems: &mut Problems) -> Delivered {
    let rendered: Vec<(&Arc<str>, &File, Rendered)> = run
        .files
        .iter()
        .filter_map(|(path, file)| Some((path, file, render_file(path, file, problems)?)))
        .collect();
    match run.contract {
        Contract::Kolla => by_config_json(name, run, rendered, problems),
        Contract::Direct => by_mounts(name, rendered, problems),
    }
}

/// `config.json`, in the order of fields that Kolla documents.
#[derive(Serialize)]
struct ConfigJson<'a> {
    command: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    config_files: Vec<ConfigFile<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<ConfigPermission<'a>>,
}

#[derive(Serialize)]
struct ConfigFile<'a> {
    source: String,
    dest: &'a str,
    owner: &'a str,
    perm: String,
}

#[derive(Serialize)]
struct ConfigPermission<'a> {
    path: &'a str,
    owner: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    perm: Option<&'a str>,
    recurse: bool,
}

fn by_config_json(
    name: &str,
    run: &Run,
    rendered: Vec<(&Arc<str>, &File, Rendered)>,
    problems: &mut Problems,
) -> Delivered {
    let names = file_names(&run.files);
    let mut delivered = Delivered::default();
    let mut config_files = Vec::new();
    for (path, file, Rendered { text, holes }) in rendered {
        let Some((_, source)) = names.iter().find(|(it, _)| it == path) else { continue };
        if !holes.is_empty() {
            keep_in_memory(path, file, run, &mut delivered.in_memory, problems);
        }
        config_files.push(ConfigFile {
            source: format!("{CONFIG_FILES}/{source}"),
            dest: path,
            owner: file.owner.as_str(),
            perm: format!("{:04o}", file.mode),
        });
        let kept = FolderFile {
            name: source.clone(),
            path: format!("files/{name}/{source}"),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o600,
            format: format(file.format),
            holes,
        };
        delivered.files.push((kept, text.into_bytes(), written_at(file)));
    }
    drop_covered(&mut delivered.in_memory);
    // Runtimes do not agree on the mode of a folder in memory, and some take the image's, whose group it then has not.
    let in_memory = |path| ConfigPermission { path, owner: "root", perm: Some("0755"), recurse: false };
    let folders = delivered.in_memory.iter().map(|path| in_memory(path));
    let described = run.permissions.iter().map(|(path, it)| ConfigPermission {
        path,
        owner: it.owner.as_str(),
        perm: it.mode.as_ref().map(At::as_str),
        recurse: it.recurse,
    });
    let words: Vec<&str> = run.command.iter().map(At::as_str).collect();
    let config = ConfigJson {
        command: words.join(" "),
        config_files,
        permissions: folders.chain(described).collect(),
    };
    // Plain structs of texts always have a JSON.
    let mut text = serde_json::to_string_pretty(&config).unwrap_or_default();
    text.push('\n');
    delivered.config_json = Some(text.clone());
    let file = FolderFile {
        name: "config.json".to_owned(),
        path: format!("files/{name}/config.json"),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: 0o600,
        format: manifest::Format::Json,
        holes: Vec::new(),
    };
    delivered.files.push((file, text.into_bytes(), run.image.at));
    delivered
}

fn by_mounts(name: &str, rendered: Vec<(&Arc<str>, &File, Rendered)>, problems: &mut Problems) -> Delivered {
    let mut delivered = Delivered::default();
    for (path, file, Rendered { text, holes }) in rendered {
        let inside = path.trim_start_matches('/').to_owned();
        let (owner, group) = owner_and_group(file.owner.as_str());
        // Names of users are the image's, and files are written before it is looked into.
        for part in [owner, group] {
            if part != "root" && !part.bytes().all(|b| b.is_ascii_digit()) {
                let message = format!("`{part}` is a name of the image, and `{path}` is written by the host");
                problems.push(
                    errors::bad_value(file.owner.at, message).help("write the number it has in the image"),
                );
                break;
            }
        }
        let kept = FolderFile {
            name: inside.clone(),
            path: format!("files/{name}/{inside}"),
            owner: owner.to_owned(),
            group: group.to_owned(),
            mode: file.mode,
            format: format(file.format),
            holes,
        };
        delivered.files.push((kept, text.into_bytes(), written_at(file)));
        delivered.mounted.push((inside, At::new(path.clone(), file.at)));
    }
    delivered
}

/// Splits `user:group`; a user alone is its own group.
pub fn owner_and_group(owner: &str) -> (&str, &str) {
    owner.split_once(':').unwrap_or((owner, owner))
}

/// The format as manifests say it.
pub fn format(format: Format) -> manifest::Format {
    match format {
        Format::Text => manifest::Format::Text,
        Format::Ini => manifest::Format::Ini,
        Format::Json => manifest::Format::Json,
        Format::Yaml => manifest::Format::Yaml,
        Format::Toml => manifest::Format::Toml,
        Format::Env => manifest::Format::Env,
    }
}

/// Names files by their last step, as Kolla does: its scripts mount the folder as if it were `/etc/<service>`. In a folder
/// with a name that another file has too, the whole path names all.
pub fn file_names(files: &[(Arc<str>, File)]) -> Vec<(Arc<str>, String)> {
    let split = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        (folder.to_owned(), name.to_owned())
    };
    let taken = |name: &str| {
        let same = files.iter().filter(|(other, _)| split(other).1 == name).count();
        same > 1 || ["config.json", "config.yaml"].contains(&name)
    };
    let shared: BTreeSet<String> = files
        .iter()
        .map(|(path, _)| split(path))
        .filter(|(_, name)| taken(name))
        .map(|(folder, _)| folder)
        .collect();
    let name = |path: &Arc<str>| {
        let (folder, name) = split(path);
        if shared.contains(&folder) { path.trim_start_matches('/').to_owned() } else { name }
    };
    files.iter().map(|(path, _)| (path.clone(), name(path))).collect()
}

/// Where Kolla's script keeps what its files take the place of.
const DEFAULTS: &str = "/etc/kolla/defaults";

/// Folders that hold programs or everybody's files: memory over one would cover or cost too much.
const SHARED: [&str; 12] = [
    "/",
    "/etc",
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/var",
    "/var/lib",
    "/root",
];

fn keep_in_memory(path: &str, file: &File, run: &Run, in_memory: &mut Vec<String>, problems: &mut Problems) {
    let folder = match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    };
    let under = |outer: &str| path.starts_with(&format!("{}/", outer.trim_end_matches('/')));
    if run.mounts.iter().any(|(mount, _)| under(mount)) {
        // It goes where the description itself put a mount. What was there before, which is the same secret from the second start on, is
        // set aside by Kolla's script.
        in_memory.push(DEFAULTS.to_owned());
        return;
    }
    if SHARED.contains(&folder) {
        problems.push(errors::secret_reaches_layer(file.at, path));
    } else {
        in_memory.push(folder.to_owned());
    }
}

/// Leaves out what lies below another.
fn drop_covered(folders: &mut Vec<String>) {
    let all: BTreeSet<String> = std::mem::take(folders).into_iter().collect();
    let covered = |it: &str| all.iter().any(|outer| it.starts_with(&format!("{outer}/")));
    folders.extend(all.iter().filter(|it| !covered(it)).cloned());
}

/// Returns where somebody wrote a file, which is not the helper of the library that made it.
fn written_at(file: &File) -> Span {
    let origin = file.content.origin;
    origin.through.unwrap_or(origin.at)
}
