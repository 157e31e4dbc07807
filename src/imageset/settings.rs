//! What builds are lent of this machine's settings: how packages are reached.
//!
//! Changes none of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::ImageError;
use super::error::file;

/// Where what a build is lent is mounted in it; the tables name the same.
pub(crate) const LENT: &str = "/mnt/kolla-lang";
/// Certificates that this machine trusts, where it keeps them.
const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Settings of pip that say how the index is reached.
const PIP: &[&str] =
    &["index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries"];
/// Beginnings of settings of apt that say how mirrors are reached.
const APT: &[&str] =
    &["Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIP"];

/// Writes them into a folder.
pub(crate) fn write(dir: &Path) -> Result<(), ImageError> {
    let mut pip = format!("[global]\ncert = {LENT}/trusted.crt\nroot-user-action = ignore\n");
    for line in answer(Command::new("python3").args(["-m", "pip", "config", "list"])).lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let name = key.rsplit('.').next().unwrap_or(key);
        if PIP.contains(&name) {
            pip.push_str(&format!("{name} = {}\n", value.trim_matches('\'')));
        }
    }
    let dump = answer(Command::new("apt-config").args(["dump", "--format", "%F \"%v\";%n"]));
    // A build that is cut off is thrown away, so that dpkg need not sync each file.
    let mut apt = "DPkg::Options:: \"--force-unsafe-io\";\n".to_owned();
    for line in dump.lines().filter(|it| APT.iter().any(|key| it.starts_with(key)) && !it.ends_with(" \"\";"))
    {
        apt.push_str(line);
        apt.push('\n');
    }
    let trusted = fs::read(TRUSTED).unwrap_or_default();
    for (name, bytes) in
        [("pip.conf", pip.as_bytes()), ("apt.conf", apt.as_bytes()), ("trusted.crt", &trusted)]
    {
        let path = dir.join(name);
        fs::write(&path, bytes).map_err(file("write", &path))?;
    }
    Ok(())
}

/// Returns what a program says; nothing where this machine has none.
fn answer(command: &mut Command) -> String {
    command.output().map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default()
}
