//! `pacelake diff`.

use clap::Args;
use storage::{ActivityId, Moment};

use super::TalkFormat;
use super::past::moment;

/// `pacelake diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "A state is a snapshot's number, a time such as 2026-03-01T12:00:00Z, or a day, which
means its end in UTC; the older one comes first. All tables are compared by
their keys, bit for bit, but for the ledger of derivation. Each activity that
changed is listed with the reasons: it is new, a recording joined, its owner
said something, a definition has another version. Ranks and statistics name the
activities that they follow from.

Examples:
  pacelake diff 417                             what changed since snapshot 417
  pacelake diff 2026-03-01 2026-03-08 --table best_effort_ranks
  pacelake diff 417 420 --activity 6761303014
  pacelake diff 417 --format json > diff.json   all of it"
)]
pub struct Diff {
    /// The older state
    #[arg(value_name = "SNAPSHOT|TIME", value_parser = moment)]
    pub from: Moment,
    /// The newer state [default: as it is]
    #[arg(value_name = "SNAPSHOT|TIME", value_parser = moment)]
    pub to: Option<Moment>,
    /// Only this table
    #[arg(long)]
    pub table: Option<String>,
    /// Only rows of this activity, and numbers that follow from it
    #[arg(long, value_name = "ID")]
    pub activity: Option<ActivityId>,
    /// At most this many changed activities; as JSON also cells of each column, and rows of each
    /// table that came or went [default: 20; as JSON all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
