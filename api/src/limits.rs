//! How much the server takes on at once, and how much one request may use.

use std::thread::available_parallelism;
use std::time::Duration;

use query::Limits;

/// All limits of a server. What passes one is refused with a clear error, and
/// harms nobody else.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections that are served at once.
    pub connections: usize,
    /// How long the head of a request may take to arrive, and how long a
    /// connection may stay idle.
    pub head_time: Duration,
    /// How long a client may read nothing of an answer.
    pub stall_time: Duration,
    /// How long an answer may take to begin.
    pub answer_time: Duration,
    /// The most bytes of a request's body.
    pub body_bytes: usize,
    /// How long a request waits for its turn.
    pub wait: Duration,
    /// Reads at once.
    pub reads: usize,
    /// What all reads of one snapshot may use together.
    pub read: Limits,
    /// Memory for answers that were given before, in bytes.
    pub kept_bytes: u64,
    /// Memory of the whole process, in bytes, above which statements are
    /// ended: not everything that a statement takes is counted beforehand.
    pub memory_bytes: u64,
    /// Statements at once.
    pub queries: usize,
    /// What one statement may use.
    pub query: Limits,
    /// Exports at once.
    pub exports: usize,
    /// How long one export may take, reading included.
    pub export_time: Duration,
    /// Threads for statements and exports; reads have others.
    pub threads: usize,
}

impl Default for ServerLimits {
    /// As the settings' reference has it.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            connections: 512,
            head_time: Duration::from_secs(15),
            stall_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(90),
            body_bytes: 64 << 10,
            wait: Duration::from_secs(2),
            reads: 64,
            read: Limits {
                memory_bytes: 512 << 20,
                spill_bytes: 0,
                time: Duration::from_secs(30),
                ..Limits::default()
            },
            kept_bytes: 64 << 20,
            memory_bytes: 2 << 30,
            queries: 2,
            query: Limits {
                memory_bytes: 256 << 20,
                spill_bytes: 2 << 30,
                rows: 100_000,
                time: Duration::from_secs(30),
            },
            exports: 2,
            export_time: Duration::from_secs(3_600),
            // One core stays free for reads.
            threads: cores.saturating_sub(1).max(1),
        }
    }
}

impl ServerLimits {
    /// What one export may use: it is streamed, so that neither its rows nor
    /// its time, which [`export_time`](Self::export_time) bounds, are a danger.
    pub fn export(&self) -> Limits {
        Limits {
            rows: usize::MAX,
            time: self.export_time,
            ..self.query.clone()
        }
    }
}
