//! Holds the real dependency arrows against `rooms.toml`.
//! In: `cargo metadata --no-deps`. Out: a list of violations. Holds: a room that is not listed is a violation too.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use serde::Deserialize;

#[derive(Deserialize)]
struct Rooms {
    rooms: BTreeMap<String, Vec<String>>,
    pure: Pure,
}

#[derive(Deserialize)]
struct Pure {
    rooms: BTreeSet<String>,
    banned: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Checks every arrow and prints what is wrong.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let rooms: Rooms = toml::from_str(&std::fs::read_to_string("rooms.toml")?)
        .context("rooms.toml does not parse")?;
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let problems = violations(&rooms, &metadata.packages);
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn violations(rooms: &Rooms, packages: &[Package]) -> Vec<String> {
    let names: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let mut found = Vec::new();
    for package in packages {
        let Some(allowed) = rooms.rooms.get(&package.name) else {
            found.push(format!("room {} is not in rooms.toml: add its arrows", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let dev = dependency.kind.as_deref() == Some("dev");
            let name = dependency.name.as_str();
            if names.contains(name) && !dev && !allowed.iter().any(|a| covers(a, name)) {
                found.push(format!("{} may not use {name} (see rooms.toml)", package.name));
            }
            let pure = rooms.pure.rooms.contains(&package.name);
            if pure && !dev && rooms.pure.banned.contains(name) {
                found.push(format!("{} is pure and may not use {name}", package.name));
            }
        }
    }
    found
}

fn covers(allowed: &str, name: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => allowed == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str]) -> Package {
        let dependencies =
            uses.iter().map(|d| Dependency { name: (*d).to_owned(), kind: None }).collect();
        Package { name: name.to_owned(), dependencies }
    }

    fn rooms() -> Rooms {
        toml::from_str(
            "[rooms]\na = []\nb = ['a']\nc-x = []\nd = ['c-*']\n[pure]\nrooms = ['a']\nbanned = ['tokio']",
        )
        .unwrap()
    }

    #[test]
    fn allowed_arrows_pass() {
        let packages = [
            package("a", &[]),
            package("b", &["a", "serde"]),
            package("d", &["c-x"]),
            package("c-x", &[]),
        ];
        assert!(violations(&rooms(), &packages).is_empty());
    }

    #[test]
    fn an_uphill_arrow_an_unlisted_room_and_an_impure_one_are_named() {
        let packages = [package("a", &["b", "tokio"]), package("b", &[]), package("new", &[])];
        let found = violations(&rooms(), &packages);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("a may not use b"));
        assert!(found[1].contains("pure"));
        assert!(found[2].contains("new"));
    }
}
