//! The manifest of a host that has nothing yet, to be filled by tests: the one place that has to know every field.

use kolla_lang::store::Manifest;
use kolla_lang::store::manifest::parse_manifest;

/// Returns the manifest of a host without anything.
pub fn empty(cloud: &str, host: &str) -> Manifest {
    let text =
        format!(r#"{{"version":1,"cloud":"{cloud}","host":"{host}","backend":"quadlet","engine":"0"}}"#);
    parse_manifest(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
