//! tests/reference/kl: whole modules and a site, written before there was a compiler. They must check and evaluate.

use super::files::{Content, Files};
use super::{engine, files_under, read, shown, trial};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;

const FOLDER: &str = "tests/reference/kl";

/// One test: the site with all its modules.
pub fn trials() -> Vec<Trial> {
    vec![trial("reference/site", || {
        let outcome = engine::compile(&files()?);
        let errors = outcome.reports.iter().filter(|r| r.severity == "error").count();
        if errors > 0 {
            return Err(format!("{errors} mistakes where there are none:\n{}", outcome.printed()).into());
        }
        let values = [
            ("count", outcome.value("hosts.ctl03.containers.keystone.files.\"/etc/keystone/keystone.conf\".content.DEFAULT.debug"), "true"),
            ("image", outcome.value("hosts.ctl02.containers.keystone.image"), "\"registry.local/keystone:epoxy-hotfix@sha256:0f\""),
            ("force", outcome.value("nova.config.DEFAULT.cpu_allocation_ratio"), "2.0"),
        ];
        match values.iter().find(|(_, seen, expected)| seen != expected) {
            Some((what, seen, expected)) => Err(format!("{what}: {seen}, not {expected}").into()),
            None => Ok(()),
        }
    })]
}

/// The site's two files, and the modules as its library.
fn files() -> Result<Files, Failed> {
    let mut all = BTreeMap::new();
    for path in files_under(FOLDER, "kl").into_iter().chain(files_under(FOLDER, "j2")) {
        let name = shown(&path).trim_start_matches(FOLDER).trim_start_matches('/').to_owned();
        let name = name.strip_prefix("site/").map_or_else(|| format!("library/{name}"), str::to_owned);
        all.insert(name, Content::Text(read(&path)?));
    }
    Ok(Files { entry: "cloud.kl".into(), all })
}
