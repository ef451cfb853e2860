//! Commits activities one by one, maintains the lake, and prints what stays,
//! beside what one commit of the same rows makes:
//!
//!     cargo run -p pacelake-storage --features testing --example single_commits -- 2000 3600
//!
//! The numbers are those of commits and of samples an activity. The lake lies
//! in a temporary folder, its catalog in SQLite.

use std::time::Instant;

use pacelake_storage::conformance::merge_single_commits;
use pacelake_storage::testing::Place;

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<i64>());
    let mut number = |default| numbers.next().map_or(Ok(default), |number| number);
    let (Ok(commits), Ok(samples)) = (number(2000), number(20)) else {
        eprintln!("two numbers are wanted: commits, and samples an activity");
        std::process::exit(2);
    };
    let began = Instant::now();
    let merged = merge_single_commits(&Place::sqlite(), commits, samples).await;
    println!(
        "{commits} commits of an activity of {samples} samples, in {:.0?}",
        began.elapsed()
    );
    println!(
        "{:<10}{:>24}{:>24}{:>24}{:>24}",
        "", "single", "served", "maintained", "in one commit"
    );
    for line in merged {
        print!("{:<10}", line.table);
        for size in [line.single, line.served, line.whole, line.bulk] {
            print!("{:>9} files {:>8} B", size.files, size.bytes);
        }
        println!();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("peak memory, reading all rows for comparison included: {peak}");
    }
}
