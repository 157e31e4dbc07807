//! The checker's state: names of files, variables in scope, what the typed program has so far.

use super::errors;
use super::hir::*;
use super::load::Files;
use super::sig::Signatures;
use super::steps::Lends;
use super::ty::*;
use crate::diag::{Diagnostic, Problems, Reported};
use crate::source::{FileId, Span, World};
use crate::syntax::ast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a name of a file stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decl {
    /// A function.
    Fn(u32),
    /// A type.
    Type(u32),
    /// A `let`.
    Let(u32),
}

/// A name that a file declares.
#[derive(Clone, Debug)]
pub struct Declared {
    /// What it is.
    pub decl: Decl,
    /// Seen by files that use this one.
    pub public: bool,
    /// Where.
    pub at: Span,
}

/// How far a declaration is.
#[derive(Clone, Debug)]
pub enum State<T> {
    /// Not begun.
    Todo,
    /// Begun.
    Busy,
    /// Known.
    Done(T),
}

/// A type declaration.
#[derive(Clone, Debug)]
pub struct TypeDecl {
    /// Its name.
    pub name: Arc<str>,
    /// Its file.
    pub file: FileId,
    /// What was written.
    pub ty: ast::TypeExpr,
    /// Its `##` words.
    pub doc: Option<Arc<str>>,
    /// The place of its name.
    pub at: Span,
    /// Its record or enum, made beforehand, so that `key of T.field` can name it.
    pub record: Option<RecId>,
    /// What it means.
    pub state: State<RefinedType>,
}

/// A function's declaration.
#[derive(Clone, Debug)]
pub struct FnDecl {
    /// What was written.
    pub tree: Arc<ast::Fn>,
    /// Its file.
    pub file: FileId,
}

/// What a call of a function must know of it.
#[derive(Clone, Debug)]
pub struct FnSig {
    /// Its parameters.
    pub params: Vec<FnParam>,
    /// The defaults of the parameters that have one.
    pub defaults: Vec<Option<ParamDefault>>,
    /// Its result.
    pub result: RefinedType,
}

/// The default of a parameter.
#[derive(Clone, Debug)]
pub struct ParamDefault {
    /// What was written.
    pub tree: Arc<ast::Expr>,
    /// Its value, the same for all calls.
    pub state: State<Arc<TypedExpr>>,
}

/// A `let` of a file.
#[derive(Clone, Debug)]
pub struct LetDecl {
    /// What was written.
    pub tree: Arc<ast::Let>,
    /// Its file.
    pub file: FileId,
    /// Its type and value.
    pub state: State<TyId>,
}

/// A variable.
#[derive(Clone, Debug)]
pub enum Var {
    /// In a slot.
    Slot(u32, TyId),
    /// A `let` of a body.
    Shared(Arc<TypedExpr>, TyId, u32),
}

/// What can be seen where an expression stands.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The file.
    pub file: FileId,
    /// Variables, innermost last.
    pub vars: Vec<(Arc<str>, Var)>,
    /// The next free slot.
    pub n_slots: u32,
    /// The type of `self`.
    pub this: Option<TyId>,
    /// Whether `key` may be read, and its type.
    pub key: Option<TyId>,
    /// The type of `it`.
    pub it: Option<TyId>,
    /// Whether this is what a test expects, where the builtins of tests may be called.
    pub expected: bool,
}

impl Ctx {
    /// Nothing but the file.
    pub fn new(file: FileId) -> Ctx {
        Ctx { file, vars: Vec::new(), n_slots: 0, this: None, key: None, it: None, expected: false }
    }

    /// Binds a variable to a new slot.
    pub fn bind(&mut self, name: &Arc<str>, ty: TyId) -> u32 {
        let slot = self.n_slots;
        self.n_slots += 1;
        self.vars.push((name.clone(), Var::Slot(slot, ty)));
        slot
    }
}

/// The checker.
pub struct Checker<'a> {
    /// Where texts for `file` and `template` come from.
    pub world: &'a dyn World,
    /// The names and types of builtins.
    pub builtins: &'a Signatures,
    /// The files.
    pub files: Files,
    /// The types.
    pub types: Types,
    /// How many declared types wait for each other.
    pub depth: usize,
    /// The root's record.
    pub root: RecId,
    /// Names by file.
    pub names: Vec<BTreeMap<Arc<str>, Declared>>,
    /// Type declarations.
    pub type_decls: Vec<TypeDecl>,
    /// Functions.
    pub fn_decls: Vec<FnDecl>,
    /// Their signatures.
    pub fn_sigs: Vec<FnSig>,
    /// Checked functions.
    pub funcs: Vec<Func>,
    /// Lets of files.
    pub let_decls: Vec<LetDecl>,
    /// Their values, once they are checked.
    pub globals: Vec<Option<TypedExpr>>,
    /// Conditions, once they are checked.
    pub wheres: Vec<Option<TypedExpr>>,
    /// Conditions that wait for their check: what was written, the type of `it`, the file.
    pub todo_wheres: Vec<(WhereId, ast::Expr, TyId, FileId)>,
    /// The `##` words of each condition's declaration.
    pub where_docs: Vec<Option<Arc<str>>>,
    /// The `##` words of what is being declared.
    pub doc: Option<Arc<str>>,
    /// Defaults of fields that wait for their check.
    pub todo_defaults: Vec<(Owner, u32, ast::Expr, FileId)>,
    /// `key of` paths that must be maps of the root.
    pub todo_keys: Vec<(Vec<Arc<str>>, Span)>,
    /// Records whose base may still get fields; nothing once all declarations are known.
    pub todo_bases: Option<Vec<RecId>>,
    /// Records that have the fields of another, their base, and how many.
    pub inherited: Vec<(RecId, RecId, u32)>,
    /// Chains.
    pub groups: Vec<Group>,
    /// Definitions.
    pub defs: Vec<Def>,
    /// Checks.
    pub checks: Vec<CheckDef>,
    /// Tests.
    pub tests: Vec<TestDef>,
    /// The expression whose value is asked for.
    pub asked: Option<(TypedExpr, TyId)>,
    /// Literals with conditions.
    pub literals: Vec<(Vec<WhereId>, Value, Span)>,
    /// Texts read by `file` and `template`: by path.
    pub texts: BTreeMap<String, FileId>,
    /// What `key of` names and is no map.
    pub bad_keys: Vec<(KeyOf, Reported)>,
    /// Keys written as steps of a path in a map whose keys are another map's: to be verified when evaluated.
    pub key_names: Vec<(KeyOf, Arc<str>, Span)>,
    /// Fields that have a default, also those not yet checked.
    pub defaulted: std::collections::BTreeSet<(RecId, u32)>,
    /// Reports.
    pub problems: Problems,
    /// The lets whose type is being found, for the report of a cycle.
    pub open_lets: Vec<u32>,
    /// What the modules of the library lend, once it was asked for: kind, name, module.
    pub lending: Option<Vec<(Lends, Arc<str>, String)>>,
}

use crate::live::Value;

/// Whose field a default belongs to.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A record.
    Record(RecId),
    /// A variant of an enum.
    Variant(EnumId, u32),
    /// Nobody: the name was declared before, by this record if by one. What it was to be is looked at for mistakes of its own.
    Nobody(Option<RecId>, RefinedType),
}

/// What a look-up found.
pub enum Found {
    /// One declaration.
    One(Decl, Span),
    /// Several.
    Many(Vec<Span>),
    /// None.
    Nothing,
}

impl Checker<'_> {
    /// Looks up a name of the wanted kind in a file and in what it uses.
    pub fn find(&self, file: FileId, name: &str, wanted: fn(Decl) -> bool) -> Found {
        let mut all = Vec::new();
        let uses = self.files.uses.all_of(file);
        for (i, names) in self.names.iter().enumerate() {
            let own = i == file.0 as usize;
            if let Some(d) = names.get(name)
                && (own || (uses[i] && d.public))
                && wanted(d.decl)
            {
                all.push((d.decl, d.at));
            }
        }
        match all.as_slice() {
            [] => Found::Nothing,
            [(decl, at)] => Found::One(*decl, *at),
            many => Found::Many(many.iter().map(|(_, at)| *at).collect()),
        }
    }

    /// All names of the wanted kind that a file sees.
    pub fn visible(&self, file: FileId, wanted: fn(Decl) -> bool) -> Vec<String> {
        let uses = self.files.uses.all_of(file);
        let mut out = Vec::new();
        for (i, names) in self.names.iter().enumerate() {
            for (name, d) in names {
                if (i == file.0 as usize || (uses[i] && d.public)) && wanted(d.decl) {
                    out.push(name.to_string());
                }
            }
        }
        out
    }

    /// Looks up a function, reporting what is wrong; there may be none.
    pub fn find_fn(&mut self, file: FileId, name: &str, at: Span) -> Result<Option<u32>, Reported> {
        match self.find(file, name, |d| matches!(d, Decl::Fn(_))) {
            Found::One(Decl::Fn(id), _) => Ok(Some(id)),
            Found::Many(places) => Err(self.problems.push(errors::ambiguous(at, name, &places))),
            _ => Ok(None),
        }
    }

    /// A fresh condition, checked later.
    pub fn later_where(&mut self, expr: &ast::Expr, it: TyId, file: FileId) -> WhereId {
        let id = WhereId(self.wheres.len() as u32);
        self.wheres.push(None);
        self.where_docs.push(self.doc.clone());
        self.todo_wheres.push((id, expr.clone(), it, file));
        id
    }

    /// Does something while a declaration with these `##` words is read.
    pub fn documented<T>(&mut self, doc: &Option<Arc<str>>, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.doc, doc.clone());
        let out = read(self);
        self.doc = outer;
        out
    }

    /// Reports a mistake: the node that stands for it.
    pub fn fail(&mut self, at: Span, diagnostic: Diagnostic) -> TypedExpr {
        TypedExpr { at, kind: TypedKind::Error(self.problems.push(diagnostic)) }
    }

    /// Reports a mistake where a type is asked for too.
    pub fn fail_typed(&mut self, at: Span, diagnostic: Diagnostic) -> (TypedExpr, TyId) {
        let why = self.problems.push(diagnostic);
        self.error(at, why)
    }

    /// The node and the type of what was reported before.
    pub fn error(&mut self, at: Span, why: Reported) -> (TypedExpr, TyId) {
        (TypedExpr { at, kind: TypedKind::Error(why) }, self.types.error(why))
    }

    /// The place of what was reported before: whatever stands there is looked at for mistakes of its own.
    pub fn anywhere(&mut self, why: Reported) -> RefinedType {
        RefinedType::plain(self.types.error(why))
    }

    /// The path of the root map that an expression names, or the field of a named record.
    pub fn map_identity(&self, ex: &TypedExpr) -> Option<KeyOf> {
        match &ex.kind {
            TypedKind::Root(i) => {
                Some(KeyOf::Root(vec![self.types.record(self.root).fields[*i as usize].name.clone()].into()))
            }
            TypedKind::Field(inner, rec, i) => {
                let record = self.types.record(*rec);
                let name = record.fields[*i as usize].name.clone();
                if record.name.is_some() {
                    return Some(self.types.nominal(*rec, name));
                }
                match self.map_identity(inner)? {
                    KeyOf::Root(path) => Some(KeyOf::Root(path.iter().cloned().chain([name]).collect())),
                    KeyOf::Nominal(..) => None,
                }
            }
            _ => None,
        }
    }

    /// The map that a `key of` names: its key and value types.
    pub fn map_of(&self, key: &KeyOf) -> Option<(TyId, TyId)> {
        let ty = match key {
            KeyOf::Root(path) => {
                let mut rec = self.root;
                let mut ty = None;
                for (i, name) in path.iter().enumerate() {
                    let field = self.types.record(rec).find(name)?;
                    let here = self.types.unwrap(self.types.record(rec).fields[field as usize].place.ty);
                    match self.types.get(here) {
                        Ty::Record(next) => rec = *next,
                        _ if i + 1 < path.len() => return None,
                        _ => {}
                    }
                    ty = Some(here);
                }
                ty?
            }
            KeyOf::Nominal(rec, name) => {
                let record = self.types.record(*rec);
                record.fields[record.find(name)? as usize].place.ty
            }
        };
        match self.types.get(ty) {
            Ty::Map(k, v) => Some((*k, *v)),
            _ => None,
        }
    }
}
