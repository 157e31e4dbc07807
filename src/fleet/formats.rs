//! Formats of data across hosts: which hosts would be given data that they cannot read, and from which there is no way back. Pure.
//!
//! A host asks the same of itself again before its own switch, by its own records: here it is known before any host is touched.

use std::collections::BTreeMap;

use super::errors::Refusal;
use super::graph::unit_of;
use super::members::Fleet;
use activate::generation::LaterVolume;
use activate::words::Line;
use serde::{Deserialize, Serialize};
use store::version::{DataFormat, Misfit, Version};
use store::{Closure, Manifest};

/// A host as far as its data are concerned.
#[derive(Debug, Clone, Copy)]
pub struct HostData<'a> {
    /// What it is; nothing where it has no generation.
    pub from: Option<&'a Manifest>,
    /// What it is to become.
    pub to: &'a Manifest,
    /// The formats that data in its volumes have.
    pub formats: &'a BTreeMap<String, Version>,
    /// Whether it answers.
    pub reachable: bool,
}

/// Data of a host that have a later format once it is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raised {
    /// The host.
    pub host: String,
    /// The data, and what cannot read them then.
    pub data: LaterVolume,
}

/// Returns the formats that data of a generation have, if nobody knows better.
pub fn described(from: Option<&Closure>) -> BTreeMap<String, Version> {
    let formats = from.into_iter().flat_map(|it| &it.manifest.formats);
    formats.map(|(volume, it)| (volume.clone(), it.version)).collect()
}

/// Refuses hosts whose units cannot read the data that they would find: those of the host itself, and of a group that they take part in.
pub fn check(hosts: &BTreeMap<String, HostData<'_>>, fleet: &Fleet) -> Result<(), Vec<Refusal>> {
    let switches = |name: &String| fleet.hosts.get(name).is_some_and(|it| it.differs);
    let mut refusals = Vec::new();
    for (host, known) in hosts.iter().filter(|(name, it)| it.reachable && switches(name)) {
        for (volume, format) in &known.to.formats {
            let has = known.formats.get(volume).copied();
            refusals.extend(has.and_then(|has| refusal(host, volume, format, has)));
        }
        for group in fleet.hosts.get(host).iter().flat_map(|it| &it.touches) {
            refusals.extend(partners(hosts, host, group));
        }
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn refusal(host: &str, volume: &str, format: &DataFormat, has: Version) -> Option<Refusal> {
    let (host, data) = (host.to_owned(), Box::new(data(volume, format, has)));
    match format.misfit(has)? {
        Misfit::Later => Some(Refusal::LaterFormat { host, data }),
        Misfit::Step => Some(Refusal::FormatStep { host, data, from: format.from_text() }),
    }
}

fn data(volume: &str, format: &DataFormat, has: Version) -> LaterVolume {
    LaterVolume { volume: volume.to_owned(), has, reads: format.version, units: format.units.clone() }
}

/// Lists the units that a switch would refuse to start, for somebody who compares two generations of a host.
pub fn refused(from: &Manifest, to: &Manifest) -> Vec<Line> {
    let line = |(volume, format): (&String, &DataFormat)| {
        let has = from.formats.get(volume)?.version;
        let why = match format.misfit(has)? {
            Misfit::Later => "it cannot read".to_owned(),
            Misfit::Step => format!("it does not take over, but {}", format.from_text()),
        };
        let reason = format!("data of format {has} in the volume {volume}, which {why}");
        let of_unit = |unit: &String| Line { verb: "refuse", unit: unit.clone(), reason: reason.clone() };
        Some(format.units.iter().map(of_unit).collect::<Vec<_>>())
    };
    to.formats.iter().filter_map(line).flatten().collect()
}

/// Refuses a member that would start with an earlier format than others of its group have: it takes its data from them. Members share
/// the format of each volume that all of them write under one name.
fn partners(hosts: &BTreeMap<String, HostData<'_>>, host: &str, group: &str) -> Vec<Refusal> {
    let Some(known) = hosts.get(host) else { return Vec::new() };
    let mut refusals = Vec::new();
    for (volume, format) in of_member(known.to, group) {
        // Its own data say it all.
        if known.formats.get(volume).is_some_and(|has| *has > format.version) {
            continue;
        }
        let partner = |(name, it): (&String, &HostData<'_>)| {
            let is_member = |of: &Manifest| of_member(of, group).any(|(it, _)| it == volume);
            let is_partner = name.as_str() != host && (it.from.is_some_and(is_member) || is_member(it.to));
            let has = it.formats.get(volume).copied().filter(|has| is_partner && *has > format.version)?;
            Some((has, name.clone()))
        };
        let later: Vec<(Version, String)> = hosts.iter().filter_map(partner).collect();
        let Some(has) = later.iter().map(|(has, _)| *has).max() else { continue };
        refusals.push(Refusal::GroupFormat {
            host: host.to_owned(),
            group: group.to_owned(),
            others: later.into_iter().filter(|(it, _)| *it == has).map(|(_, name)| name).collect(),
            data: Box::new(data(volume, format, has)),
        });
    }
    refusals
}

/// Returns the volumes with a format that a host's member of a group writes.
fn of_member<'a>(
    manifest: &'a Manifest,
    group: &str,
) -> impl Iterator<Item = (&'a String, &'a DataFormat)> + use<'a> {
    let unit = manifest.groups.get(group).and_then(|it| unit_of(manifest, &it.container));
    manifest
        .formats
        .iter()
        .filter(move |(_, it)| unit.is_some_and(|unit| it.units.iter().any(|it| it == unit)))
}

/// Lists the data of which there is no way back once their host is committed.
pub fn raised(hosts: &BTreeMap<String, HostData<'_>>) -> Vec<Raised> {
    let of_host = |(host, known): (&String, &HostData<'_>)| {
        let of_volume = |(volume, format): (&String, &DataFormat)| {
            let has = known.to.formats.get(volume)?.version;
            (has > format.version).then(|| Raised { host: host.clone(), data: data(volume, format, has) })
        };
        let formats = known.from.iter().flat_map(|it| &it.formats);
        formats.filter_map(of_volume).collect::<Vec<_>>()
    };
    hosts.iter().flat_map(of_host).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Known, plan_fleet};
    use crate::waves::WaveOptions;
    use activate::completions::Completions;
    use activate::request::Options;
    use std::collections::BTreeSet;
    use store::manifest::parse_manifest;

    /// A host with a member of the group `db`, which writes the volume `data` in a format.
    fn closure(host: &str, version: &str, from: &str) -> Closure {
        let digest = store::Digest::of(version.as_bytes());
        let text = format!(
            r#"{{"version":1,"cloud":"t","host":"{host}","backend":"quadlet","engine":"0",
            "units":{{"db.service":{{"kind":"container","files":[],"container":"db","image":"db:{version}","change":{{"policy":"restart"}},
            "digests":{{"restart":"{digest}","reload":"{digest}","meta":"{digest}"}},"stop_secs":1,"start_secs":1,"boot":true}}}},
            "order":[{{"unit":"db.service","wait":"started"}}],
            "groups":{{"db":{{"container":"db","hosts":["a","b","c"],"quorum":false,"max_unavailable":1,"patience_secs":9}}}},
            "formats":{{"data":{{"version":"{version}","from":[{from}],"units":["db.service"]}}}}}}"#
        );
        Closure::new(parse_manifest(&text).unwrap_or_else(|error| panic!("{error}")))
    }

    /// A host that goes from a format to another one, with the format that its data have.
    fn known(host: &str, from: &str, to: &str, takes: &str, has: &str) -> (String, Known) {
        let has = Version::parse(has).unwrap_or_else(|| panic!("{has}"));
        let known = Known {
            from: Some(closure(host, from, "")),
            to: closure(host, to, takes),
            completions: Completions::default(),
            reachable: true,
            down: BTreeSet::new(),
            formats: BTreeMap::from([("data".to_owned(), has)]),
        };
        (host.to_owned(), known)
    }

    fn told(hosts: impl IntoIterator<Item = (String, Known)>) -> Vec<String> {
        let hosts = hosts.into_iter().collect();
        match plan_fleet(&hosts, &Options::default(), &WaveOptions::default()) {
            Ok(_) => Vec::new(),
            Err(refusals) => refusals
                .iter()
                .map(|it| it.to_string().lines().next().unwrap_or_default().to_owned())
                .collect(),
        }
    }

    #[test]
    fn a_step_that_a_program_does_not_take_is_refused_for_each_host() {
        let step = |host, takes| known(host, "3.10", "4.0", takes, "3.10");
        assert_eq!(
            told([step("a", "\"3.13\""), step("b", "\"3.13\"")]),
            ["a", "b"].map(|host| format!(
                "{host}: the volume data has data of format 3.10, which db.service of format 4.0 does not take over"
            ))
        );
        assert_eq!(told([step("a", "\"3.10\""), step("b", "")]), [""; 0]);
    }

    #[test]
    fn a_rollback_below_the_data_is_refused() {
        assert_eq!(
            told([known("a", "4.0", "3.13", "", "4.0")]),
            ["a: the volume data has data of format 4.0, which db.service of format 3.13 cannot read"]
        );
        // Its volume is gone, and so are the data.
        let (name, mut gone) = known("a", "4.0", "3.13", "", "4.0");
        gone.formats.clear();
        assert_eq!(told([(name, gone)]), [""; 0]);
    }

    #[test]
    fn a_member_does_not_start_below_the_others_of_its_group() {
        let there = known("a", "4.0", "4.0", "", "4.0");
        let words = "b: db.service of format 3.13 may not start in the group `db`: on a the volume data has data of format 4.0";
        assert_eq!(told([there.clone(), known("b", "3.10", "3.13", "", "3.10")]), [words]);
        assert_eq!(told([there.clone(), known("b", "3.10", "4.0", "", "3.10")]), [""; 0]);
        // What is not touched is not started.
        assert_eq!(told([there, known("b", "3.13", "3.13", "", "3.13")]), [""; 0]);
    }

    #[test]
    fn what_a_host_changes_for_good_is_known_before() {
        let hosts =
            BTreeMap::from([known("a", "3.13", "4.0", "", "3.13"), known("b", "4.0", "4.0", "", "4.0")]);
        let told: Vec<String> = raised(&crate::plan::data_of(&hosts))
            .iter()
            .map(|it| format!("{} {}", it.host, it.data))
            .collect();
        assert_eq!(
            told,
            ["a the volume data has data of format 4.0, which db.service of format 3.13 cannot read"]
        );
    }
}
