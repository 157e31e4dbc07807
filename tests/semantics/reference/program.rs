//! A description before evaluation: its files, the names that each sees, the types, and the record that the root is.

use kl::diag::{Code, Problems};
use kl::source::{Layer, SourceMap, Span};
use kl::syntax::{self, ast};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// A name of a field, a key, a variable.
pub type Name = Arc<str>;

/// A `where` and the file that its names are seen from.
#[derive(Clone)]
pub struct Cond {
    pub expr: Rc<ast::Expr>,
    pub file: usize,
}

/// A type at a place, with the conditions of the place.
#[derive(Clone)]
pub struct Place {
    pub ty: Ty,
    pub opt: bool,
    pub wheres: Vec<Cond>,
}

impl Place {
    pub fn of(ty: Ty) -> Place {
        Place { ty, opt: false, wheres: Vec::new() }
    }

    /// What lies in an optional.
    pub fn there(&self) -> Place {
        Place { opt: false, ..self.clone() }
    }

    /// Whether its values merge instead of being replaced whole.
    pub fn merges(&self) -> bool {
        matches!(self.ty, Ty::Record(_) | Ty::Map(..) | Ty::Tree)
    }
}

#[derive(Clone)]
pub enum Ty {
    /// Not to be seen, or mistaken.
    Unknown,
    Bool,
    Int,
    Float,
    Str,
    Ip,
    Cidr,
    Duration,
    Size,
    Version,
    Tree,
    List(Rc<Place>),
    Set(Rc<Place>),
    Map(Rc<Place>, Rc<Place>),
    Record(Rc<Record>),
    Enum(Rc<Vec<Variant>>),
    Key(KeyOf),
}

/// Whose keys a `key of` names: a map of the root, or a map of a named record.
#[derive(Clone, PartialEq)]
pub enum KeyOf {
    Root(Vec<Name>),
    Of(Name, Name),
}

pub struct Variant {
    pub name: Name,
    pub params: Vec<Field>,
}

#[derive(Default)]
pub struct Record {
    pub name: Option<Name>,
    pub fields: Vec<Field>,
}

#[derive(Clone)]
pub struct Field {
    pub name: Name,
    pub place: Place,
    pub default: Option<Rc<ast::Expr>>,
    pub file: usize,
    pub at: Span,
}

impl Record {
    pub fn find(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| &*f.name == name)
    }
}

/// A file of a case: its name as `use` finds it, whether it is of the library, its text.
#[derive(Clone, PartialEq, Debug)]
pub struct File {
    pub name: String,
    pub library: bool,
    pub text: String,
}

/// A loaded description; the first file is the entry.
pub struct Program {
    pub sources: SourceMap,
    pub trees: Vec<Rc<ast::File>>,
    pub library: Vec<bool>,
    /// `uses[a][b]`: `a` uses `b`, through any chain.
    pub uses: Vec<Vec<bool>>,
    pub root: Rc<Record>,
    /// What reading the files alone finds wrong.
    pub codes: Vec<Code>,
    /// Mistakes of types that were made on purpose, by file and line: a comment `#! name` tells the code.
    pub planted: Vec<(usize, u32, Code)>,
    types: RefCell<BTreeMap<(usize, Name), Place>>,
}

struct Loader<'a> {
    files: &'a [File],
    program: Program,
    direct: Vec<Vec<usize>>,
    problems: Problems,
}

impl Program {
    /// Reads a case, beginning with its first file.
    pub fn load(files: &[File]) -> Program {
        let program = Program {
            sources: SourceMap::default(),
            trees: Vec::new(),
            library: Vec::new(),
            uses: Vec::new(),
            root: Rc::new(Record::default()),
            codes: Vec::new(),
            planted: Vec::new(),
            types: RefCell::default(),
        };
        let mut loader = Loader { files, program, direct: Vec::new(), problems: Problems::default() };
        loader.read(0);
        let Loader { mut program, direct, problems, .. } = loader;
        program.codes.extend(problems.iter().map(|d| d.code));
        for from in 0..direct.len() {
            let mut seen = vec![false; direct.len()];
            let mut todo = direct[from].clone();
            while let Some(next) = todo.pop() {
                if !std::mem::replace(&mut seen[next], true) {
                    todo.extend(&direct[next]);
                }
            }
            program.uses.push(seen);
        }
        program.planted = program.plants();
        program.codes.extend(program.planted.iter().map(|(.., code)| *code).collect::<Vec<_>>());
        program.root = Rc::new(program.options(&[]));
        program
    }

    fn plants(&self) -> Vec<(usize, u32, Code)> {
        let mut out = Vec::new();
        for (id, file) in self.sources.files() {
            for (line, text) in file.text.lines().enumerate() {
                let code = text.split_once("#! ").and_then(|(_, name)| Code::find(name.trim()));
                out.extend(code.map(|code| (id.0 as usize, line as u32 + 1, code)));
            }
        }
        out
    }

    /// The mistake that was made on purpose in the line of a place.
    pub fn planted_at(&self, at: Span) -> Option<Code> {
        let at = self.sources.position(at.first());
        let found =
            self.planted.iter().find(|(file, line, _)| (*file, *line) == (at.file.0 as usize, at.line));
        found.map(|(.., code)| *code)
    }

    /// The record of the options whose path begins like this.
    fn options(&self, before: &[Name]) -> Record {
        let mut record = Record::default();
        for (file, tree) in self.trees.iter().enumerate() {
            for item in &tree.items {
                let ast::ItemKind::Option { path, ty, default } = &item.kind else { continue };
                let names: Vec<Name> = path.iter().map(|n| n.text.clone()).collect();
                let (true, Some(name)) = (names.starts_with(before), names.get(before.len())) else {
                    continue;
                };
                if record.find(name).is_some() {
                    continue;
                }
                let last = names.len() == before.len() + 1;
                let below: Vec<Name> = names[..=before.len()].to_vec();
                let place = if last {
                    self.place(ty, file)
                } else {
                    Place::of(Ty::Record(Rc::new(self.options(&below))))
                };
                let default = if last { default.clone().map(Rc::new) } else { None };
                record.fields.push(Field { name: name.clone(), place, default, file, at: path[0].at });
            }
        }
        record
    }

    /// The item that a name stands for in a file: its own, or a `pub` one of a file that it uses.
    pub fn find<T>(
        &self,
        file: usize,
        pick: impl Fn(&ast::ItemKind) -> Option<(bool, T)>,
    ) -> Option<(usize, T)> {
        let seen = |i: usize, public: bool| i == file || (self.uses[file][i] && public);
        self.trees.iter().enumerate().find_map(|(i, tree)| {
            let found =
                tree.items.iter().filter_map(|item| pick(&item.kind)).find(|(public, _)| seen(i, *public));
            found.map(|(_, what)| (i, what))
        })
    }

    /// The place that a written type describes.
    pub fn place(&self, ty: &ast::TypeExpr, file: usize) -> Place {
        let mut place = match &ty.base {
            ast::TypeBase::Error(_) => Place::of(Ty::Unknown),
            ast::TypeBase::Named(path) => self.named(&path[0].text, file),
            ast::TypeBase::List(item) => Place::of(Ty::List(Rc::new(self.place(item, file)))),
            ast::TypeBase::Set(item) => Place::of(Ty::Set(Rc::new(self.place(item, file)))),
            ast::TypeBase::Map(key, value) => {
                Place::of(Ty::Map(Rc::new(self.place(key, file)), Rc::new(self.place(value, file))))
            }
            ast::TypeBase::Key(path) => {
                let path: Vec<Name> = path.iter().map(|n| n.text.clone()).collect();
                Place::of(Ty::Key(match (self.declared(&path[0], file), path.as_slice()) {
                    (Some(_), [record, field]) => KeyOf::Of(record.clone(), field.clone()),
                    _ => KeyOf::Root(path),
                }))
            }
            ast::TypeBase::Record(fields) => {
                Place::of(Ty::Record(Rc::new(Record { name: None, fields: self.fields(fields, file) })))
            }
            ast::TypeBase::Extended(path, more) => {
                let mut place = self.named(&path[0].text, file);
                if let Ty::Record(base) = &place.ty {
                    let fields = base.fields.iter().cloned().chain(self.fields(more, file)).collect();
                    place.ty = Ty::Record(Rc::new(Record { name: None, fields }));
                }
                place
            }
            ast::TypeBase::Enum(variants) => {
                let variant = |v: &ast::Variant| {
                    let params = v.params.iter().map(|p| Field {
                        name: p.name.text.clone(),
                        place: self.place(&p.ty, file),
                        default: p.default.clone().map(Rc::new),
                        file,
                        at: p.name.at,
                    });
                    Variant { name: v.name.text.clone(), params: params.collect() }
                };
                Place::of(Ty::Enum(Rc::new(variants.iter().map(variant).collect())))
            }
        };
        place.opt |= ty.optional;
        if let Some(cond) = &ty.refine {
            place.wheres.push(Cond { expr: Rc::new((**cond).clone()), file });
        }
        place
    }

    fn fields(&self, fields: &[ast::Field], file: usize) -> Vec<Field> {
        let field = |f: &ast::Field| Field {
            name: f.name.text.clone(),
            place: self.place(&f.ty, file),
            default: f.default.clone().map(Rc::new),
            file,
            at: f.name.at,
        };
        fields.iter().map(field).collect()
    }

    fn declared(&self, name: &Name, file: usize) -> Option<(usize, ast::TypeExpr)> {
        self.find(file, |item| match item {
            ast::ItemKind::Type { public, name: n, extends: false, ty } if n.text == *name => {
                Some((*public, ty.clone()))
            }
            _ => None,
        })
    }

    fn named(&self, name: &Name, file: usize) -> Place {
        let basic = match &**name {
            "Bool" => Ty::Bool,
            "Int" => Ty::Int,
            "Float" => Ty::Float,
            "Str" => Ty::Str,
            "Ip" => Ty::Ip,
            "Cidr" => Ty::Cidr,
            "Duration" => Ty::Duration,
            "Size" => Ty::Size,
            "Version" => Ty::Version,
            "Tree" => Ty::Tree,
            _ => Ty::Unknown,
        };
        let Some((declared_in, ty)) = self.declared(name, file) else { return Place::of(basic) };
        let id = (declared_in, name.clone());
        if let Some(known) = self.types.borrow().get(&id) {
            return known.clone();
        }
        let mut place = self.place(&ty, declared_in);
        if let Ty::Record(record) = &place.ty {
            let mut fields = record.fields.clone();
            for (i, tree) in self.trees.iter().enumerate() {
                for item in &tree.items {
                    let ast::ItemKind::Type { name: n, extends: true, ty, .. } = &item.kind else { continue };
                    if let (true, ast::TypeBase::Record(more)) = (n.text == *name, &ty.base) {
                        fields.extend(self.fields(more, i));
                    }
                }
            }
            place.ty = Ty::Record(Rc::new(Record { name: Some(name.clone()), fields }));
        }
        self.types.borrow_mut().insert(id, place.clone());
        place
    }

    /// The place of a path of the root, if it leads anywhere.
    pub fn place_at(&self, path: &[Name]) -> Option<Place> {
        let root = Place::of(Ty::Record(self.root.clone()));
        path.iter().try_fold(root, |place, step| below(&place, step))
    }
}

/// The place one step below another.
pub fn below(place: &Place, step: &str) -> Option<Place> {
    match &place.ty {
        Ty::Record(record) => record.find(step).map(|f| f.place.clone()),
        Ty::Map(_, value) => Some((**value).clone()),
        Ty::Tree => Some(Place::of(Ty::Tree)),
        _ => None,
    }
}

impl Loader<'_> {
    fn read(&mut self, index: usize) -> usize {
        let file = &self.files[index];
        let layer = if file.library { Layer::Library } else { Layer::Site };
        let id = self.program.sources.add(&file.name, file.text.as_str().into(), layer);
        let tree = Rc::new(syntax::parse(&file.text, id, &mut self.problems));
        let here = id.0 as usize;
        self.program.trees.push(tree.clone());
        self.program.library.push(file.library);
        self.direct.push(Vec::new());
        for item in &tree.items {
            let ast::ItemKind::Use { name, quoted } = &item.kind else { continue };
            let library = !quoted || file.library;
            let wanted = match quoted {
                true => kl_join(&file.name, &name.text),
                false => format!("{}.kl", name.text),
            };
            let known = self
                .program
                .sources
                .files()
                .find(|(_, f)| *f.name == *wanted && (f.layer == Layer::Library) == library);
            let found = match known {
                Some((id, _)) => Some(id.0 as usize),
                None => {
                    let next = self.files.iter().position(|f| f.name == wanted && f.library == library);
                    next.map(|next| self.read(next))
                }
            };
            match found {
                Some(found) => self.direct[here].push(found),
                None => self.program.codes.push(Code::FileMissing),
            }
        }
        here
    }
}

/// The path of another file as seen from the folder of one.
fn kl_join(from: &str, other: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in other.split('/').filter(|p| !p.is_empty() && *p != ".") {
        match part {
            ".." => parts.truncate(parts.len().saturating_sub(1)),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
