//! Calls: functions of the description, builtins with their schemes, properties of the domain's literals.

use super::errors;
use super::expr::needs_push;
use super::hir::*;
use super::scope::*;
use super::sig::Sig;
use super::steps::Lends;
use super::ty::*;
use crate::diag::{Diagnostic, Reported};
use crate::live::Value;
use crate::source::{FileId, Layer, Span};
use crate::syntax::ast::{self, ExprKind};
use std::sync::Arc;

impl Checker<'_> {
    /// `f(…)`, `x.f(…)`.
    pub fn call(
        &mut self,
        callee: &ast::Expr,
        args: &[ast::Arg],
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        match &callee.kind {
            ExprKind::Name(name) => {
                match self.find_fn(cx.file, name, callee.at) {
                    Ok(Some(id)) => return self.call_fn(id, args, at, cx),
                    Ok(None) => {}
                    Err(why) => return self.no_call(args, why, at, cx),
                }
                match self.builtins.find(name) {
                    Some(index) => self.call_builtin(index, None, args, at, cx),
                    None => {
                        let mut known = self.visible(cx.file, |d| matches!(d, Decl::Fn(_)));
                        known.extend(self.builtins.names().map(str::to_string));
                        let known = known.iter().map(String::as_str);
                        let diagnostic = errors::not_a_function(callee.at, name, known)
                            .help_opt(self.use_meant(&[Lends::Fn], name));
                        let why = self.problems.push(diagnostic);
                        self.no_call(args, why, at, cx)
                    }
                }
            }
            ExprKind::Field(receiver, method) => {
                let (receiver, ty) = self.infer(receiver, cx);
                if let Some(why) = self.types.failed(ty) {
                    return self.no_call(args, why, at, cx);
                }
                let name = format!("{}.{}", self.types.name(ty), method.text);
                match self.builtins.find(&name) {
                    Some(index) => self.call_builtin(index, Some((receiver, ty)), args, at, cx),
                    None => {
                        let known: Vec<&str> = self.builtins.names().collect();
                        let why = self.problems.push(errors::not_a_function(method.at, &name, known));
                        self.no_call(args, why, at, cx)
                    }
                }
            }
            _ => {
                let name = self.files.sources.text(callee.at);
                let diagnostic = errors::not_a_function(callee.at, name, []);
                let why = self.problems.push(diagnostic);
                self.look_at([callee], why, cx);
                self.no_call(args, why, at, cx)
            }
        }
    }

    /// A call of what was reported: its arguments are looked at all the same.
    fn no_call(&mut self, args: &[ast::Arg], why: Reported, at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        self.look_at(args.iter().map(|a| &a.value), why, cx);
        self.error(at, why)
    }

    fn call_fn(&mut self, id: u32, args: &[ast::Arg], at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let tree = &self.fn_decls[id as usize].tree;
        let (declared_at, name) = (tree.name.at, tree.name.text.clone());
        let FnSig { params, result, .. } = self.fn_sigs[id as usize].clone();
        let result = result.ty;
        let mut with_defaults = Vec::new();
        for (i, FnParam { name, place }) in params.into_iter().enumerate() {
            let default = self.param_default(id, i, at);
            with_defaults.push((name, place, default));
        }
        let all = self.arguments(&name, &with_defaults, args, at, declared_at, cx);
        (TypedExpr { at, kind: TypedKind::Call(FnId(id), all.into()) }, result)
    }

    /// The default of a parameter, checked once. It sees the file of the function and nothing else, in a frame of its own.
    pub fn param_default(&mut self, id: u32, index: usize, used_at: Span) -> Option<TypedExpr> {
        let default = self.fn_sigs[id as usize].defaults[index].clone()?;
        let shared = |ex: Arc<TypedExpr>| TypedExpr { at: ex.at, kind: TypedKind::Shared(ex, 0) };
        match default.state {
            State::Done(ex) => Some(shared(ex)),
            State::Busy => {
                let name = &self.fn_decls[id as usize].tree.name;
                let chain = [(name.text.to_string(), name.at), (name.text.to_string(), used_at)];
                Some(self.fail(used_at, errors::recursive_function(used_at, &chain)))
            }
            State::Todo => {
                self.set_default(id, index, State::Busy);
                let file = self.fn_decls[id as usize].file;
                let place = self.fn_sigs[id as usize].params[index].place.clone();
                let ex = Arc::new(self.check(&default.tree, &place, &mut Ctx::new(file)));
                self.set_default(id, index, State::Done(ex.clone()));
                Some(shared(ex))
            }
        }
    }

    fn set_default(&mut self, id: u32, index: usize, state: State<Arc<TypedExpr>>) {
        if let Some(default) = &mut self.fn_sigs[id as usize].defaults[index] {
            default.state = state;
        }
    }

    /// A property of a literal of the domain: `timeout.seconds`.
    pub fn property(&mut self, inner: TypedExpr, ty: TyId, name: &ast::Name, at: Span) -> (TypedExpr, TyId) {
        let owner = self.types.name(ty);
        let full = format!("{owner}.{}", name.text);
        if let Some(index) = self.builtins.find(&full)
            && self.builtins.get(index).schemes.iter().all(|s| s.params.len() == 1)
        {
            let result = self.builtins.get(index).schemes[0].result.clone();
            if let Some(result) = self.sig_type(&result, &[]) {
                return (
                    TypedExpr { at, kind: TypedKind::Builtin(index, Box::new([inner]), Box::new([ty])) },
                    result,
                );
            }
        }
        let prefix = format!("{owner}.");
        let known: Vec<&str> = self.builtins.names().filter_map(|n| n.strip_prefix(&prefix)).collect();
        let found = match self.types.get(ty) {
            Ty::Opt(_) => format!("{owner}, which may be `none`"),
            _ => format!("a {owner}"),
        };
        self.fail_typed(at, errors::unknown_field(name.at, &name.text, &found, None, known))
    }

    /// `f(e for …)`.
    pub fn call_for(
        &mut self,
        callee: &ast::Expr,
        item: &ast::Expr,
        each: &ast::Generator,
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
        let each = self.generator(each, cx);
        let name = match &callee.kind {
            ExprKind::Name(name) => name.clone(),
            _ => Arc::from(""),
        };
        let Some(index) = self.builtins.find(&name) else {
            let known = ["all", "any", "unique", "disjoint", "count", "sum"];
            let why = self.problems.push(errors::not_a_function(callee.at, &name, known));
            self.look_at([item], why, cx);
            cx.vars.truncate(n_vars);
            cx.n_slots = n_slots;
            return self.error(at, why);
        };
        let (item, item_ty) = if matches!(&*name, "all" | "any") {
            (self.condition(item, cx), TyId::BOOL)
        } else {
            self.infer(item, cx)
        };
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        let list = self.types.list(item_ty);
        let at_item = item.at;
        let listed = TypedExpr {
            at: at_item,
            kind: TypedKind::ListFor(Box::new(each.clone()), Box::new(item.clone())),
        };
        let (applied, result) = self.apply(index, vec![Some((listed, list))], &[], at, cx);
        if matches!(applied.kind, TypedKind::Error(_)) {
            return (applied, result);
        }
        (
            TypedExpr { at, kind: TypedKind::BuiltinFor(index, Box::new(each), Box::new(item), item_ty) },
            result,
        )
    }

    fn call_builtin(
        &mut self,
        index: u16,
        receiver: Option<(TypedExpr, TyId)>,
        args: &[ast::Arg],
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let builtins = self.builtins;
        let builtin = builtins.get(index);
        for arg in args {
            if let Some(name) = &arg.name {
                let message = format!("`{}` takes its arguments by position", builtin.name);
                self.problems.push(errors::wrong_arguments(name.at, message, None, None));
            }
        }
        match builtin.name {
            "rendered" | "built" | "fails" | "reports" if !cx.expected => {
                // What stands between its parentheses may have mistakes of its own.
                for arg in args {
                    self.infer(&arg.value, cx);
                }
                let why = self.problems.push(errors::only_expected(at, builtin.name));
                return self.error(at, why);
            }
            "fails" | "reports" => self.names_what_is(builtin.name, args),
            _ => {}
        }
        match builtin.name {
            "template" | "file" => return self.text_of_file(builtin.name, index, args, at, cx),
            "secret" | "secret_part" => return self.secret(index, args, at, cx),
            "digest" => return self.digest(index, args, at, cx),
            _ => {}
        }
        let mut given: Vec<Option<(TypedExpr, TyId)>> = receiver.into_iter().map(Some).collect();
        let mut trees: Vec<&ast::Expr> = Vec::new();
        for arg in args {
            trees.push(&arg.value);
            given.push(if needs_push(&arg.value) { None } else { Some(self.infer(&arg.value, cx)) });
        }
        self.apply(index, given, &trees, at, cx)
    }

    /// Finds the scheme that fits, checks what could not be inferred, and gives the result's type.
    fn apply(
        &mut self,
        index: u16,
        given: Vec<Option<(TypedExpr, TyId)>>,
        trees: &[&ast::Expr],
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let builtins = self.builtins;
        let builtin = builtins.get(index);
        if let Some(why) = given.iter().flatten().find_map(|(_, ty)| self.types.failed(*ty)) {
            self.look_at(trees.iter().copied().filter(|tree| needs_push(tree)), why, cx);
            return self.error(at, why);
        }
        let shift = given.len() - trees.len().min(given.len());
        for scheme in &builtin.schemes {
            let mut vars: Vec<(char, TyId)> = Vec::new();
            if scheme.params.len() != given.len() {
                continue;
            }
            let fits = scheme.params.iter().zip(&given).all(|(sig, arg)| match arg {
                Some((_, ty)) => self.unify(sig, *ty, &mut vars),
                None => true,
            });
            if !fits {
                continue;
            }
            let mut all = Vec::new();
            let mut types = Vec::new();
            for (i, (sig, arg)) in scheme.params.iter().zip(given).enumerate() {
                match arg {
                    Some((ex, ty)) => {
                        all.push(match self.sig_type(sig, &vars) {
                            Some(wanted) => self.coerce(ex, ty, wanted),
                            None => ex,
                        });
                        types.push(ty);
                    }
                    None => {
                        let Some(wanted) = self.sig_type(sig, &vars) else {
                            let tree = trees[i - shift];
                            let why = self.problems.push(errors::needs_type(tree.at, "this argument"));
                            self.look_at(
                                trees[i - shift..].iter().copied().filter(|t| needs_push(t)),
                                why,
                                cx,
                            );
                            return self.error(at, why);
                        };
                        all.push(self.check(trees[i - shift], &RefinedType::plain(wanted), cx));
                        types.push(wanted);
                    }
                }
            }
            let Some(result) = self.sig_type(&scheme.result, &vars) else {
                return self.fail_typed(at, Diagnostic::bug(at, format!("`{}` has no type", builtin.name)));
            };
            return (TypedExpr { at, kind: TypedKind::Builtin(index, all.into(), types.into()) }, result);
        }
        let found: Vec<String> = given
            .iter()
            .map(|a| a.as_ref().map_or("…".to_string(), |(_, ty)| self.types.name(*ty)))
            .collect();
        let message = format!("`{}` does not take ({})", builtin.name, found.join(", "));
        let secret = given.iter().flatten().find(|(_, ty)| *ty == TyId::SECRET);
        let diagnostic = match secret {
            Some((ex, _)) => errors::secret_leak(ex.at, None, &format!("an argument of `{}`", builtin.name)),
            None => errors::wrong_arguments(at, message, None, Some(format!("it is {}", builtin.text))),
        };
        let why = self.problems.push(diagnostic);
        self.look_at(trees.iter().copied().filter(|tree| needs_push(tree)), why, cx);
        self.error(at, why)
    }

    fn unify(&mut self, sig: &Sig, ty: TyId, vars: &mut Vec<(char, TyId)>) -> bool {
        let found = self.types.get(ty).clone();
        match (sig, found) {
            (Sig::Var(name), _) => {
                if self.types.get(ty) == &Ty::Secret {
                    return false;
                }
                match vars.iter().find(|(n, _)| n == name) {
                    Some((_, known)) => self.types.fits(ty, *known),
                    None => {
                        vars.push((*name, ty));
                        true
                    }
                }
            }
            (Sig::List(item), Ty::List(x)) | (Sig::Set(item), Ty::Set(x)) | (Sig::Opt(item), Ty::Opt(x)) => {
                self.unify(item, x, vars)
            }
            (Sig::Map(key, value), Ty::Map(k, v)) => self.unify(key, k, vars) && self.unify(value, v, vars),
            (Sig::Basic(wanted), _) => self.types.fits(ty, *wanted),
            (Sig::AnyKey, Ty::Key(_) | Ty::Str) => true,
            _ => false,
        }
    }

    /// The type that a written one stands for, as far as its letters are known.
    fn sig_type(&mut self, sig: &Sig, vars: &[(char, TyId)]) -> Option<TyId> {
        Some(match sig {
            Sig::Var(name) => vars.iter().find(|(n, _)| n == name)?.1,
            Sig::AnyKey => return None,
            Sig::Basic(ty) => *ty,
            Sig::List(item) => {
                let item = self.sig_type(item, vars)?;
                self.types.list(item)
            }
            Sig::Set(item) => {
                let item = self.sig_type(item, vars)?;
                self.types.intern(Ty::Set(item))
            }
            Sig::Opt(item) => {
                let item = self.sig_type(item, vars)?;
                self.types.opt(item)
            }
            Sig::Map(key, value) => {
                let (key, value) = (self.sig_type(key, vars)?, self.sig_type(value, vars)?);
                self.types.intern(Ty::Map(key, value))
            }
        })
    }

    /// `secret(name)`: a key of the map `secrets` where the root has one, else a text.
    fn secret(&mut self, index: u16, args: &[ast::Arg], at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let wanted = self.builtins.get(index).schemes[0].params.len();
        if args.len() != wanted {
            let message = format!(
                "`{}` takes {wanted} argument{}",
                self.builtins.get(index).name,
                if wanted == 1 { "" } else { "s" }
            );
            let why = self.problems.push(errors::wrong_arguments(at, message, None, None));
            return self.no_call(args, why, at, cx);
        }
        let key = KeyOf::Root(vec![Arc::from("secrets")].into());
        let ty = if self.map_of(&key).is_some() { self.types.intern(Ty::Key(key)) } else { TyId::STR };
        let mut all = vec![self.check(&args[0].value, &RefinedType::plain(ty), cx)];
        if let Some(part) = args.get(1) {
            all.push(self.check(&part.value, &RefinedType::plain(TyId::STR), cx));
        }
        (TypedExpr { at, kind: TypedKind::Builtin(index, all.into(), Box::new([ty])) }, TyId::SECRET)
    }

    fn digest(&mut self, index: u16, args: &[ast::Arg], at: Span, cx: &mut Ctx) -> (TypedExpr, TyId) {
        let [arg] = args else {
            let why =
                self.problems.push(errors::wrong_arguments(at, "`digest` takes 1 argument", None, None));
            return self.no_call(args, why, at, cx);
        };
        let (ex, ty) = self.infer(&arg.value, cx);
        if self.types.holds_secret(ty) {
            let found = self.types.name(ty);
            let wanted = format!("a digest: {found} may hold a secret");
            return self.fail_typed(at, errors::secret_leak(arg.value.at, None, &wanted));
        }
        (TypedExpr { at, kind: TypedKind::Builtin(index, Box::new([ex]), Box::new([ty])) }, TyId::STR)
    }

    /// `template("x", v)` and `file("x")`: the name is a literal, read now.
    fn text_of_file(
        &mut self,
        name: &str,
        index: u16,
        args: &[ast::Arg],
        at: Span,
        cx: &mut Ctx,
    ) -> (TypedExpr, TyId) {
        let wanted = if name == "template" { 2 } else { 1 };
        if args.len() != wanted {
            let message = format!("`{name}` takes {wanted} argument{}", if wanted == 1 { "" } else { "s" });
            let why = self.problems.push(errors::wrong_arguments(at, message, None, None));
            return self.no_call(args, why, at, cx);
        }
        let path = match &args[0].value.kind {
            ExprKind::Text(text) => text.literal(),
            _ => None,
        };
        let Some(path) = path else {
            let message = format!("the name of a {name} is a plain text");
            let help = Some("it is read before anything is evaluated".to_string());
            let diagnostic = errors::wrong_arguments(args[0].value.at, message, None, help);
            let why = self.problems.push(diagnostic);
            return self.no_call(args, why, at, cx);
        };
        let value = args.get(1).map(|a| self.check(&a.value, &RefinedType::plain(TyId::TREE), cx));
        let file = match self.read_text(&path, args[0].value.at, cx) {
            Ok(file) => file,
            Err(why) => return self.error(at, why),
        };
        let source = self.files.sources.file(file);
        let (file_name, text) = (source.name.clone(), source.text.clone());
        match value {
            None => (TypedExpr { at, kind: TypedKind::Const(Value::Str(text)) }, TyId::STR),
            Some(value) => {
                let constant = |v: Value| TypedExpr { at, kind: TypedKind::Const(v) };
                let all = vec![
                    constant(Value::Str(file_name)),
                    constant(Value::Str(text)),
                    constant(Value::Int(i64::from(file.0))),
                    value,
                ];
                (TypedExpr { at, kind: TypedKind::Builtin(index, all.into(), Box::new([])) }, TyId::TREE)
            }
        }
    }

    fn read_text(&mut self, path: &str, at: Span, cx: &Ctx) -> Result<FileId, Reported> {
        let source = self.files.sources.file(cx.file);
        let layer = source.layer;
        let full = super::load::join(&source.name, path);
        let id = format!("{layer:?}:{full}");
        if let Some(known) = self.texts.get(&id) {
            return Ok(*known);
        }
        let text = match layer {
            Layer::Library => self.world.library(&full).ok_or(crate::source::ReadError::Missing),
            Layer::Site => self.world.read(&full),
        };
        match text {
            Ok(text) => {
                let file = self.files.sources.add(&full, plain_lines(text), layer);
                self.texts.insert(id, file);
                Ok(file)
            }
            Err(why) => Err(self.problems.push(errors::unreadable_text(at, path, &why))),
        }
    }
}

/// A text without the mark that some editors begin files with, and with line ends as a source has them after it was read.
fn plain_lines(text: Arc<str>) -> Arc<str> {
    if !text.starts_with('\u{feff}') && !text.contains("\r\n") {
        return text;
    }
    text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").into()
}
