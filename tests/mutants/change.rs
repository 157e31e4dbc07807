//! Changes a text a little: by tokens, by lines, by bytes, by what stands in what.

use fastrand::Rng;

/// Numbers at which something ends.
const EDGES: &[&str] = &[
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65535",
    "65536",
    "1_000_000",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "0xffffffffffffffff",
    "0.0",
    "1.7976931348623157",
    "9223372036854775807s",
    "8191PiB",
    "7d",
    "0B",
    "10.0.0.0/0",
    "255.255.255.255",
    "::/0",
    "ff:ff:ff:ff:ff:ff",
];

/// Pieces that mean something somewhere.
const PIECES: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "'",
    "\"\"\"",
    "${",
    "}",
    ",",
    ".",
    "..",
    "=",
    "?=",
    "+=",
    "-=",
    ":=",
    "&",
    "??",
    "?",
    "#",
    "##",
    "\n",
    "force ",
    "if true { ",
    "for i in 1..3 { ",
    "none",
    "self",
    "key",
    "it",
    "match ",
    " -> ",
    "let ",
    "option ",
    "type ",
    "use ",
    "fn ",
    "check ",
    "require ",
    "else ",
    "key of ",
    "set of ",
    "where ",
    "enum { ",
    "secret(",
    "template(",
    "{% for i in ",
    "{% endfor %}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "~",
    "|",
    "1..1000000",
    "\u{0}",
    "\u{feff}",
    "\r\n",
    "\u{f5a0}",
    "ä",
    "𝔘",
    "\t",
];

/// One text changed one to four times. `words` are names of other files, `other` is one of them.
pub fn changed(rng: &mut Rng, text: &str, words: &[String], other: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..rng.usize(1..=4) {
        text = once(rng, &text, words, other);
        // What is repeated again and again is refused as a whole, and tells nothing.
        if text.len() > 1 << 20 {
            break;
        }
    }
    text
}

fn once(rng: &mut Rng, text: &str, words: &[String], other: &str) -> String {
    let mut tokens = tokens(text);
    if tokens.is_empty() {
        return rng.choice(PIECES).copied().unwrap_or_default().to_owned();
    }
    let at = rng.usize(0..tokens.len());
    match rng.u32(0..18) {
        0 | 1 => drop(tokens.remove(at)),
        2 => tokens.insert(at, tokens[at]),
        3 => {
            let to = (at + rng.usize(1..6)).min(tokens.len() - 1);
            tokens.swap(at, to);
        }
        4..=6 => {
            let word = rng.choice(words).map_or("x", String::as_str);
            if let Some(place) = next(&tokens, at, |it| it.starts_with(|c: char| c.is_alphabetic())) {
                tokens[place] = word;
            }
        }
        7 | 8 => {
            if let Some(place) = next(&tokens, at, |it| it.starts_with(|c: char| c.is_ascii_digit())) {
                tokens[place] = rng.choice(EDGES).copied().unwrap_or("0");
            }
        }
        9 | 10 => tokens.insert(at, rng.choice(PIECES).copied().unwrap_or_default()),
        11 => {
            if let Some(place) = next(&tokens, at, |it| "{}()[]\"".contains(it)) {
                tokens.remove(place);
            }
        }
        12 => return lines(rng, text, text),
        13 | 14 => return lines(rng, text, other),
        15 => return bytes(rng, text),
        16 => return nested(rng, &tokens, at),
        _ => tokens.truncate(at),
    }
    tokens.concat()
}

/// The next token of a kind, from one on and then from the first.
fn next(tokens: &[&str], from: usize, fits: impl Fn(&str) -> bool) -> Option<usize> {
    (from..tokens.len()).chain(0..from).find(|at| fits(tokens[*at]))
}

/// Words, numbers and white space in one piece each, all else by characters.
fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 1,
        ' ' | '\n' => 2,
        _ => 0,
    };
    let mut out = Vec::new();
    let mut from = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = chars.peek().is_none_or(|(_, next)| class(c) == 0 || class(*next) != class(c));
        if ends {
            let end = at + c.len_utf8();
            out.push(&text[from..end]);
            from = end;
        }
    }
    out
}

/// Some lines of one text put into another, or taken away.
fn lines(rng: &mut Rng, text: &str, from: &str) -> String {
    let (mut lines, source): (Vec<&str>, Vec<&str>) = (text.lines().collect(), from.lines().collect());
    let at = rng.usize(0..=lines.len());
    if rng.bool() && !source.is_empty() {
        let first = rng.usize(0..source.len());
        let last = (first + rng.usize(1..12)).min(source.len());
        lines.splice(at..at, source[first..last].iter().copied());
    } else {
        let last = (at + rng.usize(1..5)).min(lines.len());
        lines.drain(at..last);
    }
    lines.join("\n") + "\n"
}

/// Some bytes changed; what is no text any more is made one.
fn bytes(rng: &mut Rng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(0..bytes.len().max(1));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = if rng.bool() { rng.u8(..) } else { *byte ^ (1 << rng.u8(0..8)) };
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A token put into many brackets, or said many times.
fn nested(rng: &mut Rng, tokens: &[&str], at: usize) -> String {
    let n_times = [3, 40, 300, 3000][rng.usize(0..4)];
    let (open, close) =
        [("(", ")"), ("[", "]"), ("{ x = ", " }"), ("", ""), ("-", ""), ("\"${", "}\"")][rng.usize(0..6)];
    let (before, after) = (tokens[..at].concat(), tokens[at + 1..].concat());
    let inner = if open.is_empty() { tokens[at].repeat(n_times) } else { tokens[at].to_owned() };
    let open = open.repeat(n_times);
    format!("{before}{open}{inner}{}{after}", close.repeat(n_times))
}
