//! The order of checking: names, types, options, signatures, then everything that has a value.

use super::errors;
use super::hir::*;
use super::load::Files;
use super::scope::*;
use super::sig::Signatures;
use super::ty::*;
use crate::diag::{Diagnostic, Problems};
use crate::source::{FileId, Layer, Span, World};
use crate::syntax::ast::{self, ItemKind};
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
        (file, crate::syntax::parse_expr(text, file, &mut problems))
    });
    let mut types = Types::default();
    types.records.push(RecordDef {
        name: None,
        at: Span::default(),
        base: None,
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
        todo_bases: Some(Vec::new()),
        inherited: Vec::new(),
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
        let (ex, ty) = checker.infer(&expr, &mut Ctx::new(FileId(0)));
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
    let mut checked = |ex: Option<TypedExpr>| {
        ex.unwrap_or_else(|| {
            let at = Span::default();
            TypedExpr {
                at,
                kind: TypedKind::Error(problems.push(Diagnostic::bug(at, "an expression was not checked"))),
            }
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
        self.inherit_all();
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
        self.cycles();
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
                let (ex, ty) = self.let_value(&decl.tree, &mut Ctx::new(decl.file));
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
            let mut cx = Ctx::new(file);
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
                    let meta = super::define::Meta {
                        file,
                        strength: crate::rank::SITE,
                        op: ast::Op::Set,
                        group: GroupId(0),
                    };
                    self.entries(std::slice::from_ref(entry), &root, &[], meta, true, &mut Ctx::new(file));
                }
                ItemKind::Check { title, warn, body } => {
                    let title_text = title.literal().unwrap_or_else(|| {
                        self.problems.push(errors::bad_path(
                            title.at,
                            "the title of a check has no interpolations",
                            None,
                        ));
                        "".into()
                    });
                    let body = self.check_lines(body, &mut Ctx::new(file));
                    self.checks.push(CheckDef { title: title_text, at: title.at, warn: *warn, body });
                }
                _ => {}
            }
        }
    }

    fn check_lines(&mut self, lines: &[ast::CheckItem], cx: &mut Ctx) -> Vec<CheckH> {
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
                    let cond = self.condition(cond, cx);
                    let message = message.as_ref().map(|m| self.check(m, &RefinedType::plain(TyId::STR), cx));
                    out.push(CheckH::Require(cond, message, *at));
                }
                ast::CheckItem::For { generator, body } => {
                    out.push(self.in_loop(generator, cx, |checker, each, cx| {
                        CheckH::For(each, checker.check_lines(body, cx))
                    }));
                }
                ast::CheckItem::If { cond, body } => {
                    let cond = self.condition(cond, cx);
                    let body = self.check_lines(body, cx);
                    out.push(CheckH::If(cond, body));
                }
            }
        }
        cx.vars.truncate(n_vars);
        cx.n_slots = n_slots;
        out
    }
}
