//! Which tasks were done on this host: a stamp for each, which counts as long as the volumes it names are the same.
//!
//! Decides nothing about running a task again; a volume that was made anew by hand makes its tasks doubtful.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::generation;
use super::history::seconds_now;
use super::layout::Layout;
use super::podman::{ToolError, Tools};
use crate::store::files::{self, FileError};
use crate::store::manifest::{Task, TaskClass};
use crate::store::{Digest, Manifest};

/// What a stamp says of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stamp {
    /// It was done, and what it did is there.
    Done,
    /// It was done, and what it did may be gone: why.
    Doubtful(String),
}

/// The stamps of a manifest's tasks, by the task's name; one without a stamp was never done.
pub type Stamps = BTreeMap<String, Stamp>;

/// A stamp as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// The version of this form, 1.
    version: u32,
    task: String,
    once: String,
    /// Seconds since 1970.
    time: u64,
    /// Whether there is a way back behind it. Absent in stamps from before this was noted, as is the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<TaskClass>,
    /// The generation it was done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    /// Volumes that the task wrote to, with what told each from a later one of the same name.
    #[serde(default)]
    volumes: BTreeMap<String, String>,
}

/// Reads the stamps of all tasks of a manifest. Podman is asked only if one of them names a volume.
pub fn read(layout: &Layout, tools: &mut dyn Tools, manifest: &Manifest) -> Result<Stamps, ToolError> {
    let mut stamps = Stamps::new();
    let mut known: Option<BTreeMap<String, String>> = None;
    for (name, task) in &manifest.tasks {
        let stamp = match written(layout, &task.once) {
            None => continue,
            Some(Err(why)) => Stamp::Doubtful(why),
            Some(Ok(written)) if written.volumes.is_empty() => Stamp::Done,
            Some(Ok(written)) => {
                let volumes = match &mut known {
                    Some(volumes) => volumes,
                    None => known.insert(tools.volumes()?),
                };
                judge(task, &written, volumes)
            }
        };
        stamps.insert(name.clone(), stamp);
    }
    Ok(stamps)
}

/// A task that was done on this host, as its stamp tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its name.
    pub task: String,
    /// Its key.
    pub once: String,
    /// Whether there is a way back behind it.
    pub class: TaskClass,
    /// The generation it was done for.
    pub generation: u64,
    /// Seconds since 1970, when it was done.
    pub time: u64,
    /// Volumes that it wrote to, with what told each from a later one of the same name.
    pub volumes: BTreeMap<String, String>,
}

impl Finished {
    /// Says whether the volumes that it wrote to are still those.
    pub fn is_there(&self, volumes: &BTreeMap<String, String>) -> bool {
        self.volumes.iter().all(|(name, was)| volumes.get(name) == Some(was))
    }
}

/// Returns all tasks that were done on this host, sorted by name, then by generation. A stamp that is damaged tells nothing here, nor does
/// one from before classes were noted: a task is not taken for done by what might have been its stamp.
pub fn finished(layout: &Layout) -> Result<Vec<Finished>, FileError> {
    let mut all = Vec::new();
    for name in files::names(&layout.done())? {
        let Some(bytes) = files::read_if_there(&layout.done().join(name))? else { continue };
        let Ok(Written { version: 1, task, once, time, class, generation, volumes }) =
            serde_json::from_slice(&bytes)
        else {
            continue;
        };
        if let (Some(class), Some(generation)) = (class, generation) {
            all.push(Finished { task, once, class, generation, time, volumes });
        }
    }
    all.sort_by(|a, b| (&a.task, a.generation).cmp(&(&b.task, b.generation)));
    Ok(all)
}

/// Says whether the volumes that a task writes to are those it wrote to.
fn judge(task: &Task, written: &Written, volumes: &BTreeMap<String, String>) -> Stamp {
    let other =
        |name: &&String| written.volumes.get(*name).is_some_and(|was| volumes.get(*name) != Some(was));
    match task.volumes.iter().find(other) {
        Some(volume) if volumes.contains_key(volume) => {
            Stamp::Doubtful(format!("its volume {volume} was made anew since"))
        }
        Some(volume) => Stamp::Doubtful(format!("its volume {volume} is gone")),
        None => Stamp::Done,
    }
}

/// Says whether a task with this key was completed on the host, whatever became of its volumes.
pub fn is_done(layout: &Layout, once: &str) -> bool {
    matches!(written(layout, once), Some(Ok(_)))
}

/// Reads a stamp. A damaged one is none that could be trusted, and no proof that nothing was done either.
fn written(layout: &Layout, once: &str) -> Option<Result<Written, String>> {
    let bytes = match files::read_if_there(&path(layout, once)) {
        Ok(bytes) => bytes?,
        Err(error) => return Some(Err(format!("its stamp cannot be read: {error}"))),
    };
    Some(match serde_json::from_slice::<Written>(&bytes) {
        Ok(written) if written.version == 1 && written.once == once => Ok(written),
        Ok(written) => Err(format!("its stamp is of version {} or another task's", written.version)),
        Err(_) => Err("its stamp is damaged".to_owned()),
    })
}

/// Notes that a task was completed, on disk when it returns.
pub fn set_done(
    layout: &Layout,
    name: &str,
    task: &Task,
    volumes: &BTreeMap<String, String>,
) -> Result<(), FileError> {
    let path = path(layout, &task.once);
    files::make_folder(path.parent().unwrap_or(layout.root()))?;
    let its = |volume: &String| volumes.get(volume).map(|identity| (volume.clone(), identity.clone()));
    let written = Written {
        version: 1,
        task: name.to_owned(),
        once: task.once.clone(),
        time: seconds_now(),
        class: Some(task.class),
        // After the commit there is no trial any more.
        generation: generation::on_trial(layout)?.or(generation::booted(layout)?),
        volumes: task.volumes.iter().filter_map(its).collect(),
    };
    // Writing plain structs into memory cannot fail.
    let text = serde_json::to_string(&written).unwrap_or_default();
    files::write_synced(&path, text.as_bytes(), 0o644)
}

/// Returns where a task's stamp lies.
pub fn path(layout: &Layout, once: &str) -> PathBuf {
    // A key is any text, a file name is not.
    layout.done().join(format!("{}.json", Digest::of(once.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task {
            unit: "t.service".into(),
            once: "k".into(),
            class: TaskClass::Expand,
            volumes: vec!["v".into()],
        }
    }

    fn volumes(identity: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("v".to_owned(), identity.to_owned())])
    }

    #[test]
    fn a_stamp_counts_for_the_volume_it_was_made_with() {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        set_done(&layout, "t", &task(), &volumes("1")).unwrap_or_else(|error| panic!("{error}"));
        let Some(Ok(stamp)) = written(&layout, "k") else { panic!("no stamp") };
        assert_eq!(judge(&task(), &stamp, &volumes("1")), Stamp::Done);
        assert!(matches!(judge(&task(), &stamp, &volumes("2")), Stamp::Doubtful(_)));
        assert!(matches!(judge(&task(), &stamp, &BTreeMap::new()), Stamp::Doubtful(_)));
        assert!(is_done(&layout, "k") && !is_done(&layout, "other"));
    }

    #[test]
    fn a_stamp_from_before_classes_were_noted_says_that_it_was_done() {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        set_done(&layout, "u", &Task { once: "other".into(), ..task() }, &volumes("1"))
            .unwrap_or_else(|error| panic!("{error}"));
        let text = r#"{"version":1,"task":"t","once":"k","time":1763000000,"volumes":{"v":"1"}}"#;
        std::fs::write(path(&layout, "k"), text).unwrap_or_else(|error| panic!("{error}"));
        assert!(is_done(&layout, "k"));
        // Neither was done for a generation that is known.
        assert_eq!(finished(&layout).ok(), Some(Vec::new()));
    }

    #[test]
    fn a_torn_stamp_is_doubtful_and_not_done() {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        for text in ["", "{\"version\":1,\"ta", "{\"version\":7,\"task\":\"t\",\"once\":\"k\",\"time\":0}"] {
            files::make_folder(&layout.done()).unwrap_or_else(|error| panic!("{error}"));
            std::fs::write(path(&layout, "k"), text).unwrap_or_else(|error| panic!("{error}"));
            assert!(matches!(written(&layout, "k"), Some(Err(_))), "{text}");
            assert!(!is_done(&layout, "k"));
        }
    }
}
