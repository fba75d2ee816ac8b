//! Asks the linker for a smaller program where it can do that.
//!
//! In: the compiler that builds us. Out: linker arguments of `weft-proxy`.
//! Holds: an argument is given only after a program linked with it was run here; elsewhere the program is only larger.
//! Why: every page of code and of relocations that a sidecar touches is resident. Packed relocations are a hundredth of
//! plain ones, and folding leaves one of the many functions that generics and protobuf make byte for byte alike. What
//! serving calls is a tenth of the code; laid out in one piece (`warm.txt`, made by `bench/warm-code`), it alone stays.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const WISHES: [&str; 2] = ["-Wl,-z,pack-relative-relocs", "-Wl,--icf=all"];

#[allow(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts through the environment"
)]
#[allow(clippy::print_stdout, reason = "and they answer on standard output")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=warm.txt");
    let var = |name| env::var(name).unwrap_or_default();
    if var("PROFILE") != "release" || var("HOST") != var("TARGET") {
        return;
    }
    let folder = PathBuf::from(var("OUT_DIR"));
    let layout = layout(&folder).map(|script| format!("-Wl,-T,{}", script.display()));
    for wish in WISHES.into_iter().chain(layout.as_deref()) {
        if works(&var("RUSTC"), &folder, wish) {
            println!("cargo::rustc-link-arg-bins={wish}");
        }
    }
}

/// A linker script that puts the functions of `warm.txt` before all others. A name that is no more moves nothing.
fn layout(folder: &Path) -> Option<PathBuf> {
    let mut script = String::from("SECTIONS { .text.warm : {\n");
    for name in include_str!("warm.txt").lines() {
        writeln!(script, "*(.text.{name})").ok()?;
    }
    script.push_str("} } INSERT BEFORE .text;\n");
    let path = folder.join("layout.ld");
    std::fs::write(&path, script).ok().map(|()| path)
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
