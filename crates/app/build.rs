//! Puts the built console into the binary, and refuses a build that isn't of the sources beside it: an old page that
//! looks right is worse than none.

#![expect(clippy::expect_used, reason = "a build that can't go on stops")]

use sha2::{Digest as _, Sha256};
use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The console's folder, from that of this package.
const CONSOLE: &str = "../../console";
/// What a built console is made from; the same list stands in `console/scripts/source-digest.mjs`.
const FILES: &[&str] = &["index.html", "openapi.json", "package-lock.json", "package.json", "vite.config.ts"];
const FOLDERS: &[&str] = &["public", "src"];

fn main() {
    println!("cargo::rerun-if-env-changed=CARGO_FEATURE_CONSOLE");
    let out =
        PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where to write")).join("console_assets.rs");
    if env::var_os("CARGO_FEATURE_CONSOLE").is_none() {
        fs::write(out, "static ASSETS: &[Asset] = &[];").expect("the list of assets");
        return;
    }
    // Asked of cargo when this runs, not when it was compiled: several checkouts may share what is built.
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is"));
    let console = package.join(CONSOLE).canonicalize().expect("the console's folder");
    let dist = console.join("dist");
    for watched in FILES.iter().chain(FOLDERS).chain(&["dist"]) {
        println!("cargo::rerun-if-changed={CONSOLE}/{watched}");
    }
    let built_of = fs::read_to_string(dist.join(".source-digest")).unwrap_or_default();
    if built_of.is_empty() {
        fail("the console isn't built: run `make console`");
    }
    if built_of.trim() != source_digest(&console) {
        fail("the built console is older than its sources: run `make console`");
    }
    fs::write(out, assets(&dist)).expect("the list of assets");
}

/// The compiler's own words for a built file. It asks for the package's folder when it compiles, so that checkouts which share
/// what is built each take in their own console.
fn include(path: &str) -> String {
    format!("include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))", format!("/{CONSOLE}/dist/{path}"))
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1);
}

fn source_digest(console: &Path) -> String {
    let mut paths: Vec<String> = FILES.iter().map(|&file| file.to_owned()).collect();
    paths.extend(names(console).filter(|name| name.starts_with("tsconfig") && name.ends_with(".json")));
    for folder in FOLDERS {
        walk(console, folder, &mut paths);
    }
    paths.retain(|path| {
        !path.ends_with(".test.ts") && !path.ends_with(".test.tsx") && console.join(path).is_file()
    });
    paths.sort_unstable();
    let mut digest = Sha256::new();
    for path in paths {
        let content = fs::read(console.join(&path)).expect("a source of the console");
        digest.update(path.as_bytes());
        digest.update([0]);
        digest.update(content.len().to_string().as_bytes());
        digest.update([0]);
        digest.update(&content);
    }
    hex(&digest.finalize())
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
}

fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) {
    for name in names(&root.join(folder)) {
        let path = format!("{folder}/{name}");
        if root.join(&path).is_dir() { walk(root, &path, paths) } else { paths.push(path) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A Rust list of every file of the built console, with its compressed form where there is one.
fn assets(dist: &Path) -> String {
    let mut paths = Vec::new();
    for name in names(dist).filter(|name| !name.starts_with('.')) {
        if dist.join(&name).is_dir() { walk(dist, &name, &mut paths) } else { paths.push(name) }
    }
    paths.retain(|path| Path::new(path).extension().is_none_or(|extension| extension != "gz"));
    paths.sort_unstable();
    let mut list = String::from("static ASSETS: &[Asset] = &[\n");
    for path in paths {
        let file = dist.join(&path);
        let etag = hex(&Sha256::digest(fs::read(&file).expect("a built file"))[..16]);
        let packed = dist.join(format!("{path}.gz"));
        let packed = if packed.exists() {
            format!("Some({})", include(&format!("{path}.gz")))
        } else {
            "None".to_owned()
        };
        let plain = include(&path);
        let _ = writeln!(
            list,
            "    Asset {{ path: {path:?}, etag: {etag:?}, plain: {plain}, packed: {packed} }},"
        );
    }
    list.push_str("];\n");
    list
}
