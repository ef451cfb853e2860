//! Listening, until it is asked to stop, to so many clients at once and to none
//! that wastes their time.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jobs::progress::Stop;
use storage::{Code, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::app;
use crate::limits::ServerLimits;
use crate::stall::Stalling;
use crate::state::State;

/// Why the server could not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Without accounts, only this machine may ask.
    #[error("{address} can be reached from other machines")]
    NotLoopback {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// A public address that means nothing.
    #[error("the public address {text:?} is not understood")]
    PublicUrl {
        /// What was given.
        text: String,
    },
    /// The catalog does not say whether there are accounts.
    #[error("cannot tell whether there are accounts")]
    Catalog(#[source] storage::Error),
    /// The socket failed.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
}

impl Failure for ServeError {
    fn code(&self) -> Code {
        match self {
            Self::NotLoopback { .. } | Self::PublicUrl { .. } => Code::InvalidArgument,
            Self::Catalog(error) => error.code(),
            Self::Listen(_) => Code::Internal,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::NotLoopback { .. } => {
                "listen on 127.0.0.1 or [::1]; there are no accounts yet to keep others out"
            }
            Self::PublicUrl { .. } => {
                "give scheme, host and perhaps a port, such as https://lake.example.org"
            }
            Self::Catalog(error) => error.try_next(),
            Self::Listen(_) => "choose another port",
        }
    }
}

/// The most bytes of a request's head; longer ones are answered with 431.
const MAX_HEAD: usize = 64 << 10;
/// How many clients are told at once that there is no room for them.
const TURNED_AWAY: usize = 64;
/// How long one of them may take to be told.
const TURNING_AWAY: Duration = Duration::from_secs(1);
/// How long to wait after the system gave no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How long requests under way may take once the server is asked to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Serves HTTP on `listener` until `shutdown` resolves; requests under way are
/// answered first, but for streams of events, which end, and for what takes
/// too long, which is cut off.
///
/// # Errors
/// [`ServeError::NotLoopback`] where the listener's address is not this
/// machine's own and there are no accounts, [`ServeError::Listen`] where the socket fails.
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    check_address(&listener, &state).await?;
    let (limits, stop) = (Arc::clone(&state.limits), state.stop.clone());
    listen(listener, app(state), limits, stop, shutdown).await;
    Ok(())
}

/// Serves how the process is ([`side`](crate::side)) on `listener` until
/// `shutdown` resolves, and nothing else.
///
/// # Errors
/// As [`serve`].
pub async fn serve_side(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    check_address(&listener, &state).await?;
    let (limits, stop) = (Arc::clone(&state.limits), state.stop.clone());
    listen(listener, crate::side(state), limits, stop, shutdown).await;
    Ok(())
}

/// Refuses to listen to other machines while nobody has to sign in.
///
/// # Errors
/// [`ServeError::NotLoopback`], and where the catalog does not say whether there
/// are accounts.
pub async fn check_address(listener: &TcpListener, state: &State) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listen)?;
    if !address.ip().is_loopback() && !state.has_accounts().await.map_err(ServeError::Catalog)? {
        return Err(ServeError::NotLoopback { address });
    }
    Ok(())
}

async fn listen(
    listener: TcpListener,
    app: Router,
    limits: Arc<ServerLimits>,
    stop: Stop,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let room_outside = Arc::new(Semaphore::new(TURNED_AWAY));
    let mut under_way = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        while under_way.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else {
            // Too many open files, or a client that left already.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
            let serving = connection(stream, app.clone(), Arc::clone(&limits), stop.clone());
            under_way.spawn(async move {
                serving.await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&room_outside).try_acquire_owned() {
            under_way.spawn(async move {
                // Who is not told in time is cut off.
                let _ = tokio::time::timeout(TURNING_AWAY, turn_away(stream)).await;
                drop(place);
            });
        }
    }
    drop(listener);
    stop.ask();
    let requests = cut_off(under_way, LAST_ANSWERS).await;
    if requests > 0 {
        tracing::warn!(requests, "the server ended before all were answered");
    }
}

/// Waits for connections that end with what they are at, and cuts off the rest:
/// answers how many.
async fn cut_off(mut under_way: JoinSet<()>, patience: Duration) -> usize {
    let all = async { while under_way.join_next().await.is_some() {} };
    // Whoever is not done in time is still there.
    let _ = tokio::time::timeout(patience, all).await;
    under_way.len()
}

/// Answers the requests of one connection.
async fn connection(stream: TcpStream, app: Router, limits: Arc<ServerLimits>, stop: Stop) {
    // Without it, small answers wait for more to send; nothing else is lost.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(Stalling::new(stream, limits.stall_time));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(MAX_HEAD)
        .serve_connection(stream, TowerToHyperService::new(app));
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.wait() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Clients that leave, stall or speak no HTTP: their affair.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Tells a client that there is no room for its connection.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    let mut unread = [0; 8 << 10];
    let _ = stream.read(&mut unread).await?;
    let code = Code::TooBusy.name();
    let body = format!(
        "{{\"code\":\"{code}\",\"message\":\"as many connections are open as may be\",\
         \"try_next\":\"ask again in a moment\",\"request_id\":\"{}\"}}",
        Uuid::now_v7()
    );
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // A client that is still writing when it is cut off would not read this.
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_longer_than_the_last_answer_takes() {
        let mut under_way = JoinSet::new();
        under_way.spawn(async {});
        under_way.spawn(tokio::time::sleep(Duration::from_millis(20)));
        assert_eq!(cut_off(under_way, Duration::from_secs(3_600)).await, 0);
    }

    #[tokio::test]
    async fn what_does_not_end_is_cut_off() {
        let mut under_way = JoinSet::new();
        under_way.spawn(async {});
        under_way.spawn(std::future::pending());
        assert_eq!(cut_off(under_way, Duration::from_millis(200)).await, 1);
    }
}
