//! A plan that somebody looked at, so that nothing else is done than what was seen: hosts that are something else by now are named, and
//! so is another description.
//!
//! Where a cloud is signed, a plan carries the signature of an operator, and counts only with one. Is no file: it is data with one text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::{Change, Record};
use sign::key::SigningKey;
use sign::{Signed, Statement, Subject};
use store::{Digest, versioned};

/// The version of this form.
pub const VERSION: u32 = 2;

/// How far the counter of a signature, a time, may be ahead of the clock of this machine.
const MOST_AHEAD_SECS: u64 = 24 * 3600;

/// What a plan was made of and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The version of this form, [`VERSION`].
    pub version: u32,
    /// The digest of the cloud that is to be.
    pub cloud: Digest,
    /// The digest of the plan.
    pub plan: Digest,
    /// What each host was, and what it was to become.
    pub hosts: BTreeMap<String, Change>,
    /// The signature of an operator over all else of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signed>,
}

/// The last signed plan that was carried out from this machine: nothing that was signed before it is carried out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastPlan {
    /// The version of this form, [`VERSION`].
    pub version: u32,
    /// The counter of its signature.
    pub counter: u64,
    /// The digest that was signed.
    pub plan: Digest,
}

/// Why a saved plan of a signed cloud is not carried out.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SavedError {
    #[error("it is not signed, and the cloud `{cloud}` is (`cloud.signed`)")]
    Unsigned { cloud: String },
    #[error(
        "it was changed after it was signed, or signed for another cloud than `{cloud}`, or by nobody who is an operator of it; its \
         operators are {}",
        operators.join(", ")
    )]
    Stranger { cloud: String, operators: Vec<String> },
    #[error(
        "it was signed before the last plan that was carried out from here (counter {counter}, and the last one was {last})"
    )]
    Older { counter: u64, last: u64 },
    #[error("it was signed {ahead} s after now, by the clock of this machine")]
    Ahead { ahead: u64 },
}

impl Saved {
    /// Keeps the plan of a rollout that has not begun.
    pub fn of(record: &Record) -> Self {
        let change = |(name, it): (&String, &super::record::HostRecord)| {
            (name.clone(), Change { from: it.from.clone(), to: it.to.clone() })
        };
        Self {
            version: VERSION,
            cloud: record.cloud.clone(),
            plan: record.plan.clone(),
            hosts: record.hosts.iter().map(change).collect(),
            signature: None,
        }
    }

    /// Returns the digest that is signed: that of the text without a signature.
    pub fn digest(&self) -> Digest {
        Digest::of(Self { signature: None, ..self.clone() }.to_text().as_bytes())
    }

    /// Decides whether it may be carried out in a cloud with these operators who sign, and returns what is to be noted of it; nothing
    /// where the cloud has none.
    pub fn check_signature(
        &self,
        cloud: &str,
        operators: &BTreeMap<String, SigningKey>,
        last: Option<&LastPlan>,
        now: u64,
    ) -> Result<Option<LastPlan>, SavedError> {
        if operators.is_empty() {
            return Ok(None);
        }
        let Some(signed) = &self.signature else {
            return Err(SavedError::Unsigned { cloud: cloud.to_owned() });
        };
        let (plan, counter) = (self.digest(), signed.counter);
        let statement = Statement { cloud, subject: Subject::Plan { plan: &plan }, counter };
        if signed.by(&statement, operators.values()).is_none() {
            let named = operators.iter().map(|(name, key)| format!("{name} ({})", key.fingerprint()));
            return Err(SavedError::Stranger { cloud: cloud.to_owned(), operators: named.collect() });
        }
        if counter > now.saturating_add(MOST_AHEAD_SECS) {
            return Err(SavedError::Ahead { ahead: counter - now });
        }
        // The same plan may be tried again.
        match last.filter(|it| counter < it.counter || counter == it.counter && plan != it.plan) {
            Some(LastPlan { counter: last, .. }) => Err(SavedError::Older { counter, last: *last }),
            None => Ok(Some(LastPlan { version: VERSION, counter, plan })),
        }
    }

    /// Says in which ways a rollout that has not begun is not this one; nothing if it is.
    pub fn differences(&self, record: &Record) -> Vec<String> {
        let now = Self::of(record);
        let mut differences = Vec::new();
        for (name, was) in &self.hosts {
            match now.hosts.get(name) {
                Some(is) if is.from != was.from => {
                    differences.push(format!("{name} is {}, and was {}", short(&is.from), short(&was.from)));
                }
                Some(is) if is.to != was.to => {
                    let (is, was) = (is.to.short(), was.to.short());
                    differences.push(format!("{name} is to become {is}, and was to become {was}"));
                }
                Some(_) => {}
                None => differences.push(format!("nothing is to be done on {name} any more")),
            }
        }
        let is_new = |name: &&String| !self.hosts.contains_key(*name);
        differences.extend(now.hosts.keys().filter(is_new).map(|it| format!("{it} was not in it")));
        if differences.is_empty() && self.plan != now.plan {
            differences.push(
                "what is done in which order is not the same: members are down, or tasks were done"
                    .to_owned(),
            );
        }
        differences
    }

    /// Returns the one text of it.
    pub fn to_text(&self) -> String {
        // Writing plain structs into memory cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Reads a plan from its text, and says in a line why it cannot be used.
pub fn parse_saved(text: &str) -> Result<Saved, String> {
    versioned::parse(text.as_bytes(), VERSION)
}

/// Reads what was noted of the last signed plan from its text, and says in a line why it cannot be used.
pub fn parse_last(text: &str) -> Result<LastPlan, String> {
    versioned::parse(text.as_bytes(), VERSION)
}

fn short(digest: &Option<Digest>) -> String {
    digest.as_ref().map_or_else(|| "without a generation".to_owned(), |it| it.short().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::record::{Course, Direction, HostRecord, Phase};
    use super::*;

    /// Reads `NAME FROM TO`; `-` is no generation.
    fn record(plan: &str, hosts: &[&str]) -> Record {
        let digest = |it: &str| (it != "-").then(|| Digest::of(it.as_bytes()));
        let host = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, from, to] = words[..] else { panic!("{line}") };
            let to = Digest::of(to.as_bytes());
            (name.to_owned(), HostRecord { from: digest(from), to, phase: Phase::Waiting })
        };
        Record {
            version: 1,
            rollout: "17".to_owned(),
            epoch: 1,
            cloud: Digest::of(b"cloud"),
            direction: Direction::New,
            plan: Digest::of(plan.as_bytes()),
            waves: Vec::new(),
            last: Vec::new(),
            ties: Vec::new(),
            over: BTreeSet::new(),
            hosts: hosts.iter().map(host).collect(),
            course: Course::Forward,
            end: None,
            no_return: BTreeSet::new(),
            raised: Vec::new(),
        }
    }

    #[test]
    fn whatever_changed_since_is_named() {
        let saved = Saved::of(&record("p", &["a 1 2", "b - 2"]));
        assert_eq!(parse_saved(&saved.to_text()).as_ref(), Ok(&saved));
        let cases: [(&str, &[&str], &[&str]); 6] = [
            ("p", &["a 1 2", "b - 2"], &[]),
            ("q", &["a 1 2", "b - 2"], &["what is done in which order"]),
            ("p", &["a 3 2", "b - 2"], &["a is "]),
            ("p", &["a 1 3", "b 1 2"], &["a is to become ", "b is "]),
            ("p", &["a 1 2"], &["nothing is to be done on b any more"]),
            ("p", &["a 1 2", "b - 2", "c 1 2"], &["c was not in it"]),
        ];
        for (plan, hosts, expected) in cases {
            let found = saved.differences(&record(plan, hosts));
            assert_eq!(found.len(), expected.len(), "{hosts:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{hosts:?}: {found}");
            }
        }
    }

    #[test]
    fn a_signed_plan_is_that_of_one_operator_and_cloud_and_no_older_one() {
        use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};
        let private = || {
            let mut random = ssh_key::rand_core::OsRng;
            PrivateKey::random(&mut random, Algorithm::Ed25519).unwrap_or_else(|error| panic!("{error}"))
        };
        let public = |key: &PrivateKey| {
            let line = key.public_key().to_openssh().unwrap_or_default();
            SigningKey::parse(&line).unwrap_or_else(|| panic!("{line}"))
        };
        let (ada, eve) = (private(), private());
        let operators = BTreeMap::from([("ada".to_owned(), public(&ada))]);
        let sign = |saved: &Saved, key: &PrivateKey, cloud: &str, counter: u64| {
            let plan = saved.digest();
            let subject = Subject::Plan { plan: &plan };
            let text = Statement { cloud, subject, counter }.to_text();
            let made = key.sign(subject.namespace(), HashAlg::Sha512, text.as_bytes());
            let armor = made.and_then(|it| it.to_pem(LineEnding::LF));
            let armor = armor.unwrap_or_else(|error| panic!("{error}"));
            let signature = Signed::new(counter, &armor).ok();
            Saved { signature, ..saved.clone() }
        };
        let (now, plan) = (1_000_000, Saved::of(&record("p", &["a 1 2", "b - 2"])));
        let said = |saved: &Saved, last: Option<&LastPlan>| {
            // As it comes back from a file.
            let saved = parse_saved(&saved.to_text()).unwrap_or_else(|error| panic!("{error}"));
            match saved.check_signature("shop", &operators, last, now) {
                Ok(Some(LastPlan { counter, .. })) => counter.to_string(),
                Ok(None) => "free".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        let check = |saved: &Saved, last: Option<&LastPlan>, expected: &str| {
            let found = said(saved, last);
            assert!(found.starts_with(expected), "{found}: {expected}");
        };
        let good = sign(&plan, &ada, "shop", 100);
        check(&plan, None, "it is not signed");
        check(&good, None, "100");
        check(&sign(&plan, &eve, "shop", 100), None, "it was changed after");
        check(&sign(&plan, &ada, "other", 100), None, "it was changed after");
        let mut changed = good.clone();
        changed.hosts.remove("b");
        check(&changed, None, "it was changed after");
        check(
            &Saved { signature: good.signature.clone(), plan: Digest::of(b"q"), ..plan.clone() },
            None,
            "it was",
        );
        check(&sign(&plan, &ada, "shop", now + MOST_AHEAD_SECS + 1), None, "it was signed 86401 s after now");
        let last = |counter, plan: &Saved| LastPlan { version: VERSION, counter, plan: plan.digest() };
        let other = Saved::of(&record("q", &["a 2 3"]));
        check(&good, Some(&last(100, &plan)), "100");
        check(&good, Some(&last(99, &other)), "100");
        check(&good, Some(&last(100, &other)), "it was signed before");
        check(&good, Some(&last(101, &plan)), "it was signed before");
        assert_eq!(plan.check_signature("shop", &BTreeMap::new(), None, now).ok(), Some(None));
    }
}
