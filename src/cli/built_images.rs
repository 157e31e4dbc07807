//! `kolla-lang images built`, `export` and `packages`: images that were built here, and how they get elsewhere.
//!
//! Turns arguments into calls of [`imageset`] and answers into text.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::exit::Exit;
use super::host::Answer;
use super::image_build::{KeptArgs, failed};
use super::image_changes;
use super::lab::Progress;
use super::say::say;
use imageset::{ImageError, ImageStore, Installed, Kind, Recipes, State};
use lab::Places;

/// Which image is written where.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The image, by its whole name, or by its last part if there is one of it
    image: String,
    /// The file
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Which image is looked into.
#[derive(Debug, Args)]
pub struct PackagesArgs {
    /// The image, by its whole name, or by its last part if there is one of it
    image: String,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Opens what was built, and does something with it.
pub(super) fn with<T>(
    args: &KeptArgs,
    logins: Option<&Path>,
    act: impl FnOnce(&ImageStore, &dyn Fn(&str)) -> Result<T, ImageError>,
) -> Result<T, Exit> {
    let progress = Progress::new();
    let tell = |what: &str| progress.say(what);
    let store = ImageStore::open(&args.home(), &Places::default(), logins, &tell);
    store.and_then(|store| act(&store, &tell)).map_err(failed)
}

/// Returns what would be built now, by the changes of a description if one is given.
pub(super) fn known(kept: &KeptArgs, file: Option<&Path>) -> Result<Recipes, Exit> {
    let described = file.map(image_changes::load).transpose()?;
    let changed = match &described {
        Some(it) => Some((imageset::find(it.release.as_str()).map_err(failed)?, image_changes::changes(it))),
        None => None,
    };
    let progress = Progress::new();
    let changed = changed.as_ref().map(|(set, changes)| (set, changes));
    Recipes::known(&kept.home(), changed, &|what| progress.say(what)).map_err(failed)
}

/// Names the images that were built here.
pub fn built(args: &KeptArgs, file: Option<&Path>, answer: Answer) -> Result<(), Exit> {
    let known = known(args, file)?;
    let all = with(args, None, |store, _| store.list())?;
    if answer == Answer::Json {
        let all: Vec<Value> = all
            .iter()
            .map(|it| {
                json!({
                    "image": it.reference, "digest": it.digest, "id": it.id, "bytes": it.n_bytes, "made": it.created,
                    "on": known.stands_on(&it.digest), "state": word(known.state(it)),
                })
            })
            .collect();
        say!("{}", json!({ "version": 1, "images": all }));
        return Ok(());
    }
    for image in &all {
        let digest: String = image.digest.chars().take(12).collect();
        let on = known.stands_on(&image.digest).map(|it| format!(" on {it}")).unwrap_or_default();
        let state = match known.state(image) {
            State::Current => "",
            State::Changed => ", changed by a description: `--file` names it",
            State::Old => ", out of date: `kolla-lang images build` builds it anew",
        };
        say!("{digest} {:>5} MB  {}{on}{state}", image.n_bytes / 1_000_000, image.reference);
    }
    if all.is_empty() {
        say!("none");
    }
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::Current => "current",
        State::Changed => "changed",
        State::Old => "out-of-date",
    }
}

/// Writes an image as an OCI archive.
pub fn export(args: &ExportArgs, answer: Answer) -> Result<(), Exit> {
    let image = with(&args.kept, None, |store, tell| {
        let image = store.find(&args.image)?;
        tell(&format!("writing {}", image.reference));
        store.export(&image, &args.to).map(|()| image)
    })?;
    match answer {
        Answer::Json => say!("{}", json!({ "version": 1, "image": image.reference, "file": args.to })),
        Answer::Text | Answer::Events => say!("wrote {}: {}", args.to.display(), image.reference),
    }
    Ok(())
}

/// Lists the packages in an image.
pub fn packages(args: &PackagesArgs, answer: Answer) -> Result<(), Exit> {
    let (image, all) = with(&args.kept, None, |store, _| {
        let image = store.find(&args.image)?;
        store.packages(&image).map(|all| (image, all))
    })?;
    if answer == Answer::Json {
        let component = |it: &Installed| {
            let url = it.url();
            json!({ "type": "library", "name": it.name, "version": it.version, "purl": url, "bom-ref": url })
        };
        let components: Vec<Value> = all.iter().map(component).collect();
        let about = json!({ "type": "container", "name": image.reference, "version": image.digest });
        let document = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": { "component": about }, "components": components,
        });
        say!("{document}");
        return Ok(());
    }
    for Installed { kind, name, version, architecture: _ } in &all {
        let kind = match kind {
            Kind::Debian => "deb",
            Kind::Python => "python",
        };
        say!("{kind:<6} {name} {version}");
    }
    Ok(())
}
