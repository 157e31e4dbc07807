//! What fits an option and what does not, which option is meant by a wrong name, and containers. Documents with their reports are cases of
//! tests/report and tests/lang.

use super::container::{self, Part};
use super::name::is_like;
use super::suggest::meant;
use super::value::{Rule, holds_no_secret};
use super::{Entry, OptionName, Table, TableError, Tables};
use kl::source::Span;
use model::{TableRef, Text};

/// Two releases of one document, packed by tests/options/container.py.
static PACKED: &[u8] = include_bytes!("sample.lzma");

fn refusal(entry: &str, text: &str) -> Option<String> {
    let entry: Entry = serde_json::from_str(entry).expect("it is an option");
    Rule::of(&entry).refusal(text)
}

#[test]
fn values_fit_by_their_texts() {
    let right = [
        (r#"{"type":"bool"}"#, "True"),
        (r#"{"type":"bool"}"#, "off"),
        (r#"{"type":"int","min":-1}"#, "-1"),
        (r#"{"type":"float","max":0.5}"#, "0.5"),
        (r#"{"type":"port"}"#, "65535"),
        (r#"{"type":"ip"}"#, "fd00::1"),
        (r#"{"type":"host"}"#, "ctl01.example.net"),
        (r#"{"type":"uri"}"#, "rabbit+tls://a"),
        (r#"{"type":"list","item":{"type":"int"}}"#, "1, 2,3"),
        (r#"{"type":"list"}"#, ""),
        (r#"{"type":"dict","item":{"type":"port"}}"#, "a:1,b:2"),
        (r#"{"type":"text","choices":["a","B"],"ignore_case":true}"#, "b"),
        (r#"{"type":"text","choices":["1",2]}"#, "2"),
        (r#"{"type":"text","pattern":"^[a-z]+$"}"#, "abc"),
        (r#"{"type":"text","longest":3}"#, "äöü"),
        ("{}", "anything"),
    ];
    for (entry, text) in right {
        assert_eq!(refusal(entry, text), None, "{entry} takes {text}");
    }
    let wrong = [
        (r#"{"type":"bool"}"#, "maybe", "is no truth value"),
        (r#"{"type":"int"}"#, "1.5", "is no integer"),
        (r#"{"type":"int","min":1}"#, "0", "is less than 1"),
        (r#"{"type":"float","max":0.5}"#, "0.6", "is greater than 0.5"),
        (r#"{"type":"port"}"#, "65536", "is no port"),
        (r#"{"type":"ip"}"#, "10.0.0", "is no IP address"),
        (r#"{"type":"host"}"#, "a b", "is no host name or address"),
        (r#"{"type":"uri"}"#, "10.0.0.9", "is no URI"),
        (r#"{"type":"list","item":{"type":"int"}}"#, "1,b", "has an item `b` that is no integer"),
        (r#"{"type":"dict"}"#, "a:1,b", "is no list of `key:value`: `b` has no colon"),
        (r#"{"type":"text","choices":["a","B"]}"#, "b", "is none of its choices"),
        (r#"{"type":"text","pattern":"^[a-z]+$"}"#, "a1", "does not match `^[a-z]+$`"),
        (r#"{"type":"text","longest":2}"#, "abc", "is longer than 2 characters"),
    ];
    for (entry, text, why) in wrong {
        assert_eq!(refusal(entry, text).as_deref(), Some(why), "{entry} and {text}");
    }
}

#[test]
fn what_is_meant_is_looked_for_in_all_sections() {
    let table = Table::parse(
        r#"{"format":1,"sections":{
            "DEFAULT":{"debug":{}},
            "neutron":{"auth_url":{},"region_name":{}},
            "cinder":{"region_name":{}},
            "database":{"connection":{},"max_pool_size":{}}}}"#,
    )
    .expect("it is a table");
    let meant = |section, key| meant(&table, OptionName::new(section, key));
    let asked = |it: &str| Some(format!("did you mean `{it}`?"));
    assert_eq!(meant("nova", "auth_url"), asked("[neutron] auth_url"));
    assert_eq!(meant("databse", "connection"), asked("[database] connection"));
    assert_eq!(meant("databse", "conection"), asked("[database] connection"));
    assert_eq!(meant("database", "max_pool_sizes"), asked("[database] max_pool_size"));
    assert_eq!(meant("", "debgu"), asked("[DEFAULT] debug"));
    let two = "did you mean `[cinder] region_name` or `[neutron] region_name`?";
    assert_eq!(meant("DEFAULT", "region_name").as_deref(), Some(two));
    assert_eq!(meant("database", "quite_other"), None);
}

#[test]
fn stars_stand_for_any_text() {
    for (pattern, name) in
        [("*", ""), ("lvm-*", "lvm-1"), ("a*b*c", "axxbyc"), ("listeners.tcp.*", "listeners.tcp.1")]
    {
        assert!(is_like(pattern, name), "{pattern} and {name}");
    }
    for (pattern, name) in [("lvm", "lvm-1"), ("lvm-*", "lvm"), ("a*b", "abc"), ("a*a", "a")] {
        assert!(!is_like(pattern, name), "{pattern} and {name}");
    }
}

#[test]
fn addresses_without_a_password_hold_no_secret() {
    for text in ["", "mysql+pymysql://user@10.0.0.9/db?ssl_ca=/a:b@c", "sqlite://", "http://[fd00::1]:80/a"] {
        assert!(holds_no_secret(text), "{text}");
    }
    for text in ["abc", "mysql://user:word@10.0.0.9/db", "rabbit://a:b@h1:5672,c:d@h2:5672//"] {
        assert!(!holds_no_secret(text), "{text}");
    }
}

#[test]
fn a_container_has_a_line_for_each_release() {
    assert_eq!(container::releases(PACKED).expect("it is whole"), ["one", "two"]);
    assert_eq!(container::read(PACKED, "three", Part::Table), Ok(None));
    let tables = Tables::new(vec!["shop.conf".to_owned()], |name| (name == "shop.conf").then_some(PACKED));
    let named = |document: &str, release: &str| {
        let text = |it: &str| Text::new(it.into(), Span::default());
        TableRef::Library { document: text(document), release: text(release) }
    };
    let (one, two) = (named("shop.conf", "one"), named("shop.conf", "two"));
    let table = tables.get(&two).expect("it is there");
    let name = OptionName::new("web", "workers");
    assert_eq!(tables.help(&two, &table, name).as_deref(), Some("Processes of two."));
    let table = tables.get(&one).expect("it is there");
    assert_eq!(tables.help(&one, &table, name).as_deref(), Some("Processes of one."));
    let of = OptionName::new("backend:eu", "url");
    assert_eq!(tables.help(&one, &table, of).as_deref(), Some("Where it is."));
    let no_release = tables.get(&named("shop.conf", "three")).expect_err("there is none");
    assert_eq!(no_release, TableError::NoRelease(vec!["one".to_owned(), "two".to_owned()]));
    let no_document = tables.get(&named("shop.cfg", "one")).expect_err("there is none");
    assert_eq!(no_document, TableError::NoDocument(vec!["shop.conf".to_owned()]));
}

#[test]
fn a_damaged_container_is_an_error() {
    for n in [0, 5, 13, 40, PACKED.len() / 2] {
        let cut: &'static [u8] = &PACKED[..n];
        assert!(container::read(cut, "two", Part::Help).is_err(), "{n} bytes");
    }
    assert!(container::read(b"this is no container at all", "one", Part::Table).is_err());
}

#[test]
fn a_table_of_another_form_is_an_error() {
    for text in
        ["", "[]", r#"{"format":2,"sections":{}}"#, r#"{"format":1,"sections":{"a":{"b":{"tpye":"int"}}}}"#]
    {
        assert!(Table::parse(text).is_err(), "{text}");
    }
    assert!(Table::parse(r#"{"format":1,"sections":{"a":{"b":{"pattern":"["}}}}"#).is_err());
}
