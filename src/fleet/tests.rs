//! Waves of small fleets, a few words each.

use super::members::{Fleet, Group, Host, Order, State};
use super::waves::{WaveOptions, plan_waves};

/// Reads a fleet from words: `a b? c- d!g` are hosts that run, are bare, cannot be reached, have their member of `g` down;
/// `g=a,b,c` is a quorum of which all hosts touch their members, `m/2=a,b` one of which two may be down; `a<b` is an order.
fn fleet(words: &str) -> Fleet {
    let mut fleet = Fleet::default();
    for word in words.split(' ') {
        if let Some((group, members)) = word.split_once('=') {
            let (name, most) = group.split_once('/').unwrap_or((group, ""));
            let members = members.split(',').map(str::to_owned).collect();
            let max_unavailable = most.parse().unwrap_or(1);
            let group = Group { members, quorum: most.is_empty(), max_unavailable, ..Group::default() };
            for host in &group.members {
                if let Some(host) = fleet.hosts.get_mut(host) {
                    host.touches.insert(name.to_owned());
                }
            }
            fleet.groups.insert(name.to_owned(), group);
        } else if let Some((before, after)) = word.split_once('<') {
            let (before, after) = (before.to_owned(), after.to_owned());
            fleet.orders.insert(Order { before, after, what: "task".to_owned() });
        } else {
            let (word, down) = word.split_once('!').unwrap_or((word, ""));
            let state = match word.chars().last() {
                Some('?') => State::Bare,
                Some('-') => State::Unreachable,
                _ => State::Running,
            };
            let down = down.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
            let host = Host { state, differs: true, touches: Default::default(), down };
            fleet.hosts.insert(word.trim_end_matches(['?', '-']).to_owned(), host);
        }
    }
    fleet
}

fn check_wishes(words: &str, canary: &str, max_parallel: usize, expected: &str) {
    let wave_options = WaveOptions {
        canary: (!canary.is_empty()).then(|| canary.to_owned()),
        max_parallel: (max_parallel > 0).then_some(max_parallel),
    };
    let found = match plan_waves(&fleet(words), &wave_options) {
        Ok(plan) => {
            let mut text: Vec<String> = plan.waves.iter().map(|wave| wave.hosts.join("+")).collect();
            text.extend(plan.skipped.iter().map(|host| format!("skipped:{host}")));
            text.extend(plan.outages.iter().map(|it| format!("outage:{}", it.group)));
            text.join(" ")
        }
        Err(refusal) => refusal.to_string(),
    };
    assert_eq!(found, expected, "{words}");
}

fn check(words: &str, expected: &str) {
    check_wishes(words, "", 0, expected);
}

#[test]
fn members_of_a_quorum_go_one_by_one_and_others_with_them() {
    check("a b c g=a,b,c", "a b c");
    check("a b c d e g=a,b,c", "a b+d+e c");
    check("a b c d e m/2=b,c,d,e", "a b+c d+e");
}

#[test]
fn a_first_deployment_is_one_wave() {
    check("a? b? c? g=a,b,c", "a+b+c");
    check("a? b? c? g=a,b,c a<b b<a c<a", "a+b+c");
}

#[test]
fn new_hosts_come_before_the_canary_and_no_others() {
    check("a b? c? d g=a,b,c", "b+c a d");
    check("a b? c? a<b", "c a b");
}

/// Why a member on `a` cannot be touched while the one on `c` is down.
const SPARES_G: &str = "every wave exceeds the disruption budget of the group `g`: its member on a must be touched, one may be down at once, the one on c is down already";

#[test]
fn members_that_are_down_count_and_come_first() {
    check("a b c!g g=a,b,c", "c a b");
    check("a b c- g=a,b,c", SPARES_G);
    check("a b!g c- g=a,b,c", SPARES_G);
    check("a b c- d g/2=a,b,c", "a b+d skipped:c");
}

#[test]
fn groups_that_overlap_on_a_host_are_all_spared() {
    check("a b c d g=a,b,c h/1=b,d", "a b c+d");
}

#[test]
fn a_group_of_one_has_an_outage() {
    check("a b g=a", "a b outage:g");
}

#[test]
fn who_waits_comes_later_or_in_the_same_wave() {
    check("a b c c<a", "b a+c");
    check("a b c g=a,b,c c<a a<b", "c a b");
    let together = "every wave exceeds the disruption budget of the group `g`: its members on a and b must be touched, one may be down at once, none is down yet; a and b wait for each other and must switch together";
    check("a b c g=a,b,c a<b b<a c<a", together);
    check("a- b a<b", "b waits for `task` on a, which cannot be reached");
}

#[test]
fn a_canary_can_be_named() {
    check_wishes("a b c", "c", 0, "c a+b");
    check_wishes("a b c a<c", "c", 0, "c cannot be the canary: it comes after a");
    check_wishes("a b c? a<b b<a", "a", 0, "a cannot be the canary: it must switch together with b");
    let bare = "c cannot be the canary: it has no generation yet, and so nothing that would show a fault of the change";
    check_wishes("a b c? g=a,b,c", "c", 0, bare);
    check_wishes("a b c- g=a,b", "d", 0, "d cannot be the canary: the description has no such host");
}

#[test]
fn a_wave_has_no_more_hosts_than_allowed() {
    check_wishes("a b c d e", "", 2, "a b+c d+e");
    let parallel =
        "a and b wait for each other and must switch together, and `--max-parallel` allows 1 at once";
    check_wishes("a? b? c? a<b b<a", "", 1, parallel);
}
