//! Where text comes from: places in files, the map of files, and the only way in for files.
//!
//! Nothing here opens a file: a [`World`] is handed in by the caller.

use std::sync::Arc;

/// Index of a source in its [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FileId(pub u16);

/// A range of bytes of one file. What is edited in another file moves it nowhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A byte of a file, or the place after its last one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Point {
    /// The file.
    pub file: FileId,
    /// How many bytes are before it.
    pub offset: u32,
}

impl Span {
    /// Makes a span of two offsets of a file.
    pub const fn new(file: FileId, start: u32, end: u32) -> Span {
        Span { file, start, end }
    }

    /// Where it begins.
    pub const fn first(self) -> Point {
        Point { file: self.file, offset: self.start }
    }

    /// Where it ends: after its last byte.
    pub const fn after(self) -> Point {
        Point { file: self.file, offset: self.end }
    }

    /// The smallest span that holds both; the first alone if they are in two files.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Whether the other lies in it.
    pub fn holds(self, other: Span) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }
}

/// Who wrote a file: decides the strength of its definitions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    /// Found by `use name`.
    Library,
    /// Named by a path.
    Site,
}

/// One text: its name as reports print it, and its bytes.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name that reports print, relative and with `/`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
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
    columns: Vec<(Point, u32)>,
}

impl SourceMap {
    /// Adds a text and returns its id.
    pub fn add(&mut self, name: &str, text: Arc<str>, layer: Layer) -> FileId {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        self.files.push(Source { name: name.into(), text, layer, line_starts });
        FileId((self.files.len() - 1) as u16)
    }

    /// Says which columns places have in the texts that these are cuts of, sorted by place.
    pub(crate) fn set_columns(&mut self, columns: Vec<(Point, u32)>) {
        self.columns = columns;
    }

    /// The column of a place, from 0 and in characters, in the text that the user has.
    pub(crate) fn column(&self, at: Point) -> usize {
        match self.columns.binary_search_by_key(&at, |(place, _)| *place) {
            Ok(i) => self.columns[i].1 as usize,
            Err(_) => self.position(at).column as usize - 1,
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

    /// Line and column of a place; both count from 1, the column in characters.
    pub fn position(&self, at: Point) -> Position {
        let source = self.file(at.file);
        let offset = at.offset.min(source.text.len() as u32);
        let line = source.line_starts.partition_point(|s| *s <= offset) - 1;
        let begin = source.line_starts[line] as usize;
        let column = source.text.get(begin..offset as usize).map_or(0, |t| t.chars().count());
        Position { file: at.file, line: line as u32 + 1, column: column as u32 + 1 }
    }

    /// `name:line` of where a span begins, as messages print places.
    pub fn place(&self, at: Span) -> String {
        format!("{}:{}", self.file(at.file).name, self.position(at.first()).line)
    }

    /// The text of a span.
    pub fn text(&self, at: Span) -> &str {
        let text = &self.file(at.file).text;
        let (from, to) = (at.start as usize, at.end.max(at.start) as usize);
        text.get(from..to.min(text.len())).unwrap_or("")
    }

    /// The whole line in which a span begins, without its end.
    pub fn line_text(&self, at: Span) -> &str {
        let line = self.position(at.first()).line;
        self.file(at.file).text.lines().nth(line as usize - 1).unwrap_or("")
    }

    /// Where a place is if all texts stand after each other with one unused byte after each: printers of reports know one text.
    pub(crate) fn flat(&self, at: Point) -> usize {
        let before: usize = self.files.iter().take(at.file.0 as usize).map(|it| it.text.len() + 1).sum();
        before + at.offset as usize
    }

    /// The place that [`SourceMap::flat`] puts there.
    pub(crate) fn unflat(&self, offset: usize) -> Point {
        let mut rest = offset;
        let last = self.files.len().saturating_sub(1);
        for (i, source) in self.files.iter().enumerate() {
            if rest <= source.text.len() || i == last {
                return Point { file: FileId(i as u16), offset: rest as u32 };
            }
            rest -= source.text.len() + 1;
        }
        Point::default()
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
