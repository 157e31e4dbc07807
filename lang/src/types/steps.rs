//! The next step after a mistake of types: what to write instead. Each stands only where what it says is right, so
//! most look at what was written, not at its type alone.

use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::diag::nearest;
use crate::live::Value;
use crate::source::{FileId, Span};
use crate::syntax::ast::{self, ExprKind, Lit};
use crate::syntax::{literal, number_meant};

/// How much of what was written a help repeats.
const MAX_SHOWN: usize = 60;

impl Checker<'_> {
    /// What was written at a place; `None` if it is too long to be repeated.
    pub(super) fn written(&self, at: Span) -> Option<&str> {
        let text = self.files.sources.text(at);
        (text.len() <= MAX_SHOWN && !text.contains('\n') && !text.is_empty()).then_some(text)
    }

    /// The same, or three dots.
    fn shown(&self, at: Span) -> &str {
        self.written(at).unwrap_or("…")
    }

    /// What to write where a value of one type stands and another is wanted.
    pub(super) fn instead(&self, ex: &TypedExpr, from: TyId, to: TyId) -> Option<String> {
        let text = self.shown(ex.at);
        let target = self.types.unwrap(to);
        let constant = match &ex.kind {
            TypedKind::Const(value) => Some(value),
            _ => None,
        };
        if let Some(Value::Str(plain)) = constant
            && let Some(help) = self.without_quotes(plain, target)
        {
            return Some(help);
        }
        Some(match (self.types.get(from), self.types.get(target)) {
            (Ty::Opt(inner), _) if self.types.fits(*inner, to) => {
                format!("give it a value for `none`: `{text} ?? …`")
            }
            (_, Ty::List(item) | Ty::Set(item)) if self.types.fits(from, *item) => match constant {
                Some(Value::Str(plain)) if *item == TyId::STR && plain.contains(' ') => {
                    let words: Vec<String> =
                        plain.split_whitespace().map(|word| format!("\"{word}\"")).collect();
                    format!("give each word a text of its own: write `[{}]`", words.join(", "))
                }
                _ => format!("put it in brackets: write `[{text}]`"),
            },
            (Ty::List(item), Ty::Set(wanted)) if self.types.same(*item, *wanted) => {
                format!("make a set of it: write `set({text})`")
            }
            (Ty::Set(item), Ty::List(wanted)) if self.types.same(*item, *wanted) => {
                format!("make a list of it: write `list({text})`")
            }
            (Ty::Map(key, _), Ty::List(item)) if self.types.same(*key, *item) => {
                format!("take its keys: write `keys({text})`")
            }
            (_, Ty::Record(rec)) if let Some(name) = self.only_field(*rec, from) => {
                format!("give it as a field: write `{{ {name} = {text} }}`")
            }
            (Ty::Bool | Ty::Int | Ty::Float | Ty::Ip | Ty::Cidr, Ty::Str) if constant.is_some() => {
                format!("write it as a text: `\"{text}\"`")
            }
            (Ty::Key(_) | Ty::Int | Ty::Ip | Ty::Cidr | Ty::Bool | Ty::Float | Ty::Enum(_), Ty::Str) => {
                format!("write it as a text: `\"${{{text}}}\"`")
            }
            (Ty::Str | Ty::Key(_), Ty::Key(_)) if constant.is_none() => {
                format!("look it up there: write `\"${{{text}}}\"`")
            }
            (Ty::Int, Ty::Size) if constant.is_some() => format!("give it a unit, as in `{text}GiB`"),
            (Ty::Int, Ty::Duration) if constant.is_some() => format!("give it a unit, as in `{text}s`"),
            (Ty::Int, Ty::Size) => format!("give it a unit, as in `{} * 1GiB`", grouped(ex, text)),
            (Ty::Int, Ty::Duration) => format!("give it a unit, as in `{} * 1s`", grouped(ex, text)),
            (Ty::Int, Ty::Float) if constant.is_some() => format!("write it with a point: `{text}.0`"),
            (Ty::Int, Ty::Float) => format!("write `float({text})`"),
            (Ty::Float, Ty::Int)
                if let Some(Value::Float(n)) = constant
                    && n.fract() == 0.0 =>
            {
                format!("write it without a point: `{n:.0}`")
            }
            (Ty::Float | Ty::Str, Ty::Int) if constant.is_none() => format!("write `int({text})`"),
            (Ty::Str, Ty::Ip) if constant.is_none() => format!("write `ip({text})`"),
            (Ty::Str, Ty::Version) => format!("write `version({text})`"),
            (Ty::Str, Ty::Secret) => {
                "a secret is named and never written down: write `secret(…)` with its name".into()
            }
            (Ty::Duration, Ty::Int | Ty::Float | Ty::Tree) => {
                format!("say in which unit: write `{}.seconds`", grouped(ex, text))
            }
            (Ty::Size, Ty::Int | Ty::Float | Ty::Tree) => {
                let text = grouped(ex, text);
                format!("say in which unit: write `{text}.bytes` or `{text}.MiB`")
            }
            _ => return None,
        })
    }

    /// What a text in quotes was meant to be, where it is no text that is wanted.
    fn without_quotes(&self, plain: &str, target: TyId) -> Option<String> {
        let bare = |text: &str| Some(format!("leave out the quotes: write `{text}`"));
        match self.types.get(target) {
            Ty::Bool => match literal(plain) {
                Some(ExprKind::Bool(_)) => bare(plain),
                _ => truth(plain).and_then(bare),
            },
            Ty::Ip => matches!(literal(plain), Some(ExprKind::Lit(Lit::Ip(_)))).then(|| bare(plain))?,
            Ty::Cidr => matches!(literal(plain), Some(ExprKind::Lit(Lit::Cidr(..)))).then(|| bare(plain))?,
            Ty::Int => matches!(literal(plain), Some(ExprKind::Lit(Lit::Int(_)))).then(|| bare(plain))?,
            Ty::Float => match literal(plain) {
                Some(ExprKind::Lit(Lit::Float(_))) => bare(plain),
                Some(ExprKind::Lit(Lit::Int(_))) => bare(&format!("{plain}.0")),
                _ => None,
            },
            Ty::Duration => match (literal(plain), number_meant(plain)) {
                (Some(ExprKind::Lit(Lit::Duration(_))), _) => bare(plain),
                (_, Some(meant)) if matches!(literal(&meant), Some(ExprKind::Lit(Lit::Duration(_)))) => {
                    bare(&meant)
                }
                _ => None,
            },
            Ty::Size => match (literal(plain), number_meant(plain)) {
                (Some(ExprKind::Lit(Lit::Size(_))), _) => bare(plain),
                (_, Some(meant)) if matches!(literal(&meant), Some(ExprKind::Lit(Lit::Size(_)))) => {
                    bare(&meant)
                }
                _ => None,
            },
            Ty::Enum(_) => self
                .variant_named(plain, target)
                .map(|name| format!("a variant has a dot and no quotes: write `{name}`")),
            Ty::List(item) | Ty::Set(item) => {
                let item = *item;
                match self.types.get(item) {
                    Ty::Key(_) => Some(format!("put it in brackets: write `[\"{plain}\"]`")),
                    Ty::Enum(_) => self
                        .variant_named(plain, item)
                        .map(|name| format!("put it in brackets: write `[{name}]`")),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The variant of an enum with this name, if it needs no payload.
    fn variant_named(&self, name: &str, ty: TyId) -> Option<String> {
        let Ty::Enum(id) = self.types.get(ty) else { return None };
        let (name, payload) = self.types.enumeration(*id).variants.iter().find(|(it, _)| &**it == name)?;
        payload.is_empty().then(|| format!(".{name}"))
    }

    /// The one field without a default that a value of a type would make a record of.
    fn only_field(&self, rec: RecId, from: TyId) -> Option<&str> {
        let record = self.types.record(rec);
        let mut required = record.fields.iter().enumerate().filter(|(i, field)| {
            let optional = matches!(self.types.get(field.place.ty), Ty::Opt(_));
            !optional && field.default.is_none() && !self.defaulted.contains(&(rec, *i as u32))
        });
        let (_, field) = required.next()?;
        (required.next().is_none() && self.types.fits(from, field.place.ty)).then_some(&*field.name)
    }

    /// What to write where a list stands and none is wanted.
    pub(super) fn instead_of_list(&self, items: &[ast::Expr], to: TyId) -> Option<String> {
        let Ty::Map(_, value) = self.types.get(self.types.unwrap(to)) else { return None };
        let whole: Vec<&str> = items.iter().map(|item| self.files.sources.text(item.at)).collect();
        let short = |text: String| {
            if text.len() <= MAX_SHOWN && !text.contains('\n') { text } else { "{ a = …, b = … }".into() }
        };
        let names: Option<Vec<String>> = items.iter().map(name_of_key).collect();
        match (names, self.types.get(*value)) {
            (Some(names), Ty::Record(_) | Ty::Map(..) | Ty::Tree) if !names.is_empty() => {
                let all: Vec<String> = names.iter().map(|name| format!("{name} = {{}}")).collect();
                Some(format!("a map has keys: write `{}`", short(format!("{{ {} }}", all.join(", ")))))
            }
            _ if items.is_empty() => Some("a map is written in braces: write `{}`".into()),
            _ => {
                let keys = ('a'..='z').map(String::from);
                let all: Vec<String> =
                    keys.zip(&whole).map(|(key, item)| format!("{key} = {item}")).collect();
                Some(format!("give each item a key, as in `{}`", short(format!("{{ {} }}", all.join(", ")))))
            }
        }
    }

    /// What to write where a variant stands and none is wanted.
    pub(super) fn instead_of_variant(
        &self,
        name: &ast::Name,
        args: &[ast::Arg],
        at: Span,
        to: TyId,
    ) -> Option<String> {
        match self.types.get(to) {
            Ty::Str => Some(format!("write it as a text: `\"{}\"`", name.text)),
            Ty::List(item) | Ty::Set(item) => {
                let fits = match self.types.get(*item) {
                    Ty::Key(_) => args.is_empty(),
                    Ty::Enum(id) => self.types.enumeration(*id).find(&name.text).is_some(),
                    _ => false,
                };
                fits.then(|| format!("put it in brackets: write `[{}]`", self.shown(at)))
            }
            _ => None,
        }
    }

    /// What to write where braces stand and none are wanted.
    pub(super) fn instead_of_braces(&self, body: &ast::Body, to: TyId) -> Option<String> {
        let (Ty::List(item) | Ty::Set(item)) = self.types.get(self.types.unwrap(to)) else { return None };
        let names: Option<Vec<&str>> = body.entries.iter().map(name_and_flag).collect();
        match (self.types.get(*item), names) {
            (Ty::Record(_) | Ty::Tree, _) => {
                Some(format!("put it in brackets: write `[{}]`", self.shown(body.at)))
            }
            (Ty::Key(_) | Ty::Enum(_), Some(names)) => {
                let all: Vec<String> = names.iter().map(|name| format!(".{name}")).collect();
                Some(format!("it has items and no keys: write `[{}]`", all.join(", ")))
            }
            (Ty::Str, Some(names)) => {
                let all: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                Some(format!("it has items and no keys: write `[{}]`", all.join(", ")))
            }
            _ => None,
        }
    }

    /// What an unknown name was meant to be, by what is wanted where it stands and by what other languages call things.
    pub(super) fn name_meant(&self, name: &str, wanted: Option<TyId>) -> Option<String> {
        let wanted = wanted.map(|ty| self.types.unwrap(ty));
        let wants = wanted.map(|ty| self.types.get(ty));
        if let Some(Ty::Enum(id)) = wants {
            let names = || self.types.enumeration(*id).variants.iter().map(|(name, _)| &**name);
            return match names().find(|it| *it == name) {
                Some(name) => Some(format!("a variant begins with a dot: write `.{name}`")),
                None => nearest(name, names()).map(|name| format!("did you mean `.{name}`?")),
            };
        }
        match (truth(name), name) {
            (Some(truth), _) if matches!(wants, None | Some(Ty::Bool | Ty::Tree)) => {
                Some(format!("write `{truth}`"))
            }
            (_, "null" | "nil" | "None" | "undefined" | "NULL") => Some("write `none`".into()),
            _ => None,
        }
    }

    /// That a name is meant as a key, if nothing better is known of it.
    pub(super) fn key_meant(&self, name: &str, wanted: Option<TyId>) -> Option<String> {
        let wanted = wanted.map(|ty| self.types.unwrap(ty))?;
        matches!(self.types.get(wanted), Ty::Key(_))
            .then(|| format!("a key begins with a dot: write `.{name}`"))
    }

    /// What to write in the interpolation of a text where something may be `none`.
    pub(super) fn hole_of_optional(&self, at: Span, inner: TyId) -> String {
        let text = self.shown(at);
        match self.types.get(inner) {
            Ty::Str | Ty::Error(_) => format!("give it a value for `none`: write `{text} ?? \"\"`"),
            _ => match self.match_of_optional(text, inner, "\"\"") {
                Some(instead) => instead,
                None => format!("give it a value for `none`: `{text} ?? …`"),
            },
        }
    }

    /// What to write where a text is given for the `none` of something that is no text.
    pub(super) fn text_for_none(&self, at: Span, inner: TyId, text: Span) -> Option<String> {
        self.match_of_optional(self.shown(at), inner, self.shown(text))
    }

    fn match_of_optional(&self, of: &str, inner: TyId, text: &str) -> Option<String> {
        let has_text = matches!(
            self.types.get(inner),
            Ty::Bool | Ty::Int | Ty::Float | Ty::Ip | Ty::Cidr | Ty::Version | Ty::Key(_) | Ty::Enum(_)
        );
        has_text.then(|| {
            format!("say what `none` becomes: write `match {of} {{ none -> {text}, it -> \"${{it}}\" }}`")
        })
    }

    /// What a field of the record is called now that the library once called so, by its file `renamed`: on each line an old name and a new one,
    /// which may go on to a field within, and what else is to be told.
    pub(super) fn renamed(&self, name: &str, record: RecId) -> Option<String> {
        let table = self.world.library("renamed")?;
        let mut rows = table.lines().filter_map(|line| line.split_once(' '));
        let is_field = |now: &str| {
            let first = now.split(['.', ' ']).next().unwrap_or(now);
            self.types.record(record).find(first).is_some()
        };
        let (_, now) = rows.find(|(old, now)| *old == name && is_field(now))?;
        let (now, more) =
            now.split_once(' ').map_or((now, String::new()), |(now, it)| (now, format!(" {it}")));
        Some(format!("`{name}` is called `{now}`{more} now"))
    }

    /// The modules of the library that would make an unknown name known.
    pub(super) fn modules_with(&mut self, wanted: Lends, name: &str) -> Vec<String> {
        if self.lending.is_none() {
            let mut all = Vec::new();
            for module in self.world.library_modules() {
                let Some(text) = self.world.library(&format!("{module}.kl")) else { continue };
                // A module with a mistake offers what could be read of it; the mistake is reported where it is used.
                let tree =
                    crate::syntax::parse(&text, FileId::default(), &mut crate::diag::Problems::default());
                for item in &tree.items {
                    let lends = match &item.kind {
                        ast::ItemKind::Option { path, .. } => {
                            path.first().map(|first| (Lends::Option, first))
                        }
                        ast::ItemKind::Fn(it) if it.public => Some((Lends::Fn, &it.name)),
                        ast::ItemKind::Type { public: true, name, .. } => Some((Lends::Type, name)),
                        ast::ItemKind::Let { public: true, binding } => Some((Lends::Let, &binding.name)),
                        _ => None,
                    };
                    all.extend(lends.map(|(kind, name)| (kind, name.text.clone(), module.clone())));
                }
            }
            self.lending = Some(all);
        }
        let all = self.lending.iter().flatten();
        let mut found: Vec<String> = all
            .filter(|(kind, it, _)| *kind == wanted && **it == *name)
            .map(|(.., module)| module.clone())
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// What to add so that an unknown name is known, if the library has it.
    pub(super) fn use_meant(&mut self, wanted: &[Lends], name: &str) -> Option<String> {
        let modules: Vec<String> = wanted.iter().flat_map(|kind| self.modules_with(*kind, name)).collect();
        if modules.is_empty() {
            return None;
        }
        let all: Vec<String> = modules.iter().map(|module| format!("`use {module}`")).collect();
        Some(format!("add {} at the top of this file", all.join(" or ")))
    }
}

/// What a module lends to those who use it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lends {
    /// An option of the root.
    Option,
    /// A function.
    Fn,
    /// A type.
    Type,
    /// A `let`.
    Let,
}

/// What another language calls a truth value.
fn truth(word: &str) -> Option<&'static str> {
    match word {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "True" | "TRUE" | "enabled" => Some("true"),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "False" | "FALSE" | "disabled" => Some("false"),
        _ => None,
    }
}

/// A literal has to stand in parentheses before its property can be asked for.
fn grouped(ex: &TypedExpr, text: &str) -> String {
    match &ex.kind {
        TypedKind::Local(_)
        | TypedKind::Global(_)
        | TypedKind::Root(_)
        | TypedKind::This
        | TypedKind::It
        | TypedKind::Field(..)
        | TypedKind::MapGet(..) => text.into(),
        _ => format!("({text})"),
    }
}

/// The key that an item of a list would be.
fn name_of_key(item: &ast::Expr) -> Option<String> {
    match &item.kind {
        ExprKind::Text(text) => text.literal().map(|plain| {
            let wordy = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let is_word = plain.starts_with(|c: char| c.is_ascii_alphabetic()) && plain.chars().all(wordy);
            if is_word { plain.to_string() } else { format!("\"{plain}\"") }
        }),
        ExprKind::Variant { name, args } if args.is_empty() => Some(name.text.to_string()),
        _ => None,
    }
}

/// The name in `name = true` or `name = {}`.
fn name_and_flag(entry: &ast::Entry) -> Option<&str> {
    let ast::Entry::Define(define) = entry else { return None };
    let [ast::Step { kind: ast::StepKind::Word(name), .. }] = define.path.as_slice() else { return None };
    let flag = matches!(&define.value.kind, ExprKind::Bool(true))
        || matches!(&define.value.kind, ExprKind::Body(body) if body.entries.is_empty());
    flag.then_some(&**name)
}

/// What to write for a type that another language writes with this name.
pub(super) fn type_meant(name: &str) -> Option<String> {
    let ours = match name {
        "string" | "String" | "str" | "text" | "Text" => "Str",
        "int" | "integer" | "Integer" | "number" | "Number" | "uint" | "i64" | "u64" | "i32" | "u32"
        | "u16" => "Int",
        "bool" | "boolean" | "Boolean" => "Bool",
        "float" | "double" | "Double" | "f64" | "decimal" => "Float",
        "ip" | "IP" | "Address" | "IPAddress" => "Ip",
        "cidr" | "CIDR" | "Subnet" => "Cidr",
        "duration" | "Time" | "Timeout" => "Duration",
        "size" | "Bytes" | "bytes" => "Size",
        "any" | "Any" | "object" | "Object" | "Json" | "JSON" | "Yaml" => "Tree",
        "secret" | "Password" | "password" => "Secret",
        "list" | "List" | "Array" | "array" | "Vec" => {
            return Some("write a list as `[T]`, with the type of its items".into());
        }
        "map" | "Map" | "dict" | "Dict" => {
            return Some("write a map as `{[Str]: T}`, with the type of its values".into());
        }
        _ => return None,
    };
    Some(format!("write `{ours}`"))
}
