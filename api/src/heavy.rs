//! Work that could take all there is: statements and exports.
//!
//! It runs on threads of its own, so many pieces at once, so that reads go on
//! beside it. Who gives up waiting for an answer, or hangs up, ends the work
//! with it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use query::encode::Encoded;
use storage::Code;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::limits::ServerLimits;
use crate::problem::Problem;

/// How many pieces of an answer are made before the client has read them.
const PIECES_AHEAD: usize = 2;
/// How often to look how much memory the process holds.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// By how many bytes the process may grow where it holds more than it may
/// when work begins.
const GROWTH: u64 = 64 << 20;
/// The stack of a thread, in bytes: plans of nested statements are deep.
const STACK: usize = 32 << 20;

/// Where such work is done.
#[derive(Clone)]
pub struct Heavy {
    threads: Arc<Threads>,
    queries: Turns,
    exports: Turns,
    memory: Memory,
}

/// How much memory the process holds, and may hold.
#[derive(Clone, Copy)]
struct Memory {
    in_use: fn() -> Option<u64>,
    most: u64,
}

/// The kinds of work, which wait for each other's turns only within a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A statement of an analyst.
    Query,
    /// A table on its way out.
    Export,
}

/// What work sends: a piece, or why there are no more.
type Piece = Result<Bytes, Problem>;

impl Heavy {
    /// Starts the threads.
    ///
    /// # Errors
    /// Where the system gives none.
    pub fn new(limits: &ServerLimits) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits.threads)
            .max_blocking_threads(2 * limits.threads + 2)
            .thread_name("pacelake-heavy")
            .thread_stack_size(STACK)
            .enable_time()
            .build()?;
        Ok(Self {
            threads: Arc::new(Threads(Some(runtime))),
            queries: Turns::new("statements", limits.queries, limits.wait),
            exports: Turns::new("exports", limits.exports, limits.wait),
            memory: Memory {
                in_use: || None,
                most: limits.memory_bytes,
            },
        })
    }

    /// The same, where `in_use` tells how many bytes the process holds.
    pub fn watching(mut self, in_use: fn() -> Option<u64>) -> Self {
        self.memory.in_use = in_use;
        self
    }

    /// Does work that ends in rows on their way to bytes, and gives the bytes
    /// as a body. What goes wrong before the first of them is the answer; what
    /// goes wrong later cuts the body off, so that the client sees that it is
    /// not whole.
    ///
    /// `time` is how long all of it may take, the client's reading included,
    /// and `begin_time` how long until the first bytes.
    ///
    /// # Errors
    /// `too_busy` where no turn came, `query_limit` where it took too long, and
    /// what the work gives.
    pub async fn body(
        &self,
        kind: Kind,
        begin_time: Duration,
        time: Duration,
        work: impl Future<Output = Result<Encoded, Problem>> + Send + 'static,
    ) -> Result<Body, Problem> {
        let turn = match kind {
            Kind::Query => self.queries.take().await?,
            Kind::Export => self.exports.take().await?,
        };
        let (sender, mut pieces) = mpsc::channel(PIECES_AHEAD);
        let mut task = JoinSet::new();
        task.spawn_on(
            async move {
                // Given back when the work is really gone, and not before.
                let _turn = turn;
                let sending = send_pieces(work, &sender);
                if tokio::time::timeout(time, sending).await.is_err() {
                    // Nobody listens any more: then there is nobody to tell.
                    let _ = sender.try_send(Err(too_long(time)));
                }
            },
            self.threads.handle(),
        );
        let first = tokio::select! {
            first = next(&mut pieces, &mut task) => first,
            () = tokio::time::sleep(begin_time) => Some(Err(too_long(begin_time))),
            () = self.memory.runs_short() => Some(Err(short_of_memory())),
        };
        let first = first.transpose()?.unwrap_or_default();
        let rest = stream::unfold((pieces, task), |(mut pieces, mut task)| async move {
            let piece = next(&mut pieces, &mut task).await?;
            let piece = piece.map_err(|problem| {
                problem.log("an answer was cut off");
                io::Error::other(problem.message().to_owned())
            });
            Some((piece, (pieces, task)))
        });
        let pieces = stream::iter([Ok(first)]);
        // What packs an answer asks once more behind its end, for trailers.
        let rest = futures::StreamExt::fuse(rest);
        Ok(Body::from_stream(futures::StreamExt::chain(pieces, rest)))
    }

    /// Does work of one answer in a turn of the statements, beside reads.
    ///
    /// # Errors
    /// `too_busy` where no turn came, `query_limit` where it took too long or
    /// too much memory.
    pub async fn one<T>(
        &self,
        time: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Problem> {
        let _turn = self.queries.take().await?;
        tokio::select! {
            done = work => Ok(done),
            () = tokio::time::sleep(time) => Err(too_long(time)),
            () = self.memory.runs_short() => Err(short_of_memory()),
        }
    }

    /// Does work that writes, in a turn of the statements: once begun it goes
    /// on to its end, whether somebody still waits for it or not.
    ///
    /// # Errors
    /// `too_busy` where no turn came; a fault of the work.
    pub async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.queries.take().await?;
        let task = tokio::spawn(async move {
            let _turn = turn;
            work.await
        });
        task.await
            .map_err(|error| Problem::fault(error.to_string()))
    }
}

impl Memory {
    /// Waits until the process holds more than it may, and more than now: what
    /// an allocator keeps of earlier work is free for this one.
    async fn runs_short(self) {
        let now = (self.in_use)().unwrap_or_default();
        let most = self.most.max(now.saturating_add(GROWTH));
        while (self.in_use)().is_none_or(|bytes| bytes <= most) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn send_pieces(
    work: impl Future<Output = Result<Encoded, Problem>>,
    sender: &mpsc::Sender<Piece>,
) {
    let mut encoded = match work.await {
        Ok(encoded) => encoded,
        Err(problem) => return send(sender, Err(problem)).await,
    };
    loop {
        match encoded.next().await {
            Ok(Some(piece)) => {
                if sender.send(Ok(piece)).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return send(sender, Err(error.into())).await,
        }
    }
}

/// Sends the last there is to say; where nobody listens, nobody needs it.
async fn send(sender: &mpsc::Sender<Piece>, last: Piece) {
    let _ = sender.send(last).await;
}

/// The next piece; `None` after the last. A fault of the work is an error.
async fn next(pieces: &mut mpsc::Receiver<Piece>, task: &mut JoinSet<()>) -> Option<Piece> {
    if let Some(piece) = pieces.recv().await {
        return Some(piece);
    }
    match task.join_next().await? {
        Ok(()) => None,
        Err(error) => Some(Err(Problem::fault(error.to_string()))),
    }
}

fn too_long(time: Duration) -> Problem {
    Problem::new(
        Code::QueryLimit,
        format!("the work did not end within {} s", time.as_secs_f64()),
        "ask for fewer rows, or for a shorter time",
    )
}

fn short_of_memory() -> Problem {
    Problem::new(
        Code::QueryLimit,
        "the server ran short of memory",
        "ask for less at a time, and again in a moment",
    )
}

/// Turns of one kind of work.
#[derive(Clone)]
pub struct Turns {
    what: &'static str,
    turns: Arc<Semaphore>,
    wait: Duration,
}

impl Turns {
    /// So many at once; a request waits for its turn no longer than `wait`.
    pub fn new(what: &'static str, at_once: usize, wait: Duration) -> Self {
        Self {
            what,
            turns: Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS))),
            wait,
        }
    }

    /// Takes a turn, which ends when it is dropped.
    ///
    /// # Errors
    /// `too_busy` where none came in time.
    pub async fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.wait, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Problem::new(
                Code::TooBusy,
                format!("as many {} are under way as may be", self.what),
                "ask again in a moment",
            )),
        }
    }
}

/// The threads; dropping them does not wait for what they are doing.
struct Threads(Option<Runtime>);

impl Threads {
    fn handle(&self) -> &tokio::runtime::Handle {
        let runtime = self.0.as_ref();
        runtime.expect("it is taken by drop alone").handle()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
