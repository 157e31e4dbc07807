//! What is sent to a host is a program that runs there: hosts of a scripted ssh, which runs the scripts that ask and install, in a folder
//! that stands for the host's root. Nothing else of a host is played: what the program would do there only prints `acted`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// Runs the scripts of sh with the host's folder for `/etc/kolla-lang`, and with its `uname`.
const SSH: &str = r#"#!/bin/sh
for word; do last=$word; done
case "$*" in *' -O '* | *' -M '*) exit 0 ;; esac
root=$SITE/host
PATH=$SITE/host/bin:$PATH
printf '%s\n' "$last" | sed "s|/etc/kolla-lang|$root/etc|g" > "$SITE/line"
case $last in
  *'exec sh -c '*) exec sh "$SITE/line" ;;
  *) echo 'kolla-lang begins here'; echo acted ;;
esac
"#;

/// Tests of this file, one after the other: a program that somebody else's child still has open for writing cannot be started.
static ONE: Mutex<()> = Mutex::new(());

struct Site {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Site {
    /// A controller whose program has a folder of its own, and a host that says to be this machine.
    fn new(machine: &str) -> Self {
        let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let site = Self { folder, _alone: alone };
        fs::create_dir_all(site.at("host/bin")).unwrap_or_else(|error| panic!("{error}"));
        fs::create_dir_all(site.at("controller")).unwrap_or_else(|error| panic!("{error}"));
        fs::hard_link(env!("CARGO_BIN_EXE_kolla-lang"), site.at("controller/kolla-lang"))
            .or_else(|_| {
                fs::copy(env!("CARGO_BIN_EXE_kolla-lang"), site.at("controller/kolla-lang")).map(drop)
            })
            .unwrap_or_else(|error| panic!("{error}"));
        site.write("controller/ssh", SSH.as_bytes());
        site.write("host/bin/uname", format!("#!/bin/sh\necho {machine}\n").as_bytes());
        site
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.at(name);
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{error}"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Asks for a status of the host; the exit code, and what was said.
    fn status(&self) -> (Option<i32>, String) {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new(self.at("controller/kolla-lang"))
            .args(["status", "--host", "ctl01", "--file", "tests/fleet/site/cloud.kl"])
            .env("PATH", format!("{}:{path}", self.at("controller").display()))
            .env("SITE", self.folder.path())
            .output()
            .unwrap_or_else(|error| panic!("{error}"));
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The programs that lie on the host.
    fn programs(&self) -> Vec<PathBuf> {
        let Ok(found) = fs::read_dir(self.at("host/etc/engine")) else { return Vec::new() };
        found.filter_map(Result::ok).map(|it| it.path()).collect()
    }

    fn is_refused(&self, said: &[&str]) {
        let (code, text) = self.status();
        assert_eq!(code, Some(2), "{text}");
        for part in said {
            assert!(text.contains(part), "no {part:?} in: {text}");
        }
        assert!(!text.contains("acted"), "{text}");
        assert_eq!(self.programs(), Vec::<PathBuf>::new());
    }
}

/// The machine of a host that is none of ours.
fn other() -> &'static str {
    if std::env::consts::ARCH == "aarch64" { "x86_64" } else { "aarch64" }
}

/// A file that is a program for the other architecture as far as its first bytes say.
fn program(rest: &str) -> Vec<u8> {
    let machine: u16 = if other() == "aarch64" { 183 } else { 62 };
    [b"\x7fELF\x02\x01".as_slice(), &[0; 12], &machine.to_le_bytes(), rest.as_bytes()].concat()
}

#[test]
fn a_host_gets_the_program_once_and_only_where_it_runs() {
    let site = Site::new(std::env::consts::ARCH);
    let acted = (Some(0), "acted\n".to_owned());
    assert_eq!(site.status(), acted);
    let programs = site.programs();
    assert_eq!(programs.len(), 1, "{programs:?}");
    assert_eq!(site.status(), acted);
    assert_eq!(site.programs(), programs);
    // One that is there and does not run any more, as after an upgrade of the host.
    let broken = b"#!/bin/sh\necho 'no such C library' >&2\nexit 127\n";
    fs::remove_file(&programs[0]).unwrap_or_else(|error| panic!("{error}"));
    site.write(
        programs[0].strip_prefix(site.folder.path()).map_or("", |it| it.to_str().unwrap_or("")),
        broken,
    );
    let (code, said) = site.status();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("ctl01 does not run this program: no such C library"), "{said}");
    assert!(said.contains("cargo build --profile dist"), "{said}");
}

#[test]
fn a_program_that_does_not_run_on_a_host_never_gets_its_name() {
    let site = Site::new(std::env::consts::ARCH);
    // Whatever is made executable there is not.
    site.write("host/bin/chmod", b"#!/bin/sh\nexit 0\n");
    site.is_refused(&["ctl01 does not run this program: ", "ermission denied", "cargo build --profile dist"]);
}

#[test]
fn a_host_of_another_architecture_needs_the_program_for_it_beside_ours() {
    let site = Site::new(other());
    let name = format!("controller/kolla-lang-{}", other());
    let is = format!("ctl01 is a machine of {}", other());
    site.is_refused(&[&is, "is not there", "--target", "-unknown-linux-gnu"]);
    fs::copy(site.at("controller/kolla-lang"), site.at(&name)).unwrap_or_else(|error| panic!("{error}"));
    site.is_refused(&[&is, &format!("is no program for {}", other())]);
    site.write(&name, b"");
    site.is_refused(&[&is, &format!("is no program for {}", other())]);
    // One for it, which this machine cannot run.
    site.write(&name, &program("\n"));
    site.is_refused(&["ctl01 does not run this program: "]);
}

#[test]
fn a_host_that_nobody_has_a_program_for_is_refused() {
    Site::new("armv7l").is_refused(&["ctl01 is a machine of armv7l", "x86_64 and aarch64"]);
}
