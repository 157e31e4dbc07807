//! Random expressions of a type.

use super::Draw;
use super::schema::{KEYS, LIMIT, MapKey, Schema, T};

/// What can be read where an expression stands.
#[derive(Clone, Debug)]
pub struct Env {
    pub vars: Vec<(String, T)>,
    /// Only the first so many options, so that cycles are rare.
    pub limit: usize,
    /// Whether the file sees the functions and lets of the schema.
    pub sees: bool,
}

impl Env {
    pub fn empty() -> Env {
        Env { vars: Vec::new(), limit: 0, sees: false }
    }

    pub fn with(&self, name: &str, ty: T) -> Env {
        let mut inner = self.clone();
        inner.vars.retain(|(n, _)| n != name);
        inner.vars.push((name.to_owned(), ty));
        inner
    }
}

/// A default: a literal.
pub fn default(draw: &mut Draw<'_>, schema: &Schema, ty: &T) -> Option<String> {
    Some(match ty {
        T::Opt(_) if draw.chance(60) => "none".into(),
        T::Key(_) => return None,
        T::Map(..) | T::Tree | T::Rec(_) if draw.chance(60) => "{}".into(),
        _ => literal(draw, schema, &Env::empty(), ty, 2),
    })
}

pub fn word(draw: &mut Draw<'_>) -> String {
    let word = *draw.pick(&["a", "x", "bc", "k1", "zed", "long-word"]);
    format!("\"{word}\"")
}

fn number(draw: &mut Draw<'_>) -> i64 {
    match draw.below(12) {
        11 => LIMIT + draw.below(3) as i64,
        10 => -1,
        n => n as i64,
    }
}

/// A value that is written out.
pub fn literal(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T, depth: usize) -> String {
    let inner = |draw: &mut Draw<'_>, ty: &T| expr(draw, schema, env, ty, depth.saturating_sub(1));
    match ty {
        T::Bool => (*draw.pick(&["false", "true"])).into(),
        T::Int | T::Small => number(draw).to_string(),
        T::Str | T::Word => word(draw),
        T::Float => format!("{}.{}", draw.below(5), ["0", "5", "25"][draw.below(3)]),
        T::Ip if draw.chance(15) => (*draw.pick(&["fd00::1", "fd00::ffff", "255.255.255.255", "::"])).into(),
        T::Ip => format!("10.0.0.{}", draw.below(4)),
        T::Cidr if draw.chance(15) => (*draw.pick(&["fd00::/64", "fd00::/126", "0.0.0.0/0"])).into(),
        T::Cidr => format!("10.0.{}.0/{}", draw.below(3), [24, 30, 16][draw.below(3)]),
        T::Duration => (*draw.pick(&["1s", "500ms", "2m", "90s", "1h"])).into(),
        T::Size => (*draw.pick(&["1KiB", "1MiB", "512B", "1GB", "2GiB"])).into(),
        T::Enum(i) => {
            let (name, payload) = draw.pick(&schema.enums[*i]).clone();
            match payload {
                Some((field, ty)) => format!(".{name}({field} = {})", inner(draw, &ty)),
                None => format!(".{name}"),
            }
        }
        T::Key(of) => {
            let key = key_of(draw, schema, of);
            if is_word(&key) && draw.chance(70) { format!(".{key}") } else { format!("\"{key}\"") }
        }
        T::List(item) | T::Set(item) => {
            let n = draw.below(4);
            let all: Vec<String> = (0..n).map(|_| inner(draw, item)).collect();
            format!("[{}]", all.join(", "))
        }
        T::Opt(inner_ty) => {
            if draw.chance(30) {
                "none".into()
            } else {
                inner(draw, inner_ty)
            }
        }
        T::Rec(i) => record(draw, schema, env, *i, depth, false),
        T::Map(..) => map(draw, schema, env, ty, depth),
        T::Tree => tree(draw, schema, env, depth),
    }
}

pub fn key_of(draw: &mut Draw<'_>, schema: &Schema, of: &str) -> String {
    let known = schema.keys.iter().find(|(n, _)| n == of).map(|(_, k)| k.clone()).unwrap_or_default();
    if known.is_empty() || draw.chance(4) {
        (*draw.pick(&KEYS)).to_owned()
    } else {
        draw.pick(&known).clone()
    }
}

pub fn is_word(key: &str) -> bool {
    !key.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
}

/// Braces of a record; with all that is required unless they are a definition.
pub fn record(
    draw: &mut Draw<'_>,
    schema: &Schema,
    env: &Env,
    rec: usize,
    depth: usize,
    partial: bool,
) -> String {
    let fields: Vec<_> = schema.fields(rec).cloned().collect();
    let mut all = Vec::new();
    for field in fields {
        let wanted = if field.required && !partial { true } else { draw.chance(50) };
        if wanted {
            let value = expr(draw, schema, env, &field.ty, depth.saturating_sub(1));
            all.push(format!("{} = {value}", field.name));
        }
    }
    if all.is_empty() { "{}".into() } else { format!("{{ {} }}", all.join(", ")) }
}

/// Braces of a map, perhaps with a loop or a condition in them.
pub fn map(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T, depth: usize) -> String {
    let T::Map(key, item) = ty else { return "{}".into() };
    let mut all = Vec::new();
    for _ in 0..draw.below(3) {
        let key = match key {
            MapKey::Of(of) => key_of(draw, schema, of),
            _ => (*draw.pick(&KEYS)).to_owned(),
        };
        let value = if draw.chance(10) && !all.is_empty() {
            "none".into()
        } else {
            expr(draw, schema, env, item, depth.saturating_sub(1))
        };
        all.push(format!("{key} = {value}"));
    }
    if draw.chance(12) && !matches!(key, MapKey::Of(_)) {
        let inner = env.with("z", T::Int);
        let value = expr(draw, schema, &inner, item, depth.saturating_sub(1));
        all.push(format!("for z in 1..{} {{ [\"n${{z}}\"] = {value} }}", 1 + draw.below(3)));
    }
    if draw.chance(12) && !all.is_empty() {
        let cond = expr(draw, schema, env, &T::Bool, 1);
        let last = all.pop().unwrap_or_default();
        all.push(format!("if {cond} {{ {last} }}"));
    }
    if all.is_empty() { "{}".into() } else { format!("{{ {} }}", all.join(", ")) }
}

pub const DOC: [&str; 4] = ["m", "n", "o", "log"];

pub fn tree(draw: &mut Draw<'_>, schema: &Schema, env: &Env, depth: usize) -> String {
    let mut all = Vec::new();
    for _ in 0..draw.below(4) {
        let mut path = (*draw.pick(&DOC)).to_owned();
        if draw.chance(25) {
            path = format!("{path}.{}", draw.pick(&DOC));
        }
        let value = match draw.below(10) {
            9 => "none".into(),
            8 if depth > 0 => tree(draw, schema, env, depth - 1),
            7 if depth > 0 => format!("[{}, {}]", scalar(draw, schema, env), scalar(draw, schema, env)),
            _ => scalar(draw, schema, env),
        };
        all.push(format!("{path} = {value}"));
    }
    if all.is_empty() { "{}".into() } else { format!("{{ {} }}", all.join(", ")) }
}

/// A value that may stand in a document.
fn scalar(draw: &mut Draw<'_>, schema: &Schema, env: &Env) -> String {
    let ty = draw.pick(&[T::Int, T::Str, T::Bool, T::Ip, T::Float]).clone();
    expr(draw, schema, env, &ty, 1)
}

/// All that can be read by a path, with its type.
pub fn readable(schema: &Schema, env: &Env) -> Vec<(String, T)> {
    let mut out = Vec::new();
    for (name, ty) in &env.vars {
        below(schema, name.clone(), ty, 2, &mut out);
    }
    for option in schema.options.iter().take(env.limit) {
        if !env.vars.iter().any(|(name, _)| *name == option.name) {
            below(schema, option.name.clone(), &option.ty, 3, &mut out);
        }
    }
    if env.sees {
        out.extend(schema.lets.iter().map(|(name, ty, _)| (name.clone(), ty.clone())));
    }
    out
}

fn below(schema: &Schema, path: String, ty: &T, depth: usize, out: &mut Vec<(String, T)>) {
    out.push((path.clone(), ty.clone()));
    if depth == 0 {
        return;
    }
    match ty {
        T::Rec(i) => {
            for field in schema.fields(*i) {
                below(schema, format!("{path}.{}", field.name), &field.ty, depth - 1, out);
            }
        }
        T::Map(_, item) => {
            let keys = schema.keys.iter().find(|(name, _)| *name == path).map(|(_, keys)| keys.clone());
            for key in keys.unwrap_or_default() {
                below(schema, format!("{path}[\"{key}\"]"), item, depth - 1, out);
            }
        }
        _ => {}
    }
}

/// An expression of a type.
pub fn expr(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T, depth: usize) -> String {
    if depth == 0 {
        return match draw.chance(25) {
            true => read(draw, schema, env, ty).unwrap_or_else(|| literal(draw, schema, env, ty, 0)),
            false => literal(draw, schema, env, ty, 0),
        };
    }
    match draw.below(12) {
        5 | 6 => read(draw, schema, env, ty).unwrap_or_else(|| literal(draw, schema, env, ty, depth)),
        7 => {
            let cond = expr(draw, schema, env, &T::Bool, depth - 1);
            let (a, b) = (expr(draw, schema, env, ty, depth - 1), expr(draw, schema, env, ty, depth - 1));
            format!("(if {cond} then {a} else {b})")
        }
        8 => chosen(draw, schema, env, ty, depth).unwrap_or_else(|| literal(draw, schema, env, ty, depth)),
        9 => call(draw, schema, env, ty, depth).unwrap_or_else(|| literal(draw, schema, env, ty, depth)),
        10 | 11 => {
            made(draw, schema, env, ty, depth).unwrap_or_else(|| literal(draw, schema, env, ty, depth))
        }
        _ => literal(draw, schema, env, ty, depth),
    }
}

/// A path that has the type.
fn read(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T) -> Option<String> {
    let wanted = ty.plain();
    let fits = |found: &T| {
        found.plain() == wanted
            || matches!(&wanted, T::Opt(inner) if **inner == found.plain())
            || schema.extends(found, &wanted)
    };
    let all: Vec<String> =
        readable(schema, env).into_iter().filter(|(_, t)| fits(t)).map(|(p, _)| p).collect();
    if all.is_empty() { None } else { Some(draw.pick(&all).clone()) }
}

fn of_shape(
    draw: &mut Draw<'_>,
    schema: &Schema,
    env: &Env,
    fits: impl Fn(&T) -> bool,
) -> Option<(String, T)> {
    let all: Vec<(String, T)> = readable(schema, env).into_iter().filter(|(_, t)| fits(t)).collect();
    if all.is_empty() { None } else { Some(draw.pick(&all).clone()) }
}

/// `match` and `??`.
fn chosen(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T, depth: usize) -> Option<String> {
    if draw.chance(50) {
        let wanted = ty.plain();
        let (path, _) =
            of_shape(draw, schema, env, |t| matches!(t, T::Opt(inner) if inner.plain() == wanted))?;
        let other = expr(draw, schema, env, ty, depth - 1);
        return Some(match draw.chance(50) {
            true => format!("({path} ?? {other})"),
            false => format!("(match {path} {{ none -> {other}, got -> got }})"),
        });
    }
    let (path, found) = of_shape(draw, schema, env, |t| matches!(t, T::Enum(_)))?;
    let T::Enum(i) = found else { return None };
    let mut arms = Vec::new();
    for (name, payload) in &schema.enums[i] {
        let (pattern, env) = match payload {
            Some((field, ty)) => (format!(".{name}({field})"), env.with(field, ty.clone())),
            None => (format!(".{name}"), env.clone()),
        };
        arms.push(format!("{pattern} -> {}", expr(draw, schema, &env, ty, depth - 1)));
    }
    if draw.chance(20) {
        arms.pop();
        arms.push(format!("_ -> {}", expr(draw, schema, env, ty, depth - 1)));
    }
    Some(format!("(match {path} {{ {} }})", arms.join(", ")))
}

/// A function of the schema.
fn call(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T, depth: usize) -> Option<String> {
    let wanted = ty.plain();
    let fitting: Vec<_> =
        schema.funcs.iter().filter(|f| env.sees && f.result.plain() == wanted).cloned().collect();
    if fitting.is_empty() {
        return None;
    }
    let f = draw.pick(&fitting).clone();
    let args: Vec<String> =
        f.params.iter().map(|(_, ty, _)| expr(draw, schema, env, ty, depth - 1)).collect();
    Some(format!("{}({})", f.name, args.join(", ")))
}

/// Operators and builtins that give the type.
fn made(draw: &mut Draw<'_>, schema: &Schema, env: &Env, ty: &T, depth: usize) -> Option<String> {
    let sub = |draw: &mut Draw<'_>, ty: &T| expr(draw, schema, env, ty, depth - 1);
    let list = |draw: &mut Draw<'_>| of_shape(draw, schema, env, |t| matches!(t, T::List(_) | T::Set(_)));
    Some(match ty {
        T::Int | T::Small if draw.chance(40) => counted(draw, schema, env, depth)?,
        T::Bool if draw.chance(40) => asked(draw, schema, env, depth)?,
        T::Int | T::Small => match draw.below(8) {
            0..=2 => {
                let op = *draw.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {op} {})", sub(draw, &T::Int), sub(draw, &T::Int))
            }
            3 => format!(
                "count({})",
                of_shape(draw, schema, env, |t| matches!(t, T::List(_) | T::Set(_) | T::Map(..)))?.0
            ),
            4 => {
                let (source, inner) = bound(draw, schema, env, "y")?;
                format!("sum({} for {source})", expr(draw, schema, &inner, &T::Int, depth - 1))
            }
            5 => format!("({}).{}", sub(draw, &T::Duration), draw.pick(&["seconds", "ms", "minutes"])),
            6 => format!("{}({}, {})", draw.pick(&["min", "max"]), sub(draw, &T::Int), sub(draw, &T::Int)),
            _ => format!("(first([{}]) ?? {})", sub(draw, &T::Int), sub(draw, &T::Int)),
        },
        T::Bool => match draw.below(8) {
            0 | 1 => {
                let op = *draw.pick(&["==", "!=", "<", "<=", ">", ">="]);
                let ty = draw.pick(&[T::Int, T::Str, T::Duration, T::Size]).clone();
                format!("({} {op} {})", sub(draw, &ty), sub(draw, &ty))
            }
            2 => format!("({} {} {})", sub(draw, &T::Bool), draw.pick(&["and", "or"]), sub(draw, &T::Bool)),
            3 => format!("not {}", sub(draw, &T::Bool)),
            4 => {
                let (path, _) = of_shape(draw, schema, env, |t| matches!(t, T::Map(..)))?;
                format!("(\"{}\" in {path})", draw.pick(&KEYS))
            }
            5 => {
                let (path, ty) = list(draw)?;
                let (T::List(item) | T::Set(item)) = ty else { return None };
                format!("({} {} {path})", sub(draw, &item), draw.pick(&["in", "not in"]))
            }
            6 => {
                let (source, inner) = bound(draw, schema, env, "y")?;
                let name = *draw.pick(&["all", "any"]);
                format!("{name}({} for {source})", expr(draw, schema, &inner, &T::Bool, depth - 1))
            }
            _ => {
                let (path, ty) = of_shape(draw, schema, env, |t| !matches!(t, T::Tree))?;
                let value = literal(draw, schema, env, &ty, 1);
                if matches!(ty, T::Opt(_)) && draw.chance(50) {
                    format!("({path} != none)")
                } else {
                    format!("({path} == {value})")
                }
            }
        },
        T::Str if draw.chance(8) => {
            let address = sub(draw, &T::Ip);
            match draw.below(4) {
                0 => format!("({address}).at({})", draw.pick(&[80, 0, 65535, 65536, -1])),
                1 => format!("({address}).in_url"),
                2 => format!("\"{}${{{address}}}:80\"", draw.pick(&["", "a ", "a://"])),
                _ => format!("\"a://[${{{address}}}]{}\"", draw.pick(&["", "/b", ":80"])),
            }
        }
        T::Str | T::Word => match draw.below(9) {
            0 | 1 => {
                let fits = |t: &T| {
                    matches!(
                        t,
                        T::Int
                            | T::Small
                            | T::Str
                            | T::Word
                            | T::Bool
                            | T::Ip
                            | T::Cidr
                            | T::Key(_)
                            | T::Float
                    )
                };
                format!("\"v${{{}}}\"", of_shape(draw, schema, env, fits)?.0)
            }
            2 | 3 => format!("{}({})", draw.pick(&["upper", "lower", "trim"]), sub(draw, &T::Str)),
            4 => {
                let (path, _) =
                    of_shape(draw, schema, env, |t| matches!(t, T::List(inner) if inner.plain() == T::Str))?;
                format!("join({path}, \",\")")
            }
            5 => {
                let path = *draw.pick(&["/dev/sdb", "sdb", "/sdb", "a/b/", ""]);
                format!("{}(\"{path}\")", draw.pick(&["basename", "dirname"]))
            }
            6 => format!("escape({}, \"{}\")", sub(draw, &T::Str), draw.pick(&["k", "-e", ""])),
            _ => format!("replace({}, \"{}\", \"w\")", sub(draw, &T::Str), draw.pick(&["k", "e", "long"])),
        },
        T::Float => match draw.below(4) {
            0 | 1 => {
                let op = *draw.pick(&["+", "-", "*", "/"]);
                format!("({} {op} {})", sub(draw, &T::Float), sub(draw, &T::Float))
            }
            2 => format!("float({})", sub(draw, &T::Int)),
            _ => format!("abs({} - {})", sub(draw, &T::Float), sub(draw, &T::Float)),
        },
        T::Duration | T::Size => match draw.below(4) {
            0 => format!("({} * {})", sub(draw, ty), sub(draw, &T::Int)),
            1 => format!("{}({}, {})", draw.pick(&["min", "max"]), sub(draw, ty), sub(draw, ty)),
            2 => format!("sum([{}, {}])", sub(draw, ty), sub(draw, ty)),
            _ => {
                let op = *draw.pick(&["+", "-"]);
                format!("({} {op} {})", sub(draw, ty), sub(draw, ty))
            }
        },
        T::Ip => match draw.below(5) {
            0 => format!("({}).host({})", sub(draw, &T::Cidr), draw.pick(&[0, 1, 3, 5, 300, -1])),
            1 => format!("({} - {})", sub(draw, &T::Ip), draw.below(3)),
            2 => format!("({}).{}", sub(draw, &T::Cidr), draw.pick(&["address", "last", "netmask"])),
            3 => format!("ip(\"{}\")", draw.pick(&["10.0.0.2", "fd00::2", "10.0.0", "10.0.0.0/8"])),
            _ => format!("({} + {})", sub(draw, &T::Ip), draw.below(3)),
        },
        T::Cidr => match draw.below(2) {
            0 => {
                let (prefix, n) = (*draw.pick(&[24, 26, 32, 66, 8, -1]), *draw.pick(&[0, 1, 3, 4, 300, -1]));
                format!("({}).subnet({prefix}, {n})", sub(draw, &T::Cidr))
            }
            _ => format!("cidr({}, {})", sub(draw, &T::Ip), draw.pick(&[0, 24, 32, 33, 64, 129, -1])),
        },
        T::List(item) if item.plain() == T::Str && draw.chance(25) => {
            format!("split({}, \"{}\")", sub(draw, &T::Str), draw.pick(&["-", "e", ""]))
        }
        T::List(item) if item.plain() == T::Int && draw.chance(15) => {
            format!("({}).numbers", sub(draw, &T::Ip))
        }
        T::List(item) if draw.chance(20) => match draw.below(2) {
            0 => format!("list(set({}))", read(draw, schema, env, ty)?),
            _ => format!("flatten([{}, {}])", read(draw, schema, env, ty)?, read(draw, schema, env, ty)?),
        },
        T::List(item) => match draw.below(5) {
            0 | 1 => {
                let (source, inner) = bound(draw, schema, env, "y")?;
                let mut cond = String::new();
                if draw.chance(40) {
                    cond = format!(" if {}", expr(draw, schema, &inner, &T::Bool, depth - 1));
                }
                format!("[{} for {source}{cond}]", expr(draw, schema, &inner, item, depth - 1))
            }
            2 => format!("{}({})", draw.pick(&["sort", "reverse"]), read(draw, schema, env, ty)?),
            3 => {
                let plain = item.plain();
                let (path, _) =
                    of_shape(draw, schema, env, |t| matches!(t, T::Map(_, v) if v.plain() == plain))?;
                format!("values({path})")
            }
            _ => format!("({} + {})", read(draw, schema, env, ty)?, read(draw, schema, env, ty)?),
        },
        T::Set(item) => format!("set({})", read(draw, schema, env, &T::List(item.clone()))?),
        T::Rec(i) => {
            let left = read(draw, schema, env, ty)?;
            format!("({left} & {})", record(draw, schema, env, *i, depth, true))
        }
        T::Map(..) => {
            let (left, right) = (read(draw, schema, env, ty)?, map(draw, schema, env, ty, depth));
            if draw.chance(80) { format!("({left} & {right})") } else { format!("({right} & {left})") }
        }
        T::Tree => match draw.below(3) {
            0 => format!("({} & {})", tree(draw, schema, env, 1), tree(draw, schema, env, 1)),
            1 => format!("({} & {})", read(draw, schema, env, ty)?, tree(draw, schema, env, 1)),
            _ => {
                of_shape(
                    draw,
                    schema,
                    env,
                    |t| matches!(t, T::Map(MapKey::Str, v) if **v == T::Int || **v == T::Str),
                )?
                .0
            }
        },
        T::Opt(inner) => {
            let plain = inner.plain();
            let (path, found) = of_shape(
                draw,
                schema,
                env,
                |t| matches!(t, T::Map(MapKey::Str, v) | T::List(v) if v.plain() == plain),
            )?;
            match found {
                T::List(_) => format!("{}({path})", draw.pick(&["first", "last"])),
                _ => format!("get({path}, \"{}\")", draw.pick(&KEYS)),
            }
        }
        _ => return None,
    })
}

/// Builtins that give a number.
fn counted(draw: &mut Draw<'_>, schema: &Schema, env: &Env, depth: usize) -> Option<String> {
    let sub = |draw: &mut Draw<'_>, ty: &T| expr(draw, schema, env, ty, depth - 1);
    Some(match draw.below(9) {
        0 => format!("abs({})", sub(draw, &T::Int)),
        1 => format!("count({})", sub(draw, &T::Str)),
        2 => {
            let (path, ty) = of_shape(draw, schema, env, |t| matches!(t, T::List(_)))?;
            let T::List(item) = ty else { return None };
            format!("(index({path}, {}) ?? {})", sub(draw, &item), sub(draw, &T::Int))
        }
        3 => format!("({}).prefix", sub(draw, &T::Cidr)),
        4 => format!("({}).version", sub(draw, &T::Ip)),
        5 => format!("({}).{}", sub(draw, &T::Size), draw.pick(&["bytes", "KiB", "MiB", "GiB", "MB", "GB"])),
        6 => format!("int({})", sub(draw, &T::Float)),
        7 => format!("int(\"{}\")", draw.pick(&["42", " 7 ", "-1", "1.5", "x", ""])),
        _ => {
            let ty = draw.pick(&[T::Duration, T::Size]).clone();
            format!("({} / {})", sub(draw, &ty), sub(draw, &ty))
        }
    })
}

/// Builtins and operators that say yes or no.
fn asked(draw: &mut Draw<'_>, schema: &Schema, env: &Env, depth: usize) -> Option<String> {
    let sub = |draw: &mut Draw<'_>, ty: &T| expr(draw, schema, env, ty, depth - 1);
    let list = |draw: &mut Draw<'_>| {
        let (path, ty) = of_shape(draw, schema, env, |t| matches!(t, T::List(_)))?;
        if let T::List(item) = ty { Some((path, *item)) } else { None }
    };
    Some(match draw.below(8) {
        0 => format!("unique({})", list(draw)?.0),
        1 => {
            let (path, item) = list(draw)?;
            format!("disjoint([{path}, [{}]])", sub(draw, &item))
        }
        2 => format!("disjoint([{}, {}])", sub(draw, &T::Cidr), sub(draw, &T::Cidr)),
        3 => {
            let name = *draw.pick(&["starts_with", "ends_with", "contains"]);
            format!("{name}({}, \"{}\")", sub(draw, &T::Str), draw.pick(&["a", "k", "ed", "1", ""]))
        }
        4 => {
            let pattern = *draw.pick(&["[a-z]+", "k[0-9]", "a|zed", ".*-.*", ""]);
            format!("matches({}, '{pattern}')", sub(draw, &T::Str))
        }
        5 => {
            let versions = ["5.10", "5.4", "5.4.0", "5", "10", "5.4.1"];
            let op = *draw.pick(&["==", "<", "<=", ">"]);
            format!("(version(\"{}\") {op} version(\"{}\"))", draw.pick(&versions), draw.pick(&versions))
        }
        6 => {
            let ty = draw.pick(&[T::Ip, T::Cidr]).clone();
            format!("({} in {})", sub(draw, &ty), sub(draw, &T::Cidr))
        }
        _ => {
            let ty = draw.pick(&[T::Float, T::Ip, T::Cidr]).clone();
            let op = *draw.pick(&["==", "!=", "<", ">="]);
            format!("({} {op} {})", sub(draw, &ty), sub(draw, &ty))
        }
    })
}

/// A generator over something that can be read, and what is bound inside it.
pub fn bound(draw: &mut Draw<'_>, schema: &Schema, env: &Env, name: &str) -> Option<(String, Env)> {
    if draw.chance(25) {
        return Some((format!("{name} in 1..{}", draw.below(4)), env.with(name, T::Int)));
    }
    let loops = |t: &T| {
        matches!(t, T::Map(..) | T::List(_) | T::Set(_)) || matches!(t, T::Opt(inner) if !inner.merges())
    };
    let (path, ty) = of_shape(draw, schema, env, loops)?;
    let second = format!("{name}v");
    Some(match ty {
        T::Map(key, item) => {
            let root = schema.options.iter().any(|o| o.name == path);
            let key = match key {
                MapKey::Of(of) => T::Key(of),
                _ if root => T::Key(path.clone()),
                // A key of a map of some record, of which no map of the root has keys.
                _ => T::Key("?".into()),
            };
            match draw.chance(50) {
                true => (format!("{name}, {second} in {path}"), env.with(name, key).with(&second, *item)),
                false => (format!("{name} in {path}"), env.with(name, key)),
            }
        }
        T::List(item) | T::Set(item) => match draw.chance(30) {
            true => (format!("{name}, {second} in {path}"), env.with(name, T::Int).with(&second, *item)),
            false => (format!("{name} in {path}"), env.with(name, *item)),
        },
        T::Opt(inner) => (format!("{name} in {path}"), env.with(name, *inner)),
        _ => return None,
    })
}
