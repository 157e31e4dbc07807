//! Has the crate built again when a file is added to the standard library, which it carries and cargo does not see.

fn main() {
    println!("cargo::rerun-if-changed=../../stdlib");
}
