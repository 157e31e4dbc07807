//! A finished value as one line of text, as `# value` lines write it. It is not the printer of `kolla-lang eval`.

use kl::data::{Data, DataKind, Encode, SecretPart};

/// Writes a value.
pub fn text_of(data: &Data) -> String {
    let list = |items: &[Data]| items.iter().map(text_of).collect::<Vec<_>>().join(", ");
    match &data.kind {
        DataKind::Error(_) => "error".into(),
        DataKind::None => "none".into(),
        DataKind::Bool(b) => b.to_string(),
        DataKind::Int(i) => i.to_string(),
        DataKind::Float(f) => format!("{f:?}"),
        DataKind::Str(s) => format!("{s:?}"),
        DataKind::Ip(ip) => ip.to_string(),
        DataKind::Cidr(cidr) => cidr.to_string(),
        DataKind::Duration(ms) => {
            with_unit(*ms, &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)])
        }
        DataKind::Size(n) => {
            with_unit(*n, &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)])
        }
        DataKind::Key(key) => format!(".{key}"),
        DataKind::Enum(name, payload) if payload.is_empty() => format!(".{name}"),
        DataKind::Enum(name, payload) => {
            let fields: Vec<String> = payload.iter().map(|(k, v)| format!("{k} = {}", text_of(v))).collect();
            format!(".{name}({})", fields.join(", "))
        }
        DataKind::Secret(parts) => {
            format!("secret({})", parts.iter().map(part).collect::<Vec<_>>().join(" "))
        }
        DataKind::List(items) => format!("[{}]", list(items)),
        DataKind::Set(items) => format!("set [{}]", list(items)),
        DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) if all.is_empty() => "{}".into(),
        DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => {
            let entries: Vec<String> =
                all.iter().map(|(k, v)| format!("{} = {}", key(k), text_of(v))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        DataKind::Template(call) => format!("template({:?}, {})", call.name, text_of(&call.value)),
    }
}

fn key(name: &str) -> String {
    let is_word =
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) && !name.is_empty();
    if is_word { name.to_owned() } else { format!("{name:?}") }
}

fn with_unit(n: i64, units: &[(&str, i64)]) -> String {
    let (unit, size) =
        units.iter().find(|(_, size)| n % size == 0 && n != 0).or(units.last()).unwrap_or(&("", 1));
    format!("{}{unit}", n / size)
}

fn part(part: &SecretPart) -> String {
    match part {
        SecretPart::Text(text) => format!("{text:?}"),
        SecretPart::Name { name, part, encode, limits } => {
            let part = part.as_ref().map_or(String::new(), |it| format!("#{it}"));
            let how = match encode {
                Encode::Plain => "",
                Encode::Url => "|url",
                Encode::Base64 => "|base64",
                Encode::Escape(which) => &format!("|escape {which}"),
                Encode::Within(encoder) => &format!("|{}", encoder.name),
            };
            let limits: String =
                limits.iter().map(|it| format!("|for {}: {}", it.reader, limit_words(it))).collect();
            format!("{name}{part}{how}{limits}")
        }
    }
}

fn limit_words(limit: &kl::encode::Limit) -> String {
    match limit.most_bytes {
        Some(most) => format!("at most {most} bytes"),
        None => limit.chars.words().to_owned(),
    }
}
