//! A syntax tree as one short line, for the cases. Places are left out: the reports have those.

use kl::syntax::ast::*;

/// An item.
pub fn item(item: &Item) -> String {
    let doc = item.doc.as_ref().map_or(String::new(), |doc| format!("##{doc:?} "));
    let public = |public: &bool| if *public { "pub " } else { "" };
    let kind = match &item.kind {
        ItemKind::Use { name, quoted } => format!("use{} {}", if *quoted { "-file" } else { "" }, name.text),
        ItemKind::Fn(f) => function(f),
        ItemKind::Type { public: p, name, extends, ty: t } => {
            format!("{}type {} {} {}", public(p), name.text, if *extends { "+=" } else { "=" }, ty(t))
        }
        ItemKind::Let { public: p, binding } => format!("{}{}", public(p), let_(binding)),
        ItemKind::Option { path, ty: t, default } => {
            format!("option {} : {}{}", names(path), ty(t), or_default(default))
        }
        ItemKind::Check { title, warn, body } => {
            let warn = if *warn { " warn" } else { "" };
            format!("check {}{warn} {{{}}}", text(title), check_items(body))
        }
        ItemKind::Test { title, body } => {
            let line = |line: &TestItem| match line {
                TestItem::Given(b) => format!("given {}", body_(b)),
                TestItem::Expect(e) => format!("expect {}", expr(e)),
            };
            format!("test {} {{{}}}", text(title), join(body, line, ", "))
        }
        ItemKind::Entry(e) => entry(e),
    };
    doc + &kind
}

fn join<T>(items: &[T], show: impl FnMut(&T) -> String, between: &str) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(between)
}

fn names(path: &[Name]) -> String {
    join(path, |name| name.text.to_string(), ".")
}

fn or_default(default: &Option<Expr>) -> String {
    default.as_ref().map_or(String::new(), |e| format!(" = {}", expr(e)))
}

fn function(f: &Fn) -> String {
    let Fn { public, name, params, result, lets, value } = f;
    let lets = join(lets, |l| format!("{}, ", let_(l)), "");
    let public = if *public { "pub " } else { "" };
    format!("{public}fn {}({}) -> {} = {lets}{}", name.text, params_(params), ty(result), expr(value))
}

fn params_(params: &[Param]) -> String {
    let param = |p: &Param| format!("{} : {}{}", p.name.text, ty(&p.ty), or_default(&p.default));
    join(params, param, ", ")
}

fn let_(binding: &Let) -> String {
    let t = binding.ty.as_ref().map_or(String::new(), |t| format!(" : {}", ty(t)));
    format!("let {}{t} = {}", binding.name.text, expr(&binding.value))
}

fn check_items(items: &[CheckItem]) -> String {
    let show = |item: &CheckItem| match item {
        CheckItem::Let(binding) => let_(binding),
        CheckItem::Require { cond, message, .. } => {
            let message = message.as_ref().map_or(String::new(), |e| format!(" else {}", expr(e)));
            format!("require {}{message}", expr(cond))
        }
        CheckItem::For { generator: g, body } => format!("{} {{{}}}", generator(g), check_items(body)),
        CheckItem::If { cond, body } => format!("if {} {{{}}}", expr(cond), check_items(body)),
    };
    join(items, show, ", ")
}

fn body_(body: &Body) -> String {
    format!("{{{}}}", join(&body.entries, entry, ", "))
}

fn entry(entry: &Entry) -> String {
    match entry {
        Entry::Let(binding) => let_(binding),
        Entry::Loop(l) => format!("{} {}", generator(&l.generator), body_(&l.body)),
        Entry::Guard(g) => {
            let otherwise = g.otherwise.as_ref().map_or(String::new(), |b| format!(" else {}", body_(b)));
            format!("if {} {}{otherwise}", expr(&g.cond), body_(&g.then))
        }
        Entry::Define(d) => {
            let op = match d.op {
                Op::Set => "=",
                Op::Suggest => "?=",
                Op::Add => "+=",
                Op::Remove => "-=",
                Op::Replace => ":=",
            };
            let force = if d.force.is_some() { "force " } else { "" };
            let path = d.path.iter().enumerate().map(|(i, step)| match &step.kind {
                StepKind::Word(word) => format!("{}{word}", if i > 0 { "." } else { "" }),
                StepKind::Text(t) => format!("{}{}", if i > 0 { "." } else { "" }, text(t)),
                StepKind::Index(e) => format!("[{}]", expr(e)),
            });
            format!("{force}{} {op} {}", path.collect::<String>(), expr(&d.value))
        }
    }
}

fn generator(g: &Generator) -> String {
    let bind = |b: &Bind| {
        let second = b.second.as_ref().map_or(String::new(), |name| format!(", {}", name.text));
        format!("{}{second} in {}", b.first.text, expr(&b.source))
    };
    let cond = g.cond.as_ref().map_or(String::new(), |e| format!(" if {}", expr(e)));
    format!("for {}{cond}", join(&g.binds, bind, ", "))
}

fn fields(all: &[Field]) -> String {
    let field = |f: &Field| {
        let doc = f.doc.as_ref().map_or(String::new(), |doc| format!("##{doc:?} "));
        format!("{doc}{} : {}{}", f.name.text, ty(&f.ty), or_default(&f.default))
    };
    format!("{{{}}}", join(all, field, ", "))
}

fn ty(t: &TypeExpr) -> String {
    let base = match &t.base {
        TypeBase::Named(path) => names(path),
        TypeBase::List(element) => format!("[{}]", ty(element)),
        TypeBase::Set(element) => format!("set of {}", ty(element)),
        TypeBase::Key(path) => format!("key of {}", names(path)),
        TypeBase::Map(k, v) => format!("{{[{}]: {}}}", ty(k), ty(v)),
        TypeBase::Record(all) => fields(all),
        TypeBase::Extended(path, all) => format!("{} & {}", names(path), fields(all)),
        TypeBase::Enum(variants) => {
            let variant = |v: &Variant| match v.params.as_slice() {
                [] => v.name.text.to_string(),
                params => format!("{}({})", v.name.text, params_(params)),
            };
            format!("enum {{{}}}", join(variants, variant, ", "))
        }
        TypeBase::Error(_) => "<error>".into(),
    };
    let optional = if t.optional { "?" } else { "" };
    let refine = t.refine.as_ref().map_or(String::new(), |e| format!(" where {}", expr(e)));
    format!("{base}{optional}{refine}")
}

fn text(t: &Text) -> String {
    let part = |part: &TextPart| match part {
        TextPart::Literal(literal) => literal.escape_debug().to_string(),
        TextPart::Hole(e) => format!("${{{}}}", expr(e)),
    };
    format!("\"{}\"", join(&t.parts, part, ""))
}

fn args(args: &[Arg]) -> String {
    let arg = |arg: &Arg| {
        let name = arg.name.as_ref().map_or(String::new(), |name| format!("{} = ", name.text));
        name + &expr(&arg.value)
    };
    join(args, arg, ", ")
}

/// An expression, with all its parentheses.
pub fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Lit(Lit::Duration(ms)) => format!("{ms}ms"),
        ExprKind::Lit(Lit::Size(bytes)) => format!("{bytes}B"),
        ExprKind::Lit(Lit::Int(n)) => n.to_string(),
        ExprKind::Lit(Lit::Float(n)) => format!("{n:?}"),
        ExprKind::Lit(Lit::Ip(ip)) => format!("ip:{ip}"),
        ExprKind::Lit(Lit::Cidr(ip, bits)) => format!("cidr:{ip}/{bits}"),
        ExprKind::Lit(Lit::Mac(mac)) => format!("mac:{mac}"),
        ExprKind::Text(t) => text(t),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::None => "none".into(),
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Variant { name, args: list } if list.is_empty() => format!(".{}", name.text),
        ExprKind::Variant { name, args: list } => format!(".{}({})", name.text, args(list)),
        ExprKind::List(list) => format!("[{}]", join(list, expr, ", ")),
        ExprKind::ListFor(element, g) => format!("[{} {}]", expr(element), generator(g)),
        ExprKind::Body(body) => body_(body),
        ExprKind::Field(e, name) => format!("{}.{}", expr(e), name.text),
        ExprKind::FieldText(e, key) => format!("{}.{}", expr(e), text(key)),
        ExprKind::Index(e, key) => format!("{}[{}]", expr(e), expr(key)),
        ExprKind::Call(e, list) => format!("{}({})", expr(e), args(list)),
        ExprKind::CallFor(e, element, g) => format!("{}({} {})", expr(e), expr(element), generator(g)),
        ExprKind::Not(e) => format!("(not {})", expr(e)),
        ExprKind::Neg(e) => format!("(- {})", expr(e)),
        ExprKind::Bin(op, a, b) => format!("({} {op:?} {})", expr(a), expr(b)),
        ExprKind::If(c, a, b) => format!("(if {} then {} else {})", expr(c), expr(a), expr(b)),
        ExprKind::Match(e, arms) => {
            let arm = |arm: &Arm| {
                let pattern = match &arm.pattern {
                    Pattern::Variant(name, parts) if parts.is_empty() => format!(".{}", name.text),
                    Pattern::Variant(name, parts) => {
                        format!(".{}({})", name.text, join(parts, |p| p.text.to_string(), ", "))
                    }
                    Pattern::None(_) => "none".into(),
                    Pattern::Name(name) => name.text.to_string(),
                };
                format!("{pattern} -> {}", expr(&arm.value))
            };
            format!("match {} {{{}}}", expr(e), join(arms, arm, ", "))
        }
        ExprKind::Error(_) => "<error>".into(),
    }
}
