//! The `inforce` command.

/// A replay makes and drops many small things on every core.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    inforce::cli::main().into()
}
