//! Plain services against podman's own generator: for each host of the examples and of tests/cloud, what Quadlet makes of the
//! files that it gets, and what the same host gets without Quadlet, are the same lines and the same arguments.
//!
//! What the generator made is kept under tests/quadlet, so that this needs no podman; where one is (tests/quadlet/real), it is
//! asked again and compared with what is kept. Where none is, those tests are left out by name; with `QUADLET=required` they fail.
//! tests/quadlet/fetch gets one. `BLESS=1` keeps what it makes now.
//!
//! Left out of the comparison, each with its reason: [Install], whose links the generation has itself; [X-…], which systemd
//! ignores; SourcePath=, the place of Quadlet's file; the digest of a unit, which is of its own text; the order of lines and
//! options, which Quadlet changes at random.

use kolla_lang::model::{Backend, Host};
use kolla_lang::store::Closure;
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[path = "support/site.rs"]
mod site;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut trials = Vec::new();
    let is_left_out = !is_generator_here() && std::env::var_os("QUADLET").is_none_or(|it| it != "required");
    for folder in ["tests/cloud", "examples"].iter().flat_map(|it| site::folders(&root.join(it))) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let at = folder.clone();
        trials.push(Trial::test(format!("ours/{name}"), move || ours(&at)));
        if is_left_out {
            eprintln!(
                "left out: real/{name}: podman 5.4's Quadlet is not here; `tests/quadlet/fetch` gets it"
            );
        }
        let real = Trial::test(format!("real/{name}"), move || real(&folder));
        trials.push(real.with_ignored_flag(is_left_out));
    }
    trials.push(Trial::test("ours/no-record-is-left-over", no_record_is_left_over));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/quadlet/real")
}

fn is_generator_here() -> bool {
    Command::new(script()).arg("--here").stdin(Stdio::null()).status().is_ok_and(|it| it.success())
}

/// The hosts of a site that have Quadlet; none where the description is wrong.
fn hosts(site: &Path, change: fn(&mut Host)) -> Result<Vec<Closure>, Failed> {
    let (closures, reports) = site::render(site, change)?;
    let is_wrong = reports.iter().any(|report| report.contains(": error["));
    Ok(if is_wrong { Vec::new() } else { closures })
}

fn with_quadlet(site: &Path) -> Result<Vec<Closure>, Failed> {
    let mut all = hosts(site, |_| {})?;
    all.retain(|it| it.files.keys().any(|path| path.starts_with("quadlet/")));
    Ok(all)
}

/// What we write without Quadlet is what the generator was seen to make.
fn ours(site: &Path) -> Result<(), Failed> {
    let plain = hosts(site, |host| host.backend.value = Backend::Systemd)?;
    for quadlet in with_quadlet(site)? {
        let host = &quadlet.manifest.host;
        let plain = plain.iter().find(|it| it.manifest.host == *host).ok_or("no such host")?;
        let text =
            |path: &str| plain.files.get(path).map(|it| String::from_utf8_lossy(&it.bytes).into_owned());
        let mut units = BTreeMap::new();
        for unit in units_of_quadlet(&quadlet) {
            let text = text(&format!("units/{unit}")).ok_or_else(|| format!("{host} has no {unit}"))?;
            units.insert(unit, text);
        }
        compare(&record(site, host), &in_order(&units)?, "what is kept of the generator", "what we write")?;
    }
    Ok(())
}

/// What is kept is what the generator makes now.
fn real(site: &Path) -> Result<(), Failed> {
    for closure in with_quadlet(site)? {
        let folder = tempfile::tempdir()?;
        for (path, file) in closure.files.iter().filter(|(path, _)| path.starts_with("quadlet/")) {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            std::fs::write(path, &file.bytes)?;
        }
        let output = Command::new(script()).arg(folder.path()).stdin(Stdio::null()).output()?;
        if output.status.code() == Some(77) {
            return Err("podman 5.4's Quadlet is not here; `tests/quadlet/fetch` gets it".into());
        }
        let mut units = BTreeMap::new();
        for part in format!("\n{}", String::from_utf8_lossy(&output.stdout)).split("\n---").skip(1) {
            let (name, text) = part.split_once("---\n").ok_or("the generator wrote no unit's name")?;
            units.insert(name.to_owned(), text.to_owned());
        }
        if units.keys().ne(units_of_quadlet(&closure).iter()) {
            return Err(format!("the generator made {:?}", units.keys()).into());
        }
        let (path, found) = (record(site, &closure.manifest.host), in_order(&units)?);
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
            std::fs::write(&path, found)?;
        } else {
            compare(&path, &found, "what is kept of the generator", "what it makes now")?;
        }
    }
    Ok(())
}

fn units_of_quadlet(closure: &Closure) -> Vec<String> {
    let is_quadlets = |files: &[String]| files.iter().any(|path| path.starts_with("quadlet/"));
    let units = closure.manifest.units.iter().filter(|(_, unit)| is_quadlets(&unit.files));
    units.map(|(name, _)| name.clone()).collect()
}

fn record(site: &Path, host: &str) -> PathBuf {
    let name = site.file_name().unwrap_or_default().to_string_lossy();
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/quadlet").join(&*name).join(format!("{host}.txt"))
}

fn compare(kept: &Path, found: &str, left: &str, right: &str) -> Result<(), Failed> {
    let kept_text = std::fs::read_to_string(kept).unwrap_or_default();
    if kept_text == found {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(kept_text.as_str(), found);
    let diff = diff.unified_diff().header(left, right).context_radius(3).to_string();
    let help = "where the generator is, `BLESS=1 cargo test --test quadlet` keeps what it makes now";
    Err(format!("{}\n{diff}\n{help}", kept.display()).into())
}

/// A record of a host that is no longer described would never be compared.
fn no_record_is_left_over() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = Vec::new();
    for site in ["tests/cloud", "examples"].iter().flat_map(|it| site::folders(&root.join(it))) {
        known.extend(with_quadlet(&site)?.iter().map(|it| record(&site, &it.manifest.host)));
    }
    let files = walkdir::WalkDir::new(root.join("tests/quadlet")).into_iter().filter_map(Result::ok);
    let mut texts = files.filter(|it| it.path().extension().is_some_and(|it| it == "txt"));
    match texts.find(|it| !known.iter().any(|path| path == it.path())) {
        Some(left) => Err(format!("{} is of no host", left.path().display()).into()),
        None => Ok(()),
    }
}

/// Writes units so that two of one meaning are one text: a line each, sorted, the podman command line taken apart.
fn in_order(units: &BTreeMap<String, String>) -> Result<String, Failed> {
    let mut out = String::new();
    for (name, text) in units {
        out.push_str(&format!("== {name}\n"));
        let (mut section, mut lines) = ("", Vec::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if line.starts_with('[') {
                section = line;
            } else if !section.starts_with("[X-") && section != "[Install]" {
                let (key, value) = line.split_once('=').ok_or_else(|| format!("no key in `{line}`"))?;
                match key {
                    "SourcePath" | "X-Kolla-Digest" => {}
                    "ExecStart" if value.starts_with("/usr/bin/podman ") => {
                        lines.extend(
                            arguments(value)?.into_iter().map(|it| format!("{section} ExecStart {it}")),
                        );
                    }
                    _ => lines.push(format!("{section} {key}={value}")),
                }
            }
        }
        lines.sort();
        // What is named by its content changes with every word of a configuration.
        let lines = lines.iter().map(|line| without_content(line) + "\n");
        out.extend(lines);
    }
    Ok(out)
}

/// Options of podman that take no value.
const FLAGS: [&str; 9] = [
    "--disable-dns",
    "--ignore",
    "--init",
    "--internal",
    "--privileged",
    "--read-only",
    "--replace",
    "--rm",
    "-d",
];

/// Takes podman's command line apart: what it does, each option with its value, and the rest in its order.
fn arguments(line: &str) -> Result<Vec<String>, Failed> {
    let mut words = words(line)?.into_iter().skip(1).peekable();
    let mut verbs = Vec::new();
    while let Some(word) = words.next_if(|word| !word.starts_with('-')) {
        verbs.push(word);
    }
    let mut out = vec![format!("verb {}", verbs.join(" "))];
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        if FLAGS.contains(&option.as_str()) || option.contains('=') {
            out.push(option);
        } else {
            let value = words.next().ok_or_else(|| format!("{option} has no value"))?;
            if !value.starts_with("kolla-lang.digest=") {
                out.push(format!("{option} {value}"));
            }
        }
    }
    out.push(format!("rest {:?}", words.collect::<Vec<_>>()));
    Ok(out)
}

/// Splits a command line as systemd does: blanks part, quotes hold together, a backslash takes the next character as it is.
fn words(line: &str) -> Result<Vec<String>, Failed> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => {
                let next = chars.next().ok_or("a backslash at the end")?;
                if !"\\\"' ".contains(next) {
                    return Err(format!("`\\{next}` stands for something else in systemd: {line}").into());
                }
                word.get_or_insert_default().push(next);
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (_, Some(open)) if c == open => quote = None,
            (' ', None) => all.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(format!("a quote stays open: {line}").into());
    }
    all.extend(word);
    Ok(all)
}

fn without_content(line: &str) -> String {
    let place = "/run/kolla-lang/files/";
    let mut parts = line.split(place);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, rest| {
        let digest = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        format!("{out}{place}<digest>{}", &rest[digest..])
    })
}
