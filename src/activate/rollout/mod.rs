//! A host's side of a rollout: who may switch it, what it tells of itself, and what takes it back.

pub mod back;
pub mod enrol;
pub mod report;
