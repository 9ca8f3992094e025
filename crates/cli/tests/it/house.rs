//! The rules of the house, from ARCHITECTURE.md, as far as a test can hold them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Which crates each crate may use. The engine knows no backend, adapters do not know each other, and the playground
/// knows nobody: shared wire code would cancel out its own mistakes.
const EDGES: [(&str, &[&str]); 12] = [
    ("core", &[]),
    ("ports", &["core"]),
    ("store-postgres", &["core", "ports"]),
    ("store-sqlite", &["core", "ports"]),
    ("aws", &["core", "ports"]),
    ("prometheus", &["core", "ports"]),
    ("probe", &["core", "ports"]),
    ("engine", &["core", "ports"]),
    ("api", &["core", "ports"]),
    ("dashboard", &[]),
    ("playground", &[]),
    (
        "cli",
        &[
            "core",
            "ports",
            "store-postgres",
            "store-sqlite",
            "aws",
            "prometheus",
            "probe",
            "engine",
            "api",
            "dashboard",
            "playground",
        ],
    ),
];

/// Who may use a library, by the beginning of its name.
const RESERVED: [(&str, &[&str]); 11] = [
    ("sqlx", &["store-postgres", "store-sqlite"]),
    ("aws-", &["aws"]),
    ("axum", &["api", "dashboard", "playground", "cli"]),
    ("hickory-", &["playground"]),
    ("governor", &["engine"]),
    ("clap", &["cli"]),
    ("reqwest", &["prometheus", "cli"]),
    ("rustls-native-certs", &["probe"]),
    ("tokio-rustls", &["probe"]),
    ("config", &["cli"]),
    ("rand", &["playground", "cli"]),
];

/// What the core is made of: values. Nothing that waits, reads a clock or talks to anybody.
const CORE: [&str; 10] = [
    "blake3",
    "jiff",
    "schemars",
    "serde",
    "serde-saphyr",
    "serde_json",
    "strsim",
    "thiserror",
    "toml",
    "proptest",
];

const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn manifest(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Names of the dependencies of a crate, without those of its tests.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = manifest(&root().join("crates").join(name).join("Cargo.toml"));
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "tests" || part == "benches" || part.ends_with("tests.rs")
    })
}

#[test]
fn crates_use_only_whom_they_may() {
    let folders: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, EDGES.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, allowed) in EDGES {
        let used = dependencies(name);
        let first_party = used.iter().filter_map(|dependency| dependency.strip_prefix("crossfade-"));
        for other in first_party {
            assert!(allowed.contains(&other), "{name} must not depend on {other}");
        }
    }
}

#[test]
fn libraries_are_used_where_they_belong() {
    for (name, _) in EDGES {
        for dependency in dependencies(name) {
            for (prefix, allowed) in RESERVED {
                let reserved =
                    dependency == prefix || (prefix.ends_with('-') && dependency.starts_with(prefix));
                assert!(!reserved || allowed.contains(&name), "{name} must not depend on {dependency}");
            }
        }
    }
    for dependency in dependencies("core") {
        assert!(CORE.contains(&dependency.as_str()), "core must not depend on {dependency}");
    }
}

#[test]
fn every_dependency_says_why_and_is_used() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let table = text.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let used: BTreeSet<String> = EDGES
        .iter()
        .flat_map(|(name, _)| {
            let manifest = manifest(&root().join("crates").join(name).join("Cargo.toml"));
            let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
            let names = tables.map(|table| manifest.get(table).and_then(toml::Value::as_table).cloned());
            names
                .into_iter()
                .flatten()
                .flat_map(|table| table.keys().cloned().collect::<Vec<_>>())
                .collect::<Vec<_>>()
        })
        .collect();
    for line in table.lines().filter(|line| line.contains(" = ")) {
        let name = line.split(" = ").next().unwrap();
        assert!(
            name.starts_with("crossfade-") || line.contains("# "),
            "Cargo.toml does not say why {name} is there"
        );
        assert!(used.contains(name), "nobody uses {name}");
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(is_test(&path) || lines <= LINES_MAX, "{} has {lines} lines", path.display());
        assert!(is_test(&path) || text.starts_with("//!"), "{} does not say what it is for", path.display());
    }
}

#[test]
fn only_the_command_line_reads_the_environment_and_only_one_clock_is_read() {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        for banned in ["std::env::var", "env::vars", "Timestamp::now()", "SystemTime::now()"] {
            if text.contains(banned) {
                places.entry(banned).or_default().push(path.display().to_string());
            }
        }
    }
    for (what, paths) in places {
        for path in paths {
            let allowed = path.contains("/cli/")
                || path.ends_with("ports/src/clock.rs")
                || path.contains("/playground/")
                || path.contains("testing");
            assert!(allowed, "{path} uses {what}");
        }
    }
}

#[test]
fn both_stores_have_the_same_migrations() {
    let stems = |dialect: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(dialect);
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(!stems("postgres").is_empty());
    assert_eq!(stems("postgres"), stems("sqlite"));
}

/// Source files and tests that the documents name in backticks. A file's name may be a part of its path.
#[test]
fn what_the_documents_name_is_there() {
    let mut documents = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        documents.push(entry.unwrap().path());
    }
    let sources = sources();
    let mut named = 0;
    for path in documents.iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let text = fs::read_to_string(path).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let is_word = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
            let is_there = if name.ends_with(".rs") && !name.contains(' ') {
                sources.iter().any(|(source, _)| source.ends_with(name))
            } else if is_word && name.matches('_').count() > 2 {
                sources.iter().any(|(_, text)| text.contains(name))
            } else {
                continue;
            };
            assert!(is_there, "{} names {name}, which is not there", path.display());
            named += 1;
        }
    }
    assert!(named > 50, "only {named} names were found");
}
