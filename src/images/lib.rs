//! What tags of images mean: a file beside the description that keeps the digest of each, and the registries that are asked for them.
//!
//! Knows no description and no host. Pulls nothing: a host does that, by digest.

pub mod lock;
pub mod login;
mod names;
pub mod podman;
pub mod reference;
pub mod registry;

use std::time::Duration;

/// How long a registry, or podman, may take to answer one question.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(20);
