//! This program, as it is sent to hosts: its own file, or for a host of another architecture the file that lies beside it.
//!
//! Asks no host anything.

use std::fs::File;
use std::io::{self, Read};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use store::{Digest, files};

/// What a program of this version prints for `--version`.
pub const VERSION: &str = concat!("kolla-lang ", env!("CARGO_PKG_VERSION"));

/// What to do where a host cannot run what it was sent.
pub const HELP_TO_RUN: &str = "`cargo build --profile dist` makes a program that needs nothing of a host but its kernel; if it is one, see \
     whether files below /etc/kolla-lang may be run there";

/// An architecture of hosts that this program may be sent to.
#[derive(Debug, Clone, Copy)]
struct Architecture {
    /// As `uname -m` and rustc name it.
    name: &'static str,
    /// As an ELF file names it: `e_machine` of elf(5).
    machine: u16,
}

const ARCHITECTURES: [Architecture; 2] =
    [Architecture { name: "x86_64", machine: 62 }, Architecture { name: "aarch64", machine: 183 }];

impl Architecture {
    /// Says whether a file is a 64-bit program of Linux for this architecture.
    fn is_of(self, bytes: &[u8]) -> bool {
        let machine = bytes.get(18..20).and_then(|it| it.try_into().ok()).map(u16::from_le_bytes);
        bytes.starts_with(b"\x7fELF\x02\x01") && machine == Some(self.machine)
    }
}

/// A file of this program, read whole.
#[derive(Debug)]
pub struct ProgramFile {
    /// Shared by all hosts that it is sent to at once.
    bytes: Arc<[u8]>,
    digest: Digest,
}

impl ProgramFile {
    /// Reads a file into the memory that is shared: nobody has all of it twice.
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut bytes: Arc<[u8]> = iter::repeat_n(0, length).collect();
        if let Some(all) = Arc::get_mut(&mut bytes) {
            file.read_exact(all)?;
        }
        Ok(Self { digest: Digest::of(&bytes), bytes })
    }

    /// Returns its content.
    pub fn bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// Returns the digest of its content, which names it on a host.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// Why there is no program to send to a host.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProgramError {
    /// There is none for such hosts.
    #[error(
        "this program is one for {}, and other hosts than x86_64 and aarch64 are not supported",
        std::env::consts::ARCH
    )]
    Unknown,
    /// Nobody put one there.
    #[error("this program is one for {}, and {} is not there", std::env::consts::ARCH, path.display())]
    Absent {
        /// Where it would lie.
        path: PathBuf,
        /// For which hosts.
        theirs: &'static str,
    },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Where it lies.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// It is one for other hosts, or none at all.
    #[error("{} is no program for {theirs}", path.display())]
    Other {
        /// Where it lies.
        path: PathBuf,
        /// For which hosts it should be.
        theirs: &'static str,
    },
}

impl ProgramError {
    /// Returns what to do about it, if something can be done.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown | Self::Read { .. } => None,
            Self::Absent { path, theirs } | Self::Other { path, theirs } => Some(format!(
                "put the program of this version for {theirs} there: `cargo build --profile dist --target {theirs}-unknown-linux-gnu` \
                 makes it, as {}",
                path.file_name().unwrap_or_default().display()
            )),
        }
    }
}

/// This program, for hosts of each architecture.
#[derive(Debug)]
pub struct Program {
    own: ProgramFile,
    /// The folder of its file.
    folder: PathBuf,
    /// The files beside it, each read when the first host needs it.
    beside: [(Architecture, OnceLock<Result<ProgramFile, ProgramError>>); ARCHITECTURES.len()],
}

impl Program {
    /// Reads this program's own file.
    pub fn load() -> Result<Self, files::FileError> {
        // Not the file that has the name now: whoever replaces it meanwhile replaces nothing here.
        let own = ProgramFile::read(Path::new("/proc/self/exe")).map_err(files::of_program)?;
        let path = std::env::current_exe().map_err(files::of_program)?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self { own, folder, beside: ARCHITECTURES.map(|it| (it, OnceLock::new())) })
    }

    /// Returns the file of this program itself.
    pub fn own(&self) -> &ProgramFile {
        &self.own
    }

    /// Returns the file for a host by what `uname -m` prints there.
    pub fn of(&self, theirs: &str) -> Result<&ProgramFile, ProgramError> {
        if theirs == std::env::consts::ARCH {
            return Ok(&self.own);
        }
        let known = self.beside.iter().find(|(it, _)| it.name == theirs);
        let (architecture, file) = known.ok_or(ProgramError::Unknown)?;
        file.get_or_init(|| read_beside(&self.folder, *architecture)).as_ref().map_err(Clone::clone)
    }
}

/// Reads the file for an architecture from the folder of this program.
fn read_beside(folder: &Path, architecture: Architecture) -> Result<ProgramFile, ProgramError> {
    let theirs = architecture.name;
    let path = folder.join(format!("kolla-lang-{theirs}"));
    let file = match ProgramFile::read(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ProgramError::Absent { path, theirs });
        }
        Err(source) => return Err(ProgramError::Read { path, source: Arc::new(source) }),
    };
    if !architecture.is_of(&file.bytes) {
        return Err(ProgramError::Other { path, theirs });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_another_architecture_is_one() {
        let own = std::fs::read("/proc/self/exe").unwrap_or_default();
        let [x86_64, aarch64] = ARCHITECTURES;
        let ours = [x86_64, aarch64].map(|it| (it.name == std::env::consts::ARCH, it.is_of(&own)));
        assert!(ours.iter().all(|(wanted, found)| wanted == found), "{ours:?}");
        assert!(!aarch64.is_of(b"") && !aarch64.is_of(b"\x7fELF\x02\x01") && !aarch64.is_of(&own[1..]));

        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let found = |text: &[u8]| {
            std::fs::write(folder.path().join("kolla-lang-aarch64"), text)
                .unwrap_or_else(|error| panic!("{error}"));
            read_beside(folder.path(), aarch64)
        };
        assert!(matches!(read_beside(folder.path(), aarch64), Err(ProgramError::Absent { .. })));
        assert!(matches!(found(b"#!/bin/sh\n"), Err(ProgramError::Other { .. })));
        let header = [b"\x7fELF\x02\x01".as_slice(), &[0; 12], &183_u16.to_le_bytes()].concat();
        assert!(found(&header).is_ok_and(|it| it.digest() == &Digest::of(&header)));
    }
}
