//! Random definitions in files that use each other.

use super::Draw;
use super::express::{DOC, Env, bound, expr, key_of, literal, map, record, tree};
use super::schema::{Func, KEYS, MapKey, Schema, T, condition};
use crate::reference::program::File;

/// The files: the entry, perhaps a library with the schema, perhaps others of the site.
pub fn files(draw: &mut Draw<'_>, schema: &Schema) -> Vec<File> {
    let mut schema = schema.clone();
    helpers(draw, &mut schema);
    let n_site = draw.below(3);
    let in_library = draw.chance(50);
    let alone = n_site == 0 && !in_library;
    let mut names: Vec<(&str, bool)> = vec![("case.kl", false)];
    names.extend([("a.kl", false), ("b.kl", false)].into_iter().take(n_site));
    if !alone {
        names.push(if in_library { ("lib.kl", true) } else { ("schema.kl", false) });
    }
    let use_schema = if in_library { "use lib" } else { "use \"./schema.kl\"" };
    let mut out = Vec::new();
    for (i, (name, library)) in names.iter().enumerate() {
        let last = i + 1 == names.len();
        let mut lines = Vec::new();
        if !last {
            for (other, _) in &names[i + 1..names.len() - 1] {
                if i == 0 || draw.chance(50) {
                    lines.push(format!("use \"./{other}\""));
                }
            }
            if i == 0 || draw.chance(80) {
                lines.push(use_schema.to_owned());
            }
        }
        let sees = last || lines.iter().any(|l| l == use_schema);
        if last {
            lines.extend(schema.lines(if alone { "" } else { "pub " }));
            given(draw, &schema, &mut lines, sees);
        }
        let n = if draw.ended() { 0 } else { 1 + draw.below(if last { 4 } else { 7 }) };
        for _ in 0..n {
            lines.push(statement(draw, &schema, *library, sees));
        }
        if draw.chance(20) {
            let env = Env { vars: Vec::new(), limit: schema.options.len(), sees };
            let inner = if draw.chance(50) { bound(draw, &schema, &env, "i") } else { None };
            let (before, env, after) = match inner {
                Some((source, inner)) => {
                    let guard = expr(draw, &schema, &inner, &T::Bool, 1);
                    (format!("for {source} {{ if {guard} {{ "), inner, " } }")
                }
                None => (String::new(), env, ""),
            };
            let cond = expr(draw, &schema, &env, &T::Bool, 2);
            lines.push(format!("check \"c{i}\" {{ {before}require {cond} else \"no\"{after} }}"));
        }
        out.push(File { name: (*name).into(), library: *library, text: lines.join("\n") + "\n" });
    }
    out
}

/// A few functions and lets of the schema.
fn helpers(draw: &mut Draw<'_>, schema: &mut Schema) {
    let types: Vec<T> =
        schema.options.iter().map(|o| o.ty.clone()).filter(|t| !matches!(t, T::Key(_))).collect();
    for i in 0..draw.below(3) {
        let result = if draw.chance(60) { draw.pick(&types).clone() } else { T::Small };
        let mut env = Env { vars: Vec::new(), limit: if draw.chance(20) { 1 } else { 0 }, sees: false };
        let mut params = Vec::new();
        for name in ["g", "h"].into_iter().take(draw.below(3)) {
            let ty = parameter(draw, schema);
            env = env.with(name, ty.clone());
            let cond = if draw.chance(20) { condition(draw, &ty) } else { String::new() };
            params.push((name.to_owned(), ty, cond));
        }
        let inner = draw.chance(25).then(|| {
            let ty = draw.pick(&[T::Int, T::Small, T::Word]).clone();
            let text = format!("let x : {} = {}", schema.written(&ty), expr(draw, schema, &env, &ty, 1));
            env = env.with("x", ty);
            text
        });
        let text = expr(draw, schema, &env, &result, 2);
        let cond = if draw.chance(20) { condition(draw, &result) } else { String::new() };
        schema.funcs.push(Func { name: format!("f{i}"), params, result, cond, inner, text });
    }
    for i in 0..draw.below(2) {
        let ty = draw.pick(&[T::Int, T::Small, T::Str, T::List(Box::new(T::Int))]).clone();
        let text = expr(draw, schema, &Env::empty(), &ty, 2);
        schema.lets.push((format!("l{i}"), ty, text));
    }
}

/// The type of a parameter: of some, what a function reads is a part of it.
fn parameter(draw: &mut Draw<'_>, schema: &Schema) -> T {
    match draw.below(8) {
        0 => T::Tree,
        1 if !schema.recs.is_empty() => T::Rec(draw.below(schema.recs.len())),
        _ => draw.pick(&[T::Int, T::Str, T::Bool, T::Small, T::Word]).clone(),
    }
}

/// What is required is given once, and the usual keys are there.
fn given(draw: &mut Draw<'_>, schema: &Schema, lines: &mut Vec<String>, sees: bool) {
    for (i, option) in schema.options.iter().enumerate() {
        let env = Env { vars: Vec::new(), limit: i, sees };
        let keys = schema.keys.iter().find(|(name, _)| *name == option.name);
        if let (T::Map(_, item), Some((_, keys))) = (&option.ty, keys) {
            for key in keys {
                if draw.chance(92) {
                    let value = match &**item {
                        T::Rec(rec) => record(draw, schema, &env, *rec, 1, false),
                        other => literal(draw, schema, &env, other, 1),
                    };
                    lines.push(format!("{}[\"{key}\"] {} {value}", option.name, suggest(draw)));
                }
            }
        } else if option.required && draw.chance(95) {
            lines.push(format!(
                "{} {} {}",
                option.name,
                suggest(draw),
                literal(draw, schema, &env, &option.ty, 1)
            ));
        }
    }
}

fn suggest(draw: &mut Draw<'_>) -> &'static str {
    if draw.chance(60) { "?=" } else { "=" }
}

/// A statement of a file.
fn statement(draw: &mut Draw<'_>, schema: &Schema, library: bool, sees: bool) -> String {
    let i = draw.below(schema.options.len());
    if draw.chance(3)
        && let Some(text) = mistake(draw, schema, i)
    {
        return text;
    }
    let limit = i;
    let env = Env { vars: Vec::new(), limit, sees };
    block(draw, schema, &env, i, library, 2)
}

/// A definition with a mistake, and the name of its code behind it.
fn mistake(draw: &mut Draw<'_>, schema: &Schema, option: usize) -> Option<String> {
    let (mut path, mut ty) = (schema.options[option].name.clone(), schema.options[option].ty.clone());
    if let T::Map(_, item) = &ty {
        path = format!("{path}[\"{}\"]", key_of(draw, schema, &path));
        ty = (**item).clone();
    }
    if let T::Rec(rec) = ty {
        if draw.chance(30) {
            return Some(format!("{path}.nofield {} 1 #! unknown-field", op(draw)));
        }
        let fields: Vec<_> = schema.fields(rec).cloned().collect();
        let field = draw.pick(&fields);
        path = format!("{path}.{}", field.name);
        ty = field.ty.clone();
    }
    let (value, code) = match ty {
        T::Enum(_) => (".nosuch", "unknown-variant"),
        T::Int | T::Small if draw.chance(40) => ("nosuch + 1", "no-such-name"),
        T::Int | T::Small | T::Bool | T::Duration | T::Size | T::Float | T::Ip => ("\"oops\"", "mismatch"),
        T::Str | T::Word => ("1", "mismatch"),
        T::List(_) | T::Set(_) => ("3", "mismatch"),
        _ => return None,
    };
    Some(format!("{path} {} {value} #! {code}", op(draw)))
}

/// A definition of an option, or a loop or guard around some.
fn block(
    draw: &mut Draw<'_>,
    schema: &Schema,
    env: &Env,
    option: usize,
    library: bool,
    depth: usize,
) -> String {
    let name = &schema.options[option].name;
    match draw.below(10) {
        6 if depth > 0 => {
            let cond = expr(draw, schema, env, &T::Bool, 2);
            let inner = block(draw, schema, env, option, library, depth - 1);
            match draw.chance(30) {
                true => {
                    let other = block(draw, schema, env, option, library, depth - 1);
                    format!("if {cond} {{ {inner} }} else {{ {other} }}")
                }
                false => format!("if {cond} {{ {inner} }}"),
            }
        }
        7 if depth > 0 => {
            let Some((source, inner_env)) = bound(draw, schema, env, if depth == 2 { "i" } else { "j" })
            else {
                return define(draw, schema, env, option, library);
            };
            let mut cond = String::new();
            if draw.chance(25) {
                cond = format!(" if {}", expr(draw, schema, &inner_env, &T::Bool, 1));
            }
            let inner = block(draw, schema, &inner_env, option, library, depth - 1);
            format!("for {source}{cond} {{ {inner} }}")
        }
        8 if depth > 0
            && matches!(schema.options[option].ty, T::Map(..))
            && !env.vars.iter().any(|(n, _)| n == "w") =>
        {
            let inner_env = env.with("w", T::Key(name.clone()));
            let inner = block(draw, schema, &inner_env, option, library, depth - 1);
            format!("for w in {name} {{ {inner} }}")
        }
        9 if depth > 0 => {
            let ty = draw.pick(&[T::Int, T::Str, T::Bool, T::Small, T::Word]).clone();
            let value = expr(draw, schema, env, &ty, 1);
            let typed = if draw.chance(50) { format!(" : {}", schema.written(&ty)) } else { String::new() };
            let typed = if env.sees { typed } else { String::new() };
            let ty = if typed.is_empty() { ty.plain() } else { ty };
            let name = ["o", "m"][depth % 2];
            let inner = block(draw, schema, &env.with(name, ty), option, library, depth - 1);
            format!("if true {{ let {name}{typed} = {value}, {inner} }}")
        }
        _ => define(draw, schema, env, option, library),
    }
}

fn define(draw: &mut Draw<'_>, schema: &Schema, env: &Env, option: usize, library: bool) -> String {
    let mut path = schema.options[option].name.clone();
    let mut ty = schema.options[option].ty.clone();
    let mut entry = false;
    loop {
        let (next, step) = match &ty {
            T::Rec(rec) if !draw.chance(15) => {
                let fields: Vec<_> = schema.fields(*rec).cloned().collect();
                let field = draw.pick(&fields);
                (field.ty.clone(), format!(".{}", field.name))
            }
            T::Map(key, item) if !draw.chance(10) => {
                ((**item).clone(), step(draw, schema, env, option, key, entry))
            }
            T::Opt(inner) if inner.merges() && !matches!(**inner, T::Tree) && !draw.chance(50) => {
                (ty, entry) = ((**inner).clone(), false);
                continue;
            }
            T::Tree if draw.chance(60) => (T::Tree, format!(".{}", draw.pick(&DOC))),
            _ => break,
        };
        entry = matches!(ty, T::Map(..) | T::Tree);
        path.push_str(&step);
        ty = next;
        if entry && draw.chance(25) {
            break;
        }
    }
    let may_go = entry || matches!(&ty, T::Opt(inner) if inner.merges());
    if may_go && draw.chance(15) {
        let force = if !library && draw.chance(15) { "force " } else { "" };
        return format!("{force}{path} {} none", op(draw));
    }
    let (force, op) = match (&ty, draw.below(10)) {
        (T::List(_) | T::Set(_), 0..=4) => ("", *draw.pick(&["+=", "-="])),
        (_, 8) if !library => ("force ", "="),
        (_, 9) => ("", ":="),
        _ => ("", op(draw)),
    };
    format!("{force}{path} {op} {}", value(draw, schema, env, &ty))
}

fn op(draw: &mut Draw<'_>) -> &'static str {
    if draw.chance(40) { "?=" } else { "=" }
}

/// A step into a map: a key by name, by a variable, by a text with a hole.
fn step(draw: &mut Draw<'_>, schema: &Schema, env: &Env, option: usize, key: &MapKey, below: bool) -> String {
    let name = &schema.options[option].name;
    let fits = |ty: &T| match (key, ty) {
        (MapKey::Of(of), T::Key(found)) => of == found,
        (MapKey::Str | MapKey::Word, T::Str | T::Word) => true,
        (_, T::Key(found)) => found == name && !below,
        _ => false,
    };
    let vars: Vec<String> = env.vars.iter().filter(|(_, ty)| fits(ty)).map(|(n, _)| n.clone()).collect();
    if !vars.is_empty() && !draw.chance(20) {
        return format!("[{}]", draw.pick(&vars));
    }
    let numbers: Vec<String> =
        env.vars.iter().filter(|(_, ty)| ty.plain() == T::Int).map(|(n, _)| n.clone()).collect();
    if !numbers.is_empty() && draw.chance(60) {
        return format!("[\"{}${{{}}}\"]", draw.pick(&["k", "n"]), draw.pick(&numbers));
    }
    let key = match key {
        MapKey::Of(of) => key_of(draw, schema, of),
        _ if below => (*draw.pick(&KEYS[..2])).to_owned(),
        _ => key_of(draw, schema, name),
    };
    if draw.chance(50) { format!(".{key}") } else { format!("[\"{key}\"]") }
}

/// The right side of a definition: braces more often than not where braces may stand.
fn value(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T) -> String {
    match ty {
        T::Rec(rec) if draw.chance(60) => record(draw, schema, env, *rec, 2, true),
        T::Map(..) if draw.chance(60) => map(draw, schema, env, ty, 2),
        T::Tree if draw.chance(50) => tree(draw, schema, env, 2),
        T::Opt(inner) if inner.merges() && draw.chance(70) => value(draw, schema, env, inner),
        _ => expr(draw, schema, env, ty, 2),
    }
}
