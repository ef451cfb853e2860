//! The settings of `serve` as the limits of its server.

use std::time::Duration;

use api::{PublicUrl, ServeError, ServerLimits};
use query::Limits;

use super::Settings;

impl Settings {
    /// Where others reach the server, if it is said.
    ///
    /// # Errors
    /// Where it means nothing.
    pub fn public_url(&self) -> Result<Option<PublicUrl>, ServeError> {
        self.public_url.as_deref().map(PublicUrl::parse).transpose()
    }

    /// What links to the server begin with.
    ///
    /// # Errors
    /// As [`public_url`](Self::public_url).
    pub fn origin(&self) -> Result<String, ServeError> {
        let public = self.public_url()?;
        Ok(public.map_or_else(
            || format!("http://{}", self.listen),
            |public| public.origin().to_owned(),
        ))
    }

    /// How much the server takes on.
    pub fn server_limits(&self) -> ServerLimits {
        let usual = ServerLimits::default();
        ServerLimits {
            connections: self.max_connections,
            head_time: Duration::from_secs(self.head_time_s),
            stall_time: Duration::from_secs(self.stall_time_s),
            answer_time: Duration::from_secs(self.answer_time_s),
            body_bytes: self.body_kb << 10,
            wait: Duration::from_secs(self.wait_s),
            reads: self.reads_at_once,
            kept_bytes: self.kept_answers_mb << 20,
            memory_bytes: self.memory_mb << 20,
            queries: self.queries_at_once,
            query: Limits {
                memory_bytes: self.query_memory_mb << 20,
                spill_bytes: self.query_spill_mb << 20,
                rows: self.query_rows,
                time: Duration::from_secs(self.query_time_s),
            },
            exports: self.exports_at_once,
            export_time: Duration::from_secs(self.export_time_s),
            threads: self.query_threads.unwrap_or(usual.threads),
            read: usual.read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_servers_own() {
        let limits = Settings::default().server_limits();
        let expected = ServerLimits::default();
        assert_eq!(format!("{limits:?}"), format!("{expected:?}"));
    }
}
