//! Which option may be meant by a name that is none.

use kl::diag::nearest;

use super::OptionName;
use super::table::Table;

/// The most sections that are named.
const N_SECTIONS: usize = 3;

/// Finds what may be meant, in words: "did you mean `[neutron] auth_url`?"
pub(crate) fn meant(table: &Table, name: OptionName<'_>) -> Option<String> {
    let asked = |section: &str, key: &str| Some(format!("did you mean `{}`?", OptionName::new(section, key)));
    let near_section = nearest(name.section, table.sections.keys().map(String::as_str));
    // A slip in the section alone.
    if table.section(name.section).is_none()
        && let Some(section) = near_section.filter(|it| is_option(table, it, name.key))
    {
        return asked(section, name.key);
    }
    // Right but for the section.
    let homes: Vec<&str> =
        table.sections.keys().map(String::as_str).filter(|it| is_option(table, it, name.key)).collect();
    match homes.as_slice() {
        [] => {}
        [home] => return asked(home, name.key),
        homes if homes.len() <= N_SECTIONS => {
            let all: Vec<String> =
                homes.iter().map(|it| format!("`{}`", OptionName::new(it, name.key))).collect();
            return Some(format!("did you mean {}?", all.join(" or ")));
        }
        homes => {
            let some: Vec<String> = homes.iter().take(N_SECTIONS).map(|it| format!("`[{it}]`")).collect();
            let n_more = homes.len() - N_SECTIONS;
            return Some(format!(
                "`{}` is an option of the sections {} and {n_more} more",
                name.key,
                some.join(", ")
            ));
        }
    }
    // A slip in the key, where it stands or in the section that is near.
    for section in [Some(name.section), near_section].into_iter().flatten() {
        let keys = table.section(section).into_iter().flat_map(|it| it.keys().map(String::as_str));
        if let Some(key) = nearest(name.key, keys) {
            return asked(section, key);
        }
    }
    // One in both.
    let all = table.options().map(|(_, key, _)| key);
    let key = nearest(name.key, all)?;
    let (section, key, _) = table.options().find(|(_, it, _)| *it == key)?;
    asked(section, key)
}

fn is_option(table: &Table, section: &str, key: &str) -> bool {
    table.sections.get(section).is_some_and(|it| it.contains_key(key))
}
