//! The words of a command that makes a switch part of a rollout, or ends the claim of one. Whoever leads it writes them; not for people.

use clap::Args;

use activate::name::parse_name;
use activate::part::{Lead, Part};
use store::Digest;

/// Who leads a rollout.
#[derive(Debug, Args)]
pub struct LeadArgs {
    /// The rollout
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    rollout: String,
    /// Which of those it is who led it, from 1
    #[arg(long, value_name = "N")]
    epoch: u64,
    /// Who leads it
    #[arg(long, value_name = "WHO")]
    leader: String,
}

impl LeadArgs {
    /// Returns them as hosts note them.
    pub fn lead(&self) -> Lead {
        let Self { rollout, epoch, leader } = self;
        Lead { rollout: rollout.clone(), epoch: *epoch, leader: leader.clone() }
    }
}

/// A switch as part of a rollout.
#[derive(Debug, Args)]
pub struct PartArgs {
    /// The rollout that this switch is part of
    #[arg(long, value_name = "NAME", hide = true, value_parser = parse_name, requires_all = ["epoch", "leader", "from"])]
    rollout: Option<String>,
    /// Which of those it is who led it, from 1
    #[arg(long, value_name = "N", hide = true, requires = "rollout")]
    epoch: Option<u64>,
    /// Who leads it
    #[arg(long, value_name = "WHO", hide = true, requires = "rollout")]
    leader: Option<String>,
    /// The closure that the host must have to begin, or `none`
    #[arg(long, value_name = "DIGEST", hide = true, requires = "rollout", value_parser = former)]
    from: Option<Former>,
    /// A unit that waits until it is released
    #[arg(long, value_name = "UNIT", hide = true, requires = "rollout")]
    wait_for: Vec<String>,
    /// This is the end: run the tasks that wait for it
    #[arg(long, hide = true, requires = "rollout")]
    finish: bool,
    /// Give up the claim that the rollout of this name has to hosts; a refusal names it
    #[arg(long, value_name = "ROLLOUT", value_parser = parse_name)]
    take_over: Option<String>,
}

/// What a host was.
#[derive(Debug, Clone)]
enum Former {
    Bare,
    Had(Digest),
}

impl PartArgs {
    /// Returns the part that is asked for, if one is.
    pub fn part(&self) -> Option<Part> {
        let Self { rollout, epoch, leader, from, wait_for, finish, take_over: _ } = self;
        let lead = Lead { rollout: rollout.clone()?, epoch: (*epoch)?, leader: leader.clone()? };
        let from = match from {
            Some(Former::Had(digest)) => Some(digest.clone()),
            Some(Former::Bare) | None => None,
        };
        Some(Part { lead, from, waits: wait_for.iter().cloned().collect(), finish: *finish })
    }

    /// Returns the rollout whose claim ends.
    pub fn take_over(&self) -> Option<String> {
        self.take_over.clone()
    }
}

fn former(text: &str) -> Result<Former, String> {
    match text {
        "none" => Ok(Former::Bare),
        _ => text.parse().map(Former::Had).map_err(|_| "it is a digest or `none`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        part: PartArgs,
    }

    #[test]
    fn words_and_parts_are_the_same() {
        let lead = Lead { rollout: "17-1".into(), epoch: 2, leader: "ann on desk".into() };
        for (from, waits, finish) in
            [(None, vec!["a.service", "b.service"], false), (Some("x"), vec![], true)]
        {
            let from = from.map(|it| Digest::of(it.as_bytes()));
            let waits = waits.into_iter().map(str::to_owned).collect();
            let part = Part { lead: lead.clone(), from, waits, finish };
            let words = std::iter::once("line".to_owned()).chain(part.words());
            let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(line.part.part(), Some(part));
        }
    }

    #[test]
    fn half_a_part_is_refused() {
        for words in
            ["--rollout=17", "--epoch=1", "--finish", "--from=none", "--rollout=17 --epoch=1 --leader=b"]
        {
            let line = std::iter::once("line").chain(words.split(' '));
            assert!(Line::try_parse_from(line).is_err(), "{words}");
        }
        let none = Line::try_parse_from(["line"]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((none.part.part(), none.part.take_over()), (None, None));
    }
}
