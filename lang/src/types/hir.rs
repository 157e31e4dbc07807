//! The typed tree: names resolved, every literal of its type, definitions taken apart. What the checker yields
//! and evaluation reads.

use super::bare::Bare;
use super::ty::{EnumId, KeyOf, RecId, RefinedType, TyId, Types};
use crate::diag::Reported;
use crate::live::Value;
use crate::rank::Uses;
use crate::source::{FileId, Layer, SourceMap, Span};
use crate::syntax::ast::{BinOp, Op};
use std::sync::Arc;

/// A `where`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WhereId(pub u32);

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FnId(pub u32);

/// A chain of loops and guards around definitions; 0 is the empty one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct GroupId(pub u32);

/// A definition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DefId(pub u32);

/// A typed expression.
#[derive(Clone, Debug)]
pub struct TypedExpr {
    /// Where it was written.
    pub at: Span,
    /// What it is.
    pub kind: TypedKind,
}

/// How `in` looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InKind {
    /// In a list or set.
    List,
    /// In the keys of a map.
    Map,
    /// In a Cidr.
    Cidr,
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Plain.
    Text(Arc<str>),
    /// What is interpolated.
    Hole(Hole),
}

/// An interpolation of a text.
#[derive(Clone, Debug)]
pub struct Hole {
    /// What it holds.
    pub value: TypedExpr,
    /// Its type.
    pub ty: TyId,
    /// How an address would be wrong there, by the text around.
    pub bare: Option<Bare>,
}

/// A place that is no leaf of the tree.
#[derive(Clone, Debug)]
pub struct Refinement {
    /// Its type and conditions.
    pub place: RefinedType,
    /// What it is called.
    pub of: Arc<str>,
}

/// What a typed expression is.
#[derive(Clone, Debug)]
pub enum TypedKind {
    /// Failed, and was reported.
    Error(Reported),
    /// A value that has to meet the conditions of a place.
    Refinement(Box<TypedExpr>, Arc<Refinement>),
    /// A finished value.
    Const(Value),
    /// A variable by slot.
    Local(u32),
    /// A `let` of a file.
    Global(u32),
    /// A `let` of a body: an expression over the first slots around it, and how many these are.
    Shared(Arc<TypedExpr>, u32),
    /// A field of the root.
    Root(u32),
    /// `self`
    This,
    /// `key`
    Key,
    /// `it`
    It,
    /// A field of a record.
    Field(Box<TypedExpr>, RecId, u32),
    /// `M[k]`; the flag says that the key is known to be there.
    MapGet(Box<TypedExpr>, Box<TypedExpr>, bool),
    /// A child of a Tree.
    TreeGet(Box<TypedExpr>, Box<TypedExpr>),
    /// `list[i]`
    ListGet(Box<TypedExpr>, Box<TypedExpr>),
    /// A key by name, looked up when evaluated.
    KeyName(KeyOf, Box<TypedExpr>),
    /// A variant.
    Variant(EnumId, u32, Box<[TypedExpr]>),
    /// A text with interpolations; a Secret if an interpolation is one.
    Text(Box<[Piece]>, bool),
    /// `[a, b]`
    List(Box<[TypedExpr]>),
    /// `[e for …]`
    ListFor(Box<Gen>, Box<TypedExpr>),
    /// A list that becomes a set.
    ToSet(Box<TypedExpr>),
    /// Braces in value position: a record, map or tree of the type.
    Body(TyId, Box<[BodyEntry]>),
    /// A value of the type that becomes a Tree.
    ToTree(Box<TypedExpr>, TyId),
    /// `not`
    Not(Box<TypedExpr>),
    /// `-e`
    Neg(Box<TypedExpr>),
    /// `and`
    And(Box<TypedExpr>, Box<TypedExpr>),
    /// `or`
    Or(Box<TypedExpr>, Box<TypedExpr>),
    /// A comparison or arithmetic on values of the type.
    Bin(BinOp, Box<TypedExpr>, Box<TypedExpr>, TyId),
    /// `x in e`
    In(InKind, Box<TypedExpr>, Box<TypedExpr>),
    /// `x in a..b`
    InRange(Box<TypedExpr>, Box<TypedExpr>, Box<TypedExpr>),
    /// `a ?? b`
    Else(Box<TypedExpr>, Box<TypedExpr>),
    /// `a & b`
    Merge(Box<TypedExpr>, Box<TypedExpr>),
    /// `if c then a else b`
    If(Box<TypedExpr>, Box<TypedExpr>, Box<TypedExpr>),
    /// `match`
    Match(Box<TypedExpr>, Box<[ArmH]>),
    /// A call of a function.
    Call(FnId, Box<[TypedExpr]>),
    /// A call of a builtin by its place in the table, with the types of its arguments.
    Builtin(u16, Box<[TypedExpr]>, Box<[TyId]>),
    /// A builtin over a generator; the texts of the bound names are for witnesses.
    BuiltinFor(u16, Box<Gen>, Box<TypedExpr>, TyId),
}

/// The head of a loop or comprehension.
#[derive(Clone, Debug)]
pub struct Gen {
    /// The loops, outermost first.
    pub binds: Vec<BindH>,
    /// The condition.
    pub cond: Option<TypedExpr>,
    /// Where.
    pub at: Span,
}

/// How a loop binds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BindKind {
    /// Items of a list or set.
    Items,
    /// Index and item of a list or set.
    Indexed,
    /// Keys of a map or tree.
    Keys,
    /// Key and value of a map or tree.
    Entries,
    /// Once or never.
    Optional,
}

/// One loop.
#[derive(Clone, Debug)]
pub struct BindH {
    /// How.
    pub kind: BindKind,
    /// The slot of the first name; the second follows.
    pub slot: u32,
    /// The names, for messages.
    pub names: (Arc<str>, Option<Arc<str>>),
    /// What is looped over.
    pub source: TypedExpr,
}

impl BindH {
    /// How many slots there are once its names are bound.
    pub fn n_slots(&self) -> u32 {
        self.slot + 1 + u32::from(self.names.1.is_some())
    }
}

/// One arm.
#[derive(Clone, Debug)]
pub struct ArmH {
    /// What it matches.
    pub pattern: PatH,
    /// Its value.
    pub value: TypedExpr,
}

/// What an arm matches.
#[derive(Clone, Debug)]
pub enum PatH {
    /// A variant; its payload goes to the slots from the one given, in order of the names' positions.
    Variant(u32, u32, Vec<Result<u32, Reported>>),
    /// `none`
    None,
    /// Anything, bound to the slot.
    Any(u32),
    /// Something that was reported.
    Error(Reported),
}

/// One entry of braces in value position.
#[derive(Clone, Debug)]
pub enum BodyEntry {
    /// A loop.
    For(Box<Gen>, Box<[BodyEntry]>),
    /// A guard.
    If(Box<TypedExpr>, Box<[BodyEntry]>, Box<[BodyEntry]>),
    /// A path that was reported.
    Failed(Reported),
    /// A path and a value.
    Set(Box<[StepH]>, TypedExpr, Span),
}

/// A step of a path.
#[derive(Clone, Debug)]
pub enum StepH {
    /// A known name.
    Name(Arc<str>),
    /// A computed key; `adds` is false where a `key of` this very map stands.
    Computed(Arc<TypedExpr>, bool),
}

/// One level of a chain of loops and guards.
#[derive(Clone, Debug)]
pub enum GroupKind {
    /// The empty chain.
    Top,
    /// A loop.
    Loop(BindH),
    /// A guard; `expect` is false in an `else`.
    Guard(Arc<TypedExpr>, bool),
}

/// A chain of loops and guards.
#[derive(Clone, Debug)]
pub struct Group {
    /// The chain around it.
    pub parent: GroupId,
    /// Its last level.
    pub kind: GroupKind,
    /// How many slots are bound after it.
    pub n_slots: u32,
    /// How many levels it has.
    pub depth: u32,
    /// Where.
    pub at: Span,
}

/// What a definition gives.
#[derive(Clone, Debug)]
pub enum Given {
    /// Braces that were taken apart: the place exists.
    Exists,
    /// Takes away.
    None,
    /// A value, whole.
    Value(Arc<TypedExpr>),
}

/// A definition after taking apart.
#[derive(Clone, Debug)]
pub struct Def {
    /// The whole path and value, for reports.
    pub at: Span,
    /// The value.
    pub value_at: Span,
    /// Its file.
    pub file: FileId,
    /// 0 to 5, see [`crate::rank`].
    pub strength: u8,
    /// Its operator; `Replace` for `:=`.
    pub op: Op,
    /// Its chain of loops and guards.
    pub group: GroupId,
    /// Its path.
    pub path: Vec<StepH>,
    /// What it gives.
    pub given: Given,
    /// Whether every `where` of its place was met when it was checked.
    pub known_good: bool,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Func {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub at: Span,
    /// Its file.
    pub file: FileId,
    /// Its parameters in slots from 0.
    pub params: Vec<FnParam>,
    /// The lets: slot is position after the parameters.
    pub lets: Vec<TypedExpr>,
    /// The value.
    pub value: TypedExpr,
    /// The result's place.
    pub result: RefinedType,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct FnParam {
    /// Its name.
    pub name: Arc<str>,
    /// Its place.
    pub place: RefinedType,
}

/// A line of a check.
#[derive(Clone, Debug)]
pub enum CheckH {
    /// A let into a slot.
    Let(u32, TypedExpr),
    /// A refinement.
    Require(TypedExpr, Option<TypedExpr>, Span),
    /// A loop.
    For(Gen, Vec<CheckH>),
    /// A condition.
    If(TypedExpr, Vec<CheckH>),
}

/// A check.
#[derive(Clone, Debug)]
pub struct CheckDef {
    /// Its title.
    pub title: Arc<str>,
    /// The place of the title.
    pub at: Span,
    /// Only a warning.
    pub warn: bool,
    /// Its lines.
    pub body: Vec<CheckH>,
}

/// A test: definitions over the description, and what is expected then.
#[derive(Clone, Debug)]
pub struct TestDef {
    /// Its title.
    pub title: Arc<str>,
    /// The place of the title.
    pub at: Span,
    /// The file that it stands in.
    pub file: FileId,
    /// What it gives. Their file is [`GIVEN`].
    pub given: Vec<Def>,
    /// As [`Program::literals`], of what it gives and expects.
    pub literals: Vec<(Vec<WhereId>, Value, Span)>,
    /// As [`Program::key_names`], of what it gives and expects.
    pub key_names: Vec<(KeyOf, Arc<str>, Span)>,
    /// What it expects: conditions.
    pub expects: Vec<TypedExpr>,
}

/// Stands for the file of what a test gives: one that uses all others. Which id that is, is known when the test is laid over a program.
pub const GIVEN: FileId = FileId(u16::MAX);

/// A whole typed program.
#[derive(Clone, Debug)]
pub struct Program {
    /// The texts.
    pub sources: SourceMap,
    /// The types.
    pub types: Types,
    /// The record of the root.
    pub root: RecId,
    /// The conditions, each with its place.
    pub wheres: Vec<TypedExpr>,
    /// The `##` words of the declaration that each condition stands in.
    pub where_docs: Vec<Option<Arc<str>>>,
    /// The functions.
    pub funcs: Vec<Func>,
    /// The `let`s of files.
    pub globals: Vec<TypedExpr>,
    /// The chains.
    pub groups: Vec<Group>,
    /// The definitions.
    pub defs: Vec<Def>,
    /// The checks.
    pub checks: Vec<CheckDef>,
    /// The tests, of all files.
    pub tests: Vec<TestDef>,
    /// The expression whose value was asked for, if its type is right.
    pub asked: Option<(TypedExpr, TyId)>,
    /// Its text among the sources, also if its type is wrong.
    pub asked_in: Option<FileId>,
    /// Which file uses which.
    pub uses: Uses,
    /// Literals and the conditions on them, to be tried first.
    pub literals: Vec<(Vec<WhereId>, Value, Span)>,
    /// What `key of` names and is no map.
    pub bad_keys: Vec<(KeyOf, Reported)>,
    /// Keys in paths that must be keys of another map.
    pub key_names: Vec<(KeyOf, Arc<str>, Span)>,
}

impl Program {
    /// The program with what a test gives, as if a file that uses all others said it.
    pub fn with_given(&self, test: &TestDef) -> Program {
        let mut program = self.clone();
        let file = program.sources.add("given", Arc::from(""), Layer::Site);
        program.uses = program.uses.with_top(file);
        program.defs.extend(test.given.iter().map(|def| Def { file, ..def.clone() }));
        program.literals.extend(test.literals.iter().cloned());
        program.key_names.extend(test.key_names.iter().cloned());
        program
    }

    /// The type of the values of a map of the root, by the path of its option.
    pub fn map_value(&self, path: &[Arc<str>]) -> Option<TyId> {
        let mut rec = self.root;
        for (i, name) in path.iter().enumerate() {
            let record = self.types.record(rec);
            let ty = record.fields[record.find(name)? as usize].place.ty;
            match self.types.get(ty) {
                super::ty::Ty::Record(next) => rec = *next,
                super::ty::Ty::Map(_, value) if i + 1 == path.len() => return Some(*value),
                _ => return None,
            }
        }
        None
    }
}
