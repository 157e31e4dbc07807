//! `match`: the patterns of its arms, the type of all of them, and whether none is missing.

use super::errors;
use super::expr::needs_push;
use super::hir::*;
use super::scope::*;
use super::ty::*;
use crate::diag::Reported;
use crate::source::Span;
use crate::syntax::ast;

impl Checker<'_> {
    pub(super) fn match_expr(
        &mut self,
        subject: &ast::Expr,
        arms: &[ast::Arm],
        place: Option<&RefinedType>,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let (ex, ty) = self.infer(subject, cx);
        let mut done: Vec<Option<ArmH>> = vec![None; arms.len()];
        let result = match (place, arms.iter().position(|arm| !needs_push(&arm.value))) {
            (Some(place), _) => place.clone(),
            // The first arm whose type can be seen decides for all.
            (None, Some(shows)) => {
                let (arm, found) = self.arm(&arms[shows], ty, None, cx);
                done[shows] = Some(arm);
                RefinedType::plain(found)
            }
            (None, None) => {
                let why = self.problems.push(errors::needs_type(at, "this match"));
                let place = self.anywhere(why);
                arms.iter().for_each(|arm| drop(self.arm(arm, ty, Some(&place), cx)));
                return self.error(at, why);
            }
        };
        let mut out = Vec::with_capacity(arms.len() + 1);
        for (arm, done) in arms.iter().zip(done) {
            out.push(done.unwrap_or_else(|| self.arm(arm, ty, Some(&result), cx).0));
        }
        if let Err(why) = self.exhaustive(ty, &out, at) {
            out.push(ArmH { pattern: PatH::Error(why), value: self.error(at, why).0 });
        }
        (TypedExpr { at, kind: TypedKind::Match(Box::new(ex), out.into()) }, result.ty)
    }

    /// One arm, checked against the place of all; without one, it gives the type.
    fn arm(
        &mut self,
        arm: &ast::Arm,
        subject: TyId,
        place: Option<&RefinedType>,
        cx: &mut Ctx,
    ) -> (ArmH, TyId) {
        let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
        let pattern = self.pattern(&arm.pattern, subject, cx);
        let (value, ty) = match place {
            Some(place) => (self.check(&arm.value, place, cx), place.ty),
            None => self.infer(&arm.value, cx),
        };
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        (ArmH { pattern, value }, ty)
    }

    fn exhaustive(&mut self, ty: TyId, arms: &[ArmH], at: Span) -> Result<(), Reported> {
        if arms.iter().any(|arm| matches!(arm.pattern, PatH::Any(_) | PatH::Error(_))) {
            return Ok(());
        }
        let has_none = arms.iter().any(|arm| matches!(arm.pattern, PatH::None));
        let (inner, opt) = (self.types.unwrap(ty), self.types.unwrap(ty) != ty);
        let mut missing: Vec<String> = Vec::new();
        if opt && !has_none {
            missing.push("`none`".into());
        }
        match self.types.get(inner) {
            Ty::Enum(id) => {
                for (i, (name, _)) in self.types.enumeration(*id).variants.iter().enumerate() {
                    let is_it = |arm: &ArmH| matches!(arm.pattern, PatH::Variant(v, ..) if v == i as u32);
                    if !arms.iter().any(is_it) {
                        missing.push(format!("`.{name}`"));
                    }
                }
            }
            Ty::Error(_) => {}
            _ => missing.push("a name for the value".into()),
        }
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("no arm for {}", missing.join(", "));
        let help = "add the arms, or a last one with a name: `other -> …`".to_string();
        Err(self.problems.push(errors::bad_match(at, message, Some(help))))
    }

    fn pattern(&mut self, pattern: &ast::Pattern, ty: TyId, cx: &mut Ctx) -> PatH {
        let inner = self.types.unwrap(ty);
        match pattern {
            ast::Pattern::None(at) => {
                if inner == ty && self.types.failed(ty).is_none() {
                    let message = format!("a {} is never `none`", self.types.name(ty));
                    let diagnostic = errors::bad_match(*at, message, Some("remove the arm".into()));
                    return PatH::Error(self.problems.push(diagnostic));
                }
                PatH::None
            }
            ast::Pattern::Name(name) => {
                // After `none` a name is the value that is there.
                let slot = cx.bind(&name.text, inner);
                PatH::Any(slot)
            }
            ast::Pattern::Variant(name, names) => {
                let id = match *self.types.get(inner) {
                    Ty::Enum(id) => id,
                    Ty::Error(why) => return self.broken(names, why, cx),
                    _ => {
                        let found = self.types.name(ty);
                        let message = format!("`.{}` is a variant, but this is {found}", name.text);
                        let why = self.problems.push(errors::bad_match(name.at, message, None));
                        return self.broken(names, why, cx);
                    }
                };
                let def = self.types.enumeration(id).clone();
                let Some(index) = def.find(&name.text) else {
                    let owner = def.name.as_deref().unwrap_or("this enum").to_string();
                    let known = def.variants.iter().map(|(n, _)| &**n);
                    let diagnostic = errors::unknown_variant(name.at, &name.text, &owner, def.at, known);
                    let why = self.problems.push(diagnostic);
                    return self.broken(names, why, cx);
                };
                let payload = &def.variants[index as usize].1;
                let mut positions = Vec::new();
                let first = cx.n_slots;
                for name in names {
                    match payload.iter().position(|f| f.name == name.text) {
                        Some(i) => {
                            positions.push(Ok(i as u32));
                            cx.bind(&name.text, payload[i].place.ty);
                        }
                        None => {
                            let known = payload.iter().map(|f| &*f.name);
                            let diagnostic = errors::unknown_field(
                                name.at,
                                &name.text,
                                "this variant",
                                Some(def.at),
                                known,
                            );
                            let why = self.problems.push(diagnostic);
                            cx.bind(&name.text, self.types.error(why));
                            positions.push(Err(why));
                        }
                    }
                }
                PatH::Variant(index, first, positions)
            }
        }
    }

    /// A pattern that was reported: its names are known all the same.
    fn broken(&mut self, names: &[ast::Name], why: Reported, cx: &mut Ctx) -> PatH {
        let ty = self.types.error(why);
        for name in names {
            cx.bind(&name.text, ty);
        }
        PatH::Error(why)
    }
}
