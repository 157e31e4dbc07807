//! How a value is written, one function per kind of key that lexes its text in a way of its own.
//!
//! Quadlet reads a key in one of three ways, and systemd then reads the command line that Quadlet makes of it. `%` and `$`
//! mean something to systemd only, and are doubled everywhere; quotes and backslashes mean something to Quadlet only where
//! it splits words.

/// Writes a number so that it is read back as the same fraction: `4.0`, not `4`.
pub fn float(value: f64) -> String {
    format!("{value:?}")
}

/// Writes a number so that a reader of YAML 1.1 takes it for one: an exponent wants a point before it and a sign of its own.
pub fn yaml_float(value: f64) -> String {
    let text = float(value);
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let digits = if digits.contains('.') { digits.to_owned() } else { format!("{digits}.0") };
    if exponent.starts_with('-') { format!("{digits}e{exponent}") } else { format!("{digits}e+{exponent}") }
}

/// Doubles what systemd would expand.
fn doubled(text: &str) -> String {
    text.replace('%', "%%").replace('$', "$$")
}

/// Why a text cannot stand in a unit file at all.
fn refuse_control(text: &str) -> Result<(), &'static str> {
    // Nearly every text is of letters that need no second look.
    if text.bytes().fold(true, |plain, byte| plain & (b' '..0x7f).contains(&byte)) {
        return Ok(());
    }
    if text.contains(['\n', '\r']) {
        return Err("has a line break");
    }
    if text.contains(|c: char| c.is_control()) {
        return Err("has a control character");
    }
    Ok(())
}

/// A key whose whole text is one value: Image=, Volume=, Network=, HealthCmd= …
pub fn raw(text: &str) -> Result<String, &'static str> {
    refuse_control(text)?;
    if text.trim() != text {
        return Err("begins or ends with white space, which units drop");
    }
    if text.ends_with('\\') {
        return Err("ends with a backslash, which continues the line");
    }
    Ok(doubled(text))
}

/// The longest word that Linux gives to a program, with the zero behind it: `MAX_ARG_STRLEN`, of include/uapi/linux/binfmts.h.
const LONGEST_WORD: usize = 128 << 10;

/// The longest line that systemd reads: `LONG_LINE_MAX`, of src/basic/fileio.h.
pub const LONGEST_LINE: usize = 1 << 20;

/// Why a line cannot stand in a unit file.
pub const LINE_TOO_LONG: &str = "makes a line of more than 1 MiB, which is all that systemd reads";

/// One word of a key that is split into words: Exec=, Environment=, Label=, AddCapability= …
pub fn word(text: &str) -> Result<String, &'static str> {
    refuse_control(text)?;
    if text.len() >= LONGEST_WORD {
        return Err("is longer than 128 KiB, more than Linux gives to a program as one word");
    }
    if text.is_empty() {
        // Seen with podman 5.4: the words after `""` are lost without a word.
        return Err("is empty, and Quadlet stops reading there");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+,=-$".contains(&byte);
    if text.bytes().all(plain) {
        return Ok(doubled(text));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{}\"", doubled(&escaped)))
}

/// One word of a command that systemd alone reads.
pub fn argument(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Ok("\"\"".to_owned()) } else { word(text) }
}

/// All words of a command.
pub fn words<'a>(all: impl IntoIterator<Item = &'a str>) -> Result<String, &'static str> {
    let words: Result<Vec<String>, _> = all.into_iter().map(word).collect();
    let line = words?.join(" ");
    if line.len() >= LONGEST_LINE { Err(LINE_TOO_LONG) } else { Ok(line) }
}

/// A JSON array: the form of HealthCmd= and Entrypoint= that no shell reads.
pub fn json_words<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<serde_json::Value> = all.into_iter().map(serde_json::Value::from).collect();
    serde_json::Value::Array(quoted).to_string()
}

/// A free text in [Unit], which systemd expands and nobody splits.
pub fn prose(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().trim_end_matches('\\').replace('%', "%%")
}
