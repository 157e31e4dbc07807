//! `kolla-lang images`: says what the tags of a description's images mean, and writes it down beside the description.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::build::make_quietly;
use super::built_images::{self, ExportArgs, PackagesArgs};
use super::describe::{DEFAULT_FILE, Described, JobsArgs, compile};
use super::exit::Exit;
use super::host::{Answer, complain, complain_of};
use super::image_build::{self, BuildArgs, KeptArgs};
use super::image_prune::{self, PruneArgs};
use super::image_push::{self, PushArgs};
use super::images_of::stays;
use super::logins::Logins;
use super::report::{self, Warnings};
use super::say::{say, say_wrong};
use fleet::errors::listed;
use images::lock::{self, ImagesLock, Pinned};
use images::podman;
use images::reference::parse_tagged;
use images::registry::Asker;
use model::decode_cloud;
use store::lock::try_lock;

/// Say what the images of a cloud are, and pin what their tags mean
#[derive(Debug, Args)]
#[command(
    after_help = "What is pinned lies in images.lock beside the description, and hosts get those bytes wherever the tag moves.\n\n\
Example: kolla-lang images pin --file cloud.kl\n\nExit codes: 0 done, 1 the description or the usage is wrong, 2 a registry does not \
answer or has no such image, and nothing was written, 6 another one changes what lies beside the description"
)]
pub struct ImagesArgs {
    #[command(subcommand)]
    what: What,
    /// The description; without it `cloud.kl` in this folder
    #[arg(long, global = true, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print one JSON value
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say of each image what it is pinned to, or why it is not
    #[command(after_help = "Example: kolla-lang images list")]
    List,
    /// Ask registries what tags mean now, and write it into images.lock
    #[command(
        after_help = "Examples: kolla-lang images pin\n          kolla-lang images pin --missing\n          \
kolla-lang images pin quay.io/openstack.kolla/keystone:2025.1-debian-bookworm"
    )]
    Pin(PinArgs),
    /// Build images by the templates of Kolla, from packages of the distribution and the Python index
    #[command(after_help = "Examples: kolla-lang images build keystone mariadb-server\n          \
kolla-lang images build keystone --file cloud.kl\n          kolla-lang images build --refresh\n          \
kolla-lang images build --release epoxy --distro rocky --upstream --template-only --out rendered")]
    Build(BuildArgs),
    /// Name the images that were built here, what each stands on, and which would be built otherwise now
    #[command(
        after_help = "Examples: kolla-lang images built\n          kolla-lang images built --file cloud.kl --json"
    )]
    Built(KeptArgs),
    /// Remove images that were built here and whose recipe changed, or those that are named
    #[command(
        after_help = "Kept is what would be built the same now, what stands on it, and what a description changed, unless it is named. \
Nothing goes that another image stands on.\n\nExamples: kolla-lang images prune --dry-run\n          kolla-lang images prune cron\n\n\
Exit codes: 0 done, 1 there is no such image, 2 refused and nothing removed, 4 not everything could be removed, 6 another process builds images"
    )]
    Prune(PruneArgs),
    /// Write an image that was built here as an OCI archive
    #[command(after_help = "Example: kolla-lang images export keystone --to keystone.tar")]
    Export(ExportArgs),
    /// Push an image that was built here to a registry
    #[command(
        after_help = "Example: kolla-lang images push keystone --to registry.example.org/kolla/keystone:2026.1-debian-trixie"
    )]
    Push(PushArgs),
    /// List the packages in an image that was built here, with --json as CycloneDX
    #[command(after_help = "Example: kolla-lang images packages keystone --json")]
    Packages(PackagesArgs),
}

/// Which images are asked for, and whom.
#[derive(Debug, Args)]
struct PinArgs {
    /// Only these images, as the description names them
    images: Vec<String>,
    /// Only those that are not pinned yet
    #[arg(long)]
    missing: bool,
    /// Remove what the description does not name from the lock
    #[arg(long)]
    prune: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask the podman of this machine instead, which has them
    #[arg(long)]
    podman: bool,
    /// Ask this registry without TLS, beside those of this machine
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "podman")]
    plain_http: Vec<String>,
    /// A private key of an operator, for logins that are secrets of the description; without it ~/.ssh/id_ed25519 and ~/.ssh/id_rsa
    #[arg(long, value_name = "FILE", conflicts_with = "podman")]
    identity: Vec<PathBuf>,
}

/// The images of a description, as it names them, and what is known of each.
struct Images {
    /// Where the lock lies.
    path: PathBuf,
    lock: ImagesLock,
    /// Those that are or can be pinned.
    pinnable: BTreeSet<String>,
    /// Why each other one stays as it is.
    others: BTreeMap<String, &'static str>,
    /// How to sign in at their registries.
    logins: Logins,
}

/// Runs the command.
pub fn run(args: &ImagesArgs) -> Exit {
    let answer = Answer::of(args.json);
    let file_given = args.file.as_deref();
    let file = file_given.unwrap_or(Path::new(DEFAULT_FILE));
    let ended = match &args.what {
        What::List => load(file, &[]).map(|images| list(&images, answer)),
        What::Pin(args) => pin(file, args, answer),
        What::Build(args) => image_build::run(args, file_given, answer),
        What::Built(args) => built_images::built(args, file_given, answer),
        What::Prune(args) => image_prune::run(args, file_given, answer),
        What::Export(args) => built_images::export(args, answer),
        What::Push(args) => image_push::run(args, file_given, answer),
        What::Packages(args) => built_images::packages(args, answer),
    };
    ended.err().unwrap_or(Exit::Done)
}

fn load(file: &Path, identities: &[PathBuf]) -> Result<Images, Exit> {
    let mut described = compile(Some(file))?;
    let lock = std::mem::take(&mut described.lock);
    let made = make_quietly(&described, JobsArgs { jobs: None }.count());
    let secrets = std::mem::take(&mut described.secrets);
    let Described { compiled, .. } = &described;
    match report::print_all(&made.problems, compiled.sources(), Answer::Text, Warnings::Allowed) {
        Exit::Done => {}
        exit => return Err(exit),
    }
    let (cloud, _) = decode_cloud(compiled.root());
    let (mut pinnable, mut others) = (made.unpinned, BTreeMap::new());
    // An image that the list takes out keeps what was pinned of it out of use, and not out of the file.
    for image in made.closures.values().flat_map(|it| &it.manifest.images) {
        if let Some(why) = stays(&cloud, image) {
            others.insert(image.clone(), why);
        }
    }
    // What somebody pinned by podman is pinned, wherever it was made.
    others.retain(|image, _| !lock.0.contains_key(image) || !pinnable.insert(image.clone()));
    let logins = Logins::of(&cloud, secrets, file, identities);
    Ok(Images { path: lock::path_of(file), lock, pinnable, others, logins })
}

fn list(images: &Images, answer: Answer) {
    let Images { path, lock, pinnable, others, logins: _ } = images;
    let unused: Vec<&String> = lock.0.keys().filter(|it| !pinnable.contains(*it)).collect();
    if answer == Answer::Json {
        let pinned = pinnable.iter().map(|it| json!({ "image": it, "digest": lock.0.get(it) }));
        let others = others.iter().map(|(it, why)| json!({ "image": it, "digest": null, "stays": why }));
        let all: Vec<Value> = pinned.chain(others).collect();
        say!("{}", json!({ "version": 1, "lock": path, "images": all, "unused": unused }));
        return;
    }
    for image in pinnable {
        match lock.0.get(image) {
            Some(digest) => say!("pinned    {image} {}", digest.short()),
            None => say!("by tag    {image}, not pinned"),
        }
    }
    for (image, why) in others {
        say!("as it is  {image}, {why}");
    }
    for image in unused {
        say!("unused    {image}");
    }
}

fn pin(file: &Path, args: &PinArgs, answer: Answer) -> Result<(), Exit> {
    let held = if file.is_file() {
        let held = try_lock(file).map_err(|error| complain(&error, Exit::Refused))?;
        if held.is_none() {
            say_wrong!("error: somebody else changes what lies beside {}", file.display());
            return Err(Exit::Locked);
        }
        held
    } else {
        // Whoever reads it says that it is not there.
        None
    };
    let images = load(file, &args.identity)?;
    let asked = asked(&images, args)?;
    let found = resolve(&asked, &images.logins, args)?;
    let mut new = images.lock.clone();
    new.0.extend(found.clone());
    let named = |image: &String| images.pinnable.contains(image) || found.contains_key(image);
    let unused: BTreeSet<String> = new.0.keys().filter(|it| !named(it)).cloned().collect();
    if args.prune {
        new.0.retain(|image, _| !unused.contains(image));
    }
    let is_new = new != images.lock;
    if is_new && !args.dry_run {
        new.save(&images.path).map_err(|error| complain(&error, Exit::Refused))?;
    }
    drop(held);
    say_pinned(&images, &new, &found, &unused, args, answer);
    Ok(())
}

/// Returns the images that are asked for.
fn asked(images: &Images, args: &PinArgs) -> Result<BTreeSet<String>, Exit> {
    let by_podman = |image: &&String| args.podman && images.others.contains_key(*image);
    let strange: Vec<&String> =
        args.images.iter().filter(|it| !images.pinnable.contains(*it) && !by_podman(it)).collect();
    for image in &strange {
        match images.others.get(*image) {
            Some(why) => say_wrong!("error: {image} is not pinned: it is {why}"),
            None => say_wrong!("error: the description names no image {image}"),
        }
    }
    if !strange.is_empty() {
        match images.pinnable.is_empty() {
            true => say_wrong!("  help: it names none that can be pinned"),
            false => say_wrong!("  help: `kolla-lang images list` says which it names"),
        }
        return Err(Exit::Wrong);
    }
    let all =
        if args.images.is_empty() { images.pinnable.clone() } else { args.images.iter().cloned().collect() };
    Ok(all.into_iter().filter(|it| !args.missing || !images.lock.0.contains_key(it)).collect())
}

/// Asks what each of some images is. One that cannot be resolved is enough for nothing to be written, and all are told.
fn resolve(
    asked: &BTreeSet<String>,
    logins: &Logins,
    args: &PinArgs,
) -> Result<BTreeMap<String, Pinned>, Exit> {
    let given = |image: &str| logins.find(image);
    let asker = Asker::new(args.plain_http.clone(), &given);
    let (mut found, mut silent, mut n_wrong) = (BTreeMap::new(), BTreeMap::new(), 0);
    for image in asked {
        let tagged = parse_tagged(image);
        if let Some(left) = tagged.registry.and_then(|it| silent.get_mut(it)) {
            let left: &mut Vec<String> = left;
            left.push(image.clone());
            continue;
        }
        let (error, help): (Box<dyn Error>, String) = if args.podman {
            match podman::ask(image) {
                Ok(digest) => {
                    found.insert(image.clone(), digest);
                    continue;
                }
                Err(error) => (Box::new(error), format!("`podman pull {image}` brings it here")),
            }
        } else {
            match asker.resolve(&tagged) {
                Ok(digest) => {
                    found.insert(image.clone(), digest);
                    continue;
                }
                Err(error) => {
                    if let Some(registry) = tagged.registry.filter(|_| error.is_silence()) {
                        silent.insert(registry.to_owned(), Vec::new());
                    }
                    let help = error.help();
                    (Box::new(error), help)
                }
            }
        };
        n_wrong += 1;
        complain_of(&format!("cannot pin {image}"), &*error, Exit::Refused);
        say_wrong!("  help: {help}");
    }
    for (registry, left) in silent.iter().filter(|(_, left)| !left.is_empty()) {
        say_wrong!("error: {registry} was not asked again for {}", listed(left));
    }
    if n_wrong > 0 {
        say_wrong!("nothing was written");
        return Err(Exit::Refused);
    }
    Ok(found)
}

fn say_pinned(
    images: &Images,
    new: &ImagesLock,
    found: &BTreeMap<String, Pinned>,
    unused: &BTreeSet<String>,
    args: &PinArgs,
    answer: Answer,
) {
    let Images { path, lock: old, .. } = images;
    let is_new = *new != *old;
    if answer == Answer::Json {
        let all: Vec<Value> = found
            .iter()
            .map(|(image, digest)| json!({ "image": image, "digest": digest, "was": old.0.get(image) }))
            .collect();
        let removed: Vec<&String> = old.0.keys().filter(|it| !new.0.contains_key(*it)).collect();
        let unused: Vec<&String> = unused.iter().filter(|it| new.0.contains_key(*it)).collect();
        say!(
            "{}",
            json!({
                "version": 1, "lock": path, "images": all, "unused": unused, "removed": removed,
                "written": is_new && !args.dry_run,
            })
        );
        return;
    }
    for (image, digest) in found {
        match old.0.get(image) {
            None => say!("pinned   {image} {}", digest.short()),
            Some(was) if was == digest => say!("same     {image} {}", digest.short()),
            Some(was) => say!("moved    {image} {} -> {}", was.short(), digest.short()),
        }
    }
    for image in unused {
        match args.prune {
            true => say!("removed  {image}, which the description does not name"),
            false => say!("unused   {image}: the description does not name it; `--prune` removes it"),
        }
    }
    let n = new.0.len();
    let images = format!("{n} image{}", if n == 1 { "" } else { "s" });
    match (is_new, args.dry_run) {
        (false, _) => say!("{} stays as it is: {images}", path.display()),
        (true, true) => say!("would write {}: {images}", path.display()),
        (true, false) => say!("wrote {}: {images}", path.display()),
    }
}
