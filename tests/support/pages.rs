//! The documents: every code has a page whose first example is wrong and whose second is right, every block marked `kl`
//! compiles, every `console` block is what is printed, and every link between pages leads somewhere.

use super::files::Files;
use super::{engine, files_under, golden, read, root, shown, transcripts, trial};
use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};

/// All tests of documents.
pub fn trials() -> Vec<Trial> {
    let mut out = Vec::new();
    let codes = engine::codes();
    for code in codes.clone() {
        out.push(trial(format!("code/{}/page", code.name), move || error_page(&code)));
    }
    for page in files_under("docs/errors", "md") {
        let known = codes.iter().any(|c| page.file_stem().is_some_and(|s| *s == *c.name));
        let name = format!("docs/{}", shown(&page).trim_start_matches("docs/"));
        out.push(trial(name, move || if known { links(&page) } else { Err("is a page of no code".into()) }));
    }
    for page in documents() {
        out.push(trial(shown(&page), move || links(&page).and_then(|()| blocks_hold(&page))));
    }
    out
}

/// Every document but the pages of codes.
fn documents() -> Vec<PathBuf> {
    let mut all = files_under("docs", "md");
    all.retain(|p| !p.starts_with(root().join("docs/errors")));
    all.push(root().join("README.md"));
    all
}

/// A block of a page.
struct Block<'a> {
    /// What stands behind the fence.
    info: &'a str,
    /// The line of the fence, from 1.
    line: usize,
    text: String,
    /// Of a block of commands, the description that the page has come to.
    case: String,
}

/// The blocks of a page. One of kl with a name, as in `kl shared.kl`, is a further file of the block before it; `kl +` is that
/// block with more lines.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut out: Vec<Block> = Vec::new();
    let mut open = false;
    for (i, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                open = true;
                let (info, line) = (info.trim(), i + 1);
                let last = out.iter_mut().rfind(|it| it.info == "kl");
                match (info.strip_prefix("kl "), last) {
                    (Some("+"), Some(last)) => {
                        let text = last.text.clone();
                        out.push(Block { info: "kl", line, text, case: String::new() });
                    }
                    (Some(name), Some(last)) => {
                        last.text.push_str(&format!("# --- {name}\n"));
                        // Its lines go to the block that it belongs to.
                        let at = out.iter().rposition(|it| it.info == "kl").unwrap_or_default();
                        let case = out.remove(at);
                        out.push(case);
                    }
                    (_, last) => {
                        let case = last.map(|it| it.text.clone()).unwrap_or_default();
                        out.push(Block { info, line, text: String::new(), case });
                    }
                }
            }
            (Some(_), true) => open = false,
            (None, true) => {
                if let Some(block) = out.last_mut() {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
            (None, false) => {}
        }
    }
    out
}

fn error_page(code: &engine::CodeName) -> Result<(), Failed> {
    let path = root().join(format!("docs/errors/{}.md", code.name));
    let text = read(&path)?;
    if text.lines().next() != Some(&format!("# {}", code.text)) {
        return Err(format!("{} must begin with `# {}`", shown(&path), code.text).into());
    }
    let all = blocks(&text);
    let mut kl = all.iter().filter(|b| b.info == "kl");
    let (Some(wrong), Some(right)) = (kl.next(), kl.next()) else {
        return Err(format!("{} needs a wrong example and a right one", shown(&path)).into());
    };
    let outcome = engine::compile(&Files::parse("example.kl", &wrong.text));
    let seen: Vec<&str> = outcome.reports.iter().map(|r| r.code.as_str()).collect();
    if seen != [code.text.as_str()] {
        let printed = outcome.printed();
        return Err(
            format!("the wrong example gives {seen:?} and not {} alone:\n{printed}", code.text).into()
        );
    }
    compiles(&path, right)
}

fn compiles(path: &Path, block: &Block) -> Result<(), Failed> {
    let outcome = engine::compile(&Files::parse("example.kl", &block.text));
    if outcome.reports.is_empty() {
        return Ok(());
    }
    Err(format!("the block at {}:{} is not clean:\n{}", shown(path), block.line, outcome.printed()).into())
}

fn blocks_hold(path: &Path) -> Result<(), Failed> {
    let text = read(path)?;
    let mut page = text.clone();
    for block in blocks(&text) {
        match block.info {
            "kl" => compiles(path, &block)?,
            "console" => {
                let seen = shows(path, &block)?;
                page = page.replacen(
                    &format!("```console\n{}```", block.text),
                    &format!("```console\n{seen}```"),
                    1,
                );
            }
            "ebnf" | "text" | "sh" | "json" | "ini" | "toml" | "yaml" | "jinja" | "rust" => {}
            other => {
                return Err(
                    format!("{}:{}: nobody knows how to test `{other}`", shown(path), block.line).into()
                );
            }
        }
    }
    if page != text { golden::compare_file(path, &page) } else { Ok(()) }
}

/// Runs a block of commands where the page's description lies as `cloud.kl`, and returns it as it is printed now. A block without output only has to succeed; one with output must be what is printed. Cargo is not run again for a tool
/// that is already there, and `tests/run` not by its own test.
fn shows(path: &Path, block: &Block) -> Result<String, Failed> {
    let script =
        block.text.replace("$ cargo run --release -- ", "$ kolla-lang ").replace("$ tests/run\n", "");
    let folder = tempfile::tempdir()?;
    for shared in ["examples", "tests"] {
        std::os::unix::fs::symlink(root().join(shared), folder.path().join(shared))?;
    }
    Files::parse("cloud.kl", &block.case).write_to(folder.path())?;
    let seen = transcripts::replay(&script, folder.path())?;
    let has_output = script.lines().any(|l| !l.starts_with("$ "));
    let commands: String = script.lines().filter(|l| l.starts_with("$ ")).map(|l| format!("{l}\n")).collect();
    let name = format!("the block at {}:{}", shown(path), block.line);
    match has_output {
        true if script != block.text => {
            if seen == script {
                Ok(block.text.clone())
            } else {
                Err(golden::differs(&name, &script, &seen))
            }
        }
        true => Ok(seen),
        false if seen.contains("\n[exit ") => Err(golden::differs(&name, &commands, &seen)),
        false => Ok(block.text.clone()),
    }
}

/// Every relative link of a page leads to a file.
fn links(path: &Path) -> Result<(), Failed> {
    let text = read(path)?;
    let folder = path.parent().unwrap_or(root());
    for (i, line) in text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                return Err(format!("{}:{} links to {target}, which is not there", shown(path), i + 1).into());
            }
        }
    }
    Ok(())
}
