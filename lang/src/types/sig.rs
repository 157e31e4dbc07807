//! Types of builtins, written as in the language; single capital letters stand for any type. What a builtin does is not
//! known here: the table of names and types is handed in.

use super::ty::TyId;

/// A type with variables.
#[derive(Clone, PartialEq, Debug)]
pub enum Sig {
    /// Any type, the same wherever the letter stands.
    Var(char),
    /// A type of the language.
    Basic(TyId),
    /// `[T]`
    List(Box<Sig>),
    /// `set of T`
    Set(Box<Sig>),
    /// `T?`
    Opt(Box<Sig>),
    /// `{[K]: V}`
    Map(Box<Sig>, Box<Sig>),
    /// A text or a key of any map.
    AnyKey,
}

/// One way to call a builtin.
#[derive(Clone, PartialEq, Debug)]
pub struct Scheme {
    /// The types of the arguments.
    pub params: Vec<Sig>,
    /// The type of the result.
    pub result: Sig,
}

/// A builtin as the checker sees it.
#[derive(Debug)]
pub struct Signature {
    /// Its name; with a dot, a property or method of a type.
    pub name: &'static str,
    /// Its types as written.
    pub text: &'static str,
    /// The ways to call it.
    pub schemes: Vec<Scheme>,
}

/// All builtins as the checker sees them; the place in the table is their number.
#[derive(Debug)]
pub struct Signatures {
    all: Vec<Signature>,
}

impl Signatures {
    /// Makes the table of names and types, in their order.
    pub fn new(all: impl IntoIterator<Item = (&'static str, &'static str)>) -> Signatures {
        let all = all.into_iter().map(|(name, text)| Signature { name, text, schemes: parse(text) });
        Signatures { all: all.collect() }
    }

    /// The place of a name.
    pub fn find(&self, name: &str) -> Option<u16> {
        self.all.iter().position(|s| s.name == name).and_then(|i| u16::try_from(i).ok())
    }

    /// The builtin at a place that [`Signatures::find`] gave.
    pub fn get(&self, index: u16) -> &Signature {
        &self.all[index as usize]
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.all.iter().map(|s| s.name)
    }
}

/// Reads `([T], Str) -> T? or …`. The table is ours, so what cannot be read is a bug.
fn parse(text: &str) -> Vec<Scheme> {
    text.split(" or ").map(scheme).collect()
}

fn scheme(text: &str) -> Scheme {
    let (params, result) = text.split_once("->").unwrap_or((text, "Tree"));
    let params = params.trim().trim_start_matches('(').trim_end_matches(')');
    let mut all = Vec::new();
    let mut rest = params.trim();
    while !rest.is_empty() {
        let (sig, after) = one(rest);
        all.push(sig);
        rest = after.trim_start_matches([',', ' ']);
    }
    Scheme { params: all, result: one(result.trim()).0 }
}

fn one(text: &str) -> (Sig, &str) {
    let text = text.trim_start();
    let (sig, rest) = if let Some(rest) = text.strip_prefix("{[") {
        let (key, rest) = one(rest);
        let (value, rest) = one(rest.trim_start_matches([']', ':', ' ']));
        (Sig::Map(Box::new(key), Box::new(value)), rest.trim_start().trim_start_matches('}'))
    } else if let Some(rest) = text.strip_prefix('[') {
        let (item, rest) = one(rest);
        (Sig::List(Box::new(item)), rest.trim_start().strip_prefix(']').unwrap_or(rest))
    } else if let Some(rest) = text.strip_prefix("set of ") {
        let (item, rest) = one(rest);
        (Sig::Set(Box::new(item)), rest)
    } else {
        let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        (basic(&text[..end]), &text[end..])
    };
    match rest.strip_prefix('?') {
        Some(rest) => (Sig::Opt(Box::new(sig)), rest),
        None => (sig, rest),
    }
}

fn basic(word: &str) -> Sig {
    Sig::Basic(match word {
        "Bool" => TyId::BOOL,
        "Int" => TyId::INT,
        "Float" => TyId::FLOAT,
        "Str" => TyId::STR,
        "Ip" => TyId::IP,
        "Cidr" => TyId::CIDR,
        "Duration" => TyId::DURATION,
        "Size" => TyId::SIZE,
        "Secret" => TyId::SECRET,
        "Version" => TyId::VERSION,
        "Tree" => TyId::TREE,
        "Key" => return Sig::AnyKey,
        _ => return Sig::Var(word.chars().next().unwrap_or('T')),
    })
}
