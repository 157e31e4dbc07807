//! Where text comes from: spans in one long offset space, the map of files, and the only way in for files.
//!
//! Nothing here opens a file: a [`World`] is handed in by the caller.

use std::sync::Arc;

/// A range of bytes in the one offset space that all sources share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Makes a span of two offsets of the shared space.
    pub const fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Index of a source in its [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u16);

/// Who wrote a file: decides the strength of its definitions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    /// Found by `use name`.
    Library,
    /// Named by a path.
    Site,
}

/// One text: its name as reports print it, its bytes, and where it begins in the shared space.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name that reports print, relative and with `/`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
    /// Offset of its first byte in the shared space.
    pub start: u32,
    /// Library or site.
    pub layer: Layer,
    line_starts: Vec<u32>,
}

impl Source {
    /// Where a line begins and ends in the text, counted from 1 and without its newline; the last one for a number beyond it.
    pub fn line(&self, line: u32) -> (usize, usize) {
        let i = (line as usize).clamp(1, self.line_starts.len());
        let begin = self.line_starts[i - 1] as usize;
        let end = self.line_starts.get(i).map_or(self.text.len(), |next| *next as usize - 1);
        (begin, end)
    }
}

/// All texts of a run.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<Source>,
    /// Of texts that are cuts of others: places in them, sorted, and the columns, from 0, that these have in the whole.
    columns: Vec<(u32, u32)>,
}

impl SourceMap {
    /// Adds a text and returns its id. Each text is followed by one unused offset, so no span can touch two.
    pub fn add(&mut self, name: &str, text: Arc<str>, layer: Layer) -> FileId {
        let start = self.files.last().map_or(0, |last| last.start + last.text.len() as u32 + 1);
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        self.files.push(Source { name: name.into(), text, start, layer, line_starts });
        FileId((self.files.len() - 1) as u16)
    }

    /// Says which columns places have in the texts that these are cuts of, sorted by place.
    pub(crate) fn set_columns(&mut self, columns: Vec<(u32, u32)>) {
        self.columns = columns;
    }

    /// The column of a place, from 0 and in characters, in the text that the user has.
    pub(crate) fn column(&self, offset: u32) -> usize {
        match self.columns.binary_search_by_key(&offset, |(place, _)| *place) {
            Ok(i) => self.columns[i].1 as usize,
            Err(_) => self.position(offset).column as usize - 1,
        }
    }

    /// The source with this id.
    pub fn file(&self, id: FileId) -> &Source {
        &self.files[id.0 as usize]
    }

    /// All sources, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u16), f))
    }

    /// The file that holds an offset.
    pub fn file_of(&self, offset: u32) -> FileId {
        let after = self.files.partition_point(|f| f.start <= offset);
        FileId(after.saturating_sub(1) as u16)
    }

    /// File, line and column of an offset; line and column count from 1, the column in characters.
    pub fn position(&self, offset: u32) -> Position {
        let file = self.file_of(offset);
        let source = self.file(file);
        let local = (offset - source.start).min(source.text.len() as u32);
        let line = source.line_starts.partition_point(|s| *s <= local) - 1;
        let begin = source.line_starts[line] as usize;
        let column = source.text.get(begin..local as usize).map_or(0, |t| t.chars().count());
        Position { file, line: line as u32 + 1, column: column as u32 + 1 }
    }

    /// `name:line` of an offset, as messages print places.
    pub fn place(&self, offset: u32) -> String {
        let at = self.position(offset);
        format!("{}:{}", self.file(at.file).name, at.line)
    }

    /// The text of a span.
    pub fn text(&self, at: Span) -> &str {
        let source = self.file(self.file_of(at.start));
        let (from, to) = ((at.start - source.start) as usize, (at.end.max(at.start) - source.start) as usize);
        source.text.get(from..to.min(source.text.len())).unwrap_or("")
    }

    /// The whole line of an offset, without its end.
    pub fn line_text(&self, offset: u32) -> &str {
        let at = self.position(offset);
        self.file(at.file).text.lines().nth(at.line as usize - 1).unwrap_or("")
    }
}

/// A place in a file, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Which file.
    pub file: FileId,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Why a file could not be read; the caller of the compiler says it in its own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// There is no such file.
    Missing,
    /// It is a directory.
    Directory,
    /// It is neither a file nor a directory: a pipe, a socket, a device.
    NotPlain,
    /// It lies where the caller lets no description read.
    Outside,
    /// It is larger than the limit of 16 MiB.
    TooLarge,
    /// It is not UTF-8; the first bad byte is at this offset.
    NotUtf8(usize),
    /// Anything else the machine said.
    Other(String),
}

/// The only way in for files: the compiler asks, the caller answers.
pub trait World {
    /// The text of a file of the site. `path` is relative to the place of the entry file, with `/`.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError>;

    /// The text of a file of the library, as `mariadb.kl` or `mariadb/my.cnf.j2`; `None` when there is none.
    fn library(&self, path: &str) -> Option<Arc<str>>;

    /// The names of the library's modules, for suggestions.
    fn library_modules(&self) -> Vec<String>;
}
