//! Places outside the generation's folder: links of the host, rendered folders, the generator, kernel settings, completion records.
//!
//! Of rendered files it tells which differ and never what stands in them.

use crate::adopt::links;
use crate::failure::Refusal;
use crate::machine::evidence::{There, look};
use crate::machine::kernel;
use crate::machine::layout::Layout;
use crate::machine::memory::{Memory, places};
use crate::machine::podman::Tools;
use crate::records::completions::{self, Completion};
use crate::records::error_report::error_chain;
use crate::records::finding::{Finding, Kind};
use crate::records::generation;
use secrets::{Vault, deliver};
use store::files::{self, FileError};
use store::manifest::{Delivery, TaskClass};
use store::{Closure, Manifest};

/// Looks whether each place that the generation wants holds its link.
pub fn links(layout: &Layout, closure: &Closure) -> Result<Vec<Finding>, FileError> {
    let mut findings = Vec::new();
    for (path, target) in links::wanted_links(layout, closure) {
        let there = look(&path)?;
        if there != There::Link(target.clone()) {
            let expected = format!("a link to {}", target.display());
            let help = match there {
                There::Nothing => "`kolla-lang switch` makes it again".to_owned(),
                _ => format!("remove it, or `kolla-lang adopt {}` keeps it; then switch", layout.name(&path)),
            };
            let finding = Finding::new(Kind::Link, layout.name(&path), expected);
            findings.push(finding.found(there.words()).help(help).adoptable(there.evidence()));
        }
    }
    Ok(findings)
}

/// Looks whether what containers read is what would be rendered now. A folder that cannot be looked at, or whose secrets
/// cannot be read, is told with the cause, so that all others are told too.
pub fn rendered(layout: &Layout, closure: &Closure) -> Vec<Finding> {
    let vault = Vault::new(layout.host_keys());
    let mut findings = Vec::new();
    for folder in &closure.manifest.folders {
        let at = layout.folder(folder);
        let owner = &folder.owner;
        let name = layout.name(&at);
        let is_gone = !files::exists(&at);
        let differs = match deliver::compare(&at, closure, folder, &vault) {
            Ok(_) if is_gone => {
                findings.push(
                    Finding::new(Kind::Rendered, name, format!("the files of {owner}"))
                        .found("nothing")
                        .help("`systemctl restart kolla-lang-files.service` renders them again"),
                );
                continue;
            }
            Err(error) => {
                let what = if is_gone { "nothing" } else { "what cannot be compared" };
                findings.push(
                    Finding::new(Kind::Rendered, name, format!("the files of {owner}"))
                        .found(format!("{what}: {}", error_chain(&error)))
                        .help("mend that, then `systemctl restart kolla-lang-files.service` renders what is missing"),
                );
                continue;
            }
            Ok(differs) => differs,
        };
        for (file, how) in differs {
            let help = match folder.delivery {
                Delivery::Content => format!(
                    "`rm -r {name}`, `systemctl restart kolla-lang-files.service`, then `systemctl restart {owner}`"
                ),
                Delivery::Live(_) => {
                    "`systemctl restart kolla-lang-files.service` renders it again".to_owned()
                }
            };
            let expected = format!("as rendered for {owner}");
            findings
                .push(Finding::new(Kind::Rendered, format!("{name}/{file}"), expected).found(how).help(help));
        }
    }
    findings
}

/// Looks whether what containers read lies where it is never swapped.
pub fn memory(layout: &Layout, memory: &mut dyn Memory, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in places(layout, manifest) {
        let is_used = files::names(&folder).is_ok_and(|it| !it.is_empty());
        let (found, help) = match memory.is_memory(&folder) {
            Ok(true) => continue,
            Err(error) => (error_chain(&error), "mend that, and look again"),
            Ok(false) if is_used => (
                "a folder whose files may be swapped, and which containers have mounted".to_owned(),
                "it becomes memory with the next boot",
            ),
            Ok(false) => (
                "no such memory".to_owned(),
                "`systemctl restart kolla-lang-files.service` mounts it and renders into it",
            ),
        };
        let finding = Finding::new(Kind::Rendered, layout.name(&folder), "memory that is never swapped");
        findings.push(finding.found(found).help(help));
    }
    findings
}

/// Looks whether the generator is the one this program writes.
pub fn generator(layout: &Layout) -> Result<Option<Finding>, FileError> {
    let path = layout.generator();
    let there = look(&path)?;
    let is_it = |there: &There| match there {
        There::File { bytes, mode, .. } => bytes == generation::GENERATOR.as_bytes() && mode & 0o100 != 0,
        _ => false,
    };
    let finding = || {
        Finding::new(Kind::Unit, layout.name(&path), "the generator that this kolla-lang writes")
            .found(there.words())
            .help("the next switch that has something to do writes it")
    };
    Ok((!is_it(&there)).then(finding))
}

/// Looks whether the kernel's settings have the generation's values.
pub fn settings(layout: &Layout, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, value) in &manifest.sysctls {
        let path = layout.sysctl(key);
        let found = match files::read_text(&path) {
            Ok(text) if kernel::is_value(&text, value) => continue,
            Ok(text) => text.trim_end().to_owned(),
            Err(_) => "no such setting".to_owned(),
        };
        let help = format!("`sysctl -w {key}='{value}'`");
        findings.push(Finding::new(Kind::Kernel, key, value).found(found).help(help));
    }
    for name in manifest.modules.iter().filter(|name| !kernel::is_loaded(layout, name)) {
        let finding = Finding::new(Kind::Kernel, name, "loaded").found("not loaded");
        findings.push(finding.help(format!("`modprobe {name}`")));
    }
    findings
}

/// Looks whether each task of the generation has a completion record that counts.
pub fn tasks(layout: &Layout, tools: &mut dyn Tools, manifest: &Manifest) -> Result<Vec<Finding>, Refusal> {
    let known = completions::of(manifest, &completions::done(layout, tools)?);
    // Within a rollout they wait for its end.
    let is_waiting = files::exists(&layout.rollout());
    let mut findings = Vec::new();
    for (name, task) in &manifest.tasks {
        if is_waiting && task.class == TaskClass::Contract && !known.contains_key(name) {
            continue;
        }
        let found = match known.get(name) {
            Some(Completion::Done) => continue,
            Some(Completion::Doubtful(why)) => why.clone(),
            None => "no completion record of it".to_owned(),
        };
        let finding = Finding::new(Kind::Task, name, format!("done once, as `{}`", task.once));
        findings.push(finding.found(found).help("`kolla-lang switch` runs it, or says why it must not"));
    }
    Ok(findings)
}
