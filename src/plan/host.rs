//! One host's plan: what runs on it and when each may begin. Independent of every other host's.

use super::order::{self, Step};
use kl::diag::Problems;
use model::{Cloud, Host, Task, errors};

/// What one host needs.
#[derive(Debug)]
pub struct HostPlan<'a> {
    /// The cloud it belongs to.
    pub cloud: &'a Cloud,
    /// The host.
    pub host: &'a Host,
    /// Its tasks, by name.
    pub tasks: Vec<&'a Task>,
    /// What is started, each after everything it waits for.
    pub order: Vec<Step>,
}

/// Plans a host.
pub fn plan_host<'a>(cloud: &'a Cloud, host: &'a Host) -> (HostPlan<'a>, Problems) {
    let mut problems = Problems::default();
    let tasks: Vec<&Task> = cloud.tasks_on(&host.name).collect();
    for task in &tasks {
        let unit = order::service(&task.name);
        if let Some((_, other_at)) = host.unit_names().find(|(name, _)| *name == unit) {
            let message = format!("a task and something else on `{}` would be the unit `{unit}`", host.name);
            problems.push(errors::bad_value(task.at, message).label(other_at, "the other one"));
        }
    }
    let order = order::order(cloud, host, &tasks, &mut problems);
    (HostPlan { cloud, host, tasks, order }, problems)
}
