//! What a command leaves of its terminal, and of the folder that an editor works in, when it is ended by a key or a signal.
//!
//! Asks for nothing itself: the words of prompts are where they are asked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// What is taken back when this process is ended.
struct Kept {
    /// The terminal and how it was.
    terminal: Option<(File, Termios)>,
    /// The folder that an editor works in.
    folder: Option<PathBuf>,
    /// The editor, once it runs.
    editor: Option<Pid>,
    /// When an editor ended.
    edited: Option<Instant>,
}

/// How long after an editor's end a key still counts as its own.
const JUST_OVER: Duration = Duration::from_millis(500);

static KEPT: OnceLock<Mutex<Kept>> = OnceLock::new();

/// From now on a key or a signal that ends this process leaves the terminal as it is now: a prompt has it show nothing.
pub fn keep() {
    KEPT.get_or_init(|| {
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok();
        let terminal = terminal.and_then(|it| tcgetattr(&it).ok().map(|how| (it, how)));
        // Without them the terminal is left as a prompt had it, which is all that is lost.
        if let Ok(signals) = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) {
            std::thread::spawn(move || listen(signals));
        }
        Mutex::new(Kept { terminal, folder: None, editor: None, edited: None })
    });
}

/// Says that an editor begins to work in a folder: the keys of the terminal are its own until the answer is dropped.
pub fn give_to_editor(folder: &Path) -> Editing {
    keep();
    with_kept(|kept| kept.folder = Some(folder.to_owned()));
    Editing
}

/// An editor works.
pub struct Editing;

impl Editing {
    /// Says which process it is.
    pub fn runs(&self, editor: u32) {
        with_kept(|kept| kept.editor = i32::try_from(editor).ok().and_then(Pid::from_raw));
    }
}

impl Drop for Editing {
    fn drop(&mut self) {
        with_kept(|kept| {
            (kept.folder, kept.editor) = (None, None);
            kept.edited = Some(Instant::now());
        });
    }
}

fn with_kept<T>(act: impl FnOnce(&mut Kept) -> T) -> Option<T> {
    let kept = KEPT.get()?;
    Some(act(&mut kept.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn listen(mut signals: Signals) {
    for signal in signals.forever() {
        let ends = with_kept(|kept| {
            // The key that ended it may be heard here after its end.
            let is_just_over = kept.edited.is_some_and(|it| it.elapsed() < JUST_OVER);
            if (kept.folder.is_some() || is_just_over) && matches!(signal, SIGINT | SIGQUIT) {
                // The editor has heard it too, and what comes of it is its business.
                return false;
            }
            end(kept);
            true
        });
        if ends.unwrap_or(true) {
            // It ends this process, as if nobody had listened.
            let _ended = emulate_default_handler(signal);
        }
    }
}

fn end(kept: &mut Kept) {
    if let Some(editor) = kept.editor.take() {
        let _gone = kill_process(editor, Signal::TERM);
    }
    if let Some(folder) = kept.folder.take() {
        // What cannot be removed stays in memory until the machine is switched off; nobody is left to hear it.
        let _left = fs::remove_dir_all(folder);
    }
    if let Some((terminal, how)) = &kept.terminal
        // Who is in the background has changed nothing, and would be stopped by this.
        && tcgetpgrp(terminal).is_ok_and(|front| front == getpgrp())
    {
        let _as_it_is = tcsetattr(terminal, OptionalActions::Now, how);
    }
}
