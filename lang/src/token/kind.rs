//! What tokens there are, and how each is spelt.

macro_rules! spelt {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "the names are the spellings")]
        pub enum $name { $($variant,)* }

        impl $name {
            /// How it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

spelt! {
    /// A word that is a keyword where no name must be.
    Keyword {
        Use = "use", Pub = "pub", Option = "option", Type = "type", Fn = "fn", Let = "let", Check = "check",
        Test = "test", Force = "force", For = "for", In = "in", If = "if", Then = "then", Else = "else",
        Match = "match", And = "and", Or = "or", Not = "not", None = "none", True = "true", False = "false",
        Require = "require", Where = "where", Enum = "enum", Given = "given", Expect = "expect",
        Return = "return", Warn = "warn", Key = "key", Set = "set", Of = "of",
    }
}

impl Keyword {
    /// The keyword with this spelling. `key`, `set` and `of` are not among them: they depend on what follows.
    pub(crate) fn find(text: &str) -> Option<Keyword> {
        use Keyword::*;
        Some(match text {
            "use" => Use,
            "pub" => Pub,
            "option" => Option,
            "type" => Type,
            "fn" => Fn,
            "let" => Let,
            "check" => Check,
            "test" => Test,
            "force" => Force,
            "for" => For,
            "in" => In,
            "if" => If,
            "then" => Then,
            "else" => Else,
            "match" => Match,
            "and" => And,
            "or" => Or,
            "not" => Not,
            "none" => None,
            "true" => True,
            "false" => False,
            "require" => Require,
            "where" => Where,
            "enum" => Enum,
            "given" => Given,
            "expect" => Expect,
            "return" => Return,
            "warn" => Warn,
            _ => return core::option::Option::None,
        })
    }
}

spelt! {
    /// A token that is no word and no literal. `Call` and `Index` are glued to what stands before them.
    Sign {
        Group = "(", Call = "(", GroupEnd = ")", List = "[", Index = "[", ListEnd = "]", Brace = "{",
        BraceEnd = "}", Comma = ",", Colon = ":", Dot = ".", Question = "?", Set = "=", Suggest = "?=",
        Add = "+=", Remove = "-=", Replace = ":=", Eq = "==", Ne = "!=", Lt = "<", Le = "<=", Gt = ">",
        Ge = ">=", Arrow = "->", Range = "..", Else = "??", Merge = "&", Plus = "+", Minus = "-",
        Star = "*", Slash = "/", Percent = "%", FatArrow = "=>",
    }
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// A name.
    Word,
    /// A keyword.
    Keyword(Keyword),
    /// A literal; the index of its value in [`super::Tokens::lits`].
    Lit(u32),
    /// A literal that was reported.
    BadLit,
    /// The opening quote of a text. A broken one was reported; all tokens to its end are there only to be skipped.
    TextOpen {
        /// It never ends.
        broken: bool,
    },
    /// Plain text, escapes and all.
    TextChunk,
    /// `${`
    HoleOpen,
    /// `}`
    HoleClose,
    /// The closing quote.
    TextClose,
    /// `.name` glued to what stands before it.
    Dot,
    /// `.` glued to what stands before it, with a text glued to it.
    DotText,
    /// `.name` in the air.
    Variant,
    /// Anything that is spelt with signs.
    Sign(Sign),
    /// Something that was reported.
    Bad,
    /// Behind the last token.
    End,
    /// Trivia: blanks and line ends.
    Space,
    /// Trivia: `# …`
    Comment,
    /// Trivia: `## …`
    Doc,
}
