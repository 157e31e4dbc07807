//! `kolla-lang images prune`: removes images that were built here and that nothing would be built on any more.
//!
//! Turns arguments into calls of [`imageset`] and answers into text.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::built_images::{known, with};
use super::exit::Exit;
use super::host::{Answer, complain};
use super::image_build::KeptArgs;
use super::say::say;
use imageset::{Pruned, check_unused};
use lab::Places;

/// Which images are removed.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Only these images, by their whole names, or by their last parts if there is one of each; without names, those whose recipe changed
    images: Vec<String>,
    /// Say what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Runs the command.
pub fn run(args: &PruneArgs, file: Option<&Path>, answer: Answer) -> Result<(), Exit> {
    let PruneArgs { images, dry_run, kept } = args;
    let known = known(kept, file)?;
    let (gone, problems) = with(kept, None, |store, tell| {
        let (mut gone, mut problems) = (Vec::new(), Vec::new());
        let prunable = known.prunable(store, images)?;
        if !dry_run && !prunable.is_empty() {
            check_unused(&kept.home(), &Places::default())?;
        }
        for image in prunable {
            if !dry_run {
                tell(&format!("removing {}", name(&image)));
                if let Err(error) = image.remove(store) {
                    problems.push(error);
                    continue;
                }
            }
            gone.push(image);
        }
        Ok((gone, problems))
    })?;
    if answer == Answer::Json {
        let all: Vec<Value> =
            gone.iter().map(|it| json!({ "id": it.id, "images": it.names, "bytes": it.n_bytes })).collect();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        say!("{}", json!({ "version": 1, "removed": !dry_run, "images": all, "problems": problems }));
    } else {
        for image in &gone {
            let word = if *dry_run { "would remove" } else { "removed" };
            say!("{word}  {} {} MB", name(image), image.n_bytes / 1_000_000);
        }
        if gone.is_empty() && problems.is_empty() {
            say!("nothing to remove");
        }
    }
    for problem in &problems {
        complain(problem, Exit::Warnings);
    }
    if problems.is_empty() { Ok(()) } else { Err(Exit::Warnings) }
}

/// Returns how people know an image.
fn name(image: &Pruned) -> String {
    image.names.first().cloned().unwrap_or_else(|| image.id.chars().take(12).collect())
}
