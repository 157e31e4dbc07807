//! A written unit before it carries the digest of its own meaning: in [Unit] for the file, as a label for the container.

use super::unit::UnitText;
use store::Digest;
use store::manifest::Digests;

/// A unit file without its own digest.
#[derive(Debug)]
pub struct Draft {
    /// The lines.
    pub text: UnitText,
    /// Podman's command line, where the unit has one: the last line of [Service].
    pub command: Option<Command>,
}

/// A command line on its way, each word encoded.
#[derive(Debug)]
pub struct Command {
    /// The program, what it does, and all options.
    pub options: Vec<String>,
    /// What comes after all options.
    pub last: Vec<String>,
}

impl Command {
    fn line(&self) -> String {
        self.options.iter().chain(&self.last).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl Draft {
    /// A unit of one file, whose container carries the digest too. `told` decides about a restart beside the unit, `reload`
    /// about a reload.
    pub fn seal_container(mut self, told: &str, reload: &Digest) -> (String, Digests) {
        let digests = self.digests(told, reload);
        let label = format!("kolla-lang.digest={}", digests.restart);
        self.text.add_meta("Unit", "X-Kolla-Digest", digests.restart.as_str());
        match &mut self.command {
            Some(command) => command.options.extend(["--label".to_owned(), label]),
            None => self.text.add_meta("Container", "Label", label),
        }
        (self.finished(), digests)
    }

    /// A unit without a container.
    pub fn seal(self) -> (String, Digests) {
        let digests = self.digests("", &Digest::of(b""));
        (self.finished(), digests)
    }

    fn digests(&self, told: &str, reload: &Digest) -> Digests {
        let mut meaning = self.text.meaning();
        meaning.extend(self.command.iter().map(Command::line));
        meaning.push_str(told);
        digests(meaning.as_bytes(), reload, self.text.meta().as_bytes())
    }

    fn finished(mut self) -> String {
        if let Some(command) = &self.command {
            self.text.add("Service", "ExecStart", command.line());
        }
        self.text.text()
    }
}

/// The digests of a unit that is not built.
pub fn none() -> Digests {
    Digests { restart: Digest::of_nothing(), reload: Digest::of_nothing(), meta: Digest::of_nothing() }
}

/// Makes the three digests of a unit.
pub fn digests(meaning: &[u8], reload: &Digest, meta: &[u8]) -> Digests {
    Digests { restart: Digest::of(meaning), reload: reload.clone(), meta: Digest::of(meta) }
}
