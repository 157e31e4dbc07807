//! What the commands that only read a description share: naming it, compiling it, its paths.

use clap::Args;
use kl::Compiled;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::exit::Exit;
use super::report;
use super::say::say_wrong;
use super::secrets_of;
use super::world::{Disk, WithVersions};
use crate::secrets::file::SecretsFile;

/// The map of the root whose entries are evaluated, rendered and switched apart from each other.
pub const PARTITION: &str = "hosts";

/// The description that a command means when none is named.
pub const DEFAULT_FILE: &str = "cloud.kl";

/// The folder that this process was told to let descriptions read, instead of that of each description. Like the current folder
/// it belongs to the process: it is said once, before any command runs.
static ROOT: OnceLock<PathBuf> = OnceLock::new();

/// Says which folder descriptions may read files of.
pub fn read_below(root: PathBuf) {
    // Only the first is heard, and there is one.
    let _ = ROOT.set(root);
}

/// How many hosts are evaluated at once.
#[derive(Debug, Args, Clone, Copy)]
pub struct JobsArgs {
    /// How many threads to use; without it one per processor
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,
}

impl JobsArgs {
    /// The number of threads.
    pub fn count(self) -> usize {
        self.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get)
    }
}

/// A description with its secrets, of which the versions and the ciphertext are of one reading.
pub struct Described {
    /// What the description says.
    pub compiled: Compiled,
    /// The file of secrets beside it.
    pub secrets: SecretsFile,
}

/// Compiles a description, with the versions of its secrets. When it cannot even be read, that was said.
pub fn compile(file: Option<&Path>) -> Result<Described, Exit> {
    let file = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    let secrets = secrets_of::load(Some(&file))?;
    let name = file.to_string_lossy().into_owned();
    let disk = Disk::new(&name, ROOT.get().map(PathBuf::as_path));
    let world = WithVersions::new(disk, &secrets_of::path_of(Some(&file)), &secrets);
    let mut entries = vec![name.as_str()];
    entries.extend(world.entry());
    let compiled =
        kl::compile(&world, &entries, Some(PARTITION)).map_err(|why| report::unreadable(&name, &why))?;
    Ok(Described { compiled, secrets })
}

/// Takes `a.b."c.d"` or `a["b"]` apart into names.
pub fn parse_path(text: &str) -> Result<Vec<String>, Exit> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let bracket = rest.strip_prefix('[');
        rest = bracket.unwrap_or(rest);
        if let Some(quoted) = rest.strip_prefix('"') {
            let Some(end) = quoted.find('"') else { return Err(bad_path(text)) };
            out.push(quoted[..end].to_owned());
            rest = &quoted[end + 1..];
        } else {
            let end = rest.find(['.', '[', ']']).unwrap_or(rest.len());
            if end == 0 {
                return Err(bad_path(text));
            }
            out.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        if bracket.is_some() {
            rest = rest.strip_prefix(']').ok_or_else(|| bad_path(text))?;
        }
    }
    Ok(out)
}

fn bad_path(text: &str) -> Exit {
    say_wrong!("error: `{text}` is not a path");
    say_wrong!("  help: write it as in the language, `hosts.ctl01.files.\"/etc/hosts\".mode`");
    Exit::Wrong
}

/// Says that a path leads nowhere.
pub fn no_path(why: &kl::value::why::NoPath) -> Exit {
    use kl::value::why::NoPath;
    match why {
        NoPath::Nothing { until, step, near } => {
            let place = if until.is_empty() { "the root".to_owned() } else { format!("`{until}`") };
            say_wrong!("error: there is no `{step}` in {place}");
            if let Some(near) = near {
                say_wrong!("  help: did you mean `{near}`?");
            }
        }
        NoPath::Below(names) => {
            say_wrong!("error: this is not a leaf");
            let shown: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
            let more = if names.len() > shown.len() { ", …" } else { "" };
            say_wrong!("  help: go on with one of {}{more}", shown.join(", "));
        }
    }
    Exit::Wrong
}
