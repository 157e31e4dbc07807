//! What a test expects, evaluated on the description with what the test gives. What only the caller of the language knows, it is
//! asked for: texts that it makes of values, and what was reported in the end. Words are in `errors`.

use super::caller::{Answer, Asked, Caller};
use super::errors;
use super::frame::Frame;
use super::pass::Pass;
use super::state::Evidence;
use crate::data::{Data, Origin};
use crate::diag::{Code, Diagnostic, Severity};
use crate::live::Value;
use crate::source::Span;
use crate::syntax::ast::BinOp;
use crate::types::hir::{CheckDef, TestDef, TypedExpr, TypedKind};
use crate::types::ops::symbol;
use crate::types::ty::{RefinedType, TyId};
use std::sync::Arc;

/// How a test ended.
#[derive(Debug, Default)]
pub struct Judged {
    /// Expectations that do not hold.
    pub failures: Vec<Failure>,
    /// Errors that no expectation speaks of.
    pub unexpected: Vec<Diagnostic>,
}

impl Judged {
    /// Whether the test passed.
    pub fn passed(&self) -> bool {
        self.failures.is_empty() && self.unexpected.is_empty()
    }
}

/// An expectation that does not hold.
#[derive(Debug)]
pub struct Failure {
    /// The report.
    pub report: Diagnostic,
    /// What was compared, if two values were: left and right.
    pub sides: Option<(Data, Data)>,
    /// The text of several lines of which something was expected, as by `contains`.
    pub subject: Option<Arc<str>>,
}

impl<'p> Pass<'p> {
    /// Evaluates what a test expects.
    pub fn judge(&mut self, test: &TestDef, caller: &'p dyn Caller) -> Judged {
        let reports = caller.reports();
        self.asked = Some(Asked { caller, expected: vec![false; reports.len()] });
        let mut undecided = Vec::new();
        let mut failures = Vec::new();
        for ex in &test.expects {
            match self.eval(ex, &mut Frame::of(Arc::from([]))) {
                Value::Bool(true) => {}
                Value::Bool(false) => failures.push(self.not_held(test, ex)),
                _ => undecided.push(ex.at),
            }
        }
        let expected = self.asked.take().map(|it| it.expected).unwrap_or_default();
        let is_error = |it: &&Diagnostic| it.severity <= Severity::Error;
        let mut unexpected: Vec<Diagnostic> = reports
            .iter()
            .zip(expected)
            .filter(|(it, expected)| is_error(it) && !expected)
            .map(|(it, _)| it.clone())
            .collect();
        let own = std::mem::take(&mut self.problems).sorted();
        let is_new =
            |it: &Diagnostic| !reports.iter().any(|known| known.at == it.at && known.code == it.code);
        // A text that could not be made is explained by the mistakes of the description.
        let is_told = |it: &Diagnostic| it.code == Code::Expect && !unexpected.is_empty();
        let own: Vec<Diagnostic> =
            own.into_iter().filter(|it| is_error(&it) && is_new(it) && !is_told(it)).collect();
        unexpected.extend(own);
        // What could not be decided because of a mistake is explained by the mistake, unless that was expected.
        if unexpected.is_empty() {
            let undecided = undecided.into_iter();
            let failure = |at| Failure { report: errors::undecided(test, at), sides: None, subject: None };
            failures.extend(undecided.map(failure));
        }
        failures.sort_by_key(|it| it.report.at);
        Judged { failures, unexpected }
    }

    /// Says why an expectation does not hold: it is evaluated once more, and what it reads is noted.
    fn not_held(&mut self, test: &TestDef, ex: &TypedExpr) -> Failure {
        // What goes wrong here went wrong before.
        let before = std::mem::take(&mut self.problems);
        let ex = self.broken_part(ex);
        self.evidence = Some(Evidence::default());
        self.eval(ex, &mut Frame::of(Arc::from([])));
        let evidence = self.evidence.take().unwrap_or_default();
        let (sides, subject) = (self.sides(ex), self.subject(ex));
        let words = match (&sides, &ex.kind) {
            (Some((left, right)), TypedKind::Bin(op, ..)) => Self::compared(*op, left, right),
            (_, TypedKind::Not(_)) => "this is true after `not`".to_owned(),
            _ => "this is false".to_owned(),
        };
        self.problems = before;
        let report = errors::expectation(test, ex.at, &words, evidence.rounds(), evidence.reads());
        Failure { report, sides, subject }
    }

    /// The part of an `and` that is false.
    fn broken_part<'e>(&mut self, ex: &'e TypedExpr) -> &'e TypedExpr {
        let TypedKind::And(a, b) = &ex.kind else { return ex };
        match self.eval(a, &mut Frame::of(Arc::from([]))) {
            Value::Bool(false) => self.broken_part(a),
            _ => self.broken_part(b),
        }
    }

    /// The values of both sides of a comparison.
    fn sides(&mut self, ex: &TypedExpr) -> Option<(Data, Data)> {
        let TypedKind::Bin(_, a, b, ty) = &ex.kind else { return None };
        let (left, right) = (self.side(a, *ty), self.side(b, *ty));
        (!left.is_error() && !right.is_error()).then_some((left, right))
    }

    fn side(&mut self, ex: &TypedExpr, ty: TyId) -> Data {
        let value = self.eval(ex, &mut Frame::of(Arc::from([])));
        self.force_value(&value, &RefinedType::plain(ty), Origin { at: ex.at, through: None }, None)
    }

    /// The first argument of a builtin, if it is a text of several lines.
    fn subject(&mut self, ex: &TypedExpr) -> Option<Arc<str>> {
        let ex = match &ex.kind {
            TypedKind::Not(inner) => inner,
            _ => ex,
        };
        let TypedKind::Builtin(_, args, _) = &ex.kind else { return None };
        match self.eval(args.first()?, &mut Frame::of(Arc::from([]))) {
            Value::Str(text) if text.contains('\n') => Some(text),
            _ => None,
        }
    }

    fn compared(op: BinOp, left: &Data, right: &Data) -> String {
        match (super::show::short(left), super::show::short(right)) {
            (Some(left), Some(right)) => format!("{left} {} {right} is false", symbol(op)),
            _ if op == BinOp::Eq => "the two sides differ".to_owned(),
            _ => "this is false".to_owned(),
        }
    }

    /// The text that the caller makes of a value.
    pub(super) fn ask_rendered(&mut self, value: &Value, ty: TyId, at: Span) -> Value {
        let name = match value {
            Value::Node(id) => self.path(*id),
            _ => "this value".to_owned(),
        };
        let before = self.n_noted();
        let data = self.force_value(value, &RefinedType::plain(ty), Origin { at, through: None }, None);
        // The whole file was read; which leaf of it decides is not seen here.
        self.forget(before);
        let answer = self.asked.as_ref().map(|it| it.caller.rendered(&name, &data));
        self.answered(answer, at)
    }

    /// The text of a file that the caller makes of a part of the description.
    pub(super) fn ask_built(&mut self, part: &Value, file: &str, at: Span) -> Value {
        let path = match part {
            Value::Node(id) => {
                let parent = self.node(*id).parent;
                self.steps(parent, &self.node(*id).key.clone())
            }
            _ => Vec::new(),
        };
        let answer = self.asked.as_ref().map(|it| it.caller.built(&path, file));
        self.answered(answer, at)
    }

    fn answered(&mut self, answer: Option<Answer>, at: Span) -> Value {
        match answer {
            Some(Answer::Text(text)) => Value::Str(text.into()),
            Some(Answer::Refused(why, help)) => self.fail(errors::refused(at, &why, help)),
            Some(Answer::Failed) => {
                self.fail(errors::refused(at, "this has no text: it could not be made", None))
            }
            None => self.nobody_asks(at),
        }
    }

    /// The checker lets nothing but an expectation ask.
    fn nobody_asks(&mut self, at: Span) -> Value {
        self.fail(Diagnostic::bug(at, "a question of a test is asked elsewhere"))
    }

    /// Whether a check of this title fails.
    pub(super) fn ask_fails(&mut self, title: &str, at: Span) -> Value {
        let all = self.eng.program.checks.iter();
        let checks: Vec<&CheckDef> = all.filter(|it| *it.title == *title).collect();
        self.expected(at, |it| {
            it.code == Code::Check && checks.iter().any(|check| it.labels.iter().any(|l| l.at == check.at))
        })
    }

    /// Whether something of this code is reported, with a text in its message if one is given.
    pub(super) fn ask_reports(&mut self, code: &str, text: &str, at: Span) -> Value {
        let code = Code::find(code);
        self.expected(at, |it| Some(it.code) == code && it.message.contains(text))
    }

    fn expected(&mut self, at: Span, is_meant: impl Fn(&Diagnostic) -> bool) -> Value {
        let Some(asked) = &mut self.asked else { return self.nobody_asks(at) };
        let mut any = false;
        for (report, expected) in asked.caller.reports().iter().zip(&mut asked.expected) {
            if is_meant(report) {
                (any, *expected) = (true, true);
            }
        }
        Value::Bool(any)
    }
}
