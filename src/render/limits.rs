//! Limits of processes and of whole containers, told to systemd and not to podman: there they hold wherever the host has the
//! controllers, and podman would fail where it has not.

use super::lowered::Lowering;
use model::{Limits, Ulimit, errors};
use std::sync::Arc;

/// Limits that systemd knows by these names in large letters after `Limit`.
const KNOWN: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Limits of processes: systemd sets them on podman, and podman hands its own on. Set by podman itself they would fail
/// where the machine's hard limit is lower.
pub fn processes(out: &mut Lowering<'_>, ulimits: &[(Arc<str>, Ulimit)]) {
    for (name, Ulimit { at, soft, hard }) in ulimits {
        if KNOWN.contains(&&**name) {
            let [soft, hard] = [soft, hard].map(|it| it.map_or("infinity".to_owned(), |it| it.to_string()));
            out.service(&format!("Limit{}", name.to_uppercase()), format!("{soft}:{hard}"));
        } else {
            let report = errors::bad_value(*at, format!("there is no limit `{name}`"));
            out.problems.push(report.help_opt(kl::diag::did_you_mean(name, KNOWN)));
        }
    }
    if let Some((_, first)) = ulimits.first() {
        out.text("Ulimit", "host", first.at);
    }
}

/// Limits of a whole container.
pub fn container(out: &mut Lowering<'_>, limits: &Limits) {
    let Limits { memory, cpus, tasks, oom_score } = limits;
    if let Some(memory) = memory {
        out.service("MemoryMax", memory.value.to_string());
    }
    if let Some(cpus) = cpus {
        out.service("CPUQuota", format!("{:.0}%", (cpus.value * 100.0).max(1.0)));
    }
    if let Some(tasks) = tasks {
        out.service("TasksMax", tasks.value.to_string());
    }
    if let Some(oom_score) = oom_score {
        out.service("OOMScoreAdjust", oom_score.value.to_string());
    }
}
