//! What the commands that only read a description share: naming it, compiling it, its paths.

use clap::Args;
use kl::{Checked, Compiled};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::exit::Exit;
use super::report;
use super::say::say_wrong;
use super::world::{Disk, WithVersions};
use super::{images_of, secrets_of};
use images::lock::ImagesLock;
use secrets::file::SecretsFile;

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

/// A description with its secrets, of which the versions and the ciphertext are of one reading, and what its images are.
pub struct Described {
    /// What the description says.
    pub compiled: Compiled,
    /// The file of secrets beside it.
    pub secrets: SecretsFile,
    /// What tags of images mean.
    pub lock: ImagesLock,
}

/// The same before anything is evaluated.
pub struct Typed {
    /// What the description says.
    pub checked: Checked,
    /// The file of secrets beside it.
    pub secrets: SecretsFile,
    /// What tags of images mean.
    pub lock: ImagesLock,
}

/// Compiles a description, with the versions of its secrets. When it cannot even be read, that was said.
pub fn compile(file: Option<&Path>) -> Result<Described, Exit> {
    let Typed { checked, secrets, lock } = type_only(file.unwrap_or(Path::new(DEFAULT_FILE)))?;
    Ok(Described { compiled: checked.evaluate(Some(PARTITION)), secrets, lock })
}

/// The same, with an expression whose value is asked for.
pub fn compile_asking(file: &Path, asked: &str) -> Result<Compiled, Exit> {
    Ok(type_asking(file, Some(asked))?.checked.evaluate(Some(PARTITION)))
}

/// The same as [`compile`], and evaluates nothing.
pub fn type_only(file: &Path) -> Result<Typed, Exit> {
    type_asking(file, None)
}

fn type_asking(file: &Path, asked: Option<&str>) -> Result<Typed, Exit> {
    let (secrets, lock) = (secrets_of::load(Some(file))?, images_of::load(file)?);
    let name = file.to_string_lossy().into_owned();
    let disk = Disk::new(&name, ROOT.get().map(PathBuf::as_path));
    let world = WithVersions::new(disk, &secrets_of::path_of(Some(file)), &secrets);
    let mut entries = vec![name.as_str()];
    entries.extend(world.entry());
    let checked = kl::check_asking(&world, &entries, asked).map_err(|why| report::unreadable(&name, &why))?;
    Ok(Typed { checked, secrets, lock })
}

/// Takes `a.b."c.d"` or `a["b"]` apart into names. What is wrong was printed.
pub fn parse_path(text: &str) -> Result<Vec<String>, Exit> {
    split_path(text).ok_or_else(|| bad_path(text))
}

/// The same, without a word.
pub fn split_path(text: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let bracket = rest.strip_prefix('[');
        rest = bracket.unwrap_or(rest);
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"')?;
            out.push(quoted[..end].to_owned());
            rest = &quoted[end + 1..];
        } else {
            let end = rest.find(['.', '[', ']']).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            out.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        if bracket.is_some() {
            rest = rest.strip_prefix(']')?;
        }
    }
    (!out.is_empty()).then_some(out)
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
        NoPath::Nothing(nothing) => {
            let place =
                if nothing.until.is_empty() { "the root".to_owned() } else { format!("`{}`", nothing.until) };
            say_wrong!("error: there is no `{}` in {place}", nothing.step);
            if let Some(near) = &nothing.near {
                say_wrong!("  help: did you mean `{near}`?");
            }
        }
        NoPath::Below(below) => {
            say_wrong!("error: `{}` is not a leaf", below.path);
            say_wrong!("  help: go on with one of {}", some_of(&below.names));
        }
    }
    Exit::Wrong
}

/// The first of some names.
pub fn some_of(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
    let more = if names.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
