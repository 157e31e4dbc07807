//! `kolla-lang lab`: hosts to try a cloud on, on this machine.
//!
//! Turns arguments into calls of [`lab`] and answers into text; decides nothing about labs.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::Exit;
use super::host::complain;
use super::image_build::failed;
use super::lab_images::Wanted;
use super::say::say_wrong;
use imageset::Home;
use lab::{HostStatus, Keep, Lab, LabError, LabSpec, Places, PowerLoss, Share, serve_disk};

/// Try a cloud on hosts of its own, on this machine
#[derive(Debug, Args)]
pub struct LabArgs {
    /// Print the answer as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Which lab; by default the one named after the cloud, or the only one there is
    #[arg(long, global = true, value_name = "NAME")]
    name: Option<String>,
    /// Where root file systems and images are kept for all labs
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    cache: Option<PathBuf>,
    #[command(subcommand)]
    command: LabCommand,
}

/// What to do with a lab.
#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Make the described hosts and boot them; what is there already is kept
    #[command(
        after_help = "Examples: kolla-lang lab up cloud.kl --share .\n          kolla-lang lab up cloud.kl --images /var/cache/kolla-lang/images"
    )]
    Up(UpArgs),
    /// Run a command in a host, with this terminal's input and output and the command's exit code
    #[command(after_help = "Example:\n  kolla-lang lab exec ctl01 -- podman ps")]
    Exec(ExecArgs),
    /// Copy a file or a folder into a host; a folder's files join those that are there
    #[command(after_help = "Example:\n  kolla-lang lab copy ctl01 examples/all-in-one /root/cloud")]
    Copy(CopyArgs),
    /// Start a host that was stopped, killed or lost its power
    #[command(after_help = "Example:\n  kolla-lang lab start ctl01")]
    Start(HostArgs),
    /// End all processes of a host at once; what it wrote is there when it starts again
    #[command(after_help = "Example:\n  kolla-lang lab kill ctl01")]
    Kill(HostArgs),
    /// Cut the power of a host: of what it had not synced when it starts again, only a part is there, drawn by a seed
    #[command(after_help = "Example:\n  kolla-lang lab power ctl01 --seed 7")]
    Power(PowerArgs),
    /// Cut a host off from all others; its ports stay up
    #[command(after_help = "Example:\n  kolla-lang lab partition ctl01")]
    Partition(HostArgs),
    /// Give a host that was cut off back to its networks
    #[command(after_help = "Example:\n  kolla-lang lab heal ctl01")]
    Heal(HostArgs),
    /// Stop the hosts and take their networks away
    #[command(after_help = "Example:\n  kolla-lang lab down --purge")]
    Down(DownArgs),
    /// Say which hosts run
    #[command(after_help = "Example:\n  kolla-lang lab status --json")]
    Status,
    /// Show a file as a disk until it is unmounted; the process that a host's disk is
    #[command(hide = true)]
    ServeDisk(ServeDiskArgs),
}

#[derive(Debug, Args)]
struct UpArgs {
    /// The description whose hosts are made
    file: Option<PathBuf>,
    /// Show a folder to all hosts, at /srv/share or at PATH
    #[arg(long, value_name = "DIR[:PATH]")]
    share: Vec<String>,
    /// Images that hosts use: a folder that `images build --cache DIR` wrote; without it those of the description that can be built, which are built first
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ExecArgs {
    /// The host
    host: String,
    /// The command with its arguments
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

#[derive(Debug, Args)]
struct CopyArgs {
    /// The host
    host: String,
    /// The file or folder here
    from: PathBuf,
    /// Its whole path in the host
    to: PathBuf,
}

#[derive(Debug, Args)]
struct HostArgs {
    /// The host
    host: String,
}

#[derive(Debug, Args)]
struct PowerArgs {
    /// The host
    host: String,
    /// Draws which unsynced writes reach the disk; by default a new one, which is printed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Debug, Args)]
struct ServeDiskArgs {
    /// The file
    image: PathBuf,
    /// The folder to show the disk in
    front: PathBuf,
}

#[derive(Debug, Args)]
struct DownArgs {
    /// Remove what the hosts wrote too, so that the next ones begin anew
    #[arg(long)]
    purge: bool,
}

/// Reads the hosts of a lab and their images out of the cloud that a file describes, having said what is wrong with it.
pub type Describe<'a> = &'a dyn Fn(Option<&Path>) -> Result<(LabSpec, Wanted), Exit>;

/// Runs the command. `exec` returns only if it fails: else this process becomes the command.
pub fn run(args: &LabArgs, describe: Describe) -> Exit {
    let LabArgs { json, name, cache, command } = args;
    let mut places = Places::default();
    if let Some(cache) = cache {
        places.cache.clone_from(cache);
    }
    let find = |places| Lab::find(name.as_deref(), places);
    let done = match command {
        LabCommand::Up(args) => {
            return up(args, name.as_deref(), places, *json, describe)
                .map_or_else(|exit| exit, |()| Exit::Done);
        }
        LabCommand::Exec(args) => find(places).and_then(|lab| Err(lab.exec(&args.host, &args.command))),
        LabCommand::Copy(args) => find(places).and_then(|lab| lab.copy(&args.host, &args.from, &args.to)),
        LabCommand::Start(args) => {
            let progress = Progress::new();
            find(places).and_then(|lab| lab.start(&args.host, &own_path()?, &|what| progress.say(what)))
        }
        LabCommand::Kill(args) => find(places).and_then(|lab| lab.kill(&args.host)),
        LabCommand::Partition(args) => find(places).and_then(|lab| lab.partition(&args.host)),
        LabCommand::Heal(args) => find(places).and_then(|lab| lab.heal(&args.host)),
        LabCommand::Power(args) => {
            let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
            find(places).and_then(|lab| lab.cut_power(&args.host, seed)).and_then(|it| print_loss(&it, *json))
        }
        LabCommand::ServeDisk(args) => serve_disk(&args.image, &args.front),
        LabCommand::Down(args) => {
            let keep = if args.purge { Keep::Nothing } else { Keep::State };
            let progress = Progress::new();
            find(places).and_then(|lab| lab.down(keep, &|what| progress.say(what)))
        }
        LabCommand::Status => find(places).and_then(|lab| print(&lab, *json)),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(why) => refused(why),
    }
}

/// Prints why there is no lab, with what to do next, and returns its exit code.
fn refused(why: LabError) -> Exit {
    let exit = complain(&why, Exit::from(&why));
    if let Some(help) = why.help() {
        say_wrong!("  help: {help}");
    }
    exit
}

/// Builds the images that are missing, then boots the hosts. What failed was printed.
fn up(args: &UpArgs, name: Option<&str>, places: Places, json: bool, describe: Describe) -> Result<(), Exit> {
    let UpArgs { file, share, images } = args;
    let (spec, wanted) = describe(file.as_deref())?;
    let spec = named(spec, name, share).map_err(refused)?;
    let progress = Progress::new();
    let tell = |what: &str| progress.say(what);
    let images = match images {
        Some(dir) => Home(dir.clone()).storage(),
        None => wanted.build(&places, &tell),
    };
    let spec = LabSpec { images: Some(images.map_err(failed)?), ..spec };
    let lab = Lab::new(spec, places).map_err(refused)?;
    lab.up(&own_path().map_err(refused)?, &tell).map_err(refused)?;
    print(&lab, json).map_err(refused)
}

/// Returns the lab that is asked for, unless it cannot be.
fn named(mut spec: LabSpec, name: Option<&str>, shares: &[String]) -> Result<LabSpec, LabError> {
    if let Some(name) = name {
        name.clone_into(&mut spec.name);
    }
    for text in shares {
        spec.shares.push(parse_share(text)?);
    }
    spec.check()?;
    Ok(spec)
}

/// Returns where this program lies: it is put into hosts.
fn own_path() -> Result<PathBuf, LabError> {
    std::env::current_exe().map_err(|source| LabError::File {
        deed: "find",
        path: "/proc/self/exe".into(),
        source,
    })
}

/// Reads `DIR` or `DIR:PATH`; the folder must be there, as a bind mount of nothing fails late and unclearly.
fn parse_share(text: &str) -> Result<Share, LabError> {
    let (from, to) = text.split_once(':').unwrap_or((text, "/srv/share"));
    let from = PathBuf::from(from);
    let from = from.canonicalize().map_err(|source| LabError::File { deed: "share", path: from, source })?;
    Ok(Share { from, to: to.into() })
}

fn print(lab: &Lab, json: bool) -> Result<(), LabError> {
    let (hosts, images) = (lab.status()?, &lab.spec().images);
    let mut text = String::new();
    if json {
        text = serde_json::json!({ "version": 1, "hosts": hosts, "images": images }).to_string() + "\n";
    } else {
        let width = hosts.iter().map(|it| it.name.len()).max().unwrap_or_default();
        for HostStatus { name, pid, addresses } in hosts {
            let state = if pid.is_some() { "running" } else { "stopped" };
            text.push_str(&format!("{name:width$}  {state}  {}\n", addresses.join(" ")));
        }
        if let Some(images) = images {
            text.push_str(&format!("images of {}\n", images.display()));
        }
    }
    say(&text)
}

fn print_loss(loss: &PowerLoss, json: bool) -> Result<(), LabError> {
    let PowerLoss { seed, sector: _, writes, bytes: _, kept, torn } = loss;
    say(&if json {
        let loss = serde_json::json!(loss);
        serde_json::json!({ "version": 1, "power": loss }).to_string() + "\n"
    } else {
        let lost = writes - kept - torn;
        format!(
            "of {writes} unsynced writes {kept} reached the disk, {torn} in part, {lost} not (--seed {seed})\n"
        )
    })
}

fn say(text: &str) -> Result<(), LabError> {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever read the answer has read enough of it.
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|source| LabError::File { deed: "write to", path: "/dev/stdout".into(), source })
        }
    }
}

/// Tells what is being done: on one moving line of a terminal, or line by line.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}");
            let bar = ProgressBar::new_spinner();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    pub(super) fn say(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => say_wrong!("{what}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_folder_that_is_there() {
        let share = parse_share("/tmp:/work").expect("it is there");
        assert_eq!((share.from, share.to), (PathBuf::from("/tmp"), PathBuf::from("/work")));
        assert_eq!(parse_share("/tmp").expect("it is there").to, PathBuf::from("/srv/share"));
        assert!(parse_share("/no/such/folder").is_err());
    }
}
