//! Leads a rollout over real hosts: hears what they report, writes the record, and has done what the rollout asks for next.
//!
//! Decides nothing: that is `rollout`. Whatever it was doing when it died is taken up again from the record and the hosts.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::thread;

use super::deeds::Deeds;
use super::ledger::{Ledger, LedgerError};
use super::record::{End, Record};
use super::rollout::{Command, Event, take};
use crate::activate::part::Open;

/// Leads until the rollout ends. `open` names switches that go on already, by host.
pub fn lead(
    record: &mut Record,
    first: Vec<Command>,
    open: &BTreeMap<String, Open>,
    deeds: &Deeds<'_>,
    ledger: &Ledger,
) -> Result<End, LedgerError> {
    let (sender, events) = channel();
    let mut switches: BTreeMap<String, String> =
        open.iter().map(|(host, it)| (host.clone(), it.tx.clone())).collect();
    ledger.write(record)?;
    thread::scope(|scope| {
        for (host, open) in open {
            let sender = sender.clone();
            scope.spawn(move || deeds.attach(host, open, &sender));
        }
        let mut commands = first;
        let ended = loop {
            // No host is touched by what is only asked for.
            let refused = room(&commands, deeds).err();
            for command in commands.drain(..) {
                if let (Command::Switch { host, .. }, Some(why)) = (&command, &refused) {
                    let _heard = sender.send(Event::Refused { host: host.clone(), why: why.clone() });
                    continue;
                }
                if let Command::Switch { host, .. } = &command {
                    switches.insert(host.clone(), deeds.tx());
                }
                let tx = switches.get(command.host()).cloned().unwrap_or_default();
                let sender = sender.clone();
                scope.spawn(move || deeds.act(&command, &tx, &sender));
            }
            if let Some(end) = record.end.clone() {
                break Ok(end);
            }
            // This function holds a sender itself, so there is always one more event or the rollout has ended.
            let Ok(event) = events.recv() else { continue };
            commands = take(record, event);
            if let Err(error) = ledger.write(record) {
                break Err(error.into());
            }
        };
        if ended.as_ref().is_ok_and(End::is_over) {
            let hosts: Vec<String> = record.hosts.keys().cloned().collect();
            deeds.dismiss(&hosts);
        }
        // Whoever still listens to a host ends with its connection.
        deeds.crew.close();
        ended
    })
}

/// Waits until the hosts that are asked to switch may, all of them together.
fn room(commands: &[Command], deeds: &Deeds<'_>) -> Result<(), String> {
    let switches = commands.iter().filter(|it| matches!(it, Command::Switch { .. }));
    let wave: Vec<String> = switches.map(|it| it.host().to_owned()).collect();
    if wave.is_empty() { Ok(()) } else { deeds.await_room(&wave) }
}
