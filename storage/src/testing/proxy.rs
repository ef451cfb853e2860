//! A way to a server that can be cut while bytes are on it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Which bytes count towards a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Those that go to the server.
    Up,
    /// Those that come from it.
    Down,
}

/// When connections are cut.
#[derive(Debug)]
struct Cuts {
    direction: Direction,
    /// Bytes from one cut to the next, over all connections.
    every: u64,
    left: u64,
    /// How many cuts there will be.
    times: u64,
}

/// A proxy on loopback that passes bytes on, until it is told to cut. It ends
/// when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    cuts: Arc<Mutex<Cuts>>,
    made: Arc<AtomicU64>,
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
        let cuts = Arc::new(Mutex::new(Cuts {
            direction: Direction::Up,
            every: 0,
            left: 0,
            times: 0,
        }));
        let made = Arc::new(AtomicU64::new(0));
        let (shared, counter) = (Arc::clone(&cuts), Arc::clone(&made));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (shared, counter) = (Arc::clone(&shared), Arc::clone(&counter));
                tokio::spawn(pass(client, server, shared, counter));
            }
        });
        Self {
            address,
            cuts,
            made,
            task,
        }
    }

    /// From now on a connection is cut whenever `every` bytes went that way,
    /// so many `times`.
    ///
    /// # Panics
    /// Never.
    pub fn cut(&self, direction: Direction, every: u64, times: u64) {
        *self.cuts.lock().expect("nobody panics with it") = Cuts {
            direction,
            every,
            left: every,
            times,
        };
    }

    /// How many connections were cut.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes bytes both ways until one side ends, or the cut comes.
async fn pass(client: TcpStream, server: SocketAddr, cuts: Arc<Mutex<Cuts>>, made: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    // Both ways end when one is cut.
    let (cut, seen) = watch::channel(false);
    let cut = Arc::new(cut);
    let way = |from, to, direction| {
        one_way(
            from,
            to,
            direction,
            Arc::clone(&cuts),
            Arc::clone(&made),
            Arc::clone(&cut),
            seen.clone(),
        )
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
    cuts: Arc<Mutex<Cuts>>,
    made: Arc<AtomicU64>,
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
        let passed = {
            let mut cuts = cuts.lock().expect("nobody panics with it");
            if cuts.direction != direction || cuts.times == 0 {
                length
            } else if cuts.left > length as u64 {
                cuts.left -= length as u64;
                length
            } else {
                let passed = cuts.left as usize;
                (cuts.left, cuts.times) = (cuts.every, cuts.times - 1);
                made.fetch_add(1, Ordering::Relaxed);
                cut.send_replace(true);
                passed
            }
        };
        if to.write_all(&buffer[..passed]).await.is_err() || *cut.borrow() {
            return;
        }
    }
}
