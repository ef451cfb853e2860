//! A private authority and a server's certificate, made by the program
//! `openssl`, which PostgreSQL's packages bring.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::keeper::run;

/// An authority of its own and a certificate for `localhost` that it signed.
/// The files go when it is dropped.
#[derive(Debug)]
pub struct Certificates {
    /// Of the authority: the root that clients are to trust.
    pub root: PathBuf,
    /// Of the server.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    _folder: TempDir,
}

impl Certificates {
    /// Makes an authority and a certificate, good for two days.
    ///
    /// # Panics
    /// Where `openssl` is not installed.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = |name: &str| folder.path().join(name);
        let (root, root_key) = (file("root.pem"), file("root.key"));
        let (certificate, key) = (file("server.pem"), file("server.key"));
        run(request("/CN=the tests' authority", &root, &root_key)
            .args(["-addext", "basicConstraints=critical,CA:TRUE"]));
        run(request("/CN=localhost", &certificate, &key)
            .arg("-CA")
            .arg(&root)
            .arg("-CAkey")
            .arg(&root_key)
            .args(["-addext", "basicConstraints=CA:FALSE"])
            .args(["-addext", "subjectAltName=DNS:localhost"]));
        Self {
            root,
            certificate,
            key,
            _folder: folder,
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

/// A new key, and a certificate for it.
fn request(subject: &str, certificate: &Path, key: &Path) -> Command {
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", subject, "-out"])
        .arg(certificate)
        .arg("-keyout")
        .arg(key);
    command
}
