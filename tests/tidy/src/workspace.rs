//! The workspace as cargo and its files describe it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One crate of the workspace.
pub struct Member {
    /// Package name, such as `pacelake-storage`.
    pub package: String,
    /// Folder below the workspace's root, such as `storage`.
    pub folder: String,
    /// What its manifest asks for.
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
pub struct Dependency {
    /// Package name of what is used.
    pub package: String,
    /// The name that code uses for it, with underscores.
    pub name: String,
    /// Whether only tests use it.
    pub dev: bool,
    /// Folder of the workspace's crate that it is, if it is one.
    pub folder: Option<String>,
}

/// The workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate lies two folders below the root")
        .to_path_buf()
}

/// A file below the root, as text.
///
/// # Panics
/// If it cannot be read.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// The workspace's crates, as `cargo metadata` lists them.
///
/// # Panics
/// If cargo cannot be run, or answers something else than it documents.
pub fn members() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs this test, so it can be run");
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    list(&metadata["packages"]).iter().map(member).collect()
}

fn member(package: &Value) -> Member {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().expect("a manifest lies in a folder");
    Member {
        package: text(&package["name"]).to_owned(),
        folder: below_root(folder),
        dependencies: list(&package["dependencies"])
            .iter()
            .map(dependency)
            .collect(),
    }
}

fn dependency(line: &Value) -> Dependency {
    let package = text(&line["name"]).to_owned();
    Dependency {
        name: line["rename"]
            .as_str()
            .unwrap_or(&package)
            .replace('-', "_"),
        dev: line["kind"] == "dev",
        folder: line["path"]
            .as_str()
            .map(|path| below_root(Path::new(path))),
        package,
    }
}

fn below_root(folder: &Path) -> String {
    let root = root();
    let below = folder.strip_prefix(&root).unwrap_or(folder);
    below.to_string_lossy().replace('\\', "/")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("cargo metadata has a list here")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata has a string here")
}
