//! A way to a server that can be cut while bytes are on it, stall or refuse.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often it is looked whether bytes are still held back.
const LOOK: Duration = Duration::from_millis(5);

/// Which bytes count towards a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Those that go to the server.
    Up,
    /// Those that come from it.
    Down,
}

/// What goes wrong on the way.
#[derive(Debug)]
struct Plan {
    direction: Direction,
    /// Bytes from one cut to the next, over all connections.
    every: u64,
    left: u64,
    /// How many cuts there will be.
    times: u64,
    /// No byte passes before.
    stalled_until: Instant,
    /// No connection lasts before.
    refused_until: Instant,
}

impl Plan {
    fn calm() -> Self {
        Self {
            direction: Direction::Up,
            every: 0,
            left: 0,
            times: 0,
            stalled_until: Instant::now(),
            refused_until: Instant::now(),
        }
    }

    fn refuses(&self) -> bool {
        Instant::now() < self.refused_until
    }
}

/// What a proxy and its connections share.
#[derive(Debug)]
struct Shared {
    plan: Mutex<Plan>,
    made: AtomicU64,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().expect("nobody panics with it")
    }
}

/// A proxy on loopback that passes bytes on, until it is told to cut, stall or
/// refuse. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to this server.
    ///
    /// # Panics
    /// Where no port can be listened on.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            plan: Mutex::new(Plan::calm()),
            made: AtomicU64::new(0),
        });
        let all = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !all.plan().refuses() {
                    tokio::spawn(pass(client, server, Arc::clone(&all)));
                }
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// From now on a connection is cut whenever `every` bytes went that way,
    /// so many `times`.
    ///
    /// # Panics
    /// Never.
    pub fn cut(&self, direction: Direction, every: u64, times: u64) {
        let mut plan = self.shared.plan();
        plan.direction = direction;
        (plan.every, plan.left, plan.times) = (every, every, times);
    }

    /// For so long no byte passes, in either direction.
    ///
    /// # Panics
    /// Never.
    pub fn stall(&self, time: Duration) {
        self.shared.plan().stalled_until = Instant::now() + time;
    }

    /// For so long new connections are closed at once, and old ones where a
    /// byte comes.
    ///
    /// # Panics
    /// Never.
    pub fn refuse(&self, time: Duration) {
        self.shared.plan().refused_until = Instant::now() + time;
    }

    /// From now on all passes.
    ///
    /// # Panics
    /// Never.
    pub fn calm(&self) {
        *self.shared.plan() = Plan::calm();
    }

    /// How many connections were cut at their bytes.
    pub fn made(&self) -> u64 {
        self.shared.made.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes bytes both ways until one side ends, or the cut comes.
async fn pass(client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    // Both ways end when one is cut.
    let (cut, seen) = watch::channel(false);
    let cut = Arc::new(cut);
    let way = |from, to, direction| {
        let (shared, cut) = (Arc::clone(&shared), Arc::clone(&cut));
        one_way(from, to, direction, shared, cut, seen.clone())
    };
    tokio::join!(
        way(from_client, to_server, Direction::Up),
        way(from_server, to_client, Direction::Down),
    );
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    shared: Arc<Shared>,
    cut: Arc<watch::Sender<bool>>,
    mut seen: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = seen.wait_for(|cut| *cut) => return,
        };
        let Ok(length @ 1..) = read else {
            // An end of one way is passed on; the other may have more to say.
            let _ = to.shutdown().await;
            return;
        };
        stalled(&shared).await;
        let passed = {
            let mut plan = shared.plan();
            if plan.refuses() {
                cut.send_replace(true);
                0
            } else if plan.direction != direction || plan.times == 0 {
                length
            } else if plan.left > length as u64 {
                plan.left -= length as u64;
                length
            } else {
                let passed = plan.left as usize;
                (plan.left, plan.times) = (plan.every, plan.times - 1);
                shared.made.fetch_add(1, Ordering::Relaxed);
                cut.send_replace(true);
                passed
            }
        };
        if to.write_all(&buffer[..passed]).await.is_err() || *cut.borrow() {
            return;
        }
    }
}

/// Waits while bytes are held back, and looks again, since that may change.
async fn stalled(shared: &Shared) {
    while Instant::now() < shared.plan().stalled_until {
        tokio::time::sleep(LOOK).await;
    }
}
