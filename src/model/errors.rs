//! What model, plan and rendering say about a description that is well typed and still cannot become a host. Words
//! only; when something is wrong is decided by the callers.

use kl::diag::{Code, Diagnostic};
use kl::source::Span;

/// The kernel schema and this program disagree, which no description can cause.
pub fn schema(at: Span, wanted: &str) -> Diagnostic {
    Diagnostic::error(Code::BadValue, at, format!("the kernel has {wanted} here, and the value does not"))
        .help("this is a bug in kolla-lang: kernel.kl and the decoder disagree")
}

/// A value that its type allows and that means nothing.
pub fn bad_value(at: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BadValue, at, message)
}

/// A document that its format cannot carry.
pub fn bad_document(at: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BadDocument, at, message)
}

/// A text that a unit file cannot carry.
pub fn bad_unit(at: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BadUnit, at, message)
}

/// A unit needs something that the host's podman does not know.
pub fn podman_too_old(at: Span, podman_at: Span, key: &str, since: &str, has: &str) -> Diagnostic {
    Diagnostic::error(
        Code::OldPodman,
        at,
        format!("`{key}` needs podman {since}, and the host has podman {has}"),
    )
    .label(podman_at, "the host's podman")
    .help("upgrade podman on the host, or leave this out")
}

/// The host's podman does not know something that its containers can do without.
pub fn podman_lacks(at: Span, podman_at: Span, key: &str, since: &str, has: &str, lost: &str) -> Diagnostic {
    Diagnostic::warning(
        Code::OldPodman,
        at,
        format!("`{key}` needs podman {since}, and the host has podman {has}: {lost}"),
    )
    .label(podman_at, "the host's podman")
}

/// The host's systemd does not know something that its units can do without.
pub fn systemd_too_old(at: Span, key: &str, since: u64, has: u64, lost: &str) -> Diagnostic {
    Diagnostic::warning(
        Code::OldPodman,
        at,
        format!("`{key}` needs systemd {since}, and the host has systemd {has}: {lost}"),
    )
    .here("its `systemd` is that of a host with this podman, unless it is given")
}

/// Things that wait for each other in a circle.
pub fn order_cycle(steps: &[(String, Span)]) -> Diagnostic {
    let names: Vec<&str> = steps.iter().map(|(name, _)| name.as_str()).collect();
    let chain = format!("{} -> {}", names.join(" -> "), names.first().copied().unwrap_or_default());
    let at = steps.first().map_or(Span::default(), |(_, at)| *at);
    let report = Diagnostic::error(Code::OrderCycle, at, format!("nothing can start first: {chain}"));
    let report = report.here(steps.first().map_or(String::new(), |(name, _)| format!("`{name}` waits here")));
    steps
        .iter()
        .skip(1)
        .fold(report, |report, (name, at)| report.label(*at, format!("`{name}` waits here")))
        .help("take one of these out of `needs`, `after` or `after_healthy`")
}

/// Something waits for a task that runs after everything else.
pub fn waits_for_contract(at: Span, task: &str) -> Diagnostic {
    Diagnostic::error(
        Code::BadValue,
        at,
        format!("`{task}` is of class `contract`: it runs when the new generation is committed"),
    )
    .help("wait for a task of another class; only tasks of class `contract` can come after one")
}

/// A secret in a file that Kolla's images would copy into the container's own layer.
pub fn secret_reaches_layer(at: Span, dest: &str) -> Diagnostic {
    Diagnostic::warning(
        Code::SecretOnDisk,
        at,
        format!("`{dest}` holds a secret and would be copied to the disk of the host"),
    )
    .help("put it into a folder of its own, which is then kept in memory")
}
