//! What model, plan and rendering say about a description that is well typed and still cannot become a host. Words
//! only; when something is wrong is decided by the callers.

use kl::diag::{Code, Diagnostic, did_you_mean};
use kl::source::Span;

/// A cloud or a host is not what the kernel declares: the description declares one of its own.
pub fn schema(at: Span, wanted: &str) -> Diagnostic {
    Diagnostic::error(Code::BadValue, at, format!("a cloud has {wanted} here, and this has not"))
        .help("`use kernel` declares `cloud`, `hosts` and all that is in them; name what is something else otherwise")
}

/// A value that its type allows and that means nothing.
pub fn bad_value(at: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BadValue, at, message)
}

/// Images of a release, or on a distribution, that none are built of.
pub fn no_image_set(at: Span, what: &str, known: &[&str]) -> Diagnostic {
    bad_value(at, format!("images of {what} cannot be built"))
        .help(format!("take the changes of images out, or choose one of {}", known.join(", ")))
}

/// A change of an image that nobody has.
pub fn no_such_image<'a>(
    at: Span,
    name: &str,
    release: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let near = did_you_mean(name, known);
    bad_value(at, format!("{release} has no image `{name}` whose template could be changed")).help(
        near.unwrap_or_else(|| {
            "`kolla-lang images build --template-only --out DIR` writes all that it has".to_owned()
        }),
    )
}

/// A change of something that the template of an image does not have.
pub fn not_in_template(at: Span, image: &str, kind: &str, name: &str, known: &[&str]) -> Diagnostic {
    let report = bad_value(at, format!("the template of `{image}` has no {kind} `{name}`"));
    match (did_you_mean(name, known.iter().copied()), known) {
        (Some(near), _) => report.help(format!("{near} It has {}", known.join(", "))),
        (None, []) => report.help(format!("it has no {kind} at all")),
        (None, known) => report.help(format!("it has {}", known.join(", "))),
    }
}

/// Files that would take too much.
pub fn too_large(at: Span, what: &str, most_bytes: u64) -> Diagnostic {
    Diagnostic::error(Code::Budget, at, format!("{what} more than {} MiB", most_bytes >> 20))
        .help("what is so large does not belong into a description: put it into an image or onto a volume")
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

/// Things that wait for each other in a cycle.
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

/// A certificate that no server could show.
pub fn certificate_of_nobody(at: Span) -> Diagnostic {
    bad_value(at, "a certificate for no name and no address").help("give it `names`, `addresses` or both")
}

/// An authority whose secret has no name that could be its subject.
pub fn no_subject(at: Span, name: &str) -> Diagnostic {
    bad_value(at, format!("`{name}` cannot be the subject of an authority"))
        .help("give it a `subject` of at most 64 characters")
}

/// Hosts that would become nothing, as nobody could sign it.
pub fn nobody_signs(at: Span) -> Diagnostic {
    bad_value(at, "hosts take only what an operator signed, and no operator has a key that signs")
        .help("name one in `operators` with an Ed25519 key of SSH; those of age and RSA open secrets and do not sign")
}

/// A login of a registry that is no text of one line.
pub fn no_password(at: Span, declared_at: Span, name: &str) -> Diagnostic {
    bad_value(at, format!("a registry takes a password, and the secret `{name}` is of another kind"))
        .label(declared_at, "it is declared here")
        .help("name a secret of the kind `.password`")
}

/// A name that no resolver would take.
pub fn long_name(at: Span, n_chars: usize, most: usize) -> Diagnostic {
    bad_value(at, format!("a name of {n_chars} characters, and the DNS has none of more than {most}"))
}

/// A certificate that names something else as its authority.
pub fn no_authority(at: Span, declared_at: Span, name: &str) -> Diagnostic {
    bad_value(at, format!("the secret `{name}` is no authority"))
        .label(declared_at, "it is another kind of secret")
        .help("name a secret with `kind = .authority`")
}

/// A certificate that would be good for longer than the one that vouches for it.
pub fn outlives_authority(at: Span, declared_at: Span, name: &str) -> Diagnostic {
    bad_value(at, format!("the certificate would outlive its authority `{name}`"))
        .label(declared_at, "the authority")
        .help("make `valid` of one shorter, or of the other longer")
}

/// A part asked of a secret that has none.
pub fn secret_without_parts(at: Span, declared_at: Span, name: &str) -> Diagnostic {
    bad_value(at, format!("the secret `{name}` has no parts"))
        .label(declared_at, "it is one text")
        .help(format!("write `secret(\"{name}\")`"))
}

/// A secret of several lines where a file has room for one.
pub fn secret_of_lines(at: Span, declared_at: Span, name: &str, part: &str) -> Diagnostic {
    bad_document(
        at,
        format!("the part `{part}` of the secret `{name}` has several lines, and there is room for one"),
    )
    .label(declared_at, "it is PEM")
    .help(format!("put it into a file of its own: `text_file(secret_part(\"{name}\", \"{part}\"))`"))
}

/// A secret that has parts, used as if it were one text.
pub fn secret_needs_part(at: Span, declared_at: Span, name: &str, parts: &[String]) -> Diagnostic {
    bad_value(at, format!("the secret `{name}` has parts, and none is named"))
        .label(declared_at, has_parts(parts))
        .help(format!("write `secret_part(\"{name}\", \"{}\")`", parts.first().map_or("", String::as_str)))
}

/// A part that a secret does not have.
pub fn no_such_part(at: Span, declared_at: Span, name: &str, part: &str, parts: &[String]) -> Diagnostic {
    let report = bad_value(at, format!("the secret `{name}` has no part `{part}`"))
        .label(declared_at, has_parts(parts));
    match did_you_mean(part, parts.iter().map(String::as_str)) {
        Some(help) => report.help(help),
        None => report,
    }
}

fn has_parts(parts: &[String]) -> String {
    let quoted: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if rest.len() > 3 => format!("its parts are {} to {last}", quoted[0]),
        Some((last, rest)) if !rest.is_empty() => format!("its parts are {} and {last}", rest.join(", ")),
        _ => format!("its part is {}", quoted.concat()),
    }
}
