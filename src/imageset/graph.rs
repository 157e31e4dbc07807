//! Which image stands on which, as the first line of each says.

use std::collections::BTreeMap;

use super::{ImageError, Rendered};

/// Returns the images of these names with all that they stand on, parents first.
pub(crate) fn with_parents<'a>(
    all: &'a [Rendered],
    names: &[String],
) -> Result<Vec<&'a Rendered>, ImageError> {
    let by_name: BTreeMap<&str, &Rendered> = all.iter().map(|it| (it.name.as_str(), it)).collect();
    let mut order: Vec<&Rendered> = Vec::new();
    for name in names {
        let mut path: Vec<&Rendered> = Vec::new();
        let mut next = by_name.get(name.as_str()).copied();
        while let Some(image) = next {
            if order.iter().any(|it| it.name == image.name) {
                break;
            }
            if path.iter().any(|it| it.name == image.name) {
                let names = path.iter().chain([&image]).map(|it| it.name.clone()).collect();
                return Err(ImageError::Cycle { names });
            }
            path.push(image);
            next = image.parent.as_deref().and_then(|it| by_name.get(it)).copied();
        }
        order.extend(path.into_iter().rev());
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, parent: Option<&str>) -> Rendered {
        Rendered {
            name: name.to_owned(),
            folder: name.into(),
            text: String::new(),
            parent: parent.map(str::to_owned),
        }
    }

    fn names(order: &[&Rendered]) -> Vec<String> {
        order.iter().map(|it| it.name.clone()).collect()
    }

    #[test]
    fn parents_come_first_and_once() {
        let all = [
            image("api", Some("middle")),
            image("base", None),
            image("cron", Some("base")),
            image("middle", Some("base")),
        ];
        let wanted = ["api".to_owned(), "cron".to_owned()];
        assert_eq!(names(&with_parents(&all, &wanted).expect("an order")), ["base", "middle", "api", "cron"]);
    }

    #[test]
    fn a_cycle_is_named() {
        let all = [image("a", Some("b")), image("b", Some("a"))];
        let error = with_parents(&all, &["a".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "images stand on each other: a -> b -> a");
    }
}
