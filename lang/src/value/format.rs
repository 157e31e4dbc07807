//! Scalars and paths as text.

use crate::live::Value;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A value as plain text.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Error(_) => "?".into(),
        Value::None => "none".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => float(*n),
        Value::Str(text) | Value::Version(text) => text.to_string(),
        Value::Ip(ip) => ip.to_string(),
        Value::Cidr(net) => net.to_string(),
        Value::Duration(ms) => duration(*ms),
        Value::Size(bytes) => size(*bytes),
        Value::Enum(index, _) => format!("variant {index}"),
        Value::Secret(_) => "a secret".into(),
        Value::List(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Value::Dict(_) | Value::Node(_) | Value::Thunk(_) => "a record".into(),
        Value::Template(_) => "a template".into(),
    }
}

/// Writes an address byte by byte. Every service has one, and what the library has for numbers of any width takes ten times as long.
pub fn ipv4(ip: Ipv4Addr, mut push: impl FnMut(u8)) {
    for (i, octet) in ip.octets().into_iter().enumerate() {
        if i > 0 {
            push(b'.');
        }
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
    }
}

/// A Float as it is written: always with a point.
pub fn float(n: f64) -> String {
    let text = n.to_string();
    if text.contains(['.', 'i', 'N']) { text } else { format!("{text}.0") }
}

/// A duration in the largest unit that is whole.
pub fn duration(ms: i64) -> String {
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms != 0 && ms % unit == 0 {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}

/// A size in the largest binary unit that is whole.
pub fn size(bytes: i64) -> String {
    for (shift, name) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes != 0 && bytes % (1i64 << shift) == 0 {
            return format!("{}{name}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

/// Adds a step to a written path.
pub fn push_step(out: &mut String, part: &str) {
    let word = !part.is_empty()
        && part
            .split('-')
            .all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        && !part.starts_with(|c: char| c.is_ascii_digit());
    if !out.is_empty() {
        out.push('.');
    }
    if word {
        out.push_str(part);
    } else {
        out.push('"');
        out.push_str(&part.replace('\\', "\\\\").replace('"', "\\\""));
        out.push('"');
    }
}

/// The arguments of a call as bytes, if all are scalars: what calls are remembered by.
pub fn scalar_key(values: &[Value]) -> Option<Arc<[u8]>> {
    let mut out = Vec::with_capacity(16);
    for value in values {
        match value {
            Value::None => out.push(0),
            Value::Bool(b) => out.extend([1, u8::from(*b)]),
            Value::Int(n) => {
                out.push(2);
                out.extend(n.to_le_bytes());
            }
            Value::Str(text) => {
                out.push(3);
                out.extend((text.len() as u32).to_le_bytes());
                out.extend(text.as_bytes());
            }
            Value::Ip(ip) => {
                out.push(4);
                match ip {
                    std::net::IpAddr::V4(v4) => out.extend(v4.octets()),
                    std::net::IpAddr::V6(v6) => out.extend(v6.octets()),
                }
                out.push(if ip.is_ipv4() { 4 } else { 6 });
            }
            Value::Enum(index, None) => {
                out.push(5);
                out.extend(index.to_le_bytes());
            }
            Value::Duration(n) | Value::Size(n) => {
                out.push(6);
                out.extend(n.to_le_bytes());
            }
            _ => return None,
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_the_library_writes_it() {
        for octet in 0..=255u8 {
            let ip = Ipv4Addr::new(octet, 0, 255 - octet, octet / 2);
            let mut out = Vec::new();
            ipv4(ip, |byte| out.push(byte));
            assert_eq!(String::from_utf8(out).ok(), Some(ip.to_string()));
        }
    }
}
