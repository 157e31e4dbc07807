//! Every case of the folders beside this file, and every example of the documents, each as a test with a name. A filter works
//! as with any test: `cargo test --test suite report/conflict`. `BLESS=1` accepts what is seen.

mod support;

use support::{
    builtins, lang_cases, mistakes, pages, planted, reference, reports, stdlib_tests, transcripts,
};

fn main() {
    let arguments = libtest_mimic::Arguments::from_args();
    let all = [
        lang_cases::trials(),
        mistakes::trials(),
        reports::trials(),
        stdlib_tests::trials(),
        planted::trials(),
        reference::trials(),
        builtins::trials(),
        transcripts::trials(),
        pages::trials(),
    ];
    libtest_mimic::run(&arguments, all.into_iter().flatten().collect()).exit();
}
