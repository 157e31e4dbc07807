//! What a bug of kolla-lang looks like: one line that says so and where to report it, and the exit code for it.
//!
//! Where a program unwinds, what was begun is put away; only the words and the exit code are decided here. The profile `dist` has nothing
//! to unwind by, which is a fifth of a program: there a bug ends it at once, as a kill does, but for what no command after it finds.

use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::Exit;
use super::say::say_wrong;
use super::terminal;

/// Runs a command. A panic in it, on whichever thread, is said in one line and ends with [`Exit::Bug`].
pub fn guarded(run: impl FnOnce() -> Exit) -> Exit {
    std::panic::set_hook(Box::new(tell));
    let exit = ended(run);
    // Whoever waited for a thread may have gone on without what it should have brought.
    if TOLD.load(Ordering::Relaxed) { Exit::Bug } else { exit }
}

/// Whether a panic was said.
static TOLD: AtomicBool = AtomicBool::new(false);

fn ended(run: impl FnOnce() -> Exit) -> Exit {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Bug)
}

/// Says the first panic; what others say of it on their threads adds nothing. Ends the program where it does not unwind.
fn tell(info: &PanicHookInfo<'_>) {
    if !TOLD.swap(true, Ordering::Relaxed) {
        say(info);
    } else if cfg!(panic = "abort") {
        // The thread that was first ends all of them.
        loop {
            std::thread::park();
        }
    }
    if cfg!(panic = "abort") {
        terminal::put_away();
        std::process::exit(i32::from(Exit::Bug as u8));
    }
}

fn say(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|at| (at.file(), at.line()));
    say_wrong!("{}", words(text_of(info.payload()), place));
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|it| it != "0") {
        say_wrong!("{}", Backtrace::force_capture());
    }
}

/// What to do about one.
pub const HELP: &str = concat!(
    "  help: report it with what you did at ",
    env!("CARGO_PKG_REPOSITORY"),
    "/issues; RUST_BACKTRACE=1 says more"
);

fn words(message: &str, place: Option<(&str, u32)>) -> String {
    let message: Vec<&str> = message.split_whitespace().collect();
    let place = place.map_or(String::new(), |(file, line)| format!(" ({file}:{line})"));
    format!("error: this is a bug in kolla-lang: {}{place}\n{HELP}", message.join(" "))
}

/// What a panic says, if it is a text.
fn text_of(payload: &dyn std::any::Any) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or(owned).unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_one_line_and_a_next_step() {
        let text = words("index out of bounds:\n  the len is 0", Some(("src/x.rs", 3)));
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some("error: this is a bug in kolla-lang: index out of bounds: the len is 0 (src/x.rs:3)")
        );
        assert_eq!(lines.count(), 1);
    }

    #[test]
    fn a_panic_ends_with_its_own_exit_code() {
        assert_eq!(ended(|| Exit::Done), Exit::Done);
        assert_eq!(ended(|| panic!("as if there were a bug")), Exit::Bug);
    }

    #[test]
    fn a_panic_of_another_thread_is_one_too() {
        let run = || {
            std::thread::scope(|scope| match scope.spawn(|| panic!("on a thread")).join() {
                Ok(()) => Exit::Done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        };
        assert_eq!(ended(run), Exit::Bug);
    }
}
