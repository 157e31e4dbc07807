//! The same command on another host: `--host` on those that act on one.
//!
//! Nothing is decided here: the program on that host is this one, and what it prints and how it ends is passed on.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;

use super::exit::Exit;
use super::host::{Build, Built, complain, no_host};
use super::how::HowArgs;
use super::say::{say, say_wrong};
use super::sudo::SudoArgs;
use activate::request::Options;
use fleet::program::Program;
use fleet::remote::{RemoteError, RemoteHost};
use fleet::ssh::{Connection, Reach};

/// How often a host is called again whose connection was lost, and how long is waited between.
const N_CALLS: u32 = 12;
const BETWEEN: Duration = Duration::from_secs(5);

/// Which host a command is about.
#[derive(Debug, Args)]
pub struct ThereArgs {
    /// Do it on this host of the description, over ssh
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The description that says how to reach it; without it `cloud.kl` in this folder
    #[arg(long, value_name = "FILE", requires = "host")]
    file: Option<PathBuf>,
    /// Read the password of sudo, where the host's user is not root and sudo wants one, from standard input. At a terminal it is asked for
    /// anyway
    #[arg(short = 'K', long, requires = "host")]
    ask_become_pass: bool,
}

impl ThereArgs {
    /// Names a host, if there is one to be named.
    pub fn new(host: Option<String>, file: Option<PathBuf>, sudo: SudoArgs) -> Self {
        Self { host, file, ask_become_pass: sudo.is_from_input() }
    }

    /// Runs a command on the host that was named, if one was.
    pub fn run(&self, build: Build<'_>, words: &[&str], json: bool) -> Option<Exit> {
        self.act(build, |_, _, there| {
            let words: Vec<&str> = words.iter().copied().chain(json.then_some("--json")).collect();
            run_there(there, &words)
        })
    }

    /// Runs a command that switches the host that was named, if one was; the switch is called `tx`.
    pub fn run_switch(
        &self,
        build: Build<'_>,
        command: &[String],
        how: &HowArgs,
        tx: &str,
        json: bool,
    ) -> Option<Exit> {
        self.act(build, |built, to, there| {
            let mut words = command.to_vec();
            words.extend(how.words(&options_of_one(built, how.options())));
            words.push(format!("--tx={tx}"));
            let words: Vec<&str> = words.iter().map(String::as_str).chain(json.then_some("--json")).collect();
            Ok(switch_there(to, there, &words, tx, json))
        })
    }

    fn act(
        &self,
        build: Build<'_>,
        act: impl Fn(&Built, &Reach, &RemoteHost) -> Result<Exit, Exit>,
    ) -> Option<Exit> {
        let host = self.host.as_deref()?;
        let run = || {
            let built = build(self.file.as_deref())?;
            let to = find(&built, host)?;
            act(&built, &to, &reach(&to, SudoArgs::new(self.ask_become_pass))?)
        };
        Some(run().unwrap_or_else(|exit| exit))
    }
}

/// Finds how a host is reached.
pub fn find(built: &Built, host: &str) -> Result<Reach, Exit> {
    built.reach.get(host).cloned().ok_or_else(|| no_host(host, built.reach.keys()))
}

/// Leaves what is for the end to a switch of all hosts, if there are others than the one that is asked: they may run what is old.
pub fn options_of_one(built: &Built, options: Options) -> Options {
    Options { leave_last: options.leave_last || built.reach.len() > 1, ..options }
}

/// Connects to a host, with this program on it.
pub fn reach(reach: &Reach, sudo: SudoArgs) -> Result<RemoteHost, Exit> {
    let program = Program::load().map_err(|error| complain(&error, Exit::Refused))?;
    let connection = Connection::open(reach.clone(), &sudo.sudo()).map_err(RemoteError::from);
    connection.and_then(|it| RemoteHost::reach(it, &program)).map_err(|error| {
        let exit = complain_of_host(&error, Exit::Refused);
        if error.help().is_none() && !matches!(error, RemoteError::NoProgram { .. }) {
            say_wrong!("  help: `hosts.{}.ssh` says how to reach it; nothing there was touched", reach.host);
        }
        exit
    })
}

/// Says why one of many hosts cannot be acted on, and what to do about it. Returns the exit it was given.
pub fn complain_of_host(error: &RemoteError, exit: Exit) -> Exit {
    complain(error, exit);
    if let Some(help) = error.help() {
        say_wrong!("  help: {help}");
    }
    exit
}

/// Runs a command on a host; what it prints and says is printed and said here.
fn run_here(there: &RemoteHost, words: &[&str]) -> Result<Option<i32>, RemoteError> {
    there.run(words, &mut |line| say!("{line}"), &mut |line| say_wrong!("{line}"))
}

/// Runs a command on a host, and ends as it ended.
pub fn run_there(there: &RemoteHost, words: &[&str]) -> Result<Exit, Exit> {
    let code = run_here(there, words).map_err(|error| complain(&error, Exit::Refused))?;
    let Some(code) = code else {
        say_wrong!("error: the connection to {} was lost", there.name());
        return Err(Exit::Stuck);
    };
    Ok(exit_of(code))
}

/// Runs a switch on a host. Where the connection is lost it goes on by itself, and is followed again by its name.
pub fn switch_there(to: &Reach, there: &RemoteHost, words: &[&str], tx: &str, json: bool) -> Exit {
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    match run_here(there, words) {
        Ok(Some(code)) => return exit_of(code),
        Ok(None) => {
            say_wrong!("warning: the connection to {} was lost; the switch goes on there", there.name())
        }
        Err(error) => return refused(&error),
    }
    let mut follow = vec!["switch", "--follow", "--tx", tx];
    follow.extend(json.then_some("--json"));
    for _ in 0..N_CALLS {
        sleep(BETWEEN);
        let Ok(connection) = there.reopen(to.clone()) else { continue };
        let again = there.with(connection);
        match run_here(&again, &follow) {
            Ok(Some(code)) => return exit_of(code),
            Ok(None) => {}
            Err(error) => return refused(&error),
        }
    }
    say_wrong!("error: {} cannot be reached any more; how its switch ends is not known", there.name());
    say_wrong!("  help: `kolla-lang switch --follow --host {}` tells it, once it is there", there.name());
    Exit::Stuck
}

/// Returns the exit that a host's command ended with.
pub fn exit_of(code: i32) -> Exit {
    [Exit::Done, Exit::Wrong, Exit::Refused, Exit::Reverted, Exit::Warnings, Exit::Stuck, Exit::Locked]
        .into_iter()
        .find(|exit| *exit as i32 == code)
        .unwrap_or(Exit::Bug)
}
