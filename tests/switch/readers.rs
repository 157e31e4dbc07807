//! Readers of what lies on a host's disk trust nothing: every prefix of every file, every byte of it changed, other versions,
//! foreign fields. Each gives the truth, what is whole of it, or one error in a line that names the file; never a panic.

use std::fs;
use std::path::PathBuf;

use kolla_lang::activate::adopt::accept::accept;
use kolla_lang::activate::adopted::Book;
use kolla_lang::activate::drift::folder;
use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::journal::{Reader, Record};
use kolla_lang::activate::layout::Layout;
use kolla_lang::activate::{completions, generation, history, listed, pins};
use kolla_lang::store::manifest::parse_manifest;
use kolla_lang::store::{Closure, check, objects};

use super::fake::{Fake, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("readers-take-no-prefix-for-the-whole", readers_take_no_prefix_for_the_whole),
        ("readers-take-no-flipped-byte-for-the-truth", readers_take_no_flipped_byte_for_the_truth),
        ("readers-refuse-other-versions-and-fields", readers_refuse_other_versions_and_fields),
        ("a-damaged-generation-hides-no-other", a_damaged_generation_hides_no_other),
    ]
}

/// What a reader made of a file: what it read, in words, or its error.
type Read = Result<String, String>;

/// A file and its reader.
struct Case {
    /// What it is called here.
    name: &'static str,
    path: PathBuf,
    read: fn(&Layout) -> Read,
    /// What is left of a torn file is read as what is whole of it, line by line.
    by_lines: bool,
    /// A changed byte never goes unseen.
    is_sealed: bool,
}

fn closure() -> Closure {
    let text = r#"{"units": {"web.service": {"files": {"web.conf": "p={{s}}\n"}}, "t.service": {"task": "once"}},
        "order": ["web.service", "t.service"], "secrets": ["s"]}"#;
    super::small::closure(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Makes a host that has one of each file.
fn host() -> Result<(Fake, Vec<Case>), String> {
    let fake = Fake::with_generation(Some(&closure()))?;
    let layout = &fake.layout;
    fs::write(layout.at("/etc/motd"), "hello\n").map_err(|error| error.to_string())?;
    let adopted = accept(layout, &mut fake.tools(), &["/etc/motd".to_owned()]);
    let adopted = adopted.map_err(|error| error_chain(&error))?.remove(0);
    pins::pin(layout, "before", 1).map_err(|error| error.to_string())?;
    let build = objects::BuildRecord::new("t", [("h".to_owned(), closure().digest())].into());
    fs::write(layout.at("/etc/build.json"), build.to_text()).map_err(|error| error.to_string())?;
    let only = |folder: PathBuf, end: &str| -> Result<PathBuf, String> {
        let all = fs::read_dir(&folder).map_err(|error| error.to_string())?.flatten();
        let found = all.map(|it| it.path()).find(|it| it.to_string_lossy().ends_with(end));
        found.ok_or_else(|| format!("nothing in {}", folder.display()))
    };
    assert_eq!(adopted.name, "/etc/motd");
    let generation = layout.generation(1);
    let case = |name, path, read| Case { name, path, read, by_lines: false, is_sealed: false };
    let cases = vec![
        Case { by_lines: true, ..case("history", layout.history(), read_history) },
        Case {
            by_lines: true,
            is_sealed: true,
            ..case("journal", only(layout.journals(), ".journal")?, read_journal)
        },
        case("generation.json", generation.join("host/generation.json"), read_record),
        Case { is_sealed: true, ..case("listing.json", generation.join("host/listing.json"), read_listing) },
        case("manifest.json", generation.join("manifest.json"), read_manifest),
        case("completion", only(layout.done(), ".json")?, read_stamp),
        Case { is_sealed: true, ..case("adopted", only(layout.adopted(), ".json")?, read_adopted) },
        Case { is_sealed: true, ..case("pin", only(layout.pins(), ".json")?, read_pins) },
        case("build", layout.at("/etc/build.json"), read_build),
    ];
    Ok((fake, cases))
}

fn words(error: &dyn std::error::Error) -> String {
    error_chain(error)
}

fn read_history(layout: &Layout) -> Read {
    history::load(layout).map(|it| format!("{it:?}")).map_err(|error| words(&error))
}

fn read_journal(layout: &Layout) -> Read {
    let folder = fs::read_dir(layout.journals()).map_err(|error| error.to_string())?;
    let mut records: Vec<Record> = Vec::new();
    for entry in folder.flatten() {
        let mut reader = Reader::default();
        reader.feed(&fs::read(entry.path()).map_err(|error| error.to_string())?);
        records.extend(std::iter::from_fn(|| reader.next_record()));
    }
    Ok(format!("{records:?}"))
}

fn read_record(layout: &Layout) -> Read {
    generation::load_record(layout, 1).map(|it| format!("{it:?}")).map_err(|error| words(&error))
}

fn read_listing(layout: &Layout) -> Read {
    let record = generation::load_record(layout, 1).map_err(|error| words(&error))?;
    let found = folder::edited(layout, &record).map_err(|error| words(&error))?;
    // What is found is told as drift of that file.
    match found.as_slice() {
        [] => Ok(String::new()),
        [finding, ..] => Err(finding.name.clone()),
    }
}

fn read_manifest(layout: &Layout) -> Read {
    let path = layout.generation(1).join("manifest.json");
    let bytes = fs::read(&path).map_err(|error| error.to_string())?;
    let at = |error: String| format!("{}: {error}", path.display());
    let text = String::from_utf8(bytes).map_err(|error| at(error.to_string()))?;
    let manifest = parse_manifest(&text).map_err(|error| at(words(&error)))?;
    let mut wanted = closure();
    wanted.manifest = manifest;
    check::check(&wanted).map_err(|error| at(words(&error)))?;
    Ok(wanted.manifest.to_text())
}

fn read_stamp(layout: &Layout) -> Read {
    // A damaged one is doubtful, which is told where the task is planned.
    Ok(completions::is_done(layout, "once").to_string())
}

fn read_adopted(layout: &Layout) -> Read {
    let book = Book::load(layout).map_err(|error| words(&error))?;
    Ok(format!("{:?}", book.all().collect::<Vec<_>>()))
}

fn read_pins(layout: &Layout) -> Read {
    pins::load(layout).map(|it| format!("{it:?}")).map_err(|error| words(&error))
}

fn read_build(layout: &Layout) -> Read {
    objects::load_record(&layout.at("/etc/build.json"))
        .map(|it| format!("{it:?}"))
        .map_err(|error| words(&error))
}

/// Checks an error: a line that names the file.
fn is_clear(case: &Case, error: &str) -> Result<(), String> {
    let file = case.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if error.lines().count() == 1 && error.contains(&file) {
        return Ok(());
    }
    Err(format!("{}: not one line that names {file}: {error}", case.name))
}

fn readers_take_no_prefix_for_the_whole() -> Result<(), String> {
    let (fake, cases) = host()?;
    for case in &cases {
        let whole = fs::read(&case.path).map_err(|error| error.to_string())?;
        let truth = (case.read)(&fake.layout)?;
        for end in 0..whole.len() {
            fs::write(&case.path, &whole[..end]).map_err(|error| error.to_string())?;
            let last_newline = end + 1 == whole.len() && whole.ends_with(b"\n");
            match (case.read)(&fake.layout) {
                // Of a file of lines those are read that are whole, and only those.
                Ok(read) if case.by_lines => {
                    let lines = whole[..end].iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1);
                    fs::write(&case.path, &whole[..lines]).map_err(|error| error.to_string())?;
                    let of_lines = (case.read)(&fake.layout)?;
                    if read != of_lines {
                        return Err(format!("{} cut at {end} is read as {read}, not {of_lines}", case.name));
                    }
                }
                Ok(read) if read == truth && !last_newline => {
                    return Err(format!("{} cut at {end} is taken for the whole", case.name));
                }
                Ok(_) => {}
                Err(error) => is_clear(case, &error)?,
            }
        }
        fs::write(&case.path, &whole).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn readers_take_no_flipped_byte_for_the_truth() -> Result<(), String> {
    let (fake, cases) = host()?;
    for case in &cases {
        let whole = fs::read(&case.path).map_err(|error| error.to_string())?;
        let truth = (case.read)(&fake.layout)?;
        for at in 0..whole.len() {
            for change in [|it: u8| it ^ 1, |it: u8| it ^ 0x80, |_| 0, |_| b'"', |_| b'9'] {
                let mut bytes = whole.clone();
                bytes[at] = change(bytes[at]);
                if bytes == whole {
                    continue;
                }
                fs::write(&case.path, &bytes).map_err(|error| error.to_string())?;
                let is_space = whole[at].is_ascii_whitespace();
                match (case.read)(&fake.layout) {
                    Ok(read) if case.is_sealed && !case.by_lines && !is_space => {
                        return Err(format!("{} with byte {at} changed is read as {read}", case.name));
                    }
                    // A checksum ends a journal where it was damaged.
                    Ok(read) if case.is_sealed && read == truth && !is_space => {
                        return Err(format!("{} with byte {at} changed is taken for the truth", case.name));
                    }
                    Ok(_) => {}
                    Err(error) => is_clear(case, &error)?,
                }
            }
        }
        fs::write(&case.path, &whole).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn readers_refuse_other_versions_and_fields() -> Result<(), String> {
    let (fake, cases) = host()?;
    for case in cases.iter().filter(|case| !["journal", "completion"].contains(&case.name)) {
        let whole = fs::read_to_string(&case.path).map_err(|error| error.to_string())?;
        let truth = (case.read)(&fake.layout)?;
        // What is written with blanks and without is the same to a reader.
        let version = if whole.contains("\"version\": 1") { "\"version\": 1" } else { "\"version\":1" };
        for other in
            ["\"version\":2", "\"version\":0", "\"new\":true,\"version\":1", "\"version\":-1", "\"other\":1"]
        {
            let changed = whole.replacen(version, other, 1);
            if changed == whole {
                return Err(format!("{} has no version", case.name));
            }
            fs::write(&case.path, changed).map_err(|error| error.to_string())?;
            match (case.read)(&fake.layout) {
                Ok(read) => return Err(format!("{} with {other} is read as {read}", case.name)),
                Err(error) => is_clear(case, &error)?,
            }
        }
        fs::write(&case.path, &whole).map_err(|error| error.to_string())?;
        if (case.read)(&fake.layout)? != truth {
            return Err(format!("{} is not what it was", case.name));
        }
    }
    Ok(())
}

fn a_damaged_generation_hides_no_other() -> Result<(), String> {
    let (mut fake, _) = host()?;
    let mut next = closure();
    super::small::add_host_file(&mut next, "/etc/issue", "new\n");
    fake.switch(&next).map_err(|error| format!("{error:?}"))?;
    let path = fake.layout.generation(1).join("host/generation.json");
    fs::write(path, "").map_err(|error| error.to_string())?;
    let all = listed::list(&fake.layout).map_err(|error| error_chain(&error))?;
    let seen: Vec<_> =
        all.iter().map(|it| (it.number, it.record.is_some(), it.problem.is_some(), it.booted)).collect();
    if seen != [(1, false, true, false), (2, true, false, true)] {
        return Err(format!("{all:?}"));
    }
    Ok(())
}
