//! The syntax tree: what was written, with the place of every part. It has no types and no meaning; where the
//! parser could not read something stands [`ExprKind::Error`].

use crate::diag::Reported;
use crate::source::Span;
use crate::token::Tokens;
use std::sync::Arc;

pub use crate::token::Lit;

/// A word and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The word, without quotes or dots.
    pub text: Arc<str>,
    /// Its place.
    pub at: Span,
}

/// One file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Its items in order.
    pub items: Vec<Item>,
    /// Its tokens, and the space and comments between them: all of its text.
    pub tokens: Tokens,
}

/// One item of a file.
#[derive(Clone, Debug)]
pub struct Item {
    /// The whole item.
    pub at: Span,
    /// Its `##` documentation: the lines right above it, or at the end of its first line, joined by newlines.
    pub doc: Option<Arc<str>>,
    /// What it is.
    pub kind: ItemKind,
}

/// What an item is.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `use mariadb` (library) or `use "./x.kl"` (site).
    Use {
        /// The module's name or the file's path.
        name: Name,
        /// Whether it was written as a text, so names a site file.
        quoted: bool,
    },
    /// `fn f(a: T, b: U = 1) -> V = e` or with a block of lets.
    Fn(Fn),
    /// `type Port = Int where …` or `type Host += {…}`.
    Type {
        /// `pub`.
        public: bool,
        /// Its name.
        name: Name,
        /// `+=`.
        extends: bool,
        /// What stands right of it.
        ty: TypeExpr,
    },
    /// `let x : T = e` at the top of a file.
    Let {
        /// `pub`.
        public: bool,
        /// The binding.
        binding: Let,
    },
    /// `option a.b : T = e`.
    Option {
        /// The path, at least one name.
        path: Vec<Name>,
        /// Its type.
        ty: TypeExpr,
        /// Its default.
        default: Option<Expr>,
    },
    /// `check "…" warn {…}`.
    Check {
        /// The text.
        title: Text,
        /// `warn`.
        warn: bool,
        /// What it does.
        body: Vec<CheckItem>,
    },
    /// `test "…" {…}`.
    Test {
        /// The text.
        title: Text,
        /// What it does.
        body: Vec<TestItem>,
    },
    /// `for … {…}`, `if … {…}` or a definition.
    Entry(Entry),
}

/// A function.
#[derive(Clone, Debug)]
pub struct Fn {
    /// `pub`.
    pub public: bool,
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it returns.
    pub result: TypeExpr,
    /// The lets of a block, in order.
    pub lets: Vec<Let>,
    /// The value.
    pub value: Expr,
}

/// A parameter of a function or of a variant.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// Its default.
    pub default: Option<Expr>,
}

/// `let x : T = e`.
#[derive(Clone, Debug)]
pub struct Let {
    /// The name.
    pub name: Name,
    /// The type, if written.
    pub ty: Option<TypeExpr>,
    /// The value.
    pub value: Expr,
}

/// One line of a check.
#[derive(Clone, Debug)]
pub enum CheckItem {
    /// `let x = e`.
    Let(Let),
    /// `require e else "…"`.
    Require {
        /// The whole line.
        at: Span,
        /// What must hold.
        cond: Expr,
        /// What to say when it does not.
        message: Option<Expr>,
    },
    /// `for …{…}`.
    For {
        /// What is bound.
        generator: Generator,
        /// The lines.
        body: Vec<CheckItem>,
    },
    /// `if …{…}`.
    If {
        /// The condition.
        cond: Expr,
        /// The lines.
        body: Vec<CheckItem>,
    },
}

/// One line of a test.
#[derive(Clone, Debug)]
pub enum TestItem {
    /// `given {…}`.
    Given(Body),
    /// `expect e`.
    Expect(Expr),
}

/// What stands between braces: a set of definitions.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// From `{` to `}`; for a file, all of it.
    pub at: Span,
    /// The entries, in order.
    pub entries: Vec<Entry>,
}

/// One entry of a body.
#[derive(Clone, Debug)]
pub enum Entry {
    /// `let x = e`.
    Let(Let),
    /// `for … {…}`.
    Loop(Loop),
    /// `if … {…} else …`.
    Guard(Guard),
    /// `path op e`.
    Define(Define),
}

/// `for h, host in hosts, c in xs if e {…}`.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The whole loop.
    pub at: Span,
    /// What is bound.
    pub generator: Generator,
    /// The definitions.
    pub body: Body,
}

/// `for a in x, b in y if c`: the head of a loop or of a comprehension.
#[derive(Clone, Debug)]
pub struct Generator {
    /// From `for` to its end.
    pub at: Span,
    /// At least one.
    pub binds: Vec<Bind>,
    /// The condition.
    pub cond: Option<Box<Expr>>,
}

/// `a in xs` or `k, v in xs`.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The first name.
    pub first: Name,
    /// The second, if there are two.
    pub second: Option<Name>,
    /// What is looped over.
    pub source: Expr,
}

/// `if c {…} else if d {…} else {…}`; an `else if` is a body of one guard.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The whole guard.
    pub at: Span,
    /// The condition.
    pub cond: Expr,
    /// When it holds.
    pub then: Body,
    /// When it does not.
    pub otherwise: Option<Body>,
}

/// `force a.b[c]."d" = e`.
#[derive(Clone, Debug)]
pub struct Define {
    /// The whole definition.
    pub at: Span,
    /// `##` documentation, if any.
    pub doc: Option<Arc<str>>,
    /// The span of `force`.
    pub force: Option<Span>,
    /// The path, at least one step.
    pub path: Vec<Step>,
    /// The operator.
    pub op: Op,
    /// The operator's place.
    pub op_at: Span,
    /// The right side.
    pub value: Expr,
}

/// One step of a path.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its place.
    pub at: Span,
    /// What it is.
    pub kind: StepKind,
}

/// What a step is.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// `.name`, or a word at the beginning.
    Word(Arc<str>),
    /// `."text"`, or a text at the beginning.
    Text(Text),
    /// `[e]`.
    Index(Box<Expr>),
}

/// The operator of a definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// `=`
    Set,
    /// `?=`
    Suggest,
    /// `+=`
    Add,
    /// `-=`
    Remove,
    /// `:=`
    Replace,
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct TypeExpr {
    /// Its place.
    pub at: Span,
    /// `?`.
    pub optional: bool,
    /// The condition of a `where`.
    pub refine: Option<Box<Expr>>,
    /// The rest.
    pub base: TypeBase,
}

/// A type without `?` and `where`.
#[derive(Clone, Debug)]
pub enum TypeBase {
    /// A named type; usually one word.
    Named(Vec<Name>),
    /// `[T]`.
    List(Box<TypeExpr>),
    /// `set of T`.
    Set(Box<TypeExpr>),
    /// `key of a.b`.
    Key(Vec<Name>),
    /// `{[K]: V}`.
    Map(Box<TypeExpr>, Box<TypeExpr>),
    /// `{ a : T = e, … }`.
    Record(Vec<Field>),
    /// `T & { a : U = e, … }`: a named record type, and the fields that it is extended by.
    Extended(Vec<Name>, Vec<Field>),
    /// `enum { a, b(x : T) }`.
    Enum(Vec<Variant>),
    /// Could not be read; was reported.
    Error(Reported),
}

/// A field of a record type.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// `##` documentation at the end of its line or above it.
    pub doc: Option<Arc<str>>,
    /// Its type.
    pub ty: TypeExpr,
    /// Its default.
    pub default: Option<Expr>,
}

/// A variant of an enum type.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub name: Name,
    /// Its payload; empty for none.
    pub params: Vec<Param>,
}

/// A text, perhaps with interpolations. Escapes are resolved, and the indentation of `"""` is gone.
#[derive(Clone, Debug)]
pub struct Text {
    /// With its quotes (and the dot of `."x"`).
    pub at: Span,
    /// In order; no two literals in a row; none for an empty text.
    pub parts: Vec<TextPart>,
}

impl Text {
    /// The text, if it has no hole.
    pub fn literal(&self) -> Option<Arc<str>> {
        match self.parts.as_slice() {
            [] => Some("".into()),
            [TextPart::Literal(text)] => Some(text.clone()),
            _ => None,
        }
    }
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub enum TextPart {
    /// Plain text.
    Literal(Arc<str>),
    /// `${e}`.
    Hole(Expr),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Its place.
    pub at: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the operators")]
pub enum BinOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Else,
    Merge,
    Range,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A literal that is no text.
    Lit(Lit),
    /// A text.
    Text(Text),
    /// A name.
    Name(Arc<str>),
    /// `none`
    None,
    /// `true`, `false`
    Bool(bool),
    /// `.x` in the air: a variant or a key; arguments as in `.rbd(pool = .vms)`.
    Variant {
        /// Its name, without the dot.
        name: Name,
        /// The payload, as written in parentheses.
        args: Vec<Arg>,
    },
    /// `[a, b]`
    List(Vec<Expr>),
    /// `[e for x in xs if c]`
    ListFor(Box<Expr>, Generator),
    /// `{…}`
    Body(Body),
    /// `e.name`
    Field(Box<Expr>, Name),
    /// `e."text"`
    FieldText(Box<Expr>, Text),
    /// `e[k]`
    Index(Box<Expr>, Box<Expr>),
    /// `f(a, b = c)`; what is called may be any expression, the checker wants a name or a method as in `cidr.host(1)`.
    Call(Box<Expr>, Vec<Arg>),
    /// `f(e for x in xs)`
    CallFor(Box<Expr>, Box<Expr>, Generator),
    /// `not e`
    Not(Box<Expr>),
    /// `-e`
    Neg(Box<Expr>),
    /// `a op b`
    Bin(BinOp, Box<Expr>, Box<Expr>),
    /// `if c then a else b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `match e { … }`
    Match(Box<Expr>, Vec<Arm>),
    /// Could not be read; was reported.
    Error(Reported),
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Arg {
    /// The name left of `=`, if any.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// An arm of a match.
#[derive(Clone, Debug)]
pub struct Arm {
    /// What it matches.
    pub pattern: Pattern,
    /// Its value.
    pub value: Expr,
}

/// What an arm matches.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `.rbd(pool)`
    Variant(Name, Vec<Name>),
    /// `none`
    None(Span),
    /// `v`: anything, bound to the name.
    Name(Name),
}
