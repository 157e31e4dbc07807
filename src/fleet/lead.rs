//! Leads a rollout over real hosts: hears what they report, writes the record, and has done what the rollout asks for next.
//!
//! Decides nothing: that is `rollout`. Whatever it was doing when it died is taken up again from the record and the hosts.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::thread;

use super::executor::Executor;
use super::record::{End, Record};
use super::rollout::{Command, Event, take};
use super::rollout_store::{RolloutStore, RolloutStoreError};
use activate::part::Open;

/// Leads until the rollout ends. `open` names switches that go on already, by host.
pub fn lead(
    record: &mut Record,
    first: Vec<Command>,
    open: &BTreeMap<String, Open>,
    executor: &Executor<'_>,
    rollout_store: &RolloutStore,
) -> Result<End, RolloutStoreError> {
    let (sender, events) = channel();
    let mut switches: BTreeMap<String, String> =
        open.iter().map(|(host, it)| (host.clone(), it.tx.clone())).collect();
    rollout_store.write(record)?;
    thread::scope(|scope| {
        for (host, open) in open {
            let sender = sender.clone();
            scope.spawn(move || executor.attach(host, open, &sender));
        }
        let mut commands = first;
        let ended = loop {
            // No host is touched by what is only asked for.
            let refused = room(&commands, executor).err();
            for command in commands.drain(..) {
                if let (Command::Switch { host, .. }, Some(why)) = (&command, &refused) {
                    let _heard = sender.send(Event::Refused { host: host.clone(), why: why.clone() });
                    continue;
                }
                if let Command::Switch { host, .. } = &command {
                    switches.insert(host.clone(), executor.tx());
                }
                let tx = switches.get(command.host()).cloned().unwrap_or_default();
                let sender = sender.clone();
                scope.spawn(move || executor.act(&command, &tx, &sender));
            }
            if let Some(end) = record.end.clone() {
                break Ok(end);
            }
            // This function holds a sender itself, so there is always one more event or the rollout has ended.
            let Ok(event) = events.recv() else { continue };
            commands = take(record, event);
            if let Err(error) = rollout_store.write(record) {
                break Err(error.into());
            }
        };
        if ended.as_ref().is_ok_and(End::is_over) {
            let hosts: Vec<String> = record.hosts.keys().cloned().collect();
            executor.dismiss(&hosts);
        }
        // Whoever still listens to a host ends with its connection.
        executor.connections.close();
        ended
    })
}

/// Waits until the hosts that are asked to switch may, all of them together.
fn room(commands: &[Command], executor: &Executor<'_>) -> Result<(), String> {
    let switches = commands.iter().filter(|it| matches!(it, Command::Switch { .. }));
    let wave: Vec<String> = switches.map(|it| it.host().to_owned()).collect();
    if wave.is_empty() { Ok(()) } else { executor.await_room(&wave) }
}
