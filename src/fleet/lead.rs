//! Leads a rollout over real hosts: hears what they report, writes the record, and has done what the rollout asks for next.
//!
//! Decides nothing: that is `rollout`. Whatever it was doing when it died is taken up again from the record and the hosts.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::thread;

use super::deeds::Deeds;
use super::ledger::{Ledger, LedgerError};
use super::record::{End, Record};
use super::rollout::{Command, take};

/// Leads until the rollout ends. `open` names switches that go on already, by host.
pub fn lead(
    record: &mut Record,
    first: Vec<Command>,
    open: &BTreeMap<String, String>,
    deeds: &Deeds<'_>,
    ledger: &Ledger,
) -> Result<End, LedgerError> {
    let (sender, events) = channel();
    let mut switches = open.clone();
    ledger.write(record)?;
    thread::scope(|scope| {
        for (host, tx) in open {
            let sender = sender.clone();
            scope.spawn(move || deeds.attach(host, tx, &sender));
        }
        let mut commands = first;
        let ended = loop {
            for command in commands.drain(..) {
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
        if let Ok(End::Done | End::Behind | End::Returned { .. }) = &ended {
            let hosts: Vec<String> = record.hosts.keys().cloned().collect();
            deeds.dismiss(&hosts);
        }
        // Whoever still listens to a host ends with its connection.
        deeds.crew.close();
        ended
    })
}
