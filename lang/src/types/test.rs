//! Tests: what they give is checked as definitions, what they expect as conditions. Nothing of them is part of the description.

use super::define::Meta;
use super::errors;
use super::hir::*;
use super::scope::*;
use crate::diag::Code;
use crate::source::FileId;
use crate::syntax::ast::{self, Op};

impl Checker<'_> {
    /// Checks the tests of a file.
    pub(super) fn tests_of(&mut self, file: FileId, tree: &ast::File) {
        for item in &tree.items {
            if let ast::ItemKind::Test { title, body } = &item.kind {
                self.test(file, title, body);
            }
        }
    }

    fn test(&mut self, file: FileId, title: &ast::Text, body: &[ast::TestItem]) {
        let plain = title.literal().unwrap_or_else(|| {
            self.problems.push(errors::bad_path(title.at, "the title of a test has no interpolations", None));
            "".into()
        });
        if let Some(first) = self.tests.iter().find(|t| t.file == file && t.title == plain) {
            let first = first.at;
            self.problems.push(errors::duplicate(title.at, "the test", &plain, first));
        }
        let defs = std::mem::take(&mut self.defs);
        let literals = std::mem::take(&mut self.literals);
        let key_names = std::mem::take(&mut self.key_names);
        let mut expects = Vec::new();
        for item in body {
            match item {
                ast::TestItem::Given(body) => {
                    let root = self.root_spot();
                    let meta =
                        Meta { file: GIVEN, strength: crate::rank::SITE, op: Op::Set, group: GroupId(0) };
                    self.entries(&body.entries, &root, &[], meta, true, &mut Ctx::new(file));
                }
                ast::TestItem::Expect(cond) => {
                    let mut cx = Ctx { expected: true, ..Ctx::new(file) };
                    expects.push(self.condition(cond, &mut cx));
                }
            }
        }
        self.tests.push(TestDef {
            title: plain,
            at: title.at,
            file,
            given: std::mem::replace(&mut self.defs, defs),
            literals: std::mem::replace(&mut self.literals, literals),
            key_names: std::mem::replace(&mut self.key_names, key_names),
            expects,
        });
    }

    /// Demands that the check or the code that a test names is there: `not fails("…")` of a name mistyped would hold for ever.
    pub(super) fn names_what_is(&mut self, builtin: &str, args: &[ast::Arg]) {
        let Some(first) = args.first().map(|arg| &arg.value) else { return };
        let plain = match &first.kind {
            ast::ExprKind::Text(text) => text.literal(),
            _ => None,
        };
        let Some(name) = plain else {
            let help = Some(format!("write it as a text: `{builtin}(\"…\")`"));
            self.problems.push(errors::wrong_arguments(
                first.at,
                "a test names what it expects in plain text",
                None,
                help,
            ));
            return;
        };
        let known: Vec<&str> = match builtin {
            "fails" => self.checks.iter().map(|check| &*check.title).collect(),
            _ => Code::ALL.iter().map(|code| code.as_str()).collect(),
        };
        let is_known = if builtin == "fails" { known.contains(&&*name) } else { Code::find(&name).is_some() };
        if !is_known {
            let report = errors::no_such_expected(first.at, builtin, &name, &known);
            self.problems.push(report);
        }
    }
}
