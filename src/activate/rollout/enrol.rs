//! A host's enrolment in a rollout: who may switch it meanwhile, and what its record is from then on.
//!
//! Decides by the record alone; it is read and written under the lock of the host.

use std::time::Duration;

use crate::failure::{NotBegun, Refusal};
use crate::machine::layout::Layout;
use crate::records::part::{Claim, Enrolled, Lead, Part};
use crate::records::request::Options;
use store::{Digest, files, lock, sealed};

/// How often the lock is asked for, and how long is waited between.
const N_TRIES: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(100);

/// What a switch makes of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intended {
    /// Names the closure that it is to be.
    pub to: Digest,
    /// The digest of the whole cloud, where that is known.
    pub cloud: Option<Digest>,
    /// Seconds since 1970.
    pub time: u64,
}

/// Decides whether somebody may command a host: who leads its rollout, or names it to take it over, or anybody where there is none.
pub fn admit(
    enrolled: Option<&Enrolled>,
    claim: Option<Claim<'_>>,
    take_over: Option<&str>,
) -> Result<(), NotBegun> {
    let Some(Enrolled { lead: Lead { rollout, epoch, leader }, .. }) = enrolled else { return Ok(()) };
    match claim {
        Some(claim) if claim.rollout == *rollout && claim.epoch < *epoch => {
            let (rollout, leader) = (rollout.clone(), leader.clone());
            Err(Refusal::Overtaken { rollout, epoch: *epoch, leader }.into())
        }
        Some(claim) if claim.rollout == *rollout => Ok(()),
        _ if take_over == Some(rollout.as_str()) => Ok(()),
        _ => Err(NotBegun::InRollout { rollout: rollout.clone(), leader: leader.clone() }),
    }
}

/// Decides what the record is from now on; nothing means that the host is part of no rollout.
pub fn decide(
    enrolled: Option<&Enrolled>,
    options: &Options,
    intended: &Intended,
    committed: Option<&Digest>,
) -> Result<Option<Enrolled>, NotBegun> {
    let Options { part, take_over, .. } = options;
    admit(enrolled, part.as_ref().map(|part| part.lead.claim()), take_over.as_deref())?;
    let Some(part) = part else { return Ok(None) };
    let Intended { to, cloud, time } = intended;
    if committed != part.from.as_ref() && committed != Some(to) {
        let (wanted, found) = (part.from.clone(), committed.cloned());
        return Err(Refusal::NotFrom { wanted, found }.into());
    }
    match enrolled.filter(|it| it.lead.rollout == part.lead.rollout) {
        Some(enrolled) => go_on(enrolled, part, intended).map(Some),
        None => Ok(Some(Enrolled {
            lead: part.lead.clone(),
            from: part.from.clone(),
            to: to.clone(),
            cloud: cloud.clone(),
            time: *time,
        })),
    }
}

/// What a host was before its rollout never changes, and the way back there is always open; what it is to be changes with who leads.
fn go_on(enrolled: &Enrolled, part: &Part, intended: &Intended) -> Result<Enrolled, NotBegun> {
    let known = [Some(&enrolled.to), enrolled.from.as_ref()];
    let is_known = known.contains(&Some(&intended.to)) && known.contains(&part.from.as_ref());
    if !is_known && part.lead.epoch == enrolled.lead.epoch {
        let (rollout, to, asked) = (part.lead.rollout.clone(), enrolled.to.clone(), intended.to.clone());
        return Err(Refusal::OtherGoal { rollout, to, asked }.into());
    }
    let is_back = enrolled.from.as_ref() == Some(&intended.to);
    let (to, cloud) = if is_back || enrolled.to == intended.to {
        (enrolled.to.clone(), enrolled.cloud.clone())
    } else {
        (intended.to.clone(), intended.cloud.clone())
    };
    let Enrolled { from, time, .. } = enrolled.clone();
    Ok(Enrolled { lead: part.lead.clone(), from, to, cloud, time })
}

/// Enrols a host in the rollout that a switch is part of, or ends the claim of one; the caller holds the lock.
pub fn enrol(
    layout: &Layout,
    options: &Options,
    intended: &Intended,
    committed: Option<&Digest>,
) -> Result<(), NotBegun> {
    let before = Enrolled::load(layout)?;
    let now = decide(before.as_ref(), options, intended, committed)?;
    if now == before { Ok(()) } else { set(layout, now.as_ref()) }
}

/// Notes who leads the rollout that a host is part of, and returns the record.
pub fn renew(layout: &Layout, lead: &Lead) -> Result<Enrolled, NotBegun> {
    let _lock = take_lock(layout)?;
    let enrolled = find(layout, lead)?;
    let renewed = Enrolled { lead: lead.clone(), ..enrolled };
    set(layout, Some(&renewed))?;
    Ok(renewed)
}

/// Reads the record of a rollout that somebody leads.
pub fn find(layout: &Layout, lead: &Lead) -> Result<Enrolled, NotBegun> {
    let enrolled = Enrolled::load(layout)?;
    admit(enrolled.as_ref(), Some(lead.claim()), None)?;
    Ok(enrolled.ok_or_else(|| Refusal::NotInRollout { rollout: lead.rollout.clone() })?)
}

/// Ends a host's part in a rollout. That it has none is well.
pub fn end(layout: &Layout, claim: Claim<'_>) -> Result<(), NotBegun> {
    refuse_open(layout)?;
    let _lock = take_lock(layout)?;
    refuse_open(layout)?;
    admit(Enrolled::load(layout)?.as_ref(), Some(claim), None)?;
    set(layout, None)
}

fn refuse_open(layout: &Layout) -> Result<(), Refusal> {
    if files::exists(&layout.journal()) { Err(Refusal::SwitchOpen) } else { Ok(()) }
}

/// Takes the lock of a host, and waits a moment for a switch that has told its end and has it still.
fn take_lock(layout: &Layout) -> Result<lock::Lock, NotBegun> {
    files::make_folder(&layout.run())?;
    for _ in 1..N_TRIES {
        if let Some(lock) = lock::try_lock(&layout.lock())? {
            return Ok(lock);
        }
        std::thread::sleep(BETWEEN);
    }
    Err(NotBegun::Locked)
}

fn set(layout: &Layout, enrolled: Option<&Enrolled>) -> Result<(), NotBegun> {
    let path = layout.rollout();
    match enrolled {
        Some(enrolled) => sealed::write(&path, enrolled)?,
        None if files::exists(&path) => {
            files::remove_file(&path)?;
            files::sync_folder(path.parent().unwrap_or(layout.root()))?;
        }
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Option<Digest> {
        (name != "-").then(|| Digest::of(name.as_bytes()))
    }

    fn closure(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn lead(text: &str) -> Lead {
        let (rollout, epoch) = text.split_once('/').unwrap_or_else(|| panic!("{text}"));
        let epoch = epoch.parse().unwrap_or_else(|error| panic!("{error}"));
        Lead { rollout: rollout.to_owned(), epoch, leader: format!("who leads {text}") }
    }

    /// Reads `ROLLOUT/EPOCH FROM TO`; `-` is no generation.
    fn record(text: &str) -> Option<Enrolled> {
        let [name, from, to] = words(text)?;
        Some(Enrolled { lead: lead(name), from: digest(from), to: closure(to), cloud: None, time: 7 })
    }

    /// Reads `ROLLOUT/EPOCH FROM`; nothing is a switch in no rollout.
    fn part(text: &str) -> Option<Part> {
        let [name, from] = words(text)?;
        Some(Part { lead: lead(name), from: digest(from), waits: [].into(), finish: false })
    }

    fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
        text.split(' ').collect::<Vec<_>>().try_into().ok()
    }

    #[test]
    fn who_may_switch_a_host_and_what_it_notes() {
        let led = "this host is part of the rollout `r`, led by who leads r/2";
        let cases = [
            // The record, who asks, what for, whom it takes over, what is committed: the record that follows, or why not.
            ("", "", "b", "", "a", Ok("")),
            ("", "", "b", "r", "a", Ok("")),
            ("", "r/1 a", "b", "", "a", Ok("r/1 a b")),
            ("", "r/1 -", "b", "", "-", Ok("r/1 - b")),
            ("", "r/1 a", "b", "", "b", Ok("r/1 a b")),
            ("", "r/1 a", "b", "", "c", Err("drift: ")),
            ("", "r/1 a", "b", "", "-", Err("drift: ")),
            ("", "r/1 -", "b", "", "a", Err("drift: ")),
            ("r/2 a b", "r/2 a", "b", "", "a", Ok("r/2 a b")),
            ("r/2 a b", "r/2 a", "b", "", "b", Ok("r/2 a b")),
            ("r/2 a b", "r/3 a", "b", "", "b", Ok("r/3 a b")),
            (
                "r/2 a b",
                "r/1 a",
                "b",
                "",
                "a",
                Err("who leads r/2 has taken over the rollout `r`, as its epoch 2"),
            ),
            ("r/2 a b", "r/2 a", "c", "", "a", Err("in the rollout `r` this host becomes ")),
            ("r/2 a b", "r/3 a", "c", "", "a", Ok("r/3 a c")),
            ("r/2 a b", "r/3 b", "c", "", "b", Ok("r/3 a c")),
            ("r/2 a b", "r/2 b", "a", "", "b", Ok("r/2 a b")),
            ("r/2 a b", "r/3 b", "a", "", "b", Ok("r/3 a b")),
            ("r/2 - b", "r/2 b", "b", "", "b", Ok("r/2 - b")),
            ("r/2 a b", "r/2 a", "b", "", "c", Err("drift: ")),
            ("r/2 a b", "s/9 a", "b", "", "a", Err(led)),
            ("r/2 a b", "s/9 a", "b", "s", "a", Err(led)),
            ("r/2 a b", "s/1 a", "c", "r", "a", Ok("s/1 a c")),
            ("r/2 a b", "s/1 a", "c", "r", "b", Err("drift: ")),
            ("r/2 a b", "", "b", "", "a", Err(led)),
            ("r/2 a b", "", "b", "s", "a", Err(led)),
            ("r/2 a b", "", "b", "r", "a", Ok("")),
        ];
        for case in cases {
            let (before, asks, to, take_over, committed, expected) = case;
            let take_over = (!take_over.is_empty()).then(|| take_over.to_owned());
            let options = Options { part: part(asks), take_over, ..Options::default() };
            let intended = Intended { to: closure(to), cloud: None, time: 7 };
            let decided = decide(record(before).as_ref(), &options, &intended, digest(committed).as_ref());
            match (decided, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, record(expected), "{case:?}"),
                (Err(NotBegun::Refused(why)), Err(expected)) => {
                    assert!(why[0].to_string().starts_with(expected), "{case:?}: {}", why[0]);
                }
                (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected, "{case:?}"),
                (found, _) => panic!("{case:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_a_host_was_and_when_it_began_stays() {
        let before = Enrolled { time: 3, ..record("r/1 a b").unwrap_or_else(|| panic!("no record")) };
        let options = Options { part: part("r/2 a"), ..Options::default() };
        let intended = Intended { to: closure("c"), cloud: digest("cloud"), time: 9 };
        let after = decide(Some(&before), &options, &intended, digest("a").as_ref()).ok().flatten();
        let expected = Enrolled { lead: lead("r/2"), to: closure("c"), cloud: digest("cloud"), ..before };
        assert_eq!(after, Some(expected));
    }
}
