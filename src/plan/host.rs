//! One host's plan: what runs on it and when each may begin. Independent of every other host's.

use super::order::{self, Step};
use crate::model::{Cloud, Host, Task};
use kl::diag::Problems;

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
        let same_name = host.containers.iter().find(|container| container.name == task.name);
        if let Some(container) = same_name {
            let message =
                format!("a task and a container of `{}` are both called `{}`", host.name, task.name);
            problems
                .push(crate::model::errors::bad_value(task.at, message).label(container.at, "the container"));
        }
    }
    let order = order::order(cloud, host, &tasks, &mut problems);
    (HostPlan { cloud, host, tasks, order }, problems)
}
