//! Asks the linker for a smaller program where it can do that.
//!
//! In: the compiler that builds us. Out: linker arguments of `weft-proxy`.
//! Holds: an argument is given only after a program linked with it was run here; elsewhere the program is only larger.
//! Why: every page of code and of relocations that a sidecar touches is resident. Packed relocations are a hundredth of
//! plain ones, and folding leaves one of the many functions that generics and protobuf make byte for byte alike.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

const WISHES: [&str; 2] = ["-Wl,-z,pack-relative-relocs", "-Wl,--icf=all"];

#[allow(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts through the environment"
)]
#[allow(clippy::print_stdout, reason = "and they answer on standard output")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name| env::var(name).unwrap_or_default();
    if var("PROFILE") != "release" || var("HOST") != var("TARGET") {
        return;
    }
    for wish in WISHES {
        if works(&var("RUSTC"), Path::new(&var("OUT_DIR")), wish) {
            println!("cargo::rustc-link-arg-bins={wish}");
        }
    }
}

/// True when a program linked with this argument can be made and run.
fn works(rustc: &str, folder: &Path, wish: &str) -> bool {
    let (source, program) = (folder.join("probe.rs"), folder.join("probe"));
    if std::fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    let runs = |command: &mut Command| {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let link = format!("link-arg={wish}");
    runs(Command::new(rustc).args(["--edition=2024", "-C", &link, "-o"]).arg(&program).arg(&source))
        && runs(&mut Command::new(&program))
}
