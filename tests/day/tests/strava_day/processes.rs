//! Real processes: a server and workers of one installation, killed and started
//! again.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// How every process of an installation is started.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The simulator's address, whose clock all follow.
    pub simulator: String,
    /// Where logs go, one for each process.
    pub logs: PathBuf,
    /// All settings.
    pub environment: Vec<(String, String)>,
}

impl Installation {
    /// A command of it, deaf to the settings of whoever runs the test.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacelake-by-simulated-clock"));
        command
            .arg(&self.simulator)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.logs)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }
}

/// One process; killed when it is dropped.
pub struct Process {
    installation: Installation,
    /// How it is called in this test.
    pub name: &'static str,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Process {
    /// Starts one.
    pub fn start(installation: &Installation, name: &'static str, arguments: &[&str]) -> Self {
        let mut process = Self {
            installation: installation.clone(),
            name,
            arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
            child: None,
        };
        process.restart();
        process
    }

    /// Starts it again, where it does not run.
    pub fn restart(&mut self) {
        if self.child.is_some() {
            return;
        }
        let log = self.installation.logs.join(format!("{}.log", self.name));
        let log = OpenOptions::new().create(true).append(true).open(log);
        let log: File = log.unwrap();
        let child = self
            .installation
            .command(&self.arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// Its number; none where it does not run.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it at once, as it stands: on Unix by SIGKILL. It must still run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "{} ended by itself", self.name);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What of its log tells of trouble, the last lines of it.
    pub fn trouble(&self) -> String {
        let log = self.installation.logs.join(format!("{}.log", self.name));
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(40).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        format!("--- {}\n{}\n", self.name, lines.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
