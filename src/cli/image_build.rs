//! `kolla-lang images build`: images by the templates of Kolla, rendered or built.
//!
//! Turns arguments into calls of [`imageset`] and answers into text.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::exit::Exit;
use super::host::{Answer, complain};
use super::image_changes;
use super::lab::Progress;
use super::say::{say, say_wrong};
use imageset::{
    Changes, Choice, Home, ImageError, ImageSet, Made, Order, Packages, Repositories, of_architecture,
};
use lab::Places;
use model::Text;

/// Where images are kept.
#[derive(Debug, Args)]
pub struct KeptArgs {
    /// Where images and what was fetched for them are kept
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl KeptArgs {
    /// Returns the folder.
    pub fn home(&self) -> Home {
        self.cache.clone().map(Home).unwrap_or_default()
    }
}

/// Which images are built, and how they are named.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Only these images, with those that they stand on; without names, those of the library's services
    names: Vec<String>,
    /// The release of OpenStack, by its name or its number; without it that of the description of --file, or gazpacho
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// The distribution that images stand on: debian, rocky or ubuntu; without it that of the description of --file, or debian
    #[arg(long, value_name = "DISTRO")]
    distro: Option<String>,
    /// The architecture of the images
    #[arg(long, default_value = std::env::consts::ARCH, value_name = "ARCH")]
    arch: String,
    /// What names of images begin with: a registry, and a folder there; without it that of the description of --file, or localhost/openstack.kolla
    #[arg(long, value_name = "REGISTRY/NAMESPACE")]
    namespace: Option<String>,
    /// The tag of the images; without it that of the description of --file, or as Kolla's are published, for example 2026.1-debian-trixie
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only write what images would be built of, below the folder of --out
    #[arg(long, requires = "out")]
    template_only: bool,
    /// Where --template-only writes to
    #[arg(long, value_name = "DIR", requires = "template_only")]
    out: Option<PathBuf>,
    /// Render the templates as kolla-build does, with all repositories that they name
    #[arg(long, requires = "template_only")]
    upstream: bool,
    /// Build all of them anew, with the packages that the distribution has today; one that was cut off goes on without this
    #[arg(long, conflicts_with = "template_only")]
    refresh: bool,
    #[command(flatten)]
    kept: KeptArgs,
}

/// What is asked for, by arguments, then by the description, then as Kolla does.
struct Asked {
    set: ImageSet,
    choice: Choice,
    changes: Changes,
}

impl Asked {
    fn of(args: &BuildArgs, file: Option<&Path>) -> Result<Self, Exit> {
        let described = file.map(image_changes::load).transpose()?;
        let described = described.as_ref();
        let or = |given: &Option<String>, said: Option<&Text>, usual: &str| {
            given.clone().or_else(|| said.map(ToString::to_string)).unwrap_or_else(|| usual.to_owned())
        };
        let set = imageset::find(&or(&args.release, described.map(|it| &it.release), "gazpacho"))
            .map_err(failed)?;
        let distro = or(&args.distro, described.map(|it| &it.distro), "debian");
        // The tag of a description is that of its own release and distribution.
        let is_its_own = args.release.is_none() && args.distro.is_none();
        let tag = match (&args.tag, described.filter(|_| is_its_own)) {
            (Some(tag), _) => tag.clone(),
            (None, Some(described)) => of_architecture(&described.tag.value, &args.arch),
            (None, None) => set.tag(&distro, &args.arch).map_err(failed)?,
        };
        let choice = Choice {
            distro,
            architecture: args.arch.clone(),
            namespace: or(&args.namespace, described.map(|it| &it.namespace), "localhost/openstack.kolla"),
            tag,
            repositories: if args.upstream { Repositories::All } else { Repositories::Own },
        };
        Ok(Self { set, choice, changes: described.map(image_changes::changes).unwrap_or_default() })
    }
}

/// Runs the command, for the images of a description if one is given.
pub fn run(args: &BuildArgs, file: Option<&Path>, answer: Answer) -> Result<(), Exit> {
    let Asked { set, choice, changes } = Asked::of(args, file)?;
    let packages = if args.refresh { Packages::Today } else { Packages::Kept };
    let order = Order { set: &set, choice, names: args.names.clone(), changes, packages };
    let home = args.kept.home();
    let progress = Progress::new();
    let tell = |what: &str| progress.say(what);
    if let Some(out) = &args.out {
        let rendered = imageset::render(&order, &home, &tell);
        let rendered =
            rendered.and_then(|(templates, images)| templates.write(&images, out).map(|()| images));
        let images = rendered.map_err(failed)?;
        drop(progress);
        if answer == Answer::Json {
            let all: Vec<Value> = images
                .iter()
                .map(|it| json!({ "name": it.name, "parent": it.parent, "folder": out.join(&it.folder) }))
                .collect();
            say!("{}", json!({ "version": 1, "release": set.codename, "images": all }));
        } else {
            say!(
                "wrote what {} of {} are built of below {}",
                count(images.len()),
                set.codename,
                out.display()
            );
        }
        return Ok(());
    }
    let made = imageset::build(&order, &home, &Places::default(), &tell).map_err(failed)?;
    drop(progress);
    say_made(&set, &made, answer);
    Ok(())
}

fn say_made(set: &ImageSet, made: &[Made], answer: Answer) {
    if answer == Answer::Json {
        let all: Vec<Value> = made
            .iter()
            .map(|it| {
                let Made { name, reference, digest, id, own_name, secs } = it;
                json!({ "name": name, "image": reference, "own_name": own_name, "digest": digest, "id": id, "built": secs.is_some(), "seconds": secs })
            })
            .collect();
        say!("{}", json!({ "version": 1, "release": set.codename, "images": all }));
        return;
    }
    for Made { name: _, reference, digest, id: _, own_name, secs } in made {
        let reference = own_name.as_ref().unwrap_or(reference);
        match secs {
            Some(secs) => say!("built  {reference} {} in {secs} s", digest.short()),
            None => say!("kept   {reference} {}", digest.short()),
        }
    }
}

fn count(n: usize) -> String {
    format!("{n} image{}", if n == 1 { "" } else { "s" })
}

/// Prints a failure with what to do next, and returns its exit code.
pub(super) fn failed(error: ImageError) -> Exit {
    let exit = exit_of(&error);
    complain(&error, exit);
    if let Some(help) = error.help() {
        say_wrong!("  help: {help}");
    }
    exit
}

fn exit_of(error: &ImageError) -> Exit {
    match error {
        ImageError::NoRelease { .. }
        | ImageError::NoDistro { .. }
        | ImageError::NoArchitecture { .. }
        | ImageError::NoImage { .. }
        | ImageError::NotBuilt { .. }
        | ImageError::NoImages { .. }
        | ImageError::NoChange { .. }
        | ImageError::BadName { .. } => Exit::Wrong,
        ImageError::Locked { .. } => Exit::Locked,
        ImageError::Lab(error) => Exit::from(error),
        _ => Exit::Refused,
    }
}
