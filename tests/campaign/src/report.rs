//! A campaign as a page: who was killed, when, and what was proven.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::journal::{Era, Faults, Proven};
use crate::place::Pair;
use crate::work::{Phase, Work};

/// The page, as Markdown.
pub fn page(eras: &[Era]) -> String {
    let mut page = String::new();
    let kills: usize = eras.iter().map(|era| era.kills.len()).sum();
    let seconds: u64 = eras.iter().map(|era| era.seconds).sum();
    let ended: u32 = eras.iter().map(|era| era.ended).sum();
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line(format!(
        "{kills} processes killed in {} eras, {ended} ended by themselves, in {} min {:02} s. \
         Nothing was lost, doubled or half there.\n",
        eras.len(),
        seconds / 60,
        seconds % 60
    ));
    line(by_work(eras));
    line(by_phase(eras));
    let kills = || eras.iter().flat_map(|era| &era.kills);
    let near = kills().filter(|kill| kill.at_commit).count();
    line(format!(
        "{near} of them waited for the moment of a commit, {} for any moment.\n",
        kills().count() - near
    ));
    line(by_fault(eras));
    line(by_pair(eras));
    let mut refused: BTreeMap<&str, u32> = BTreeMap::new();
    for (code, count) in eras.iter().flat_map(|era| &era.refused) {
        *refused.entry(code).or_default() += count;
    }
    let refused: Vec<_> = refused
        .iter()
        .map(|(code, n)| format!("{n} `{code}`"))
        .collect();
    line(format!(
        "Processes that ended by an error that says to try again: {}.",
        if refused.is_empty() {
            "none".to_owned()
        } else {
            refused.join(", ")
        }
    ));
    let mut binaries: Vec<_> = eras.iter().map(|era| era.binary.as_str()).collect();
    binaries.dedup();
    line(format!("Binary, by its SHA-256: {}.", binaries.join(", ")));
    page
}

/// Kills of each kind of work, for each pair.
fn by_work(eras: &[Era]) -> String {
    let count = |work: Work, pair: Pair| {
        let eras = eras.iter().filter(|era| era.pair == pair);
        eras.flat_map(|era| &era.kills)
            .filter(|kill| kill.work == work)
            .count()
    };
    table(
        "killed while at",
        Work::ALL.map(|work| (work.name(), work)).as_slice(),
        eras,
        count,
    )
}

/// Kills in each phase, for each pair.
fn by_phase(eras: &[Era]) -> String {
    let count = |phase: Phase, pair: Pair| {
        let eras = eras.iter().filter(|era| era.pair == pair);
        eras.flat_map(|era| &era.kills)
            .filter(|kill| kill.phase == phase)
            .count()
    };
    let phases = Phase::ALL.map(|phase| (phase.name(), phase));
    table("killed when", phases.as_slice(), eras, count)
}

fn table<T: Copy>(
    head: &str,
    rows: &[(&str, T)],
    eras: &[Era],
    count: impl Fn(T, Pair) -> usize,
) -> String {
    let pairs: Vec<Pair> = Pair::ALL
        .into_iter()
        .filter(|pair| eras.iter().any(|era| era.pair == *pair))
        .collect();
    let mut text = format!("| {head} |");
    for pair in &pairs {
        let _ = write!(text, " {} |", pair.name());
    }
    let _ = write!(text, "\n|---|{}\n", "---:|".repeat(pairs.len()));
    for (name, row) in rows {
        let _ = write!(text, "| {name} |");
        for pair in &pairs {
            let _ = write!(text, " {} |", count(*row, *pair));
        }
        text.push('\n');
    }
    text
}

/// How often one thing went wrong.
type Count = fn(&Faults) -> u32;

/// What went wrong on purpose beside the kills, for each pair.
fn by_fault(eras: &[Era]) -> String {
    let count = |of: Count, pair: Pair| {
        let eras = eras.iter().filter(|era| era.pair == pair);
        eras.map(|era| of(&era.faults) as usize).sum()
    };
    let rows: [(&str, Count); 5] = [
        ("PostgreSQL restarted at once", |faults| faults.restarts),
        ("disk full", |faults| faults.full),
        ("connection to the store cut", |faults| faults.cuts),
        ("store stalled", |faults| faults.stalls),
        ("store refused", |faults| faults.refusals),
    ];
    table("went wrong on purpose", &rows, eras, count)
}

/// What was proven, for each pair.
fn by_pair(eras: &[Era]) -> String {
    let mut text = String::from(
        "| on | eras | kills | recordings acknowledged | recordings in | births \
         | rows compared |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for pair in Pair::ALL {
        let eras: Vec<_> = eras.iter().filter(|era| era.pair == pair).collect();
        if eras.is_empty() {
            continue;
        }
        let sum = |of: fn(&Proven) -> usize| eras.iter().map(|era| of(&era.proven)).sum::<usize>();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            pair.name(),
            eras.len(),
            eras.iter().map(|era| era.kills.len()).sum::<usize>(),
            sum(|proven| proven.acknowledged),
            sum(|proven| proven.recordings),
            sum(|proven| proven.births),
            sum(|proven| proven.rows),
        );
    }
    text
}
