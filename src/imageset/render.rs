//! Renders the templates of a set as Containerfiles.
//!
//! Builds nothing, and adds nothing to what the package has: what replaces what cannot be reached is a template of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde_json::{Map, Value as Json, json};

use super::changes::{Changes, UNCHANGED};
use super::context::{copy, files_below};
use super::definition::ImageSet;
use super::error::file;
use super::functions::{self, MACROS};
use super::{ImageError, package};
use lab::Progress;

/// The name of an image's template.
const TEMPLATE: &str = "Dockerfile.j2";

/// Where packages of the distribution come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repositories {
    /// All that the templates name.
    All,
    /// The distribution's own.
    Own,
}

/// What of a set is asked for.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The distribution.
    pub distro: String,
    /// The architecture.
    pub architecture: String,
    /// What names of images begin with: a registry and a folder there.
    pub namespace: String,
    /// The tag of the images.
    pub tag: String,
    /// Where packages come from.
    pub repositories: Repositories,
}

impl Choice {
    /// Returns the whole name of an image.
    pub fn reference(&self, image: &str) -> String {
        format!("{}/{image}:{}", self.namespace, self.tag)
    }

    /// Refuses names that no image can have.
    pub(crate) fn check(&self) -> Result<(), ImageError> {
        let name = self.reference("image");
        if self.tag.contains([':', '/', '@']) { Err(ImageError::BadName { name }) } else { check_name(&name) }
    }
}

/// Refuses what is no name of an image: with a registry or a folder, and a tag.
pub(crate) fn check_name(name: &str) -> Result<(), ImageError> {
    let (path, tag) = name.rsplit_once(':').unwrap_or((name, ""));
    let is_word = |it: &str| it.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
    let is_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_right = path.contains('/') && path.split('/').all(is_word) && path.chars().all(is_path);
    if is_right && (1..=128).contains(&tag.len()) && tag.chars().all(is_tag) {
        return Ok(());
    }
    Err(ImageError::BadName { name: name.to_owned() })
}

/// A Containerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The name of the image.
    pub name: String,
    /// Its folder within the templates: what `COPY` takes from.
    pub folder: PathBuf,
    /// The Containerfile.
    pub text: String,
    /// The image of the set that it stands on, or none where it stands on another one.
    pub parent: Option<String>,
}

/// A set's templates, fetched and unpacked.
#[derive(Debug)]
pub struct Templates {
    /// Removed in the end.
    scratch: tempfile::TempDir,
    /// The folder of the templates, relative to it.
    folder: String,
    repositories: Json,
    texts: BTreeMap<String, String>,
}

impl Templates {
    /// Fetches the package of a set, unless it is kept in `kept`, and reads its templates.
    pub fn load(set: &ImageSet, kept: &Path, tell: Progress) -> Result<Self, ImageError> {
        let about = &set.about;
        let wheel = package::fetch(&about.package, kept, tell)?;
        let scratch = tempfile::tempdir().map_err(file("create", &std::env::temp_dir()))?;
        package::unpack(&wheel, scratch.path())?;
        let lacks =
            |what: &str| ImageError::Content { package: about.package.file.clone(), what: what.to_owned() };
        let path = scratch.path().join(&about.repositories);
        let text = fs::read_to_string(&path).map_err(|_| lacks(&about.repositories))?;
        let repositories =
            serde_yaml_ng::from_str(&text).map_err(|_| lacks("readable list of repositories"))?;
        let texts = read_texts(&scratch.path().join(&about.templates))?;
        if texts.is_empty() {
            return Err(lacks(&about.templates));
        }
        Ok(Self { scratch, folder: about.templates.clone(), repositories, texts })
    }

    /// Returns the folder of the templates, with what lies beside each of them.
    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join(&self.folder)
    }

    /// Renders all of them, sorted by the names of their images. An overriding template takes the place of each, which it extends as
    /// `parent_template`.
    pub fn render(
        &self,
        set: &ImageSet,
        choice: &Choice,
        overriding: Option<&str>,
        changes: &Changes,
    ) -> Result<Vec<Rendered>, ImageError> {
        let values = self.values(set, choice)?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let mut seen = values.clone();
        // It would hide the template engine's own function of this name, which the macros need.
        seen.remove("namespace");
        functions::add(&mut environment, &Value::from(Serde(seen)));
        let failed = |image: &str| {
            let image = image.to_owned();
            move |error: minijinja::Error| ImageError::Template { image, why: told(&error) }
        };
        let failed_change = |image: &str| {
            let image = image.to_owned();
            move |error: minijinja::Error| ImageError::BadChange { image, why: told(&error) }
        };
        let macros = [("functions.j2", "functions.j2"), (MACROS, set.about.functions.as_str())];
        for (name, path) in macros {
            let text = ImageSet::shared_text(path).unwrap_or_default();
            environment.add_template(name, text).map_err(failed(path))?;
        }
        for (path, text) in &self.texts {
            match environment.add_template(path, text) {
                // Templates include files with other names. One that is no template cannot be included, which is said where it is.
                Err(_) if !path.ends_with(".j2") => {}
                added => added.map_err(failed(path))?,
            }
        }
        if let Some(text) = overriding {
            environment.add_template("overrides", text).map_err(failed("overrides"))?;
        }
        let mut changed = BTreeMap::new();
        for (name, change) in changes {
            changed.insert(name.as_str(), (format!("the changes of {name}"), change.template(set, name)?));
        }
        for (name, (path, text)) in &changed {
            environment.add_template(path, text).map_err(failed_change(name))?;
        }
        let mut images: Vec<Rendered> = Vec::new();
        for path in self.texts.keys() {
            let Some(folder) = path.strip_suffix(TEMPLATE).and_then(|it| it.strip_suffix('/')) else {
                continue;
            };
            let name = folder.rsplit('/').next().unwrap_or(folder).to_owned();
            let mut values = values.clone();
            values.insert("image_name".into(), json!(name));
            values.insert("parent_template".into(), json!(path));
            let mut template = if overriding.is_some() { "overrides" } else { path };
            if let (Some(change), Some((path, _))) = (changes.get(&name), changed.get(name.as_str())) {
                values.insert(UNCHANGED.into(), json!(template));
                change.add_values(&name, &mut values);
                template = path;
            }
            let template = environment.get_template(template).map_err(failed(&name))?;
            let rendered = template.render(Serde(values));
            let text = match changed.contains_key(name.as_str()) {
                true => rendered.map_err(failed_change(&name))?,
                false => rendered.map_err(failed(&name))?,
            };
            let parent = parent(&text, choice).map(str::to_owned);
            images.push(Rendered { name, folder: folder.into(), text, parent });
        }
        let mut gone = set.distro(&choice.distro)?.without.clone();
        while let Some(name) = gone.pop() {
            images.retain(|it| it.name != name);
            gone.extend(
                images.iter().filter(|it| it.parent.as_ref() == Some(&name)).map(|it| it.name.clone()),
            );
        }
        images.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(images)
    }

    /// Writes images below a folder: each Containerfile, with what the package has beside its template.
    pub fn write(&self, images: &[Rendered], to: &Path) -> Result<(), ImageError> {
        for image in images {
            let dir = to.join(&image.folder);
            copy(&self.dir().join(&image.folder), &dir)?;
            let path = dir.join("Dockerfile");
            fs::write(&path, &image.text).map_err(file("write", &path))?;
        }
        Ok(())
    }

    fn values(&self, set: &ImageSet, choice: &Choice) -> Result<Map<String, Json>, ImageError> {
        let Choice { distro, architecture, namespace, tag, repositories } = choice;
        let parts = [
            &set.common.values,
            set.architecture(architecture)?,
            &set.about.values,
            &set.distro(distro)?.values,
        ];
        let mut values: Map<String, Json> =
            parts.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        values.insert("namespace".into(), json!(namespace));
        values.insert("tag".into(), json!(tag));
        values.insert("users".into(), Json::Object(set.users.clone()));
        values.insert("foreign_repositories".into(), json!(*repositories == Repositories::All));
        values.insert("repositories".into(), self.repositories.clone());
        Ok(values)
    }
}

/// Returns the image of the same set that a Containerfile stands on.
fn parent<'a>(text: &'a str, choice: &Choice) -> Option<&'a str> {
    let from = text.lines().find_map(|it| it.strip_prefix("FROM "))?.split_whitespace().next()?;
    from.strip_prefix(&choice.namespace)?.strip_prefix('/')?.strip_suffix(&choice.tag)?.strip_suffix(':')
}

/// Returns what the template engine says, with where.
pub(crate) fn told(error: &minijinja::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Reads all texts below a folder, by their paths from it.
fn read_texts(dir: &Path) -> Result<BTreeMap<String, String>, ImageError> {
    let mut texts = BTreeMap::new();
    for path in files_below(dir)? {
        if let Ok(text) = String::from_utf8(fs::read(&path).map_err(file("read", &path))?) {
            let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
            texts.insert(name, text);
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_are_plain() {
        for name in ["localhost/kolla/cron:1", "r.example:5000/a-b/c_d/cron:2026.1-debian-trixie"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["cron", "cron:1", "a/b", "a/b:", "a//b:1", "a/b:1 2", "a/$(id)/b:1", "a/b;c:1", "A/b:1"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    /// Returns these templates as the package of a release, and what is rendered of them.
    fn small<const N: usize>(texts: [(String, String); N]) -> (Templates, ImageSet, Choice) {
        let templates = Templates {
            scratch: tempfile::tempdir().expect("a folder"),
            folder: String::new(),
            repositories: json!({}),
            texts: texts.into(),
        };
        let choice = Choice {
            distro: "debian".to_owned(),
            architecture: "x86_64".to_owned(),
            namespace: "localhost/kolla".to_owned(),
            tag: "1".to_owned(),
            repositories: Repositories::All,
        };
        (templates, crate::find("gazpacho").expect("it is there"), choice)
    }

    #[test]
    fn an_undefined_variable_is_named_with_its_line() {
        let texts =
            [("one/Dockerfile.j2", "FROM x\n{{ tag }}\n"), ("two/Dockerfile.j2", "FROM x\n{{ nothing }}\n")];
        let (templates, set, choice) = small(texts.map(|(path, text)| (path.to_owned(), text.to_owned())));
        let error = templates
            .render(&set, &choice, None, &Changes::new())
            .expect_err("a variable is missing")
            .to_string();
        assert!(error.starts_with("the template of `two` cannot be rendered: undefined value"), "{error}");
        assert!(error.contains("two/Dockerfile.j2:2"), "{error}");
    }

    #[test]
    fn a_change_is_in_its_image_alone() {
        let text = |name: &str, parent: &str| {
            format!(
                "FROM {parent}\n{{% import 'macros.j2' as macros with context %}}\nRUN {name}{{{{ ['a'] | customizable('packages') | join(' ') }}}}\n{{% block {name}_footer %}}{{% endblock %}}\n{{% block footer %}}{{% endblock %}}\nUSER x\n"
            )
        };
        let macros =
            "{% macro install_packages(packages) %}RUN install {{ packages | join(' ') }}{% endmacro %}";
        let texts = [
            ("cron/Dockerfile.j2", text("cron", "x")),
            ("etcd/Dockerfile.j2", text("etcd", "{{ namespace }}/cron:{{ tag }}")),
            ("macros.j2", macros.to_owned()),
        ];
        let (templates, set, choice) = small(texts.map(|(path, text)| (path.to_owned(), text)));
        let all = |changes: &Changes| {
            let overrides = "{% extends parent_template %}";
            templates
                .render(&set, &choice, Some(overrides), changes)
                .unwrap_or_else(|error| panic!("{error}"))
        };
        let mut change = super::super::Change::default();
        let words = |word: &str| vec![word.to_owned()];
        change.adds.insert("packages".to_owned(), words("strace"));
        change.adds.insert("pip_packages".to_owned(), words("x>=1"));
        change.blocks.insert("cron_footer".to_owned(), "RUN own {{ image_name }}".to_owned());
        let list = super::super::ListChange { append: words("jq"), ..Default::default() };
        change.lists.insert("packages".to_owned(), list);
        let (before, after) = (all(&Changes::new()), all(&Changes::from([("cron".to_owned(), change)])));
        let lines =
            |text: &str| text.lines().filter(|it| !it.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let expected = [
            "FROM x",
            "RUN crona jq",
            "RUN own cron",
            "RUN install strace",
            "RUN python3 -m pip --no-cache-dir install --upgrade -c /requirements/upper-constraints.txt 'x>=1'",
            "USER x",
        ];
        assert_eq!(lines(&after[0].text), expected);
        assert_eq!(before[1], after[1]);
        assert_eq!(after[1].parent.as_deref(), Some("cron"));
    }
}
