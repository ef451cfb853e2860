//! What owners say of their activities: `mask`, `unmask`, `include`, `exclude`,
//! `unmerge`, `remerge`.

use clap::Args;
use jobs::correct::Point;
use storage::ActivityId;
use uuid::Uuid;

use super::TalkFormat;

/// `pacelake mask`.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is deleted: `pacelake unmask` lifts it. A stretch begins and ends at a time
of day where the activity was (12:04:10), at an elapsed time with a plus
(+1:04:10, +250 for seconds) or at an instant (2026-03-01T11:04:10Z).

Examples:
  pacelake mask 6761303014 --from 12:04:10 --to 12:05:00 --reason \"under a bridge\"
  pacelake mask 6761303014 --reason \"that was in a car\""
)]
pub struct Mask {
    /// Which activity
    pub id: ActivityId,
    /// Where the stretch begins [default: with the activity]
    #[arg(long, value_name = "WHEN")]
    pub from: Option<Point>,
    /// Where it ends [default: with the activity]
    #[arg(long, value_name = "WHEN")]
    pub to: Option<Point>,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// How what changed is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake unmask`.
#[derive(Debug, Args)]
pub struct Unmask {
    /// Which activity
    pub id: ActivityId,
    /// Which mask, as `pacelake show` lists it [default: all of the activity]
    pub mask: Option<Uuid>,
    /// How what changed is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake include`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  pacelake include 6761303014 --distance 1000 --reason \"timed by hand too\"")]
pub struct Include {
    /// Which activity
    pub id: ActivityId,
    /// Over which distance, in metres
    #[arg(long, value_name = "METRES")]
    pub distance: f64,
    /// Why, in one line
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "its owner says that it counts"
    )]
    pub reason: String,
    /// How what changed is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake exclude`.
#[derive(Debug, Args)]
pub struct Exclude {
    /// Which activity
    pub id: ActivityId,
    /// Over which distance, in metres
    #[arg(long, value_name = "METRES")]
    pub distance: f64,
    /// How what changed is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake unmerge`.
#[derive(Debug, Args)]
#[command(
    after_help = "The recording becomes an activity of its own, and is one with no other from then on,
until `pacelake remerge` lets identity decide again."
)]
pub struct Unmerge {
    /// Which activity
    pub id: ActivityId,
    /// The beginning of the recording's SHA-256, or its file's name [default: of two, the one whose
    /// samples are not used]
    pub recording: Option<String>,
    /// How what changed is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake remerge`.
#[derive(Debug, Args)]
pub struct Remerge {
    /// The activity that was taken out of another
    pub id: ActivityId,
    /// How what changed is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
