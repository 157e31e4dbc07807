//! Calls: functions of the description, builtins with their schemes, properties of the domain's literals.

use super::errors;
use super::expr::needs_push;
use super::hir::*;
use super::scope::*;
use super::sig::{Scheme, Sig};
use super::ty::*;
use crate::live::Value;
use crate::source::{Layer, Span};
use crate::syntax::ast::{self, ExprKind};
use std::sync::Arc;

impl Checker<'_> {
    /// `f(…)`, `x.f(…)`.
    pub fn call(&mut self, callee: &ast::Expr, args: &[ast::Arg], at: Span, cx: &mut Cx) -> (Ex, TyId) {
        match &callee.kind {
            ExprKind::Name(name) => {
                if let Some(id) = self.find_fn(cx.file, name, callee.at) {
                    return self.call_fn(id, args, at, cx);
                }
                if matches!(self.find(cx.file, name, |d| matches!(d, Decl::Fn(_))), Found::Many(_)) {
                    return Self::error(at);
                }
                match self.builtins.find(name) {
                    Some(index) => self.call_builtin(index, None, args, at, cx),
                    None => {
                        let mut known = self.visible(cx.file, |d| matches!(d, Decl::Fn(_)));
                        known.extend(self.builtins.names().map(str::to_string));
                        self.problems.push(errors::not_a_function(
                            callee.at,
                            name,
                            known.iter().map(String::as_str),
                        ));
                        for arg in args.iter().filter(|a| !needs_push(&a.value)) {
                            self.infer(&arg.value, cx);
                        }
                        Self::error(at)
                    }
                }
            }
            ExprKind::Field(receiver, method) => {
                let (receiver, ty) = self.infer(receiver, cx);
                if ty == TyId::ERROR {
                    return Self::error(at);
                }
                let name = format!("{}.{}", self.types.name(ty), method.text);
                match self.builtins.find(&name) {
                    Some(index) => self.call_builtin(index, Some((receiver, ty)), args, at, cx),
                    None => {
                        let known: Vec<&str> = self.builtins.names().collect();
                        self.problems.push(errors::not_a_function(method.at, &name, known));
                        Self::error(at)
                    }
                }
            }
            _ => {
                self.problems.push(errors::not_a_function(callee.at, self.files.sources.text(callee.at), []));
                Self::error(at)
            }
        }
    }

    fn call_fn(&mut self, id: u32, args: &[ast::Arg], at: Span, cx: &mut Cx) -> (Ex, TyId) {
        let decl = &self.fn_decls[id as usize];
        let (file, declared_at, result) = (decl.file, decl.tree.name.at, decl.result.ty);
        let name = decl.tree.name.text.clone();
        let params = decl.params.clone();
        let mut with_defaults = Vec::new();
        for (name, place, default) in &params {
            let default = default.as_ref().map(|e| {
                // It sees the file of the function and nothing else, in a frame of its own.
                let n = self.problems.len();
                let ex = self.check(e, place, &mut Cx::new(file));
                self.problems.truncate(n);
                Ex { at: ex.at, kind: Ek::Shared(Arc::new(ex), 0) }
            });
            with_defaults.push((name.clone(), place.clone(), default));
        }
        let all = self.arguments(&name, &with_defaults, args, at, declared_at, cx);
        (Ex { at, kind: Ek::Call(FnId(id), all.into()) }, result)
    }

    /// A property of a literal of the domain: `timeout.seconds`.
    pub fn property(&mut self, inner: Ex, ty: TyId, name: &ast::Name, at: Span) -> (Ex, TyId) {
        let owner = self.types.name(ty);
        let full = format!("{owner}.{}", name.text);
        if let Some(index) = self.builtins.find(&full)
            && self.builtins.get(index).schemes.iter().all(|s| s.params.len() == 1)
        {
            let result = self.builtins.get(index).schemes[0].result.clone();
            let ty = self.sig_type(&result, &mut Vec::new());
            let arg_ty: Box<[TyId]> = Box::new([TyId::ERROR]);
            return (Ex { at, kind: Ek::Builtin(index, Box::new([inner]), arg_ty) }, ty);
        }
        let prefix = format!("{owner}.");
        let known: Vec<&str> = self.builtins.names().filter_map(|n| n.strip_prefix(&prefix)).collect();
        let found = match self.types.get(ty) {
            Ty::Opt(_) => format!("{owner}, which may be `none`"),
            _ => format!("a {owner}"),
        };
        self.problems.push(errors::unknown_field(name.at, &name.text, &found, None, known));
        Self::error(at)
    }

    /// `f(e for …)`.
    pub fn call_for(
        &mut self,
        callee: &ast::Expr,
        item: &ast::Expr,
        each: &ast::Generator,
        at: Span,
        cx: &mut Cx,
    ) -> (Ex, TyId) {
        let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
        let each = self.generator(each, cx);
        let name = match &callee.kind {
            ExprKind::Name(name) => name.clone(),
            _ => Arc::from(""),
        };
        let Some(index) = self.builtins.find(&name) else {
            self.problems.push(errors::not_a_function(
                callee.at,
                &name,
                ["all", "any", "unique", "disjoint", "count", "sum"],
            ));
            cx.vars.truncate(n_vars);
            cx.n_slots = n_slots;
            return Self::error(at);
        };
        let (item, item_ty) = if matches!(&*name, "all" | "any") {
            (self.check(item, &Place::plain(TyId::BOOL), cx), TyId::BOOL)
        } else {
            self.infer(item, cx)
        };
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        let list = self.types.list(item_ty);
        let at_item = item.at;
        let listed = Ex { at: at_item, kind: Ek::ListFor(Box::new(each.clone()), Box::new(item.clone())) };
        let (_, result) = self.apply(index, vec![Some((listed, list))], &[], at, cx);
        (Ex { at, kind: Ek::BuiltinFor(index, Box::new(each), Box::new(item), item_ty) }, result)
    }

    fn call_builtin(
        &mut self,
        index: u16,
        receiver: Option<(Ex, TyId)>,
        args: &[ast::Arg],
        at: Span,
        cx: &mut Cx,
    ) -> (Ex, TyId) {
        let builtins = self.builtins;
        let builtin = builtins.get(index);
        for arg in args {
            if let Some(name) = &arg.name {
                let message = format!("`{}` takes its arguments by position", builtin.name);
                self.problems.push(errors::wrong_arguments(name.at, message, None, None));
            }
        }
        match builtin.name {
            "template" | "file" => return self.text_of_file(builtin.name, index, args, at, cx),
            "secret" | "secret_part" => return self.secret(index, args, at, cx),
            "digest" => return self.digest(index, args, at, cx),
            _ => {}
        }
        let mut given: Vec<Option<(Ex, TyId)>> = receiver.into_iter().map(Some).collect();
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
        given: Vec<Option<(Ex, TyId)>>,
        trees: &[&ast::Expr],
        at: Span,
        cx: &mut Cx,
    ) -> (Ex, TyId) {
        let builtins = self.builtins;
        let builtin = builtins.get(index);
        if given.iter().flatten().any(|(_, ty)| *ty == TyId::ERROR) {
            return Self::error(at);
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
                        let wanted = self.sig_type(sig, &mut vars);
                        all.push(if wanted == TyId::ERROR { ex } else { self.coerce(ex, ty, wanted) });
                        types.push(ty);
                    }
                    None => {
                        let wanted = self.sig_type(sig, &mut vars);
                        if wanted == TyId::ERROR {
                            self.problems.push(errors::needs_type(trees[i - shift].at, "this argument"));
                            return Self::error(at);
                        }
                        all.push(self.check(trees[i - shift], &Place::plain(wanted), cx));
                        types.push(wanted);
                    }
                }
            }
            let result = self.sig_type(&scheme.result, &mut vars);
            return (Ex { at, kind: Ek::Builtin(index, all.into(), types.into()) }, result);
        }
        let found: Vec<String> = given
            .iter()
            .map(|a| a.as_ref().map_or("…".to_string(), |(_, ty)| self.types.name(*ty)))
            .collect();
        let message = format!("`{}` does not take ({})", builtin.name, found.join(", "));
        let secret = given.iter().flatten().find(|(_, ty)| *ty == TyId::SECRET);
        match secret {
            Some((ex, _)) => self.problems.push(errors::secret_leak(
                ex.at,
                None,
                &format!("an argument of `{}`", builtin.name),
            )),
            None => self.problems.push(errors::wrong_arguments(
                at,
                message,
                None,
                Some(format!("it is {}", builtin.text)),
            )),
        }
        Self::error(at)
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

    fn sig_type(&mut self, sig: &Sig, vars: &mut Vec<(char, TyId)>) -> TyId {
        match sig {
            Sig::Var(name) => vars.iter().find(|(n, _)| n == name).map_or(TyId::ERROR, |(_, ty)| *ty),
            Sig::AnyKey => TyId::ERROR,
            Sig::Basic(ty) => *ty,
            Sig::List(item) => match self.sig_type(item, vars) {
                TyId::ERROR => TyId::ERROR,
                item => self.types.list(item),
            },
            Sig::Set(item) => match self.sig_type(item, vars) {
                TyId::ERROR => TyId::ERROR,
                item => self.types.intern(Ty::Set(item)),
            },
            Sig::Opt(item) => match self.sig_type(item, vars) {
                TyId::ERROR => TyId::ERROR,
                item => self.types.opt(item),
            },
            Sig::Map(key, value) => match (self.sig_type(key, vars), self.sig_type(value, vars)) {
                (TyId::ERROR, _) | (_, TyId::ERROR) => TyId::ERROR,
                (key, value) => self.types.intern(Ty::Map(key, value)),
            },
        }
    }

    /// `secret(name)`: a key of the map `secrets` where the root has one, else a text.
    fn secret(&mut self, index: u16, args: &[ast::Arg], at: Span, cx: &mut Cx) -> (Ex, TyId) {
        let wanted = self.builtins.get(index).schemes[0].params.len();
        if args.len() != wanted {
            let message = format!(
                "`{}` takes {wanted} argument{}",
                self.builtins.get(index).name,
                if wanted == 1 { "" } else { "s" }
            );
            self.problems.push(errors::wrong_arguments(at, message, None, None));
            return Self::error(at);
        }
        let key = KeyOf::Root(vec![Arc::from("secrets")].into());
        let ty = if self.map_of(&key).is_some() { self.types.intern(Ty::Key(key)) } else { TyId::STR };
        let mut all = vec![self.check(&args[0].value, &Place::plain(ty), cx)];
        if let Some(part) = args.get(1) {
            all.push(self.check(&part.value, &Place::plain(TyId::STR), cx));
        }
        (Ex { at, kind: Ek::Builtin(index, all.into(), Box::new([ty])) }, TyId::SECRET)
    }

    fn digest(&mut self, index: u16, args: &[ast::Arg], at: Span, cx: &mut Cx) -> (Ex, TyId) {
        let [arg] = args else {
            self.problems.push(errors::wrong_arguments(at, "`digest` takes 1 argument", None, None));
            return Self::error(at);
        };
        let (ex, ty) = self.infer(&arg.value, cx);
        if self.types.holds_secret(ty) {
            let found = self.types.name(ty);
            self.problems.push(errors::secret_leak(
                arg.value.at,
                None,
                &format!("a digest: {found} may hold a secret"),
            ));
            return Self::error(at);
        }
        (Ex { at, kind: Ek::Builtin(index, Box::new([ex]), Box::new([ty])) }, TyId::STR)
    }

    /// `template("x", v)` and `file("x")`: the name is a literal, read now.
    fn text_of_file(
        &mut self,
        name: &str,
        index: u16,
        args: &[ast::Arg],
        at: Span,
        cx: &mut Cx,
    ) -> (Ex, TyId) {
        let wanted = if name == "template" { 2 } else { 1 };
        if args.len() != wanted {
            let message = format!("`{name}` takes {wanted} argument{}", if wanted == 1 { "" } else { "s" });
            self.problems.push(errors::wrong_arguments(at, message, None, None));
            return Self::error(at);
        }
        let path = match &args[0].value.kind {
            ExprKind::Text(text) => text.literal(),
            _ => None,
        };
        let Some(path) = path else {
            let message = format!("the name of a {name} is a plain text");
            let help = Some("it is read before anything is evaluated".to_string());
            self.problems.push(errors::wrong_arguments(args[0].value.at, message, None, help));
            return Self::error(at);
        };
        let value = args.get(1).map(|a| self.check(&a.value, &Place::plain(TyId::TREE), cx));
        let Some(file) = self.read_text(&path, args[0].value.at, cx) else { return Self::error(at) };
        let source = self.files.sources.file(file);
        let (file_name, text, start) = (source.name.clone(), source.text.clone(), source.start);
        match value {
            None => (Ex { at, kind: Ek::Const(Value::Str(text)) }, TyId::STR),
            Some(value) => {
                let constant = |v: Value| Ex { at, kind: Ek::Const(v) };
                let all = vec![
                    constant(Value::Str(file_name)),
                    constant(Value::Str(text)),
                    constant(Value::Int(i64::from(start))),
                    value,
                ];
                (Ex { at, kind: Ek::Builtin(index, all.into(), Box::new([])) }, TyId::TREE)
            }
        }
    }

    fn read_text(&mut self, path: &str, at: Span, cx: &Cx) -> Option<crate::source::FileId> {
        let source = self.files.sources.file(cx.file);
        let layer = source.layer;
        let full = super::load::join(&source.name, path);
        let id = format!("{layer:?}:{full}");
        if let Some(known) = self.texts.get(&id) {
            return Some(*known);
        }
        let text = match layer {
            Layer::Library => self.world.library(&full).ok_or(crate::source::ReadError::Missing),
            Layer::Site => self.world.read(&full),
        };
        match text {
            Ok(text) => {
                let file = self.files.sources.add(&full, plain_lines(text), layer);
                self.texts.insert(id, file);
                Some(file)
            }
            Err(why) => {
                self.problems.push(errors::unreadable_text(at, path, &why));
                None
            }
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

/// Whether a scheme takes this many arguments.
pub fn takes(scheme: &Scheme, n: usize) -> bool {
    scheme.params.len() == n
}
