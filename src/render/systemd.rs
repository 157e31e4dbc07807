//! Units that are systemd's own: timers with the service they start, and units written by hand.

use super::encode;
use super::lower::whole_secs;
use super::unit::UnitText;
use kl::diag::Problems;
use model::{At, Timer, errors};

/// Writes a timer and the service it starts.
pub fn timer(cloud: &str, name: &str, it: &Timer, problems: &mut Problems) -> (UnitText, UnitText) {
    let Timer { at, calendar, spread, persistent, within, command, timeout } = it;
    let (mut timer, mut service) = (UnitText::default(), UnitText::default());
    let description = encode::prose(&format!("{name}, a timer of {cloud}"));
    timer.add_meta("Unit", "Description", description.clone());
    match encode::raw(calendar.as_str()) {
        // Nothing in [Timer] expands a dollar.
        Ok(_) => timer.add("Timer", "OnCalendar", calendar.as_str().replace('%', "%%")),
        Err(why) => {
            problems.push(errors::bad_unit(calendar.at, format!("this time {why}")));
        }
    }
    timer.add("Timer", "RandomizedDelaySec", whole_secs(*spread).to_string());
    timer.add("Timer", "Persistent", if *persistent { "true" } else { "false" });
    timer.add("Install", "WantedBy", "timers.target");

    service.add_meta("Unit", "Description", description);
    service.add("Service", "Type", "oneshot");
    match encode::words(command.iter().map(At::as_str)) {
        Ok(line) => {
            let prefix =
                within.as_ref().map_or(String::new(), |name| format!("/usr/bin/podman exec {name} "));
            service.add("Service", "ExecStart", format!("{prefix}{line}"));
        }
        Err(why) => {
            problems.push(errors::bad_unit(*at, format!("a word of this command {why}")));
        }
    }
    let on_host =
        within.is_none() && command.first().is_some_and(|program| !program.as_str().starts_with('/'));
    if on_host {
        let report = errors::bad_value(*at, "a program of the host is named by its whole path");
        problems.push(report.help("write the path, or name a container in `within`"));
    }
    service.add("Service", "TimeoutStartSec", whole_secs(*timeout).to_string());
    (timer, service)
}

/// A unit written by hand, with what starts it at boot added to its [Install].
pub fn raw(text: &str, wanted_by: &[model::Text]) -> String {
    let mut out = text.to_owned();
    if !out.ends_with('\n') {
        out.push('\n');
    }
    if !wanted_by.is_empty() {
        let targets: Vec<&str> = wanted_by.iter().map(At::as_str).collect();
        out.push_str(&format!("\n[Install]\nWantedBy={}\n", targets.join(" ")));
    }
    out
}
