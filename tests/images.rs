//! `kolla-lang images` against a registry on loopback, tests/images/registry.py: tags are resolved once, what moves meanwhile changes
//! nothing, and what cannot be resolved leaves the lock as it was.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What each description begins with.
const HEAD: &str = r#"use kernel
cloud.name = "shop"
networks.mgmt = { cidr = 10.0.0.0/24, interface = "eth0" }
hosts.web1 = { addresses = { mgmt = 10.0.0.11 } }
"#;

struct Site {
    folder: TempDir,
    registry: Child,
    port: String,
}

/// What a command printed, and how it ended.
struct Ended {
    text: String,
    code: Option<i32>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/images/registry.py");
        let mut command = Command::new("python3");
        command.arg("-B").arg(script).arg(folder.path()).stdout(Stdio::null());
        let registry = command.spawn().unwrap_or_else(|error| panic!("{error}"));
        let mut site = Self { folder, registry, port: String::new() };
        let until = Instant::now() + Duration::from_secs(30);
        while site.port.is_empty() {
            assert!(Instant::now() < until, "the registry did not start");
            std::thread::sleep(Duration::from_millis(20));
            site.port = fs::read_to_string(site.at("port")).unwrap_or_default();
        }
        site.means(&json!({}));
        site
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap_or_else(|error| panic!("{error}"));
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// Says what tags mean from now on.
    fn means(&self, tags: &Value) {
        self.write("tags.json.new", &tags.to_string());
        fs::rename(self.at("tags.json.new"), self.at("tags.json")).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Writes a description with a container for each image; `@` stands for the registry.
    fn describe(&self, images: &[&str], more: &str) {
        let mut text = HEAD.to_owned();
        for (i, image) in images.iter().enumerate() {
            let image = image.replace('@', &format!("127.0.0.1:{}", self.port));
            text.push_str(&format!(
                "hosts.web1.containers.c{i} = {{ image = \"{image}\", contract = .direct }}\n"
            ));
        }
        text.push_str(&more.replace('@', &format!("127.0.0.1:{}", self.port)));
        self.write("cloud.kl", &text);
    }

    /// Runs a command in the folder of the description. The port is printed as `@`.
    fn run(&self, words: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kolla-lang"));
        command
            .args(words.split(' '))
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path());
        let output = command.output().unwrap_or_else(|error| panic!("{error}"));
        let text =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat();
        Ended { text: text.replace(&format!("127.0.0.1:{}", self.port), "@"), code: output.status.code() }
    }

    fn expect(&self, words: &str, code: i32, parts: &[&str]) -> String {
        let Ended { text, code: found } = self.run(words);
        assert_eq!(found, Some(code), "{words}\n{text}");
        for part in parts {
            assert!(text.contains(part), "{words}: no `{part}` in\n{text}");
        }
        text
    }

    /// A text with the registry in place of `@`.
    fn filled(&self, text: &str) -> String {
        text.replace('@', &format!("127.0.0.1:{}", self.port))
    }

    /// Runs a command that reads a file as its input, and wants it to succeed.
    fn give(&self, words: &str, input: &str) {
        let input = fs::File::open(self.at(input)).unwrap_or_else(|error| panic!("{error}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kolla-lang"));
        command.args(words.split(' ')).current_dir(self.folder.path()).env_clear().stdin(input);
        let output =
            command.env("HOME", self.folder.path()).output().unwrap_or_else(|error| panic!("{error}"));
        assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// All files that commands of this site could write, by name, with their texts.
    fn all(&self) -> Vec<(String, String)> {
        let (mut folders, mut found) = (vec![self.folder.path().to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()) {
                match fs::read(&path) {
                    Ok(bytes) => {
                        found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
                    }
                    Err(_) => folders.push(path),
                }
            }
        }
        found
    }

    /// The unit of the first container, as it is built.
    fn unit(&self) -> String {
        self.expect("build --out out", 0, &[]);
        self.read("out/web1/quadlet/c0/c0.container")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

fn digest(manifest: &str) -> String {
    format!("sha256:{}", kolla_lang::store::Digest::of(manifest.as_bytes()))
}

#[test]
fn a_tag_that_moved_changes_nothing_until_it_is_pinned_again() {
    let site = Site::new();
    site.describe(&["@/open/shop:1", "@/open/shop:1", "localhost/own:1"], "");
    site.means(&json!({ "open/shop:1": "{\"first\": 1}" }));
    site.expect(
        "build --out out",
        0,
        &["warning: the image @/open/shop:1 is named by a tag", "`kolla-lang images pin`"],
    );
    site.expect("build --out out --deny-warnings", 1, &["denied by --deny-warnings"]);
    assert!(site.unit().contains("/open/shop:1"));

    site.expect("images pin", 0, &["pinned   @/open/shop:1 sha256:", "wrote images.lock: 1 image"]);
    site.expect("build --out out --deny-warnings", 0, &[]);
    assert!(!site.expect("build --out first", 0, &[]).contains("warning"));
    let unit = site.unit();
    assert!(unit.contains(&format!("/open/shop@{}\n", digest("{\"first\": 1}"))), "{unit}");
    assert!(site.read("out/web1/quadlet/c2/c2.container").contains("localhost/own:1\n"));

    site.means(&json!({ "open/shop:1": "{\"second\": 2}" }));
    assert_eq!(site.unit(), unit);
    site.expect("images pin --missing", 0, &["images.lock stays as it is: 1 image"]);
    let lock = site.read("images.lock");
    site.expect("images pin --dry-run", 0, &["moved    @/open/shop:1", "would write images.lock"]);
    assert_eq!(site.read("images.lock"), lock);
    assert_eq!(site.unit(), unit);

    site.expect("images pin", 0, &["moved    @/open/shop:1", "wrote images.lock"]);
    assert!(site.unit().contains(&digest("{\"second\": 2}")));
    let told = site.expect("diff first cloud.kl", 0, &["c0.service", "c1.service"]);
    assert!(told.contains(&digest("{\"second\": 2}")) && !told.contains("c2.service"), "{told}");
    site.expect("images pin", 0, &["same     @/open/shop:1", "stays as it is"]);
}

#[test]
fn what_nothing_names_is_told_and_goes_when_it_is_asked_for() {
    let site = Site::new();
    site.means(&json!({ "open/a:1": "{}", "open/b:1": "{}", "open/c:1": "{}" }));
    site.describe(&["@/open/a:1", "@/open/b:1"], "");
    site.expect(
        "images pin @/open/c:1".replace('@', &format!("127.0.0.1:{}", site.port)).as_str(),
        1,
        &["names no image"],
    );
    site.expect("images pin", 0, &["wrote images.lock: 2 images"]);
    site.describe(&["@/open/a:1", "@/open/c:1"], "cloud.unpinned = [\"@/open/c\", \"elsewhere.example/\"]\n");
    site.expect(
        "images list",
        0,
        &["pinned    @/open/a:1", "by tag    @/open/c:1, not pinned", "unused    @/open/b:1"],
    );
    site.describe(&["@/open/a:1", "@/open/c:1"], "cloud.unpinned = [\"@/open/c:1\"]\n");
    assert!(!site.expect("build --out out", 0, &[]).contains("warning"));
    site.expect(
        "images pin",
        0,
        &["unused   @/open/b:1: the description does not name it; `--prune` removes it"],
    );
    assert!(site.read("images.lock").contains("open/b:1"));
    site.expect("images pin --prune", 0, &["removed  @/open/b:1", "wrote images.lock: 1 image"]);
    assert!(!site.read("images.lock").contains("open/b:1"));
    let listed = site.expect("images list --json", 0, &[]);
    let listed: Value = serde_json::from_str(&listed).unwrap_or_else(|error| panic!("{error}: {listed}"));
    assert_eq!(listed["images"][0]["digest"], json!(digest("{}")));
    assert_eq!(listed["images"][1]["digest"], Value::Null);
}

#[test]
fn logins_are_used_where_they_belong_and_printed_nowhere() {
    let site = Site::new();
    let tags = ["private/a:1", "basic/a:1", "bare/a:1"];
    site.means(
        &tags.iter().map(|it| ((*it).to_owned(), json!("{}"))).collect::<serde_json::Map<_, _>>().into(),
    );
    site.describe(&["@/private/a:1", "@/basic/a:1", "@/bare/a:1"], "");
    let refused = site.expect(
        "images pin",
        2,
        &["cannot pin @/private/a:1", "cannot pin @/basic/a:1", "podman login @", "nothing was written"],
    );
    assert!(!refused.contains("cannot pin @/bare"), "{refused}");
    assert!(!site.at("images.lock").exists());
    fs::create_dir_all(site.at(".config/containers")).unwrap_or_else(|error| panic!("{error}"));
    let login = "YWRhOnMzY3JldA==";
    let auths = json!({ "auths": { format!("127.0.0.1:{}", site.port): { "auth": login } } });
    site.write(".config/containers/auth.json", &auths.to_string());
    let pinned = site.expect("images pin", 0, &["wrote images.lock: 3 images"]);
    assert!(!pinned.contains(login) && !site.read("images.lock").contains(login));
    let asked = site.read("asked");
    assert!(asked.contains("HEAD /v2/private/a/manifests/1 Bearer"), "{asked}");
    assert!(
        !asked.contains("manifests/1 Basic\n") || asked.contains("HEAD /v2/basic/a/manifests/1 Basic"),
        "{asked}"
    );
    assert!(!asked.lines().any(|it| it.contains("private/a/manifests") && it.ends_with("Basic")), "{asked}");
    site.write(".config/containers/auth.json", &format!("{{\"auths\": {{\"x\": {{\"auth\": \"{login}\", }}"));
    let refused = site.expect("images pin", 2, &["holds no logins of registries"]);
    assert!(!refused.contains(login));
}

#[test]
fn a_registry_that_does_not_answer_ends_in_a_refusal_within_its_limit() {
    let site = Site::new();
    site.means(&json!({ "open/a:1": "{}" }));
    site.describe(&["@/open/a:1"], "");
    site.expect("images pin", 0, &[]);
    let lock = site.read("images.lock");
    site.describe(
        &[
            "@/open/a:1",
            "@/mad/a:1",
            "@/open/none:1",
            "@/elsewhere/a:1",
            "bare:1",
            "@/silent/a:1",
            "@/silent/b:1",
        ],
        "",
    );
    let began = Instant::now();
    site.expect(
        "images pin",
        2,
        &[
            "@ has no such image",
            "@ sends logins to ftp://elsewhere.example/token, which is not encrypted",
            "it names no registry",
            "cannot pin @/silent/a:1",
            "@ was not asked again for @/silent/b:1",
            "nothing was written",
        ],
    );
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert_eq!(site.read("images.lock"), lock);
}

/// The key of the operator of the tests, as a description and a command name it.
const OPERATOR: &str = include_str!("support/keys/operator.pub");
/// The key of the host of the tests.
const HOST: &str = include_str!("support/keys/host.pub");

#[test]
fn a_login_of_the_description_counts_before_those_of_this_machine() {
    let site = Site::new();
    let (of_operator, of_host) = (OPERATOR.trim(), HOST.trim());
    let login = format!(
        "operators.ada = \"{of_operator}\"\nhosts.web1.ssh.key = \"{of_host}\"\nsecrets.login = {{}}\n\
         registries.\"@/private\" = {{ user = \"ada\", password = .login }}\n"
    );
    site.describe(&["@/private/a:1", "@/basic/a:1", "@/open/a:1"], &login);
    site.means(&json!({ "private/a:1": "{}", "basic/a:1": "{}", "open/a:1": "{}" }));
    let key = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/keys/operator");
    let key = key.display();
    // One that podman keeps would do for both, and is asked for the other registry alone.
    fs::create_dir_all(site.at(".config/containers")).unwrap_or_else(|error| panic!("{error}"));
    let own = site.filled(r#"{"auths": {"@": {"auth": "YWRhOnMzY3JldA=="}}}"#);
    site.write(".config/containers/auth.json", &own);
    site.expect("images pin", 2, &["cannot pin @/private/a:1", "the secret `login` is not in "]);
    site.write("password", "wrong");
    site.give("secrets edit login", "password");
    site.expect(&format!("images pin --identity {key}"), 2, &["@ lets nobody see it without another login"]);
    site.write("password", "s3cret");
    site.give(&format!("secrets edit login --identity {key}"), "password");
    site.expect(
        "images pin",
        2,
        &["the login that the description has for @ cannot be read", "--identity FILE"],
    );
    site.expect(
        &format!("images pin --identity {key}"),
        0,
        &["pinned   @/private/a:1", "pinned   @/basic/a:1"],
    );
    site.expect("build --out out", 0, &[]);
    let manifest = site.read("out/web1/manifest.json");
    let manifest: Value = serde_json::from_str(&manifest).unwrap_or_else(|error| panic!("{error}"));
    let logins = json!({ site.filled("@/private"): { "user": "ada", "secret": "login" } });
    assert_eq!(manifest["logins"], logins);
    for (name, text) in site.all() {
        let is_ours = name.ends_with("/password") || name.ends_with("/auth.json");
        assert!(is_ours || !text.contains("s3cret") && !text.contains("YWRhOnMzY3JldA"), "{name}");
    }
}

#[test]
fn a_lock_that_is_damaged_is_named_by_whatever_reads_it() {
    let site = Site::new();
    site.describe(&["@/open/a:1"], "");
    site.write("images.lock", "version = 1\n");
    for command in ["build --out out", "check", "images pin", "images list"] {
        site.expect(command, 2, &["images.lock is no whole lock of images", "help: take it as git has it"]);
    }
    assert_eq!(site.read("images.lock"), "version = 1\n");
    assert!(!site.at("out").exists());
}

#[test]
fn a_registry_is_found_by_the_names_that_the_machine_knows() {
    let site = Site::new();
    site.means(&json!({ "open/shop:1": "{}" }));
    let image = format!("localhost:{}/open/shop:1", site.port);
    let container = format!("hosts.web1.containers.c0 = {{ image = \"{image}\", contract = .direct }}\n");
    site.write("cloud.kl", &format!("{HEAD}{container}"));
    site.expect("images pin", 0, &["pinned ", "wrote images.lock: 1 image"]);
}
