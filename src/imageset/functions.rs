//! What templates can call beside what the template engine has: a filter that changes lists, a function that refuses, and the macros of
//! a file of the library.

use minijinja::value::{Rest, Value};
use minijinja::{Environment, Error, ErrorKind, State};

/// The name of the file with the macros, as templates see it.
pub(crate) const MACROS: &str = "functions of the library";

/// The macros that templates call as functions.
const NAMES: &[&str] = &["debian_package_install", "handle_repos"];

/// Gives all of them to an environment. Macros see the values that templates are given.
pub(crate) fn add(environment: &mut Environment<'_>, values: &Value) {
    environment.add_filter("customizable", customizable);
    environment.add_function("raise_error", |why: String| -> Result<Value, Error> { Err(refused(why)) });
    for name in NAMES {
        let values = values.clone();
        environment.add_function(*name, move |state: &State, args: Rest<Value>| {
            let template = state.env().get_template(MACROS)?;
            template.render_captured(values.clone())?.with_state_mut(|it| it.call_macro(name, &args))
        });
    }
}

/// Returns a list as it is to be: another one in its place, with more items, or with fewer, as the variables say that are named after the
/// image and the kind of list.
fn customizable(state: &State, list: Value, kind: String) -> Result<Value, Error> {
    let image = state.lookup("image_name").map(|it| it.to_string()).unwrap_or_default().replace('-', "_");
    let named = |what: &str| state.lookup(&format!("{image}_{kind}_{what}")).filter(|it| !it.is_undefined());
    if list.is_undefined() {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    if let Some(other) = named("override") {
        return Ok(other);
    }
    let mut items: Vec<Value> = list.try_iter()?.collect();
    if let Some(more) = named("append") {
        items.extend(more.try_iter()?);
    }
    if let Some(fewer) = named("remove") {
        for gone in fewer.try_iter()? {
            if let Some(idx) = items.iter().position(|it| *it == gone) {
                items.remove(idx);
            }
        }
    }
    Ok(Value::from(items))
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
