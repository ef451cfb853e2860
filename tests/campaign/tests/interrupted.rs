//! A campaign that is interrupted leaves nothing behind, and begins again.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a campaign may take to begin its first era, and to end.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for something, and says whether it came.
fn came(mut what: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if what() {
            return true;
        }
        sleep(Duration::from_millis(20));
    }
    false
}

/// Processes that name the folder in arguments or environment, mounts in it,
/// and whatever the campaign's servers keep in it.
fn left_behind(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let mut left = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let said = |of: &str| {
            let bytes = fs::read(process.path().join(of)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let arguments = said("cmdline");
        if arguments.contains(name) || said("environ").contains(name) {
            left.push(arguments);
        }
    }
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let mounts = mounts.lines().filter(|line| line.contains(name));
    left.extend(mounts.map(str::to_owned));
    let kept = fs::read_dir(folder.join("tmp")).unwrap().flatten();
    left.extend(kept.map(|entry| entry.path().display().to_string()));
    left
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    // PostgreSQL may have to run as another user.
    let open = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(folder.path(), 0o755);
    open(temporary.as_path(), 0o1777);
    let campaign = folder.path().join("campaign");
    let era = campaign.join("era-1");

    for signal in ["-TERM", "-INT"] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pacelake-campaign"))
            .args(["run", "--binary"])
            .arg(pacelake_e2e::binary())
            .arg("--folder")
            .arg(&campaign)
            .env("TMPDIR", &temporary)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let at_work = || {
            let logs = fs::read_dir(&era).into_iter().flatten().flatten();
            logs.count() > 3 && left_behind(folder.path()).len() > 5
        };
        assert!(came(at_work), "{signal}: no era began");
        let pid = process.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
        let mut code = None;
        assert!(
            came(|| {
                code = process.try_wait().unwrap();
                code.is_some()
            }),
            "{signal}: it does not end"
        );
        let said = std::io::read_to_string(process.stderr.take().unwrap()).unwrap();
        assert_eq!(said, "interrupted; the same command goes on\n", "{signal}");
        assert_eq!(code.unwrap().code(), Some(1), "{signal}");
        let mut left = Vec::new();
        let gone = came(|| {
            left = left_behind(folder.path());
            left.is_empty()
        });
        assert!(gone, "{signal}: {left:#?}");
        assert!(!era.exists(), "{signal}");
    }
}
