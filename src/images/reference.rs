//! References of images, taken apart: `registry/repository:tag`, `registry/repository@sha256:…`.
//!
//! Whether a text is a reference at all, the model says.

/// The registry that is no registry: images made on a host. Nobody can be asked for those.
pub const HERE: &str = "localhost/";

/// A reference by tag, as a registry is asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// The registry, `host[:port]`; none where the reference leaves it to the configuration of podman.
    pub registry: Option<&'a str>,
    /// The path of the image in its registry.
    pub repository: &'a str,
    /// The tag; `latest` where there is none.
    pub tag: &'a str,
}

/// Whether a reference has a digest: it means the same bytes for ever.
pub fn has_digest(reference: &str) -> bool {
    reference.contains('@')
}

/// Takes a reference without a digest apart.
pub fn parse_tagged(reference: &str) -> Tagged<'_> {
    let name = without_tag(reference);
    let tag = reference.get(name.len() + 1..).filter(|it| !it.is_empty()).unwrap_or("latest");
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, name),
    };
    Tagged { registry, repository, tag }
}

/// Returns a reference to the same image by a digest, `sha256:…`. The tag goes: podman before 5 takes none beside a digest.
pub fn by_digest(reference: &str, digest: &str) -> String {
    format!("{}@{digest}", without_tag(reference))
}

/// A colon behind the last slash is that of a tag; one before is that of a port.
fn without_tag(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

/// Whether a reference is one that an entry of a list names: the reference itself, or its beginning where the entry ends in `/`.
pub fn is_named(reference: &str, entry: &str) -> bool {
    reference == entry || entry.ends_with('/') && reference.starts_with(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let check = |text: &str, registry: Option<&str>, repository: &str, tag: &str, digested: &str| {
            assert_eq!(parse_tagged(text), Tagged { registry, repository, tag }, "{text}");
            assert_eq!(by_digest(text, "sha256:0"), digested);
        };
        check(
            "quay.io/openstack.kolla/cron:2025.1-debian-bookworm",
            Some("quay.io"),
            "openstack.kolla/cron",
            "2025.1-debian-bookworm",
            "quay.io/openstack.kolla/cron@sha256:0",
        );
        check("127.0.0.1:5000/a/b", Some("127.0.0.1:5000"), "a/b", "latest", "127.0.0.1:5000/a/b@sha256:0");
        check("[::1]:5000/a:1", Some("[::1]:5000"), "a", "1", "[::1]:5000/a@sha256:0");
        check("localhost/a:1", Some("localhost"), "a", "1", "localhost/a@sha256:0");
        check("library/a:1", None, "library/a", "1", "library/a@sha256:0");
        check("a", None, "a", "latest", "a@sha256:0");
    }

    #[test]
    fn a_list_names_references_and_what_is_below_a_slash() {
        assert!(is_named("registry.local/a:1", "registry.local/"));
        assert!(is_named("registry.local/a:1", "registry.local/a:1"));
        assert!(!is_named("registry.local/a:1", "registry.local/a"));
        assert!(!is_named("registry.local.example/a:1", "registry.local/"));
    }
}
