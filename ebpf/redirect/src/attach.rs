//! The programs while they are attached.

use crate::{Listeners, Lookups, Plan, ProgramStatus, RedirectError, SteeringStats};

/// The programs of one network namespace, loaded and attached. Dropping it detaches them all; so does the death of
/// the process, as nothing is pinned.
#[derive(Debug)]
pub struct Redirect {}

impl Redirect {
    /// Loads and attaches. The calling thread must be in the network namespace that is steered, the one the
    /// listeners were opened in. Steering starts with the first [`Redirect::beat`].
    pub fn attach(_plan: &Plan, _listeners: &Listeners) -> Result<Self, RedirectError> {
        Err(RedirectError::NoCgroup2)
    }

    /// Handle for the data path.
    pub fn lookups(&self) -> Lookups {
        Lookups {}
    }

    /// Tells the programs that the agent is alive; due a few times per second, as they stop steering a second
    /// after the last one.
    pub fn beat(&self) -> Result<(), RedirectError> {
        Ok(())
    }

    /// While paused, new connections go direct and are counted.
    pub fn set_paused(&self, _paused: bool) -> Result<(), RedirectError> {
        Ok(())
    }

    /// Detaches what steers; new connections go direct from here on. Open ones keep what they show as their peer
    /// until drop.
    pub fn stop_steering(&mut self) {}

    /// Each program and whether it is attached.
    pub fn programs(&self) -> Vec<ProgramStatus> {
        Vec::new()
    }

    /// What the programs counted.
    pub fn stats(&self) -> Result<SteeringStats, RedirectError> {
        Ok(SteeringStats::default())
    }
}
