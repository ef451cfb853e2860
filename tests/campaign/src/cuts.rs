//! A wire that breaks: a TCP proxy before the object store that cuts
//! connections in the middle of what they carry, either way.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pacelake_e2e::Random;

/// Of so many connections one is cut,
const CUT: f64 = 0.4;
/// after at most so many bytes, both ways together.
const CUT_WITHIN: usize = 96 << 10;
/// How much is passed on at a time, so that a cut lies inside of messages.
const PIECE: usize = 1_500;

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    cuts: AtomicU32,
    is_whole: AtomicBool,
    over: AtomicBool,
}

impl Wire {
    /// A wire to `target`; `seed` says which connections break, and when.
    ///
    /// # Errors
    /// Where no port can be had.
    pub fn start(target: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let mut random = Random::new(seed);
            for client in listener.incoming().flatten() {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let is_cut = random.fraction() < CUT;
                let within = random.below(CUT_WITHIN);
                let budget = is_cut.then_some(within);
                // A store that is not there: the client sees a closed connection.
                if let Ok(store) = TcpStream::connect(target) {
                    carry(client, store, budget, &shared);
                }
            }
        });
        Ok(Self { address, state })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has cut.
    pub fn cuts(&self) -> u32 {
        self.state.cuts.load(Ordering::Relaxed)
    }

    /// From now on it breaks no more.
    pub fn mend(&self) {
        self.state.is_whole.store(true, Ordering::Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(200));
    }
}

/// Passes on what comes, both ways, until either side ends it or the budget
/// is spent.
fn carry(client: TcpStream, store: TcpStream, budget: Option<usize>, state: &Arc<State>) {
    let left = budget.map(|bytes| Arc::new(AtomicUsize::new(bytes)));
    let ends = [(&client, &store), (&store, &client)];
    for (from, to) in ends {
        let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let (left, state) = (left.clone(), Arc::clone(state));
        thread::spawn(move || one_way(from, to, left.as_deref(), &state));
    }
}

fn one_way(mut from: TcpStream, mut to: TcpStream, left: Option<&AtomicUsize>, state: &State) {
    let mut piece = [0; PIECE];
    loop {
        let Ok(read @ 1..) = from.read(&mut piece) else {
            // The other way may still carry the answer.
            let _ = to.shutdown(Shutdown::Write);
            return;
        };
        let passed = match left.filter(|_| !state.is_whole.load(Ordering::Relaxed)) {
            None => read,
            Some(left) => {
                let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    Some(left.saturating_sub(read))
                });
                read.min(taken.unwrap_or(0))
            }
        };
        let is_written = to.write_all(&piece[..passed]).is_ok();
        if passed < read {
            state.cuts.fetch_add(1, Ordering::Relaxed);
        }
        if passed < read || !is_written {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_connections_are_cut_and_the_others_whole() {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = echo.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in echo.incoming().flatten() {
                let mut text = Vec::new();
                let _ = stream.read_to_end(&mut text);
                let _ = stream.write_all(&text);
            }
        });
        let wire = Wire::start(target, 7).unwrap();
        let sent = vec![b'x'; CUT_WITHIN];
        let mut whole = 0;
        for _ in 0..30 {
            let mut stream = TcpStream::connect(wire.address()).unwrap();
            let _ = stream.write_all(&sent);
            let _ = stream.shutdown(Shutdown::Write);
            let mut back = Vec::new();
            let _ = stream.read_to_end(&mut back);
            assert!(back.len() <= sent.len());
            whole += u32::from(back.len() == sent.len());
        }
        assert!(wire.cuts() > 5, "{} cuts", wire.cuts());
        assert!(whole > 5, "{whole} whole");
    }
}
