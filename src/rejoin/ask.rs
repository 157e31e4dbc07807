//! Asks the listeners of other hosts. A listener that does not answer in time has not answered; why is told to people and decides nothing.

use std::collections::BTreeMap;
use std::thread;

use super::Group;
use super::connect::connect_from;
use super::protocol::{Answer, Request};
use super::talk::{self, Sides, Silence};

/// What came back.
#[derive(Debug, Default)]
pub struct Heard {
    /// What those that answered said, by host.
    pub answers: BTreeMap<String, Answer>,
    /// Why the others did not, by host.
    pub silent: BTreeMap<String, String>,
}

/// Asks some hosts at once.
pub fn ask_all<'a>(group: &Group, hosts: impl Iterator<Item = &'a String>, request: &Request) -> Heard {
    let mut heard = Heard::default();
    thread::scope(|scope| {
        let asked: Vec<_> =
            hosts.map(|host| (host, scope.spawn(move || ask(group, host, request)))).collect();
        for (host, thread) in asked {
            match thread.join() {
                Ok(Ok(answer)) => drop(heard.answers.insert(host.clone(), answer)),
                Ok(Err(why)) => drop(heard.silent.insert(host.clone(), why.to_string())),
                Err(_) => drop(heard.silent.insert(host.clone(), "this is a bug in kolla-lang".to_owned())),
            }
        }
    });
    heard
}

fn ask(group: &Group, host: &str, request: &Request) -> Result<Answer, Silence> {
    let (Some(listener), Some(own), Some(key)) =
        (group.listener(host), group.addresses.get(&group.host), &group.key)
    else {
        return Err(Silence::Strange);
    };
    let sides = Sides { group: &group.name, key, asks: &group.host, answers: host };
    talk::ask(&mut connect_from(*own, listener)?, sides, request)
}
