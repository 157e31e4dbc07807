//! Builds that take over what the build before made of the same: whatever was edited, they come to what a build from nothing comes to,
//! to the byte and to the word.
//!
//! What is not evaluated is compared as well. `tests/reuse/edits.kl` has the edits that are switched on and off. `SEED=n` draws the same again, `CASES=n` draws that many.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kolla_lang::cli::build::{Made, make_quietly, make_reusing};
use kolla_lang::cli::describe::{Described, compile};
use kolla_lang::cli::reuse::{BuiltHost, Kept, Reuse};
use kolla_lang::images::lock::Pinned;
use kolla_lang::secrets::file::Entry;
use kolla_lang::store::manifest::{Alphabet, SecretKind};
use kolla_lang::store::{Closure, Digest, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Files beside the description, each with two texts.
const FILES: [(&str, [&str; 2], &[&str]); 2] = [
    ("peers.j2", ["{% for it in peers %}{{ it }}\n{% endfor %}", "{{ peers|length }}\n"], &["web1"]),
    ("motd.txt", ["hello\n", "hello!\n"], &["web1", "web2", "web3", "web4"]),
];

/// What lies beside the description in a form of its own, and this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Beside {
    Secret,
    Lock,
    Program,
}

/// One thing that is one way or the other.
#[derive(Clone, Debug)]
enum Switch {
    Lines(String),
    File(usize),
    Beside(Beside),
}

struct Edit {
    name: String,
    /// The hosts that get something else by it, or of which something is reported.
    changes: BTreeSet<String>,
    /// Whether all hosts are evaluated after it, and not only those.
    concerns_all: bool,
    switch: Switch,
}

fn edits() -> Vec<Edit> {
    let text = read("edits.kl");
    let lines = text.split("\n--- ").skip(1).map(|case| {
        let (name, rest) = case.split_once('\n').unwrap_or((case, ""));
        let (changes, lines) = rest.split_once('\n').unwrap_or((rest, ""));
        let changes = changes.strip_prefix("# changes: ").unwrap_or_else(|| panic!("{name}: changes what?"));
        let changes = changes.split(' ').filter(|it| *it != "nothing").map(str::to_owned).collect();
        let (concerns_all, lines) = match lines.strip_prefix("# evaluates: all\n") {
            Some(lines) => (true, lines),
            None => (false, lines),
        };
        Edit { name: name.to_owned(), changes, concerns_all, switch: Switch::Lines(format!("{lines}\n")) }
    });
    let files = FILES.iter().enumerate().map(|(i, (name, _, changes))| Edit {
        name: (*name).to_owned(),
        changes: changes.iter().map(|it| (*it).to_owned()).collect(),
        concerns_all: true,
        switch: Switch::File(i),
    });
    let beside = [Beside::Secret, Beside::Lock, Beside::Program].map(|it| Edit {
        name: format!("{it:?}"),
        changes: (1..5).map(|i| format!("web{i}")).collect(),
        concerns_all: true,
        switch: Switch::Beside(it),
    });
    lines.chain(files).chain(beside).collect()
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reuse").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A description in a folder, beside its store.
struct Bench {
    folder: tempfile::TempDir,
    base: String,
    edits: Vec<Edit>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        Self { folder, base: read("cloud.kl"), edits: edits() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    fn is_on(&self, on: &BTreeSet<usize>, beside: Beside) -> bool {
        let is_it = |i: &usize| matches!(self.edits[*i].switch, Switch::Beside(it) if it == beside);
        on.iter().any(is_it)
    }

    /// Compiles the description with some edits switched on.
    fn describe(&self, on: &BTreeSet<usize>) -> Described {
        let mut text = "use kernel\n".to_owned();
        for (name, texts, _) in FILES {
            self.write(name, texts[0]);
        }
        for i in on {
            match &self.edits[*i].switch {
                Switch::Lines(lines) => text.push_str(lines),
                Switch::File(i) => self.write(FILES[*i].0, FILES[*i].1[1]),
                Switch::Beside(_) => {}
            }
        }
        text.push_str(&self.base);
        self.write("cloud.kl", &text);
        let mut described =
            compile(Some(&self.at("cloud.kl"))).unwrap_or_else(|exit| panic!("cannot be read: {exit:?}"));
        if self.is_on(on, Beside::Secret) {
            let entry = Entry {
                version: 1,
                id: "0123456789abcdef".into(),
                made: "2026-11-29".into(),
                kind: SecretKind::Password { length: 40, alphabet: Alphabet::Alphanumeric },
                readers: Vec::new(),
                text: "ciphertext".into(),
                public: BTreeMap::new(),
            };
            described.secrets.secrets.insert("web/db".into(), entry);
        }
        if self.is_on(on, Beside::Lock) {
            described.lock.0.insert("registry.local/web:1".into(), Pinned::of(b"web"));
        }
        described
    }

    /// Builds as `build` does, from what is in the store, and writes unless something is wrong. Returns the hosts that were taken over.
    fn build(&self, on: &BTreeSet<usize>) -> Result<(Made<BuiltHost>, BTreeSet<String>), String> {
        let described = self.describe(on);
        let program = Digest::of(if self.is_on(on, Beside::Program) { b"1" } else { b"0" });
        let mut reuse = Reuse::new(Some(self.at("store")), Some(program), &described.lock);
        let made = make_reusing(&described, 2, &reuse);
        let cold = make_quietly(&described, 2);
        if made.problems != cold.problems {
            return Err(format!("told {:#?}\ninstead of {:#?}", made.problems, cold.problems));
        }
        let words = |it: &Made<_>| kolla_lang::cli::secrets_of::words(&described.secrets, &it.wanted);
        let cold_words = kolla_lang::cli::secrets_of::words(&described.secrets, &cold.wanted);
        if (words(&made), &made.unpinned) != (cold_words, &cold.unpinned) {
            return Err("other secrets or images are wanted".to_owned());
        }
        let is_wrong = made.problems.iter().any(|it| it.severity != kl::diag::Severity::Warning);
        if !is_wrong {
            let written = reuse.write(&made.closures, None).map_err(|error| error.to_string())?;
            for (name, digest) in &written.digests {
                let it = reuse
                    .store()
                    .ok_or("no store")?
                    .load(digest)
                    .map_err(|error| format!("{name}: {error}"))?;
                let expected: &Closure = &cold.closures[name];
                if it != *expected || *digest != expected.digest() {
                    return Err(format!("{name} became {it:#?}\ninstead of {expected:#?}"));
                }
            }
        }
        let reused =
            |(name, host): (&String, &BuiltHost)| matches!(host.kept, Kept::Reused(_)).then(|| name.clone());
        let reused = made.closures.iter().filter_map(reused).collect();
        Ok((made, reused))
    }
}

fn evaluated(made: &Made<BuiltHost>) -> BTreeSet<String> {
    made.closures.iter().filter(|(_, host)| host.is_evaluated).map(|(name, _)| name.clone()).collect()
}

fn set(all: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
    all.into_iter().collect()
}

fn built<T>(built: Result<T, String>) -> T {
    built.unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn an_edit_renders_the_hosts_that_it_changes_and_no_other() {
    for (i, edit) in Bench::new().edits.iter().enumerate() {
        let bench = Bench::new();
        let (_, reused) = built(bench.build(&set([])));
        assert_eq!(reused, BTreeSet::new(), "from nothing");
        let (made, reused) = built(bench.build(&set([])));
        assert_eq!(reused.len(), made.closures.len(), "nothing changed");
        assert_eq!(evaluated(&made), BTreeSet::new(), "nothing changed");
        let (made, reused) = built(bench.build(&set([i])));
        let hosts: BTreeSet<String> = ["web1", "web2", "web3", "web4"].map(str::to_owned).into();
        let rendered: BTreeSet<String> = hosts.difference(&reused).cloned().collect();
        assert_eq!(rendered, edit.changes, "{}: {:#?}", edit.name, made.problems);
        let evaluated: BTreeSet<String> = evaluated(&made).intersection(&hosts).cloned().collect();
        // To say what is wrong, all are.
        let expected = if edit.concerns_all || !made.problems.is_empty() { &hosts } else { &edit.changes };
        assert_eq!(evaluated, *expected, "{}", edit.name);
        // A second time a host is rendered only to say again what is wrong with it, and after a build that wrote nothing.
        let (again, reused) = built(bench.build(&set([i])));
        if again.problems.is_empty() {
            assert_eq!(reused.len(), again.closures.len(), "{}", edit.name);
        } else {
            let rendered: BTreeSet<String> = hosts.difference(&reused).cloned().collect();
            assert_eq!(rendered, edit.changes, "{}", edit.name);
        }
    }
}

#[test]
fn whatever_was_edited_a_build_comes_to_what_one_from_nothing_comes_to() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, cases) = (number("SEED").unwrap_or(1), number("CASES").unwrap_or(12));
    println!("seed {seed}, {cases} cases");
    let n_edits = edits().len();
    let config = Config {
        cases: u32::try_from(cases).unwrap_or(u32::MAX),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    // Each step switches one or two things; what is wrong with a description stays for a while.
    let steps = prop::collection::vec(prop::collection::btree_set(0..n_edits, 1..3), 1..8);
    let n_reused = std::cell::Cell::new(0);
    let tried = TestRunner::new(config).run(&steps, |steps| {
        let bench = Bench::new();
        let mut on = BTreeSet::new();
        for step in steps {
            on = on.symmetric_difference(&step).copied().collect();
            let names: Vec<&str> = on.iter().map(|i| bench.edits[*i].name.as_str()).collect();
            let (_, reused) =
                bench.build(&on).map_err(|why| TestCaseError::fail(format!("with {names:?}: {why}\n")))?;
            n_reused.set(n_reused.get() + reused.len());
        }
        Ok(())
    });
    if let Err(error) = tried {
        panic!("seed {seed}: {error}");
    }
    assert!(n_reused.get() > 0, "nothing was ever taken over");
}

#[test]
fn what_the_store_lost_is_made_again() {
    let bench = Bench::new();
    let (made, _) = built(bench.build(&set([])));
    let store = Store::open(bench.at("store")).unwrap_or_else(|error| panic!("{error}"));
    drop(store);
    let objects: Vec<PathBuf> = walkdir::WalkDir::new(bench.at("store/objects"))
        .sort_by_file_name()
        .into_iter()
        .filter_map(|it| it.ok().filter(|it| it.file_type().is_file()).map(|it| it.path().to_owned()))
        .collect();
    assert!(objects.len() > made.closures.len());
    for (i, object) in objects.iter().enumerate() {
        let damaged = if i % 2 == 0 { fs::remove_file(object) } else { cut(object) };
        damaged.unwrap_or_else(|error| panic!("{error}"));
        // It loads every closure, and each object is compared with its name then.
        let (_, reused) = built(bench.build(&set([])));
        assert!(reused.len() < made.closures.len(), "{}", object.display());
    }
}

/// What a power cut leaves of a file.
fn cut(path: &Path) -> std::io::Result<()> {
    fs::remove_file(path)?;
    fs::write(path, "")
}
