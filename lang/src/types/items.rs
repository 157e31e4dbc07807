//! The order of checking: names, types, options, signatures, then everything that has a value.

use super::errors;
use super::hir::*;
use super::load::Files;
use super::scope::*;
use super::sig::Signatures;
use super::ty::*;
use crate::diag::{Diagnostic, Problems};
use crate::source::{FileId, Layer, Span, World};
use crate::syntax::ast::{self, ItemKind, TypeBase};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The name of an expression that is asked for, in reports.
pub const ASKED: &str = "expression";

/// Checks all files, and an expression that is asked for, and yields the typed program.
pub fn check(
    world: &dyn World,
    builtins: &Signatures,
    mut files: Files,
    asked: Option<&str>,
    mut problems: Problems,
) -> (Program, Problems) {
    let asked = asked.map(|text| {
        let file = files.sources.add(ASKED, text.into(), Layer::Site);
        let start = files.sources.file(file).start;
        (file, crate::syntax::parse_expr(text, start, &mut problems))
    });
    let mut types = Types::default();
    types.records.push(RecordDef {
        name: None,
        at: Span::default(),
        fields: Vec::new(),
        index: Default::default(),
    });
    let top = Group { parent: GroupId(0), kind: GroupKind::Top, n_slots: 0, depth: 0, at: Span::default() };
    let mut checker = Checker {
        world,
        builtins,
        files,
        types,
        root: RecId(0),
        names: Vec::new(),
        type_decls: Vec::new(),
        fn_decls: Vec::new(),
        fn_sigs: Vec::new(),
        funcs: Vec::new(),
        let_decls: Vec::new(),
        globals: Vec::new(),
        wheres: Vec::new(),
        todo_wheres: Vec::new(),
        where_docs: Vec::new(),
        doc: None,
        todo_defaults: Vec::new(),
        todo_keys: Vec::new(),
        groups: vec![top],
        defs: Vec::new(),
        checks: Vec::new(),
        tests: Vec::new(),
        asked: None,
        depth: 0,
        literals: Vec::new(),
        texts: BTreeMap::new(),
        bad_keys: Vec::new(),
        key_names: Vec::new(),
        defaulted: BTreeSet::new(),
        problems,
        open_lets: Vec::new(),
        lending: None,
    };
    checker.all();
    let asked_in = asked.as_ref().map(|(file, _)| *file);
    if let Some((_, expr)) = asked {
        let n = checker.problems.len();
        let (ex, ty) = checker.infer(&expr, &mut Cx::new(FileId(0)));
        checker.check_keys();
        checker.defaults();
        checker.conditions();
        checker.asked = (checker.problems.len() == n && !matches!(checker.types.get(ty), Ty::Error(_)))
            .then_some((ex, ty));
    }
    let Checker {
        files,
        types,
        root,
        wheres,
        where_docs,
        funcs,
        globals,
        groups,
        defs,
        checks,
        tests,
        asked,
        literals,
        bad_keys,
        key_names,
        mut problems,
        ..
    } = checker;
    let mut checked = |ex: Option<Ex>| {
        ex.unwrap_or_else(|| {
            let at = Span::default();
            Ex { at, kind: Ek::Error(problems.push(Diagnostic::bug(at, "an expression was not checked"))) }
        })
    };
    let wheres = wheres.into_iter().map(&mut checked).collect();
    let globals = globals.into_iter().map(checked).collect();
    let program = Program {
        sources: files.sources,
        types,
        root,
        wheres,
        where_docs,
        funcs,
        globals,
        groups,
        defs,
        checks,
        tests,
        asked,
        asked_in,
        uses: files.uses,
        literals,
        bad_keys,
        key_names,
    };
    (program, problems)
}

impl Checker<'_> {
    fn all(&mut self) {
        let trees: Vec<Arc<ast::File>> = self.files.all.iter().map(|f| f.tree.clone()).collect();
        for (i, tree) in trees.iter().enumerate() {
            self.collect(FileId(i as u16), tree);
        }
        for id in 0..self.type_decls.len() as u32 {
            let at = self.type_decls[id as usize].at;
            if matches!(self.type_decls[id as usize].state, State::Todo) {
                self.declared(id, at);
            }
        }
        for (i, tree) in trees.iter().enumerate() {
            self.options(FileId(i as u16), tree);
        }
        self.check_keys();
        self.signatures();
        self.defaults();
        self.conditions();
        for id in 0..self.let_decls.len() as u32 {
            let at = self.let_decls[id as usize].tree.name.at;
            self.let_type(id, at);
        }
        self.functions();
        for (i, tree) in trees.iter().enumerate() {
            self.values(FileId(i as u16), tree);
        }
        // Tests name checks, of files before and after.
        for (i, tree) in trees.iter().enumerate() {
            self.tests_of(FileId(i as u16), tree);
        }
        // Types written inside functions and definitions may have left more to do.
        self.check_keys();
        self.defaults();
        self.conditions();
        self.circles();
    }

    fn declare(&mut self, file: FileId, name: &ast::Name, decl: Decl, public: bool) {
        let names = &mut self.names[file.0 as usize];
        if let Some(first) = names.get(&name.text) {
            let first = first.at;
            self.problems.push(errors::duplicate(name.at, "the name", &name.text, first));
            return;
        }
        names.insert(name.text.clone(), Declared { decl, public, at: name.at });
    }

    fn collect(&mut self, file: FileId, tree: &ast::File) {
        self.names.push(BTreeMap::new());
        for item in &tree.items {
            match &item.kind {
                ItemKind::Fn(func) => {
                    let id = self.fn_decls.len() as u32;
                    self.fn_decls.push(FnDecl { tree: Arc::new(func.clone()), file });
                    self.declare(file, &func.name, Decl::Fn(id), func.public);
                }
                ItemKind::Let { public, binding } => {
                    let id = self.let_decls.len() as u32;
                    self.let_decls.push(LetDecl {
                        tree: Arc::new(binding.clone()),
                        file,
                        state: State::Todo,
                    });
                    self.globals.push(None);
                    self.declare(file, &binding.name, Decl::Let(id), *public);
                }
                ItemKind::Type { public, name, extends: false, ty } => {
                    let id = self.type_decls.len() as u32;
                    let record = matches!(ty.base, TypeBase::Record(_))
                        .then(|| self.new_record(Some(name.text.clone()), name.at));
                    let ty = ty.clone();
                    self.type_decls.push(TypeDecl {
                        name: name.text.clone(),
                        file,
                        ty,
                        doc: item.doc.clone(),
                        at: name.at,
                        record,
                        state: State::Todo,
                    });
                    self.declare(file, name, Decl::Type(id), *public);
                }
                _ => {}
            }
        }
    }

    fn options(&mut self, file: FileId, tree: &ast::File) {
        for item in &tree.items {
            match &item.kind {
                ItemKind::Option { path, ty, default } => {
                    let place = self.documented(&item.doc, |it| it.place(ty, file));
                    self.option(file, path, item.doc.clone(), place, default.as_ref());
                }
                ItemKind::Type { name, extends: true, ty, .. } => self.extend(file, name, ty),
                _ => {}
            }
        }
    }

    fn option(
        &mut self,
        file: FileId,
        path: &[ast::Name],
        doc: Option<Arc<str>>,
        place: Place,
        default: Option<&ast::Expr>,
    ) {
        let Some((last, before)) = path.split_last() else { return };
        let mut rec = self.root;
        for name in before {
            let found = self.types.record(rec).find(&name.text);
            rec = match found.map(|i| self.types.record(rec).fields[i as usize].clone()) {
                Some(field) => match self.types.get(field.place.ty) {
                    Ty::Record(inner) if self.types.record(*inner).name.is_none() => *inner,
                    _ => {
                        self.problems.push(errors::duplicate(name.at, "the option", &name.text, field.at));
                        return;
                    }
                },
                None => {
                    let inner = self.new_record(None, name.at);
                    let ty = self.types.intern(Ty::Record(inner));
                    self.add_field(rec, name, None, Place::plain(ty), None, file);
                    inner
                }
            };
        }
        self.add_field(rec, last, doc, place, default, file);
    }

    fn extend(&mut self, file: FileId, name: &ast::Name, ty: &ast::TypeExpr) {
        let Found::One(Decl::Type(id), _) = self.find(file, &name.text, |d| matches!(d, Decl::Type(_)))
        else {
            let diagnostic = self.no_such_type(name, file);
            self.problems.push(diagnostic);
            return;
        };
        let (Some(record), TypeBase::Record(fields)) = (self.type_decls[id as usize].record, &ty.base) else {
            self.problems.push(errors::bad_type_use(name.at, "only record types can be extended", None));
            return;
        };
        for field in fields {
            if field.default.is_none() && !field.ty.optional {
                let message = format!("the added field `{}` has no default", field.name.text);
                self.problems.push(errors::bad_type_use(
                    field.name.at,
                    message,
                    Some("give it one: others make such records too"),
                ));
            }
        }
        self.add_fields(record, fields, file);
    }

    fn signatures(&mut self) {
        for id in 0..self.fn_decls.len() {
            let FnDecl { tree, file } = self.fn_decls[id].clone();
            let (mut params, mut defaults) = (Vec::new(), Vec::new());
            for param in &tree.params {
                let place = self.place(&param.ty, file);
                params.push(FnParam { name: param.name.text.clone(), place });
                let tree = param.default.as_ref().map(|tree| Arc::new(tree.clone()));
                defaults.push(tree.map(|tree| ParamDefault { tree, state: State::Todo }));
            }
            let result = self.place(&tree.result, file);
            self.fn_sigs.push(FnSig { params, defaults, result });
        }
    }

    fn defaults(&mut self) {
        // A default may write a type that has defaults again.
        while !self.todo_defaults.is_empty() {
            for (owner, index, expr, file) in std::mem::take(&mut self.todo_defaults) {
                let mut cx = Cx::new(file);
                let place = match owner {
                    Owner::Record(rec) => {
                        if rec != self.root {
                            cx.this = Some(self.types.intern(Ty::Record(rec)));
                        }
                        cx.key = Some(TyId::STR);
                        self.types.record(rec).fields[index as usize].place.clone()
                    }
                    Owner::Variant(id, variant) => {
                        self.types.enumeration(id).variants[variant as usize].1[index as usize].place.clone()
                    }
                };
                let ex = Arc::new(self.default(&expr, &place, &mut cx));
                match owner {
                    Owner::Record(rec) => {
                        self.types.records[rec.0 as usize].fields[index as usize].default = Some(ex)
                    }
                    Owner::Variant(id, variant) => {
                        self.types.enums[id.0 as usize].variants[variant as usize].1[index as usize]
                            .default = Some(ex);
                    }
                }
            }
        }
    }

    /// A default: braces may leave out fields, which definitions then have to give.
    fn default(&mut self, expr: &ast::Expr, place: &Place, cx: &mut Cx) -> Ex {
        match &expr.kind {
            ast::ExprKind::Body(body)
                if matches!(self.types.get(self.types.unwrap(place.ty)), Ty::Record(_)) =>
            {
                let inner = Place { ty: self.types.unwrap(place.ty), refine: place.refine.clone() };
                self.body_partial(body, &inner, cx)
            }
            _ => self.check(expr, place, cx),
        }
    }

    fn conditions(&mut self) {
        while !self.todo_wheres.is_empty() {
            for (id, expr, it, file) in std::mem::take(&mut self.todo_wheres) {
                let mut cx = Cx::new(file);
                cx.it = Some(it);
                if it == TyId::SECRET {
                    let why = self.problems.push(errors::secret_leak(expr.at, None, "a condition"));
                    cx.it = Some(self.types.error(why));
                }
                let cond = self.check(&expr, &Place::plain(TyId::BOOL), &mut cx);
                self.wheres[id.0 as usize] = Some(cond);
            }
        }
    }

    /// The type of a `let` of a file.
    pub fn let_type(&mut self, id: u32, used_at: Span) -> TyId {
        let decl = self.let_decls[id as usize].clone();
        match decl.state {
            State::Done(ty) => ty,
            State::Busy => {
                let chain: Vec<(String, Span)> = self
                    .open_lets
                    .iter()
                    .map(|l| {
                        (
                            self.let_decls[*l as usize].tree.name.text.to_string(),
                            self.let_decls[*l as usize].tree.name.at,
                        )
                    })
                    .chain([(decl.tree.name.text.to_string(), used_at)])
                    .collect();
                let why = self.problems.push(errors::recursive_function(used_at, &chain));
                self.types.error(why)
            }
            State::Todo if self.open_lets.len() == super::resolve::MOST_NAMES => {
                let why = self.problems.push(errors::too_deep(used_at, super::resolve::MOST_NAMES));
                self.types.error(why)
            }
            State::Todo => {
                self.let_decls[id as usize].state = State::Busy;
                self.open_lets.push(id);
                let (ex, ty) = self.let_value(&decl.tree, &mut Cx::new(decl.file));
                self.open_lets.pop();
                self.globals[id as usize] = Some(ex);
                self.let_decls[id as usize].state = State::Done(ty);
                ty
            }
        }
    }

    fn functions(&mut self) {
        for id in 0..self.fn_decls.len() {
            let FnDecl { tree, file } = self.fn_decls[id].clone();
            let FnSig { params, result, .. } = self.fn_sigs[id].clone();
            let mut cx = Cx::new(file);
            let mut names: Vec<&ast::Name> = Vec::new();
            for (i, (param, FnParam { name, place })) in tree.params.iter().zip(&params).enumerate() {
                if let Some(first) = names.iter().find(|n| n.text == *name) {
                    self.problems.push(errors::duplicate(param.name.at, "the parameter", name, first.at));
                }
                names.push(&param.name);
                cx.bind(name, place.ty);
                // Also where nobody calls the function.
                self.param_default(id as u32, i, param.name.at);
            }
            let mut lets = Vec::new();
            for binding in &tree.lets {
                let (ex, ty) = self.let_value(binding, &mut cx);
                cx.bind(&binding.name.text, ty);
                lets.push(ex);
            }
            let of = || format!("{}(…)", tree.name.text);
            let value = self.check_demanded(&tree.value, &result, of, &mut cx);
            let name = tree.name.text.clone();
            self.funcs.push(Func { name, at: tree.name.at, file, params, lets, value, result });
        }
    }

    fn values(&mut self, file: FileId, tree: &ast::File) {
        let root = self.root_spot();
        for item in &tree.items {
            match &item.kind {
                ItemKind::Entry(entry) => {
                    let meta = super::body::Meta {
                        file,
                        strength: crate::rank::SITE,
                        op: ast::Op::Set,
                        group: GroupId(0),
                    };
                    self.entries(std::slice::from_ref(entry), &root, &[], meta, true, &mut Cx::new(file));
                }
                ItemKind::Check { title, warn, body } => {
                    let title_text = title.literal().unwrap_or_else(|| {
                        self.problems.push(errors::bad_path(
                            title.at,
                            "the title of a check has no holes",
                            None,
                        ));
                        "".into()
                    });
                    let body = self.check_lines(body, &mut Cx::new(file));
                    self.checks.push(CheckDef { title: title_text, at: title.at, warn: *warn, body });
                }
                _ => {}
            }
        }
    }

    fn check_lines(&mut self, lines: &[ast::CheckItem], cx: &mut Cx) -> Vec<CheckH> {
        let mut out = Vec::new();
        let (n_vars, n_slots) = (cx.vars.len(), cx.n_slots);
        for line in lines {
            match line {
                ast::CheckItem::Let(binding) => {
                    let (ex, ty) = self.let_value(binding, cx);
                    let slot = cx.bind(&binding.name.text, ty);
                    out.push(CheckH::Let(slot, ex));
                }
                ast::CheckItem::Require { at, cond, message } => {
                    let cond = self.check(cond, &Place::plain(TyId::BOOL), cx);
                    let message = message.as_ref().map(|m| self.check(m, &Place::plain(TyId::STR), cx));
                    out.push(CheckH::Require(cond, message, *at));
                }
                ast::CheckItem::For { generator, body } => {
                    let (vars, slots) = (cx.vars.len(), cx.n_slots);
                    let each = self.generator(generator, cx);
                    let body = self.check_lines(body, cx);
                    cx.vars.truncate(vars);
                    cx.n_slots = slots;
                    out.push(CheckH::For(each, body));
                }
                ast::CheckItem::If { cond, body } => {
                    let cond = self.check(cond, &Place::plain(TyId::BOOL), cx);
                    let body = self.check_lines(body, cx);
                    out.push(CheckH::If(cond, body));
                }
            }
        }
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        out
    }

    /// Reports functions that call each other in a circle, and makes them fail when called.
    fn circles(&mut self) {
        let calls: Vec<BTreeSet<u32>> = self
            .funcs
            .iter()
            .map(|f| {
                let mut out = BTreeSet::new();
                let mut see = |e: &Ex| {
                    if let Ek::Call(id, _) = &e.kind {
                        out.insert(id.0);
                    }
                };
                f.lets.iter().for_each(|l| l.walk(&mut see));
                f.value.walk(&mut see);
                out
            })
            .collect();
        let mut state = vec![0u8; calls.len()];
        for start in 0..calls.len() as u32 {
            if state[start as usize] == 0 {
                self.visit(start, &calls, &mut state);
            }
        }
    }

    /// Depth-first with its own stack: descriptions may have long chains of calls.
    fn visit(&mut self, start: u32, calls: &[BTreeSet<u32>], state: &mut [u8]) {
        let mut stack: Vec<(u32, Vec<u32>)> = vec![(start, calls[start as usize].iter().copied().collect())];
        state[start as usize] = 1;
        while let Some((at, todo)) = stack.last_mut() {
            let at = *at;
            match todo.pop() {
                Some(next) if state[next as usize] == 0 => {
                    state[next as usize] = 1;
                    stack.push((next, calls[next as usize].iter().copied().collect()));
                }
                Some(next) if state[next as usize] == 1 => {
                    let first = stack.iter().position(|(f, _)| *f == next).unwrap_or(0);
                    let chain: Vec<(String, Span)> = stack[first..]
                        .iter()
                        .map(|(f, _)| *f)
                        .chain([next])
                        .map(|f| (self.funcs[f as usize].name.to_string(), self.funcs[f as usize].at))
                        .collect();
                    let why = self.problems.push(errors::recursive_function(chain[0].1, &chain));
                    let value_at = self.funcs[at as usize].value.at;
                    self.funcs[at as usize].value = Ex { at: value_at, kind: Ek::Error(why) };
                    self.funcs[at as usize].lets.clear();
                }
                Some(_) => {}
                None => {
                    state[at as usize] = 2;
                    stack.pop();
                }
            }
        }
    }
}
