//! What this program would build now, compared with what was built: which images are up to date, and what they stand on.

use std::collections::BTreeMap;

use super::build::Home;
use super::changes::Changes;
use super::context::Recipe;
use super::definition::{ImageSet, find, releases};
use super::engine::Stored;
use super::graph::with_parents;
use super::image_store::{BuiltImage, ImageStore, own_end};
use super::{Choice, ImageError, Repositories, Templates};
use lab::{Places, Progress};

/// What an image is, compared with what would be built now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It would be built the same.
    Current,
    /// It was changed by a description that is not known here.
    Changed,
    /// Its recipe, or one of what it stands on, is another one now.
    Old,
}

/// The images that would be built now, by what they are made of, each with the digest of the one that it stands on.
#[derive(Debug, Clone, Default)]
pub struct Recipes(BTreeMap<String, Known>);

#[derive(Debug, Clone)]
struct Known {
    name: String,
    on: Option<String>,
}

impl Recipes {
    /// Returns those of all releases whose package is kept, as the tables have them and with these changes of one. Fetches nothing.
    pub fn known(
        home: &Home,
        changed: Option<(&ImageSet, &Changes)>,
        tell: Progress,
    ) -> Result<Self, ImageError> {
        let mut all = Self::default();
        for release in releases() {
            let set = find(release)?;
            if home.kept().join(&set.about.package.file).is_file() && set.build_file().is_ok() {
                all.add(&set, home, &Changes::new(), tell)?;
            }
        }
        if let Some((set, changes)) = changed {
            all.add(set, home, changes, tell)?;
        }
        Ok(all)
    }

    fn add(
        &mut self,
        set: &ImageSet,
        home: &Home,
        changes: &Changes,
        tell: Progress,
    ) -> Result<(), ImageError> {
        let table = set.build_file()?;
        let choice = Choice {
            distro: table.distro.clone(),
            architecture: table.architecture.clone(),
            // Neither is part of what an image is made of.
            namespace: "localhost/images".to_owned(),
            tag: "any".to_owned(),
            repositories: Repositories::Own,
        };
        let templates = Templates::load(set, &home.kept(), tell)?;
        let images = templates.render(set, &choice, Some(set.text(&table.overrides)?), changes)?;
        let names: Vec<String> = images.iter().map(|it| it.name.clone()).collect();
        let root = home.root_digest(set, &table)?;
        let root_name = format!("{} of {}", table.suite, set.codename);
        self.0.insert(root.as_str().to_owned(), Known { name: root_name, on: None });
        let mut digests = BTreeMap::new();
        for image in with_parents(&images, &names)? {
            let recipe = match Recipe::of(image, &table, &templates.dir()) {
                Ok(recipe) => recipe,
                Err(ImageError::NotBuildable { .. }) => continue,
                Err(error) => return Err(error),
            };
            let parent = match &recipe.parent {
                None => Some(&root),
                Some(parent) => digests.get(parent),
            };
            let Some(parent) = parent else { continue };
            let digest = recipe.digest(set, parent, &templates.dir())?;
            let known = Known { name: recipe.name.clone(), on: Some(parent.as_str().to_owned()) };
            self.0.insert(digest.as_str().to_owned(), known);
            digests.insert(recipe.name, digest);
        }
        Ok(())
    }

    /// Returns the name of what an image stands on, where that is known.
    pub fn stands_on(&self, digest: &str) -> Option<&str> {
        let on = self.0.get(digest)?.on.as_deref()?;
        self.0.get(on).map(|it| it.name.as_str())
    }

    /// Compares an image with what would be built now.
    pub fn state(&self, image: &BuiltImage) -> State {
        self.state_of(&image.digest, image.has_own_name())
    }

    fn state_of(&self, digest: &str, has_own_name: bool) -> State {
        match (self.0.contains_key(digest), has_own_name) {
            (true, _) => State::Current,
            (false, true) => State::Changed,
            (false, false) => State::Old,
        }
    }

    /// Returns the images that go: those that are named, or those that are old. Nothing that stays stands on one that is named.
    pub fn prunable(&self, store: &ImageStore, names: &[String]) -> Result<Vec<Pruned>, ImageError> {
        let all = store.all()?;
        if names.is_empty() {
            let is_old = |(digest, it): &(String, Stored)| {
                let own = own_end(digest);
                let has_own_name = it.names.iter().any(|name| name.ends_with(&own));
                self.state_of(digest, has_own_name) == State::Old
            };
            return Ok(all.into_iter().filter(is_old).map(Pruned::of).collect());
        }
        let mut ids = Vec::new();
        for name in names {
            ids.push(store.find(name)?.id);
        }
        let (gone, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, it)| ids.contains(&it.id));
        for (digest, stored) in &gone {
            let stands = |(other, it): &(String, Stored)| {
                let on = self.0.get(other)?.on.as_ref()?;
                (on == digest).then(|| it.names.first().unwrap_or(&it.id).clone())
            };
            let by: Vec<String> = stay.iter().filter_map(stands).collect();
            if !by.is_empty() {
                let image = stored.names.first().unwrap_or(&stored.id).clone();
                return Err(ImageError::InUse { image, by });
            }
        }
        Ok(gone.into_iter().map(Pruned::of).collect())
    }
}

/// An image that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Its number in podman's storage.
    pub id: String,
    /// Its names, or none.
    pub names: Vec<String>,
    /// How many bytes it has, with those it shares.
    pub n_bytes: u64,
}

/// Refuses to remove anything that hosts of a lab run on.
pub fn check_unused(home: &Home, places: &Places) -> Result<(), ImageError> {
    let Ok(storage) = home.0.join("store").canonicalize() else { return Ok(()) };
    let labs = lab::running_on(&storage, places)?;
    if labs.is_empty() { Ok(()) } else { Err(ImageError::UsedByLabs { labs }) }
}

impl Pruned {
    fn of((_, stored): (String, Stored)) -> Self {
        let Stored { id, names, n_bytes, created: _ } = stored;
        Self { id, names, n_bytes }
    }

    /// Removes it.
    pub fn remove(&self, store: &ImageStore) -> Result<(), ImageError> {
        store.remove(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_not_taken_for_old() {
        let known = Known { name: "cron".to_owned(), on: Some("root".to_owned()) };
        let root = Known { name: "trixie of gazpacho".to_owned(), on: None };
        let recipes = Recipes(BTreeMap::from([("aaa".to_owned(), known), ("root".to_owned(), root)]));
        assert_eq!(recipes.state_of("aaa", false), State::Current);
        assert_eq!(recipes.state_of("aaa", true), State::Current);
        assert_eq!(recipes.state_of("bbb", true), State::Changed);
        assert_eq!(recipes.state_of("bbb", false), State::Old);
        assert_eq!(recipes.stands_on("aaa"), Some("trixie of gazpacho"));
        assert_eq!(recipes.stands_on("root"), None);
    }
}
