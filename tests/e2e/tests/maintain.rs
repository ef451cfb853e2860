//! Maintenance by the real binary: the many files of many imports become what
//! one import of all of it makes, by the command and inside a server; cut off
//! anywhere it goes on; what cut-off writes left goes after a day. Rows are
//! the same throughout, at every snapshot, to us and to DuckDB.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use pacelake_e2e::{
    COUNTS_OF_WRITES, Home, Random, Server, Wanted, difference, files_below, past, root, rows,
    small_samples, snapshots,
};
use serde_json::Value;

/// Exit code of a command that was asked to stop.
const INTERRUPTED: i32 = 130;
/// From how many files on a server merges those of a table.
const MANY: u64 = 200;
const HOUR: Duration = Duration::from_secs(60 * 60);

fn import(home: &Home, paths: &[PathBuf]) {
    let mut arguments = vec!["import"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    home.succeed(&arguments);
}

/// A home into which each of the smallest recordings came by an import of its
/// own.
fn imported_singly(count: usize) -> Home {
    let home = Home::new(None);
    for path in small_samples(count) {
        import(&home, &[path]);
    }
    home
}

fn maintain(home: &Home, flags: &[&str]) -> Value {
    let report = home.succeed(&[&["maintain", "--format", "json"], flags].concat());
    serde_json::from_str(&report.stdout).unwrap()
}

/// Each table's `before` or `after` in a report: `files`, `bytes` or `rows`.
fn amounts<'r>(
    report: &'r Value,
    when: &'r str,
    what: &'r str,
) -> impl Iterator<Item = (&'r str, u64)> {
    let tables = report["tables"].as_array().unwrap().iter();
    tables.map(move |line| {
        let amount = line[when][what].as_u64().unwrap();
        (line["table"].as_str().unwrap(), amount)
    })
}

fn sum(report: &Value, when: &str, what: &str) -> u64 {
    amounts(report, when, what).map(|(_, amount)| amount).sum()
}

/// How many files a table has now.
fn files(home: &Home, table: &str) -> u64 {
    let plan = maintain(home, &["--dry-run"]);
    let found = amounts(&plan, "before", "files").find(|(name, _)| *name == table);
    found.unwrap().1
}

fn assert_sound(home: &Home, expected: &[String], at: &str) {
    let check = home.run(&["check"]);
    assert_eq!(check.code, Some(0), "{at}: {}", check.stdout);
    assert_eq!(difference(expected, &rows(home, &[])), "", "{at}");
}

/// Count and hash of all rows of each table at each of the snapshots, as DuckDB
/// has them. It takes its time for each, so two processes share them.
fn as_duckdb_reads(home: &Home, snapshots: &[i64]) -> BTreeMap<String, Value> {
    const PROCESSES: usize = 2;
    let everyone = &Wanted {
        athlete: -1,
        activities: vec![],
    };
    std::thread::scope(|scope| {
        let shares = snapshots.chunks(snapshots.len().div_ceil(PROCESSES));
        let readers: Vec<_> = shares
            .map(|share| scope.spawn(move || everyone.others_at(home, share)))
            .collect();
        let read = readers.into_iter().map(|reader| reader.join().unwrap());
        read.flatten().collect()
    })
}

#[tokio::test]
async fn many_imports_become_what_one_import_makes() {
    const IMPORTS: usize = 30;
    let home = imported_singly(IMPORTS);
    let bulk = Home::new(None);
    import(&bulk, &small_samples(IMPORTS));
    let of_bulk = maintain(&bulk, &["--dry-run"]);

    let expected = rows(&home, &[]);
    let old = snapshots(&home);
    assert!(old.len() > IMPORTS, "{old:?}");
    let theirs = as_duckdb_reads(&home, &old);
    let ours = past(&home, &old, &[1]).await;

    let report = maintain(&home, &[]);
    let [before, after, one_import] = [
        (&report, "before"),
        (&report, "after"),
        (&of_bulk, "before"),
    ]
    .map(|(report, when)| ["files", "bytes", "rows"].map(|what| sum(report, when, what)));
    println!(
        "files, bytes, rows: {before:?} of {IMPORTS} imports, {after:?} after maintenance, \
         {one_import:?} of one import"
    );
    assert!(before[0] > 5 * IMPORTS as u64, "{report}");
    assert!(after[1] < before[1], "{report}");
    assert_eq!([after[2], before[2]], [one_import[2]; 2], "{report}");
    let pairs = amounts(&report, "after", "files").zip(amounts(&of_bulk, "before", "files"));
    for ((table, after), (_, one_import)) in pairs {
        assert!(
            after <= 2 * one_import,
            "{table}: {after}, not {one_import}"
        );
    }
    let again = maintain(&home, &[]);
    assert_eq!(sum(&again, "after", "files"), after[0], "{again}");

    assert_sound(&home, &expected, "afterwards");
    let like_bulk = difference(
        &rows(&bulk, COUNTS_OF_WRITES),
        &rows(&home, COUNTS_OF_WRITES),
    );
    assert_eq!(like_bulk, "");
    let now = past(&home, &old, &[1]).await;
    for (place, rows) in &ours {
        assert_eq!(difference(rows, &now[place]), "", "ours, at {place:?}");
    }
    let now = as_duckdb_reads(&home, &old);
    assert!(theirs.len() > 10 * old.len() / 2, "{theirs:?}");
    for (place, rows) in &theirs {
        assert_eq!(now.get(place), Some(rows), "DuckDB's, {place}");
    }
}

/// A home with many files in each table that is cut by year: an activity of
/// each of 30 years, again and again.
fn imported_over_years() -> Home {
    let home = Home::new(None);
    let recording = root().join("data/recordings/gpx/wahoo_example.gpx");
    let recording = fs::read_to_string(recording).unwrap();
    for day in 1..=7 {
        let folder = tempfile::tempdir().unwrap();
        for year in 1995..2025 {
            let date = format!("{year}-04-{day:02}");
            let text = recording.replace("2022-04-24", &date);
            fs::write(folder.path().join(format!("{date}.gpx")), text).unwrap();
        }
        import(&home, &[folder.path().to_owned()]);
    }
    home
}

#[test]
fn a_server_maintains_its_lake_unless_told_not_to() {
    let home = imported_over_years();
    let let_be = home.copy();
    let many = ["activities", "streams"];
    let files = |home: &Home| many.map(|table| files(home, table));
    let before = files(&home);
    assert!(before.iter().all(|files| *files >= MANY), "{before:?}");
    let expected = rows(&home, &[]);

    let passive = Server::with(&let_be, &[("PACELAKE_MAINTAIN", "false")]);
    let server = Server::start(&home);
    let began = Instant::now();
    let list = || server.get("/api/activities?limit=500", "");
    let count =
        || server.sql("select activity_id, count(*) as n from samples group by 1 order by 1");
    let (listed, counted) = (list(), count());
    assert_eq!((listed.0, counted.0), (200, 200), "{counted:?}");
    let mut reads = 0;
    while files(&home).iter().any(|files| *files >= MANY) {
        assert_eq!(list(), listed);
        assert_eq!(count(), counted);
        reads += 2;
        sleep(Duration::from_millis(300));
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "{}",
            server.log()
        );
    }
    assert_eq!((list(), count()), (listed, counted));
    println!(
        "files: {before:?} became {:?} after {} s, beside {reads} reads",
        files(&home),
        began.elapsed().as_secs()
    );
    assert_eq!(server.interrupt(), Some(0));
    assert_sound(&home, &expected, "maintained");

    assert_eq!(files(&let_be), before);
    assert_eq!(passive.interrupt(), Some(0));
    assert_sound(&let_be, &expected, "let be");
}

/// How maintenance is ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill -9`.
    Kill,
}

impl Signal {
    fn send(self, process: &mut Child) {
        match self {
            Self::Interrupt => {
                let id = process.id().to_string();
                let told = Command::new("kill").args(["-INT", &id]).status();
                assert!(told.unwrap().success());
            }
            Self::Kill => process.kill().unwrap(),
        }
    }
}

#[test]
fn maintenance_that_is_cut_off_goes_on() {
    const ROUNDS: usize = 5;
    let home = imported_singly(8);
    let expected = rows(&home, &[]);
    let undisturbed = home.copy();
    let began = Instant::now();
    let whole = maintain(&undisturbed, &[]);
    let lasts = began.elapsed();
    let (many, few) = (
        sum(&whole, "before", "files"),
        sum(&whole, "after", "files"),
    );

    let mut random = Random::seeded();
    let mut homes = Vec::new();
    let (mut cut_off, mut halfway) = (0, 0);
    for signal in [Signal::Interrupt, Signal::Kill] {
        for _ in 0..ROUNDS {
            let home = home.copy();
            let moment = lasts.mul_f64(random.fraction());
            let mut process = home
                .command(&["maintain"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            sleep(moment);
            let running = process.try_wait().unwrap().is_none();
            if running {
                signal.send(&mut process);
            }
            let code = process.wait().unwrap().code();
            let at = format!("{signal:?} after {} ms", moment.as_millis());
            match signal {
                Signal::Interrupt => {
                    // Before it listens, a signal ends it as it ends any process.
                    let known = [Some(INTERRUPTED), Some(0), None].contains(&code);
                    assert!(known, "{at}: {code:?}");
                }
                // It may end by itself between the look and the kill.
                Signal::Kill if running => {
                    assert!(matches!(code, None | Some(0)), "{at}: {code:?}")
                }
                Signal::Kill => assert_eq!(code, Some(0), "{at}"),
            }
            cut_off += usize::from(code != Some(0));
            let left = sum(&maintain(&home, &["--dry-run"]), "before", "files");
            halfway += usize::from(few < left && left < many);
            homes.push((home, signal, at));
        }
    }
    // The claim of a killed process outlives it by seconds: wait for all at once.
    std::thread::scope(|scope| {
        for (home, signal, at) in &homes {
            scope.spawn(move || {
                let next = home.run(&["maintain"]);
                assert_eq!(next.code, Some(0), "{at}: {}", next.stderr);
                let waited = next.stderr.contains("waiting for another process");
                assert!(*signal == Signal::Kill || !waited, "{at}: {}", next.stderr);
            });
        }
    });
    for (home, _, at) in &homes {
        assert_sound(home, &expected, at);
        let found = sum(&maintain(home, &["--dry-run"]), "before", "files");
        assert_eq!(found, few, "{at}: of {many} files");
    }
    println!(
        "{cut_off} of {} were cut off, {halfway} of them halfway",
        homes.len()
    );
    assert!(cut_off > 0, "none was cut off in time");
}

/// Makes a file that was last written to so long ago.
fn leave(path: &Path, age: Duration) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "left").unwrap();
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

/// All files of a home that are objects, or would have become some.
fn objects(home: &Home) -> Vec<PathBuf> {
    let folders = ["lake", "raw"].map(|name| files_below(&home.data_dir().join(name)));
    folders.concat()
}

#[test]
fn what_cut_off_writes_left_goes_after_a_day() {
    let home = imported_singly(2);
    maintain(&home, &[]);
    let expected = rows(&home, &[]);
    let mut kept = objects(&home);
    // What a put has not finished has its object's name, `#` and digits.
    let hidden = [
        "lake/main/activities/year=2017/pacelake-{hours}.parquet#7",
        "lake/main/{hours}/pacelake.parquet#340282366920938463463374607431768211455",
        "raw/1/{hours}.zst#1",
    ];
    let unnamed = [
        "lake/main/laps/pacelake-{hours}.parquet",
        "lake/main/streams/year=2017/ducklake-{hours}.parquet",
        "lake/main/{hours}/of-no-table.parquet",
    ];
    let without_activity = format!("raw/1/{:062}{{hours}}.zst", 0);
    let foreign = ["lake/{hours}.txt", "lake/main/laps/{hours}.parquet#7b"];
    let mut goes = Vec::new();
    for hours in [23, 25] {
        let ours = [&hidden[..], &unnamed, &[&without_activity]].concat();
        for name in ours.iter().chain(&foreign) {
            let name = name.replace("{hours}", &hours.to_string());
            let path = home.data_dir().join(name);
            leave(&path, hours * HOUR);
            goes.push(path);
        }
        if hours < 24 {
            kept.append(&mut goes);
        } else {
            kept.extend(goes.drain(ours.len()..));
        }
    }
    kept.sort();
    let all = objects(&home);
    assert_eq!(all.len(), kept.len() + goes.len());

    for (flags, left) in [(&["--dry-run"][..], &all), (&[], &kept)] {
        let cleaned = &maintain(&home, flags)["cleaned"];
        assert_eq!(
            cleaned["orphans"],
            hidden.len() + unnamed.len(),
            "{cleaned}"
        );
        let bytes = "left".len() * (hidden.len() + unnamed.len());
        assert_eq!(cleaned["removed_bytes"], bytes, "{cleaned}");
        assert_eq!(cleaned["raw"], 1, "{cleaned}");
        assert_eq!(&objects(&home), left, "{cleaned}");
    }
    assert_eq!(maintain(&home, &[])["cleaned"]["orphans"], 0);
    assert_sound(&home, &expected, "swept");
}
