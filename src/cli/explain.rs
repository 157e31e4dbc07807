//! `kolla-lang explain`: the page of a code.

use clap::Args;
use include_dir::{Dir, include_dir};
use kl::diag::{Code, did_you_mean};
use serde_json::json;

use super::exit::Exit;
use super::say::{say, say_wrong};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/docs/errors");

/// Explain a code that a report printed
#[derive(Debug, Args)]
#[command(after_help = "Example: kolla-lang explain unknown-field\n\nExit codes: 0 printed, 1 no such code")]
pub struct ExplainArgs {
    /// The code, whole or its last word
    code: String,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &ExplainArgs) -> Exit {
    let Some(code) = Code::find(&args.code) else {
        say_wrong!("error: no code `{}`", args.code);
        let names = Code::ALL.iter().map(|c| c.name());
        if let Some(help) = did_you_mean(&args.code, names) {
            say_wrong!("  help: {help}");
        }
        return Exit::Wrong;
    };
    let page = PAGES
        .get_file(format!("{}.md", code.name()))
        .and_then(|file| file.contents_utf8())
        .unwrap_or_default();
    if args.json {
        say!("{}", json!({ "version": 1, "code": code.as_str(), "page": page }));
    } else {
        say!("{}", page.trim_end());
    }
    Exit::Done
}
