//! The `kolla-lang` command: parses arguments, calls [`kolla_lang::cli`], chooses the exit code. Nothing else lives here.

/// Evaluation makes many small values that die together; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    kolla_lang::cli::main()
}
