//! Systemd as a switch reaches it: over the bus, and by `systemctl` from the moment the bus is gone for good.
//!
//! Decides nothing; a switch does not notice which of the two answers.

use std::time::Duration;

use super::bus::Bus;
use super::systemctl::Systemctl;
use super::{Job, JobId, Launch, RevertTimer, Systemd, SystemdError, UnitState};

/// The systemd of this host.
pub struct LazySystemd {
    bus: Option<Bus>,
    ctl: Systemctl,
}

impl LazySystemd {
    /// Connects to the bus, or does without.
    pub fn connect() -> Self {
        Self { bus: Bus::connect().ok(), ctl: Systemctl::default() }
    }

    fn ask<T>(
        &mut self,
        mut ask: impl FnMut(&mut dyn Systemd) -> Result<T, SystemdError>,
    ) -> Result<T, SystemdError> {
        if let Some(bus) = &mut self.bus {
            match ask(bus) {
                Err(SystemdError::Gone) => {
                    self.ctl.take_over(bus.open_jobs());
                    self.bus = None;
                }
                answer => return answer,
            }
        }
        ask(&mut self.ctl)
    }
}

impl Systemd for LazySystemd {
    fn submit(&mut self, job: Job, unit: &str) -> Result<JobId, SystemdError> {
        self.ask(|it| it.submit(job, unit))
    }

    fn wait(&mut self, at_most: Duration) -> Result<Vec<(JobId, String)>, SystemdError> {
        self.ask(|it| it.wait(at_most))
    }

    fn state(&mut self, unit: &str) -> Result<UnitState, SystemdError> {
        self.ask(|it| it.state(unit))
    }

    fn reload(&mut self) -> Result<(), SystemdError> {
        self.ask(|it| it.reload())
    }

    fn forget_failure(&mut self, unit: &str) -> Result<(), SystemdError> {
        self.ask(|it| it.forget_failure(unit))
    }

    fn enable(&mut self, unit: &str, enabled: bool) -> Result<(), SystemdError> {
        self.ask(|it| it.enable(unit, enabled))
    }

    fn launch(&mut self, service: &Launch) -> Result<(), SystemdError> {
        self.ask(|it| it.launch(service))
    }

    fn arm(&mut self, revert_timer: &RevertTimer) -> Result<(), SystemdError> {
        self.ask(|it| it.arm(revert_timer))
    }

    fn disarm(&mut self, timer: &str) -> Result<(), SystemdError> {
        self.ask(|it| it.disarm(timer))
    }
}
