//! Chores of the repository that cargo itself does not do.
//! In: `rooms.toml` and `cargo metadata`. Out: exit 0, or one line per arrow that `rooms.toml` does not allow.

use std::process::ExitCode;

mod tidy;

fn main() -> anyhow::Result<ExitCode> {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(),
        other => {
            eprintln!("unknown chore {other:?}; there is: tidy");
            Ok(ExitCode::from(2))
        }
    }
}
