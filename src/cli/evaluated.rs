//! What is kept of a host so that the next build need not evaluate it: what its value followed from, and what is asked of all hosts
//! together. It was told of no mistake, so it has no places.

use std::collections::{BTreeMap, BTreeSet};

use kl::source::Span;
use kl::value::looked::{Looked, Place};
use kl::value::outcome::PartTrace;
use kl::value::texts::PartTexts;
use serde::{Deserialize, Serialize};

use model::host::Ssh;
use model::{Host, Text};
use plan::{HostWaits, host_waits};
use store::Digest;
use store::digest::Hasher;
use store::hex;

/// What the value of a host followed from, and what evaluating it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluated {
    /// The digest of the texts that it followed from, and of all that hosts share.
    inputs: Digest,
    /// The places of other hosts that were looked at, and of each whether what is said below it matters.
    looked: Vec<(Vec<String>, bool)>,
    /// Which definitions won, a bit each, in hexadecimal digits.
    won: String,
    /// Which lost.
    lost: String,
}

impl Evaluated {
    /// What evaluation of a host found in these texts. `shared` is what rendering depends on besides its value.
    pub fn new(shared: &Digest, texts: &PartTexts, host: &str, trace: &PartTrace) -> Self {
        let PartTrace { looked, won, lost } = trace;
        let Looked { places } = looked;
        let words = |place: &Place| place.iter().map(ToString::to_string).collect();
        Self {
            inputs: inputs(shared, texts, host, looked),
            looked: places.iter().map(|(place, deep)| (words(place), *deep)).collect(),
            won: hex::encode(won),
            lost: hex::encode(lost),
        }
    }

    /// Returns what evaluation would find in these texts, if they are those of then.
    pub fn recall(&self, shared: &Digest, texts: &PartTexts, host: &str) -> Option<PartTrace> {
        let place = |words: &Vec<String>| words.iter().map(|it| it.as_str().into()).collect();
        let looked = Looked { places: self.looked.iter().map(|(it, deep)| (place(it), *deep)).collect() };
        if inputs(shared, texts, host, &looked) != self.inputs {
            return None;
        }
        Some(PartTrace { looked, won: hex::decode(&self.won)?, lost: hex::decode(&self.lost)? })
    }
}

fn inputs(shared: &Digest, texts: &PartTexts, host: &str, looked: &Looked) -> Digest {
    Hasher::new("evaluated host").field(shared.as_str()).field(texts.digest(host, looked)).finish()
}

/// What a host says to what is asked of all hosts together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InFleet {
    /// By container: what it waits for.
    waits: BTreeMap<String, Vec<String>>,
    user: String,
    address: String,
    port: u64,
    key: Option<String>,
    /// Its roles.
    pub roles: BTreeSet<String>,
}

impl InFleet {
    /// Takes it from a host.
    pub fn of(host: &Host) -> Self {
        let Ssh { user, address, port, key } = &host.ssh;
        Self {
            waits: host_waits(host).into_names(),
            user: user.to_string(),
            address: address.to_string(),
            port: *port,
            key: key.as_ref().map(ToString::to_string),
            roles: host.roles.iter().map(ToString::to_string).collect(),
        }
    }

    /// What the host's containers wait for.
    pub fn waits(&self, host: &str) -> HostWaits {
        HostWaits::of_names(host, &self.waits)
    }

    /// How it is reached.
    pub fn ssh(&self) -> Ssh {
        let text = |it: &String| Text::new(it.as_str().into(), Span::default());
        Ssh {
            user: text(&self.user),
            address: text(&self.address),
            port: self.port,
            key: self.key.as_ref().map(text),
        }
    }
}
