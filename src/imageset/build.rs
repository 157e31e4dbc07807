//! Builds images of a set, each once by what it is made of: what is there is kept, what is half is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, io, thread};

use super::changes::Changes;
use super::context::Recipe;
use super::definition::{ImageSet, Package};
use super::engine::{Engine, Stored};
use super::error::file;
use super::graph::with_parents;
use super::image_store::own_end;
use super::made::Records;
use super::tables::BuildFile;
use super::{Choice, ImageError, Rendered, Repositories, Templates, package};
use lab::{Places, Progress};
use store::Digest;
use store::digest::Hasher;
use store::lock::{Lock, is_taken, try_lock};

/// Says what the file system is that the first image of a release stands on, but for its suite.
const ROOT: &str = "images/built/root";

/// Where image sets keep their things.
#[derive(Debug, Clone)]
pub struct Home(pub PathBuf);

impl Default for Home {
    fn default() -> Self {
        Self("/var/cache/kolla-lang/images".into())
    }
}

impl Home {
    /// Returns where fetched packages are kept.
    pub fn kept(&self) -> PathBuf {
        self.0.join("kept")
    }

    /// Returns since when packages of the distribution count for images of a release, in seconds of Unix; none where they were never refreshed.
    pub(crate) fn refreshed(&self, release: &str) -> Result<Option<u64>, ImageError> {
        let path = self.0.join(format!("refreshed-{release}"));
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(secs) => Ok(Some(secs)),
                Err(_) => Err(ImageError::Refreshed { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file("read", &path)(error)),
        }
    }

    /// Lets packages of the distribution count from now on for images of a release.
    fn refresh(&self, release: &str) -> Result<(), ImageError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|it| it.as_secs()).unwrap_or_default();
        let path = self.0.join(format!("refreshed-{release}"));
        let new = self.0.join(format!("refreshed-{release}.new"));
        fs::write(&new, format!("{now}\n")).map_err(file("write", &new))?;
        fs::rename(&new, &path).map_err(file("rename to", &path))
    }

    /// Returns what the image is made of that the first ones of a release stand on.
    pub(crate) fn root_digest(&self, set: &ImageSet, table: &BuildFile) -> Result<Digest, ImageError> {
        let digest = lab::debian_archive_digest(ROOT, &table.suite);
        Ok(match self.refreshed(set.codename)? {
            None => digest,
            Some(secs) => {
                let mut hasher = Hasher::new("root of images 1");
                hasher.field(digest.as_str()).field(secs.to_string());
                hasher.finish()
            }
        })
    }

    /// Returns the storage of podman with the images that were built, for who only reads them.
    pub fn storage(&self) -> Result<PathBuf, ImageError> {
        let none = |why: &str| ImageError::NoImages { path: self.0.clone(), why: why.to_owned() };
        let dir = self.0.canonicalize().map_err(|_| none("it is not there"))?;
        let lock = dir.join("lock");
        if !lock.is_file() || !dir.join("kept").is_dir() {
            return Err(none("`kolla-lang images build` did not write it"));
        }
        let taken = is_taken(&lock)
            .map_err(|error| ImageError::Lock { path: lock.clone(), source: Box::new(error) })?;
        if taken {
            return Err(ImageError::Locked { path: lock });
        }
        let storage = dir.join("store");
        if image_names(&storage).is_empty() {
            return Err(none("no image in it is whole"));
        }
        Ok(storage)
    }

    /// Takes it for this process alone.
    pub(crate) fn lock(&self) -> Result<Lock, ImageError> {
        fs::create_dir_all(&self.0).map_err(file("create", &self.0))?;
        let path = self.0.join("lock");
        let failed =
            |error: store::files::FileError| ImageError::Lock { path: path.clone(), source: Box::new(error) };
        try_lock(&path).map_err(failed)?.ok_or(ImageError::Locked { path })
    }
}

/// Returns the names of images that a storage of podman has.
fn image_names(storage: &Path) -> BTreeSet<String> {
    #[derive(serde::Deserialize)]
    struct Image {
        #[serde(default)]
        names: Vec<String>,
    }
    let text = fs::read_to_string(storage.join("overlay-images/images.json")).unwrap_or_default();
    let all = serde_json::from_str::<Vec<Image>>(&text).unwrap_or_default();
    all.into_iter().flat_map(|it| it.names).collect()
}

/// What became of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its name in the set.
    pub name: String,
    /// Its whole name.
    pub reference: String,
    /// What it was made of.
    pub digest: Digest,
    /// Its number in podman's storage.
    pub id: String,
    /// The name that says which build it is, where it or what it stands on is changed.
    pub own_name: Option<String>,
    /// How many seconds it took; none where it was there.
    pub secs: Option<u64>,
}

/// What is to be built.
#[derive(Debug)]
pub struct Order<'a> {
    /// The tables of the release.
    pub set: &'a ImageSet,
    /// How the images are named.
    pub choice: Choice,
    /// Which of them; those of the table where there is none.
    pub names: Vec<String>,
    /// What is changed in them.
    pub changes: Changes,
    /// Which packages of the distribution they get.
    pub packages: Packages,
}

/// Which packages of the distribution images get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// Those of the images that are there.
    Kept,
    /// Those of today, in all images.
    Today,
}

/// How often it is asked whether another build has ended.
const PAUSE: Duration = Duration::from_millis(500);

/// Builds those images that are not there as they would be built now, and returns the storage of podman they are in. Waits for another
/// build; where nothing is to be built, none is waited for.
pub fn build_missing(
    orders: &[Order<'_>],
    home: &Home,
    places: &Places,
    tell: Progress,
) -> Result<PathBuf, ImageError> {
    let storage = home.0.join("store");
    let mut waits = false;
    for order in orders {
        let table = order.set.build_file()?;
        let records = Records::of(order, &table, home)?;
        let is_there = |there: &BTreeSet<String>, name: &String| {
            let reference = order.choice.reference(name);
            there.contains(&reference) && records.has(name, &reference)
        };
        loop {
            let there = image_names(&storage);
            if order.names(&table).iter().all(|name| is_there(&there, name)) {
                break;
            }
            match build(order, home, places, tell) {
                Ok(_) => break,
                Err(ImageError::Locked { .. }) => {
                    if !waits {
                        tell("waiting for another build of images");
                    }
                    waits = true;
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
    fs::create_dir_all(&storage).map_err(file("create", &storage))?;
    storage.canonicalize().map_err(file("find", &storage))
}

/// Builds images with all that they stand on.
pub fn build(
    order: &Order<'_>,
    home: &Home,
    places: &Places,
    tell: Progress,
) -> Result<Vec<Made>, ImageError> {
    let Order { set, choice, names: _, changes, packages } = order;
    let table = set.build_file()?;
    fits(set, choice, &table)?;
    choice.check()?;
    lab::check_needs()?;
    let _lock = home.lock()?;
    let templates = Templates::load(set, &home.kept(), tell)?;
    let images = templates.render(set, choice, Some(set.text(&table.overrides)?), changes)?;
    let recipes = recipes(set, &images, &order.names(&table), &table, &templates)?;
    let engine = Engine::new(&home.0, places, None, tell)?;
    if *packages == Packages::Today {
        home.refresh(set.codename)?;
    }
    let mut site =
        Site { set, templates: &templates, home, engine, there: BTreeMap::new(), ids: BTreeMap::new() };
    site.there = site.engine.images()?;
    let records = Records::of(order, &table, home)?;
    let (mut made, mut changed) = (Vec::new(), BTreeSet::new());
    for (idx, recipe) in recipes.iter().enumerate() {
        let reference = choice.reference(&recipe.name);
        let began = Instant::now();
        let (parent, from) = match &recipe.parent {
            Some(parent) => site.ids[parent].clone(),
            None => site.root(&table, tell)?,
        };
        let digest = recipe.digest(set, &parent, &templates.dir())?;
        let is_changed = changes.contains_key(&recipe.name)
            || recipe.parent.as_ref().is_some_and(|it| changed.contains(it));
        let own_name = is_changed.then(|| format!("{reference}{}", own_end(digest.as_str())));
        if is_changed {
            changed.insert(recipe.name.clone());
        }
        let wanted: Vec<&String> = [Some(&reference), own_name.as_ref()].into_iter().flatten().collect();
        let (id, secs) = match site.there.get(digest.as_str()).cloned() {
            Some(Stored { id, names, .. }) => {
                for name in wanted.into_iter().filter(|it| !names.contains(it)) {
                    site.engine.tag(&id, name)?;
                }
                (id, None)
            }
            None => {
                tell(&format!("building {} ({} of {})", recipe.name, idx + 1, recipes.len()));
                let id = site.build(recipe, &digest, &from, tell)?;
                for name in wanted {
                    site.engine.tag(&id, name)?;
                }
                (id, Some(began.elapsed().as_secs()))
            }
        };
        records.note(&recipe.name, &reference)?;
        site.ids.insert(recipe.name.clone(), (digest.clone(), id.clone()));
        made.push(Made { name: recipe.name.clone(), reference, digest, id, own_name, secs });
    }
    Ok(made)
}

impl Order<'_> {
    /// Returns the images that are asked for; where none is named, those of the table, and those that are changed.
    fn names(&self, table: &BuildFile) -> Vec<String> {
        if !self.names.is_empty() {
            return self.names.clone();
        }
        let more = self.changes.keys().filter(|it| !table.images.contains(it));
        table.images.iter().chain(more).cloned().collect()
    }
}

/// Renders the images that are asked for, or all of them: as they would be built, or with all repositories as the package has them.
/// Builds nothing.
pub fn render(
    order: &Order<'_>,
    home: &Home,
    tell: Progress,
) -> Result<(Templates, Vec<Rendered>), ImageError> {
    let Order { set, choice, names, changes, packages: _ } = order;
    set.distro(&choice.distro)?;
    let templates = Templates::load(set, &home.kept(), tell)?;
    let mut images = match choice.repositories {
        Repositories::All => templates.render(set, choice, None, changes)?,
        Repositories::Own => {
            let table = set.build_file()?;
            fits(set, choice, &table)?;
            let mut images = templates.render(set, choice, Some(set.text(&table.overrides)?), changes)?;
            for image in &mut images {
                image.text = table.edited(&image.name, &image.text)?;
            }
            images
        }
    };
    are_there(set, &images, names)?;
    images.retain(|it| names.is_empty() || names.contains(&it.name));
    Ok((templates, images))
}

/// Returns what images of these names are made of, parents first. All that cannot be built is named before anything is.
fn recipes(
    set: &ImageSet,
    images: &[Rendered],
    names: &[String],
    table: &BuildFile,
    templates: &Templates,
) -> Result<Vec<Recipe>, ImageError> {
    are_there(set, images, names)?;
    let dir = templates.dir();
    with_parents(images, names)?.into_iter().map(|image| Recipe::of(image, table, &dir)).collect()
}

/// Refuses a name that no image has.
fn are_there(set: &ImageSet, images: &[Rendered], names: &[String]) -> Result<(), ImageError> {
    let Some(name) = names.iter().find(|name| !images.iter().any(|it| it.name == **name)) else {
        return Ok(());
    };
    let is_near = |it: &&Rendered| it.name.contains(name.as_str()) || name.contains(&it.name);
    let near = images.iter().filter(is_near).map(|it| it.name.clone()).collect();
    Err(ImageError::NoImage { name: name.clone(), release: set.codename.to_owned(), near })
}

/// Refuses what the tables know no way to build.
fn fits(set: &ImageSet, choice: &Choice, table: &BuildFile) -> Result<(), ImageError> {
    let Choice { distro, architecture, namespace: _, tag: _, repositories } = choice;
    let why = if *distro != table.distro {
        format!("images on {distro} are rendered; only those on {} are built", table.distro)
    } else if *architecture != table.architecture {
        format!("images for {architecture} are rendered; only those for {} are built", table.architecture)
    } else if *repositories == Repositories::All {
        "with foreign repositories, images are rendered, and not built".to_owned()
    } else {
        return Ok(());
    };
    Err(ImageError::NotBuildable { image: set.codename.to_owned(), why })
}

/// One run of the builder.
struct Site<'a> {
    set: &'a ImageSet,
    templates: &'a Templates,
    home: &'a Home,
    engine: Engine,
    /// What podman has, by what it was made of.
    there: BTreeMap<String, Stored>,
    /// The images of this run, by name.
    ids: BTreeMap<String, (Digest, String)>,
}

impl Site<'_> {
    /// Returns the image that the first one stands on, made first if it is not there.
    fn root(&self, table: &BuildFile, tell: Progress) -> Result<(Digest, String), ImageError> {
        let digest = self.home.root_digest(self.set, table)?;
        if let Some(stored) = self.there.get(digest.as_str()) {
            return Ok((digest, stored.id.clone()));
        }
        tell(&format!("installing {} for the first image", table.suite));
        let work = self.home.0.join("work");
        let scratch = work.join("root");
        fs::create_dir(&scratch).map_err(file("create", &scratch))?;
        lab::debian_archive(ROOT, &table.suite, &work.join("root.tar"), &scratch)?;
        let id = self.engine.import("root.tar", digest.as_str())?;
        let archive = work.join("root.tar");
        fs::remove_file(&archive).map_err(file("remove", &archive))?;
        Ok((digest, id))
    }

    fn build(
        &self,
        recipe: &Recipe,
        digest: &Digest,
        from: &str,
        tell: Progress,
    ) -> Result<String, ImageError> {
        let kept = self.home.kept();
        for source in recipe.sources() {
            self.fetch_source(source, from, &kept, tell)?;
        }
        let folder = self.home.0.join("work").join(&recipe.name);
        recipe.write(self.set, &self.templates.dir(), &kept, from, &folder, tell)?;
        let id = self.engine.build(&recipe.name, digest.as_str())?;
        fs::remove_dir_all(&folder).map_err(file("remove", &folder))?;
        Ok(id)
    }

    /// Fetches a source by the pip of an image: pip runs what it fetches to learn its name, and that is not to happen on this machine.
    fn fetch_source(
        &self,
        source: &Package,
        from: &str,
        kept: &Path,
        tell: Progress,
    ) -> Result<(), ImageError> {
        package::keep(source, kept, |what| {
            tell(&format!("fetching the source of {what}"));
            let folder = self.home.0.join("work/source");
            fs::create_dir(&folder).map_err(file("create", &folder))?;
            let lent = self.home.0.join("lent/sources");
            if lent.exists() {
                fs::remove_dir_all(&lent).map_err(file("remove", &lent))?;
            }
            let fetch = format!(
                "FROM {from}\nRUN python3 -m pip download --quiet --no-deps --no-binary={0} --dest /mnt/kolla-lang/sources '{what}'\n",
                source.name
            );
            let recipe = folder.join("Dockerfile");
            fs::write(&recipe, fetch).map_err(file("write", &recipe))?;
            // It is no image of the set, and must not be taken for the one that it stands on.
            let id = self.engine.build("source", "none")?;
            self.engine.remove(&id)?;
            fs::remove_dir_all(&folder).map_err(file("remove", &folder))?;
            Ok(lent)
        })
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(home: &Home) -> String {
        home.storage().expect_err("it is refused").to_string()
    }

    #[test]
    fn a_folder_of_images_is_read_only_when_it_is_one_and_is_whole() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home(dir.path().join("images"));
        assert!(refused(&home).ends_with("it is not there"));
        fs::create_dir_all(home.0.join("kept")).expect("a folder");
        assert!(refused(&home).ends_with("did not write it"));
        drop(home.lock().expect("nobody has it"));
        assert!(refused(&home).ends_with("no image in it is whole"));
        let listed = home.0.join("store/overlay-images");
        fs::create_dir_all(&listed).expect("a folder");
        for (text, is_whole) in
            [(r#"[{"id":"1"}]"#, false), ("[", false), (r#"[{"id":"1","names":["a/b:c"]}]"#, true)]
        {
            fs::write(listed.join("images.json"), text).expect("a file");
            assert_eq!(home.storage().is_ok(), is_whole, "{text}");
        }
        assert_eq!(
            home.storage().expect("it is whole"),
            home.0.canonicalize().expect("it is there").join("store")
        );
        let building = home.lock().expect("nobody has it");
        assert!(matches!(home.storage(), Err(ImageError::Locked { .. })));
        drop(building);
        assert!(home.storage().is_ok());
    }
}
