//! The operators that a host has enrolled: it becomes only what one of them signed, and nothing that was signed before what it took last.
//!
//! The keys are those of the committed generation, and from its commit on. They are kept beside it, so that going back to a generation of
//! earlier keys brings none of them back. Read and written under the lock of the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::layout::Layout;
use sign::key::SigningKey;
use sign::{Signed, Statement, Subject};
use store::files::{self, FileError};
use store::sealed::{self, SealedError};
use store::{Closure, Digest, Manifest};

/// How far the counter of a signature, a time, may be ahead of the clock of the host.
const MOST_AHEAD_SECS: u64 = 24 * 3600;

/// What a host knows of its operators.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operators {
    /// Those whose signatures count, by name.
    pub keys: BTreeMap<String, SigningKey>,
    /// The counter of the last signature that was taken.
    pub counter: u64,
    /// What was signed by it. Where that is the committed generation, its keys are the ones that count.
    pub closure: Option<Digest>,
}

/// Why a closure is not taken.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum OperatorError {
    #[error(
        "this host becomes only what an operator signed, and {} is not signed{}", closure.short(), whose(keys)
    )]
    Unsigned { closure: Digest, keys: Vec<String> },
    #[error(
        "{} was signed for another host or cloud, or by nobody who is an operator of this host{}",
        closure.short(), whose(keys)
    )]
    Stranger { closure: Digest, keys: Vec<String> },
    #[error(
        "{} was signed before what this host took last (counter {counter}, and the last one was {last})\n  help: sign it anew: \
         `kolla-lang switch` does; a generation that the host has is taken without a signature, by `kolla-lang rollback`",
        closure.short()
    )]
    Older { closure: Digest, counter: u64, last: u64 },
    #[error(
        "{} was signed {ahead} s after now, by the clock of this host\n  help: set the clock that is wrong, here or where it was signed",
        closure.short()
    )]
    Ahead { closure: Digest, ahead: u64 },
    #[error("the key of the operator `{name}` cannot sign: an Ed25519 key of SSH is wanted")]
    Key { name: String },
}

/// Returns the operators of a manifest, each with a key that signs.
fn keys_of(manifest: &Manifest) -> Result<BTreeMap<String, SigningKey>, OperatorError> {
    let parse = |(name, line): (&String, &String)| match SigningKey::parse(line) {
        Some(key) => Ok((name.clone(), key)),
        None => Err(OperatorError::Key { name: name.clone() }),
    };
    manifest.operators.iter().map(parse).collect()
}

fn whose(keys: &[String]) -> String {
    format!(
        "\n  help: its operators are {}; `--sign-with FILE` names the key of one, `kolla-lang operators forget` on the host lets go of all",
        keys.join(", ")
    )
}

/// Reads what a host knows of its operators; one that was never told knows nothing.
pub fn load(layout: &Layout) -> Result<Option<Operators>, SealedError> {
    let path = layout.operators();
    if files::exists(&path) { sealed::read(&path).map(Some) } else { Ok(None) }
}

/// Returns the keys that count on a host now: those of what it took last where that is committed, else those from before.
pub fn settled(known: Option<Operators>, committed: Option<(&Digest, &Manifest)>) -> Option<Operators> {
    let mut known = known?;
    if let Some((digest, manifest)) = committed
        && known.closure.as_ref() == Some(digest)
        // They could be read when it was taken.
        && let Ok(keys) = keys_of(manifest)
    {
        known.keys = keys;
    }
    Some(known)
}

/// Notes the keys that count, before anything can take what is committed back.
pub fn settle(
    layout: &Layout,
    committed: Option<(&Digest, &Manifest)>,
) -> Result<Option<Operators>, SealedError> {
    let before = load(layout)?;
    let now = settled(before.clone(), committed);
    if let Some(now) = &now
        && before.as_ref() != Some(now)
    {
        sealed::write(&layout.operators(), now)?;
    }
    Ok(now)
}

/// Decides whether a host may become a closure, and what it knows from then on; nothing where neither side has operators.
pub fn decide(
    known: Option<&Operators>,
    from: Option<&Manifest>,
    to: &Closure,
    signed: Option<&Signed>,
    now: u64,
) -> Result<Option<Operators>, OperatorError> {
    let known = known.cloned().unwrap_or_default();
    let is_enrolled = !known.keys.is_empty();
    // The first time, operators vouch for themselves: nobody is there who could for them.
    let new = keys_of(&to.manifest)?;
    let keys = if is_enrolled { &known.keys } else { &new };
    if keys.is_empty() {
        return Ok(None);
    }
    let closure = to.digest();
    // What takes everything away is made on the host itself, of what it is.
    if from.is_some_and(|it| Closure::new(it.emptied()).digest() == closure) {
        return Ok(None);
    }
    let names = || keys.iter().map(|(name, key)| format!("{name} ({})", key.fingerprint())).collect();
    let Some(signed) = signed else { return Err(OperatorError::Unsigned { closure, keys: names() }) };
    let Manifest { cloud, host, .. } = &to.manifest;
    let subject = Subject::Closure { host, closure: &closure };
    let statement = Statement { cloud, subject, counter: signed.counter };
    if signed.by(&statement, keys.values()).is_none() {
        return Err(OperatorError::Stranger { closure, keys: names() });
    }
    let (counter, last) = (signed.counter, known.counter);
    if counter < last || counter == last && known.closure.as_ref() != Some(&closure) {
        return Err(OperatorError::Older { closure, counter, last });
    }
    if counter > now.saturating_add(MOST_AHEAD_SECS) {
        return Err(OperatorError::Ahead { closure, ahead: counter - now });
    }
    Ok(Some(Operators { keys: known.keys, counter, closure: Some(closure) }))
}

/// Notes what was taken.
pub fn note(layout: &Layout, operators: &Operators) -> Result<(), FileError> {
    sealed::write(&layout.operators(), operators)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};
    use store::manifest::Backend;

    const NOW: u64 = 1_000_000;

    struct Keys(BTreeMap<&'static str, PrivateKey>);

    impl Keys {
        fn new() -> Self {
            let mut random = ssh_key::rand_core::OsRng;
            let make = |name| {
                (
                    name,
                    PrivateKey::random(&mut random, Algorithm::Ed25519)
                        .unwrap_or_else(|error| panic!("{error}")),
                )
            };
            Self(["ada", "bob", "eve"].map(make).into())
        }

        fn public(&self, names: &str) -> BTreeMap<String, SigningKey> {
            let key = |name: &str| {
                let line = self.0[name].public_key().to_openssh().unwrap_or_default();
                (name.to_owned(), SigningKey::parse(&line).unwrap_or_else(|| panic!("{line}")))
            };
            names.split_whitespace().map(key).collect()
        }

        /// A closure with a name that enrols these operators.
        fn closure(&self, name: &str, operators: &str) -> Closure {
            let mut closure = Closure::new(Manifest::new("shop", "web1", Backend::Quadlet, name));
            let lines = self.public(operators).into_iter().map(|(name, key)| (name, key.line().to_owned()));
            closure.manifest.operators = lines.collect();
            closure.manifest.volumes.push("data".to_owned());
            closure
        }

        fn sign(&self, who: &str, closure: &Closure, counter: u64) -> Signed {
            let digest = closure.digest();
            let subject = Subject::Closure { host: "web1", closure: &digest };
            let statement = Statement { cloud: "shop", subject, counter };
            let made = self.0[who].sign(subject.namespace(), HashAlg::Sha512, statement.to_text().as_bytes());
            let armor = made.and_then(|it| it.to_pem(LineEnding::LF));
            Signed::new(counter, &armor.unwrap_or_else(|error| panic!("{error}")))
                .unwrap_or_else(|error| panic!("{error}"))
        }
    }

    fn said(decided: Result<Option<Operators>, OperatorError>) -> String {
        match decided {
            Ok(None) => "free".to_owned(),
            Ok(Some(_)) => "taken".to_owned(),
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn a_host_becomes_what_one_of_its_operators_signed_and_nothing_older() {
        let keys = Keys::new();
        let (one, two) = (keys.closure("1", "ada"), keys.closure("2", "ada bob"));
        let plain = keys.closure("3", "");
        let known = Operators { keys: keys.public("ada"), counter: 100, closure: Some(one.digest()) };
        let check = |known: Option<&Operators>, to: &Closure, signed: Option<Signed>, expected: &str| {
            let found = said(decide(known, Some(&one.manifest), to, signed.as_ref(), NOW));
            assert!(found.contains(expected), "{found}: {expected}");
        };
        check(None, &plain, None, "free");
        check(None, &one, None, "is not signed");
        check(None, &one, Some(keys.sign("eve", &one, 1)), "by nobody who is an operator");
        check(None, &one, Some(keys.sign("ada", &one, 1)), "taken");
        check(Some(&known), &two, None, "is not signed");
        check(Some(&known), &plain, None, "is not signed");
        check(Some(&known), &two, Some(keys.sign("bob", &two, 200)), "by nobody who is an operator");
        check(Some(&known), &two, Some(keys.sign("ada", &one, 200)), "by nobody who is an operator");
        check(Some(&known), &two, Some(keys.sign("ada", &two, 99)), "was signed before");
        check(Some(&known), &two, Some(keys.sign("ada", &two, 100)), "was signed before");
        check(Some(&known), &one, Some(keys.sign("ada", &one, 100)), "taken");
        check(Some(&known), &two, Some(keys.sign("ada", &two, 101)), "taken");
        check(Some(&known), &plain, Some(keys.sign("ada", &plain, 101)), "taken");
        check(Some(&known), &two, Some(keys.sign("ada", &two, NOW + MOST_AHEAD_SECS + 1)), "after now");
        check(Some(&known), &Closure::new(one.manifest.emptied()), None, "free");
    }

    #[test]
    fn keys_change_with_the_commit_and_going_back_brings_none_back() {
        let keys = Keys::new();
        let (one, two) = (keys.closure("1", "ada"), keys.closure("2", "bob"));
        let (one_digest, two_digest) = (one.digest(), two.digest());
        let taken = decide(None, None, &one, Some(&keys.sign("ada", &one, 1)), NOW).ok().flatten();
        // It was taken and went back: there is no operator yet.
        let back = settled(taken.clone(), None);
        assert_eq!(back.as_ref().map(|it| it.keys.len()), Some(0));
        let known = settled(taken, Some((&one_digest, &one.manifest)));
        assert_eq!(known.as_ref().map(|it| it.keys.clone()), Some(keys.public("ada")));
        let taken = decide(known.as_ref(), Some(&one.manifest), &two, Some(&keys.sign("ada", &two, 2)), NOW);
        let taken = taken.ok().flatten();
        let back = settled(taken.clone(), Some((&one_digest, &one.manifest)));
        assert_eq!(back.map(|it| it.keys), Some(keys.public("ada")));
        let rotated = settled(taken, Some((&two_digest, &two.manifest)));
        assert_eq!(rotated.as_ref().map(|it| it.keys.clone()), Some(keys.public("bob")));
        let rolled_back = settled(rotated, Some((&one_digest, &one.manifest)));
        assert_eq!(rolled_back.map(|it| it.keys), Some(keys.public("bob")));
    }
}
