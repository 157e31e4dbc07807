//! Plans that are saved: written with the signature of an operator where the cloud is signed, and checked before a host is reached.

use std::collections::BTreeMap;
use std::path::Path;

use super::exit::Exit;
use super::host::{Built, complain};
use super::say::say_wrong;
use super::sign::{SignArgs, sign_now};
use activate::history::seconds_now;
use fleet::record::Record;
use fleet::rollout_store::RolloutStore;
use fleet::saved::{LastPlan, Saved, parse_saved};
use sign::Subject;
use sign::key::SigningKey;
use store::{Closure, files};

/// A plan that may be carried out.
pub struct Approved {
    saved: Saved,
    /// What is noted of it once it is carried out, where it is signed.
    note: Option<LastPlan>,
}

/// Saves the plan of a rollout that has not begun.
pub fn save<'a>(
    path: &Path,
    record: &Record,
    cloud: &str,
    closures: impl IntoIterator<Item = &'a Closure>,
    sign: &SignArgs,
) -> Result<(), Exit> {
    let mut saved = Saved::of(record);
    let signer = sign.signer(closures)?;
    saved.signature = sign_now(signer.as_ref(), cloud, Subject::Plan { plan: &saved.digest() })?;
    files::write_atomic(path, saved.to_text().as_bytes(), 0o644)
        .map_err(|error| complain(&error, Exit::Refused))
}

/// Reads a plan, and refuses one that no operator signed where the cloud is signed.
pub fn load(path: &Path, cloud: &str, built: &Built, rollout_store: &RolloutStore) -> Result<Approved, Exit> {
    let text = files::read_text(path).map_err(|error| complain(&error, Exit::Wrong))?;
    let saved = parse_saved(&text).map_err(|why| {
        say_wrong!("error: {} is no plan that can be used: {why}", path.display());
        Exit::Wrong
    })?;
    let last = rollout_store.last_plan().map_err(|error| complain(&error, Exit::Refused))?;
    let note = saved.check_signature(cloud, &operators(built), last.as_ref(), seconds_now()).map_err(|why| {
        say_wrong!("error: the plan {} is refused: {why}", path.display());
        say_wrong!(
            "  help: look at it anew and sign it, with `--dry-run --save FILE`, by the key of an operator; no host was reached"
        );
        Exit::Refused
    })?;
    Ok(Approved { saved, note })
}

/// The operators of a description who sign.
fn operators(built: &Built) -> BTreeMap<String, SigningKey> {
    let lines = built.closures.values().flat_map(|it| &it.manifest.operators);
    lines.filter_map(|(name, line)| Some((name.clone(), SigningKey::parse(line)?))).collect()
}

impl Approved {
    /// Refuses to do anything else than what the plan says.
    pub fn check(&self, path: &Path, record: &Record) -> Result<(), Exit> {
        let differences = self.saved.differences(record);
        if differences.is_empty() {
            return Ok(());
        }
        say_wrong!("error: this is not what {} says any more", path.display());
        differences.iter().for_each(|it| say_wrong!("  {it}"));
        say_wrong!("  help: look at it anew with `--dry-run --save FILE`; nothing was touched");
        Err(Exit::Refused)
    }

    /// Notes that it is carried out now.
    pub fn note(&self, rollout_store: &RolloutStore) -> Result<(), Exit> {
        let noted = self.note.as_ref().map(|it| rollout_store.note_plan(it)).transpose();
        noted.map(drop).map_err(|error| complain(&error, Exit::Refused))
    }
}
