//! What a text says: escapes resolved, the indentation of `"""` removed. Where a text ends is the lexer's business.

use nom::branch::alt;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::char;
use nom::combinator::{map_opt, value};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// How a text is quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quote {
    /// `'…'`: nothing is special in it.
    Raw,
    /// `"…"`: ends on its line.
    Plain,
    /// `"""…"""`: may have many lines.
    Block,
}

impl Quote {
    /// The quote at the beginning of `text`.
    pub fn of(text: &str) -> Option<Quote> {
        match text.as_bytes() {
            [b'\'', ..] => Some(Quote::Raw),
            [b'"', b'"', b'"', ..] => Some(Quote::Block),
            [b'"', ..] => Some(Quote::Plain),
            _ => None,
        }
    }

    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Quote::Raw => "'",
            Quote::Plain => "\"",
            Quote::Block => "\"\"\"",
        }
    }
}

/// Reads one escape: `\n`, `\t`, `\"`, `\\`, `\$`, `\u{…}`.
pub fn escape(text: &str) -> IResult<&str, char> {
    let code = map_opt(take_while_m_n(1, 6, |c: char| c.is_ascii_hexdigit()), |hex| {
        u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
    });
    preceded(
        char('\\'),
        alt((
            value('\n', char('n')),
            value('\t', char('t')),
            char('"'),
            char('\\'),
            char('$'),
            preceded(char('u'), delimited(char('{'), code, char('}'))),
        )),
    )
    .parse(text)
}

/// The pieces of a text between its interpolations, as written, become what they say. An escape that is none stays as it is: it
/// was reported when the text was cut into tokens.
pub fn cook(quote: Quote, mut chunks: Vec<&str>, opens: bool, closes: bool) -> Vec<String> {
    let mut indent = "";
    if quote == Quote::Block {
        if let Some(first) = chunks.first_mut().filter(|_| opens) {
            *first = first.strip_prefix("\r\n").or_else(|| first.strip_prefix('\n')).unwrap_or(first);
        }
        if let Some(last) = chunks.last().filter(|_| closes) {
            let line = last.rfind('\n').map_or(*last, |i| &last[i + 1..]);
            let whole_line = line.len() < last.len() || chunks.len() == 1 && opens;
            if whole_line && line.bytes().all(|b| matches!(b, b' ' | b'\t')) {
                indent = line;
            }
        }
    }
    let mut out = Vec::with_capacity(chunks.len());
    for (i, chunk) in chunks.iter().enumerate() {
        out.push(cook_chunk(quote, chunk, indent, i == 0 && opens));
    }
    out
}

fn cook_chunk(quote: Quote, chunk: &str, indent: &str, at_line_start: bool) -> String {
    if quote == Quote::Raw || (quote == Quote::Plain && !chunk.contains('\\')) {
        return chunk.to_owned();
    }
    let mut out = String::with_capacity(chunk.len());
    for (i, line) in chunk.split_inclusive('\n').enumerate() {
        let line = if i > 0 || at_line_start { without_indent(line, indent) } else { line };
        let (line, end) = match line.strip_suffix("\r\n") {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        unescape(line, &mut out);
        out.push_str(end);
    }
    out
}

fn without_indent<'a>(line: &'a str, indent: &str) -> &'a str {
    let n = line.bytes().zip(indent.bytes()).take_while(|(a, b)| a == b).count();
    &line[n..]
}

fn unescape(mut line: &str, out: &mut String) {
    while let Some(i) = line.find('\\') {
        out.push_str(&line[..i]);
        match escape(&line[i..]) {
            Ok((rest, c)) => {
                out.push(c);
                line = rest;
            }
            Err(_) => {
                let skip = i + 1 + line[i + 1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&line[i..skip]);
                line = &line[skip..];
            }
        }
    }
    out.push_str(line);
}
