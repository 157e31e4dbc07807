//! Quadlet's files, for podman 4.4 and later, from what was lowered.
//!
//! A key that the host's podman does not know becomes an option in `PodmanArgs=`, where podman has one. Decides nothing else.

use super::encode;
use super::keys::{Lexed, Spelled};
use super::lowered::{Form, Lowered, Setting, Value, refuse};
use super::podman::{Known, Rules};
use super::run;
use super::seal::Draft;
use super::unit::UnitText;

/// Writes a unit as a file for Quadlet.
pub fn write(lowered: &Lowered, rules: &mut Rules<'_>) -> Draft {
    let Lowered { name: _, form, unit, settings, paths: _ } = lowered;
    let mut text = UnitText::default();
    text.take_section("Unit", unit);
    for setting in settings {
        let Setting { key, value, at, line } = setting;
        let known = rules.known(setting, key.since, has_arguments(*form).then_some(key.spelled_since));
        let (name, encoded) = match known {
            Known::Well => (key.name, in_key(key.lexed, value)),
            Known::Otherwise => ("PodmanArgs", in_arguments(key.spelled, value)),
            Known::Not => continue,
        };
        match encoded {
            Ok(encoded) => text.push(form.section(), name, encoded, *line),
            Err(why) => refuse(rules.problems, *at, value, why),
        }
    }
    text.take_section("Service", unit);
    if *form == Form::Container {
        text.add("Install", "WantedBy", "multi-user.target");
    }
    Draft { text, command: None }
}

/// Whether units of this form may hand options to podman, in the oldest Quadlet too.
fn has_arguments(form: Form) -> bool {
    matches!(form, Form::Container | Form::Task)
}

/// The text of a key.
fn in_key(lexed: Lexed, value: &Value) -> Result<String, &'static str> {
    match (value, lexed) {
        (Value::Text(text), Lexed::Raw) => encode::raw(text),
        (Value::Text(text), Lexed::Words) => encode::word(text),
        (Value::Words(words), _) => encode::words(words.iter().map(String::as_str)),
        (Value::Yes, _) => Ok("true".to_owned()),
        (Value::Arguments(text), _) => Ok((*text).to_owned()),
        (Value::Volume(name, rest), _) => encode::raw(&format!("{name}.volume:{rest}")),
        (Value::Network(name, _), _) => encode::raw(&format!("{name}.network")),
    }
}

/// The same as options, which Quadlet splits into words.
fn in_arguments(spelled: Spelled, value: &Value) -> Result<String, &'static str> {
    Ok(run::options(spelled, value, encode::word)?.join(" "))
}
