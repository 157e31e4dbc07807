//! What a template may make. The engine counts instructions, and one instruction may double a text: so the instructions that make
//! something larger are exchanged for functions that count it first. Counts bytes and never time, so the answer is the same everywhere.

use super::template::SecretText;
use minijinja::machinery::{CompiledTemplate, Instruction, Instructions, TemplateConfig, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value, filters};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Instructions that a template may take: some hundred thousand lines of output, and no endless loop.
const MOST_STEPS: u64 = 5_000_000;

/// Bytes that a template may make on its way, those of its output among them.
const MOST_BYTES: u64 = 64 << 20;

/// Bytes of plain text that rounds may repeat. The engine repeats it without asking, so it bounds the instructions.
const MOST_REPEATED: u64 = 256 << 20;

/// How deep lists and maps may lie in each other.
const MOST_DEPTH: u32 = 64;

/// Operators in one expression: each is a level of the engine's own recursion.
const MOST_OPERATORS: usize = 400;

/// What one list, map or number counts besides what is in it.
const VALUE_BYTES: u64 = 16;

/// Counts what a template makes.
#[derive(Debug, Default)]
pub(super) struct Budget {
    made: AtomicU64,
    spent: AtomicBool,
}

impl Budget {
    /// Whether more was wanted than may be made.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }

    /// What is said of a template that wants more.
    pub(super) fn words() -> String {
        format!("it makes more than {} MiB", MOST_BYTES >> 20)
    }

    fn exceeded(&self) -> Error {
        self.spent.store(true, Ordering::Relaxed);
        Error::new(ErrorKind::InvalidOperation, Self::words())
    }

    /// Counts bytes before they are made.
    pub(super) fn charge(&self, bytes: u64) -> Result<(), Error> {
        let made = self.made.load(Ordering::Relaxed).saturating_add(bytes);
        self.made.store(made, Ordering::Relaxed);
        if made > MOST_BYTES { Err(self.exceeded()) } else { Ok(()) }
    }

    /// Counts a value with all that lies in it.
    pub(super) fn charge_value(&self, value: &Value) -> Result<(), Error> {
        self.charge_below(value, 0)
    }

    fn charge_below(&self, value: &Value, depth: u32) -> Result<(), Error> {
        if let Some(text) = value.as_str() {
            return self.charge(VALUE_BYTES + text.len() as u64);
        }
        self.charge(VALUE_BYTES)?;
        // Who asks a secret for what is in it misuses it.
        if value.downcast_object_ref::<SecretText>().is_some() {
            return Ok(());
        }
        let kind = value.kind();
        if !matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
            return Ok(());
        }
        if depth == MOST_DEPTH {
            return Err(self.exceeded());
        }
        for item in value.try_iter()? {
            if kind == ValueKind::Map {
                self.charge_below(&value.get_item(&item)?, depth + 1)?;
            }
            self.charge_below(&item, depth + 1)?;
        }
        Ok(())
    }

    fn charge_all(&self, values: &[Value]) -> Result<(), Error> {
        values.iter().try_for_each(|it| self.charge_value(it))
    }
}

/// Compiles a template so that it is counted what it makes.
pub(super) fn compile<'a>(
    environment: &mut Environment<'_>,
    name: &'a str,
    text: &'a str,
    syntax: SyntaxConfig,
) -> Result<CompiledTemplate<'a>, Error> {
    check_operators(text, &syntax)?;
    let config =
        TemplateConfig { syntax_config: syntax, default_auto_escape: Arc::new(|_| AutoEscape::None) };
    let mut compiled = CompiledTemplate::new(name, text, &config)?;
    let mut repeated = exchange(&mut compiled.instructions);
    for block in compiled.blocks.values_mut() {
        repeated = repeated.max(exchange(block));
    }
    environment.set_fuel(Some(MOST_STEPS.min(MOST_REPEATED / repeated.max(1))));
    Ok(compiled)
}

/// Refuses an expression of so many operators that the engine's stack would not hold it.
fn check_operators(text: &str, syntax: &SyntaxConfig) -> Result<(), Error> {
    // Most templates have fewer in all their text.
    if most_operators(text) <= MOST_OPERATORS {
        return Ok(());
    }
    let mut operators = 0;
    for token in tokenize(text, false, syntax.clone()) {
        // What is no token is reported by the compiler, with its place.
        let Ok((token, _)) = token else { return Ok(()) };
        match token {
            Token::VariableStart | Token::BlockStart => operators = 0,
            Token::Ident(word) if WORDS.contains(&word) => operators += 1,
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod => operators += 1,
            Token::Tilde | Token::Pipe | Token::Dot | Token::BracketOpen | Token::ParenOpen => operators += 1,
            _ => {}
        }
        if operators > MOST_OPERATORS {
            let words = format!("one expression has more than {MOST_OPERATORS} operators");
            return Err(Error::new(ErrorKind::SyntaxError, words));
        }
    }
    Ok(())
}

/// Words that are operators.
const WORDS: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];

/// No fewer operators than a text has.
fn most_operators(text: &str) -> usize {
    let signs = text.bytes().filter(|it| b"+-*/%~|.[(".contains(it)).count();
    signs + WORDS.iter().map(|word| text.matches(word).count()).sum::<usize>()
}

/// Exchanges the instructions that make something, and says how long the longest plain text is that may be repeated.
fn exchange(instructions: &mut Instructions<'_>) -> u64 {
    let (mut i, mut last_jump, mut calls) = (0, 0, false);
    while let Some(it) = instructions.get_mut(i) {
        // Not remembered by a number, as those of the template's own filters are.
        let apply = |name, count| Instruction::ApplyFilter(name, Some(count), u8::MAX);
        match it {
            Instruction::StringConcat => *it = apply("~", 2),
            Instruction::Add => *it = apply("+", 2),
            Instruction::Mul => *it = apply("*", 2),
            Instruction::Eq => *it = apply("==", 2),
            Instruction::Ne => *it = apply("!=", 2),
            Instruction::BuildList(Some(count)) => {
                if let Ok(count) = u16::try_from(*count) {
                    *it = apply("[]", count);
                }
            }
            Instruction::Jump(target) if *target <= i => last_jump = i,
            Instruction::BuildMacro(..) | Instruction::FastRecurse => calls = true,
            _ => {}
        }
        i += 1;
    }
    let end = if calls { i } else { last_jump };
    let raw = |it: u32| match instructions.get(it) {
        Some(Instruction::EmitRaw(text)) => text.len() as u64,
        _ => 0,
    };
    (0..end).map(raw).max().unwrap_or(0)
}

/// Gives an environment the functions that stand in for what makes something.
pub(super) fn count(environment: &mut Environment<'_>, budget: &Arc<Budget>) {
    // It prints all there is.
    environment.remove_global("debug");
    let mut operator =
        |name: &'static str, run: fn(&Budget, &mut State<'_, '_>, &[Value]) -> Result<Value, Error>| {
            let budget = budget.clone();
            environment.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<Value>| {
                run(&budget, state, &args)
            });
        };
    operator("~", |budget, _, args| {
        let [left, right] = both(args)?;
        budget.charge_value(left)?;
        budget.charge_value(right)?;
        Ok(Value::from(format!("{left}{right}")))
    });
    operator("+", |budget, state, args| {
        let [left, right] = both(args)?;
        if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64())
            && let Some(sum) = left.checked_add(right)
        {
            return Ok(Value::from(sum));
        }
        // Lists stay where they are and are walked through each other, which takes longer than walking one.
        let before = budget.made.load(Ordering::Relaxed);
        budget.charge_value(left)?;
        budget.charge_value(right)?;
        budget.charge((budget.made.load(Ordering::Relaxed) - before).saturating_mul(7))?;
        plainly(state, "left + right", left, right)
    });
    operator("*", |budget, state, args| {
        let [left, right] = both(args)?;
        if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64())
            && let Some(product) = left.checked_mul(right)
        {
            return Ok(Value::from(product));
        }
        for (whole, times) in [(left, right), (right, left)] {
            if let Some(times) = times.as_usize().filter(|_| !whole.is_number()) {
                let before = budget.made.load(Ordering::Relaxed);
                budget.charge_value(whole)?;
                let once = budget.made.load(Ordering::Relaxed) - before;
                budget.charge(once.saturating_mul(times as u64))?;
            }
        }
        plainly(state, "left * right", left, right)
    });
    operator("==", |budget, _, args| same(budget, args).map(Value::from));
    operator("!=", |budget, _, args| same(budget, args).map(|same| Value::from(!same)));
    operator("[]", |budget, _, args| {
        let list = Value::from(args.to_vec());
        budget.charge_value(&list)?;
        Ok(list)
    });
    for (name, inner) in eager() {
        let budget = budget.clone();
        environment.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<Value>| {
            budget.charge_all(&args)?;
            budget.charge(grown(name, &args))?;
            inner.call(state, &args)
        });
    }
}

fn both(args: &[Value]) -> Result<[&Value; 2], Error> {
    match args {
        [left, right] if !left.is_undefined() && !right.is_undefined() => Ok([left, right]),
        _ => Err(Error::from(ErrorKind::UndefinedError)),
    }
}

fn same(budget: &Budget, args: &[Value]) -> Result<bool, Error> {
    let [left, right] = both(args)?;
    budget.charge_value(left)?;
    Ok(left == right)
}

/// What the engine itself makes of an operator.
fn plainly(
    state: &State<'_, '_>,
    operator: &'static str,
    left: &Value,
    right: &Value,
) -> Result<Value, Error> {
    let operands = BTreeMap::from([("left", left.clone()), ("right", right.clone())]);
    state.env().compile_expression(operator)?.eval(Value::from(operands))
}

/// The filters that walk all they are given.
fn eager() -> [(&'static str, Value); 33] {
    [
        ("batch", Value::from_function(filters::batch)),
        ("capitalize", Value::from_function(filters::capitalize)),
        ("chain", Value::from_function(filters::chain)),
        ("count", Value::from_function(filters::length)),
        ("dictsort", Value::from_function(filters::dictsort)),
        ("first", Value::from_function(filters::first)),
        ("format", Value::from_function(filters::format)),
        ("groupby", Value::from_function(filters::groupby)),
        ("indent", Value::from_function(filters::indent)),
        ("items", Value::from_function(filters::items)),
        ("join", Value::from_function(filters::join)),
        ("last", Value::from_function(filters::last)),
        ("length", Value::from_function(filters::length)),
        ("lines", Value::from_function(filters::lines)),
        ("list", Value::from_function(filters::list)),
        ("lower", Value::from_function(filters::lower)),
        ("max", Value::from_function(filters::max)),
        ("min", Value::from_function(filters::min)),
        ("pprint", Value::from_function(filters::pprint)),
        ("reject", Value::from_function(filters::reject)),
        ("rejectattr", Value::from_function(filters::rejectattr)),
        ("replace", Value::from_function(filters::replace)),
        ("reverse", Value::from_function(filters::reverse)),
        ("select", Value::from_function(filters::select)),
        ("selectattr", Value::from_function(filters::selectattr)),
        ("slice", Value::from_function(filters::slice)),
        ("sort", Value::from_function(filters::sort)),
        ("split", Value::from_function(filters::split)),
        ("string", Value::from_function(filters::string)),
        ("sum", Value::from_function(filters::sum)),
        ("title", Value::from_function(filters::title)),
        ("unique", Value::from_function(filters::unique)),
        ("zip", Value::from_function(filters::zip)),
    ]
}

/// How many bytes a filter makes beyond those that it is given.
fn grown(name: &str, args: &[Value]) -> u64 {
    let text = |i: usize| args.get(i).and_then(Value::as_str).unwrap_or_default();
    match name {
        "replace" => (text(0).matches(text(1)).count() as u64).saturating_mul(text(2).len() as u64),
        "join" => {
            let n_items = args.first().and_then(|it| it.try_iter().ok()).map_or(0, Iterator::count);
            (n_items as u64).saturating_mul(text(1).len() as u64)
        }
        "indent" => (text(0).lines().count() as u64 + 1).saturating_mul(numbers(args)),
        "batch" | "slice" => numbers(args).saturating_mul(VALUE_BYTES),
        "format" => widths(text(0), &args[1..]),
        _ => 0,
    }
}

/// The numbers among what a filter is given, those with a name among them.
fn numbers(args: &[Value]) -> u64 {
    let number = |it: &Value| it.as_usize().unwrap_or_default() as u64;
    let named = |it: &Value| match (it.kind(), it.try_iter()) {
        (ValueKind::Map, Ok(keys)) => {
            keys.filter_map(|key| it.get_item(&key).ok()).map(|it| number(&it)).sum()
        }
        _ => number(it),
    };
    args.iter().skip(1).map(named).fold(0, u64::saturating_add)
}

/// The widths that a format asks for, and the numbers that may be some.
fn widths(format: &str, args: &[Value]) -> u64 {
    let written = format.split(|it: char| !it.is_ascii_digit()).filter(|it| !it.is_empty());
    let written = written.map(|it| it.parse().unwrap_or(u64::MAX));
    let given =
        args.iter().filter(|_| format.contains('*')).map(|it| it.as_usize().unwrap_or_default() as u64);
    written.chain(given).fold(0, u64::saturating_add)
}
