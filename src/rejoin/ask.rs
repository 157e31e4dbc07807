//! Asks the doors of other hosts. A door that does not answer in time has not answered; why is of no interest.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::Group;
use super::words::{Answer, Request};

/// How long a door may take to be reached, and then to answer: one that asks its member needs a moment.
const WITHIN: Duration = Duration::from_secs(5);
/// No answer is longer.
const LONGEST: u64 = 16 * 1024;

/// Asks some hosts at once, and returns what those that answered said.
pub fn ask_all<'a>(
    group: &Group,
    hosts: impl Iterator<Item = &'a String>,
    request: &Request,
) -> BTreeMap<String, Answer> {
    let named: Vec<(&String, SocketAddr)> =
        hosts.filter_map(|host| Some((host, group.door(host)?))).collect();
    thread::scope(|scope| {
        let asked: Vec<_> =
            named.into_iter().map(|(host, door)| (host, scope.spawn(move || ask(door, request)))).collect();
        let answered = |(host, thread): (&String, thread::ScopedJoinHandle<'_, io::Result<Answer>>)| {
            Some((host.clone(), thread.join().ok()?.ok()?))
        };
        asked.into_iter().filter_map(answered).collect()
    })
}

fn ask(door: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&door, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
