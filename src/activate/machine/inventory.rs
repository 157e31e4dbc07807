//! What lies in podman's store: containers, images, networks, as podman's own JSON tells, and the few actions on them.
//!
//! Decides nothing. Each question is one call, for any number of containers.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::tool::{HostTools, ToolError, ask_of, change, run, succeed, text};

/// What is asked of podman's store. Tests have one of their own.
pub trait ContainerInventory {
    /// Returns all containers, running or not.
    fn containers(&mut self) -> Result<Vec<Container>, ToolError>;
    /// Returns all images.
    fn images(&mut self) -> Result<Vec<Image>, ToolError>;
    /// Returns the names of the networks that a description asked for.
    fn networks(&mut self) -> Result<Vec<String>, ToolError>;
    /// Returns the host's side of all mounts of these containers.
    fn mounts(&mut self, ids: &[String]) -> Result<Vec<String>, ToolError>;
    /// Returns what podman does when a container ended: `no`, `always` and so on.
    fn restart_policy(&mut self, id: &str) -> Result<String, ToolError>;
    /// Does something with a container.
    fn do_with(&mut self, id: &str, deed: Deed<'_>) -> Result<(), ToolError>;
    /// Removes a container that does not run.
    fn remove_container(&mut self, id: &str) -> Result<(), ToolError>;
    /// Takes a name from an image, and the image away with its last name. Nothing is forced.
    fn remove_image(&mut self, reference: &str) -> Result<(), ToolError>;
    /// Removes a network that nobody uses.
    fn remove_network(&mut self, name: &str) -> Result<(), ToolError>;
}

/// What can be done with a container of others. None of it removes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed<'a> {
    /// It is stopped, and killed if it takes longer than its own limit.
    Stop,
    /// It is started.
    Start,
    /// It gets another name.
    Rename(&'a str),
    /// What podman does when it ended.
    Restart(&'a str),
}

/// One container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// All 64 digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name its image had when it was made.
    pub image: String,
    /// The image's own id.
    pub image_id: String,
    /// `running`, `exited` and so on.
    pub state: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Marks a container of ours with the name of its unit in the description.
pub const UNIT_LABEL: &str = "kolla-lang.unit";
/// Marks it with the digest of what it was made from.
pub const DIGEST_LABEL: &str = "kolla-lang.digest";

impl Container {
    /// Returns the digest of what it was made from, if it is one of ours.
    pub fn stamp(&self) -> Option<&str> {
        self.labels.get(DIGEST_LABEL).map(String::as_str)
    }

    /// Says whether it was made by a unit of ours, of any generation.
    pub fn is_ours(&self) -> bool {
        self.labels.contains_key(UNIT_LABEL) || self.stamp().is_some()
    }

    /// Says whether it runs.
    pub fn is_running(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "stopping")
    }
}

/// One image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Its own id, without `sha256:`.
    pub id: String,
    /// All its names, with tags or digests.
    pub names: Vec<String>,
    /// The digests of its manifests, `sha256:…`.
    pub digests: Vec<String>,
    /// Whether it lies in a store that cannot be written.
    pub is_read_only: bool,
}

impl Image {
    /// Says whether a reference of a description means this image.
    pub fn is_named(&self, reference: &str) -> bool {
        match reference.split_once('@') {
            // A digest alone decides: the tag before it is for readers.
            Some((name, digest)) => {
                let is_pinned = |it: &String| it == digest || it.ends_with(&format!("@{digest}"));
                let name = without_tag(name);
                let is_of = |it: &String| it.split_once('@').is_some_and(|(it, _)| it == name);
                self.digests.iter().any(|it| it == digest)
                    || self.names.iter().any(|it| is_of(it) && is_pinned(it))
            }
            None => self.names.iter().any(|it| it == reference || *it == format!("{reference}:latest")),
        }
    }
}

fn without_tag(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((front, tag)) if !tag.contains('/') => front,
        _ => name,
    }
}

/// A container as `podman ps` writes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PsLine {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    state: String,
    // Without labels it is null.
    labels: Option<BTreeMap<String, String>>,
}

/// An image as `podman images` writes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageLine {
    id: String,
    names: Option<Vec<String>>,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    digest: Option<String>,
    #[serde(default)]
    read_only: bool,
}

/// A network as `podman network ls` writes it.
#[derive(Deserialize)]
struct NetworkLine {
    // Podman 4 and 5 write it small.
    #[serde(alias = "Name")]
    name: String,
}

fn parse<T: serde::de::DeserializeOwned>(command: &str, bytes: &[u8]) -> Result<Vec<T>, ToolError> {
    // Nothing at all is what an empty list has been in some versions.
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    serde_json::from_slice(bytes).map_err(|source| ToolError::Answer { command: command.to_owned(), source })
}

/// Reads what `podman ps --format json` printed.
fn parse_containers(bytes: &[u8]) -> Result<Vec<Container>, ToolError> {
    let read = |it: PsLine| Container {
        id: it.id,
        name: it.names.into_iter().next().unwrap_or_default(),
        image: it.image,
        image_id: it.image_id.trim_start_matches("sha256:").to_owned(),
        state: it.state,
        labels: it.labels.unwrap_or_default(),
    };
    Ok(parse::<PsLine>("podman ps", bytes)?.into_iter().map(read).collect())
}

/// Reads what `podman images --format json` printed.
fn parse_images(bytes: &[u8]) -> Result<Vec<Image>, ToolError> {
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    for line in parse::<ImageLine>("podman images", bytes)? {
        let id = line.id.trim_start_matches("sha256:").to_owned();
        let image = images.entry(id.clone()).or_insert_with(|| Image { id, ..Image::default() });
        image.is_read_only |= line.read_only;
        let names = [line.names, line.repo_tags, line.repo_digests].into_iter().flatten().flatten();
        image.names.extend(names);
        image.digests.extend(line.digest);
        image.names.sort();
        image.names.dedup();
    }
    for image in images.values_mut() {
        let of_names: Vec<String> =
            image.names.iter().filter_map(|it| it.split_once('@')).map(|it| it.1.to_owned()).collect();
        image.digests.extend(of_names);
        image.digests.sort();
        image.digests.dedup();
    }
    Ok(images.into_values().collect())
}

fn podman<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new("podman");
    command.args(words);
    command
}

/// Returns how long it may take to stop a container: what it has itself, and then podman kills it.
fn stop_within(id: &str) -> Result<Duration, ToolError> {
    let output = ask_of(&mut podman(["container", "inspect", "--format", "{{.Config.StopTimeout}}", id]))?;
    // Where podman tells no number, it waits for 10 s.
    let secs = text(&output.stdout).parse().unwrap_or(10);
    Ok(Duration::from_secs(secs) + child::CHANGE)
}

impl ContainerInventory for HostTools {
    fn containers(&mut self) -> Result<Vec<Container>, ToolError> {
        parse_containers(&ask_of(&mut podman(["ps", "--all", "--no-trunc", "--format", "json"]))?.stdout)
    }

    fn images(&mut self) -> Result<Vec<Image>, ToolError> {
        parse_images(&ask_of(&mut podman(["images", "--no-trunc", "--format", "json"]))?.stdout)
    }

    fn networks(&mut self) -> Result<Vec<String>, ToolError> {
        let words = ["network", "ls", "--filter", "label=kolla-lang.network", "--format", "json"];
        let output = ask_of(&mut podman(words))?;
        let lines: Vec<NetworkLine> = parse("podman network ls", &output.stdout)?;
        Ok(lines.into_iter().map(|it| it.name).collect())
    }

    fn mounts(&mut self, ids: &[String]) -> Result<Vec<String>, ToolError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let format = "{{range .Mounts}}{{.Source}}{{\"\\n\"}}{{end}}";
        let words = ["container", "inspect", "--format", format];
        // One that is gone meanwhile has no mounts, and the others are told all the same.
        let output = run(&mut podman(words.into_iter().chain(ids.iter().map(String::as_str))))?;
        let lines = text(&output.stdout);
        Ok(lines.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    fn restart_policy(&mut self, id: &str) -> Result<String, ToolError> {
        let format = "{{.HostConfig.RestartPolicy.Name}}";
        let output = ask_of(&mut podman(["container", "inspect", "--format", format, id]))?;
        Ok(text(&output.stdout))
    }

    fn do_with(&mut self, id: &str, deed: Deed<'_>) -> Result<(), ToolError> {
        let restart;
        let words = match deed {
            Deed::Stop => vec!["stop", id],
            Deed::Start => vec!["start", id],
            Deed::Rename(name) => vec!["rename", id, name],
            Deed::Restart(policy) => {
                restart = format!("--restart={policy}");
                vec!["update", restart.as_str(), id]
            }
        };
        let within = if deed == Deed::Stop { stop_within(id)? } else { child::CHANGE };
        succeed(&mut podman(words), within).map(drop)
    }

    fn remove_container(&mut self, id: &str) -> Result<(), ToolError> {
        change(&mut podman(["container", "rm", id]))
    }

    fn remove_image(&mut self, reference: &str) -> Result<(), ToolError> {
        change(&mut podman(["image", "rm", reference]))
    }

    fn remove_network(&mut self, name: &str) -> Result<(), ToolError> {
        change(&mut podman(["network", "rm", name]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_read_with_and_without_labels() {
        let text =
            br#"[{"Id":"a1","Names":["web"],"Image":"localhost/x:1","ImageID":"sha256:f0","State":"running",
            "Labels":{"kolla-lang.unit":"web","kolla-lang.digest":"d"},"More":3},
            {"Id":"b2","Names":["other"],"Labels":null,"State":"exited"}]"#;
        let all = parse_containers(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((all[0].stamp(), all[0].is_running(), all[0].image_id.as_str()), (Some("d"), true, "f0"));
        assert_eq!((all[1].is_ours(), all[1].is_running()), (false, false));
        assert_eq!(parse_containers(b"\n").ok(), Some(vec![]));
        assert!(parse_containers(b"[{\"Id\":").is_err());
    }

    #[test]
    fn an_image_is_meant_by_tag_or_by_digest() {
        let text = br#"[{"Id":"f0","Names":["localhost/x:1"],"RepoDigests":["localhost/x@sha256:aa"],"Digest":"sha256:aa"},
            {"Id":"f0","Names":["reg:5000/y:latest"],"RepoTags":null}]"#;
        let all = parse_images(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(all.len(), 1);
        for named in ["localhost/x:1", "reg:5000/y", "reg:5000/y:latest", "localhost/x:9@sha256:aa"] {
            assert!(all[0].is_named(named), "{named}");
        }
        for other in ["localhost/x", "localhost/x:2", "localhost/x:1@sha256:bb"] {
            assert!(!all[0].is_named(other), "{other}");
        }
    }
}
