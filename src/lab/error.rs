//! What can go wrong while a lab is made, used or taken down: one variant per operation that failed.
//!
//! Says only its own part; causes are in `source()`, advice is in [`LabError::help`].

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// A failure of the lab.
#[derive(Debug)]
pub enum LabError {
    /// Something that must be there before a lab can be made is not.
    Missing {
        /// Whether the process runs as root.
        root: bool,
        /// Debian packages to install.
        packages: Vec<&'static str>,
    },
    /// The description of a lab contradicts itself.
    Spec {
        /// What is wrong, as one clause.
        what: String,
    },
    /// The description of a lab cannot be read.
    ReadSpec {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The description of a lab is not readable as one.
    ParseSpec {
        /// The file it came from.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// No lab of this name has been made.
    NoLab {
        /// The name asked for, or none if there is not exactly one lab to choose.
        name: Option<String>,
        /// Labs that exist.
        known: Vec<String>,
    },
    /// The lab has no such host.
    NoHost {
        /// The name asked for.
        host: String,
        /// Hosts it has.
        known: Vec<String>,
    },
    /// The host is not running.
    NotRunning {
        /// Its name.
        host: String,
    },
    /// The lab is there in another shape than asked for.
    Differs {
        /// The lab.
        name: String,
        /// In what it differs, as one clause.
        what: String,
        /// The command that makes way for the other.
        remedy: &'static str,
    },
    /// Another process works on the same lab.
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The machine's apt names no Debian mirror.
    NoMirror,
    /// The machine has no cgroup2 file system.
    NoCgroup,
    /// A program could not be started.
    Spawn {
        /// Its command line.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A program failed.
    Tool {
        /// Its command line.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines it wrote.
        said: String,
    },
    /// A host stopped while it was starting.
    Died {
        /// Its name.
        host: String,
        /// Its console.
        console: PathBuf,
        /// The last lines of it.
        said: String,
    },
    /// A host did not become usable in time.
    Slow {
        /// Its name.
        host: String,
        /// What it was last waiting for.
        waiting: String,
    },
    /// Something is mounted where a folder should be removed.
    Mounted {
        /// The folder.
        path: PathBuf,
    },
    /// An operation on a file or folder failed.
    File {
        /// What was to be done: a verb.
        deed: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Gives the error of an operation on a path.
pub(super) fn file<'a>(deed: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LabError + 'a {
    move |source| LabError::File { deed, path: path.to_owned(), source }
}

/// Gives the error of a system call on a path.
pub(super) fn system<'a>(
    deed: &'static str,
    path: &'a Path,
) -> impl FnOnce(rustix::io::Errno) -> LabError + 'a {
    move |source| LabError::File { deed, path: path.to_owned(), source: source.into() }
}

impl LabError {
    /// Returns what to do next, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { root, packages } => {
                let install =
                    (!packages.is_empty()).then(|| format!("apt-get install {}", packages.join(" ")));
                match (root, install) {
                    (true, install) => install,
                    (false, Some(install)) => Some(format!("as root: {install}")),
                    (false, None) => Some("run the same command as root".to_owned()),
                }
            }
            Self::NoLab { known, .. } if known.is_empty() => Some("`kolla-lang lab up` makes one".to_owned()),
            Self::NoLab { known, .. } => Some(format!("name one with --name: {}", known.join(", "))),
            Self::NoHost { known, .. } => Some(format!("it has {}", known.join(", "))),
            Self::NotRunning { .. } => Some("`kolla-lang lab up` starts it".to_owned()),
            Self::Differs { remedy, .. } => Some(format!("take the lab away first: `{remedy}`")),
            Self::NoMirror => {
                Some("write a source of Debian packages into /etc/apt and run `apt-get update`".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { root: true, packages } => {
                write!(f, "a lab needs packages that are not installed: {}", packages.join(", "))
            }
            Self::Missing { root: false, packages } if packages.is_empty() => {
                f.write_str("a lab needs root, to boot hosts and make networks")
            }
            Self::Missing { root: false, packages } => {
                write!(f, "a lab needs root and packages that are not installed: {}", packages.join(", "))
            }
            Self::Spec { what } => write!(f, "this lab cannot be: {what}"),
            Self::ReadSpec { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::ParseSpec { path, .. } => write!(f, "cannot read {} as a lab", path.display()),
            Self::NoLab { name: Some(name), .. } => write!(f, "there is no lab `{name}`"),
            Self::NoLab { name: None, known } if known.is_empty() => f.write_str("there is no lab"),
            Self::NoLab { name: None, .. } => f.write_str("there is more than one lab"),
            Self::NoHost { host, .. } => write!(f, "the lab has no host `{host}`"),
            Self::NotRunning { host } => write!(f, "host `{host}` is not running"),
            Self::Differs { name, what, remedy: _ } => write!(f, "lab `{name}` is there already, but {what}"),
            Self::Locked { path } => {
                write!(f, "another kolla-lang works on this lab (it holds {})", path.display())
            }
            Self::NoMirror => f.write_str("apt on this machine names no Debian mirror"),
            Self::NoCgroup => f.write_str("this machine has no cgroup2 file system mounted"),
            Self::Spawn { command, .. } => write!(f, "cannot start `{command}`"),
            Self::Tool { command, status, said } => {
                write!(f, "`{command}` ended with {status}")?;
                said.lines().try_for_each(|line| write!(f, "\n    {line}"))
            }
            Self::Died { host, console, said } => {
                write!(f, "host `{host}` stopped while it was starting; its console: {}", console.display())?;
                said.lines().try_for_each(|line| write!(f, "\n    {line}"))
            }
            Self::Slow { host, waiting } => {
                write!(f, "host `{host}` did not become usable in time: {waiting}")
            }
            Self::Mounted { path } => {
                write!(f, "something is still mounted below {}, so it is not removed", path.display())
            }
            Self::File { deed, path, .. } => write!(f, "cannot {deed} {}", path.display()),
        }
    }
}

impl std::error::Error for LabError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ParseSpec { source, .. } => Some(source),
            Self::ReadSpec { source, .. } | Self::Spawn { source, .. } | Self::File { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}
