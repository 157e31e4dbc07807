//! A site of this checkout, compiled with its library: what each of its hosts gets. Used by tests/cloud.rs and tests/quadlet.rs.

use kl::source::{ReadError, World};
use kolla_lang::cli::options_of::tables;
use kolla_lang::model::{Host, decode_cloud, decode_host};
use kolla_lang::options::{check_host, check_tasks};
use kolla_lang::plan::{check_fleet, host_waits, plan_host};
use kolla_lang::render::render_host;
use kolla_lang::store::Closure;
use libtest_mimic::Failed;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folders of a folder that are sites.
pub fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(of).map(|all| all.filter_map(Result::ok).map(|it| it.path()).collect());
    let mut all: Vec<PathBuf> = entries.unwrap_or_default();
    all.retain(|it| it.join("cloud.kl").exists());
    all.sort();
    all
}

/// A site in one folder, and the library of this checkout.
struct Files {
    site: PathBuf,
    library: PathBuf,
}

impl World for Files {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        std::fs::read_to_string(self.site.join(path)).map(Into::into).map_err(|_| ReadError::Missing)
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        std::fs::read_to_string(self.library.join(path)).ok().map(Into::into)
    }

    fn library_modules(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What each host gets, and all reports, one line each; `change` may turn a host into another before.
pub fn render(site: &Path, change: fn(&mut Host)) -> Result<(Vec<Closure>, Vec<String>), Failed> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
    let world = Files { site: site.to_owned(), library };
    let compiled = kl::compile(&world, &["cloud.kl"], Some("hosts")).map_err(|error| format!("{error:?}"))?;
    let (cloud, mut problems) = decode_cloud(compiled.root());
    problems.extend(compiled.problems().clone());
    problems.extend(check_tasks(&cloud.tasks, tables()));
    let (hosts, found) = compiled.parts(2, |name, data| {
        let (mut host, mut problems) = decode_host(name, &data);
        change(&mut host);
        problems.extend(check_host(&host, tables()));
        let (plan, more) = plan_host(&cloud, &host);
        problems.extend(more);
        let (closure, more) = render_host(&plan);
        problems.extend(more);
        (closure, host_waits(&host), problems)
    });
    problems.extend(found);
    let (mut closures, mut waits) = (Vec::new(), Vec::new());
    for (closure, host_waits, more) in hosts {
        problems.extend(more);
        closures.push(closure);
        waits.push(host_waits);
    }
    check_fleet(&cloud, &waits, &mut problems);
    let lines = problems.sorted().iter().map(|it| it.one_line(compiled.sources())).collect();
    Ok((closures, lines))
}
