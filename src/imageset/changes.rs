//! What somebody changes in images of a set: more at the end of one, text in place of blocks of its template, and other items in its lists.
//!
//! A change is a template that extends the one of the image, so what it does not name stays as the package has it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ImageError;
use super::definition::{Changeable, ImageSet};
use super::render::told;

/// Changes, by the image.
pub type Changes = BTreeMap<String, Change>;

/// The variable with the name of the template that a change extends.
pub(crate) const UNCHANGED: &str = "unchanged_template";

/// What is changed in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// What is installed at its end, by kind.
    pub adds: BTreeMap<String, Vec<String>>,
    /// Text in place of blocks of its template.
    pub blocks: BTreeMap<String, String>,
    /// Changes of lists of its template.
    pub lists: BTreeMap<String, ListChange>,
}

/// A change of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListChange {
    /// What it has in addition.
    pub append: Vec<String>,
    /// What it has not.
    pub remove: Vec<String>,
    /// What it has in place of its own.
    pub instead: Option<Vec<String>>,
}

impl Change {
    /// Returns a template with the changes, which extends the one of the image. Refuses blocks and lists that the image has not.
    pub(crate) fn template(&self, set: &ImageSet, image: &str) -> Result<String, ImageError> {
        let Self { adds, blocks, lists } = self;
        let lacks = |what: String| ImageError::NoChange { image: image.to_owned(), what };
        let known = set.changeable();
        let Changeable { blocks: its_blocks, lists: its_lists, end } =
            known.get(image).ok_or_else(|| lacks("template".to_owned()))?;
        if let Some(name) = blocks.keys().find(|it| !its_blocks.contains(it)) {
            return Err(lacks(format!("block `{name}`")));
        }
        if let Some(name) = lists.keys().find(|it| !its_lists.contains(it)) {
            return Err(lacks(format!("list `{name}`")));
        }
        let mut blocks = blocks.clone();
        for (kind, words) in adds.iter().filter(|(_, words)| !words.is_empty()) {
            let install = set.common.installs.get(kind).ok_or_else(|| lacks(format!("way to add {kind}")))?;
            let text = blocks.entry(end.clone()).or_insert_with(|| "{{ super() }}".to_owned());
            let words = json!(words);
            text.push_str(&format!("\n{{% with words = {words} %}}{install}{{% endwith %}}\n"));
        }
        let blocks =
            blocks.iter().map(|(name, text)| format!("{{% block {name} %}}{text}{{% endblock %}}\n"));
        Ok(format!("{{% extends {UNCHANGED} %}}\n{}", blocks.collect::<String>()))
    }

    /// Returns what is wrong with the text of its blocks, as far as that is seen without rendering it.
    pub fn syntax_error(&self) -> Option<String> {
        let environment = minijinja::Environment::new();
        let wrong = |(name, text): (&String, &String)| {
            let parsed = environment.template_from_str(text);
            parsed.err().map(|error| format!("block `{name}` is no template: {}", told(&error)))
        };
        self.blocks.iter().find_map(wrong)
    }

    /// Gives the template of an image the changes of its lists.
    pub(crate) fn add_values(&self, image: &str, values: &mut Map<String, Value>) {
        let image = image.replace('-', "_");
        for (list, ListChange { append, remove, instead }) in &self.lists {
            values.insert(format!("{image}_{list}_append"), json!(append));
            values.insert(format!("{image}_{list}_remove"), json!(remove));
            if let Some(instead) = instead {
                values.insert(format!("{image}_{list}_override"), json!(instead));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_is_added_stands_behind_what_the_end_has() {
        let set = crate::find("gazpacho").expect("it is there");
        let mut change = Change::default();
        change.adds.insert("packages".to_owned(), texts(&["strace"]));
        change.adds.insert("pip_packages".to_owned(), Vec::new());
        let template = change.template(&set, "cron").expect("it has an end");
        let begin = "{% extends unchanged_template %}\n{% block footer %}{{ super() }}\n{% with words = [\"strace\"] %}";
        assert!(template.starts_with(begin) && !template.contains("pip"), "{template}");
        change.blocks.insert("footer".to_owned(), "RUN true".to_owned());
        let template = change.template(&set, "cron").expect("it has an end");
        assert!(template.contains("{% block footer %}RUN true\n{% with"), "{template}");
    }

    #[test]
    fn what_an_image_does_not_have_is_refused() {
        let set = crate::find("gazpacho").expect("it is there");
        let refused =
            |change: &Change, image: &str| change.template(&set, image).expect_err("refused").to_string();
        assert_eq!(refused(&Change::default(), "crom"), "the template of `crom` has no template");
        let mut change = Change::default();
        change.lists.insert("plugins".to_owned(), ListChange::default());
        assert_eq!(refused(&change, "cron"), "the template of `cron` has no list `plugins`");
        change.blocks.insert("x_footer".to_owned(), String::new());
        assert_eq!(refused(&change, "cron"), "the template of `cron` has no block `x_footer`");
        let mut change = Change::default();
        change.adds.insert("gems".to_owned(), texts(&["x"]));
        assert_eq!(refused(&change, "cron"), "the template of `cron` has no way to add gems");
    }

    #[test]
    fn a_block_that_is_no_template_is_told() {
        let mut change = Change::default();
        change.blocks.insert("footer".to_owned(), "RUN {{ super() }} {% if true %}x{% endif %}".to_owned());
        assert_eq!(change.syntax_error(), None);
        change.blocks.insert("footer".to_owned(), "RUN {{ a".to_owned());
        let error = change.syntax_error().expect("it is no template");
        assert!(error.starts_with("block `footer` is no template: syntax error"), "{error}");
    }

    #[test]
    fn lists_are_changed_by_the_variables_of_their_image() {
        let mut change = Change::default();
        let list = ListChange { append: texts(&["jq"]), remove: texts(&["git"]), instead: None };
        change.lists.insert("packages".to_owned(), list);
        let mut values = Map::new();
        change.add_values("nova-compute", &mut values);
        let expected =
            json!({ "nova_compute_packages_append": ["jq"], "nova_compute_packages_remove": ["git"] });
        assert_eq!(Value::Object(values), expected);
    }
}
