//! `kolla-lang operators`: whose signatures this host wants, and letting go of them when all keys are lost.

use clap::{Args, Subcommand};
use serde_json::json;

use super::adopt::require_root_to_read;
use super::exit::Exit;
use super::host::{Answer, Build, complain, require_root};
use super::say::{say, say_wrong};
use super::there::ThereArgs;
use activate::generation::current_generation;
use activate::layout::Layout;
use activate::operators::{self, Operators};
use store::{files, lock};

/// Say whose signatures this host wants, or let go of them
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: kolla-lang operators list\n          kolla-lang operators forget\n\nExit codes: 0 done, 2 refused and nothing \
touched, 6 a switch is running"
)]
pub struct OperatorsArgs {
    #[command(subcommand)]
    what: What,
    /// Print one JSON value
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say who they are, and the counter of the last signature
    #[command(after_help = "Example: kolla-lang operators list --host ctl01")]
    List(ThereArgs),
    /// Let go of all of them, when every key is lost: the next switch enrols those of the description
    #[command(after_help = "Example: kolla-lang operators forget")]
    Forget,
}

/// Runs the command.
pub fn run(args: &OperatorsArgs, build: Build<'_>) -> Exit {
    let answer = Answer::of(args.json);
    let layout = Layout::new("/");
    let ended = match &args.what {
        What::List(there) => {
            if let Some(exit) = there.run(build, &["operators", "list"], args.json) {
                return exit;
            }
            list(&layout, answer)
        }
        What::Forget => forget(&layout, answer),
    };
    ended.err().unwrap_or(Exit::Done)
}

fn list(layout: &Layout, answer: Answer) -> Result<(), Exit> {
    require_root_to_read("operators list")?;
    let known = operators::load(layout).map_err(|error| complain(&error, Exit::Refused))?;
    let held = current_generation(layout).map_err(|error| complain(&error, Exit::Refused))?;
    let committed = held.as_ref().map(|it| (it.closure.digest(), &it.closure.manifest));
    let now = operators::settled(known, committed.as_ref().map(|(digest, manifest)| (digest, *manifest)));
    let Operators { keys, counter, closure: _ } = now.unwrap_or_default();
    if answer == Answer::Json {
        say!("{}", json!({ "version": 1, "operators": keys, "counter": counter }));
        return Ok(());
    }
    if keys.is_empty() {
        say!("this host takes what nobody signed");
        return Ok(());
    }
    for (name, key) in &keys {
        say!("{name}  {}", key.fingerprint());
    }
    say!("the last signature had the counter {counter}");
    Ok(())
}

fn forget(layout: &Layout, answer: Answer) -> Result<(), Exit> {
    require_root("operators forget")?;
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    files::make_folder(&layout.run()).map_err(|error| refused(&error))?;
    let Some(_lock) = lock::try_lock(&layout.lock()).map_err(|error| refused(&error))? else {
        say_wrong!("error: a switch of this host is running; nothing was touched");
        return Err(Exit::Locked);
    };
    let path = layout.operators();
    let was_there = files::exists(&path);
    if was_there {
        files::remove_file(&path).map_err(|error| refused(&error))?;
        files::sync_folder(path.parent().unwrap_or(layout.root())).map_err(|error| refused(&error))?;
    }
    match (answer, was_there) {
        (Answer::Json, _) => say!("{}", json!({ "version": 1, "forgot": was_there })),
        (_, true) => {
            say!("this host has no operators any more; its next switch enrols those of the description")
        }
        (_, false) => say!("this host had no operators"),
    }
    Ok(())
}
