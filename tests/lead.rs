//! Whoever leads a rollout, with hosts that are played by tests/fleet/ssh.py: waves, hosts that fail, break off or are silent, a second
//! leader, and leaders that are killed at drawn moments and resumed with and without their record. No two members of a quorum of three
//! are ever away at once, and every rollout ends on one cloud everywhere.
//!
//! `SEED=n` draws the same moments again, `CASES=n` kills that often; both are printed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kolla_lang::sign::key::SigningKey;
use kolla_lang::sign::{Signed, Statement, Subject};
use kolla_lang::store::Digest;
use tempfile::TempDir;

const HOSTS: [&str; 4] = ["cmp01", "ctl01", "ctl02", "ctl03"];
/// The change that touches the quorum, and what was before it.
const ROUNDS: [&str; 2] = ["tests/fleet/site/cloud.kl", "tests/fleet/site/next.kl"];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Hosts that are played, and an operator with records of his own.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let site = Self { folder };
        for name in ["hosts", "operator", "other", "bin"] {
            fs::create_dir(site.at(name)).unwrap_or_else(|error| panic!("{error}"));
        }
        site.install_ssh().unwrap_or_else(|error| panic!("{error}"));
        site
    }

    /// Puts what is played where it is found as `ssh`, run by Python itself: what stands before it on a PATH may be slow.
    fn install_ssh(&self) -> std::io::Result<()> {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output()?;
        let python = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        let ssh = self.at("bin/ssh");
        fs::write(&ssh, format!("#!{python} -SE\n{}", fs::read_to_string("tests/fleet/ssh.py")?))?;
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command of an operator, whose records lie in a folder of this test.
    fn command(&self, operator: &str, words: &[&str]) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            // The records of root are the machine's.
            let line =
                r#"mkdir -p /var/lib/kolla-lang && mount --bind "$RECORDS" /var/lib/kolla-lang && exec "$@""#;
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", line, "sh", env!("CARGO_BIN_EXE_kolla-lang")]);
            command.env("RECORDS", self.at(operator));
            command
        } else {
            Command::new(env!("CARGO_BIN_EXE_kolla-lang"))
        };
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(words).env("PATH", format!("{}:{path}", self.at("bin").display()));
        command.env("FAKE_HOSTS", self.at("hosts"));
        command.env("XDG_DATA_HOME", self.at(operator)).env("USER", operator);
        command
    }

    fn run(&self, operator: &str, words: &[&str]) -> Output {
        self.command(operator, words).output().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a command, wants this exit code and returns what it said.
    fn expect(&self, code: i32, words: &[&str]) -> String {
        said(&self.run("operator", words), code)
    }

    fn mark(&self, host: &str, word: &str) {
        fs::create_dir_all(self.at("hosts").join(host)).unwrap_or_else(|error| panic!("{error}"));
        fs::write(self.at("hosts").join(host).join(word), "").unwrap_or_else(|error| panic!("{error}"));
    }

    fn unmark(&self, host: &str, word: &str) {
        fs::remove_file(self.at("hosts").join(host).join(word)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// What each host has committed.
    fn committed(&self) -> [Option<String>; 4] {
        HOSTS.map(|host| fs::read_to_string(self.at("hosts").join(host).join("committed")).ok())
    }

    /// Wants nothing to be open anywhere, and nobody hurt.
    fn check_at_rest(&self) {
        for host in HOSTS {
            for word in ["open", "rollout"] {
                assert!(!self.at("hosts").join(host).join(word).exists(), "{host} still has `{word}`");
            }
        }
        let hurt = fs::read_to_string(self.at("hosts").join("hurt")).unwrap_or_default();
        assert_eq!(hurt, "", "members were away at once");
    }

    fn forget(&self) {
        for place in ["operator/rollouts", "operator/kolla-lang/rollouts"] {
            let _was_not_there = fs::remove_dir_all(self.folder.path().join(place));
        }
    }
}

fn said(output: &Output, code: i32) -> String {
    let text = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned()).concat();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// The two clouds as all hosts have them, the second one last.
fn both(site: &Site) -> [[Option<String>; 4]; 2] {
    ROUNDS.map(|file| {
        site.expect(0, &["switch", file]);
        site.check_at_rest();
        site.committed()
    })
}

#[test]
fn bare_hosts_are_one_wave_and_a_change_of_a_quorum_goes_host_by_host() {
    let site = Site::new();
    let said = site.expect(0, &["switch", ROUNDS[0]]);
    assert!(said.contains("demo: 4 hosts in 1 wave"), "{said}");
    assert!(said.contains("ctl01  hold     api.service"), "{said}");
    site.check_at_rest();
    assert!(site.expect(0, &["switch", ROUNDS[0]]).contains("nothing to do"));
    let said = site.expect(0, &["switch", ROUNDS[1]]);
    assert!(said.contains("demo: 3 hosts in 3 waves"), "{said}");
    site.check_at_rest();
}

#[test]
fn a_host_that_fails_takes_all_back() {
    let site = Site::new();
    site.expect(0, &["switch", ROUNDS[0]]);
    let before = site.committed();
    for host in ["ctl01", "ctl03"] {
        site.mark(host, "fails");
        let said = site.expect(3, &["switch", ROUNDS[1]]);
        assert!(said.contains(&format!("{host}: its gates do not hold")), "{said}");
        site.unmark(host, "fails");
        assert_eq!(site.committed(), before);
        site.check_at_rest();
    }
    site.expect(0, &["switch", ROUNDS[1]]);
    assert_ne!(site.committed(), before);
}

#[test]
fn a_silent_host_is_left_behind_unless_others_of_its_quorum_would_be_touched() {
    let site = Site::new();
    site.mark("cmp01", "down");
    let said = site.expect(4, &["switch", ROUNDS[0]]);
    assert!(said.contains("cmp01 is unreachable"), "{said}");
    site.unmark("cmp01", "down");
    site.expect(0, &["switch", "--resume", ROUNDS[0]]);
    let before = site.committed();
    assert!(before.iter().all(Option::is_some));
    site.mark("ctl03", "down");
    let said = site.expect(2, &["switch", ROUNDS[1]]);
    assert!(said.contains("every wave exceeds the disruption budget of the group `db`"), "{said}");
    site.unmark("ctl03", "down");
    assert_eq!(site.committed(), before);
    site.check_at_rest();
}

#[test]
fn a_connection_that_breaks_is_called_again() {
    let site = Site::new();
    site.mark("ctl02", "loses");
    let said = site.expect(0, &["switch", ROUNDS[0]]);
    assert!(said.contains("ctl02  lost     the connection"), "{said}");
    site.check_at_rest();
}

#[test]
fn who_comes_second_is_refused_by_name_until_he_takes_over() {
    let site = Site::new();
    site.expect(0, &["switch", ROUNDS[0]]);
    let mut first =
        site.command("operator", &["switch", ROUNDS[1]]).spawn().unwrap_or_else(|error| panic!("{error}"));
    let is_enrolled = || HOSTS.iter().any(|host| site.at("hosts").join(host).join("rollout").exists());
    let began = Instant::now();
    while !is_enrolled() {
        assert!(began.elapsed() < Duration::from_secs(60), "no host is part of the rollout");
        sleep(Duration::from_millis(2));
    }
    first.kill().unwrap_or_else(|error| panic!("{error}"));
    let _killed = first.wait();
    let refused = said(&site.run("other", &["switch", ROUNDS[1]]), 6);
    assert!(refused.contains("which operator@"), "{refused}");
    // The description of another cloud cannot go on with this one.
    assert!(
        said(&site.run("other", &["switch", "--resume", ROUNDS[0]]), 2)
            .contains("and this description makes")
    );
    said(&site.run("other", &["switch", "--resume", ROUNDS[1]]), 0);
    site.check_at_rest();
}

#[test]
fn what_was_before_is_there_again_on_all_hosts_that_changed() {
    let site = Site::new();
    let said = site.expect(2, &["rollback", "--file", ROUNDS[0]]);
    assert!(said.contains("no host that was reached has a generation"), "{said}");
    let [first, second] = both(&site);
    let said = site.expect(0, &["rollback", "--dry-run", "--file", ROUNDS[1]]);
    assert!(said.contains("demo: 3 hosts in 3 waves"), "{said}");
    assert_eq!(site.committed(), second);
    site.expect(0, &["rollback", "--file", ROUNDS[1]]);
    site.check_at_rest();
    assert_eq!(site.committed(), first);
    // All are on their first generation now.
    let said = site.expect(2, &["rollback", "--file", ROUNDS[1]]);
    assert!(said.contains("on the first generation: there is nothing to go back to"), "{said}");
    site.expect(0, &["switch", ROUNDS[1]]);
    assert_eq!(site.committed(), second);

    // One that fails on its way back takes all to where they were; one that is silent is left as it is, if its quorum allows it.
    site.mark("ctl02", "fails");
    site.expect(3, &["rollback", "--file", ROUNDS[1]]);
    site.unmark("ctl02", "fails");
    assert_eq!(site.committed(), second);
    site.check_at_rest();
    site.mark("cmp01", "down");
    site.expect(0, &["rollback", "--file", ROUNDS[1]]);
    site.unmark("cmp01", "down");
    assert_eq!(site.committed(), first);
    site.check_at_rest();
}

#[test]
fn a_host_that_refuses_to_begin_leaves_all_untouched_or_takes_all_back() {
    let site = Site::new();
    let [first, second] = both(&site);
    for words in [&["rollback", "--file", ROUNDS[1]][..], &["switch", ROUNDS[0]]] {
        for (host, code, end) in
            [("ctl01", 2, "refused; nothing was touched"), ("ctl03", 3, "all hosts are back where they were")]
        {
            site.mark(host, "changes");
            let said = site.expect(code, words);
            assert!(said.contains(&format!("error: {host}: it has changed meanwhile")), "{said}");
            assert!(said.contains(end), "{said}");
            site.unmark(host, "changes");
            assert_eq!(site.committed(), second);
            site.check_at_rest();
        }
        // What hosts know before is asked before, of all of them.
        ["ctl02", "ctl03"].iter().for_each(|host| site.mark(host, "refuses"));
        let said = site.expect(2, words);
        for line in
            ["ctl02: it would go back past a task", "ctl02: a file is not ours", "ctl03: a file is not ours"]
        {
            assert!(said.contains(&format!("error: {line}")), "{said}");
        }
        assert!(said.contains("refused; nothing was touched") && !said.contains("ctl01  switch"), "{said}");
        ["ctl02", "ctl03"].iter().for_each(|host| site.unmark(host, "refuses"));
        assert_eq!(site.committed(), second);
    }
    site.expect(0, &["rollback", "--file", ROUNDS[1]]);
    assert_eq!(site.committed(), first);
}

#[test]
fn a_plan_that_was_kept_is_done_or_nothing_is() {
    let site = Site::new();
    let file = site.at("plan.json").display().to_string();
    site.expect(0, &["switch", "--dry-run", "--save", &file, ROUNDS[0]]);
    assert!(site.committed().iter().all(Option::is_none));
    let said = site.expect(2, &["switch", "--plan", &file, ROUNDS[1]]);
    assert!(said.contains("ctl01 is to become "), "{said}");
    site.expect(0, &["switch", "--plan", &file, ROUNDS[0]]);
    site.check_at_rest();
    site.expect(0, &["switch", "--dry-run", "--save", &file, ROUNDS[1]]);
    // What a host is has changed since.
    site.expect(0, &["switch", ROUNDS[1]]);
    let said = site.expect(2, &["switch", "--plan", &file, ROUNDS[1]]);
    assert!(said.contains("nothing is to be done on ctl01 any more"), "{said}");
    fs::write(&file, "{}").unwrap_or_else(|error| panic!("{error}"));
    let said = site.expect(1, &["switch", "--plan", &file, ROUNDS[1]]);
    assert!(said.contains("is no plan that can be used"), "{said}");
}

#[test]
fn each_host_is_brought_what_was_signed_for_it() {
    let site = Site::new();
    let key = site.at("ada");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"]).arg(&key);
    assert!(keygen.status().is_ok_and(|it| it.success()));
    let public = fs::read_to_string(key.with_extension("pub")).unwrap_or_else(|error| panic!("{error}"));
    let text = fs::read_to_string(ROUNDS[0]).unwrap_or_else(|error| panic!("{error}"));
    let text = format!("{text}\ncloud.signed = true\noperators.ada = \"{}\"\n", public.trim());
    let file = site.at("signed.kl");
    fs::write(&file, text).unwrap_or_else(|error| panic!("{error}"));
    let (file, key) = (file.display().to_string(), key.display().to_string());
    let said = site.expect(2, &["switch", &file, "--sign-with", &site.at("nobody").display().to_string()]);
    assert!(said.contains("nothing was touched"), "{said}");
    assert!(site.committed().iter().all(Option::is_none));
    site.expect(0, &["switch", &file, "--sign-with", &key]);
    site.check_at_rest();
    let keys: Vec<SigningKey> = SigningKey::parse(&public).into_iter().collect();
    let of = |host: &str, name: &str| {
        let text = fs::read_to_string(site.at("hosts").join(host).join(name));
        let text = text.unwrap_or_else(|error| panic!("{host}: {error}"));
        serde_json::from_str::<String>(&text).unwrap_or_else(|error| panic!("{host}: {error}"))
    };
    for host in HOSTS {
        let signed: Signed = of(host, "signature").parse().unwrap_or_else(|error| panic!("{host}: {error}"));
        let closure: Digest = of(host, "committed").parse().unwrap_or_else(|error| panic!("{host}: {error}"));
        let is_for = |name: &str| {
            let subject = Subject::Closure { host: name, closure: &closure };
            signed.by(&Statement { cloud: "demo", subject, counter: signed.counter }, &keys).is_some()
        };
        let found: Vec<&str> = HOSTS.into_iter().filter(|name| is_for(name)).collect();
        assert_eq!(found, [host]);
    }
}

#[test]
fn all_of_a_cloud_is_taken_away_by_its_name() {
    let site = Site::new();
    site.expect(0, &["switch", ROUNDS[0]]);
    let before = site.committed();
    let said = site.expect(1, &["destroy", "dem", "--file", ROUNDS[0]]);
    assert!(said.contains("the cloud `demo`, and `dem` was named; nothing was touched"), "{said}");
    assert_eq!(site.committed(), before);
    site.mark("cmp01", "down");
    let said = site.expect(4, &["destroy", "demo", "--file", ROUNDS[0]]);
    assert!(said.contains("ctl02  done: this host has nothing"), "{said}");
    site.unmark("cmp01", "down");
    let [cmp01, others @ ..] = site.committed();
    assert!(cmp01.is_some() && others.iter().all(Option::is_none));
}

#[test]
fn hosts_that_have_nothing_are_asked_before() {
    let site = Site::new();
    site.mark("ctl02", "unready");
    let said = site.expect(2, &["switch", ROUNDS[0]]);
    assert!(said.contains("ctl02: clock: the clock is synchronised: it is not"), "{said}");
    assert!(said.contains("nothing was touched"), "{said}");
    assert!(site.committed().iter().all(Option::is_none));
    site.check_at_rest();
    site.expect(0, &["switch", "--no-prechecks", ROUNDS[0]]);
    // Those that have something are not.
    site.expect(0, &["switch", ROUNDS[1]]);
}

#[test]
fn hosts_of_a_role_alone() {
    let site = Site::new();
    let said = site.expect(1, &["switch", "--role", "contrl", ROUNDS[0]]);
    assert!(said.contains("no host has the role `contrl`"), "{said}");
    let said = site.expect(0, &["switch", "--role", "control", ROUNDS[0]]);
    assert!(said.contains("done: all hosts that were meant are on the cloud"), "{said}");
    let [cmp01, ctl01, ..] = site.committed();
    assert!(cmp01.is_none() && ctl01.is_some());
    site.expect(0, &["switch", ROUNDS[0]]);
    let first = site.committed();
    assert!(first.iter().all(Option::is_some));
    site.expect(0, &["switch", "--role", "control", ROUNDS[1]]);
    assert_ne!(site.committed(), first);
    let said = site.expect(0, &["switch", "--role", "control", ROUNDS[1]]);
    assert!(said.contains("nothing to do: all hosts that were meant"), "{said}");
    site.expect(0, &["rollback", "--role", "control", "--file", ROUNDS[1]]);
    assert_eq!(site.committed(), first);
    site.check_at_rest();
}

#[test]
fn what_is_for_the_end_waits_for_hosts_that_were_not_meant() {
    const UPGRADE: &str = "tests/fleet/site/upgrade.kl";
    let site = Site::new();
    site.expect(0, &["switch", ROUNDS[0]]);
    let said = site.expect(0, &["switch", "--role", "control", "--allow-one-way", UPGRADE]);
    assert!(said.contains("what is for the end waits on ctl02 until all hosts are"), "{said}");
    assert!(!said.contains("finish"), "{said}");
    let said = site.expect(0, &["switch", "--allow-one-way", UPGRADE]);
    assert!(said.contains("ctl02  finish"), "{said}");
    let said = site.expect(0, &["switch", "--allow-one-way", UPGRADE]);
    assert!(said.contains("nothing to do") && !said.contains("finish"), "{said}");
    site.check_at_rest();
}

#[test]
fn a_rollback_whose_leader_dies_goes_on_whatever_the_description_says() {
    let site = Site::new();
    let [first, second] = both(&site);
    let mut leader = site
        .command("operator", &["rollback", "--file", ROUNDS[1]])
        .spawn()
        .unwrap_or_else(|error| panic!("{error}"));
    let is_enrolled = || HOSTS.iter().any(|host| site.at("hosts").join(host).join("rollout").exists());
    let began = Instant::now();
    while !is_enrolled() {
        assert!(began.elapsed() < Duration::from_secs(60), "no host is part of the rollout");
        sleep(Duration::from_millis(2));
    }
    leader.kill().unwrap_or_else(|error| panic!("{error}"));
    let _killed = leader.wait();
    assert_ne!(site.committed(), first);
    site.expect(0, &["switch", "--resume", ROUNDS[1]]);
    site.check_at_rest();
    assert_eq!(site.committed(), first);
    site.expect(0, &["switch", ROUNDS[1]]);
    assert_eq!(site.committed(), second);
}

#[test]
fn a_leader_may_die_at_any_moment() {
    let (seed, n_cases) = (number("SEED", 1), number("CASES", 3));
    println!("leaders that are killed: seed {seed}, {n_cases} moments");
    let site = Site::new();
    let clouds = both(&site);
    let began = Instant::now();
    site.expect(0, &["switch", ROUNDS[0]]);
    let takes = began.elapsed().as_micros() as u64;
    let (mut state, mut ends) = (seed, BTreeSet::new());
    for case in 0..n_cases {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = Duration::from_micros((state >> 33) % takes);
        let round = (case as usize + 1) % 2;
        let mut leader = site
            .command("operator", &["switch", ROUNDS[round]])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}"));
        sleep(at);
        leader.kill().unwrap_or_else(|error| panic!("{error}"));
        let _killed = leader.wait();
        let is_lost = case % 3 == 2;
        if is_lost {
            site.forget();
        }
        let said = site.expect(0, &["switch", "--resume", ROUNDS[round]]);
        assert_eq!(
            site.committed(),
            clouds[round],
            "killed after {at:?}, its record lost: {is_lost}\n{said}"
        );
        site.check_at_rest();
        ends.insert(said.lines().last().unwrap_or_default().to_owned());
    }
    println!("they ended with {ends:?}");
}
