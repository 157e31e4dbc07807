//! What a session answers after any edits is what is answered of the same texts when they are read for the first time: the same
//! reports at the same places, the same values with the same origins.

#![allow(clippy::disallowed_methods, reason = "a test reads its own seed")]

use kl::Compiled;
use kl::data::Data;
use kl::diag::Diagnostic;
use kl::session::Session;
use kl::source::{ReadError, World};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files in memory.
#[derive(Clone)]
struct Files(BTreeMap<&'static str, Arc<str>>);

impl World for Files {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        self.0.get(path).cloned().ok_or(ReadError::Missing)
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        (path == "base.kl").then(|| LIBRARY.into())
    }

    fn library_modules(&self) -> Vec<String> {
        vec!["base".into()]
    }
}

const LIBRARY: &str = r#"
pub type Name = Str where matches(it, '[a-z][a-z0-9]*')
pub fn double(n: Int) -> Int = n * 2
"#;

const SITE: [(&str, &str); 4] = [
    (
        "main.kl",
        r#"use base
use "./types.kl"
use "./hosts.kl"
for h in hosts { hosts[h].services.web = { port = double(40) + 1 } }
check "ports differ" { require unique(it.port for s, it in all) else "one port twice" }
"#,
    ),
    (
        "types.kl",
        r#"use base
type Service = {
  port  : Int where it in 1..65535
  title : Str = "on ${self.port}"
}
type Host = {
  name     : Name = key
  rank     : Int = 1
  services : {[Name]: Service} = {}
}
option hosts : {[Name]: Host} = {}
option all   : {[Name]: Service} = {}
"#,
    ),
    (
        "hosts.kl",
        r#"use "./types.kl"
hosts.a = { rank = 1 }
hosts.b = { rank = double(3) }
hosts.c = {}
all.x = { port = 1 }
if true { hosts.c.rank ?= 7 }
"#,
    ),
    (
        "more.kl",
        r#"use "./types.kl"
hosts.d = { rank = 9 }
hosts.a.rank := 5
all.y = { port = 2, title = "why" }
"#,
    ),
];

/// Lines that are put in at random: right ones and wrong ones.
const LINES: [&str; 14] = [
    "",
    "# a comment",
    "hosts.e = { rank = 4 }",
    "hosts.a.rank = 70",
    "use \"./more.kl\"",
    "use \"./absent.kl\"",
    "let n = 3",
    "fn double(n: Int) -> Int = n * 3",
    "all.z = { port = 70000 }",
    "all.x.prot = 2",
    "hosts[\"b\"].services.db = { port = n }",
    "check \"no\" { require count(hosts) < 4 else \"too many\" }",
    "type Service = { ",
    "} )] \"",
];

/// One edit: of which file, at which line, what is done there, and which line is put in.
type Edit = (usize, usize, u8, usize);

fn edited(text: &str, (_, line, what, new): &Edit) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = line % (lines.len() + 1);
    match what % 5 {
        0 => lines.insert(at, LINES[new % LINES.len()].to_owned()),
        1 if at < lines.len() => drop(lines.remove(at)),
        2 if at < lines.len() => {
            let cut = lines[at].chars().count() * (new % 7) / 7;
            lines[at] = lines[at].chars().take(cut).collect();
        }
        3 if at < lines.len() => lines[at] = lines[at].replace('1', "2"),
        // A text that is much longer moves all that is read after it.
        4 if *new == 0 => lines.insert(at, format!("# {}", "long ".repeat(2000))),
        _ if lines.is_empty() => {}
        _ => {
            let other = at.min(lines.len() - 1);
            lines.swap(other, 0);
        }
    }
    lines.join("\n") + "\n"
}

/// All that a description says: what is wrong, as it is printed and as it is, and all values.
type Answer = (Vec<String>, Vec<Diagnostic>, Vec<(Arc<str>, Data)>);

fn answer(compiled: &Compiled, all: Vec<Diagnostic>) -> Answer {
    let (parts, _) = compiled.parts(1, |name, data| (name.clone(), data));
    let lines = all.iter().map(|it| it.one_line(compiled.sources())).collect();
    (lines, all, compiled.root().iter().cloned().chain(parts).collect())
}

fn holds(edits: &[Edit]) -> Result<(), String> {
    let mut texts = Files(SITE.map(|(name, text)| (name, text.into())).into());
    let mut session = Session::new(texts.clone(), &["main.kl"], Some("hosts"));
    for edit in edits {
        let (name, _) = SITE[edit.0 % SITE.len()];
        let text = edited(&texts.0[name], edit);
        texts.0.insert(name, text.as_str().into());
        let fault = |error: ReadError| format!("{error:?}");
        let typed = session.set_file(name, &text).map_err(fault)?;
        let cold = kl::check(&texts, &["main.kl"]).map_err(fault)?;
        if typed != cold.problems().sorted() {
            return Err(format!(
                "typed:\n{typed:#?}\nand when it is read first:\n{:#?}",
                cold.problems().sorted()
            ));
        }
        let cold = cold.evaluate(Some("hosts"));
        let (_, parts) = cold.parts(1, |_, _| ());
        let mut told = cold.problems().clone();
        told.extend(parts);
        let told = told.sorted();
        let all = session.diagnostics(1).map_err(fault)?;
        let (warm, cold) = (answer(session.compiled().map_err(fault)?, all), answer(&cold, told));
        if warm != cold {
            return Err(format!("{warm:#?}\nand when it is read first:\n{cold:#?}"));
        }
    }
    Ok(())
}

#[test]
fn a_session_answers_as_one_that_just_began() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, cases) = (number("SEED").unwrap_or(1), number("CASES").unwrap_or(200));
    let cases = u32::try_from(cases).unwrap_or(u32::MAX);
    let config =
        Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let edits = vec((0..4usize, 0..40usize, any::<u8>(), 0..14usize), 1..10);
    let tried = TestRunner::new(config).run(&edits, |edits| holds(&edits).map_err(TestCaseError::fail));
    if let Err(error) = tried {
        panic!("seed {seed}: {error}");
    }
}

#[test]
fn a_file_that_is_closed_is_that_of_the_world() {
    let texts = Files(SITE.map(|(name, text)| (name, text.into())).into());
    let mut session = Session::new(texts, &["main.kl"], Some("hosts"));
    let told = |session: &mut Session<Files>, text: Option<&str>| {
        let found = match text {
            Some(text) => session.set_file("hosts.kl", text),
            None => session.close_file("hosts.kl"),
        };
        found.map(|all| all.len()).map_err(|error| format!("{error:?}"))
    };
    let text = "use \"./types.kl\"\nhosts.a = { rnak = 1 }\n";
    assert_eq!(told(&mut session, Some(text)), Ok(1));
    assert_eq!(told(&mut session, None), Ok(0));
}
