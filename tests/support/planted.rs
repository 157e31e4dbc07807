//! Clouds with planted mistakes: so many reports as there are mistakes, of their codes, and no others. `SEED=n` draws other clouds.

use super::files::Files;
use super::{engine, trial};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Hosts of a cloud.
const HOSTS: usize = 24;
/// The most mistakes that are planted in one.
const MISTAKES: usize = 12;
/// Clouds per number of mistakes.
const CLOUDS: u64 = 12;

const HEAD: &str = r#"type Host = {
  weight    : Int where it in 1..100 = 10
  addresses : {[Str]: Ip} = {}
  roles     : set of key of roles = []
  note      : Str = ""
}
option roles : {[Str]: { doc : Str = "" }} = { control = {}, compute = {} }
option hosts : {[Str]: Host} = {}
option net   : Cidr = 10.0.0.0/24
option half  : Int = 2
fn at(n: Int) -> Ip = net.host(n)
check "an odd number of controllers" {
  let n = count(h for h, host in hosts if .control in host.roles)
  require n % 2 == 1 else "${n} controllers"
}
check "nobody weighs 77" { for h, host in hosts { require host.weight != 77 else "${h} weighs 77" } }
check "addresses differ" { require unique("${a}" for h, host in hosts, n, a in host.addresses) }
"#;

/// A test per number of mistakes.
pub fn trials() -> Vec<Trial> {
    (1..=MISTAKES).map(|n| trial(format!("planted/{n}"), move || planted(n))).collect()
}

fn planted(n: usize) -> Result<(), Failed> {
    let seed = std::env::var("SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(1);
    for cloud in 0..CLOUDS {
        let mut draw = Draw(seed * 1_000_003 + cloud * 7919 + n as u64);
        let (text, wanted) = draw.cloud(n);
        let outcome = engine::compile(&Files::parse("cloud.kl", &text));
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for report in &outcome.reports {
            *seen.entry(report.code.clone()).or_default() += report.n;
        }
        if seen != wanted {
            let printed = outcome.printed();
            return Err(
                format!("seed {seed}: wanted {wanted:?}, and seen was {seen:?}\n{text}\n{printed}").into()
            );
        }
    }
    Ok(())
}

/// Draws the same numbers for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// A cloud with so many mistakes, and how many reports of which codes there must be. No host has two mistakes.
    fn cloud(&mut self, n: usize) -> (String, BTreeMap<String, usize>) {
        let mut text = HEAD.to_owned();
        let mut free: Vec<usize> = (0..HOSTS).collect();
        let mut wanted = BTreeMap::new();
        let mut lines = Vec::new();
        for i in 0..n {
            let (host, other) = (free.swap_remove(self.below(free.len())), i);
            let (code, line) = self.mistake(host, other);
            *wanted.entry(format!("kl::{code}")).or_default() += 1;
            lines.push(line);
        }
        // One line in a loop, of which each round is a mistake of its own.
        let mut in_loop = Vec::new();
        while in_loop.len() < n && self.below(3) == 0 {
            in_loop.push(format!("\"h{:02}\"", free.swap_remove(self.below(free.len()))));
        }
        if !in_loop.is_empty() {
            *wanted.entry("kl::eval::arithmetic".to_owned()).or_default() += in_loop.len();
            lines.push(format!(
                "for h in [{}] {{ hosts[h].note = \"${{1 / (half - 2)}}\" }}",
                in_loop.join(", ")
            ));
        }
        for host in 0..HOSTS {
            let _ = writeln!(text, "hosts.h{host:02} = {{ addresses = {{ data = at({}) }} }}", host + 1);
        }
        text.push_str("for h in [\"h00\", \"h01\", \"h02\"] { hosts[h].roles ?= [.control] }\n");
        text.push_str(&lines.join("\n"));
        text.push('\n');
        (text, wanted)
    }

    /// A mistake on a host: its code and its line.
    fn mistake(&mut self, host: usize, i: usize) -> (&'static str, String) {
        match self.below(9) {
            0 => ("eval::where", format!("hosts.h{host:02}.weight = {}", 101 + i)),
            1 => ("eval::where", format!("hosts.h{host:02}.weight = half * {}", 101 + i)),
            // One helper, and sometimes one number.
            2 => ("eval::arithmetic", format!("hosts.h{host:02}.addresses.mgmt = at({})", 300 + i / 2)),
            3 => ("merge::absent-key", format!("hosts.h{host:02}.roles = [.contrl]")),
            4 => ("types::mismatch", format!("hosts.h{host:02}.note = {i}")),
            5 => ("eval::check", format!("hosts.h{host:02}.weight = 77")),
            6 => ("types::unknown-field", format!("hosts.h{host:02}.weigth = 3")),
            7 => ("merge::absent-key", format!("hosts.x{host:02}.weight = 3")),
            _ => ("merge::conflict", format!("hosts.h{host:02}.note = \"a\"\nhosts.h{host:02}.note = \"b\"")),
        }
    }
}
