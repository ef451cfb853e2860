//! An interrupt (Ctrl-C) or a request to end: whatever is under way sees it
//! soon, kills its process and gives back what it holds.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// What is told of it.
pub const INTERRUPTED: &str = "interrupted; the same command goes on";

static CAME: AtomicBool = AtomicBool::new(false);

/// From now on SIGINT and SIGTERM do not end this process; they are noted.
///
/// # Errors
/// Where the system refuses.
pub fn listen() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            CAME.store(true, Ordering::Relaxed);
        });
    });
    Ok(())
}

/// Whether one came.
pub fn came() -> bool {
    CAME.load(Ordering::Relaxed)
}
