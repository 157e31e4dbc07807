//! Plain services that run podman themselves, from what was lowered: for hosts whose podman has no Quadlet.
//!
//! They are what podman 5.4's Quadlet makes of the file that `quadlet` writes from the same: tests/quadlet.rs compares
//! both. What differs for an older podman is said where it is written. Decides nothing else.

use super::encode;
use super::keys::{FIRST_QUADLET, Podman, Spelled};
use super::lowered::{Form, Lowered, Setting, Value, refuse};
use super::podman::{Known, Rules};
use super::seal::{Command, Draft};
use super::unit::UnitText;

/// The program.
const PODMAN: &str = "/usr/bin/podman";

/// Where the id of a unit's container is kept while it lives.
const CIDFILE: &str = "--cidfile=%t/%N.cid";

/// Writes a unit as a plain service.
pub fn write(lowered: &Lowered, rules: &mut Rules<'_>) -> Draft {
    let Lowered { name: _, form, unit, settings, paths } = lowered;
    let (mut options, mut last) = (Vec::new(), Vec::new());
    for setting in settings {
        // All of a command line counts: what is only for readers does not change by itself.
        let Setting { key, value, at, line: _ } = setting;
        if rules.known(setting, key.spelled_since, None) != Known::Well {
            continue;
        }
        let to = if key.spelled == Spelled::Last { &mut last } else { &mut options };
        match self::options(key.spelled, value, encode::argument) {
            Ok(words) => to.extend(words),
            Err(why) => refuse(rules.problems, *at, value, why),
        }
    }
    let mut text = UnitText::default();
    for (key, value) in [("Wants", "network-online.target"), ("After", "network-online.target")] {
        text.add("Unit", key, value);
    }
    text.take_section("Unit", unit);
    text.add("Unit", "RequiresMountsFor", "%t/containers");
    for path in paths {
        // A path that cannot be written was refused above.
        text.add("Unit", "RequiresMountsFor", encode::raw(path).unwrap_or_default());
    }
    for service in settings.iter().filter_map(|setting| needed(&setting.value)) {
        for key in ["Requires", "After"] {
            text.add("Unit", key, service.clone());
        }
    }
    text.take_section("Service", unit);
    let command = match form {
        Form::Container | Form::Task => container(&mut text, *form, rules.podman(), options, last),
        Form::Volume | Form::Network => once(&mut text, *form, rules.podman(), options, last),
    };
    Draft { text, command: Some(command) }
}

/// The unit that makes what a setting names.
fn needed(value: &Value) -> Option<String> {
    match value {
        Value::Volume(name, _) => Some(format!("{name}-volume.service")),
        Value::Network(name, _) => Some(format!("{name}-network.service")),
        Value::Text(_) | Value::Words(_) | Value::Yes | Value::Arguments(_) => None,
    }
}

/// The lines of a service with a container: podman hands it over to conmon, which tells systemd when it is up and what its
/// process is.
fn container(
    text: &mut UnitText,
    form: Form,
    podman: Podman,
    options: Vec<String>,
    last: Vec<String>,
) -> Command {
    text.add("Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n");
    text.add("Service", "KillMode", "mixed");
    text.add("Service", "ExecStop", format!("{PODMAN} rm -v -f -i {CIDFILE}"));
    // Without conmon only this is run, and the container is still there.
    text.add("Service", "ExecStopPost", format!("-{PODMAN} rm -v -f -i {CIDFILE}"));
    if podman < FIRST_QUADLET {
        // Such a podman leaves the file behind, and starts no container while there is one.
        text.add("Service", "ExecStopPost", "-/usr/bin/rm -f %t/%N.cid");
    }
    text.add("Service", "Delegate", "yes");
    let mut all: Vec<String> =
        [PODMAN, "run", CIDFILE, "--replace", "--rm", "--cgroups=split"].map(str::to_owned).into();
    if form == Form::Container {
        text.add("Service", "Type", "notify");
        text.add("Service", "NotifyAccess", "all");
        all.extend(["--sdnotify=conmon", "-d"].map(str::to_owned));
    }
    text.add("Service", "SyslogIdentifier", "%N");
    all.extend(options);
    Command { options: all, last }
}

/// The lines of a service that makes something once and leaves it.
fn once(text: &mut UnitText, form: Form, podman: Podman, options: Vec<String>, last: Vec<String>) -> Command {
    text.add("Service", "Type", "oneshot");
    text.add("Service", "RemainAfterExit", "yes");
    text.add("Service", "SyslogIdentifier", "%N");
    let what = if form == Form::Volume { "volume" } else { "network" };
    if podman >= FIRST_QUADLET {
        let mut all: Vec<String> = [PODMAN, what, "create", "--ignore"].map(str::to_owned).into();
        all.extend(options);
        return Command { options: all, last };
    }
    // Such a podman has no `--ignore`; the shell is given the name as its own, and the options as its arguments.
    let script =
        format!(r#""{PODMAN} {what} exists \"$$0\" || exec {PODMAN} {what} create \"$$@\" \"$$0\"""#);
    let mut all = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
    all.extend(last);
    Command { options: all, last: options }
}

/// How a word is encoded for its reader.
pub type Encoder = fn(&str) -> Result<String, &'static str>;

/// How podman's command line says a setting, each word encoded.
pub fn options(spelled: Spelled, value: &Value, one: Encoder) -> Result<Vec<String>, &'static str> {
    let pair = |option: &str, text: &str| Ok(vec![option.to_owned(), one(text)?]);
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Volume(name, rest) => format!("{name}:{rest}"),
        Value::Network(_, name) => name.clone(),
        Value::Arguments(text) => return Ok(vec![(*text).to_owned()]),
        Value::Words(words) => return words.iter().map(|word| one(word)).collect(),
        Value::Yes => String::new(),
    };
    match spelled {
        Spelled::Pair(option) => pair(option, &text),
        Spelled::Small(option) => pair(option, &text.to_lowercase()),
        Spelled::Within(option, before) => pair(option, &format!("{before}{text}")),
        Spelled::Fixed(words) => Ok(words.iter().map(|word| (*word).to_owned()).collect()),
        Spelled::Itself | Spelled::Last => Ok(vec![one(&text)?]),
    }
}
