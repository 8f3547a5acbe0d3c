//! The `inforce` command.

fn main() -> std::process::ExitCode {
    inforce::cli::main().into()
}
