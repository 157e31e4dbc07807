//! What only a test may ask: what the caller of the language makes of values, and what was reported. The checker lets nobody else call these.

use super::super::pass::Pass;
use super::Builtin;
use crate::live::Value;
use crate::source::Span;
use crate::types::ty::TyId;

const G: &str = "Tests";

pub(super) static ALL: [Builtin; 4] = [
    Builtin::new(
        G,
        "rendered",
        "(T) -> Str",
        "The text that is made of a file. Secrets are named in it.",
        ("1", "1"),
        rendered,
    ),
    Builtin::new(
        G,
        "built",
        "(T, Str) -> Str",
        "The text of a file that is built for a host, by the name that `build --out` gives it.",
        ("1", "1"),
        built,
    ),
    Builtin::new(G, "fails", "(Str) -> Bool", "Whether the check of this title fails.", ("1", "1"), fails),
    Builtin::new(
        G,
        "reports",
        "(Str) -> Bool or (Str, Str) -> Bool",
        "Whether this code is reported, with this text in its message.",
        ("1", "1"),
        reports,
    ),
];

fn rendered(pass: &mut Pass<'_>, args: &[Value], types: &[TyId], at: Span) -> Value {
    pass.ask_rendered(&args[0], types[0], at)
}

fn built(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let Value::Str(file) = &args[1] else { return pass.failed(at, &[&args[1]]) };
    pass.ask_built(&args[0], file, at)
}

fn fails(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let Value::Str(title) = &args[0] else { return pass.failed(at, &[&args[0]]) };
    pass.ask_fails(title, at)
}

fn reports(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let Value::Str(code) = &args[0] else { return pass.failed(at, &[&args[0]]) };
    let text = args.get(1).and_then(Value::as_str).map_or("", |it| it);
    pass.ask_reports(code, text, at)
}
