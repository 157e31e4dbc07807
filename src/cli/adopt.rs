//! `kolla-lang adopt`: take over files and containers of this host by name, and bring them back.

use clap::Args;
use serde_json::{Value, json};

use super::exit::Exit;
use super::host::{complain, require_root};
use super::say::{say, say_wrong};
use activate::adopt::accept::{self, AcceptError, accept, accept_again};
use activate::adopt::containers::{kept_name, settle};
use activate::adopted::{Adopted, Book, What};
use activate::generation::current_generation;
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::tool::HostTools;
use store::lock;

/// Let the next switch take the place of files and containers that kolla-lang did not make; they are kept
#[derive(Debug, Args)]
#[command(
    after_help = "A file is copied to /var/lib/kolla-lang/adopted with its owner and mode, a container is stopped, renamed and \
its unit disabled when a switch needs its name. Both come back when no generation wants their place any more. Without a name \
it lists what was adopted.\n\nExit codes: 0 done, 2 refused and nothing touched, 4 not everything was adopted, forgotten or brought back, 6 a switch is \
running\n\nExample: kolla-lang adopt /etc/hosts mariadb"
)]
pub struct AdoptArgs {
    /// Paths, or names of containers
    names: Vec<String>,
    /// Forget what was adopted under these names, unless it is set aside now
    #[arg(long, conflicts_with = "settle", requires = "names")]
    forget: bool,
    /// Set aside and bring back what a switch that was cut off did not
    #[arg(long, conflicts_with = "names")]
    settle: bool,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &AdoptArgs) -> Exit {
    let AdoptArgs { names, forget, settle, json } = args;
    let layout = Layout::new("/");
    if names.is_empty() && !settle {
        return list(&layout, *json);
    }
    if let Err(exit) = require_root("adopt") {
        return exit;
    }
    let _lock = match take_lock(&layout) {
        Ok(lock) => lock,
        Err(exit) => return exit,
    };
    if *settle {
        return run_settle(&layout);
    }
    let done = match forget {
        true => accept::forget(&layout, names).map(|()| Vec::new()),
        false => accept(&layout, &mut HostTools, names),
    };
    let done = match done {
        Ok(done) => done,
        Err(error) => return complain(&error, exit_of(&error)),
    };
    if *json {
        say!("{:#}", to_json(&done));
    } else {
        done.iter().for_each(|it| say!("{}", line(it)));
    }
    Exit::Done
}

fn list(layout: &Layout, as_json: bool) -> Exit {
    if let Err(exit) = require_root_to_read("adopt") {
        return exit;
    }
    let book = match Book::load(layout) {
        Ok(book) => book,
        Err(error) => return complain(&error, Exit::Stuck),
    };
    let all: Vec<Adopted> = book.all().cloned().collect();
    if as_json {
        say!("{:#}", to_json(&all));
    } else if all.is_empty() {
        say!("nothing was adopted on this host");
    } else {
        all.iter().for_each(|it| say!("{}", line(it)));
    }
    Exit::Done
}

fn run_settle(layout: &Layout) -> Exit {
    let held = match current_generation(layout) {
        Ok(held) => held,
        Err(error) => return complain(&error, Exit::Stuck),
    };
    let mut systemd = LazySystemd::connect();
    let manifest = held.as_ref().map(|it| &it.closure.manifest);
    let problems = settle(layout, &mut systemd, &mut HostTools, manifest);
    for problem in &problems {
        complain(problem, Exit::Warnings);
    }
    if problems.is_empty() { Exit::Done } else { Exit::Warnings }
}

/// Accepts what is named with `switch --adopt`, before the switch looks for what is in its way.
pub fn accept_all(layout: &Layout, names: &[String]) -> Result<(), Exit> {
    if names.is_empty() {
        return Ok(());
    }
    let _lock = take_lock(layout)?;
    accept_again(layout, &mut HostTools, names).map(drop).map_err(|error| match error {
        AcceptError::NotBegun(error) => complain(&error, Exit::Refused),
        half => complain(&half, Exit::Stuck),
    })
}

/// Says how it ended: with nothing touched, or in between.
fn exit_of(error: &AcceptError) -> Exit {
    match error {
        AcceptError::NotBegun(_) => Exit::Refused,
        AcceptError::Half { .. } => Exit::Warnings,
    }
}

/// Takes the lock that a switch holds.
pub fn take_lock(layout: &Layout) -> Result<lock::Lock, Exit> {
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    store::files::make_folder(&layout.run()).map_err(|error| refused(&error))?;
    match lock::try_lock(&layout.lock()) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => {
            say_wrong!("error: a switch of this host is running; nothing was touched");
            Err(Exit::Locked)
        }
        Err(error) => Err(refused(&error)),
    }
}

/// Refuses to go on for anyone but root, who alone may read what is compared.
pub fn require_root_to_read(what: &str) -> Result<(), Exit> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    say_wrong!("error: `{what}` reads what only root may read");
    Err(Exit::Refused)
}

fn line(adopted: &Adopted) -> String {
    let name = &adopted.name;
    match &adopted.what {
        What::AsItIs => format!("accepted  {name}  as it is"),
        What::File { uid, gid, mode, digest } => {
            format!("file      {name}  kept as {}, {uid}:{gid} {mode:04o}", digest.short())
        }
        What::Link { target } => format!("link      {name}  kept: to {}", target.display()),
        What::Folder => format!("folder    {name}  kept beside its place"),
        What::Container { id, before: Some(_) } => {
            format!("container {name}  set aside as {}", kept_name(name, id))
        }
        What::Container { before: None, .. } => {
            format!("container {name}  to be set aside when its name is wanted")
        }
    }
}

fn to_json(all: &[Adopted]) -> Value {
    json!({ "version": 1, "adopted": all })
}
