//! Work that goes on while nobody polls it, and ends with whoever wants it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// A task of its own, which is aborted when this is dropped.
///
/// Futures in a stream's buffer stand still while its consumer does something
/// else; one that stands still with a connection of a pool in its hands keeps
/// the consumer waiting for it for ever. Tasks go on.
#[derive(Debug)]
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    /// Begins.
    pub fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Work that keeps a core busy, no more of it at once than there are cores.
///
/// More threads would finish nothing sooner, and the allocator keeps memory
/// for each of them.
#[derive(Clone, Debug)]
pub(crate) struct Cores(Arc<Semaphore>);

impl Cores {
    /// As many as this machine has.
    pub fn all() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(cores)))
    }

    /// Runs it on a thread that may be kept busy, once a core is free.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let core = Arc::clone(&self.0).acquire_owned().await;
        let core = core.expect("nobody closes it");
        spawn_blocking(move || {
            // Free when the work is done, whether somebody still waits or not.
            let _core = core;
            work()
        })
        .await
    }
}
