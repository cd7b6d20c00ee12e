//! Who may open data: proofs of authorization, and the platform's named workers.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The files of the workspace with a line that implements the trait.
fn implementing(name: &str) -> Vec<PathBuf> {
    let crates = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("..");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap().flatten() {
        sources(&entry.path().join("src"), &mut files);
    }
    assert!(files.len() > 10, "the sources are where they were");
    let implements = |line: &str| {
        line.trim_start().starts_with("impl")
            && line.split([' ', ':', '<', '>']).any(|word| word == name)
            && line.contains(" for ")
    };
    let mut found: Vec<_> = files
        .iter()
        .filter(|file| fs::read_to_string(file).unwrap().lines().any(implements))
        .map(|file| file.strip_prefix(&crates).unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn only_proofs_of_authorization_are_scopes() {
    assert_eq!(implementing("Scope"), [Path::new("access/src/caller.rs")]);
}

#[test]
fn only_operators_and_named_workers_reach_across_tenants() {
    assert_eq!(
        implementing("PlatformScope"),
        [Path::new("access/src/caller.rs"), Path::new("storage/src/worker.rs")]
    );
}
