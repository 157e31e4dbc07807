//! `kolla-lang store`: what a host's store lacks, what is brought to it and taken from it. Not for people.

use std::io::{BufRead as _, stdin, stdout};

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::host::{complain, require_root};
use super::say::{say, say_wrong};
use store::packed::Packed;
use store::{Digest, Store, transfer};

/// Ask and fill this host's store from elsewhere
#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print those of the digests on standard input that are not here
    Missing,
    /// Take the objects on standard input
    Receive,
    /// Print the objects of a closure
    Send {
        /// Names it
        closure: Digest,
    },
}

/// Runs the command.
pub fn run(args: &StoreArgs) -> Exit {
    match require_root("store").and_then(|()| act(&args.what)) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn act(what: &What) -> Result<(), Exit> {
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    let store = Store::default_root().and_then(Store::open).map_err(|error| refused(&error))?;
    match what {
        What::Missing => {
            let mut wanted = Vec::new();
            for line in stdin().lock().lines() {
                let line = line.map_err(|error| refused(&error))?;
                wanted.push(line.parse::<Digest>().map_err(|error| refused(&error))?);
            }
            store.missing(&wanted).iter().for_each(|digest| say!("{digest}"));
        }
        What::Receive => match store.receive(&mut stdin().lock()) {
            Ok(_) => {}
            Err(error) => {
                let exit = refused(&error);
                say_wrong!("  help: run the same command again; what arrived is kept");
                return Err(exit);
            }
        },
        What::Send { closure } => {
            let closure = store.load(closure).map_err(|error| refused(&error))?;
            let packed = Packed::of(&closure).map_err(|error| refused(&error))?;
            transfer::send(packed.objects(), &mut stdout().lock()).map_err(|error| refused(&error))?;
        }
    }
    Ok(())
}
