//! From kept bytes back to clean recordings: the same steps whether the bytes
//! have just come in or have lain in the raw store for years.

use std::collections::HashMap;
use std::sync::Arc;

use pipeline::clean::{Clean, clean};
use pipeline::decode::{Limits, decode};
use storage::catalog::Source;
use storage::{AthleteId, Code, Failure};

use crate::context::Context;
use crate::error::Error;

/// Why bytes gave no clean recording; a row of a report, not an error.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What is wrong with the bytes.
    pub reason: String,
    /// What may help.
    pub try_next: &'static str,
}

impl Refusal {
    /// A refusal by what `error` says.
    pub fn of(error: &dyn Failure) -> Self {
        Self {
            code: error.code(),
            reason: error.to_string(),
            try_next: error.try_next(),
        }
    }
}

/// Decodes and cleans all recordings of one file, in the order of their
/// parts: (part, clean recording).
/// # Errors
/// The [`Refusal`] of the file, or of its first part where none could be cleaned.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<(u32, Clean)>, Refusal> {
    let recordings = decode(bytes, limits).map_err(|error| Refusal::of(&error))?;
    let mut read = Vec::with_capacity(recordings.len());
    let mut refusal = None;
    for recording in recordings {
        let part = recording.part;
        match clean(recording) {
            Ok(clean) => read.push((part, clean)),
            Err(error) => refusal = refusal.or(Some(Refusal::of(&error))),
        }
    }
    match refusal {
        Some(refusal) if read.is_empty() => Err(refusal),
        _ => Ok(read),
    }
}

/// Clean recordings by their file's hash, each file decoded once.
#[derive(Default)]
pub struct Kept {
    files: HashMap<String, Vec<(u32, Arc<Clean>)>>,
}

impl Kept {
    /// Holds what was just decoded, so that it is not read again.
    pub fn hold(&mut self, sha256: &str, part: u32, clean: Arc<Clean>) {
        self.files
            .entry(sha256.to_owned())
            .or_default()
            .push((part, clean));
    }

    /// The clean recording of a source, from the raw store where it is not
    /// held yet.
    ///
    /// # Errors
    /// Where the raw bytes are missing or no longer give that part.
    pub async fn clean(
        &mut self,
        context: &Context,
        athlete: AthleteId,
        source: &Source,
    ) -> Result<Arc<Clean>, Error> {
        let part = u32::try_from(source.part).unwrap_or_default();
        if let Some(clean) = self.held(&source.sha256, part) {
            return Ok(clean);
        }
        let bytes = context.storage.raw.get(athlete, &source.sha256).await?;
        let read = tokio::task::spawn_blocking(move || read(&bytes, &Limits::default())).await?;
        let unreadable = |reason: String| Error::KeptUnreadable {
            sha256: source.sha256.clone(),
            part,
            reason,
        };
        for (part, clean) in read.map_err(|refusal| unreadable(refusal.reason))? {
            if self.held(&source.sha256, part).is_none() {
                self.hold(&source.sha256, part, Arc::new(clean));
            }
        }
        self.held(&source.sha256, part)
            .ok_or_else(|| unreadable("it has no such part".to_owned()))
    }

    fn held(&self, sha256: &str, part: u32) -> Option<Arc<Clean>> {
        let parts = self.files.get(sha256)?;
        parts
            .iter()
            .find(|(held, _)| *held == part)
            .map(|(_, clean)| Arc::clone(clean))
    }
}
