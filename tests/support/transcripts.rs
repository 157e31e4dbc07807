//! tests/cli/*.txt: what a user types and sees. Files first, each below a line `--- name`, then below a bare `---` the
//! commands, what each printed (standard output, then standard error) and, unless it is 0, `[exit N]`.
//!
//! A command runs in a folder of its own with nothing of this machine's environment. There is no shell: words are split at
//! spaces, quotes hold words together, and a last word `<FILE` is what a command reads. Beside ours there are programs that copy and
//! damage files. The folder has a link to `tests`, for keys. Days are printed as `$DAY` and digests as `$DIGEST`: what
//! has a random name has others in each run.

use super::files::{Content, Files, parse_head};
use super::{files_under, golden, read, root, shown, trial};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Every transcript as a test.
pub fn trials() -> Vec<Trial> {
    files_under("tests/cli", "txt")
        .into_iter()
        .map(|path| {
            let name = shown(&path).trim_start_matches("tests/").trim_end_matches(".txt").to_owned();
            trial(name, move || check(&path))
        })
        .collect()
}

fn check(path: &Path) -> Result<(), Failed> {
    let text = read(path)?;
    let (files, script) = split(&text);
    let folder = tempfile::tempdir()?;
    files.write_to(folder.path())?;
    std::os::unix::fs::symlink(root().join("tests"), folder.path().join("tests"))?;
    let head = &text[..text.len() - script.len()];
    golden::compare_file(path, &format!("{head}{}", replay(script, folder.path())?))
}

/// The files of a transcript, and its commands with what they printed.
fn split(text: &str) -> (Files, &str) {
    let mut all = BTreeMap::new();
    let mut current: Option<(String, Content)> = None;
    let mut read = 0;
    for line in text.split_inclusive('\n') {
        read += line.len();
        if line.trim_end() == "---" {
            break;
        }
        if let Some(head) = line.strip_prefix("--- ") {
            let (name, kind) = parse_head(head);
            all.extend(current.replace((name, kind.unwrap_or(Content::Text(String::new())))));
        } else if let Some((_, Content::Text(body))) = &mut current {
            body.push_str(line);
        }
    }
    all.extend(current);
    (Files { entry: String::new(), all }, &text[read..])
}

/// Runs the commands of a script again and returns it with what they print now.
pub fn replay(script: &str, folder: &Path) -> Result<String, Failed> {
    let mut out = String::new();
    for line in script.lines() {
        if line.starts_with("$ ") || line.starts_with("# ") && out.is_empty() {
            out.push_str(line);
            out.push('\n');
        }
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let (printed, code) = run(command, folder)?;
        out.push_str(&masked(&printed));
        if !printed.is_empty() && !printed.ends_with('\n') {
            out.push('\n');
        }
        if code != 0 {
            out.push_str(&format!("[exit {code}]\n"));
        }
    }
    Ok(out)
}

/// A text without the words that differ from run to run.
fn masked(printed: &str) -> String {
    printed.split_inclusive([' ', '\n', '"']).map(masked_word).collect()
}

fn masked_word(word: &str) -> String {
    let plain = word.trim_end_matches([' ', '\n', '"']);
    let is_digit = |c: char| c.is_ascii_digit();
    let is_hex = |c: char| is_digit(c) || ('a'..='f').contains(&c);
    let is_day = plain.len() == 10 && plain.split('-').map(str::len).eq([4, 2, 2]);
    if is_day && plain.chars().all(|c| c == '-' || is_digit(c)) {
        format!("$DAY{}", &word[plain.len()..])
    } else if plain.len() == 12 && plain.chars().all(is_hex) {
        format!("$DIGEST{}", &word[plain.len()..])
    } else {
        word.to_owned()
    }
}

/// Runs one command; returns what it printed and its exit code.
pub fn run(command: &str, folder: &Path) -> Result<(String, i32), Failed> {
    let mut words = words(command);
    let input = words.pop_if(|word| word.starts_with('<'));
    let input = match input.as_deref().and_then(|word| word.strip_prefix('<')) {
        Some(file) => Stdio::from(std::fs::File::open(folder.join(file))?),
        None => Stdio::null(),
    };
    let (program, arguments) = match words.split_first().map(|(program, rest)| (program.as_str(), rest)) {
        Some(("kolla-lang", rest)) => (env!("CARGO_BIN_EXE_kolla-lang"), rest),
        Some((program @ ("cp" | "sed" | "truncate"), rest)) => (program, rest),
        _ => return Err(format!("`{command}`: a transcript runs kolla-lang, cp, sed and truncate").into()),
    };
    let done = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "80")
        .stdin(input)
        .output()?;
    let printed =
        [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let code = done.status.code().ok_or_else(|| format!("`{command}` was ended by a signal:\n{printed}"))?;
    let folder = folder.to_string_lossy();
    Ok((printed.replace(&*folder, "$DIR").replace(&*root().to_string_lossy(), "$CHECKOUT"), code))
}

fn words(command: &str) -> Vec<String> {
    let mut out = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    for c in command.chars() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => out.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    out
}
