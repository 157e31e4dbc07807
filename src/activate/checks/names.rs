//! Whether the name of a unit is the host's: what is there goes on as it is, under nobody else's definition.
//!
//! A host has a name by a file in any folder of systemd's, whatever the file ends in: a socket or a timer would start what has its name.
//! It has it by `Alias=` too, by a drop-in that a package ships, by a file that its own Quadlet reads, and by what systemd has loaded.

use std::collections::BTreeMap;
use std::path::Path;

use crate::drift::units::States;
use crate::failure::Refusal;
use crate::machine::layout::Layout;
use crate::machine::owner::{GENERATED, is_made_of_ours, is_of_others};
use crate::machine::systemd::UnitState;
use crate::records::generation::GUARD;
use store::{Manifest, files};

/// What the names of kolla-lang's own units begin with.
const OURS: &str = "kolla-lang-";

/// Where a host may have a unit of its own, as systemd.unit(5) lists them. In those before our generator's one of a name wins over ours,
/// in the others ours would take its place.
const UNIT_FOLDERS: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    GENERATED,
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// Those in which a drop-in is part of the host. In the others somebody put it there, and may have it accepted by name.
const SHIPPED: [&str; 6] = [
    "/run/systemd/generator.early",
    GENERATED,
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// Where the host's own Quadlet reads.
const QUADLET_FOLDERS: [&str; 3] =
    ["/etc/containers/systemd", "/run/containers/systemd", "/usr/share/containers/systemd"];

/// What the names of units end in.
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "timer",
    "path",
    "slice",
    "mount",
    "automount",
    "swap",
    "device",
    "scope",
];

/// Lists the units of a manifest that have a name of the host's, or of kolla-lang's own units.
pub fn taken(layout: &Layout, manifest: &Manifest, states: &States) -> Vec<Refusal> {
    let names = HostNames::read(layout);
    let refusal = |unit: &String| {
        if is_name_of_ours(unit) {
            return Some(Refusal::OwnUnit { unit: unit.clone() });
        }
        let by = names.find(unit).or_else(|| states.get(unit).and_then(|state| by_systemd(layout, state)))?;
        Some(Refusal::HostUnit { unit: unit.clone(), by })
    };
    manifest.units.keys().filter_map(refusal).collect()
}

/// Says whether a unit is one of those that kolla-lang makes for itself.
fn is_name_of_ours(unit: &str) -> bool {
    unit.starts_with(OURS) || stem(unit) == Some(OURS.trim_end_matches('-'))
}

/// Returns what systemd has a unit from, where that is none of ours.
fn by_systemd(layout: &Layout, state: &UnitState) -> Option<String> {
    if state.load != "not-found" && is_of_others(layout, state) {
        return Some(state.fragment.clone());
    }
    // Mounts, devices and the units that systemd itself needs are in no file.
    (state.load == "loaded" && state.fragment.is_empty()).then(|| "which is in no file".to_owned())
}

/// The names that a host has for units, each with what it has it by.
#[derive(Debug, Default)]
struct HostNames {
    /// Units, by their names without what they end in.
    units: BTreeMap<String, Vec<(String, String)>>,
    /// Folders of drop-ins, by the name of a unit, or by the beginning of names and what they end in.
    drop_ins: BTreeMap<String, String>,
}

impl HostNames {
    /// Reads the host's folders. What cannot be read has its name all the same.
    fn read(layout: &Layout) -> Self {
        let mut names = Self::default();
        for folder in UNIT_FOLDERS {
            for name in files::names(&layout.at(folder)).unwrap_or_default() {
                let path = format!("{folder}/{name}");
                if let Some(unit) = name.strip_suffix(".d").filter(|unit| stem(unit).is_some()) {
                    if SHIPPED.contains(&folder) && !(folder == GENERATED && is_guard(&layout.at(&path))) {
                        names.drop_ins.entry(unit.to_owned()).or_insert(path);
                    }
                } else if stem(&name).is_some()
                    && !(folder == GENERATED && is_made_of_ours(&layout.at(&path)))
                {
                    names.add_aliases(layout, &path);
                    names.add(name, path);
                }
            }
        }
        for folder in QUADLET_FOLDERS {
            names.add_quadlet(layout, folder);
        }
        names
    }

    fn add(&mut self, unit: String, by: String) {
        if let Some(stem) = stem(&unit) {
            self.units.entry(stem.to_owned()).or_default().push((unit, by));
        }
    }

    /// Adds the names that a unit gets when it is enabled: its links win over what a generator makes.
    fn add_aliases(&mut self, layout: &Layout, path: &str) {
        let text = files::read_if_there(&layout.at(path)).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        for alias in text.lines().filter_map(|line| line.trim().strip_prefix("Alias")) {
            let Some(names) = alias.trim_start().strip_prefix('=') else { continue };
            for name in names.split_whitespace() {
                self.add(name.to_owned(), format!("{path} (`Alias={name}`)"));
            }
        }
    }

    fn add_quadlet(&mut self, layout: &Layout, folder: &str) {
        for name in files::names(&layout.at(folder)).unwrap_or_default() {
            let path = format!("{folder}/{name}");
            let Some((stem, kind)) = name.rsplit_once('.') else {
                // Its folders are read as well.
                if layout.at(&path).is_dir() {
                    self.add_quadlet(layout, &path);
                }
                continue;
            };
            let unit = match kind {
                "container" | "kube" => format!("{stem}.service"),
                "volume" | "network" | "pod" | "image" | "build" => format!("{stem}-{kind}.service"),
                _ => continue,
            };
            self.add(unit, path);
        }
    }

    /// Returns what the host has a name by.
    fn find(&self, unit: &str) -> Option<String> {
        let template = unit
            .split_once('@')
            .and_then(|(front, rest)| Some(format!("{front}@.{}", rest.rsplit_once('.')?.1)));
        for name in [Some(unit), template.as_deref()].into_iter().flatten() {
            if let Some(all) = self.units.get(stem(name)?) {
                let same = all.iter().find(|(other, _)| other == name).or_else(|| all.first());
                return same.map(|(_, by)| by.clone());
            }
            if let Some(path) = self.drop_ins.get(name) {
                return Some(path.clone());
            }
        }
        self.drop_in_for_many(unit)
    }

    /// Returns a drop-in for all units whose names begin alike, as `user-.slice.d` is for `user-1000.slice`.
    fn drop_in_for_many(&self, unit: &str) -> Option<String> {
        let (stem, suffix) = unit.rsplit_once('.')?;
        let ends = stem.match_indices('-').map(|(at, _)| &stem[..=at]);
        ends.filter_map(|front| self.drop_ins.get(&format!("{front}.{suffix}"))).next().cloned()
    }
}

/// Says whether a folder of drop-ins has nothing but the one that our generator makes.
fn is_guard(folder: &Path) -> bool {
    files::names(folder).is_ok_and(|all| all.iter().all(|it| it == GUARD))
}

/// Returns the name of a unit without what it ends in; nothing if that is no unit's.
fn stem(unit: &str) -> Option<&str> {
    let (stem, suffix) = unit.rsplit_once('.')?;
    (!stem.is_empty() && SUFFIXES.contains(&suffix)).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::owner::other_process;
    use std::fs;

    /// A host with these files, and what each of these units is refused for.
    fn found(files: &[(&str, &str)], units: &[&str]) -> Vec<Option<String>> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let names = HostNames::read(&Layout::new(root.path()));
        units.iter().map(|unit| names.find(unit)).collect()
    }

    #[test]
    fn a_name_is_the_hosts_whatever_its_file_ends_in() {
        let socket = "/usr/lib/systemd/system/ssh.socket";
        let both = [(socket, ""), ("/run/systemd/generator.late/ssh.service", "")];
        assert_eq!(found(&both[..1], &["ssh.service", "ssh2.service"]), [Some(socket.into()), None]);
        assert_eq!(found(&both, &["ssh.service"]), [Some(both[1].0.to_owned())]);
        let template = "/lib/systemd/system/getty@.service";
        let units = ["getty@tty1.service", "getty.service", "getty@.service"];
        assert_eq!(
            found(&[(template, "")], &units),
            [Some(template.to_owned()), None, Some(template.to_owned())]
        );
        let wants = [("/etc/systemd/system/web.service.wants/a.service", "")];
        assert_eq!(found(&wants, &["web.service", "a.service"]), [None, None]);
    }

    #[test]
    fn a_unit_has_the_names_that_it_gets_when_it_is_enabled() {
        let path = "/usr/lib/systemd/system/ssh.service";
        let text =
            "[Install]\nWantedBy=multi-user.target\nAlias = sshd.service ssh1.service\nAliases=x.service\n";
        let told = |alias: &str| Some(format!("{path} (`Alias={alias}`)"));
        let units = ["sshd.service", "ssh1.service", "x.service", "multi-user.service"];
        assert_eq!(found(&[(path, text)], &units), [told("sshd.service"), told("ssh1.service"), None, None]);
    }

    #[test]
    fn a_drop_in_that_is_shipped_has_the_name_and_one_of_somebody_is_drift() {
        let shipped = "/usr/lib/systemd/system/rc-local.service.d/debian.conf";
        let many = "/usr/lib/systemd/system/user-.slice.d/10-defaults.conf";
        let somebodys = "/etc/systemd/system/web.service.d/nice.conf";
        let all = "/usr/lib/systemd/system/service.d/all.conf";
        let files = [shipped, many, somebodys, all].map(|path| (path, ""));
        let units =
            ["rc-local.service", "user-1000.slice", "user-1.service", "web.service", "service.service"];
        let above = |path: &str| path.rsplit_once('/').map(|it| it.0.to_owned());
        assert_eq!(found(&files, &units), [above(shipped), above(many), None, None, None]);
    }

    #[test]
    fn a_drop_in_of_our_generator_is_ours() {
        let ours = "/run/systemd/generator/web.service.d/kolla-lang-formats.conf";
        let theirs = "/run/systemd/generator/web.service.d/50-device-timeout.conf";
        assert_eq!(found(&[(ours, "")], &["web.service"]), [None]);
        let told = Some("/run/systemd/generator/web.service.d".to_owned());
        assert_eq!(found(&[(ours, ""), (theirs, "")], &["web.service"]), [told]);
    }

    #[test]
    fn what_the_hosts_own_quadlet_makes_is_the_hosts() {
        let files = ["web.container", "data.volume", "apps/pod/lan.network", "README"];
        let paths = files.map(|it| format!("/etc/containers/systemd/{it}"));
        let units = ["web.service", "data-volume.service", "lan-network.service", "README.service"];
        let files: Vec<(&str, &str)> = paths.iter().map(|it| (it.as_str(), "")).collect();
        let told = |at: usize| Some(paths[at].clone());
        assert_eq!(found(&files, &units), [told(0), told(1), told(2), None]);
    }

    #[test]
    fn what_runs_by_podman_is_no_other_process_and_what_is_being_started_is_not_judged() {
        let root = tempfile::tempdir().unwrap();
        for (pid, name) in [(7, "sshd\n"), (8, "conmon\n"), (9, "(podman)\n")] {
            let folder = root.path().join(format!("proc/{pid}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("comm"), name).unwrap();
        }
        let process = |main_pid, active: &str| {
            let state = UnitState { main_pid, active: active.to_owned(), ..UnitState::default() };
            other_process(&Layout::new(root.path()), &state)
        };
        assert_eq!(process(7, "active").as_deref(), Some("sshd"));
        assert_eq!(
            [process(8, "active"), process(9, "activating"), process(0, "active")],
            [None, None, None]
        );
        // It has ended meanwhile.
        assert_eq!(process(10, "active"), None);
    }

    #[test]
    fn our_own_names_are_ours() {
        for name in ["kolla-lang-files.service", "kolla-lang-revert-1-2.timer", "kolla-lang.slice"] {
            assert!(is_name_of_ours(name), "{name}");
        }
        assert!(!is_name_of_ours("kolla-language.service"));
    }

    #[test]
    fn a_unit_of_which_nobody_knows_the_file_is_what_a_generation_left() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        let state = |fragment: &str| UnitState { fragment: fragment.to_owned(), ..UnitState::default() };
        for (fragment, of_others) in [
            ("", false),
            ("/run/systemd/generator/web.service", false),
            ("/run/systemd/generator.late/web.service", true),
            ("/usr/lib/systemd/system/ssh.service", true),
            ("/run/systemd/transient/x.service", true),
        ] {
            assert_eq!(is_of_others(&layout, &state(fragment)), of_others, "{fragment}");
        }
        let path = root.path().join("run/systemd/generator/web.service");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "[Service]\n").unwrap();
        assert!(is_of_others(&layout, &state("/run/systemd/generator/web.service")));
        fs::write(&path, "[Unit]\nSourcePath=/etc/kolla-lang/generations/1/quadlet/web.container\n").unwrap();
        assert!(!is_of_others(&layout, &state("/run/systemd/generator/web.service")));
    }
}
