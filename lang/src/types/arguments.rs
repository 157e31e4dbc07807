//! Arguments: of functions, and the payload of variants.

use super::errors;
use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::live::Value;
use crate::source::Span;
use crate::syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn variant(
        &mut self,
        name: &ast::Name,
        args: &[ast::Arg],
        place: &RefinedType,
        at: Span,
        cx: &mut Ctx,
    ) -> TypedExpr {
        match self.types.get(place.ty).clone() {
            Ty::Enum(id) => {
                let def = self.types.enumeration(id).clone();
                let Some(index) = def.find(&name.text) else {
                    let owner = def.name.as_ref().map_or("this enum".to_string(), |n| format!("`{n}`"));
                    let known = def.variants.iter().map(|(n, _)| &**n);
                    let diagnostic = errors::unknown_variant(name.at, &name.text, &owner, def.at, known);
                    let why = self.problems.push(diagnostic);
                    self.look_at(args.iter().map(|a| &a.value), why, cx);
                    return TypedExpr { at, kind: TypedKind::Error(why) };
                };
                let payload = &def.variants[index as usize].1;
                if payload.is_empty() && args.is_empty() {
                    return TypedExpr { at, kind: TypedKind::Const(Value::Enum(index, None)) };
                }
                let params: Vec<_> = payload
                    .iter()
                    .map(|f| (f.name.clone(), f.place.clone(), f.default.as_ref().map(|d| (**d).clone())))
                    .collect();
                let all = self.arguments(&format!(".{}", name.text), &params, args, at, def.at, cx);
                TypedExpr { at, kind: TypedKind::Variant(id, index, all.into()) }
            }
            Ty::Key(key) => {
                if let Some(arg) = args.first() {
                    let why = self.problems.push(errors::payload_of_key(arg.value.at));
                    self.look_at(args.iter().map(|a| &a.value), why, cx);
                }
                let inner = TypedExpr { at, kind: TypedKind::Const(Value::Str(name.text.clone())) };
                TypedExpr { at, kind: TypedKind::KeyName(key, Box::new(inner)) }
            }
            Ty::Error(why) => {
                self.look_at(args.iter().map(|a| &a.value), why, cx);
                TypedExpr { at, kind: TypedKind::Error(why) }
            }
            _ => {
                let wanted = self.types.name(place.ty);
                let help = self.instead_of_variant(name, args, at, place.ty);
                let found = format!("the variant `.{}`", name.text);
                let why = self.problems.push(errors::mismatch(at, &wanted, &found, help));
                self.look_at(args.iter().map(|a| &a.value), why, cx);
                TypedExpr { at, kind: TypedKind::Error(why) }
            }
        }
    }

    /// Matches arguments with parameters: by position, then by name, then defaults.
    pub fn arguments(
        &mut self,
        what: &str,
        params: &[(Arc<str>, RefinedType, Option<TypedExpr>)],
        args: &[ast::Arg],
        at: Span,
        declared_at: Span,
        cx: &mut Ctx,
    ) -> Vec<TypedExpr> {
        let mut given: Vec<Option<TypedExpr>> = vec![None; params.len()];
        for (i, arg) in args.iter().enumerate() {
            let index = match &arg.name {
                Some(name) => match params.iter().position(|(n, ..)| *n == name.text) {
                    Some(index) => index,
                    None => {
                        let help = crate::diag::did_you_mean(&name.text, params.iter().map(|(n, ..)| &**n));
                        let message = format!("`{what}` has no parameter `{}`", name.text);
                        let diagnostic = errors::wrong_arguments(name.at, message, Some(declared_at), help);
                        let why = self.problems.push(diagnostic);
                        self.look_at([&arg.value], why, cx);
                        continue;
                    }
                },
                None if i < params.len() => i,
                None => {
                    let message = format!(
                        "`{what}` takes {} argument{}",
                        params.len(),
                        if params.len() == 1 { "" } else { "s" }
                    );
                    let diagnostic = errors::wrong_arguments(arg.value.at, message, Some(declared_at), None);
                    let why = self.problems.push(diagnostic);
                    self.look_at(args[i..].iter().map(|a| &a.value), why, cx);
                    break;
                }
            };
            if given[index].is_some() {
                let message = format!("`{}` is given twice", params[index].0);
                let diagnostic = errors::wrong_arguments(arg.value.at, message, Some(declared_at), None);
                let why = self.problems.push(diagnostic);
                self.look_at([&arg.value], why, cx);
                continue;
            }
            let (name, place, _) = &params[index];
            given[index] = Some(self.check_demanded(&arg.value, place, || format!("{what}({name})"), cx));
        }
        for (given, (name, place, default)) in given.iter_mut().zip(params) {
            if given.is_none() {
                let is_opt = matches!(self.types.get(place.ty), Ty::Opt(_));
                let none = || is_opt.then_some(TypedExpr { at, kind: TypedKind::Const(Value::None) });
                let of = || format!("{what}({name})");
                *given = default.clone().map(|default| self.refined(default, place, of)).or_else(none);
            }
        }
        let missing = given.iter().zip(params).filter(|(given, _)| given.is_none());
        let missing: Vec<String> = missing.map(|(_, (name, ..))| format!("`{name}`")).collect();
        if missing.is_empty() {
            return given.into_iter().flatten().collect();
        }
        let message = format!("`{what}` lacks {}", missing.join(", "));
        let why = self.problems.push(errors::wrong_arguments(at, message, Some(declared_at), None));
        given
            .into_iter()
            .map(|given| given.unwrap_or(TypedExpr { at, kind: TypedKind::Error(why) }))
            .collect()
    }
}
