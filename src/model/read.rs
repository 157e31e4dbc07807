//! Reading finished values: one function per kind of leaf, each returning something usable and reporting what was not.
//! Failed leaves were reported by the evaluator and are passed over in silence.

use super::{At, Text, errors};
use kl::data::{Data, DataKind, Origin};
use kl::diag::{Diagnostic, Problems, Reported};
use kl::source::Span;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a field reads as when the value has no such field, which was reported.
fn absent(why: Reported) -> &'static Data {
    static ABSENT: OnceLock<Data> = OnceLock::new();
    let origin = Origin { at: Span::default(), through: None };
    ABSENT.get_or_init(|| Data { kind: DataKind::Error(why), origin })
}

/// Whether there is a value: one that failed was reported, and reads as one that is absent.
pub fn is_there(data: &Data) -> bool {
    !matches!(data.kind, DataKind::None | DataKind::Error(_))
}

/// Reads values and keeps what was wrong with them.
#[derive(Default)]
pub(super) struct Reader {
    /// What was wrong so far.
    pub problems: Problems,
}

impl Reader {
    /// Reports something.
    pub fn report(&mut self, report: Diagnostic) {
        self.problems.push(report);
    }

    /// Reports what was found, if anything was.
    pub fn report_all(&mut self, reports: impl IntoIterator<Item = Diagnostic>) {
        reports.into_iter().for_each(|it| self.report(it));
    }

    fn mismatch<T>(&mut self, data: &Data, wanted: &str, fallback: T) -> T {
        if !data.is_error() {
            self.report(errors::schema(data.origin.at, wanted));
        }
        fallback
    }

    /// A field of a record.
    pub fn field<'a>(&mut self, record: &'a Data, name: &str) -> &'a Data {
        match record.get(name) {
            Some(found) => found,
            // A field of what failed failed.
            None if record.is_error() => record,
            // Said once of a record, whatever it lacks.
            None => absent(self.problems.push(errors::schema(record.origin.at, "a record of the kernel"))),
        }
    }

    /// The entries of a map.
    pub fn entries<'a>(&mut self, data: &'a Data) -> &'a [(Arc<str>, Data)] {
        match data.entries() {
            Some(all) => all,
            None => self.mismatch(data, "a map", &[]),
        }
    }

    /// A text, a key, or a plain variant.
    pub fn text(&mut self, data: &Data) -> Text {
        let value = match &data.kind {
            DataKind::Str(text) | DataKind::Key(text) => text.clone(),
            DataKind::Enum(name, payload) if payload.is_empty() => name.clone(),
            _ => self.mismatch(data, "a text", "".into()),
        };
        At::new(value, data.origin.at)
    }

    /// A text, if there is one.
    pub fn opt_text(&mut self, data: &Data) -> Option<Text> {
        is_there(data).then(|| self.text(data))
    }

    /// A list or a set of texts.
    pub fn texts(&mut self, data: &Data) -> Vec<Text> {
        match data.items() {
            Some(items) => items.iter().filter(|it| !it.is_error()).map(|it| self.text(it)).collect(),
            None => self.mismatch(data, "a list", Vec::new()),
        }
    }

    /// A truth value.
    pub fn bool(&mut self, data: &Data) -> bool {
        match data.kind {
            DataKind::Bool(value) => value,
            _ => self.mismatch(data, "a Bool", false),
        }
    }

    /// A number, an address or a network as text.
    pub fn display(&mut self, data: &Data) -> Text {
        let value: Arc<str> = match &data.kind {
            DataKind::Int(value) => value.to_string().into(),
            DataKind::Ip(value) => value.to_string().into(),
            DataKind::Cidr(value) => value.to_string().into(),
            _ => return self.text(data),
        };
        At::new(value, data.origin.at)
    }

    /// A number, an address or a network as text, if there is one.
    pub fn opt_display(&mut self, data: &Data) -> Option<Text> {
        is_there(data).then(|| self.display(data))
    }

    /// A number that the schema keeps above zero.
    pub fn number(&mut self, data: &Data) -> At<u64> {
        let value = match data.kind {
            DataKind::Int(value) if value >= 0 => value.unsigned_abs(),
            _ => self.mismatch(data, "a number that is not negative", 0),
        };
        At::new(value, data.origin.at)
    }

    /// A number that the schema keeps small, like a port.
    pub fn small(&mut self, data: &Data) -> u16 {
        let number = self.number(data).value;
        match u16::try_from(number) {
            Ok(small) => small,
            Err(_) => self.mismatch(data, "a number below 65536", 0),
        }
    }

    /// An address; absent only after a mistake.
    pub fn opt_ip(&mut self, data: &Data) -> Option<IpAddr> {
        match data.kind {
            DataKind::Ip(address) => Some(address),
            _ => self.mismatch(data, "an address", None),
        }
    }

    /// A list of addresses.
    pub fn ips(&mut self, data: &Data) -> Vec<IpAddr> {
        match data.items() {
            Some(items) => items.iter().filter_map(|it| self.opt_ip(it)).collect(),
            None => self.mismatch(data, "a list", Vec::new()),
        }
    }

    /// A number, if there is one.
    pub fn opt_int(&mut self, data: &Data) -> Option<At<i64>> {
        let value = match data.kind {
            DataKind::None | DataKind::Error(_) => return None,
            DataKind::Int(value) => value,
            _ => self.mismatch(data, "an Int", 0),
        };
        Some(At::new(value, data.origin.at))
    }

    /// A fraction, if there is one.
    pub fn opt_float(&mut self, data: &Data) -> Option<At<f64>> {
        let value = match data.kind {
            DataKind::None | DataKind::Error(_) => return None,
            DataKind::Float(value) => value,
            _ => self.mismatch(data, "a Float", 1.0),
        };
        Some(At::new(value, data.origin.at))
    }

    /// A length of time, if there is one.
    pub fn opt_duration(&mut self, data: &Data) -> Option<Duration> {
        is_there(data).then(|| self.duration(data))
    }

    /// A length of time.
    pub fn duration(&mut self, data: &Data) -> Duration {
        match data.kind {
            DataKind::Duration(ms) if ms >= 0 => Duration::from_millis(ms.unsigned_abs()),
            DataKind::Duration(_) => {
                self.report(errors::bad_value(data.origin.at, "a length of time cannot be negative here"));
                Duration::ZERO
            }
            _ => self.mismatch(data, "a Duration", Duration::ZERO),
        }
    }

    /// A size in bytes.
    pub fn size(&mut self, data: &Data) -> At<u64> {
        let value = match data.kind {
            DataKind::Size(bytes) if bytes > 0 => bytes.unsigned_abs(),
            DataKind::Size(_) => {
                self.report(errors::bad_value(data.origin.at, "a size must be more than nothing here"));
                1
            }
            _ => self.mismatch(data, "a Size", 1),
        };
        At::new(value, data.origin.at)
    }

    /// A size, if there is one.
    pub fn opt_size(&mut self, data: &Data) -> Option<At<u64>> {
        is_there(data).then(|| self.size(data))
    }

    /// The name of a variant and its payload; a failed one has no name.
    pub fn variant<'a>(&mut self, data: &'a Data) -> (&'a str, &'a [(Arc<str>, Data)]) {
        match &data.kind {
            DataKind::Enum(name, payload) => (name, payload),
            _ => self.mismatch(data, "a variant", ("", &[])),
        }
    }

    /// A field of a payload.
    pub fn payload<'a>(&mut self, of: &'a Data, payload: &'a [(Arc<str>, Data)], name: &str) -> &'a Data {
        match payload.iter().find(|(key, _)| &**key == name) {
            Some((_, found)) => found,
            None if of.is_error() => of,
            None => {
                absent(self.problems.push(errors::schema(of.origin.at, &format!("a variant with `{name}`"))))
            }
        }
    }

    /// Chooses what a variant means; an unknown name is a disagreement with the schema.
    pub fn choose<T: Copy>(&mut self, data: &Data, table: &[(&str, T)], fallback: T) -> T {
        let (name, _) = self.variant(data);
        match table.iter().find(|(known, _)| *known == name) {
            Some((_, meaning)) => *meaning,
            None => self.mismatch(data, "another variant", fallback),
        }
    }
}
