//! Doors over real sockets on loopback, and strangers of all kinds beside them: none is heard, and the group begins once, in time.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Group;
use super::connect::connect_from;
use super::line::{read_line, write_line};
use super::listener::keep_open;
use super::member::Member;
use super::proof::{Challenge, Key, Side, Talk};
use super::protocol::Answer;
use super::report;
use activate::layout::Layout;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// What the group has to begin once its rule is met.
const SOON: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Told {
    takes_part: AtomicBool,
    is_foreign: AtomicBool,
    n_probes: AtomicUsize,
    n_runs: AtomicUsize,
}

impl Member for Arc<Told> {
    fn takes_part(&self) -> bool {
        self.n_probes.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(200));
        self.takes_part.load(Ordering::Relaxed)
    }

    fn run_of(&self, pid: i32) -> Option<String> {
        assert_eq!(pid, std::process::id() as i32);
        (!self.is_foreign.load(Ordering::Relaxed)).then(|| self.n_runs.load(Ordering::Relaxed).to_string())
    }

    fn restart(&self) -> bool {
        false
    }
}

/// Three hosts at addresses of their own. Their listeners end with the tests.
struct Site {
    net: u8,
    port: u16,
    folder: tempfile::TempDir,
    members: Vec<Arc<Told>>,
}

impl Site {
    /// A site of three, with an open listener on each of these.
    fn new(net: u8, open: &[u8]) -> Self {
        let listener = TcpListener::bind((address(net, 1), 0)).unwrap_or_else(|error| panic!("{error}"));
        let port = listener.local_addr().unwrap_or_else(|error| panic!("{error}")).port();
        drop(listener);
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let site = Self { net, port, folder, members: (0..3).map(|_| Arc::default()).collect() };
        for host in open {
            site.open(*host);
        }
        site
    }

    fn open(&self, host: u8) {
        let (group, member, layout) =
            (self.group(host), self.members[host as usize - 1].clone(), self.layout(host));
        let (opened, is_open) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let ended = keep_open(group, Box::new(member), &layout, || opened.send(()).unwrap_or_default());
            panic!("a listener closed: {ended:?}");
        });
        is_open.recv().unwrap_or_else(|error| panic!("{error}"));
    }

    fn group(&self, host: u8) -> Group {
        Group {
            name: "db".to_owned(),
            host: format!("h{host}"),
            addresses: (1..=3).map(|it| (format!("h{it}"), address(self.net, it))).collect(),
            port: self.port,
            key: Key::new(KEY),
            patience: Duration::from_secs(300),
        }
    }

    fn layout(&self, host: u8) -> Layout {
        Layout::new(self.folder.path().join(format!("h{host}")))
    }

    /// A member that came with this position and waits for a word. One that is refused may meet a closed end before it said
    /// its line; what it reads then tells.
    fn comes(&self, host: u8, position: &str) -> UnixStream {
        let socket = report::member_socket(&self.layout(host), "db");
        let mut stream = UnixStream::connect(socket).unwrap_or_else(|error| panic!("{error}"));
        let _refused = write_line(&mut stream, &format!("member {position}"), Instant::now() + SOON);
        stream
    }

    /// A stranger, or a host, that speaks from one address to a host.
    fn dials(&self, from: u8, host: u8) -> TcpStream {
        connect_from(address(self.net, from), SocketAddr::new(address(self.net, host), self.port))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opens a conversation and returns what the listener drew.
    fn greeted(&self, from: u8, host: u8) -> (TcpStream, Challenge) {
        let mut stream = self.dials(from, host);
        let challenge = challenge(&line(&mut stream).unwrap_or_default());
        (stream, challenge)
    }

    fn takes_part(&self, host: u8) {
        self.members[host as usize - 1].takes_part.store(true, Ordering::Relaxed);
    }

    /// Lets all come, and wants the one that came furthest to begin and the others to join, in time.
    fn begins_once(&self) {
        let mut members =
            [(1, "a:5"), (2, "a:7"), (3, "a:6")].map(|(it, position)| (it, self.comes(it, position)));
        let began = Instant::now();
        let [_, second, _] = &mut members;
        assert_eq!(line(&mut second.1).as_deref(), Some("begin"), "after {:?}", began.elapsed());
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        self.takes_part(2);
        for (host, stream) in members.iter_mut().filter(|(it, _)| *it != 2) {
            assert_eq!(line(stream).as_deref(), Some("join"), "h{host}");
        }
    }
}

fn address(net: u8, host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 77, net, host))
}

fn line(stream: &mut impl super::line::Timed) -> Option<String> {
    read_line(stream, 16 * 1024, Instant::now() + SOON).ok()
}

fn challenge(greeting: &str) -> Challenge {
    let text =
        greeting.strip_prefix("kolla-lang rejoin 2 ").unwrap_or_else(|| panic!("no greeting: {greeting:?}"));
    Challenge::parse(text).unwrap_or_else(|| panic!("no challenge: {text}"))
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap_or_else(|| panic!("no key"))
}

fn draw() -> Challenge {
    Challenge::draw().unwrap_or_else(|error| panic!("{error}"))
}

/// A request as a host would say it, by this key.
fn asked(by: &Key, from: &str, to: &str, mine: &Challenge, theirs: &Challenge, ask: &str) -> String {
    let talk = Talk { group: "db", asks: from, answers: to, asking: mine, answering: theirs };
    let proof = by.prove(&talk, Side::Asks, &[ask]);
    serde_json::json!({ "from": from, "challenge": mine.as_str(), "ask": ask, "proof": proof }).to_string()
}

fn promise(round: &str) -> String {
    serde_json::json!({ "ask": "promise", "round": round, "without": [] }).to_string()
}

/// Says a line, and returns what came back.
fn says(stream: &mut TcpStream, text: &str) -> Option<String> {
    write_line(stream, text, Instant::now() + SOON).ok()?;
    line(stream)
}

#[test]
fn the_one_that_came_furthest_begins_and_the_others_join() {
    Site::new(1, &[1, 2, 3]).begins_once();
}

#[test]
fn a_host_alone_begins_without_a_key_or_a_port() {
    let site = Site::new(2, &[]);
    let mut group = site.group(1);
    (group.addresses, group.key) = ([("h1".to_owned(), address(2, 1))].into(), None);
    let layout = site.layout(1);
    let (opened, is_open) = std::sync::mpsc::channel();
    let member = site.members[0].clone();
    thread::spawn(move || {
        keep_open(group, Box::new(member), &layout, || opened.send(()).unwrap_or_default())
    });
    is_open.recv().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(line(&mut site.comes(1, "a:5")).as_deref(), Some("begin"));
    assert!(TcpStream::connect((address(2, 1), site.port)).is_err());
}

#[test]
fn nobody_is_heard_who_is_no_host_of_the_group() {
    let site = Site::new(3, &[1, 2, 3]);
    // Not of an address of the group: no greeting.
    for from in [9, 1] {
        assert_eq!(line(&mut site.dials(from, 1)), None);
    }
    // Another key, another name, another group, an old request again, something behind it, nothing at all.
    let (mine, right, wrong) = (draw(), key(KEY), key(&KEY.replace('0', "1")));
    let (mut stream, theirs) = site.greeted(2, 1);
    assert_eq!(says(&mut stream, &asked(&wrong, "h2", "h1", &mine, &theirs, &promise("1"))), None);
    let (mut stream, theirs) = site.greeted(2, 1);
    assert_eq!(says(&mut stream, &asked(&right, "h3", "h1", &mine, &theirs, &promise("1"))), None);
    let (mut stream, theirs) = site.greeted(2, 1);
    assert_eq!(says(&mut stream, &asked(&right, "h2", "h3", &mine, &theirs, &promise("1"))), None);
    let (mut stream, theirs) = site.greeted(2, 1);
    let old = asked(&right, "h2", "h1", &mine, &theirs, "{\"ask\":\"state\"}");
    assert!(says(&mut stream, &old).is_some());
    let (mut stream, _) = site.greeted(2, 1);
    assert_eq!(says(&mut stream, &old), None);
    let (mut stream, theirs) = site.greeted(2, 1);
    let two = format!("{}\n{{}}", asked(&right, "h2", "h1", &mine, &theirs, &promise("1")));
    assert_eq!(says(&mut stream, &two), None);
    for text in ["", "{}", "null", "member a:99", "\u{0}", &"x".repeat(100_000)] {
        let (mut stream, _) = site.greeted(2, 1);
        assert_eq!(says(&mut stream, text), None, "{:.20}", text);
    }
    site.begins_once();
}

#[test]
fn a_promise_is_made_to_the_one_that_asks_alone() {
    let site = Site::new(4, &[1]);
    let _member = site.comes(1, "a:5");
    thread::sleep(Duration::from_millis(500));
    let (mine, right) = (draw(), key(KEY));
    let ask = |from: u8, name: &str, text: &str| {
        let (mut stream, theirs) = site.greeted(from, 1);
        let line = says(&mut stream, &asked(&right, name, "h1", &mine, &theirs, text))?;
        let answered: serde_json::Value = serde_json::from_str(&line).ok()?;
        let answer = answered["answer"].as_str()?;
        let talk = Talk { group: "db", asks: name, answers: "h1", asking: &mine, answering: &theirs };
        let proof = answered["proof"].as_str()?;
        assert!(right.is_proven(&talk, Side::Answers, &[text, answer], proof));
        assert!(!right.is_proven(&talk, Side::Answers, &["", answer], proof));
        serde_json::from_str::<Answer>(answer).ok()
    };
    assert_eq!(ask(2, "h2", &promise("1")).map(|it| it.promised), Some(true));
    assert_eq!(ask(2, "h2", &promise("1")).map(|it| it.promised), Some(true));
    assert_eq!(ask(3, "h3", &promise("1")).map(|it| it.promised), Some(false));
}

/// A host without the key that answers at a host's address: it hands on what others said, and what was said to it.
#[test]
fn what_is_handed_on_proves_nothing() {
    let site = Site::new(5, &[1, 2]);
    let false_door = TcpListener::bind((address(5, 3), site.port)).unwrap_or_else(|error| panic!("{error}"));
    let (mut first, mut second) = (site.comes(1, "a:5"), site.comes(2, "a:7"));
    let until = Instant::now() + Duration::from_secs(6);
    let (mut n_asked, mut is_own) = (0, true);
    while Instant::now() < until {
        let Ok((mut from, by)) = false_door.accept() else { continue };
        // The challenge of another listener, or of the asker's own one, stands in for one that was drawn.
        let asker = if by.ip() == address(5, 1) { 1 } else { 2 };
        let other = if is_own { asker } else { 3 - asker };
        is_own = !is_own;
        let (mut to, theirs) = site.greeted(3, other);
        let Some(request) = says(&mut from, &format!("kolla-lang rejoin 2 {}", theirs.as_str())) else {
            continue;
        };
        n_asked += 1;
        assert_eq!(says(&mut to, &request), None);
        // Its own words come back as an answer, and a made-up one that it promised.
        let answer =
            "{\"hosts\":[\"h1\",\"h2\",\"h3\"],\"state\":\"takes-part\",\"round\":null,\"promised\":true}";
        let value: serde_json::Value = serde_json::from_str(&request).unwrap_or_default();
        let forged = serde_json::json!({ "answer": answer, "proof": value["proof"] }).to_string();
        assert_eq!(says(&mut from, &forged), None);
    }
    assert!(n_asked > 2, "{n_asked}");
    // With two of three nobody begins, whatever the third one says.
    for stream in [&mut first, &mut second] {
        assert!(read_line(stream, 99, Instant::now() + LITTLE).is_err());
    }
    let waits = report::read(&site.layout(2), "db").ok().flatten().unwrap_or_else(|| panic!("no report"));
    assert_eq!(waits.waits.as_deref(), Some("no position of h3"));
    assert_eq!(waits.silent["h3"], "it has another key: switch both to one description");
    drop(false_door);
    site.open(3);
    let mut third = site.comes(3, "a:6");
    assert_eq!(line(&mut second).as_deref(), Some("begin"));
    site.takes_part(2);
    assert_eq!((line(&mut first).as_deref(), line(&mut third).as_deref()), (Some("join"), Some("join")));
}

const LITTLE: Duration = Duration::from_millis(100);

#[test]
fn slow_ones_keep_nobody_out() {
    let site = Site::new(6, &[1, 2, 3]);
    let (is_over, began) = (AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        for from in [1, 2, 3, 9] {
            for to in [1, 2, 3] {
                let (site, is_over) = (&site, &is_over);
                scope.spawn(move || {
                    let mut held = Vec::new();
                    while !is_over.load(Ordering::Relaxed) && began.elapsed() < 2 * SOON {
                        held.truncate(60);
                        held.insert(0, site.dials(from, to));
                        for stream in &mut held {
                            let _gone = stream.write_all(b"{");
                        }
                        thread::sleep(Duration::from_millis(5));
                    }
                });
            }
        }
        thread::sleep(Duration::from_secs(1));
        site.begins_once();
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn one_member_is_heard_and_no_other_process() {
    let site = Site::new(7, &[1, 2, 3]);
    let refused = |host: u8, position: &str| line(&mut site.comes(host, position)).is_none();
    // A process that is none of the member.
    site.members[0].is_foreign.store(true, Ordering::Relaxed);
    let mut foreign = site.comes(1, "a:99");
    assert_eq!(line(&mut foreign), None);
    site.members[0].is_foreign.store(false, Ordering::Relaxed);
    // A second one while the first one waits, and lines that are none.
    let mut first = site.comes(1, "a:5");
    thread::sleep(Duration::from_millis(500));
    for position in ["a:99", "nothing", "a:-1", &"x".repeat(10_000)] {
        assert!(refused(1, position), "{position:.10}");
    }
    // The first one is as it was.
    assert!(read_line(&mut first, 99, Instant::now() + LITTLE).is_err());
    drop(first);
    thread::sleep(Duration::from_millis(500));
    site.begins_once();
    // A second one beside one that was told, and beside one that takes part.
    assert!(refused(1, "nothing") && refused(2, "nothing"));
    // Another run of one that takes no part is the next member.
    site.members[0].n_runs.store(1, Ordering::Relaxed);
    assert_eq!(line(&mut site.comes(1, "nothing")).as_deref(), Some("join"));
}

#[test]
fn however_many_ask_the_member_is_asked_once() {
    let site = Site::new(8, &[1]);
    site.takes_part(1);
    thread::sleep(Duration::from_millis(100));
    let (mine, right) = (draw(), key(KEY));
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let (mut stream, theirs) = site.greeted(2, 1);
                let answer =
                    says(&mut stream, &asked(&right, "h2", "h1", &mine, &theirs, "{\"ask\":\"state\"}"));
                assert!(answer.is_some_and(|it| it.contains("takes-part")));
            });
        }
    });
    assert_eq!(site.members[0].n_probes.load(Ordering::Relaxed), 1);
}

#[test]
fn an_older_form_is_refused_and_told() {
    let site = Site::new(9, &[1]);
    let _member = site.comes(1, "a:5");
    let mut stream = site.dials(2, 1);
    assert!(
        says(&mut stream, "{\"ask\":\"state\",\"group\":\"db\"}")
            .is_some_and(|it| it.starts_with("kolla-lang"))
    );
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).ok(), Some(0));
    thread::sleep(Duration::from_millis(2500));
    let found = report::read(&site.layout(1), "db").ok().flatten().unwrap_or_else(|| panic!("no report"));
    assert_eq!(found.silent["h2"], "it runs an older version: switch it");
    assert!(found.silent["h3"].contains("refused"), "{:?}", found.silent);
    assert_eq!(found.waits.as_deref(), Some("no position of h2 and h3"));
}
