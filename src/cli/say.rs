//! Printing that does not mind a reader who went away: `kolla-lang generations | head` is no mistake, and a switch whose
//! terminal is gone must go on all the same.

/// Prints a line to standard output, if anybody reads.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _unread = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Prints a line to standard error, if anybody reads.
macro_rules! say_wrong {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _unread = writeln!(std::io::stderr(), $($words)*);
    }};
}

pub(crate) use {say, say_wrong};
