//! Runs other programs: their output is kept for the error, never shown while all goes well.
//!
//! Does not interpret what they say.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use super::error::LabError;

/// Hears what is being done, one clause at a time.
pub type Progress<'a> = &'a dyn Fn(&str);

/// How many lines of a failed program's output an error repeats.
const TAIL: usize = 12;

/// What [`tied`] puts before a program. The process namespace takes everything below with it when it ends; the mount
/// namespace keeps what the program mounts from outliving it.
const TIES: [&str; 10] = [
    "setpriv",
    "--pdeathsig=KILL",
    "--",
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
];

/// Returns a command that ends with all it started when this process ends, even if it is killed: what takes minutes must not go
/// on alone.
pub(super) fn tied(program: &str) -> Command {
    let mut command = Command::new(TIES[0]);
    command.args(&TIES[1..]).arg(program);
    command
}

/// Runs a program to its end and returns what it wrote to its standard output.
pub(super) fn run(command: &mut Command) -> Result<String, LabError> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(LabError::Tool { command: line(command), status: output.status.to_string(), said: tail(&said) })
}

/// Runs two programs to their ends, the output of one being the input of the other.
pub(super) fn pipe(from: &mut Command, to: &mut Command) -> Result<(), LabError> {
    from.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut first = from.spawn().map_err(|source| LabError::Spawn { command: line(from), source })?;
    let between = first.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let spawned = |command: &Command| {
        let command = line(command);
        |source| LabError::Spawn { command, source }
    };
    let second = to.stdin(between).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let second = second.map_err(spawned(to))?.wait_with_output().map_err(spawned(to))?;
    let first = first.wait_with_output().map_err(spawned(from))?;
    for (command, output) in [(from, first), (to, second)] {
        if !output.status.success() {
            let said = tail(&String::from_utf8_lossy(&output.stderr));
            return Err(LabError::Tool { command: line(command), status: output.status.to_string(), said });
        }
    }
    Ok(())
}

/// Runs a program to its end and returns how it ended and what it wrote.
pub(super) fn output(command: &mut Command) -> Result<Output, LabError> {
    command.stdin(Stdio::null()).output().map_err(|source| LabError::Spawn { command: line(command), source })
}

/// Returns whether a program is on the path and answers these arguments with success.
pub(super) fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    output(command.args(args)).is_ok_and(|output| output.status.success())
}

/// Returns a command line for people: without what it is wrapped in, and long ones are cut.
pub(super) fn line(command: &Command) -> String {
    const WORDS: usize = 10;
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let ties = if command.get_program() == TIES[0] { TIES.len() } else { 0 };
    let words: Vec<_> = words.skip(ties).map(OsStr::to_string_lossy).collect();
    match words.len() {
        n if n > WORDS => format!("{} …", words[..WORDS].join(" ")),
        _ => words.join(" "),
    }
}

/// Returns the last lines of a text.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|it| !it.is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_last_lines() {
        let failed = run(Command::new("sh").args(["-c", "seq 20; echo last >&2; exit 3"])).unwrap_err();
        let said = failed.to_string();
        assert!(said.contains("exit status: 3") && said.ends_with("last"), "{said}");
        assert!(!said.contains("    8\n"), "{said}");
    }

    #[test]
    fn ties_are_not_shown() {
        assert_eq!(line(tied("mmdebstrap").arg("trixie")), "mmdebstrap trixie");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failed = run(&mut Command::new("kolla-lang-no-such-program")).unwrap_err();
        assert_eq!(failed.to_string(), "cannot start `kolla-lang-no-such-program`");
    }
}
