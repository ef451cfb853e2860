//! All derived fields and tables from the kept recordings, such as
//! `fastest_pace_s_per_km` of statistics: after a repair, or to be sure.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use storage::AthleteId;

use super::{Chore, followed};
use crate::context::Context;
use crate::queue::{Stopped, TaskHandle};
use crate::recompute::Options;

/// The job that computes everything again from the kept recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// Whose; `None`: everybody's.
    pub athlete_id: Option<AthleteId>,
}

#[async_trait]
impl Chore for Resync {
    const KIND: &'static str = "resync";
    const PRIORITY: i64 = 70;

    fn whose(&self) -> Option<AthleteId> {
        self.athlete_id
    }

    async fn carry_out(&self, context: &Context, task: &TaskHandle) -> Result<(), Stopped> {
        let options = Options {
            full: true,
            athlete: self.athlete_id,
            ..Options::default()
        };
        followed::recomputed(context, task, "compute everything again", options).await
    }
}
