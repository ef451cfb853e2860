//! Counters and times of a process that goes on: the recorder behind
//! `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use api::state::Telling;
use metrics_exporter_prometheus::PrometheusBuilder;

/// How often the recorder tidies up what it measured.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of all times, in seconds: from cached answers to long jobs.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// Keeps numbers from here on; `None` where the process keeps some already.
/// Within a tokio runtime.
pub fn keep() -> Option<Telling> {
    let built = PrometheusBuilder::new().set_buckets(BUCKETS).ok()?;
    let handle = built.install_recorder().ok()?;
    storage::metric::describe();
    let tidied = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            tidied.run_upkeep();
        }
    });
    Some(Arc::new(move || handle.render()))
}
