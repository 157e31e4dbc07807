//! One way in which a host is not what its committed generation says, as it is told.

use serde::Serialize;

use store::Digest;

/// One way in which a host is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing differs.
    pub kind: Kind,
    /// Where: a path, a unit, a container, a setting. It is also the name to adopt it by.
    pub name: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What to do about it.
    pub help: String,
    /// Whether somebody accepted by name what is there.
    pub adopted: bool,
    /// Names exactly what was found, where it can be accepted: something else there is not accepted with it.
    #[serde(skip)]
    pub evidence: Option<Digest>,
}

/// Says what kind of thing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A switch began and did not end.
    Transit,
    /// A file of a generation is not the one that was written.
    Edited,
    /// A place of the host should hold a link of ours and does not.
    Link,
    /// What containers read is not what was rendered.
    Rendered,
    /// systemd has another definition of a unit than the generation's, or none.
    Unit,
    /// A file changes a unit of ours that is none of ours.
    DropIn,
    /// A container has the name of one of ours and is another.
    Foreign,
    /// A container was made from another definition than the one that holds.
    Stamp,
    /// A container runs from another image than its name or digest now means.
    Image,
    /// A unit should run and does not.
    Down,
    /// Something of ours is there that the generation does not know.
    Unknown,
    /// A kernel setting has another value.
    Kernel,
    /// A task of the generation was never completed.
    Task,
    /// A container that was adopted is where it should not be.
    Kept,
    /// Units go on as a switch tried them that went back, since what came before cannot read their data.
    Forward,
    /// A certificate of the generation ends soon or has ended, or a secret of it should be made anew.
    Expires,
    /// A unit was left as it was on purpose, and takes up the change at its next start. This is no drift.
    Waits,
}

impl Kind {
    /// Returns the word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Transit => "transit",
            Self::Edited => "edited",
            Self::Link => "link",
            Self::Rendered => "rendered",
            Self::Unit => "unit",
            Self::DropIn => "drop-in",
            Self::Foreign => "foreign",
            Self::Stamp => "stamp",
            Self::Image => "image",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Kernel => "kernel",
            Self::Task => "task",
            Self::Kept => "kept",
            Self::Forward => "forward",
            Self::Expires => "expires",
            Self::Waits => "waits",
        }
    }

    /// Says whether a switch would overwrite it without a word, or would be wrong about it.
    pub fn forbids_a_switch(self) -> bool {
        match self {
            Self::Edited | Self::DropIn | Self::Foreign | Self::Stamp => true,
            // A switch sets these right by itself, or does not touch them.
            Self::Transit | Self::Link | Self::Rendered | Self::Unit | Self::Image | Self::Down => false,
            Self::Unknown | Self::Kernel | Self::Task | Self::Kept | Self::Forward => false,
            Self::Expires | Self::Waits => false,
        }
    }
}

impl Finding {
    /// Makes a finding that only mending ends.
    pub fn new(kind: Kind, name: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            expected: expected.into(),
            found: String::new(),
            help: String::new(),
            adopted: false,
            evidence: None,
        }
    }

    /// Says what was found.
    pub fn found(self, found: impl Into<String>) -> Self {
        Self { found: found.into(), ..self }
    }

    /// Says what to do.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// Lets it be accepted by name.
    pub fn adoptable(self, evidence: Option<Digest>) -> Self {
        Self { evidence, ..self }
    }

    /// Says whether the host is not as it should be.
    pub fn is_drift(&self) -> bool {
        !self.adopted && self.kind != Kind::Waits
    }
}
