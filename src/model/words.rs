//! Words that podman and the kernel read by rules of their own: capabilities, signals, published ports, images, places of mounts.
//!
//! Each function says why a text is none of them, and what to do; the callers know the places.

use std::net::IpAddr;

use super::errors;
use kl::diag::{Diagnostic, did_you_mean};
use kl::source::Span;

/// The capabilities of capabilities(7), without `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// The signals of signal(7) that podman takes by name; those of real time are counted from either end.
const SIGNALS: [&str; 36] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMIN",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

/// The longest name of an image without tag and digest: `NameTotalLengthMax` of the reference grammar that podman uses.
const LONGEST_IMAGE: usize = 255;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// A text that is no capability.
pub fn no_capability(text: &str, at: Span) -> Option<Diagnostic> {
    if text == "ALL" || CAPABILITIES.contains(&text) {
        return None;
    }
    let report = errors::bad_value(at, format!("there is no capability `{text}`"));
    let bare = text.to_ascii_uppercase();
    Some(report.help_opt(did_you_mean(bare.strip_prefix("CAP_").unwrap_or(&bare), CAPABILITIES)))
}

/// A text that is no signal.
pub fn no_signal(text: &str, at: Span) -> Option<Diagnostic> {
    let beside = |text: &str, base: &str, sign: char, most: u32| {
        let number = text.strip_prefix(base).and_then(|it| it.strip_prefix(sign));
        number.and_then(|it| it.parse().ok()).is_some_and(|it: u32| (1..=most).contains(&it))
    };
    let is_signal =
        SIGNALS.contains(&text) || beside(text, "SIGRTMIN", '+', 15) || beside(text, "SIGRTMAX", '-', 14);
    if is_signal {
        return None;
    }
    Some(errors::bad_value(at, format!("there is no signal `{text}`")).help_opt(did_you_mean(text, SIGNALS)))
}

/// A place where nothing can be mounted.
pub fn no_mount_place(path: &str, at: Span) -> Option<Diagnostic> {
    if path.bytes().all(|it| it == b'/') {
        let report = errors::bad_value(at, format!("nothing can be mounted at `{path}`"));
        return Some(report.help("the image is what lies there; mount a folder below"));
    }
    let is_odd = path.split('/').skip(1).any(|step| ["", ".", ".."].contains(&step));
    is_odd.then(|| {
        let report = errors::bad_value(at, format!("`{path}` is no place of a mount"));
        report.help("write it without `.`, `..` and empty steps")
    })
}

/// A published port: who outside reaches what inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// It as it was written.
    pub text: String,
    /// The address of the host; none: every one.
    pub address: Option<IpAddr>,
    /// The first and the last port of the host.
    pub outside: (u16, u16),
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
}

/// Reads `[address:]outside:inside[/udp]`, or says why a text is none.
pub fn published(text: &str, at: Span) -> Result<Published, Box<Diagnostic>> {
    let wrong = |why: String| {
        let help = "write `[address:]outside:inside[/udp]`, as in `8080:80` or `[fd00::1]:53:53/udp`";
        Box::new(errors::bad_value(at, why).help(help))
    };
    let (places, protocol) = match text.rsplit_once('/') {
        None => (text, "tcp"),
        Some((places, word)) => match ["tcp", "udp", "sctp"].into_iter().find(|it| *it == word) {
            Some(protocol) => (places, protocol),
            None => return Err(wrong(format!("`{word}` in `{text}` is no protocol"))),
        },
    };
    let (outer, inside) = match places.rsplit_once(':') {
        Some(both) => both,
        None if text.is_empty() => return Err(wrong("there is no port in an empty text".to_owned())),
        None => return Err(wrong(format!("`{text}` does not say which port outside is which inside"))),
    };
    let (address, outside) = match outer.rsplit_once(':') {
        None => (None, outer),
        Some((address, outside)) => {
            let bare = address.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            let read = match bare {
                Some(bare) => bare.parse().ok().map(IpAddr::V6),
                None => address.parse().ok().map(IpAddr::V4),
            };
            let Some(read) = read else {
                let is_bare = address.parse::<IpAddr>().is_ok();
                let hint = if is_bare { ", which stands in brackets" } else { "" };
                let what = if is_bare { "is an address of IPv6" } else { "is no address" };
                return Err(wrong(format!("`{address}` in `{text}` {what}{hint}")));
            };
            (Some(read), outside)
        }
    };
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok((first, last)),
            _ => Err(wrong(format!("`{word}` in `{text}` is no port"))),
        }
    };
    let (outside, inside) = (range(outside)?, range(inside)?);
    if outside.1 - outside.0 != inside.1 - inside.0 {
        return Err(wrong(format!("there are more ports on one side of `{text}` than on the other")));
    }
    Ok(Published { text: text.to_owned(), address, outside, protocol })
}

/// A port in digits alone, as podman reads it.
fn port(word: &str) -> Option<u16> {
    let is_number = !word.is_empty() && word.bytes().all(|it| it.is_ascii_digit());
    word.parse().ok().filter(|port| is_number && *port > 0)
}

/// Why a text is no reference of an image, as `[registry/]name[:tag][@digest]`: the grammar of github.com/distribution/reference.
pub fn no_image(text: &str, at: Span) -> Option<Diagnostic> {
    let wrong =
        |why: String| {
            Some(errors::bad_value(at, why).help(
                "write `registry/name:tag`, as in `quay.io/openstack.kolla/cron:2025.1-debian-bookworm`",
            ))
        };
    if text.is_empty() {
        return wrong("an image has a name".to_owned());
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return wrong(format!("`{text}` is an address of the web: an image has no `{scheme}://`"));
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it)) {
            return wrong(format!(
                "`{digest}` in `{text}` is no digest: `sha256:` and 64 hexadecimal digits"
            ));
        }
    }
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    if let Some(tag) = tag {
        let fine = |it: u8| it.is_ascii_alphanumeric() || b"_.-".contains(&it);
        if tag.is_empty() || tag.len() > LONGEST_TAG || tag.starts_with(['.', '-']) || !tag.bytes().all(fine)
        {
            return wrong(format!("`{tag}` in `{text}` is no tag of an image"));
        }
    }
    if name.len() > LONGEST_IMAGE {
        return wrong(format!(
            "the name of an image has at most {LONGEST_IMAGE} characters, and this one has {}",
            name.len()
        ));
    }
    let path = match name.split_once('/') {
        Some((registry, path)) if registry.contains(['.', ':']) || registry == "localhost" => {
            if !is_registry(registry) {
                return wrong(format!("`{registry}` in `{text}` is no registry"));
            }
            path
        }
        _ => name,
    };
    match path.split('/').find(|step| !is_step(step)) {
        Some("") => wrong(format!("a part of `{text}` is empty")),
        Some(step) if step.bytes().any(|it| it.is_ascii_uppercase()) => {
            wrong(format!("`{step}` in `{text}` has capital letters, which names of images have not"))
        }
        Some(step) => wrong(format!("`{step}` in `{text}` is no name of an image")),
        None => None,
    }
}

/// Whether a text is `host[:port]`.
fn is_registry(text: &str) -> bool {
    let (host, number) = match text.rsplit_once(':') {
        Some((host, number)) if !number.ends_with(']') => (host, Some(number)),
        _ => (text, None),
    };
    let label = |it: &str| {
        !it.is_empty()
            && it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_host = match bare {
        Some(bare) => matches!(bare.parse(), Ok(IpAddr::V6(_))),
        None => host.split('.').all(label),
    };
    is_host && number.is_none_or(|it| port(it).is_some())
}

/// Whether a text is one step of the path of an image: small letters and digits, with `.`, `_`, `__` or hyphens between them.
fn is_step(text: &str) -> bool {
    let is_word = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let between: Vec<&str> = text.split(is_word).filter(|it| !it.is_empty()).collect();
    let fine = |it: &&str| [".", "_", "__"].contains(it) || it.bytes().all(|b| b == b'-');
    text.starts_with(is_word) && text.ends_with(is_word) && between.iter().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_podman_reads_them() {
        let read = |text: &str| published(text, Span::default()).ok();
        for text in [
            "8080:80",
            "8080:80/udp",
            "127.0.0.1:53:53/udp",
            "[fd00::1]:8080:80",
            "8000-8010:9000-9010",
            "1:65535/sctp",
        ] {
            assert!(read(text).is_some(), "{text}");
        }
        for text in [
            "",
            "80",
            "70000:80",
            "http:80",
            "8080:80:80:80",
            "fd00::1:8080:80",
            "0:80",
            "+1:80",
            "8080:80/tpc",
            "8000-8001:80",
            "9-8:9-8",
            "[10.0.0.1]:1:1",
            ":80",
            "8080:",
            "10.0.0.300:1:1",
            "::8080:80",
            " 8080:80",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let (address, outside) = ("fd00::1".parse().ok(), (8080, 8080));
        assert_eq!(
            read("[fd00::1]:8080:80/udp"),
            Some(Published { text: "[fd00::1]:8080:80/udp".to_owned(), address, outside, protocol: "udp" })
        );
    }

    #[test]
    fn images_are_named_as_podman_names_them() {
        let is_image = |text: &str| no_image(text, Span::default()).is_none();
        let digest = "sha256:".to_owned() + &"0f".repeat(32);
        for text in [
            "x:1",
            "x",
            "localhost/kolla/cron:2025.1-debian-bookworm",
            "quay.io/openstack.kolla/nova-api:2026.1",
            "registry.local:4000/a/b_c/d__e:1_2",
        ] {
            assert!(is_image(text) && is_image(&format!("{text}@{digest}")), "{text}");
        }
        assert!(is_image("[fd00::1]:5000/a:b") && is_image("10.0.0.1/a"));
        for text in [
            "",
            "https://registry.local/kolla//memcached:2025.1-debian-bookworm",
            "registry.local//memcached:2025.1-debian-bookworm",
            "a/",
            "/a",
            "Shop:1",
            "a:b:c",
            "a:",
            "a@sha256:0",
            "a:-b",
            "a..b",
            "a___b",
            "registry.local:port/a",
            "-a.local/b",
            "a b",
            "a@b@c",
            "registry.local:4000/",
        ] {
            assert!(!is_image(text), "{text}");
        }
    }

    #[test]
    fn closed_lists_say_what_is_near() {
        let told = |report: Option<Diagnostic>| report.and_then(|it| it.help);
        let at = Span::default();
        assert_eq!(told(no_capability("NET_ADMN", at)).as_deref(), Some("did you mean `NET_ADMIN`?"));
        assert_eq!(told(no_capability("MKNODE", at)).as_deref(), Some("did you mean `MKNOD`?"));
        assert_eq!(told(no_signal("SIGTREM", at)).as_deref(), Some("did you mean `SIGTERM`?"));
        for text in ["SIGRTMIN", "SIGRTMIN+3", "SIGRTMAX-14", "SIGWINCH"] {
            assert!(no_signal(text, at).is_none(), "{text}");
        }
        for text in ["SIGRTMIN+16", "SIGRTMAX+1", "TERM", "SIGRTMIN+x"] {
            assert!(no_signal(text, at).is_some(), "{text}");
        }
        assert!(no_capability("ALL", at).is_none() && no_capability("CAP_CHOWN", at).is_some());
    }
}
