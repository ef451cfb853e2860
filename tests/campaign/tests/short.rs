//! A short campaign, on each pair. `make campaign` runs the long one.

use pacelake_campaign::campaign::{self, Options};
use pacelake_campaign::place::Pair;
use pacelake_campaign::report;

/// At least so many kills on each pair.
const KILLS: usize = 12;

fn short(pair: Pair) {
    let folder = tempfile::tempdir().unwrap().keep();
    let seed = std::env::var("PACELAKE_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    let options = Options {
        folder: folder.clone(),
        kills: KILLS,
        seed,
        binary: pacelake_e2e::binary(),
        pairs: vec![pair],
        ones: 4,
        manys: 1,
        workers: 3,
    };
    // The folder is kept where this panics.
    let eras = campaign::run(&options, |_, _| {}).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{}", report::page(&eras));
    let sum = |of: fn(&pacelake_campaign::journal::Proven) -> usize| {
        eras.iter().map(|era| of(&era.proven)).sum::<usize>()
    };
    assert!(sum(|proven| proven.acknowledged) > 10);
    assert!(sum(|proven| proven.rows) > 500);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn nothing_is_lost_or_doubled_on_sqlite_and_disk() {
    short(Pair::SqliteDisk);
}

#[test]
fn nothing_is_lost_or_doubled_on_postgresql_and_disk() {
    short(Pair::PostgresDisk);
}

#[test]
fn nothing_is_lost_or_doubled_on_postgresql_and_s3() {
    short(Pair::PostgresS3);
}
