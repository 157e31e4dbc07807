//! The options and types of a random program.

use super::Draw;

/// A type of the generator. `Small` and `Word` are an Int and a Str with a condition, by name.
#[derive(Clone, PartialEq, Debug)]
pub enum T {
    Bool,
    Int,
    Small,
    Str,
    Word,
    Float,
    Ip,
    Cidr,
    Duration,
    Size,
    /// An enum by its number in the schema.
    Enum(usize),
    /// A key of a map of the root.
    Key(String),
    List(Box<T>),
    Set(Box<T>),
    /// A record by its number in the schema.
    Rec(usize),
    /// A map; whether its keys have a condition, whose keys they are.
    Map(MapKey, Box<T>),
    Tree,
    Opt(Box<T>),
}

#[derive(Clone, PartialEq, Debug)]
pub enum MapKey {
    Str,
    /// A Str with a condition.
    Word,
    /// Keys of a map of the root.
    Of(String),
}

impl T {
    pub fn merges(&self) -> bool {
        match self {
            T::Rec(_) | T::Map(..) | T::Tree => true,
            T::Opt(inner) => inner.merges(),
            _ => false,
        }
    }

    /// The same without the conditions of a name: what may be read where it is wanted.
    pub fn plain(&self) -> T {
        match self {
            T::Small => T::Int,
            T::Word => T::Str,
            T::List(inner) => T::List(Box::new(inner.plain())),
            T::Set(inner) => T::Set(Box::new(inner.plain())),
            T::Opt(inner) => T::Opt(Box::new(inner.plain())),
            T::Map(MapKey::Word, inner) => T::Map(MapKey::Str, Box::new(inner.plain())),
            T::Map(key, inner) => T::Map(key.clone(), Box::new(inner.plain())),
            other => other.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub ty: T,
    /// The condition behind the type, with a blank before it.
    pub cond: String,
    /// Whether it must be given: it has no default.
    pub required: bool,
    pub default: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Rec {
    pub name: String,
    /// The record that it extends, by its number.
    pub base: Option<usize>,
    pub fields: Vec<Field>,
    /// A condition on the whole record.
    pub cond: String,
    /// Fields of a later `type R += {…}`.
    pub more: Vec<Field>,
}

#[derive(Clone, Debug)]
pub struct Func {
    pub name: String,
    /// Names and types, with a condition behind the type.
    pub params: Vec<(String, T, String)>,
    pub result: T,
    /// The condition of the result.
    pub cond: String,
    /// A `let` before the result, perhaps.
    pub inner: Option<String>,
    pub text: String,
}

/// A variant and its payload, if it has one.
pub type Variant = (String, Option<(String, T)>);

#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Variants with their payload; a name where it has one.
    pub enums: Vec<Vec<Variant>>,
    pub recs: Vec<Rec>,
    pub options: Vec<Field>,
    /// The keys that are usually there, by option.
    pub keys: Vec<(String, Vec<String>)>,
    pub funcs: Vec<Func>,
    pub lets: Vec<(String, T, String)>,
}

pub const KEYS: [&str; 5] = ["k1", "k2", "k3", "x-1", "n3"];
pub const LIMIT: i64 = 20;

/// Names of fields: a record that extends another has its own.
const OWN: [[&str; 4]; 3] = [["a", "b", "c", "d"], ["f", "g", "h", "i"], ["j", "l", "u", "w"]];
const MORE: [&str; 3] = ["e", "e1", "e2"];

pub fn schema(draw: &mut Draw<'_>) -> Schema {
    let mut out = Schema::default();
    for i in 0..draw.below(3) {
        let variants = 2 + draw.below(2);
        let one = |j: usize, draw: &mut Draw<'_>| {
            let payload = draw.chance(25).then(|| (["n", "m"][j % 2].to_owned(), basic(draw)));
            (format!("{}{}", ["on", "off", "mid"][j], ["", "x", "y"][i]), payload)
        };
        let all = (0..variants).map(|j| one(j, draw)).collect();
        out.enums.push(all);
    }
    for i in 0..draw.below(3) {
        let name = ["Host", "Disk", "Pair"][i].to_owned();
        let base = (i > 0 && draw.chance(40)).then(|| draw.below(i));
        let mut rec = Rec { name, base, fields: Vec::new(), cond: String::new(), more: Vec::new() };
        let names = if base.is_some() { OWN[i] } else { OWN[0] };
        for name in names.into_iter().take(1 + draw.below(4)) {
            let ty = field_type(draw, &out, i);
            let field = field(draw, &out, &rec, name, ty, true);
            rec.fields.push(field);
        }
        let is_plain = base.is_none() && rec.fields.len() > 1;
        if draw.chance(15) && is_plain && rec.fields[..2].iter().all(|f| f.ty.plain() == T::Int) {
            rec.cond = " where it.a <= it.b".into();
        }
        if draw.chance(15) {
            let ty = basic(draw);
            let mut more = field(draw, &out, &rec, MORE[i], ty, false);
            if more.default.is_none() {
                more.default = super::express::default(draw, &out, &more.ty);
            }
            more.required = false;
            rec.more.push(more);
        }
        out.recs.push(rec);
    }
    for i in 0..2 + draw.below(5) {
        let name = ["p", "q", "r", "s", "t", "u", "v"][i];
        let ty = option_type(draw, &out);
        let rec = Rec {
            name: String::new(),
            base: None,
            fields: Vec::new(),
            cond: String::new(),
            more: Vec::new(),
        };
        let made = field(draw, &out, &rec, name, ty, false);
        if let T::Map(key, _) = &made.ty {
            let keys = match key {
                MapKey::Of(of) => {
                    out.keys.iter().find(|(n, _)| n == of).map(|(_, k)| k.clone()).unwrap_or_default()
                }
                _ => KEYS.iter().take(1 + draw.below(3)).map(|k| (*k).to_owned()).collect(),
            };
            out.keys.push((name.to_owned(), keys));
        }
        out.options.push(made);
    }
    out
}

fn basic(draw: &mut Draw<'_>) -> T {
    let all = [T::Int, T::Str, T::Bool, T::Small, T::Word, T::Duration, T::Size, T::Ip, T::Float, T::Cidr];
    all[draw.below(all.len())].clone()
}

fn leaf(draw: &mut Draw<'_>, schema: &Schema) -> T {
    match draw.below(10) {
        0..=5 => basic(draw),
        6 if !schema.enums.is_empty() => T::Enum(draw.below(schema.enums.len())),
        7 => T::List(Box::new(item(draw, schema))),
        8 => T::Set(Box::new(item(draw, schema))),
        9 => {
            let maps: Vec<&(String, Vec<String>)> = schema.keys.iter().collect();
            if maps.is_empty() { T::Int } else { T::Key(draw.pick(&maps).0.clone()) }
        }
        _ => basic(draw),
    }
}

fn item(draw: &mut Draw<'_>, schema: &Schema) -> T {
    match draw.below(6) {
        4 if !schema.enums.is_empty() => T::Enum(draw.below(schema.enums.len())),
        5 if !schema.keys.is_empty() => T::Key(draw.pick(&schema.keys).0.clone()),
        _ => basic(draw),
    }
}

/// The type of a field of the record of a number: only records before it.
fn field_type(draw: &mut Draw<'_>, schema: &Schema, before: usize) -> T {
    match draw.below(12) {
        0..=6 => leaf(draw, schema),
        7 => T::Opt(Box::new(leaf(draw, schema))),
        8 if before > 0 => T::Rec(draw.below(before)),
        9 if before > 0 => T::Opt(Box::new(T::Rec(draw.below(before)))),
        10 => T::Tree,
        11 => {
            let inner =
                if before > 0 && draw.chance(50) { T::Rec(draw.below(before)) } else { leaf(draw, schema) };
            T::Map(map_key(draw, &[]), Box::new(inner))
        }
        _ => leaf(draw, schema),
    }
}

fn map_key(draw: &mut Draw<'_>, others: &[(String, Vec<String>)]) -> MapKey {
    match draw.below(6) {
        4 => MapKey::Word,
        5 if !others.is_empty() => MapKey::Of(draw.pick(others).0.clone()),
        _ => MapKey::Str,
    }
}

fn option_type(draw: &mut Draw<'_>, schema: &Schema) -> T {
    let n = schema.recs.len();
    match draw.below(12) {
        0..=2 => leaf(draw, schema),
        3..=6 => {
            let inner = if n > 0 && draw.chance(70) { T::Rec(draw.below(n)) } else { leaf(draw, schema) };
            T::Map(map_key(draw, &schema.keys), Box::new(inner))
        }
        7 | 8 if n > 0 => T::Rec(draw.below(n)),
        9 => T::Tree,
        10 if n > 0 => T::Opt(Box::new(T::Rec(draw.below(n)))),
        11 => T::Opt(Box::new(leaf(draw, schema))),
        _ => leaf(draw, schema),
    }
}

/// A field with perhaps a condition and a default.
fn field(draw: &mut Draw<'_>, schema: &Schema, rec: &Rec, name: &str, ty: T, in_record: bool) -> Field {
    let cond = if draw.chance(20) { condition(draw, &ty) } else { String::new() };
    let others: Vec<String> = match in_record {
        true => rec.fields.iter().filter(|f| f.ty == ty).map(|f| format!("self.{}", f.name)).collect(),
        false => Vec::new(),
    };
    let default = match draw.below(10) {
        0 | 1 if !matches!(ty, T::Map(..) | T::Opt(_) | T::Tree) => None,
        2 if !others.is_empty() => Some(draw.pick(&others).clone()),
        4 if in_record && ty == T::Str => Some((*draw.pick(&["key", "\"v${key}\""])).into()),
        3 if in_record && ty == T::Int && !others.is_empty() => Some(format!("{} + 1", draw.pick(&others))),
        _ => super::express::default(draw, schema, &ty),
    };
    let required = default.is_none() && !matches!(ty, T::Opt(_));
    Field { name: name.to_owned(), ty, cond, required, default }
}

pub fn condition(draw: &mut Draw<'_>, ty: &T) -> String {
    let all: &[&str] = match ty.plain() {
        T::Int => &[" where it in 0..12", " where it != 3", " where it % 2 == 0 or it < 6"],
        T::Str => &[" where it != \"x\"", " where count(it) < 4"],
        T::Map(..) => &[" where count(it) != 1", " where \"k1\" in it or count(it) == 0"],
        T::List(_) | T::Set(_) => &[" where count(it) < 3", " where count(it) != 2"],
        T::Duration => &[" where it >= 1s"],
        T::Opt(inner) if inner.plain() == T::Int => &[" where it > 0"],
        _ => &[""],
    };
    (*draw.pick(all)).to_owned()
}

impl Schema {
    /// A type as it is written.
    pub fn written(&self, ty: &T) -> String {
        match ty {
            T::Bool => "Bool".into(),
            T::Int => "Int".into(),
            T::Small => "Small".into(),
            T::Str => "Str".into(),
            T::Word => "Word".into(),
            T::Float => "Float".into(),
            T::Ip => "Ip".into(),
            T::Cidr => "Cidr".into(),
            T::Duration => "Duration".into(),
            T::Size => "Size".into(),
            T::Enum(i) => format!("Kind{i}"),
            T::Key(of) => format!("key of {of}"),
            T::List(item) => format!("[{}]", self.written(item)),
            T::Set(item) => format!("set of {}", self.written(item)),
            T::Rec(i) => self.recs[*i].name.clone(),
            T::Map(MapKey::Str, item) => format!("{{[Str]: {}}}", self.written(item)),
            T::Map(MapKey::Word, item) => format!("{{[Word]: {}}}", self.written(item)),
            T::Map(MapKey::Of(of), item) => format!("{{[key of {of}]: {}}}", self.written(item)),
            T::Tree => "Tree".into(),
            T::Opt(inner) => format!("{}?", self.written(inner)),
        }
    }

    fn field_text(&self, field: &Field) -> String {
        let default = field.default.as_ref().map_or(String::new(), |d| format!(" = {d}"));
        format!("{} : {}{}{default}", field.name, self.written(&field.ty), field.cond)
    }

    /// The declarations, a line each.
    pub fn lines(&self, public: &str) -> Vec<String> {
        let mut out = vec![
            format!("{public}type Small = Int where it in 0..{LIMIT}"),
            format!("{public}type Word = Str where count(it) < 6"),
        ];
        for (i, variants) in self.enums.iter().enumerate() {
            let one = |(name, payload): &Variant| match payload {
                Some((field, ty)) => format!("{name}({field} : {})", self.written(ty)),
                None => name.clone(),
            };
            let all: Vec<String> = variants.iter().map(one).collect();
            out.push(format!("{public}type Kind{i} = enum {{ {} }}", all.join(", ")));
        }
        for rec in &self.recs {
            let fields: Vec<String> = rec.fields.iter().map(|f| self.field_text(f)).collect();
            let base = rec.base.map_or(String::new(), |base| format!("{} & ", self.recs[base].name));
            let fields = fields.join(", ");
            out.push(format!("{public}type {} = {base}{{ {fields} }}{}", rec.name, rec.cond));
            for more in &rec.more {
                out.push(format!("type {} += {{ {} }}", rec.name, self.field_text(more)));
            }
        }
        out.extend(self.options.iter().map(|o| format!("option {}", self.field_text(o))));
        out.extend(
            self.lets
                .iter()
                .map(|(name, ty, text)| format!("{public}let {name} : {} = {text}", self.written(ty))),
        );
        for f in &self.funcs {
            let params: Vec<String> =
                f.params.iter().map(|(n, ty, cond)| format!("{n}: {}{cond}", self.written(ty))).collect();
            let result = self.written(&f.result);
            let body = match &f.inner {
                Some(inner) => format!("{{ {inner}, return {} }}", f.text),
                None => format!("= {}", f.text),
            };
            out.push(format!("{public}fn {}({}) -> {result}{} {body}", f.name, params.join(", "), f.cond));
        }
        out
    }

    /// All fields of a record, with those of its base and those that were added.
    pub fn fields(&self, rec: usize) -> impl Iterator<Item = &Field> {
        let mut all: Vec<&Field> =
            self.recs[rec].base.map_or_else(Vec::new, |base| self.fields(base).collect());
        all.extend(self.recs[rec].fields.iter().chain(&self.recs[rec].more));
        all.into_iter()
    }

    /// Whether a type is a record that extends the other one.
    pub fn extends(&self, ty: &T, base: &T) -> bool {
        let (T::Rec(from), T::Rec(base)) = (ty, base) else { return false };
        let mut at = *from;
        while let Some(next) = self.recs[at].base {
            if next == *base {
                return true;
            }
            at = next;
        }
        false
    }
}
