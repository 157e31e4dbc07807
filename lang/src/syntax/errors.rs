//! The words of the reports about syntax.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::token::{Keyword, Sign, TokenKind};

/// What might have stood at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// A value.
    Expression,
    /// A type.
    Type,
    /// The name of something.
    Name(&'static str),
    /// `=`, `?=`, …
    DefineOp,
    /// Exactly this.
    Sign(Sign),
    /// One of two.
    Either(Sign, Sign),
    /// Exactly this.
    Keyword(Keyword),
    /// A text in quotes.
    Text(&'static str),
    /// A text without holes.
    PlainText,
    /// An item of a file.
    Item,
    /// What stands in braces.
    Entry,
    /// `let`, `require`, `for` or `if`.
    CheckLine,
    /// `given` or `expect`.
    TestLine,
    /// `let` or `return`.
    FnLine,
    /// `name : Type`.
    Field,
    /// A pattern of a `match`.
    Pattern,
    /// `fn`, `type` or `let`.
    Shared,
    /// A module or a file.
    Source,
    /// `=` or a block.
    FnBody,
    /// `then` or an operator.
    Then,
    /// Something that ends what was read.
    Separator,
    /// The end of the expression.
    End,
    /// The `}` of a hole.
    HoleEnd,
}

/// What is likely meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// `if a = b {`
    Compare,
    /// `if c {…}` as a value.
    Then,
    /// `.x { … }`
    Payload,
    /// `a.b { … }`
    Equals,
    /// `1 + if …`, `a == not b`
    Parenthesise,
    /// `a < b < c`
    Chain,
    /// `&&`
    WriteAnd,
    /// `name : Type = …` among definitions.
    TypeElsewhere,
    /// `{ a, b }` as a list.
    ListInBraces,
    /// `a : b` in a literal.
    ColonForEquals,
    /// A keyword where a name must be.
    KeywordAsName,
    /// `else` without an `if` before it.
    ElseNeeded,
    /// `=>`
    Arrow,
    /// A key in the air.
    GlueDot,
    /// An item inside of braces.
    TopOnly,
    /// `}` with nothing open.
    ClosesNothing,
    /// `{ [K]: V }`
    MapAlone,
    /// `let x` without a value.
    LetValue,
    /// `if c then …` among definitions.
    GuardBraces,
    /// `f (x)`, `m [k]`
    GlueBracket,
    /// `x = a for a in b`
    ListFor,
    /// A function that returns nothing.
    Return,
    /// `=>` for `=`.
    EqualsForArrow,
}

impl Expected {
    fn words(self) -> String {
        match self {
            Expected::Expression => "an expression".into(),
            Expected::Type => "a type".into(),
            Expected::Name(what) => format!("the name of {what}"),
            Expected::DefineOp => "`=`, `?=`, `+=`, `-=` or `:=`".into(),
            Expected::Sign(sign) => format!("`{}`", sign.as_str()),
            Expected::Either(a, b) => format!("`{}` or `{}`", a.as_str(), b.as_str()),
            Expected::Keyword(keyword) => format!("`{}`", keyword.as_str()),
            Expected::Text(what) => format!("{what} in quotes"),
            Expected::PlainText => "a text without `${…}`".into(),
            Expected::Item => "a definition, or an item such as `option`, `fn` or `check`".into(),
            Expected::Entry => "a definition, `let`, `for`, `if` or `}`".into(),
            Expected::CheckLine => "`let`, `require`, `for`, `if` or `}`".into(),
            Expected::TestLine => "`given`, `expect` or `}`".into(),
            Expected::FnLine => "`let` or `return`".into(),
            Expected::Field => "a field, as in `name : Type`, or `}`".into(),
            Expected::Pattern => "a pattern, as in `.variant ->`, `none ->` or `name ->`, or `}`".into(),
            Expected::Shared => "`fn`, `type` or `let`".into(),
            Expected::Source => "the name of a module or the path of a file in quotes".into(),
            Expected::FnBody => "`=` or `{`".into(),
            Expected::Then => "`then` or an operator".into(),
            Expected::Separator => "`,`, a new line or an operator".into(),
            Expected::End => "the end of the expression".into(),
            Expected::HoleEnd => "an operator or the `}` of the interpolation".into(),
        }
    }
}

impl Hint {
    fn words(self) -> &'static str {
        match self {
            Hint::Compare => "write `==` to compare",
            Hint::Then => "write a value that depends on a condition as `if c then a else b`",
            Hint::Payload => "write the payload of a variant in parentheses, as in `.rbd(pool = .vms)`",
            Hint::Equals => "write `=` before the `{`",
            Hint::Parenthesise => "put parentheses around it",
            Hint::Chain => "join two comparisons with `and`",
            Hint::WriteAnd => "write `and`",
            Hint::TypeElsewhere => {
                "give a type in an `option`, a `type` or a `let`; a definition has only a value"
            }
            Hint::ListInBraces => "write a list or a set as `[a, b]`",
            Hint::ColonForEquals => "write `=`, as in `name = value`",
            Hint::KeywordAsName => "choose another name: this one is a keyword here",
            Hint::ElseNeeded => "say what the value is otherwise: `if c then a else b`",
            Hint::Arrow => "write `->`",
            Hint::GlueDot => "write no space before the `.`, so that it goes on with the path",
            Hint::TopOnly => "move it out of the braces, to the top of the file",
            Hint::ClosesNothing => "remove it, or look for an opening bracket that is missing above",
            Hint::MapAlone => "write a map as `{[K]: V}`, with nothing else in its braces",
            Hint::LetValue => "give the value: `let name = value`",
            Hint::GuardBraces => "write `if c { … }` around definitions",
            Hint::GlueBracket => "write no space before the bracket, if it belongs to what stands before it",
            Hint::EqualsForArrow => "write `=`",
            Hint::Return => "end the function with `return` and its value",
            Hint::ListFor => "write a list as `[x for x in xs]`, or the loop around the definition",
        }
    }
}

/// What stands at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'a> {
    /// A token, and its text.
    Token(TokenKind, &'a str),
    /// Nothing more on this line, and the next one begins something else.
    LineEnd,
    /// Nothing more.
    FileEnd,
    /// A text with interpolations.
    Holes,
}

impl Found<'_> {
    fn words(self) -> String {
        match self {
            Found::LineEnd => "the end of the line".into(),
            Found::FileEnd => "the end".into(),
            Found::Holes => "one with".into(),
            Found::Token(TokenKind::Keyword(keyword), _) => format!("the keyword `{}`", keyword.as_str()),
            Found::Token(TokenKind::TextOpen { .. }, _) => "a text".into(),
            Found::Token(TokenKind::HoleClose, _) => "the end of the interpolation".into(),
            Found::Token(_, text) => format!("`{text}`"),
        }
    }
}

/// Something else was expected here.
pub fn unexpected(at: Span, found: Found<'_>, expected: Expected, hint: Option<Hint>) -> Diagnostic {
    let message = format!("expected {}, found {}", expected.words(), found.words());
    let hint = hint.map(|hint| hint.words().to_owned());
    Diagnostic::error(Code::Unexpected, at, message).help_opt(hint)
}

/// A word that begins nothing, like a keyword mistyped or of another language.
pub fn no_keyword(at: Span, word: &str, meant: &str) -> Diagnostic {
    Diagnostic::error(Code::Unexpected, at, format!("`{word}` is no keyword"))
        .help(format!("did you mean `{meant}`?"))
}

/// A type as another language writes it.
pub fn foreign_type(at: Span, written: &str, ours: &str) -> Diagnostic {
    Diagnostic::error(Code::Unexpected, at, format!("a type is not written like `{written}`"))
        .help(format!("write `{ours}`"))
}

/// A type with something in brackets after it.
pub fn no_parameters(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(Code::Unexpected, at, format!("the type `{name}` takes nothing in brackets"))
        .help("write a list as `[T]`, a map as `{[K]: V}`, and what may be `none` as `T?`")
}

/// `x : Int?= none`: the `?` was taken for a part of the operator.
pub fn glued_question(at: Span) -> Diagnostic {
    Diagnostic::error(Code::Unexpected, at, "expected `?` and `=`, found `?=`")
        .here("`?=` is an operator of its own")
        .help("write `? =`: the `?` is glued to its type, and a space belongs before the `=`")
}

/// A bracket is never closed.
pub fn unclosed(at: Span, bracket: &str, gave_up: Span, found: TokenKind) -> Diagnostic {
    let why = match found {
        TokenKind::End if gave_up.start == gave_up.end => "the file ends here",
        TokenKind::Sign(Sign::BraceEnd | Sign::ListEnd | Sign::GroupEnd) | TokenKind::HoleClose => {
            "this closes something else"
        }
        _ => "it should be closed before this",
    };
    let closing = match bracket {
        "(" => ")",
        "[" => "]",
        _ => "}",
    };
    Diagnostic::error(Code::Unclosed, at, format!("`{bracket}` is not closed"))
        .here("it is opened here")
        .label(gave_up, why)
        .help(format!("close it with `{closing}`"))
}

/// Brackets or operators nest deeper than the limit.
pub fn too_deep(at: Span, limit: u32) -> Diagnostic {
    Diagnostic::error(Code::TooDeep, at, format!("this nests deeper than {limit} levels"))
        .help("take a part of it out into a `let` or a `fn`")
}

/// Where an operator stands that only a definition may have, or that no definition has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpPlace {
    /// `option a : T ?= e`, or a field's or parameter's default.
    Default,
    /// `let x ?= e`
    Let,
    /// `f(a ?= e)`
    Argument,
    /// `fn f() -> T ?= e`
    Fn,
    /// `type T ?= …`
    Type,
    /// `a == e`
    Define,
}

/// An operator that may not stand here.
pub fn wrong_operator(at: Span, found: &str, place: OpPlace) -> Diagnostic {
    let (what, help) = match place {
        OpPlace::Default => ("give a default", "write `=`"),
        OpPlace::Let => ("bind a name", "write `=`"),
        OpPlace::Argument => ("pass an argument", "write `=`"),
        OpPlace::Fn => ("begin the value of a function", "write `=`"),
        OpPlace::Type => ("declare a type", "write `=`, or `+=` to add fields"),
        OpPlace::Define => ("define anything: it compares", "write `=`"),
    };
    Diagnostic::error(Code::WrongOperator, at, format!("`{found}` does not {what}")).help(help)
}

/// Two on one line with nothing between them.
pub fn missing_comma(gap: Span, second: &str) -> Diagnostic {
    Diagnostic::warning(Code::MissingComma, gap, format!("a `,` is missing before `{second}`"))
        .here("two stand on one line here")
        .help("write a `,` between them, or begin a new line")
}

/// What is wrong with an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgFault {
    /// `f(a.b = 1)`
    NotAName,
    /// `f(a, b for …)`, `f(b for …, a)`
    GeneratorNotAlone,
    /// `f(a = b for …)`
    NamedGenerator,
    /// `.v(a for …)`
    InPayload,
}

/// An argument of a call, or an element of a list, that may not be like this.
pub fn bad_argument(at: Span, fault: ArgFault) -> Diagnostic {
    let (message, help) = match fault {
        ArgFault::NotAName => ("only a name may stand left of `=` here", "write `==` to compare"),
        ArgFault::GeneratorNotAlone => {
            ("a `for` stands alone in its brackets", "put the list in brackets of its own: `[x for x in xs]`")
        }
        ArgFault::NamedGenerator => (
            "an argument with a name cannot be a `for`",
            "put the list in brackets of its own: `[x for x in xs]`",
        ),
        ArgFault::InPayload => (
            "the payload of a variant cannot be a `for`",
            "put the list in brackets of its own: `[x for x in xs]`",
        ),
    };
    Diagnostic::error(Code::BadArgument, at, message).help(help)
}
