//! What the host's podman knows of what it is told: the table of keys, asked once for both writers.

use super::keys::{self, Podman, Without};
use super::lowered::{Setting, Value};
use kl::diag::{Code, Diagnostic, Problems, Severity};
use model::{Host, errors};

/// The host's podman, and what was found out on the way.
pub struct Rules<'a> {
    host: &'a Host,
    podman: Podman,
    /// The newest release that anything so far needs.
    pub needs: Podman,
    /// What is wrong.
    pub problems: &'a mut Problems,
}

/// How a podman knows a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// As the writer writes it.
    Well,
    /// In the other spelling only.
    Otherwise,
    /// Not at all, and that was said.
    Not,
}

impl<'a> Rules<'a> {
    /// Begins with what the writer needs at least.
    pub fn new(host: &'a Host, least: Podman, problems: &'a mut Problems) -> Rules<'a> {
        // An unreadable version was refused by the type; of one that is too old the host says so, once.
        let known = Podman::parse(host.podman.as_str()).filter(|podman| *podman >= least);
        let podman = known.unwrap_or(Podman { major: u32::MAX, minor: 0 });
        Rules { host, podman, needs: least, problems }
    }

    /// The host's podman.
    pub fn podman(&self) -> Podman {
        self.podman
    }

    /// Says how the podman knows a setting: as it is written since one release, in another spelling since another.
    pub fn known(&mut self, setting: &Setting, since: Podman, otherwise: Option<Podman>) -> Known {
        let Setting { key, value, at, line: _ } = setting;
        let (mut name, mut since, mut otherwise) = (key.name, since, otherwise);
        if let Value::Text(text) = value
            && let Some((value_since, called)) = keys::value_since(key.section, key.name, text)
            && value_since > self.podman
        {
            (name, since, otherwise) = (called, value_since, None);
        }
        for (known, release) in [(Known::Well, Some(since)), (Known::Otherwise, otherwise)] {
            if let Some(release) = release.filter(|release| self.podman >= *release) {
                self.needs = self.needs.max(release);
                return known;
            }
        }
        let (has_at, has) = (self.host.podman.at, self.host.podman.as_str());
        let first = otherwise.map_or(since, |otherwise| otherwise.min(since)).to_string();
        self.problems.push(match key.without {
            Without::Lost(lost) => errors::podman_lacks(*at, has_at, name, &first, has, lost),
            Without::Refused => errors::podman_too_old(*at, has_at, name, &first, has),
        });
        Known::Not
    }
}

/// Says once what a host lacks, where it first matters, and how often more.
pub fn lacks_once(problems: &Problems) -> Problems {
    let is_lack = |it: &&Diagnostic| it.code == Code::OldPodman && it.severity == Severity::Warning;
    let lacks =
        |message: &str| problems.iter().filter(is_lack).filter(|it| it.message == message).count() - 1;
    let (mut out, mut said) = (Problems::default(), Vec::new());
    for it in problems.iter() {
        if !is_lack(&it) {
            out.push(it.clone());
        } else if !said.contains(&&it.message) {
            said.push(&it.message);
            let more = Some(lacks(&it.message)).filter(|more| *more > 0);
            out.push(
                it.clone()
                    .help_opt(more.map(|more| format!("the same holds for {more} more of its containers"))),
            );
        }
    }
    out
}
