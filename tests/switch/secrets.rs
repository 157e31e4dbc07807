//! Secrets that a host cannot open, or must not use: each is refused before anything is touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::NotBegun;
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::images::login::authfile;
use kolla_lang::secrets::Vault;
use kolla_lang::secrets::deliver::basic;
use kolla_lang::secrets::generate::{Parts, generate};
use kolla_lang::store::Closure;
use kolla_lang::store::closure::secret_path;
use kolla_lang::store::manifest::{Login, SecretKind};

use super::fake::{Fake, Scenario};
use super::keys;

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("secrets/without-a-key-nothing-is-begun", without_a_key_nothing_is_begun),
        ("secrets/with-another-key-nothing-is-begun", with_another_key_nothing_is_begun),
        (
            "secrets/with-a-key-of-another-kind-alone-both-are-told",
            with_a_key_of_another_kind_alone_both_are_told,
        ),
        ("secrets/an-edited-ciphertext-is-refused", an_edited_ciphertext_is_refused),
        ("secrets/an-exchanged-ciphertext-is-refused", an_exchanged_ciphertext_is_refused),
        ("secrets/an-edited-certificate-is-refused", an_edited_certificate_is_refused),
        ("secrets/an-expired-certificate-is-refused", an_expired_certificate_is_refused),
        ("secrets/a-login-is-there-while-an-image-is-pulled", a_login_is_there_while_an_image_is_pulled),
        ("secrets/a-pull-that-fails-leaves-no-login", a_pull_that_fails_leaves_no_login),
        ("secrets/a-login-that-cannot-be-opened-is-refused", a_login_that_cannot_be_opened_is_refused),
    ]
}

/// A certificate that ended in 2020.
const EXPIRED: &str = include_str!("../support/keys/expired.pem");

type Tested = Result<(), String>;

fn words<T>(result: Result<T, Box<dyn std::error::Error>>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// Makes a closure of two containers that read a secret each, `one` and `two`.
fn closure(exec: &str) -> Closure {
    let text = format!(
        r#"{{"units": {{"a.service": {{"exec": "{exec}", "files": {{"a.conf": "p={{{{one}}}}\n"}}}},
                "b.service": {{"files": {{"b.conf": "p={{{{two}}}}\n"}}}}}},
            "order": ["a.service", "b.service"], "secrets": ["one", "two"]}}"#
    );
    super::small::closure(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// Adds a certificate that no file reads; `public` lies beside it in the clear.
fn add_certificate(closure: &mut Closure, parts: Parts, public: BTreeMap<String, String>) -> Tested {
    let kind = SecretKind::Authority { subject: "ca".into(), valid_secs: 3600 };
    let (spec, text) = words(keys::sealed("one", kind, parts, public))?;
    closure.manifest.secrets.insert("one".into(), spec);
    closure.add_file(secret_path("one"), text, 0o600);
    Ok(())
}

/// Everything below a folder: paths with what lies there. Locks, the program that the fake writes, and the journal, which has it
/// that a switch was refused, say nothing of a host.
fn all(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.contains("lock") || name == "program" || name == "journal" {
            continue;
        }
        let text = match fs::read_link(&path) {
            Ok(target) => target.display().to_string(),
            Err(_) if path.is_dir() => {
                all(&path, found);
                continue;
            }
            Err(_) => fs::read(&path).map(|it| String::from_utf8_lossy(&it).into_owned()).unwrap_or_default(),
        };
        found.insert(path.display().to_string(), text);
    }
}

fn tree(fake: &Fake) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    all(&fake.layout.at("/"), &mut found);
    found
}

/// Switches, on a host without a generation and on one with, and wants these refusals and a host that is as it was.
fn refused(prepare: impl Fn(&Fake) -> Tested, closure: &Closure, expected: &[&str]) -> Tested {
    for before in [None, Some(self::closure("before"))] {
        let mut fake = Fake::with_generation(before.as_ref())?;
        prepare(&fake)?;
        let there = tree(&fake);
        let ended = fake.switch(closure);
        let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
            return Err(format!("{ended:?}"));
        };
        let told: Vec<String> = refusals.iter().map(|it| error_chain(it)).collect();
        let root = fake.layout.at("/").display().to_string();
        let told: Vec<String> = told.iter().map(|it| it.replace(root.trim_end_matches('/'), "")).collect();
        if told != expected {
            return Err(format!("{told:#?} instead of {expected:#?}"));
        }
        fake.check(before.as_ref(), closure, &ended)?;
        if tree(&fake) != there {
            return Err(format!("{:#?} instead of {there:#?}", tree(&fake)));
        }
        let touches = ["mount", "arm", "Start", "Stop", "Restart", "Reload", "daemon-reload", "podman pull"];
        if let Some(call) =
            fake.world.borrow().log.iter().find(|it| touches.iter().any(|word| it.starts_with(word)))
        {
            return Err(format!("{call} was done"));
        }
    }
    Ok(())
}

fn without_a_key_nothing_is_begun() -> Tested {
    let lose = |fake: &Fake| fs::remove_file(&fake.layout.host_keys()[0]).map_err(|error| error.to_string());
    let expected = "no secret of this host can be opened: there is no private key at /etc/ssh/ssh_host_ed25519_key or \
                    /etc/ssh/ssh_host_rsa_key";
    refused(lose, &closure("x"), &[expected])
}

fn with_another_key_nothing_is_begun() -> Tested {
    let exchange = |fake: &Fake| {
        let other = words(generate(&SecretKind::SshKey, &|_| None).map_err(Into::into))?;
        fs::write(&fake.layout.host_keys()[0], &other["private"]).map_err(|error| error.to_string())
    };
    let expected = "the secrets `one`, `two` are not encrypted to a key of this host, /etc/ssh/ssh_host_ed25519_key; name the public \
                    one in `hosts.<name>.ssh.key`, run `kolla-lang secrets rekey`, and build again";
    refused(exchange, &closure("x"), &[expected])
}

fn with_a_key_of_another_kind_alone_both_are_told() -> Tested {
    let exchange = |fake: &Fake| {
        let other = words(generate(&SecretKind::SshKey, &|_| None).map_err(Into::into))?;
        let [first, second] = &fake.layout.host_keys()[..] else { return Err("two keys".to_owned()) };
        fs::remove_file(first).map_err(|error| error.to_string())?;
        fs::write(second, &other["private"]).map_err(|error| error.to_string())
    };
    let expected = "the secrets `one`, `two` are not encrypted to a key of this host, /etc/ssh/ssh_host_rsa_key, and \
                    /etc/ssh/ssh_host_ed25519_key is not there; name the public one in `hosts.<name>.ssh.key`, run `kolla-lang \
                    secrets rekey`, and build again";
    refused(exchange, &closure("x"), &[expected])
}

fn an_edited_ciphertext_is_refused() -> Tested {
    let mut closure = closure("x");
    let path = secret_path("two");
    let text = &mut closure.files.get_mut(&path).ok_or("no ciphertext")?.bytes;
    let at = text.len() / 2;
    text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    refused(|_| Ok(()), &closure, &["the secret `two` cannot be opened: it is torn or was edited"])
}

fn an_exchanged_ciphertext_is_refused() -> Tested {
    let mut closure = closure("x");
    let other = closure.files[&secret_path("one")].clone();
    closure.files.insert(secret_path("two"), other);
    let expected = "the secret `two` cannot be opened: it holds the secret one in version 1";
    refused(|_| Ok(()), &closure, &[expected])
}

fn an_edited_certificate_is_refused() -> Tested {
    let kind = SecretKind::Authority { subject: "ca".into(), valid_secs: 3600 };
    let make = || words(generate(&kind, &|_| None).map_err(Into::into));
    let (mut parts, other) = (make()?, make()?);
    // What the file reads is its only part without a name.
    parts.insert(String::new(), "value".into());
    let public = |parts: &Parts| BTreeMap::from([("certificate".to_owned(), parts["certificate"].clone())]);
    let mut right = closure("x");
    add_certificate(&mut right, parts.clone(), public(&parts))?;
    match Fake::with_generation(None)?.switch(&right) {
        Ok(Outcome::Committed { .. }) => {}
        ended => return Err(format!("{ended:?}")),
    }
    let mut edited = closure("x");
    add_certificate(&mut edited, parts, public(&other))?;
    let expected =
        "the secret `one` cannot be opened: its public part `certificate` is not the one it was made with";
    refused(|_| Ok(()), &edited, &[expected])
}

fn an_expired_certificate_is_refused() -> Tested {
    let mut closure = closure("x");
    let certificate = BTreeMap::from([("certificate".to_owned(), EXPIRED.to_owned())]);
    let mut parts = Parts::from(certificate.clone());
    parts.insert(String::new(), "value".into());
    add_certificate(&mut closure, parts, certificate)?;
    let mut fake = Fake::with_generation(None)?;
    let ended = fake.switch(&closure);
    let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
        return Err(format!("{ended:?}"));
    };
    let told = refusals.first().map(|it| it.to_string()).unwrap_or_default();
    let days = told.strip_prefix("the certificate of the secret `one` ended ");
    let days = days.and_then(|it| {
        it.split_once(" days ago, by the clock of this host; run `kolla-lang secrets rotate one`")
    });
    if refusals.len() != 1 || !days.is_some_and(|(days, _)| days.parse().is_ok_and(|it: u64| it > 1000)) {
        return Err(told);
    }
    refused(|_| Ok(()), &closure, &[&told])
}

const IMAGE: &str = "registry.test:5000/kolla/x:1";

/// Makes a closure whose image comes from a registry that wants a login.
fn with_login() -> Closure {
    let mut closure = closure("x");
    let (spec, text) = keys::secret("registry");
    closure.manifest.secrets.insert("registry".into(), spec);
    closure.add_file(secret_path("registry"), text, 0o600);
    closure.manifest.images.push(IMAGE.to_owned());
    for (name, secret) in [("registry.test:5000/kolla", "registry"), ("registry.test", "one")] {
        let login = Login { user: "puller".into(), secret: secret.into() };
        closure.manifest.logins.insert(name.into(), login);
    }
    closure
}

/// What lies in the folder of logins.
fn left(fake: &Fake) -> Vec<String> {
    fs::read_dir(fake.layout.logins())
        .map(|all| all.flatten().map(|it| it.path().display().to_string()).collect())
        .unwrap_or_default()
}

fn a_login_is_there_while_an_image_is_pulled() -> Tested {
    let mut fake = Fake::with_generation(None)?;
    let closure = with_login();
    fake.world.borrow_mut().no_image = Some(IMAGE.to_owned());
    let ended = fake.switch(&closure);
    if !matches!(ended, Ok(Outcome::Committed { .. })) {
        return Err(format!("{ended:?}"));
    }
    let password = Vault::new(fake.layout.host_keys()).read(&closure, "registry", None);
    let password = password.map_err(|error| error_chain(&error))?;
    let expected = authfile("registry.test:5000/kolla", &basic("puller", &password)).to_string();
    let world = fake.world.borrow();
    if world.login != Some((expected, true)) {
        return Err(format!("podman was given {:?}", world.login));
    }
    match left(&fake) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?} is left")),
    }
}

fn a_pull_that_fails_leaves_no_login() -> Tested {
    let mut fake = Fake::with_generation(None)?;
    fake.world.borrow_mut().no_image = Some(IMAGE.to_owned());
    fake.world.borrow_mut().no_pull = true;
    let ended = fake.switch(&with_login());
    let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
        return Err(format!("{ended:?}"));
    };
    let told = error_chain(&refusals[0]);
    if !told.starts_with(&format!("the image {IMAGE}, needed by ")) || fake.world.borrow().login.is_none() {
        return Err(told);
    }
    match left(&fake) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?} is left")),
    }
}

fn a_login_that_cannot_be_opened_is_refused() -> Tested {
    let mut closure = with_login();
    closure.files.remove(&secret_path("registry"));
    let expected = "the closure contradicts itself: the closure has no file `secrets/registry.age`, which the secret `registry` names";
    refused(|_| Ok(()), &closure, &[expected])
}
