//! Tests of the lexer: what is one token, what is a keyword, what is glued.

use super::*;

/// The tokens of a text, one word each, as the grammar names them.
fn kinds(text: &str) -> String {
    let mut problems = Problems::default();
    let tokens = lex(text, 0, &mut problems);
    let word = |token: &Token| match token.kind {
        TokenKind::Word => "word".to_owned(),
        TokenKind::Keyword(keyword) => keyword.as_str().to_owned(),
        TokenKind::Lit(i) => format!("{:?}", tokens.lits[i as usize]),
        TokenKind::Sign(Sign::Call) => "call".to_owned(),
        TokenKind::Sign(Sign::Index) => "index".to_owned(),
        TokenKind::Sign(sign) => sign.as_str().to_owned(),
        kind => format!("{kind:?}"),
    };
    let words: Vec<_> = tokens.code.iter().filter(|t| t.kind != TokenKind::End).map(word).collect();
    words.join(" ")
}

#[test]
fn keywords_are_names_where_names_must_be() {
    assert_eq!(kinds("check = 1"), "word = Int(1)");
    assert_eq!(kinds("for.in"), "word Dot");
    assert_eq!(kinds("set of key of x"), "set of key of word");
    assert_eq!(kinds("key == set"), "word == word");
}
