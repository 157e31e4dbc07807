//! What only a test may ask: what the caller of the language makes of values, and what was reported. The checker lets nobody else call these.

use super::builtin::{Builtin, Question};

const G: &str = "Tests";

pub(super) static ALL: [Builtin; 4] = [
    Builtin::asked(
        G,
        "rendered",
        "(T) -> Str",
        "The text that is made of a file. Secrets are named in it.",
        ("rendered(hosts.web1.containers.shop.files.\"/etc/motd\")", "\"Welcome\\n\""),
        Question::Rendered,
    ),
    Builtin::asked(
        G,
        "built",
        "(T, Str) -> Str",
        "The text of a file that is built for a host, by the name that `build --out` gives it.",
        ("contains(built(hosts.web1, \"quadlet/shop/shop.container\"), \"ContainerName=shop\")", "true"),
        Question::Built,
    ),
    Builtin::asked(
        G,
        "fails",
        "(Str) -> Bool",
        "Whether the check of this title fails.",
        ("fails(\"each port is another one\")", "true"),
        Question::Fails,
    ),
    Builtin::asked(
        G,
        "reports",
        "(Str) -> Bool or (Str, Str) -> Bool",
        "Whether this code is reported, with this text in its message.",
        ("reports(\"check\", \"each port is another one\")", "true"),
        Question::Reports,
    ),
];
