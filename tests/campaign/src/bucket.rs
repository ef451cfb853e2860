//! Buckets on a private S3 server, by a way on which connections are cut,
//! stall or are refused.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use pacelake_e2e::Random;
use storage::objects::S3Options;
use storage::testing::{Direction, Proxy, S3Server, copy_objects};
use tokio::runtime::Runtime;

/// Up to so many bytes pass before a connection is cut: the recordings and
/// files of an era are about as large.
const CUT_WITHIN: usize = 60 << 10;
/// Up to so many connections are cut in a row.
const CUTS: usize = 6;
/// A stall lasts up to so long, in ms: some requests time out, most wait.
const STALL_MS: usize = 3_000;
/// The store refuses for up to so long, in ms.
const REFUSE_MS: usize = 1_500;

/// A server; it ends when it is dropped.
#[derive(Debug)]
pub struct Buckets {
    server: S3Server,
    runtime: Runtime,
}

/// An empty bucket of its own.
#[derive(Debug)]
pub struct Bucket {
    /// How it is reached: by the way that can be disturbed.
    pub options: S3Options,
    proxy: Proxy,
}

/// What may happen on the way to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Connections will be cut in the middle.
    Cut,
    /// No byte passes for a while.
    Stall,
    /// Nobody is let in for a while.
    Refusal,
}

impl Buckets {
    /// Starts a server.
    ///
    /// # Errors
    /// Where the way to it cannot be made.
    ///
    /// # Panics
    /// Where SeaweedFS is not installed or does not start.
    pub fn start() -> Result<Self, String> {
        Ok(Self {
            server: S3Server::start(None),
            runtime: Runtime::new().map_err(|error| error.to_string())?,
        })
    }

    /// A new, empty bucket.
    ///
    /// # Errors
    /// Where the server's address is none.
    pub fn bucket(&self) -> Result<Bucket, String> {
        let mut options = self.server.bucket();
        let host = self.server.endpoint.trim_start_matches("http://");
        let server: SocketAddr = host.parse().map_err(|error| format!("{host}: {error}"))?;
        let proxy = self.runtime.block_on(Proxy::to(server));
        options.endpoint = Some(format!("http://{}", proxy.address));
        Ok(Bucket { options, proxy })
    }

    /// Copies what is in a bucket into a folder.
    ///
    /// # Errors
    /// Where the server or the folder does not serve.
    pub fn copy(&self, bucket: &Bucket, folder: &Path) -> Result<(), String> {
        let copied = self.runtime.block_on(copy_objects(&bucket.options, folder));
        copied.map_err(|error| error.to_string())
    }
}

impl Bucket {
    /// Lets something happen on the way, and says what.
    pub fn disturb(&self, random: &mut Random) -> Disturbance {
        let ms = |ms: usize| Duration::from_millis(ms as u64);
        match random.below(4) {
            0 => {
                self.proxy.stall(ms(random.below(STALL_MS)));
                Disturbance::Stall
            }
            1 => {
                self.proxy.refuse(ms(random.below(REFUSE_MS)));
                Disturbance::Refusal
            }
            _ => {
                let direction = match random.below(2) {
                    0 => Direction::Up,
                    _ => Direction::Down,
                };
                let every = 1 + random.below(CUT_WITHIN) as u64;
                self.proxy
                    .cut(direction, every, 1 + random.below(CUTS) as u64);
                Disturbance::Cut
            }
        }
    }

    /// Lets everything pass.
    pub fn calm(&self) {
        self.proxy.calm();
    }

    /// How many connections were cut in the middle so far.
    pub fn cuts(&self) -> u64 {
        self.proxy.made()
    }
}
