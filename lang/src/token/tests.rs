//! Tests of the lexer: what is one token, what is a keyword, what is glued, and that no byte is lost.

use super::*;

/// The tokens of a text, one word each.
fn kinds(text: &str) -> String {
    let mut problems = Problems::default();
    let tokens = lex(text, FileId(0), &mut problems);
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
    assert_eq!(kinds("check == 1"), "check == Int(1)");
    assert_eq!(kinds("for.in"), "word Dot");
    assert_eq!(kinds("in..for"), "in .. for");
    assert_eq!(kinds("set of key of x"), "set of key of word");
    assert_eq!(kinds("key == set"), "word == word");
    assert_eq!(kinds("true\n= 1"), "true = Int(1)");
}

#[test]
fn adjacency_decides() {
    assert_eq!(kinds("f(x)"), "word call word )");
    assert_eq!(kinds("f (x)"), "word ( word )");
    assert_eq!(kinds("m[x].y"), "word index word ] Dot");
    assert_eq!(kinds("m [x] .y"), "word [ word ] Variant");
    assert_eq!(kinds("in(x)"), "in ( word )");
    assert_eq!(kinds("none(x)"), "none call word )");
    assert_eq!(kinds("{}.x"), "{ } Dot");
    assert_eq!(kinds("a.\"b\""), "word DotText TextOpen { broken: false } TextChunk TextClose");
}

#[test]
fn the_longest_match_wins() {
    assert_eq!(kinds("1..3"), "Int(1) .. Int(3)");
    assert_eq!(kinds("1.5..2"), "Float(1.5) .. Int(2)");
    assert_eq!(kinds("10/2"), "Int(10) / Int(2)");
    assert_eq!(kinds("a?=b"), "word ?= word");
    assert_eq!(kinds("a ?? b"), "word ?? word");
    assert_eq!(kinds("i-1"), "word");
    assert_eq!(kinds("i - 1"), "word - Int(1)");
    assert_eq!(kinds("a->b"), "word -> word");
    assert_eq!(kinds("a-=b"), "word -= word");
    assert_eq!(kinds("4h.seconds"), "Duration(14400000) Dot");
}

#[test]
fn no_byte_is_lost() {
    let long = "x".repeat(300);
    let texts = [
        "## doc\n# comment\r\na = \"x${ b /* \"y\" }z\" ; \n",
        "\u{feff}a = '''\n\"open ${ \"\"\" \n b",
        "\"\"\"open ${x\n  in it\nafter = \"${ 'raw",
        "a = \"\\",
        "\"${\"${\"${",
        "ä€𝄞 1.2.3.4.5 ::: 0x 1e5 …",
        &long,
        "",
    ];
    for text in texts {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let text = &text[..end];
            let tokens = lex(text, FileId(7), &mut Problems::default());
            let mut at = 0;
            for token in tokens.lossless() {
                assert_eq!((token.at.file, token.at.start), (FileId(7), at), "{text:?}: {token:?}");
                at = token.at.end;
            }
            assert_eq!(at as usize, text.len(), "{text:?}");
        }
    }
}
