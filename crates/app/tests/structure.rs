//! The shape of the workspace: who may depend on whom, and who reaches across tenants.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates in their order: each may use those before it. What stands beside a crate are the other domains it calls;
/// every line is a decision.
const ORDER: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("rating", &["kernel"]),
    ("blueprint", &["kernel", "rating"]),
    ("storage", &["kernel"]),
    ("access", &["blueprint", "kernel"]),
    ("web", &["access", "blueprint", "kernel", "storage"]),
    ("tenancy", &["access", "blueprint", "kernel", "storage", "web"]),
    ("identity", &["access", "blueprint", "kernel", "storage", "tenancy", "web"]),
    ("limits", &["kernel", "rating"]),
    ("metering", &["access", "blueprint", "kernel", "rating", "storage", "web"]),
    ("billing", &["access", "blueprint", "kernel", "limits", "metering", "rating", "storage", "web"]),
    ("gateway", &["access", "blueprint", "identity", "kernel", "limits", "metering", "tenancy", "web"]),
    (
        "app",
        &[
            "access",
            "billing",
            "blueprint",
            "gateway",
            "identity",
            "kernel",
            "limits",
            "metering",
            "rating",
            "storage",
            "tenancy",
            "web",
        ],
    ),
    // For the services of others: it shares nothing with the installation but what goes over the wire.
    ("client", &[]),
    ("cli", &["app", "blueprint", "kernel", "storage"]),
    ("testkit", &["kernel", "storage"]),
];

/// How often each file begins a transaction across tenants. The list may only shrink, but for new acts of the operator and of
/// people who belong to no organization yet.
const ACROSS_TENANTS: &[(&str, usize)] = &[
    ("app/src/archive.rs", 2),
    ("app/src/blueprint.rs", 3),
    ("app/src/explain.rs", 2),
    ("app/src/invoices.rs", 4),
    ("app/src/metrics.rs", 2),
    ("app/src/offers.rs", 1),
    ("app/src/operator.rs", 1),
    ("app/src/operator/billing.rs", 10),
    ("app/src/operator/keys.rs", 3),
    ("app/src/operator/ledger.rs", 2),
    ("app/src/operator/limits.rs", 3),
    ("app/src/operator/offers.rs", 5),
    ("app/src/operator/organizations.rs", 10),
    ("app/src/operator/organizations/detail.rs", 2),
    ("app/src/operator/overview.rs", 2),
    ("app/src/operator/plan.rs", 1),
    ("app/src/operator/usage.rs", 2),
    ("app/src/operator/users.rs", 1),
    ("app/src/public.rs", 3),
    ("app/src/restore.rs", 1),
    ("app/src/sign_up.rs", 3),
    ("app/src/start.rs", 6),
    ("app/src/subscriptions.rs", 4),
    ("app/src/workers.rs", 14),
    ("billing/src/books.rs", 2),
    ("billing/src/http.rs", 3),
    ("identity/src/http/account.rs", 4),
    ("identity/src/http/join.rs", 3),
    ("identity/src/http/services.rs", 3),
    ("identity/src/http/sign_in.rs", 5),
    ("identity/src/user.rs", 2),
    // Packs the events of one organization at a time, whichever it is.
    ("metering/src/archive.rs", 1),
    ("metering/src/ingest.rs", 1),
    ("metering/src/reconcile.rs", 2),
    ("metering/src/settle/batch.rs", 1),
];

/// The workspace of this run: what was built may be shared between checkouts.
fn workspace() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..")
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let crates = workspace().join("crates");
            found.push(path.strip_prefix(crates).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// How often these words stand in the sources of each file, outside of tests.
fn uses(words: &[&str]) -> Vec<(String, usize)> {
    let mut files = Vec::new();
    for (name, _) in ORDER.iter().filter(|(name, _)| *name != "testkit") {
        sources(&workspace().join("crates").join(name).join("src"), &mut files);
    }
    files.sort();
    let count = |file: &String| {
        let text = fs::read_to_string(workspace().join("crates").join(file)).unwrap();
        words.iter().map(|word| text.matches(word).count()).sum()
    };
    files.iter().map(|file| (file.clone(), count(file))).filter(|(_, count)| *count > 0).collect()
}

#[test]
fn crates_depend_only_on_those_before_them() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .unwrap();
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    let own = |name: &str| name.strip_prefix("insula-").map(str::to_owned);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(name) = own(package["name"].as_str().unwrap()) else { continue };
        let normal = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        let mut needed: Vec<String> =
            normal.filter_map(|dependency| own(dependency["name"].as_str().unwrap())).collect();
        needed.sort();
        found.insert(name, needed);
    }
    let expected: BTreeMap<String, Vec<String>> = ORDER
        .iter()
        .map(|(name, needed)| ((*name).to_owned(), needed.iter().map(|one| (*one).to_owned()).collect()))
        .collect();
    assert_eq!(found, expected);
    for (place, (name, needed)) in ORDER.iter().enumerate() {
        let before: Vec<&str> = ORDER[..place].iter().map(|(earlier, _)| *earlier).collect();
        assert!(needed.iter().all(|one| before.contains(one)), "{name} needs what comes after it");
    }
}

#[test]
fn transactions_across_tenants_begin_where_they_are_listed() {
    let found = uses(&[".platform_read(", ".platform_write("]);
    let found: Vec<(&str, usize)> = found.iter().map(|(file, count)| (file.as_str(), *count)).collect();
    assert_eq!(found, ACROSS_TENANTS);
}

#[test]
fn callers_are_made_by_the_gate_alone() {
    let found = uses(&["Caller::authenticated("]);
    assert!(
        found.iter().all(|(file, _)| file.starts_with("gateway/src/gate/") || file.starts_with("access/")),
        "{found:?}"
    );
}

#[test]
fn the_document_that_is_kept_is_the_one_that_is_served() {
    let kept = fs::read_to_string(workspace().join("console/openapi.json")).unwrap();
    let kept: Json = serde_json::from_str(&kept).unwrap();
    assert!(kept == insula_app::openapi(), "the document of the API has changed: run `make openapi`");
}
