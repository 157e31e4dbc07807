//! Every place of a file at which an expression or the name of a type stands.

use kl::source::Span;
use kl::syntax::ast::*;

/// What may be written at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An expression.
    Expr,
    /// A type.
    Type,
}

/// All places of a file, in the order of the tree.
pub fn places(file: &File) -> Vec<(Kind, Span)> {
    let mut out = Vec::new();
    file.items.iter().for_each(|item| self::item(item, &mut out));
    out
}

type Out = Vec<(Kind, Span)>;

fn item(item: &Item, out: &mut Out) {
    match &item.kind {
        ItemKind::Use { .. } => {}
        ItemKind::Fn(func) => {
            params(&func.params, out);
            ty(&func.result, out);
            func.lets.iter().for_each(|it| binding(it, out));
            expr(&func.value, out);
        }
        ItemKind::Type { ty: of, .. } => ty(of, out),
        ItemKind::Let { binding: it, .. } => binding(it, out),
        ItemKind::Option { ty: of, default, .. } => {
            ty(of, out);
            default.iter().for_each(|e| expr(e, out));
        }
        ItemKind::Check { body, .. } => checks(body, out),
        // Tests are another command's.
        ItemKind::Test { .. } => {}
        ItemKind::Entry(it) => entry(it, out),
    }
}

fn params(all: &[Param], out: &mut Out) {
    for param in all {
        ty(&param.ty, out);
        param.default.iter().for_each(|e| expr(e, out));
    }
}

fn fields(all: &[Field], out: &mut Out) {
    for field in all {
        ty(&field.ty, out);
        field.default.iter().for_each(|e| expr(e, out));
    }
}

fn ty(of: &TypeExpr, out: &mut Out) {
    match &of.base {
        TypeBase::Named(_) => out.push((Kind::Type, of.at)),
        TypeBase::Key(_) | TypeBase::Error(_) => {}
        TypeBase::List(item) | TypeBase::Set(item) => ty(item, out),
        TypeBase::Map(key, value) => {
            ty(key, out);
            ty(value, out);
        }
        TypeBase::Record(more) => fields(more, out),
        TypeBase::Extended(_, more) => {
            out.push((Kind::Type, of.at));
            fields(more, out);
        }
        TypeBase::Enum(variants) => variants.iter().for_each(|variant| params(&variant.params, out)),
    }
    of.refine.iter().for_each(|e| expr(e, out));
}

fn binding(it: &Let, out: &mut Out) {
    it.ty.iter().for_each(|of| ty(of, out));
    expr(&it.value, out);
}

fn checks(lines: &[CheckItem], out: &mut Out) {
    for line in lines {
        match line {
            CheckItem::Let(it) => binding(it, out),
            CheckItem::Require { cond, message, .. } => {
                expr(cond, out);
                message.iter().for_each(|e| expr(e, out));
            }
            CheckItem::For { generator, body } => {
                self::generator(generator, out);
                checks(body, out);
            }
            CheckItem::If { cond, body } => {
                expr(cond, out);
                checks(body, out);
            }
        }
    }
}

fn entry(it: &Entry, out: &mut Out) {
    match it {
        Entry::Let(it) => binding(it, out),
        Entry::Loop(it) => {
            generator(&it.generator, out);
            body(&it.body, out);
        }
        Entry::Guard(it) => {
            expr(&it.cond, out);
            body(&it.then, out);
            it.otherwise.iter().for_each(|it| body(it, out));
        }
        Entry::Define(it) => {
            for step in &it.path {
                match &step.kind {
                    StepKind::Word(_) => {}
                    StepKind::Text(it) => text(it, out),
                    StepKind::Index(key) => expr(key, out),
                }
            }
            expr(&it.value, out);
        }
    }
}

fn body(it: &Body, out: &mut Out) {
    it.entries.iter().for_each(|it| entry(it, out));
}

fn generator(it: &Generator, out: &mut Out) {
    it.binds.iter().for_each(|bind| expr(&bind.source, out));
    it.cond.iter().for_each(|e| expr(e, out));
}

fn text(it: &Text, out: &mut Out) {
    for part in &it.parts {
        if let TextPart::Hole(hole) = part {
            expr(hole, out);
        }
    }
}

fn args(all: &[Arg], out: &mut Out) {
    all.iter().for_each(|arg| expr(&arg.value, out));
}

fn expr(e: &Expr, out: &mut Out) {
    out.push((Kind::Expr, e.at));
    match &e.kind {
        ExprKind::Lit(_) | ExprKind::Name(_) | ExprKind::None | ExprKind::Bool(_) | ExprKind::Error(_) => {}
        ExprKind::Text(it) => text(it, out),
        ExprKind::Variant { args: all, .. } => args(all, out),
        ExprKind::List(items) => items.iter().for_each(|e| expr(e, out)),
        ExprKind::ListFor(item, each) => {
            expr(item, out);
            generator(each, out);
        }
        ExprKind::Body(it) => body(it, out),
        ExprKind::Field(inner, _) | ExprKind::Not(inner) | ExprKind::Neg(inner) => expr(inner, out),
        ExprKind::FieldText(inner, key) => {
            expr(inner, out);
            text(key, out);
        }
        ExprKind::Index(inner, key) => {
            expr(inner, out);
            expr(key, out);
        }
        ExprKind::Call(callee, all) => {
            expr(callee, out);
            args(all, out);
        }
        ExprKind::CallFor(callee, item, each) => {
            expr(callee, out);
            expr(item, out);
            generator(each, out);
        }
        ExprKind::Bin(_, a, b) => {
            expr(a, out);
            expr(b, out);
        }
        ExprKind::If(cond, then, otherwise) => {
            expr(cond, out);
            expr(then, out);
            expr(otherwise, out);
        }
        ExprKind::Match(subject, arms) => {
            expr(subject, out);
            arms.iter().for_each(|arm| expr(&arm.value, out));
        }
    }
}
