//! The registry of codes: an enum, so that a test can walk it. A code has a page in docs/errors and a case in tests/report.

use std::fmt;

macro_rules! codes {
    ($($name:ident = $text:literal,)*) => {
        /// What kind of mistake a report is about.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[allow(missing_docs, reason = "each has a page in docs/errors")]
        pub enum Code { $($name,)* Bug }

        impl Code {
            /// Every code but that of our own mistakes, which no description has.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as it is printed: `kl::area::name`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* Code::Bug => "kl::bug" }
            }
        }
    };
}

codes! {
    // Files.
    FileMissing = "kl::files::no-such-file",
    FileUnreadable = "kl::files::unreadable",
    FileOutside = "kl::files::outside",
    FileTooLarge = "kl::files::too-large",
    FileNotUtf8 = "kl::files::not-utf8",
    UseCycle = "kl::files::use-cycle",
    // Tokens.
    BadCharacter = "kl::lex::bad-character",
    BadAddress = "kl::lex::bad-address",
    BadNumber = "kl::lex::bad-number",
    UnknownUnit = "kl::lex::unknown-unit",
    OpenText = "kl::lex::open-text",
    BadEscape = "kl::lex::bad-escape",
    // Syntax.
    Unexpected = "kl::parse::unexpected",
    Unclosed = "kl::parse::unclosed",
    TooDeep = "kl::parse::too-deep",
    WrongOperator = "kl::parse::wrong-operator",
    MissingComma = "kl::parse::missing-comma",
    BadArgument = "kl::parse::bad-argument",
    // Types.
    NoSuchName = "kl::types::no-such-name",
    AmbiguousName = "kl::types::ambiguous-name",
    DuplicateName = "kl::types::duplicate-name",
    NoSuchType = "kl::types::no-such-type",
    RecursiveType = "kl::types::recursive-type",
    Mismatch = "kl::types::mismatch",
    UnknownField = "kl::types::unknown-field",
    MissingField = "kl::types::missing-field",
    UnknownVariant = "kl::types::unknown-variant",
    NeedsType = "kl::types::needs-type",
    NotInTree = "kl::types::not-in-tree",
    SecretLeak = "kl::types::secret-leak",
    WrongArguments = "kl::types::wrong-arguments",
    NotAFunction = "kl::types::not-a-function",
    RecursiveFunction = "kl::types::recursive-function",
    BadPath = "kl::types::bad-path",
    BadOperator = "kl::types::bad-operator",
    BadMatch = "kl::types::bad-match",
    BadForce = "kl::types::bad-force",
    BadTypeUse = "kl::types::bad-type-use",
    BareAddress = "kl::types::bare-address",
    // Merging.
    Conflict = "kl::merge::conflict",
    Missing = "kl::merge::missing",
    AbsentKey = "kl::merge::absent-key",
    DeadDefinition = "kl::merge::dead-definition",
    DroppedPart = "kl::merge::dropped-part",
    WonByUse = "kl::merge::won-by-use",
    NothingTaken = "kl::merge::nothing-taken",
    // Evaluation.
    Cycle = "kl::eval::cycle",
    Where = "kl::eval::where",
    Check = "kl::eval::check",
    Arithmetic = "kl::eval::arithmetic",
    BadText = "kl::eval::bad-text",
    Budget = "kl::eval::budget",
    Template = "kl::eval::template",
    // Tests.
    Expect = "kl::test::expect",
    // What the caller makes of values: found after evaluation, by whoever knows what they stand for.
    BadValue = "kl::model::bad-value",
    BadDocument = "kl::model::bad-document",
    BadUnit = "kl::model::bad-unit",
    OrderCycle = "kl::model::order-cycle",
    SecretOnDisk = "kl::model::secret-on-disk",
    OldPodman = "kl::model::old-podman",
    // Documents by tables of their options.
    OptionTable = "kl::options::option-table",
    UnknownOption = "kl::options::unknown-option",
    RemovedOption = "kl::options::removed-option",
    DeprecatedOption = "kl::options::deprecated-option",
    BadOption = "kl::options::bad-option",
    PlainSecret = "kl::options::plain-secret",
}

impl Code {
    /// The last word of the code: the name of its page and of its case.
    pub fn name(self) -> &'static str {
        self.as_str().rsplit("::").next().unwrap_or_default()
    }

    /// Finds a code by its whole text or its last word.
    pub fn find(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|c| c.as_str() == text || c.name() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
