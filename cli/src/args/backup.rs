//! `pacelake backup` and `pacelake restore`.

use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

use super::TalkFormat;

/// `pacelake backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "Copies the catalog as it is at one instant and every object that it names, while others read
and write. What an earlier backup in the same folder has is not copied again. A PostgreSQL
catalog is copied by pg_dump.

Example:
  pacelake backup --to /mnt/backup"
)]
pub struct Backup {
    /// The folder of all backups; made where it is missing
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Every object is compared with its hash, and a check is run at the end. Damaged objects are
named; nothing is put in place then, unless that is allowed.

Exit code: 0 restored and all agrees, 1 not.

Examples:
  pacelake restore --from /mnt/backup --list
  pacelake restore --from /mnt/backup --to new
  pacelake restore --from /mnt/backup --to new --catalog postgres://user@host/empty
  pacelake restore --from /mnt/backup --to new --despite-damage
  pacelake check --data-dir new --repair"
)]
pub struct Restore {
    /// The folder of all backups
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data folder to make; must be empty or missing
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    pub to: Option<PathBuf>,
    /// Which backup [default: the last]
    #[arg(long, value_name = "ID")]
    pub backup: Option<Uuid>,
    /// List the backups and restore nothing
    #[arg(long, conflicts_with_all = ["to", "backup", "despite_damage"])]
    pub list: bool,
    /// Leave damaged objects out instead of giving up; `check --repair` may mend them
    #[arg(long)]
    pub despite_damage: bool,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
