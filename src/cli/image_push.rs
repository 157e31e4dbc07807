//! `kolla-lang images push`: an image that was built here, to a registry that may want a login.
//!
//! The registry is asked first, so that one that refuses or is silent is named before anything is sent.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::built_images::with;
use super::describe::{Described, compile};
use super::exit::Exit;
use super::host::{Answer, complain, complain_of};
use super::image_build::KeptArgs;
use super::logins::Logins;
use super::say::{say, say_wrong};
use images::login;
use images::reference::parse_tagged;
use images::registry::Asker;
use model::decode_cloud;

/// Where a file with a login lies for as long as it is needed: in memory.
const MEMORY: &str = "/dev/shm";

/// Which image is pushed where.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// The image, by its whole name, or by its last part if there is one of it
    image: String,
    /// The name it gets, with the registry; without it its own
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// A file of logins, as `podman login` writes it; without it that of the description of --file, or the one that podman keeps
    #[arg(long, value_name = "FILE")]
    logins: Option<PathBuf>,
    /// A private key of an operator, for a login that is a secret of the description; without it ~/.ssh/id_ed25519 and ~/.ssh/id_rsa
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Push without TLS
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    kept: KeptArgs,
}

/// A login for a registry: what stands behind `Basic` in a request.
type Login = Zeroizing<String>;

/// Runs the command, with the logins of a description if one is given.
pub fn run(args: &PushArgs, file: Option<&Path>, answer: Answer) -> Result<(), Exit> {
    let image = with(&args.kept, None, |store, _| store.find(&args.image))?;
    let to = args.to.clone().unwrap_or_else(|| image.reference.clone());
    let tagged = parse_tagged(&to);
    let Some(registry) = tagged.registry.filter(|it| *it != "localhost") else {
        say_wrong!("error: {to} names no registry");
        say_wrong!("  help: `--to registry.example.org/kolla/cron:TAG` names one");
        return Err(Exit::Wrong);
    };
    let described = file.map(|file| logins_of(file, &args.identity)).transpose()?;
    let given = |name: &str| -> Option<Result<Login, Box<dyn std::error::Error + Send + Sync>>> {
        if let Some(path) = &args.logins {
            return login::find_in(path, registry, tagged.repository).map_err(Into::into).transpose();
        }
        described.as_ref()?.find(name)
    };
    let plain = args.plain_http.then(|| registry.to_owned()).into_iter().collect();
    let asker = Asker::new(plain, &given);
    if let Err(error) = asker.greet(registry, tagged.repository) {
        let exit = complain_of(&format!("cannot push {to}"), &error, Exit::Refused);
        say_wrong!("  help: {}", error.help());
        return Err(exit);
    }
    let name = format!("{registry}/{}", tagged.repository);
    let of_description = described.as_ref().filter(|_| args.logins.is_none());
    let secret = match of_description.and_then(|it| it.find(&name)) {
        Some(Ok(basic)) => {
            Some(Secret::of(registry, &basic).map_err(|error| complain(&error, Exit::Refused))?)
        }
        // The registry was asked with it a moment ago.
        Some(Err(_)) | None => None,
    };
    let kept = args.logins.clone().or_else(login::kept_in);
    let logins = secret.as_ref().map(|it| it.path.as_path()).or(kept.as_deref());
    with(&args.kept, logins, |store, tell| {
        tell(&format!("pushing {to}"));
        store.push(&image, &to, asker.is_plain(registry))
    })?;
    match answer {
        Answer::Json => say!("{}", json!({ "version": 1, "image": image.reference, "pushed": to })),
        Answer::Text | Answer::Events => say!("pushed {to}"),
    }
    Ok(())
}

/// Returns the logins of a description.
fn logins_of(file: &Path, identities: &[PathBuf]) -> Result<Logins, Exit> {
    let Described { compiled, secrets, lock: _ } = compile(Some(file))?;
    let (cloud, _) = decode_cloud(compiled.root());
    Ok(Logins::of(&cloud, secrets, file, identities))
}

/// A file with one login, in memory, removed in the end.
struct Secret {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Secret {
    fn of(registry: &str, basic: &str) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kolla-lang-push-").tempdir_in(MEMORY)?;
        let path = folder.path().join("logins.json");
        let mut file = File::create_new(&path)?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.write_all(login::authfile(registry, basic).as_bytes())?;
        Ok(Self { path, _folder: folder })
    }
}
