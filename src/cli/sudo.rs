//! The password of sudo on hosts: asked for once in a command, at the terminal, or taken from standard input.

use std::io::IsTerminal as _;
use std::sync::Arc;

use clap::Args;
use zeroize::Zeroizing;

use super::say::say_wrong;
use super::terminal;
use fleet::sudo::Sudo;
use secrets::seal::keep_out_of_swap;

/// The longest password that is read, in bytes. Sudo itself reads less than this.
const LONGEST: usize = 1023;

/// Where the password of sudo comes from.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SudoArgs {
    /// Read the password of sudo, on hosts where their user is not root and sudo wants one, from standard input. At a terminal it is asked
    /// for anyway
    #[arg(short = 'K', long, conflicts_with = "local")]
    ask_become_pass: bool,
}

impl SudoArgs {
    /// Takes it from standard input, or asks for it.
    pub fn new(ask_become_pass: bool) -> Self {
        Self { ask_become_pass }
    }

    /// Says whether it comes from standard input.
    pub fn is_from_input(self) -> bool {
        self.ask_become_pass
    }

    /// Returns the password, which nobody was asked for yet.
    pub fn sudo(self) -> Arc<Sudo> {
        Arc::new(Sudo::new(Box::new(move || ask(self.ask_become_pass))))
    }
}

fn ask(is_input: bool) -> Option<Zeroizing<String>> {
    keep_out_of_swap();
    let input = std::io::stdin();
    if !is_input || input.is_terminal() {
        return terminal::ask_hidden("BECOME password (of sudo on hosts): ", LONGEST);
    }
    let line = terminal::read_line(&input, LONGEST);
    if line.is_none() {
        say_wrong!("warning: standard input has no line with the password of sudo");
    }
    line
}
