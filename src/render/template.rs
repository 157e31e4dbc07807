//! Templates: minijinja in strict mode over the values a template was given. Nothing else can be reached from one: no
//! other template, no file, no clock. A secret can be printed and nothing more.

use super::placeholders::{self, Placeholders, Quoting, Rendered};
use super::template_budget::{self, Budget};
use kl::data::{Data, DataKind, SecretPart, TemplateCall, encode_within};
use kl::diag::{Code, Diagnostic, Problems};
use kl::encode::{self, Encoder};
use kl::source::Span;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter, machinery};
use model::Style;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Renders a template. Mistakes point at the definition that asked for it, and into the template.
pub fn render(call: &TemplateCall, asked_at: Span, problems: &mut Problems) -> Option<Rendered> {
    let before = problems.iter().count();
    let misused = Arc::new(AtomicBool::new(false));
    let placeholders = Arc::new(Mutex::new(Placeholders::of_holes()));
    let mut giver =
        ContextBuilder { placeholders: &placeholders, misused: misused.clone(), problems, failed: false };
    if placeholders::is_forged(&call.text) {
        giver.refuse(asked_at, format!("`{}` holds a character that is kept for secrets", call.name));
    }
    let context = giver.give(&call.value);
    if context.kind() != ValueKind::Map && !giver.failed {
        giver.refuse(call.value.origin.at, "a template is given names with values".to_owned());
    }
    if giver.failed || problems.iter().count() > before {
        return None;
    }
    let budget = Arc::new(Budget::default());
    let text = match fill(call, context, &misused, &budget) {
        Ok(_) if misused.load(Ordering::Relaxed) => Err(secret_misused()),
        other => other,
    };
    match text {
        Ok(text) => {
            let placeholders =
                std::mem::take(&mut *placeholders.lock().unwrap_or_else(PoisonError::into_inner));
            let rendered = placeholders.split(&text);
            if rendered.is_none() {
                problems.push(report(call, asked_at, &secret_misused(), &budget));
            }
            rendered
        }
        Err(error) => {
            problems.push(report(call, asked_at, &error, &budget));
            None
        }
    }
}

/// The text of a template.
fn fill(
    call: &TemplateCall,
    context: Value,
    misused: &Arc<AtomicBool>,
    budget: &Arc<Budget>,
) -> Result<String, Error> {
    let mut environment = environment(misused.clone(), budget.clone());
    // Lines that hold nothing but a block leave nothing behind.
    let syntax =
        SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build();
    // Only delimiters that contradict each other are refused, and these are the usual ones.
    let syntax = syntax.unwrap_or_default();
    let compiled = template_budget::compile(&mut environment, &call.name, &call.text, syntax)?;
    let mut text = String::new();
    let mut out = machinery::make_string_output(&mut text);
    let (instructions, blocks) = (&compiled.instructions, &compiled.blocks);
    machinery::eval(&environment, instructions, context, blocks, &mut out, AutoEscape::None)?;
    Ok(text)
}

fn environment(misused: Arc<AtomicBool>, budget: Arc<Budget>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    template_budget::count(&mut environment, &budget);
    for encoder in encode::ALL {
        let (misused, budget) = (misused.clone(), budget.clone());
        environment.add_filter(encoder.name, move |value: Value| write(encoder, &value, &misused, &budget));
    }
    // Without it errors have no byte range.
    environment.set_debug(true);
    environment.set_formatter(move |out, state, value| {
        // A filter that got hold of a secret has seen nothing, but its result would be nonsense: say so, here and now.
        if misused.load(Ordering::Relaxed) {
            return Err(secret_misused());
        }
        match value.downcast_object_ref::<SecretText>() {
            Some(secret) => {
                let marked = secret.marked();
                budget.charge(marked.len() as u64)?;
                out.write_str(&marked).map_err(Error::from)
            }
            None => {
                budget.charge_value(value)?;
                escape_formatter(out, state, value)
            }
        }
    });
    environment
}

/// What a filter of an encoder makes of a value.
fn write(
    encoder: &'static Encoder,
    value: &Value,
    misused: &AtomicBool,
    budget: &Budget,
) -> Result<Value, Error> {
    let refused = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    if let Some(secret) = value.downcast_object_ref::<SecretText>() {
        let parts = encode_within(&secret.parts, encoder).map_err(refused)?;
        return Ok(Value::from_object(SecretText { parts, ..secret.clone() }));
    }
    budget.charge_value(value)?;
    let text = match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => value.to_string(),
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        _ => return Err(refused(format!("{} is made of one text", encoder.called))),
    };
    // What a template caught of its own output: the secret in it would be put in as it is.
    if placeholders::is_forged(&text) {
        misused.store(true, Ordering::Relaxed);
        return Err(secret_misused());
    }
    if let Some(why) = encoder.refusal(&text) {
        return Err(refused(why));
    }
    let whole = encoder.whole(&text);
    budget.charge(whole.len() as u64)?;
    Ok(Value::from(whole))
}

fn secret_misused() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a secret can be printed and nothing more")
}

/// Says what was wrong: at the definition that asked, with the template's own place as a label.
fn report(call: &TemplateCall, asked_at: Span, error: &Error, budget: &Budget) -> Diagnostic {
    let range = error.range().filter(|range| range.end <= call.text.len() && range.start <= range.end);
    let excerpt = range.clone().and_then(|range| call.text.get(range)).map(str::trim);
    let code = match error.kind() {
        ErrorKind::OutOfFuel => Code::Budget,
        _ if budget.is_spent() => Code::Budget,
        _ => Code::Template,
    };
    let what = match (error.kind(), error.detail()) {
        _ if budget.is_spent() => Budget::words(),
        (ErrorKind::UndefinedError, _) => match excerpt {
            Some(name) if !name.is_empty() && !name.contains('\n') => format!("`{name}` is not defined"),
            _ => "a name is not defined".to_owned(),
        },
        (ErrorKind::OutOfFuel, _) => "it does not come to an end".to_owned(),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    let report =
        Diagnostic::error(code, asked_at, format!("template `{}`: {what}", call.name)).here("asked for here");
    match range {
        Some(range) => {
            // A text of a description has at most 16 MiB.
            let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
            report.label(Span::new(call.file, at(range.start), at(range.end)), "in the template")
        }
        None => report,
    }
}

/// A secret as a template sees it.
#[derive(Clone)]
pub(super) struct SecretText {
    parts: Arc<[SecretPart]>,
    /// The marks of the whole template: each time it is printed is another hole.
    placeholders: Arc<Mutex<Placeholders>>,
    misused: Arc<AtomicBool>,
}

impl SecretText {
    fn marked(&self) -> String {
        let mut placeholders = self.placeholders.lock().unwrap_or_else(PoisonError::into_inner);
        placeholders.secret(&self.parts, Quoting::Plain, &Style::default())
    }
}

impl fmt::Debug for SecretText {
    // A list that is printed shows its items so.
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.misused.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Object for SecretText {
    // Who asks whether something is in it, or how long it is, goes through its items.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.misused.store(true, Ordering::Relaxed);
        Enumerator::Empty
    }

    fn custom_cmp(self: &Arc<Self>, _: &DynObject) -> Option<std::cmp::Ordering> {
        self.misused.store(true, Ordering::Relaxed);
        None
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.misused.store(true, Ordering::Relaxed);
        false
    }

    // Printing goes through the formatter; whoever comes here wants the text for something else.
    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.misused.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Turns values into what templates see.
struct ContextBuilder<'a> {
    placeholders: &'a Arc<Mutex<Placeholders>>,
    misused: Arc<AtomicBool>,
    problems: &'a mut Problems,
    failed: bool,
}

impl ContextBuilder<'_> {
    fn refuse(&mut self, at: Span, message: String) {
        self.problems.push(Diagnostic::error(Code::Template, at, message));
        self.failed = true;
    }

    fn text(&mut self, data: &Data, text: &str) -> Value {
        if placeholders::is_forged(text) {
            self.refuse(data.origin.at, "this text holds a character that is kept for secrets".to_owned());
        }
        Value::from(text)
    }

    fn give(&mut self, data: &Data) -> Value {
        match &data.kind {
            DataKind::None => Value::from(()),
            DataKind::Bool(value) => Value::from(*value),
            DataKind::Int(value) => Value::from(*value),
            DataKind::Float(value) => Value::from(*value),
            DataKind::Str(text) | DataKind::Key(text) => self.text(data, text),
            DataKind::Ip(value) => Value::from(value.to_string()),
            DataKind::Cidr(value) => Value::from(value.to_string()),
            DataKind::Enum(name, payload) if payload.is_empty() => Value::from(&**name),
            DataKind::Secret(parts) => self.secret(data, parts),
            DataKind::List(items) | DataKind::Set(items) => items.iter().map(|it| self.give(it)).collect(),
            DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => {
                let entries = all.iter().map(|(key, it)| (key.to_string(), self.give(it)));
                Value::from(entries.collect::<BTreeMap<String, Value>>())
            }
            DataKind::Error(_) => {
                self.failed = true;
                Value::UNDEFINED
            }
            DataKind::Duration(_) | DataKind::Size(_) | DataKind::Enum(..) | DataKind::Template(_) => {
                self.refuse(data.origin.at, "this has no form of its own in a template".to_owned());
                Value::UNDEFINED
            }
        }
    }

    fn secret(&mut self, data: &Data, parts: &[SecretPart]) -> Value {
        for part in parts {
            if let SecretPart::Text(text) = part {
                self.text(data, text);
            }
        }
        let (parts, placeholders) = (parts.into(), self.placeholders.clone());
        Value::from_object(SecretText { parts, placeholders, misused: self.misused.clone() })
    }
}
