//! Which tasks were done on this host: a completion record for each, which counts as long as the volumes it names are the same.
//!
//! Decides nothing about running a task again; a volume that was made anew by hand makes its tasks doubtful.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::generation;
use super::history::seconds_now;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::machine::tool::ToolError;
use store::files::{self, FileError};
use store::manifest::{Task, TaskClass};
use store::{Digest, Manifest};

/// What a completion record says of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completion {
    /// It was done, and what it did is there.
    Done,
    /// It was done, and what it did may be gone: why.
    Doubtful(String),
}

/// The completion records of a manifest's tasks, by the task's name; one without a completion record was never done.
pub type Completions = BTreeMap<String, Completion>;

/// What was done on a host: by the name of a completion record's file, which follows from the task's key, what the completion record tells.
pub type Done = BTreeMap<String, TaskRecord>;

/// What a completion record tells, whichever task it is looked up for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskRecord {
    /// The task was done. The volumes that it wrote to and that are not what they were, each with what became of it.
    Done(BTreeMap<String, String>),
    /// It is none that could be trusted, and no proof that nothing was done either: why.
    Damaged(String),
}

/// A completion record as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// The version of this form, 1.
    version: u32,
    task: String,
    once: String,
    /// Seconds since 1970.
    time: u64,
    /// Whether there is a way back past it. Absent in completion records from before this was noted, as is the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<TaskClass>,
    /// The generation it was done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    /// Volumes that the task wrote to, with what told each from a later one of the same name.
    #[serde(default)]
    volumes: BTreeMap<String, String>,
}

/// Why it cannot be said what was done on a host.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StampError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Tool(#[from] ToolError),
}

/// Reads all that was done on a host. Podman is asked only if a completion record names a volume.
pub fn done(layout: &Layout, tools: &mut dyn Tools) -> Result<Done, StampError> {
    let mut known = None;
    let mut done = Done::new();
    for (name, completion) in all(layout)? {
        let trace = match completion {
            Ok(written) => TaskRecord::Done(lost(&written, tools, &mut known)?),
            Err(why) => TaskRecord::Damaged(why),
        };
        done.insert(name, trace);
    }
    Ok(done)
}

/// Returns the completion records of a manifest's tasks, given all that was done on its host.
pub fn of(manifest: &Manifest, done: &Done) -> Completions {
    let completion = |(name, task): (&String, &Task)| {
        let completion = match done.get(&file_name(&task.once))? {
            TaskRecord::Done(lost) => judge(task, lost),
            TaskRecord::Damaged(why) => Completion::Doubtful(why.clone()),
        };
        Some((name.clone(), completion))
    };
    manifest.tasks.iter().filter_map(completion).collect()
}

/// Returns what was done where a manifest was switched to: all of its tasks.
pub fn after(manifest: &Manifest) -> Done {
    manifest.tasks.values().map(|task| (file_name(&task.once), TaskRecord::Done(BTreeMap::new()))).collect()
}

/// A task that was done on this host, as its completion record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its name.
    pub task: String,
    /// Its key.
    pub once: String,
    /// Whether there is a way back past it.
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

/// Returns all tasks that were done on this host, sorted by name, then by generation. A completion record that is damaged tells nothing here, nor does
/// one from before classes were noted: a task is not taken for done by what might have been its completion record.
pub fn finished(layout: &Layout) -> Result<Vec<Finished>, FileError> {
    let noted = |it: Written| {
        let Written { version: _, task, once, time, class, generation, volumes } = it;
        Some(Finished { task, once, class: class?, generation: generation?, time, volumes })
    };
    let mut finished: Vec<Finished> = all(layout)?.into_values().filter_map(|it| noted(it.ok()?)).collect();
    finished.sort_by(|a, b| (&a.task, a.generation).cmp(&(&b.task, b.generation)));
    Ok(finished)
}

/// Reads all completion records, by the names of their files.
fn all(layout: &Layout) -> Result<BTreeMap<String, Result<Written, String>>, FileError> {
    let mut all = BTreeMap::new();
    for name in files::names(&layout.done())? {
        let completion = read(layout, &name)?;
        all.extend(completion.map(|it| (name, it)));
    }
    Ok(all)
}

/// Reads a completion record. A damaged one is none that could be trusted, and no proof that nothing was done either.
fn read(layout: &Layout, name: &str) -> Result<Option<Result<Written, String>>, FileError> {
    let Some(bytes) = files::read_if_there(&layout.done().join(name))? else { return Ok(None) };
    Ok(Some(match serde_json::from_slice::<Written>(&bytes) {
        Ok(written) if written.version == 1 && file_name(&written.once) == name => Ok(written),
        Ok(written) => {
            Err(format!("its completion record is of version {} or another task's", written.version))
        }
        Err(_) => Err("its completion record is damaged".to_owned()),
    }))
}

/// Returns the volumes that a task wrote to and that are not what they were, with what became of each. `known` are podman's, once it was asked.
fn lost(
    written: &Written,
    tools: &mut dyn Tools,
    known: &mut Option<BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, ToolError> {
    if written.volumes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let known = match known {
        Some(known) => known,
        None => known.insert(tools.volumes()?),
    };
    Ok(lost_of(written, known))
}

fn lost_of(written: &Written, known: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let other = |(name, was): (&String, &String)| {
        let end = match known.get(name) {
            Some(is) if is == was => return None,
            Some(_) => "was made anew since",
            None => "is gone",
        };
        Some((name.clone(), format!("its volume {name} {end}")))
    };
    written.volumes.iter().filter_map(other).collect()
}

/// Says whether the volumes that a task writes to are those it wrote to, given those that are not.
fn judge(task: &Task, lost: &BTreeMap<String, String>) -> Completion {
    let why = task.volumes.iter().find_map(|volume| lost.get(volume));
    why.map_or(Completion::Done, |why| Completion::Doubtful(why.clone()))
}

/// Says whether a task with this key was completed on the host, whatever became of its volumes.
pub fn is_done(layout: &Layout, once: &str) -> bool {
    matches!(read(layout, &file_name(once)), Ok(Some(Ok(_))))
}

/// Forgets that a task which is about to run was ever done under another key, if what it makes is a state: that is no longer what is there.
pub fn forget_others(layout: &Layout, name: &str, task: &Task) -> Result<(), FileError> {
    if !task.repeat {
        return Ok(());
    }
    let is_other =
        |it: &Result<Written, String>| it.as_ref().is_ok_and(|it| it.task == name && it.once != task.once);
    let mut others = all(layout)?.into_iter().filter(|(_, it)| is_other(it)).peekable();
    if others.peek().is_none() {
        return Ok(());
    }
    for (file, _) in others {
        files::remove_file(&layout.done().join(file))?;
    }
    files::sync_folder(&layout.done())
}

/// Returns what counts as done where a generation comes back that was committed: all but the states that another one's tasks replaced.
pub fn of_committed(layout: &Layout, manifest: &Manifest) -> Completions {
    let is_there = |task: &Task| !task.repeat || is_done(layout, &task.once);
    let done = manifest.tasks.iter().filter(|(_, task)| is_there(task));
    done.map(|(name, _)| (name.clone(), Completion::Done)).collect()
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

/// Returns where a task's completion record lies.
pub fn path(layout: &Layout, once: &str) -> PathBuf {
    layout.done().join(file_name(once))
}

/// A key is any text, a file name is not.
fn file_name(once: &str) -> String {
    format!("{}.json", Digest::of(once.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::manifest::Backend;

    fn task() -> Task {
        Task {
            unit: "t.service".into(),
            once: "k".into(),
            class: TaskClass::Expand,
            repeat: false,
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
        let Ok(Some(Ok(completion))) = read(&layout, &file_name("k")) else { panic!("no completion") };
        let judged = |known: BTreeMap<String, String>| judge(&task(), &lost_of(&completion, &known));
        assert_eq!(judged(volumes("1")), Completion::Done);
        assert!(matches!(judged(volumes("2")), Completion::Doubtful(_)));
        assert!(matches!(judged(BTreeMap::new()), Completion::Doubtful(_)));
        assert!(is_done(&layout, "k") && !is_done(&layout, "other"));
    }

    #[test]
    fn a_task_of_another_key_was_not_done_with_it() {
        let mut manifest = Manifest::new("site", "h1", Backend::Quadlet, "1");
        manifest.tasks.insert("t".into(), task());
        manifest.tasks.insert("u".into(), Task { once: "l".into(), ..task() });
        let lost = BTreeMap::from([("w".to_owned(), "its volume w is gone".to_owned())]);
        let done = Done::from([(file_name("k"), TaskRecord::Done(lost))]);
        assert_eq!(of(&manifest, &done), Completions::from([("t".to_owned(), Completion::Done)]));
        manifest.tasks.insert("t".into(), Task { volumes: vec!["v".into(), "w".into()], ..task() });
        assert!(matches!(of(&manifest, &done).get("t"), Some(Completion::Doubtful(_))));
        let done = Done::from([(
            file_name("l"),
            TaskRecord::Damaged("its completion record is damaged".to_owned()),
        )]);
        assert_eq!(
            of(&manifest, &done),
            Completions::from([(
                "u".to_owned(),
                Completion::Doubtful("its completion record is damaged".to_owned())
            )])
        );
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
    fn a_state_was_made_until_another_one_is() {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        let state = |once: &str| Task { once: once.into(), repeat: true, ..task() };
        let run = |name: &str, task: &Task| {
            forget_others(&layout, name, task).unwrap_or_else(|error| panic!("{error}"));
            set_done(&layout, name, task, &BTreeMap::new()).unwrap_or_else(|error| panic!("{error}"));
        };
        run("t", &state("first"));
        run("other", &task());
        run("t", &state("second"));
        assert!(is_done(&layout, "second") && is_done(&layout, "k") && !is_done(&layout, "first"));
        let mut manifest = Manifest::new("site", "h1", Backend::Quadlet, "1");
        manifest.tasks.insert("t".into(), state("first"));
        manifest.tasks.insert("never".into(), Task { once: "never".into(), ..task() });
        let done = of_committed(&layout, &manifest);
        assert_eq!(done, Completions::from([("never".to_owned(), Completion::Done)]));
    }

    #[test]
    fn a_torn_stamp_is_doubtful_and_not_done() {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        for text in ["", "{\"version\":1,\"ta", "{\"version\":7,\"task\":\"t\",\"once\":\"k\",\"time\":0}"] {
            files::make_folder(&layout.done()).unwrap_or_else(|error| panic!("{error}"));
            std::fs::write(path(&layout, "k"), text).unwrap_or_else(|error| panic!("{error}"));
            let Ok(completions) = all(&layout) else { panic!("{text}: no completions") };
            assert!(completions.values().all(Result::is_err) && completions.len() == 1, "{text}");
            assert!(!is_done(&layout, "k"), "{text}");
        }
    }
}
