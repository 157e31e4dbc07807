//! Addresses: MAC, IPv6, IPv4, each of the latter with a prefix. What looks like one is one token, right or wrong.

use super::Lit;
use super::word::is_word_byte;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{opt, recognize};
use nom::multi::{count, many1_count};
use nom::sequence::preceded;
use nom::{IResult, Parser};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why something that looks like an address is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Four numbers, but not from 0 to 255 each, or written with a leading zero.
    Part,
    /// More than four numbers.
    Parts,
    /// A prefix longer than the address.
    Prefix(u8),
    /// Neither an IPv6 address nor a MAC.
    Groups,
    /// Letters glued to its end.
    Tail,
}

/// The address at the beginning of `text`: its length, and its value or what is wrong. `None`: nothing of the kind.
pub fn address(text: &str) -> Option<(usize, Result<Lit, Fault>)> {
    let (rest, found) = dotted(text).or_else(|_| colons(text)).ok()?;
    let (rest, tail) = tail(rest).ok()?;
    let found = if tail.is_empty() { found } else { Err(Fault::Tail) };
    Some((text.len() - rest.len(), found))
}

fn tail(text: &str) -> IResult<&str, &str> {
    take_while(|c: char| c.is_ascii() && is_word_byte(c as u8)).parse(text)
}

fn prefix(text: &str) -> IResult<&str, Option<&str>> {
    opt(preceded(char('/'), digit1)).parse(text)
}

/// Four dotted decimals, or more.
fn dotted(text: &str) -> IResult<&str, Result<Lit, Fault>> {
    let part = || preceded(char('.'), digit1::<&str, _>);
    let four = (digit1::<&str, _>, count(part(), 3));
    let (rest, (written, more)) = (recognize(four), opt(many1_count(part()))).parse(text)?;
    let (rest, prefix) = prefix(rest)?;
    let found = match written.parse::<Ipv4Addr>() {
        _ if more.is_some() => Err(Fault::Parts),
        Ok(ip) => with_prefix(ip.into(), prefix, 32),
        Err(_) => Err(Fault::Part),
    };
    Ok((rest, found))
}

/// Groups of hex digits with at least two colons. One colon is a declaration, `a:b`.
fn colons(text: &str) -> IResult<&str, Result<Lit, Fault>> {
    let hex = |c: char| c.is_ascii_hexdigit() || c == ':';
    let (rest, run) = take_while1(hex).parse(text)?;
    if run.bytes().filter(|b| *b == b':').count() < 2 || run.starts_with(':') && !run.starts_with("::") {
        return Err(nom::Err::Error(nom::error::Error::new(text, nom::error::ErrorKind::Verify)));
    }
    let (rest, run) = match v4_tail(rest) {
        Ok((after, _)) if run.contains("::") => (after, &text[..text.len() - after.len()]),
        _ => (rest, run),
    };
    if is_mac(run) {
        return Ok((rest, Ok(Lit::Mac(run.to_ascii_lowercase().into()))));
    }
    let (rest, prefix) = prefix(rest)?;
    let found = match run.parse::<Ipv6Addr>() {
        Ok(ip) => with_prefix(ip.into(), prefix, 128),
        Err(_) => Err(Fault::Groups),
    };
    Ok((rest, found))
}

/// The last three numbers of `::ffff:10.0.0.1`.
fn v4_tail(text: &str) -> IResult<&str, &str> {
    recognize(count(preceded(tag("."), digit1::<&str, _>), 3)).parse(text)
}

fn is_mac(run: &str) -> bool {
    run.len() == 17 && run.split(':').count() == 6 && run.split(':').all(|pair| pair.len() == 2)
}

fn with_prefix(ip: IpAddr, prefix: Option<&str>, longest: u8) -> Result<Lit, Fault> {
    match prefix.map(str::parse::<u8>) {
        None => Ok(Lit::Ip(ip)),
        Some(Ok(bits)) if bits <= longest => Ok(Lit::Cidr(ip, bits)),
        Some(_) => Err(Fault::Prefix(longest)),
    }
}
