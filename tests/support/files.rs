//! Several files in one text: a line `# --- name` begins the next one. What cannot be written down as text is said in
//! parentheses behind the name. Nothing here compiles anything.

use std::collections::BTreeMap;
use std::path::Path;

/// What a file of a case is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A text.
    Text(String),
    /// `(directory)`
    Directory,
    /// `(not utf-8)`
    NotUtf8,
    /// `(too large)`
    TooLarge,
    /// `(pipe)`: reading it would wait for ever.
    Pipe,
    /// `(outside)`: a link out of the folder.
    Outside,
    /// `(unreadable)`: the machine says something else.
    Unreadable,
}

/// The name behind a `---`, and what the file is if it is no text.
pub fn parse_head(head: &str) -> (String, Option<Content>) {
    let (name, note) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
    let kind = match note.trim_matches(['(', ')']) {
        "directory" => Some(Content::Directory),
        "not utf-8" => Some(Content::NotUtf8),
        "too large" => Some(Content::TooLarge),
        "pipe" => Some(Content::Pipe),
        "outside" => Some(Content::Outside),
        "unreadable" => Some(Content::Unreadable),
        _ => None,
    };
    (name.to_owned(), kind)
}

/// The files of a case; the first is the entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The name of the entry.
    pub entry: String,
    /// All files by name.
    pub all: BTreeMap<String, Content>,
}

impl Files {
    /// Takes a text apart; what stands before the first directive is the entry.
    pub fn parse(entry: &str, text: &str) -> Files {
        let mut all = BTreeMap::new();
        let (mut name, mut kind, mut body) = (entry.to_owned(), None, String::new());
        for line in text.split_inclusive('\n') {
            let Some(head) = line.strip_prefix("# --- ") else {
                body.push_str(line);
                continue;
            };
            all.insert(name, kind.take().unwrap_or(Content::Text(std::mem::take(&mut body))));
            body.clear();
            (name, kind) = parse_head(head);
        }
        all.insert(name, kind.unwrap_or(Content::Text(body)));
        Files { entry: entry.to_owned(), all }
    }

    /// Writes the files into a folder of the machine.
    pub fn write_to(&self, folder: &Path) -> std::io::Result<()> {
        for (name, content) in &self.all {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            match content {
                Content::Text(text) => std::fs::write(path, text)?,
                Content::Directory => std::fs::create_dir_all(path)?,
                Content::NotUtf8 => std::fs::write(path, b"# caf\xe9\n")?,
                Content::TooLarge => std::fs::write(path, vec![b'#'; (16 << 20) + 1])?,
                Content::Pipe => {
                    let mode = rustix::fs::Mode::from_raw_mode(0o600);
                    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode)?;
                }
                Content::Outside => std::os::unix::fs::symlink("/etc/passwd", &path)?,
                // A link to itself is unreadable for root, too.
                Content::Unreadable => {
                    std::os::unix::fs::symlink(path.file_name().unwrap_or_default(), &path)?
                }
            }
        }
        Ok(())
    }
}
