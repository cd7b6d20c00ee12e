//! Only this crate may open tenants' data: nothing else in the workspace implements `Scope`.

use std::{
    fs,
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

#[test]
fn only_proofs_of_authorization_are_scopes() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap().flatten() {
        sources(&entry.path().join("src"), &mut files);
    }
    assert!(files.len() > 10, "the sources are where they were");
    let implementing: Vec<_> = files
        .iter()
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.lines().any(|line| line.trim_start().starts_with("impl") && line.contains("Scope for "))
        })
        .map(|file| file.strip_prefix(&crates).unwrap().to_owned())
        .collect();
    assert_eq!(implementing, [Path::new("access/src/caller.rs")]);
}
