//! Listening, until it is asked to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use storage::{Code, Failure};
use tokio::net::TcpListener;

use crate::app;
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
    /// The socket failed.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
}

impl Failure for ServeError {
    fn code(&self) -> Code {
        match self {
            Self::NotLoopback { .. } => Code::InvalidArgument,
            Self::Listen(_) => Code::Internal,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::NotLoopback { .. } => {
                "listen on 127.0.0.1 or [::1]; there are no accounts yet to keep others out"
            }
            Self::Listen(_) => "choose another port",
        }
    }
}

/// Serves HTTP on `listener` until `shutdown` resolves; requests under way are
/// answered first.
///
/// # Errors
/// [`ServeError::NotLoopback`] where the listener's address is not this
/// machine's own, [`ServeError::Listen`] where the socket fails.
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listen)?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    axum::serve(listener, app(state))
        .with_graceful_shutdown(shutdown)
        .await
        .map_err(ServeError::Listen)
}
