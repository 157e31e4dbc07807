//! Names of units that no description can give: kolla-lang's own, and those of units that every host has.
//!
//! What else a host has is known to nobody here, and refused by a switch.

use super::errors;
use kl::diag::Diagnostic;
use kl::source::Span;

/// What the names of units begin with that kolla-lang makes for itself.
const OURS: &str = "kolla-lang-";

/// What the names of units begin with that systemd brings, or makes while it runs.
const OF_SYSTEMD: [&str; 5] = ["systemd-", "dbus-org.", "initrd-", "getty@", "user@"];

/// Units that every host has, by their names without what they end in: those of systemd.special(7), and of the programs that a host of
/// a cloud cannot be without. Sorted.
const OF_EVERY_HOST: [&str; 71] = [
    "-",
    "autovt@",
    "basic",
    "bluetooth",
    "boot-complete",
    "cryptsetup",
    "cryptsetup-pre",
    "ctrl-alt-del",
    "dbus",
    "default",
    "display-manager",
    "emergency",
    "exit",
    "factory-reset",
    "final",
    "first-boot-complete",
    "getty",
    "getty-pre",
    "graphical",
    "halt",
    "hibernate",
    "hybrid-sleep",
    "init",
    "integritysetup",
    "integritysetup-pre",
    "kbrequest",
    "kexec",
    "local-fs",
    "local-fs-pre",
    "machine",
    "machines",
    "multi-user",
    "network",
    "network-online",
    "network-pre",
    "nss-lookup",
    "nss-user-lookup",
    "paths",
    "podman",
    "podman-auto-update",
    "podman-clean-transient",
    "podman-kube@",
    "podman-restart",
    "poweroff",
    "printer",
    "reboot",
    "remote-cryptsetup",
    "remote-fs",
    "remote-fs-pre",
    "rescue",
    "rpcbind",
    "shutdown",
    "sigpwr",
    "sleep",
    "slices",
    "smartcard",
    "sockets",
    "sound",
    "ssh",
    "sshd",
    "suspend",
    "swap",
    "sysinit",
    "system",
    "time-set",
    "time-sync",
    "timers",
    "umount",
    "usb-gadget",
    "user",
    "veritysetup",
];

/// Says that a unit, or a task, has a name that is not the description's to give.
pub(super) fn reserved(name: &str, at: Span) -> Option<Diagnostic> {
    let stem = name.rsplit_once('.').map_or(name, |it| it.0);
    if name.starts_with(OURS) || stem == OURS.trim_end_matches('-') {
        let report = errors::bad_value(at, format!("`{name}` is a name of kolla-lang's own units"));
        return Some(report.help(format!("give it a name that does not begin with `{OURS}`")));
    }
    let is_theirs = OF_EVERY_HOST.binary_search(&stem).is_ok();
    let begins = OF_SYSTEMD.iter().any(|begin| stem.len() > begin.len() && stem.starts_with(begin));
    (is_theirs || begins).then(|| {
        let report = errors::bad_value(at, format!("`{name}` has the name of a unit that every host has"));
        report.help("give it another name: a switch touches no unit of the host, whatever its file ends in")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_host_are_sorted_and_found_with_any_end() {
        assert!(OF_EVERY_HOST.is_sorted());
        let at = Span::default();
        let taken = ["ssh", "ssh.service", "sshd.socket", "multi-user.target", "-.slice", "init.scope"];
        let begun = ["systemd-journald.service", "getty@tty1.service", "user@0.service", "kolla-lang.slice"];
        for name in taken.into_iter().chain(begun) {
            assert!(reserved(name, at).is_some(), "{name}");
        }
        for name in ["sshx", "web.service", "ssh-volume.service", "systemd.service", "kolla-language"] {
            assert!(reserved(name, at).is_none(), "{name}");
        }
    }
}
