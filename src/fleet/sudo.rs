//! How commands on hosts become those of root, where somebody else signs in: by sudo, with a password that is asked for once, or without.
//!
//! Prompts nobody itself, and writes a password nowhere but to the standard input of sudo.

use std::fmt;
use std::sync::OnceLock;

use zeroize::Zeroizing;

/// Asks whoever runs this program for the password of sudo; nothing where nobody can be asked.
pub type AskPassword = Box<dyn Fn() -> Option<Zeroizing<String>> + Send + Sync>;

/// The password of sudo on all hosts of a command. It is asked for when the first host wants one, and wiped with this value.
pub struct Sudo {
    ask: AskPassword,
    password: OnceLock<Option<Zeroizing<String>>>,
}

impl Sudo {
    /// Names who is asked.
    pub fn new(ask: AskPassword) -> Self {
        Self { ask, password: OnceLock::new() }
    }

    /// Returns the password; whoever comes first has it asked for, and all others wait for the answer.
    pub fn password(&self) -> Option<&str> {
        self.password.get_or_init(|| (self.ask)()).as_deref().map(String::as_str)
    }
}

impl fmt::Debug for Sudo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the password of sudo")
    }
}

/// How commands of one connection become those of root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Whoever signs in is root.
    IsUser,
    /// By sudo, which wants no password.
    Free,
    /// By sudo, with the password.
    Password,
}

/// The line behind the password. Where sudo has not read the password, as it wants none for some commands, this is not the first line that
/// the command finds, and what was to be run is not: else it would read the password as its input.
const BEHIND: &str = "kolla-lang: the password was before this line";
/// Reads that line and runs what is behind its own name.
const CHECKED: &str = r#"IFS= read -r line; [ "$line" = "$1" ] || { echo 'sudo wants a password for some commands and not for others' >&2; exit 1; }
shift
exec "$@""#;

impl Root {
    /// Returns the words that run others as root.
    pub fn before(self) -> &'static [&'static str] {
        match self {
            Self::IsUser => &[],
            Self::Free => &["sudo", "-n", "--"],
            // `-k`: a password that sudo remembers would not be read.
            Self::Password => &["sudo", "-k", "-S", "-p", "", "--", "sh", "-c", CHECKED, "sh", BEHIND],
        }
    }

    /// Returns what comes before the input of a command.
    pub fn first(self, sudo: &Sudo) -> Option<Zeroizing<Vec<u8>>> {
        let password = if self == Self::Password { sudo.password()? } else { return None };
        let parts = [password, "\n", BEHIND, "\n"];
        // Room for all of it from the start: what grows would leave copies of the password behind.
        let mut first = Zeroizing::new(Vec::with_capacity(parts.iter().map(|it| it.len()).sum()));
        parts.iter().for_each(|it| first.extend_from_slice(it.as_bytes()));
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn somebody_is_asked_once_and_only_where_a_password_is_wanted() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let sudo = Sudo::new(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Some(Zeroizing::new("s3cret".to_owned()))
        }));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(sudo.password(), Some("s3cret")));
            }
        });
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(Root::Free.first(&sudo), None);
        let first = Root::Password.first(&sudo).unwrap_or_default();
        assert!(first.starts_with(b"s3cret\n") && first.ends_with(b"\n"));
        assert!(Root::Password.before().iter().all(|word| !word.contains("s3cret")));
        assert!(!format!("{sudo:?}").contains("s3cret"));
    }
}
