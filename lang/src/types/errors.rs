//! The words of the checker's reports.

use super::bare::Bare;
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::{ReadError, Span};

/// A used file cannot be read.
pub fn unreadable(at: Span, name: &str, why: &ReadError, modules: &[String], quoted: bool) -> Diagnostic {
    let (code, what) = match why {
        ReadError::Missing => (Code::FileMissing, "there is no such file".to_string()),
        ReadError::Directory => (Code::FileUnreadable, "it is a directory".into()),
        ReadError::NotPlain => (Code::FileUnreadable, "it is no plain file".into()),
        ReadError::Outside => {
            (Code::FileOutside, "it lies outside of the folder of the description".to_string())
        }
        ReadError::TooLarge => (Code::FileTooLarge, "it is larger than 16 MiB".into()),
        ReadError::NotUtf8(offset) => {
            (Code::FileNotUtf8, format!("it is not UTF-8: the byte at offset {offset} is wrong"))
        }
        ReadError::Other(text) => (Code::FileUnreadable, text.clone()),
    };
    let known = modules.iter().map(String::as_str);
    if quoted {
        let help = match why {
            ReadError::Missing => "paths are relative to the file that uses them".to_string(),
            ReadError::Outside => {
                "copy it into that folder, or name a folder that holds both: `--root DIR`".to_string()
            }
            _ => "use a UTF-8 text of at most 16 MiB".into(),
        };
        return Diagnostic::error(code, at, format!("cannot use `{name}`: {what}")).help(help);
    }
    Diagnostic::error(code, at, format!("no library module `{name}`")).help(
        did_you_mean(name, known)
            .unwrap_or_else(|| format!("for a file of your own write `use \"./{name}.kl\"`")),
    )
}

/// A text that `template` or `file` names cannot be read.
pub fn unreadable_text(at: Span, name: &str, why: &ReadError) -> Diagnostic {
    unreadable(at, name, why, &[], true)
}

/// Something that lies too deep, by its path or by what it is made of.
pub fn too_deep(at: Span, limit: usize) -> Diagnostic {
    Diagnostic::error(Code::TooDeep, at, format!("this lies deeper than {limit} levels"))
}

/// Too many files.
pub fn too_many_files(at: Span, limit: usize) -> Diagnostic {
    Diagnostic::error(Code::FileTooLarge, at, format!("more than {limit} files in one description"))
}

/// Files use each other in a cycle.
pub fn use_cycle(at: Span, name: &str, chain: &[Span]) -> Diagnostic {
    let mut out =
        Diagnostic::error(Code::UseCycle, at, format!("`{name}` uses itself")).here("which closes the cycle");
    for other in chain.iter().filter(|c| **c != at) {
        out = out.label(*other, "used here");
    }
    out.help("move what both need into a third file")
}

/// A name that nobody declares.
pub fn no_such_name<'a>(at: Span, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    let minus = name.split_once('-').filter(|(left, right)| {
        known.contains(left) && (known.contains(right) || right.bytes().all(|b| b.is_ascii_digit()))
    });
    let help = match minus {
        Some((left, right)) => {
            Some(format!("write `{left} - {right}`: a hyphen without spaces belongs to the word"))
        }
        None => did_you_mean(name, known),
    };
    Diagnostic::error(Code::NoSuchName, at, format!("no such name `{name}`")).help_opt(help)
}

/// A name that several files declare.
pub fn ambiguous(at: Span, name: &str, places: &[Span]) -> Diagnostic {
    let mut out = Diagnostic::error(Code::AmbiguousName, at, format!("`{name}` is declared more than once"));
    for place in places {
        out = out.label(*place, "declared here");
    }
    out.help("rename one of them, or take away its `pub`")
}

/// A second declaration of one name.
pub fn duplicate(at: Span, what: &str, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error(Code::DuplicateName, at, format!("{what} `{name}` is declared twice"))
        .label(first, "first declared here")
        .help("remove one of them or give it another name")
}

/// A type that nobody declares.
pub fn no_such_type<'a>(at: Span, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    Diagnostic::error(Code::NoSuchType, at, format!("no such type `{name}`"))
        .help_opt(did_you_mean(name, known))
}

/// A type that contains itself.
pub fn recursive_type(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(Code::RecursiveType, at, format!("the type `{name}` contains itself"))
        .help("break the cycle: refer to the other by `key of` a map instead")
}

/// A type used where it cannot stand.
pub fn bad_type_use(at: Span, message: impl Into<String>, help: Option<&str>) -> Diagnostic {
    Diagnostic::error(Code::BadTypeUse, at, message).help_opt(help.map(str::to_string))
}

/// An address that is written without brackets where one of IPv6 needs them.
pub fn bare_address(at: Span, bare: Bare) -> Diagnostic {
    let message = match bare {
        Bare::BeforePort => "an address before a port is without the brackets that IPv6 needs",
        Bare::InUrl => "an address in a URL is without the brackets that IPv6 needs",
        Bare::InBrackets => "an address is in brackets whatever its family is",
    };
    Diagnostic::warning(Code::BareAddress, at, message).help(BRACKETS)
}

/// What writes an address as it is needed.
pub const BRACKETS: &str =
    "write `ADDRESS.at(PORT)`, or `ADDRESS.in_url` without a port: both have brackets for IPv6 alone";

/// One type wanted, another given.
pub fn mismatch(at: Span, wanted: &str, found: &str, help: Option<String>) -> Diagnostic {
    Diagnostic::error(Code::Mismatch, at, format!("expected {wanted}, found {found}")).help_opt(help)
}

/// Something that cannot be part of a Tree.
pub fn not_in_tree(at: Span, found: &str, help: Option<String>) -> Diagnostic {
    Diagnostic::error(Code::NotInTree, at, format!("{found} cannot be part of a Tree")).help_opt(help)
}

/// A field that the record does not have.
pub fn unknown_field<'a>(
    at: Span,
    field: &str,
    record: &str,
    declared_at: Option<Span>,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let mut out = Diagnostic::error(Code::UnknownField, at, format!("no field `{field}` in {record}"))
        .help_opt(did_you_mean(field, known));
    if let Some(declared_at) = declared_at {
        out = out.label(declared_at, "the type is declared here");
    }
    out
}

/// A root field that nobody declares by `option`.
pub fn unknown_root<'a>(at: Span, field: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let help = did_you_mean(field, known)
        .unwrap_or_else(|| format!("declare it with `option {field} : …`, or `use` the module that does"));
    Diagnostic::error(Code::UnknownField, at, format!("no option `{field}`")).help(help)
}

/// A literal that lacks fields.
pub fn missing_fields(at: Span, names: &[&str], declared_at: Span) -> Diagnostic {
    let all: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    Diagnostic::error(
        Code::MissingField,
        at,
        format!("{} {} missing", all.join(", "), if all.len() == 1 { "is" } else { "are" }),
    )
    .label(declared_at, "the type is declared here")
    .help("write it here, or give it a default in the type")
}

/// A variant that the enum does not have.
pub fn unknown_variant<'a>(
    at: Span,
    name: &str,
    owner: &str,
    declared_at: Span,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    let all: Vec<String> = known.iter().take(12).map(|k| format!("`.{k}`")).collect();
    let help = did_you_mean(name, known).unwrap_or_else(|| format!("there are {}", all.join(", ")));
    Diagnostic::error(Code::UnknownVariant, at, format!("no variant `.{name}` in {owner}"))
        .label(declared_at, "the enum is declared here")
        .help(help)
}

/// A literal whose type cannot be seen.
pub fn needs_type(at: Span, what: &str) -> Diagnostic {
    Diagnostic::error(Code::NeedsType, at, format!("the type of {what} cannot be seen here"))
        .help("write `let x : T = …`")
}

/// A Secret where none may be.
pub fn secret_leak(at: Span, hole: Option<Span>, wanted: &str) -> Diagnostic {
    let mut out = Diagnostic::error(Code::SecretLeak, at, format!("a Secret cannot become {wanted}"));
    if let Some(hole) = hole {
        out = out.label(hole, "the secret is here");
    }
    out.help("secrets may stand in the content of files and nowhere else")
}

/// Arguments that do not fit.
pub fn wrong_arguments(
    at: Span,
    message: impl Into<String>,
    declared_at: Option<Span>,
    help: Option<String>,
) -> Diagnostic {
    let mut out = Diagnostic::error(Code::WrongArguments, at, message).help_opt(help);
    if let Some(declared_at) = declared_at {
        out = out.label(declared_at, "declared here");
    }
    out
}

/// A key written like a variant with a payload.
pub fn payload_of_key(at: Span) -> Diagnostic {
    wrong_arguments(at, "a key has no payload", None, None)
}

/// Something called that is no function.
pub fn not_a_function<'a>(at: Span, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    Diagnostic::error(Code::NotAFunction, at, format!("`{name}` is not a function"))
        .help_opt(did_you_mean(name, known))
}

/// A builtin of tests elsewhere.
pub fn only_expected(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(Code::NotAFunction, at, format!("`{name}` is asked only by what a test expects"))
        .help(format!("write it in a test: `test \"…\" {{ expect {name}(…) }}`"))
}

/// A test names a check or a code that is not there.
pub fn no_such_expected(at: Span, builtin: &str, name: &str, known: &[&str]) -> Diagnostic {
    let what = if builtin == "fails" { "check" } else { "code" };
    let is_short = what == "code" && !name.contains("::");
    let known = known.iter().map(|it| if is_short { it.rsplit("::").next().unwrap_or(it) } else { it });
    Diagnostic::error(Code::NoSuchName, at, format!("no {what} `{name}`")).help_opt(did_you_mean(name, known))
}

/// Functions or lets that need each other.
pub fn recursive_function(at: Span, chain: &[(String, Span)]) -> Diagnostic {
    let names: Vec<&str> = chain.iter().map(|(n, _)| n.as_str()).collect();
    let mut out = Diagnostic::error(
        Code::RecursiveFunction,
        at,
        format!("`{}` calls itself: {}", names[0], names.join(" → ")),
    );
    for (name, place) in chain.iter().skip(1) {
        if *place != at {
            out = out.label(*place, format!("`{name}` is declared here"));
        }
    }
    out.help("loops run over finite collections: use `for` instead")
}

/// A path that goes where none can go.
pub fn bad_path(at: Span, message: impl Into<String>, help: Option<&str>) -> Diagnostic {
    Diagnostic::error(Code::BadPath, at, message).help_opt(help.map(str::to_string))
}

/// An operator on types that it does not know.
pub fn bad_operator(at: Span, message: impl Into<String>, help: Option<String>) -> Diagnostic {
    Diagnostic::error(Code::BadOperator, at, message).help_opt(help)
}

/// A match with arms that are wrong or missing.
pub fn bad_match(at: Span, message: impl Into<String>, help: Option<String>) -> Diagnostic {
    Diagnostic::error(Code::BadMatch, at, message).help_opt(help)
}

/// `force` where it may not be.
pub fn bad_force(at: Span) -> Diagnostic {
    Diagnostic::error(Code::BadForce, at, "`force` belongs to the site, not to the library").help("write `=`")
}

/// An operator that only definitions have.
pub fn only_set(at: Span) -> Diagnostic {
    Diagnostic::error(Code::WrongOperator, at, "only `=` may stand inside a value")
        .help("write the definition outside, with its whole path")
}
