//! `pacelake explain`.

use clap::Args;

use super::TalkFormat;
use super::past::Past;

/// `pacelake explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "The key's values stand in the order of the table's declaration; numbers are
compared by value. Where a number comes from others, these are named, and each
can be explained in turn. With --at the recordings, and what is computed anew
from them, are today's.

Examples:
  pacelake explain best_efforts 6761303014 1000 elapsed_s
  pacelake explain splits 6761303014 km 3 pace_s_per_km
  pacelake explain stats 1 run year 2024-01-01 distance_m --format json"
)]
pub struct Explain {
    /// The table: activities, splits, best_efforts, refused_efforts, peaks, climbs, best_effort_ranks, stats
    pub table: String,
    /// The values of its key, then the column
    #[arg(required = true, num_args = 2.., allow_negative_numbers = true, value_name = "KEY|COLUMN")]
    pub key_and_column: Vec<String>,
    /// Leave the raw bytes, and say only what the lake knows
    #[arg(long)]
    pub no_recompute: bool,
    /// As it is, or as it was.
    #[command(flatten)]
    pub past: Past,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
