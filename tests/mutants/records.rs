//! What lies on a host's disk, damaged, read by everything that reads it. Seeds are in `seeds`, by the name of the reader.

use super::change;
use super::watch::Watch;
use fastrand::Rng;
use kolla_lang::activate::adopted::Book;
use kolla_lang::activate::layout::Layout;
use kolla_lang::activate::part::Enrolled;
use kolla_lang::activate::{completions, document, generation, history, journal, pins};
use kolla_lang::fleet::{
    record::parse_record,
    saved::{parse_last, parse_saved},
};
use kolla_lang::rejoin::protocol::{Position, Request};
use kolla_lang::rejoin::report;
use kolla_lang::secrets::seal::PublicKey;
use kolla_lang::secrets::{file, seal};
use kolla_lang::sign::key::SigningKey;
use kolla_lang::store::manifest::{Format, parse_manifest};
use kolla_lang::store::{Digest, objects, sealed, tree};
use std::path::{Path, PathBuf};

/// Who reads, by the name of its seeds, and how it is given what it reads.
pub type Reader = (&'static str, fn(&Path, &[u8]));

/// All that reads what lies on a disk or comes from another host.
pub const READERS: &[Reader] = &[
    ("manifest", |_, it| drop(parse_manifest(&text(it)))),
    ("build-record", |folder, it| drop(objects::load_record(&put(folder.join("record"), it)))),
    ("tree", |folder, it| {
        put(folder.join("tree/manifest.json"), it);
        drop(tree::load_tree(&folder.join("tree")));
    }),
    ("digest", |_, it| drop(text(it).parse::<Digest>())),
    ("journal", |folder, it| {
        let layout = Layout::new(folder);
        put(layout.journal(), it);
        drop(journal::read_open(&layout));
        drop(journal::closed(&layout));
        drop(journal::Journal::reopen(&layout));
    }),
    ("history", |folder, it| {
        let layout = Layout::new(folder);
        put(layout.history(), it);
        if let Ok(events) = history::load(&layout) {
            history::highest_number(&events);
            history::before(&events, 2);
        }
    }),
    ("generation", |folder, it| {
        let layout = Layout::new(folder);
        put(layout.generation(7).join("host/generation.json"), it);
        drop(generation::load_record(&layout, 7));
    }),
    ("pin", |folder, it| {
        let layout = Layout::new(folder);
        seal_or_put(&layout.pins().join("a.json"), it);
        drop(pins::load(&layout));
    }),
    ("rollout", |folder, it| {
        let layout = Layout::new(folder);
        seal_or_put(&layout.rollout(), it);
        drop(Enrolled::load(&layout));
    }),
    ("adopted", |folder, it| {
        let layout = Layout::new(folder);
        seal_or_put(&layout.adopted().join("a.json"), it);
        drop(Book::load(&layout));
    }),
    ("completion", |folder, it| {
        let layout = Layout::new(folder);
        put(completions::path(&layout, "k"), it);
        drop(completions::finished(&layout));
        completions::is_done(&layout, "k");
    }),
    ("rejoin-report", |folder, it| {
        let layout = Layout::new(folder);
        let written = report::Report {
            version: report::VERSION,
            group: "db".into(),
            host: "a".into(),
            waits: None,
            members: Default::default(),
            silent: Default::default(),
        };
        drop(report::write(&layout, &written));
        for file in walkdir::WalkDir::new(folder)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|it| it.file_type().is_file())
        {
            if file.path().extension().is_some_and(|it| it == "json") {
                put(file.path().to_owned(), it);
            }
        }
        drop(report::read(&layout, "db"));
        drop(report::waiting(&layout));
        report::gone(&layout, "db");
    }),
    ("rejoin-request", |_, it| drop(serde_json::from_slice::<Request>(it))),
    ("rejoin-member", |_, it| drop(Position::parse(&text(it)))),
    ("rollout_store", |_, it| drop(parse_record(&text(it)))),
    ("saved-plan", |_, it| {
        let Ok(saved) = parse_saved(&text(it)) else { return };
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOzY5bPL5TSXg9HeBNmu3VDgjtlIi2GPR3tikzCU6cGR";
        let operators = SigningKey::parse(line).map(|key| ("ada".to_owned(), key)).into_iter().collect();
        drop(saved.check_signature("demo", &operators, None, 0));
    }),
    ("last-plan", |_, it| drop(parse_last(&text(it)))),
    ("secrets", |folder, it| {
        if let Ok(found) = file::load(&put(folder.join("cloud.secrets"), it)) {
            found.to_text();
        }
    }),
    ("public-key", |_, it| drop(PublicKey::parse(&text(it)).map(|key| key.fingerprint()))),
    ("sealed-text", |_, it| drop(seal::is_sealed_to(&text(it), &[]))),
    ("document", |_, it| {
        for format in [Format::Ini, Format::Json, Format::Yaml, Format::Toml, Format::Env, Format::Text] {
            drop(document::read_keys(format, &text(it)));
        }
    }),
    ("path", |_, it| drop(kolla_lang::cli::describe::parse_path(&text(it)))),
];

/// Reads so many damaged records, drawn by the seed, in turn for each reader; says how many.
pub fn all(seed: u64, n_records: u64, watch: &Watch) -> u64 {
    let folder = std::env::temp_dir().join(format!("kolla-lang-records-{}", std::process::id()));
    let mut n_read = 0;
    for seed in seed..seed + n_records {
        let (name, read) = READERS[(seed % READERS.len() as u64) as usize];
        let mut rng = Rng::with_seed(seed);
        let seeds = seeds(name);
        let (Some(one), Some(other)) = (rng.choice(seeds.iter()), rng.choice(seeds.iter())) else { continue };
        let words: Vec<String> = other
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
        let mut bytes = change::changed(&mut rng, one, &words, other).into_bytes();
        if rng.u8(..) < 60 && !bytes.is_empty() {
            // A disk knows nothing of characters.
            let at = rng.usize(0..bytes.len());
            bytes[at] = rng.u8(..);
        }
        watch.run(&format!("--seed {seed} --descriptions 0 --records 1"), || {
            watch.about(format!("{name}: {}", String::from_utf8_lossy(&bytes)));
            read(&folder, &bytes);
        });
        n_read += 1;
    }
    // What is left of a folder of this process alone is nobody's loss.
    let _ = std::fs::remove_dir_all(&folder);
    n_read
}

/// The seeds of a reader: its own, and what the exact trees hold.
fn seeds(name: &str) -> Vec<String> {
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(Path::new("tests/mutants/seeds").join(name)) {
        Ok(all) => all.filter_map(Result::ok).map(|it| it.path()).collect(),
        Err(_) => Vec::new(),
    };
    if name == "manifest" || name == "tree" {
        let clouds = ["one-container", "contract", "secrets", "every-key"];
        let hosts = ["ctl01", "web1"];
        let path = |(cloud, host): (&&str, &&str)| {
            PathBuf::from(format!("tests/cloud/{cloud}/expected/{host}/manifest.json"))
        };
        paths.extend(clouds.iter().flat_map(|cloud| hosts.iter().map(move |host| (cloud, host))).map(path));
    }
    paths.sort();
    paths.iter().filter_map(|it| std::fs::read_to_string(it).ok()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Puts a file where it is read.
fn put(path: PathBuf, bytes: &[u8]) -> PathBuf {
    let folder = path.parent().map(std::fs::create_dir_all);
    assert!(
        matches!(folder, Some(Ok(()))) && std::fs::write(&path, bytes).is_ok(),
        "{} cannot be written",
        path.display()
    );
    path
}

/// Puts a record where it is read, with a right sum if it still is JSON, so that what is behind the sum is reached.
fn seal_or_put(path: &Path, bytes: &[u8]) {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(record) => assert!(sealed::write(path, &record).is_ok(), "{} cannot be written", path.display()),
        Err(_) => drop(put(path.to_owned(), bytes)),
    }
}
