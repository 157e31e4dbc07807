//! The `kolla-lang` command: parses arguments, calls [`kolla_lang::cli`], chooses the exit code. Nothing else lives here.

fn main() -> std::process::ExitCode {
    kolla_lang::cli::main()
}
