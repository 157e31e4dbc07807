//! Secrets of any characters in every place of the library that holds one: tests/encoders is a cloud with all of them. Renders what its
//! host would, by what renders it there, and reads back what can be read by what is always at hand. `ENCODERS=FOLDER` takes the texts
//! and the cloud of that folder, and leaves what was rendered there for the readers of tests/show/7d.

use kolla_lang::secrets::{Vault, deliver};
use kolla_lang::store::Closure;
use kolla_lang::store::manifest::{FolderFile, Hole};
use kolla_lang::store::written::unfit;
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "support/site.rs"]
#[expect(dead_code, reason = "there is one site here, and no folder of them")]
mod site;

/// The texts of one draw.
#[derive(Deserialize)]
struct Texts {
    texts: Vec<Forms>,
    plain: Vec<String>,
}

/// A text as readers of different demands take it.
#[derive(Deserialize)]
struct Forms {
    any: String,
    line: String,
    ascii: String,
}

fn main() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/encoders");
    let folder = std::env::var_os("ENCODERS").map_or(kept, PathBuf::from);
    let trial = Trial::test("encoders::texts-come-back", move || texts_come_back(&folder));
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

fn texts_come_back(folder: &Path) -> Result<(), Failed> {
    let (closures, reports) = site::render(folder, |_| {})?;
    let closure = closures.into_iter().next().filter(|_| reports.is_empty()).ok_or(reports.join("\n"))?;
    let texts = std::fs::read_to_string(folder.join("texts.json")).map_err(said)?;
    let texts: Texts = serde_json::from_str(&texts).map_err(said)?;
    let scratch = tempfile::tempdir().map_err(said)?;
    let out =
        if std::env::var_os("ENCODERS").is_some() { folder.to_owned() } else { scratch.path().to_owned() };
    for (number, forms) in texts.texts.iter().enumerate() {
        let (closure, forms_of) = with_values(&closure, forms)?;
        let at = out.join("rendered").join(number.to_string());
        let vault = Vault::new(Vec::new());
        for folder in
            closure.manifest.folders.iter().filter(|it| it.files.iter().any(|it| !it.holes.is_empty()))
        {
            deliver::render_content(&at.join(&folder.owner), &closure, folder, &vault).map_err(said)?;
        }
        let forms_of = serde_json::to_string(&forms_of).map_err(said)?;
        std::fs::write(at.join("forms.json"), forms_of).map_err(said)?;
        read_back(&at.join("reader.service"), forms, &texts.plain)
            .map_err(|why| format!("text {number}, {:?}: {why}", forms.any))?;
    }
    Ok(())
}

/// A closure whose secrets have values, and which form of the text each has: the first that all its readers take. That they are encrypted on
/// their way is not what this is about: a public part is read as it is.
fn with_values(
    closure: &Closure,
    forms: &Forms,
) -> Result<(Closure, BTreeMap<String, &'static str>), Failed> {
    let mut closure = closure.clone();
    for file in closure.manifest.folders.iter_mut().flat_map(|it| &mut it.files) {
        // Whoever runs the test owns what it writes.
        file.owner = rustix::process::geteuid().as_raw().to_string();
        file.group = rustix::process::getegid().as_raw().to_string();
    }
    let files: Vec<FolderFile> = closure.manifest.folders.iter().flat_map(|it| &it.files).cloned().collect();
    let mut forms_of = BTreeMap::new();
    for (name, spec) in &mut closure.manifest.secrets {
        let is_read = |value: &str| {
            let holes = files.iter().flat_map(|file| file.holes.iter().map(move |hole| (file, hole)));
            let mut of_name = holes.filter(|(_, hole)| hole.secret == *name);
            of_name.all(|(file, hole)| unfit(&file.name, file.format, hole, value).is_none())
        };
        let all = [("any", &forms.any), ("line", &forms.line), ("ascii", &forms.ascii)];
        let found = all.into_iter().find(|(_, value)| is_read(value));
        let (form, value) =
            found.ok_or_else(|| format!("no form of {:?} can be read as {name}", forms.any))?;
        let parts = files.iter().flat_map(|it| &it.holes).filter(|it| it.secret == *name);
        for Hole { part, .. } in parts {
            spec.public.insert(part.clone().unwrap_or_default(), value.clone());
        }
        forms_of.insert(name.clone(), form);
    }
    Ok((closure, forms_of))
}

/// Reads what JSON, TOML and a shell are asked to read.
fn read_back(folder: &Path, forms: &Forms, plain: &[String]) -> Result<(), String> {
    let read =
        |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let json = |name: &str| -> Result<serde_json::Value, String> {
        serde_json::from_str(&read(name)?).map_err(|error| format!("{name}: {error}"))
    };
    let is = |name: &str, found: Option<&str>, wanted: &str| {
        if found == Some(wanted) { Ok(()) } else { Err(format!("{name}: {found:?}")) }
    };
    let texts = json("texts.json")?;
    is("texts.json", texts["secret"].as_str(), &forms.any)?;
    if texts["plain"] != serde_json::Value::from(plain) {
        return Err("texts.json: what is no secret is another".to_owned());
    }
    let toml: toml::Table = read("texts.toml")?.parse().map_err(|error| format!("texts.toml: {error}"))?;
    is("texts.toml", toml["secret"].as_str(), &forms.any)?;
    let nested = json("nested.json")?;
    let word = nested["shell"].as_str().unwrap_or_default();
    let shell = |script: String| {
        let printed = Command::new("sh").arg("-c").arg(script).output().map_err(|error| error.to_string())?;
        String::from_utf8(printed.stdout).map_err(|error| error.to_string())
    };
    is("nested.json", Some(&shell(format!("printf %s {word}"))?), &forms.any)?;
    let all: String = std::iter::once(&forms.any).chain(plain).map(|text| format!("{text}\0")).collect();
    is("texts.sh", Some(&shell(read("texts.sh")?)?), &all)?;
    let env = format!("{}printf %s \"$SECRET\"", read("texts.env")?);
    is("texts.env", Some(&shell(env)?), &forms.line)
}

fn said(error: impl std::fmt::Display) -> Failed {
    error.to_string().into()
}
