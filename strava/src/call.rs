//! One call: send, read what it cost, read the body within its limit.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap};
use reqwest::{RequestBuilder, Response};

use crate::answer::Answer;
use crate::app::Strava;
use crate::error::{Attempt, Error, Loss};
use crate::fault::Fault;
use crate::refusal::{counted_anew, verdict};
use crate::usage::Usage;

/// The most of a refusal's body that is read: whatever is beyond it is HTML.
const REFUSAL_BYTES: usize = 64 << 10;

impl Strava {
    /// Sends `request` and reads its answer. `secrets` are what went out with
    /// it, so that a refusal which repeats one is not passed on with it.
    pub(crate) async fn send(
        &self,
        attempt: Attempt,
        request: RequestBuilder,
        secrets: &[&str],
    ) -> Answer<Bytes> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let error = Error::unanswered(attempt, error);
                tracing::debug!(%attempt, %error, "no answer from strava");
                return Answer {
                    usage: None,
                    date: None,
                    outcome: Err(error),
                };
            }
        };
        let usage = Usage::read(response.headers());
        let date = date(response.headers());
        let status = response.status().as_u16();
        tracing::debug!(%attempt, status, "answer from strava");
        let outcome = if response.status().is_success() {
            whole(attempt, response, self.inner.limits.body_bytes).await
        } else {
            let until = counted_anew(response.headers(), date, usage.as_ref());
            let fault = Fault::read(&beginning(response).await, secrets);
            Err(Error::Refused {
                attempt,
                status,
                reason: verdict(attempt, status, &fault, until),
                message: fault.to_string(),
            })
        };
        Answer {
            usage,
            date,
            outcome,
        }
    }
}

/// The time of the other side's clock.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// The whole body, decompressed, which may not pass `limit`: neither as it
/// announces itself nor as it comes.
async fn whole(attempt: Attempt, mut response: Response, limit: usize) -> Result<Bytes, Error> {
    let too_large = || Error::TooLarge { attempt, limit };
    let announced = response.content_length().unwrap_or_default();
    if announced > limit as u64 {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_large()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => return Err(broken(attempt, error)),
        }
    }
}

/// A body that ended before its end, or that does not decompress.
fn broken(attempt: Attempt, error: reqwest::Error) -> Error {
    let source = error.without_url();
    let loss = if source.is_timeout() {
        Loss::TimedOut
    } else if wrong_bytes(&source) {
        return Error::malformed(attempt, "the answer cannot be decompressed");
    } else {
        Loss::CutOff
    };
    Error::Lost {
        attempt,
        loss,
        source: Some(source),
    }
}

/// Whether a decoder says that its bytes are wrong, rather than missing. Its
/// words for wrong ones depend on where the pieces end: only the end is sure.
fn wrong_bytes(error: &reqwest::Error) -> bool {
    let mut below = std::error::Error::source(error);
    while let Some(error) = below {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::UnexpectedEof
        {
            return false;
        }
        below = error.source();
    }
    error.is_decode()
}

/// The beginning of a refusal's body. What goes wrong with the rest changes
/// nothing: the status has come.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = REFUSAL_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    body
}
