//! Prompts that show nothing of what is typed; and what a command leaves of its terminal, and of the folder that an editor works in, when
//! it is ended by a key or a signal.
//!
//! The words of prompts are where they are asked.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use zeroize::Zeroizing;

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

/// Asks at the terminal for a line that is not shown; nothing where there is no terminal, or no line of at most so many bytes.
pub fn ask_hidden(prompt: &str, longest: usize) -> Option<Zeroizing<String>> {
    keep();
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
    let before = tcgetattr(&terminal).ok()?;
    let mut hidden = before.clone();
    hidden.local_modes -= LocalModes::ECHO;
    // Before it is asked for: who sees the prompt may type at once.
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).ok()?;
    let asked = terminal.write_all(prompt.as_bytes()).ok();
    let line = asked.and_then(|()| read_line(&terminal, longest));
    // The end of the line was not shown either. What cannot be written to a terminal that is gone is no loss.
    let _as_it_was = tcsetattr(&terminal, OptionalActions::Now, &before);
    let _shown = terminal.write_all(b"\n");
    line
}

/// Reads a line and nothing behind it; nothing where there is none of at most so many bytes.
pub fn read_line(from: &impl AsFd, longest: usize) -> Option<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(longest));
    loop {
        let mut byte = Zeroizing::new([0; 1]);
        match rustix::io::retry_on_intr(|| rustix::io::read(from, &mut byte[..])) {
            Ok(1) if byte[0] == b'\n' => break,
            Ok(1) if line.len() < longest => line.push(byte[0]),
            // A last line without its end is one.
            Ok(0) if !line.is_empty() => break,
            _ => return None,
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    std::str::from_utf8(&line).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn with_kept<T>(act: impl FnOnce(&mut Kept) -> T) -> Option<T> {
    let kept = KEPT.get()?;
    Some(act(&mut kept.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Takes back what a signal would, on whichever thread, for a process that ends without unwinding.
pub fn put_away() {
    // Who holds it may be this very thread, which waited for itself then.
    if let Some(mut kept) = KEPT.get().and_then(|it| it.try_lock().ok()) {
        end(&mut kept);
    }
}

/// Ends this process as its signal does, if the terminal is gone that something was asked at: who reads there may learn it before the
/// signal is heard.
pub fn end_if_hung_up() {
    with_kept(|kept| {
        let how = kept.terminal.as_ref().map(|(terminal, _)| tcgetattr(terminal));
        if matches!(how, Some(Err(Errno::IO))) {
            end(kept);
            let _ended = emulate_default_handler(SIGHUP);
        }
    });
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
            // It ends this process, as if nobody had listened, before an editor's end can be told: who tells it asks for `kept` first.
            let _ended = emulate_default_handler(signal);
            true
        });
        if ends.is_none() {
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
