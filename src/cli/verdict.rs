//! How a switch goes and how it ended, for people and as JSON. The words of failures are their own.

use serde_json::{Value, json};

use super::exit::Exit;
use super::host::Answer;
use super::say::{say, say_wrong};
use activate::error_report::ErrorReport;
use activate::journal::Record;
use activate::verdict::Verdict;

/// Shows what a switch does while it goes on. That nobody reads any more is no reason to stop half way.
pub fn print_record(record: &Record) {
    if let Some(words) = words_of(record) {
        say!("{words}");
    }
}

/// Says in a line what a switch does, where that is worth one.
pub fn words_of(record: &Record) -> Option<String> {
    Some(match record {
        Record::Asked { .. }
        | Record::Begin(_)
        | Record::Arming { .. }
        | Record::Task { .. }
        | Record::Confirmed
        | Record::Discarding { .. }
        | Record::End(_) => return None,
        Record::Pulling { image } => format!("pull     {image}"),
        Record::Stopping { unit, reason } => format!("stop     {unit}  {reason}"),
        Record::Trial { number } => format!("trial    generation {number}"),
        Record::Kernel { key, value, old: _ } => format!("set      {key}  {value}"),
        Record::Held { unit } => format!("hold     {unit}  until other hosts are as far"),
        Record::Acting { unit, verb, reason, .. } => format!("{verb:<8} {unit}  {reason}"),
        Record::Up { unit, millis } => {
            format!("up       {unit}  after {}.{} s", millis / 1000, millis % 1000 / 100)
        }
        Record::Waiting { secs } => {
            format!("wait     `kolla-lang confirm` within {secs} s, or the host goes back")
        }
        Record::Committing { number } => format!("commit   generation {number}"),
        Record::Reverting { to: Some(number), failure: _ } => format!("revert   to generation {number}"),
        Record::Reverting { to: None, failure: _ } => {
            "revert   to nothing: this host had no generation".to_owned()
        }
        Record::Recovering { .. } => "recover  the process of this switch is gone".to_owned(),
    })
}

/// Says how a switch ended, and returns its exit code.
pub fn report(verdict: &Verdict, answer: Answer) -> Exit {
    let exit = Exit::from(verdict);
    match answer {
        Answer::Json => say!("{:#}", to_json(verdict, exit)),
        Answer::Events => print_event(&Record::End(verdict.clone())),
        Answer::Text => print(verdict),
    }
    exit
}

/// Prints a record as a line for programs.
pub fn print_event(record: &Record) {
    // Writing plain structs into memory cannot fail.
    say!("{}", serde_json::to_string(record).unwrap_or_default());
}

/// Ends a command that has printed an error and has no switch to tell of: whoever reads events gets an end all the same.
pub fn no_end(exit: Exit, answer: Answer) -> Exit {
    if answer == Answer::Events {
        let why = ErrorReport::printed();
        let verdict = match exit {
            Exit::Stuck => Verdict::Stuck { kept: 0, failure: why, problems: Vec::new() },
            Exit::Locked => Verdict::Locked,
            _ => Verdict::Refused { reasons: vec![why], recovered: None },
        };
        print_event(&Record::End(verdict));
    }
    exit
}

fn print(verdict: &Verdict) {
    let warn = |warnings: &[String]| warnings.iter().for_each(|it| say_wrong!("warning: {it}"));
    match verdict {
        Verdict::Nothing { generation, warnings } => {
            match generation {
                Some(generation) => say!("nothing to do: this host is on generation {generation}"),
                None => say!("nothing to do: this host has no generation"),
            }
            warn(warnings);
        }
        Verdict::Committed { generation, plan: _, left, pending, skipped, stays, warnings } => {
            for (word, unit, reason) in left {
                say!("{word:<8} {unit}  {reason}");
            }
            for task in stays {
                say!("task `{task}` was done for the generation before and stays done");
            }
            for (unit, gate) in skipped {
                say!("no gate  {unit}  not asked: {gate}");
            }
            match pending {
                0 => say!("done: this host is on generation {generation}"),
                1 => say!("done: this host is on generation {generation}; one unit is pending"),
                many => say!("done: this host is on generation {generation}; {many} units are pending"),
            }
            warn(warnings);
        }
        Verdict::Reverted { generation, failure, tasks, forward } => {
            print_trouble(failure);
            match generation {
                Some(number) if !forward.is_empty() => {
                    for later in forward {
                        say_wrong!("held forward: {later}");
                    }
                    say_wrong!(
                        "this host is on generation {number}: as it was, but for these units, which go on as they were tried"
                    );
                    say_wrong!("  help: switch to a description with these formats or later ones");
                }
                Some(number) => say_wrong!("this host is back on generation {number}"),
                None => say_wrong!("this host is back to having no generation"),
            }
            for task in tasks {
                say_wrong!("task `{task}` was done and stays done");
            }
        }
        Verdict::Refused { reasons, recovered } => {
            reasons.iter().for_each(print_trouble);
            match recovered {
                None => say_wrong!("refused; nothing on this host was touched"),
                Some(recovered) => say_wrong!("refused; {recovered}, and nothing else was touched"),
            }
        }
        Verdict::Stuck { kept, failure, problems } => {
            print_trouble(failure);
            for problem in problems {
                say_wrong!("going back:");
                print_trouble(problem);
            }
            say_wrong!("going back failed; generation {kept} is kept, and somebody must look");
        }
        Verdict::Locked => {
            say_wrong!(
                "error: another switch of this host is running; `kolla-lang switch --follow` shows it"
            );
        }
        Verdict::InRollout { rollout, leader } => {
            say_wrong!("error: this host is part of the rollout `{rollout}`, led by {leader}");
            say_wrong!(
                "  help: `kolla-lang switch --resume` ends it; `--take-over {rollout}` ends its claim to this host"
            );
        }
    }
}

fn print_trouble(trouble: &ErrorReport) {
    say_wrong!("error: {}", trouble.message);
    for cause in &trouble.causes {
        say_wrong!("  caused by: {cause}");
    }
    for line in &trouble.log {
        say_wrong!("  | {line}");
    }
}

fn to_json(verdict: &Verdict, exit: Exit) -> Value {
    // Writing plain structs into memory cannot fail.
    let mut value = serde_json::to_value(verdict).unwrap_or_default();
    value["exit"] = json!(exit as u8);
    value
}
