//! What must be undone however this process ends.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Undoes something when it is dropped, or when this process is gone.
#[derive(Debug)]
pub struct Undo(Child);

impl Undo {
    /// A shell that waits, and then runs `script` with `arguments` as `$1` and
    /// so on.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn by<A: AsRef<OsStr>>(
        shell: &mut Command,
        script: &str,
        arguments: &[A],
    ) -> io::Result<Self> {
        shell
            .args(["-c", &format!("read -r _\n{script}"), "undo"])
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the terminal is not for it.
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
