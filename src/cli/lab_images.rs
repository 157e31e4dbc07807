//! The images that hosts of a lab use: those of the description that can be built here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::image_changes;
use super::say::say_wrong;
use images::reference::parse_tagged;
use imageset::{Choice, Home, ImageError, Order, Packages, Repositories, build_missing};
use lab::{Places, Progress};

/// What a description says of its images.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Whole names of the images of containers and tasks.
    pub images: BTreeSet<String>,
    /// What it says of images that are built.
    pub set: Option<model::ImageSet>,
}

/// Images of one release that are named alike.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    release: &'static str,
    namespace: String,
    tag: String,
}

/// Which images are built, and of which others it is known why they are not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sorted {
    built: BTreeMap<Group, Vec<String>>,
    others: Vec<(String, String)>,
}

impl Wanted {
    /// Builds what is missing, and returns the storage of podman that the images are in.
    pub fn build(&self, places: &Places, tell: Progress) -> Result<PathBuf, ImageError> {
        let Sorted { built, others } = self.sort()?;
        let mut sets = Vec::new();
        for (group, names) in built {
            sets.push((imageset::find(group.release)?, group, names));
        }
        let mut orders = Vec::new();
        for (set, group, names) in &sets {
            let table = set.build_file()?;
            let own = self.set.as_ref().filter(|it| is_of(it, group));
            orders.push(Order {
                set,
                choice: Choice {
                    distro: table.distro,
                    architecture: table.architecture,
                    namespace: group.namespace.clone(),
                    tag: group.tag.clone(),
                    repositories: Repositories::Own,
                },
                names: names.clone(),
                changes: own.map(image_changes::changes).unwrap_or_default(),
                packages: Packages::Kept,
            });
        }
        let storage = build_missing(&orders, &Home::default(), places, tell)?;
        for (image, why) in others {
            say_wrong!("warning: {image} is not built for the lab: {why}");
        }
        Ok(storage)
    }

    /// Finds the release of each image by its tag, and by what the description says of its own.
    fn sort(&self) -> Result<Sorted, ImageError> {
        let mut sets = Vec::new();
        for release in imageset::releases() {
            let set = imageset::find(release)?;
            let Ok(table) = set.build_file() else { continue };
            let (tag, known) = (set.tag(&table.distro, &table.architecture)?, set.changeable());
            sets.push((release, set.about.release, table, tag, known));
        }
        let mut sorted = Sorted::default();
        for image in &self.images {
            let (place, tag) = (image.rsplit_once('/'), parse_tagged(image).tag);
            let Some((namespace, rest)) = place else { continue };
            let name = rest.split(':').next().unwrap_or(rest);
            let own =
                self.set.as_ref().filter(|it| it.namespace.as_str() == namespace && it.tag.as_str() == tag);
            let found = sets.iter().find(|(release, number, table, usual, known)| {
                let is_it = match own {
                    Some(own) => {
                        [*release, number.as_str()].contains(&own.release.as_str())
                            && own.distro.as_str() == table.distro
                    }
                    None => usual == tag,
                };
                is_it && known.contains_key(name)
            });
            let Some((release, _, table, ..)) = found else {
                sorted
                    .others
                    .push((image.clone(), "its name says no release and distribution that are".to_owned()));
                continue;
            };
            match table.unbuildable.get(name) {
                Some(why) => sorted.others.push((image.clone(), why.clone())),
                None => {
                    let group = Group { release, namespace: namespace.to_owned(), tag: tag.to_owned() };
                    sorted.built.entry(group).or_default().push(name.to_owned());
                }
            }
        }
        Ok(sorted)
    }
}

/// Whether the changes of a description are those of a group.
fn is_of(set: &model::ImageSet, group: &Group) -> bool {
    set.namespace.as_str() == group.namespace && set.tag.as_str() == group.tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_built_by_their_names() {
        let images = [
            "quay.io/openstack.kolla/keystone:2025.1-debian-bookworm",
            "quay.io/openstack.kolla/cron:2025.1-debian-bookworm",
            "localhost/kolla/keystone:2026.1-debian-trixie",
            "quay.io/openstack.kolla/fluentd:2025.1-debian-bookworm",
            "quay.io/openstack.kolla/keystone:2025.1-rocky-9",
            "registry.example.org:5000/mine:1",
        ];
        let wanted = Wanted { images: images.map(str::to_owned).into(), set: None };
        let Sorted { built, others } = wanted.sort().expect("the tables are there");
        let built: Vec<_> =
            built.iter().map(|(it, names)| (it.release, it.namespace.as_str(), names.join(" "))).collect();
        assert_eq!(
            built,
            [
                ("epoxy", "quay.io/openstack.kolla", "cron keystone".to_owned()),
                ("gazpacho", "localhost/kolla", "keystone".to_owned())
            ]
        );
        let others: Vec<_> = others.iter().map(|(it, _)| it.as_str()).collect();
        assert_eq!(others, [images[3], images[4], images[5]]);
    }
}
