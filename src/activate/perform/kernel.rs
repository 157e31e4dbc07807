//! Kernel settings and modules: set while a generation is on trial, with the old values kept for the way back.
//!
//! At boot they are set by systemd's own services, through links into the committed generation.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::machine::kernel::{is_loaded, is_value, read, write};
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::records::journal::{Journal, Record};
use store::Manifest;

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
