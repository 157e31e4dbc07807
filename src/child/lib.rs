//! Runs programs of the host within limits: of time, and of what they may print. A program is a process group of its own, which is
//! ended at the limit.
//!
//! Decides nothing, and knows no program but for the next step that it tells. What runs in a container is ended by `activate::exec`.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How long a program may take that only tells something.
pub const ASK: Duration = Duration::from_secs(60);
/// How long a program may take that changes something.
pub const CHANGE: Duration = Duration::from_secs(120);

/// How much of what a program prints is kept, of each of its two outputs.
const MOST: u64 = 16 << 20;
/// How long a program that was asked to end may take to do so.
const GRACE: Duration = Duration::from_secs(2);
/// How long the end of what a program printed is waited for after its own end: what it started may hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often it is looked whether a program ended that closed its outputs, or whose children hold them.
const LOOK: Duration = Duration::from_millis(5);

/// Why a program did not come to its end.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ChildError {
    #[error("cannot run `{program}`")]
    Run { program: String, source: io::Error },
    #[error("`{command}` was not done within {secs} s, and was ended\n  help: {help}")]
    Late { command: String, secs: u64, help: String },
}

impl ChildError {
    /// Says whether a program was ended at its limit.
    pub fn is_late(&self) -> bool {
        matches!(self, Self::Late { .. })
    }
}

/// Runs a program without input and returns what it printed. At its limit it is ended, with all that it started and that did not leave
/// its process group.
pub fn run_within(command: &mut Command, within: Duration) -> Result<Output, ChildError> {
    let name = program(command);
    let failed = |source| ChildError::Run { program: name.clone(), source };
    let until = Instant::now() + within;
    let spawned =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn();
    let mut child = spawned.map_err(failed)?;
    let (at_end, ends) = channel();
    let stdout = read(child.stdout.take(), at_end.clone());
    let stderr = read(child.stderr.take(), at_end);
    let Some(status) = wait(&mut child, &ends, until).map_err(failed)? else {
        end(&mut child);
        let (command, help) = (words(command), next_step(command));
        return Err(ChildError::Late { command, secs: within.as_secs(), help });
    };
    // Nothing is ever sent: the channel closes when both pipes are at their end.
    let _closed = ends.recv_timeout(LAST_WORDS);
    Ok(Output { status, stdout: taken(&stdout), stderr: taken(&stderr) })
}

/// Returns a command and its arguments as people write them.
pub fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|it| it.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Says what to do about a program that was ended at its limit.
fn next_step(command: &Command) -> String {
    let program = program(command);
    match (program.as_str(), command.get_args().next().and_then(|it| it.to_str())) {
        ("podman", Some("pull")) => {
            // Its last word is the image. A login that it was given is gone by now.
            let image = command.get_args().last().unwrap_or_default().to_string_lossy();
            format!("look at the registry and the way there; `podman pull {image}` by hand may take any time")
        }
        ("podman", Some("exec")) => "look at what it waits for in the container".to_owned(),
        ("podman", _) => {
            "see whether `podman info` answers, and what runs: `ps -C podman -o pid,etime,args`".to_owned()
        }
        ("modprobe", _) => "the kernel says what it waits for: `dmesg`".to_owned(),
        ("systemctl" | "systemd-run" | "systemd-analyze", _) => {
            "see whether systemd answers: `systemctl list-jobs`".to_owned()
        }
        _ => "run it by hand, and see what it waits for".to_owned(),
    }
}

/// Waits for the end of a program; nothing at the limit.
fn wait(child: &mut Child, ends: &Receiver<()>, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        // The end of its outputs is nearly always its own, and wakes this up at once.
        match ends.recv_timeout(left.min(10 * LOOK)) {
            Err(RecvTimeoutError::Disconnected) => thread::sleep(left.min(LOOK)),
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Ends a program and all of its process group: first politely, then for good. What hangs in the kernel is left to it.
fn end(child: &mut Child) {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    // Until it is waited for nobody else can get its number, nor that of its group.
    let has_ended = || {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(pid), how), Ok(None))
    };
    for signal in [Signal::TERM, Signal::KILL] {
        // A group that is gone needs no signal.
        let _gone = kill_process_group(pid, signal);
        let until = Instant::now() + GRACE;
        while !has_ended() && Instant::now() < until {
            thread::sleep(LOOK);
        }
    }
    // Nobody asks how it ended.
    let _ended = child.try_wait();
}

/// What was read so far.
type Text = Arc<Mutex<Vec<u8>>>;

/// Reads a pipe in a thread of its own, which ends with the pipe.
fn read(pipe: Option<impl Read + Send + 'static>, at_end: Sender<()>) -> Text {
    let text = Text::default();
    let Some(mut pipe) = pipe else { return text };
    let all = Arc::clone(&text);
    thread::spawn(move || {
        let mut bytes = [0; 8192];
        // What cannot be read is missing in an explanation, or in an answer that then cannot be read either.
        while let Ok(n_read @ 1..) = pipe.read(&mut bytes) {
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            if (all.len() as u64) < MOST {
                all.extend_from_slice(&bytes[..n_read]);
            }
        }
        drop(at_end);
    });
    text
}

fn taken(text: &Text) -> Vec<u8> {
    std::mem::take(&mut text.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_a_program_prints_comes_back_with_its_status() {
        let output = run_within(&mut sh("seq 100000; echo said >&2; exit 3"), ASK)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((output.stdout.len(), output.stderr.as_slice()), (588_895, b"said\n".as_slice()));
        assert_eq!(output.status.code(), Some(3));
        let missing = run_within(&mut Command::new("kolla-lang-no-such-program"), ASK);
        assert!(matches!(missing, Err(ChildError::Run { .. })), "{missing:?}");
    }

    #[test]
    fn at_its_limit_a_program_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let pids = folder.path().join("pids");
        // Neither of them ends when it is asked to.
        let script = format!("trap '' TERM; sleep 1000 & echo $$ $! > {}; wait; sleep 1000", pids.display());
        let began = Instant::now();
        let late = run_within(&mut sh(&script), Duration::from_secs(1));
        let Err(ChildError::Late { command, secs: 1, help }) = late else { panic!("{late:?}") };
        assert!(command.starts_with("sh -c trap") && !help.is_empty());
        assert!(began.elapsed() < Duration::from_secs(1) + 3 * GRACE);
        let text = std::fs::read_to_string(&pids).unwrap_or_else(|error| panic!("{error}"));
        let until = Instant::now() + GRACE;
        for pid in text.split_whitespace() {
            // One that nobody waited for is a zombie until PID 1 does.
            let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let is_gone =
                || state().rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']);
            while !state().is_empty() && !is_gone() {
                assert!(Instant::now() < until, "{pid}: {}", state());
                thread::sleep(LOOK);
            }
        }
    }

    #[test]
    fn a_child_that_holds_the_outputs_keeps_nobody_waiting() {
        let began = Instant::now();
        let output = run_within(&mut sh("setsid sleep 20 & echo done"), ASK);
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(output.stdout, b"done\n");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
