//! Kernel settings and modules: set while a generation is on trial, with the old values kept for the way back.
//!
//! At boot they are set by systemd's own services, through links into the committed generation.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::journal::{Journal, Record};
use super::layout::Layout;
use super::podman::Tools;
use crate::store::Manifest;
use crate::store::files::{self, FileError, failed};

/// Values as they were, by key.
pub type Saved = BTreeMap<String, String>;

/// Loads modules and sets values that differ from the manifest's; each old value is saved before it is lost.
pub fn set(
    layout: &Layout,
    manifest: &Manifest,
    tools: &mut dyn Tools,
    journal: &mut Journal,
    saved: &mut Saved,
) -> Result<(), Failure> {
    for name in &manifest.modules {
        if !is_loaded(layout, name) {
            journal.tell(&Record::Kernel { key: name.clone(), value: "loaded".into(), old: None })?;
            tools.load_module(name)?;
        }
    }
    for (key, value) in &manifest.sysctls {
        let failed = |source| Failure::Sysctl { key: key.clone(), value: value.clone(), source };
        let old = read(layout, key).map_err(failed)?;
        if !is_value(&old, value) {
            let told = Record::Kernel { key: key.clone(), value: value.clone(), old: Some(old.clone()) };
            journal.tell(&told)?;
            saved.insert(key.clone(), old);
            write(layout, key, value).map_err(failed)?;
        }
    }
    Ok(())
}

/// Lists what [`set`] would do: modules to load, then settings with their values. A setting that is not there yet comes with a module.
pub fn steps(layout: &Layout, manifest: &Manifest) -> Vec<(String, String)> {
    let modules = manifest.modules.iter().filter(|name| !is_loaded(layout, name));
    let modules = modules.map(|name| (name.clone(), "loaded".to_owned()));
    let differs =
        |(key, value): &(&String, &String)| !read(layout, key).is_ok_and(|old| is_value(&old, value));
    let settings = manifest.sysctls.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone()));
    modules.chain(settings).collect()
}

/// Sets the values that were saved, and returns what could not be done.
pub fn restore(layout: &Layout, saved: &Saved) -> Vec<Failure> {
    let failed = |(key, value): (&String, &String)| {
        // Twice, as everything on the way back.
        let source = write(layout, key, value).or_else(|_| write(layout, key, value)).err()?;
        Some(Failure::Sysctl { key: key.clone(), value: value.clone(), source })
    };
    saved.iter().filter_map(failed).collect()
}

/// Says whether a setting's text, as the kernel tells it, is this value.
pub fn is_value(text: &str, value: &str) -> bool {
    words(text) == words(value)
}

/// Says whether a module is loaded.
pub fn is_loaded(layout: &Layout, name: &str) -> bool {
    // The kernel writes its modules' names with `_`, whatever they were asked for by.
    layout.at("/sys/module").join(name.replace('-', "_")).exists()
}

/// Says whether the kernel has a setting.
pub fn is_known(layout: &Layout, key: &str) -> bool {
    layout.sysctl(key).exists()
}

fn read(layout: &Layout, key: &str) -> Result<String, FileError> {
    files::read_text(&layout.sysctl(key)).map(|text| text.trim_end().to_owned())
}

fn write(layout: &Layout, key: &str, value: &str) -> Result<(), FileError> {
    let path = layout.sysctl(key);
    // In one write and in place: a setting is no file that could be renamed.
    std::fs::write(&path, format!("{value}\n")).map_err(failed!(Write, path))
}

fn words(value: &str) -> Vec<&str> {
    value.split_whitespace().collect()
}
