//! Sets of images that the templates of a package describe: rendered as Containerfiles, and built by podman.
//!
//! Knows no service and no distribution: which package, which values its templates are given, what replaces what cannot be reached, and
//! what lies beside each Containerfile is data in `stdlib/images/built`.

mod build;
mod changes;
mod context;
mod definition;
mod engine;
mod error;
mod functions;
mod graph;
mod image_store;
mod made;
mod package;
mod recipes;
mod render;
mod settings;
mod tables;

pub use build::{Home, Made, Order, Packages, build, build_missing, render};
pub use changes::{Change, Changes, ListChange};
pub use definition::{Changeable, ImageSet, find, of_architecture, releases};
pub use error::ImageError;
pub use image_store::{BuiltImage, ImageStore, Installed, Kind};
pub use recipes::{Pruned, Recipes, State, check_unused};
pub use render::{Choice, Rendered, Repositories, Templates};
