//! Expressions that were not evaluated yet. Only the pass that explains a leaf makes them: everything else evaluates at once.

use super::frame::Frame;
use super::memo::Map;
use crate::live::Value;
use crate::source::Span;
use crate::types::hir::{BodyEntry, StepH, TypedExpr};
use crate::types::ty::TyId;
use std::sync::Arc;

/// What is still to be evaluated.
#[derive(Clone)]
pub(super) enum Thunk<'p> {
    /// An expression.
    Expr(&'p TypedExpr, Frame),
    /// Braces: everything that they give, in order.
    Body(Vec<Part<'p>>),
    /// `a & b`
    Merged(Value, Value),
    /// A value of the type that becomes a Tree, and where.
    Tree(Value, TyId, Span),
}

/// What braces give.
#[derive(Clone)]
pub(super) enum Part<'p> {
    /// Their entries.
    Entries(&'p [BodyEntry], Frame),
    /// An entry whose path begins above.
    Below(Set<'p>),
}

/// A value at a path in braces.
#[derive(Clone)]
pub(super) struct Set<'p> {
    /// The steps that are left.
    pub(super) path: &'p [StepH],
    /// The value.
    pub(super) value: &'p TypedExpr,
    /// What is bound there.
    pub(super) frame: Frame,
    /// Where it stands.
    pub(super) at: Span,
}

/// The state of a thunk.
#[derive(Clone, Default)]
pub(super) enum Head {
    /// Not evaluated.
    #[default]
    Unset,
    /// Being evaluated.
    Busy,
    /// A value without parts, a place of the tree, or the thunk itself, which is then a record, map or Tree.
    Known(Value),
}

/// What one thunk gives at a key, and where it was written.
pub(super) type AtKey = Option<(Value, Span)>;

/// All thunks of a pass.
#[derive(Default)]
pub(super) struct Thunks<'p> {
    /// They, by number.
    pub(super) all: Vec<Thunk<'p>>,
    /// Their values, by number.
    pub(super) heads: Vec<Head>,
    /// What they give, by number and key.
    pub(super) keys: Map<(u32, Arc<str>), AtKey>,
    /// The `let`s of files.
    pub(super) globals: Map<u32, Value>,
    /// Inside `&`: where the right side was written that won, what stands on its left, and at which key.
    pub(super) beaten: Vec<(Span, Value, Arc<str>)>,
}
