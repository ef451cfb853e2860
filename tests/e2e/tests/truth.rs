//! A generated account archive, imported by the real binary, beside what is
//! true of it: the generator knows the motion that was recorded, and solves it
//! by itself. Where a recording has no flaw that touches distance or time, every
//! total, split and best effort is equal to the truth, bit for bit. Where it
//! has one, a table says what the flaw did, and bounds hold.
//!
//! `PACELAKE_TEST_TRUTH` says how many activities (60 by default; `make truth`
//! compares 2,000); with `PACELAKE_TEST_TRUTH_PAGE` the table is written into
//! that page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use pacelake_e2e::{Home, files_below, root};
use serde_json::Value;

/// A world whose athlete runs, rides, swims, lifts and hikes, and whose first
/// sixty activities have every flaw.
const SEED: &str = "59";

/// How far a flaw may lead from the truth.
struct Bound {
    flaws: &'static str,
    /// A time over a distance: in s, and as a share of it.
    time_s: f64,
    time_share: f64,
    /// The whole distance: as a share of it, and for each second of standing,
    /// in which noise walks.
    distance_share: f64,
    standing_m_s: f64,
}

const fn in_time(flaws: &'static str, time_s: f64) -> Bound {
    Bound {
        flaws,
        time_s,
        time_share: 0.0,
        distance_share: 0.0,
        standing_m_s: 0.0,
    }
}

const fn noisy(flaws: &'static str) -> Bound {
    Bound {
        time_share: 0.2,
        distance_share: 0.1,
        standing_m_s: 1.0,
        ..in_time(flaws, 5.0)
    }
}

const BOUNDS: &[Bound] = &[
    // At most seven seconds lie between two samples, at either end.
    in_time("smart_recording", 14.0),
    // At most 25 s are lost at once, and two losses may touch.
    in_time("dropouts", 100.0),
    // At either end the distance may be a second old.
    in_time("held_distance", 2.0),
    // A ten-millionth of a degree is a centimetre.
    Bound {
        time_share: 1e-3,
        distance_share: 1e-4,
        ..in_time("positions_only", 0.1)
    },
    noisy("positions_only+gps_noise"),
    noisy("positions_only+gps_noise+position_spikes"),
];

/// Flaws that do nothing: the distance is the device's own.
const HARMLESS: &str = "position_spikes";
const JUMP: &str = "distance_jump";

/// The numbers of one activity, by name; a split is `km 1`, an effort `400`.
type Numbers = BTreeMap<(&'static str, String), f64>;

/// An activity as the truth or the lake has it.
#[derive(Default)]
struct Told {
    numbers: Numbers,
    words: BTreeMap<&'static str, Value>,
    flaws: String,
    outside: bool,
}

const TOTALS: &[&str] = &["distance_m", "elapsed_s", "timer_s", "moving_s"];
const SPLIT: &[(&str, &str)] = &[
    ("split distance_m", "distance_m"),
    ("split elapsed_s", "elapsed_s"),
    ("split moving_s", "moving_s"),
    ("split start_offset_s", "start_offset_s"),
];
const EFFORT: &[(&str, &str)] = &[
    ("effort elapsed_s", "elapsed_s"),
    ("effort start_offset_s", "start_offset_s"),
    ("effort end_offset_s", "end_offset_s"),
];

impl Told {
    fn totals(&mut self, row: &Value) {
        for &name in TOTALS {
            if let Some(value) = row[name].as_f64() {
                self.numbers.insert((name, String::new()), value);
            }
        }
    }

    fn split(&mut self, row: &Value) {
        let key = format!("{} {}", row["unit"].as_str().unwrap(), row["split"]);
        self.add(SPLIT, &key, row);
    }

    fn effort(&mut self, row: &Value) {
        self.add(EFFORT, &row["distance_m"].to_string(), row);
    }

    fn add(&mut self, names: &[(&'static str, &str)], key: &str, row: &Value) {
        for &(name, column) in names {
            let value = row[column].as_f64().unwrap();
            self.numbers.insert((name, key.to_owned()), value);
        }
    }

    fn words(&mut self, row: &Value) {
        for name in ["sport", "start_time_local", "utc_offset_s"] {
            self.words.insert(name, row[name].clone());
        }
        if self.outside {
            self.words.insert("time_zone", row["time_zone"].clone());
        }
    }
}

/// The truth by start, as the lake writes it.
fn truth(path: &Path) -> BTreeMap<String, Told> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut by_start = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let flaws: Vec<&str> = list(&line["flaws"])
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let sport = line["sport"].as_str().unwrap();
        let mut told = Told {
            flaws: flaws.join("+"),
            outside: ["run", "ride", "walk"].contains(&sport),
            ..Told::default()
        };
        told.words(&line);
        told.totals(&line["totals"]);
        list(&line["splits"]).iter().for_each(|row| told.split(row));
        list(&line["best_efforts"])
            .iter()
            .for_each(|row| told.effort(row));
        let start = line["start_time"].as_str().unwrap().trim_end_matches('Z');
        assert!(by_start.insert(start.to_owned(), told).is_none(), "{start}");
    }
    by_start
}

/// The same numbers of the lake, and how many efforts were refused.
fn lake(
    home: &Home,
    truth: &BTreeMap<String, Told>,
) -> (BTreeMap<String, Told>, BTreeMap<String, usize>) {
    let mut by_start = BTreeMap::new();
    for row in rows(home, "activities") {
        let start = start(&row);
        let mut told = Told {
            outside: truth.get(&start).is_some_and(|told| told.outside),
            ..Told::default()
        };
        told.words(&row);
        told.totals(&row);
        assert!(by_start.insert(start, told).is_none(), "{row}");
    }
    for row in rows(home, "splits") {
        by_start.get_mut(&start(&row)).unwrap().split(&row);
    }
    for row in rows(home, "best_efforts") {
        by_start.get_mut(&start(&row)).unwrap().effort(&row);
    }
    let mut refused = BTreeMap::new();
    for row in rows(home, "refused_efforts") {
        *refused.entry(start(&row)).or_default() += 1;
    }
    (by_start, refused)
}

fn start(row: &Value) -> String {
    row["start_time"].as_str().unwrap().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn rows(home: &Home, table: &str) -> Vec<Value> {
    let columns = match table {
        "activities" => {
            "start_time, start_time_local, time_zone, utc_offset_s, sport, \
             distance_m, elapsed_s, timer_s, moving_s"
        }
        "splits" => "start_time, unit, split, distance_m, elapsed_s, moving_s, start_offset_s",
        _ => "start_time, distance_m, elapsed_s, start_offset_s, end_offset_s",
    };
    let query = format!("SELECT {columns} FROM {table}");
    let arguments = ["sql", &query, "--format", "json", "--max-rows", "10000000"];
    serde_json::from_str(&home.succeed(&arguments).stdout).unwrap()
}

/// What a flaw did to a quantity.
#[derive(Default)]
struct Errors {
    equal: usize,
    /// Found less true, and as a share of what is true, where both are there.
    errors: Vec<(f64, f64)>,
    /// True and not found, found and not true.
    missing: usize,
    extra: usize,
}

impl Errors {
    fn of(pairs: &[(&Told, &Told)], name: &str) -> Self {
        let mut errors = Self::default();
        for (truth, lake) in pairs {
            let of_name = |told: &Told| -> BTreeSet<(&'static str, String)> {
                let keys = told.numbers.keys().filter(|(of, _)| *of == name);
                keys.cloned().collect()
            };
            let (here, there) = (of_name(truth), of_name(lake));
            errors.missing += here.difference(&there).count();
            errors.extra += there.difference(&here).count();
            for key in here.intersection(&there) {
                let (truth, found) = (truth.numbers[key], lake.numbers[key]);
                errors.equal += usize::from(truth == found);
                errors
                    .errors
                    .push((found - truth, (found - truth).abs() / truth.max(1e-3)));
            }
        }
        errors
    }

    fn line(&self, name: &str) -> String {
        let mut errors = self.errors.clone();
        errors.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        let (median, _) = errors.get(errors.len() / 2).copied().unwrap_or_default();
        let (greatest, _) = errors.last().copied().unwrap_or_default();
        let mut shares: Vec<f64> = errors.iter().map(|(_, share)| *share).collect();
        shares.sort_by(f64::total_cmp);
        let share = shares.get(shares.len() / 2).copied().unwrap_or_default();
        let unit = if name.ends_with("_m") { "m" } else { "s" };
        format!(
            "{name} | {} | {} | {median:.3} {unit} | {:.3} % | {greatest:.3} {unit} | {} | {}",
            errors.len(),
            self.equal,
            share * 100.0,
            self.missing,
            self.extra
        )
    }
}

/// What the table tells of.
const SHOWN: &[&str] = &[
    "distance_m",
    "elapsed_s",
    "timer_s",
    "moving_s",
    "split elapsed_s",
    "split moving_s",
    "effort elapsed_s",
];

fn table(truth: &BTreeMap<String, Told>, lake: &BTreeMap<String, Told>) -> String {
    let mut groups: BTreeMap<&str, Vec<(&Told, &Told)>> = BTreeMap::new();
    for (start, told) in truth {
        if let Some(found) = lake.get(start) {
            groups.entry(&told.flaws).or_default().push((told, found));
        }
    }
    let mut text = String::from(
        "| flaws | activities | quantity | compared | equal | median error | median share \
         | largest error | missing | extra |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (flaws, pairs) in groups {
        let shown = if flaws.is_empty() { "none" } else { flaws };
        for name in SHOWN {
            let line = Errors::of(&pairs, name).line(name);
            writeln!(text, "| {shown} | {} | {line} |", pairs.len()).unwrap();
        }
    }
    text
}

/// Puts the table between the page's two marks.
fn write_page(page: &str, activities: usize, table: &str) {
    const MARKS: [&str; 2] = ["<!-- table -->\n", "<!-- end of table -->\n"];
    let path = root().join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let [begin, end] = MARKS;
    let told = format!("{activities} activities, seed {SEED}:\n\n{table}\n");
    std::fs::write(path, format!("{before}{begin}{told}{end}{after}")).unwrap();
}

#[test]
fn totals_splits_and_best_efforts_are_those_of_the_true_motion() {
    let activities = std::env::var("PACELAKE_TEST_TRUTH").unwrap_or_else(|_| "60".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let home = Home::new(None);
    let generate = ["generate", "--activities", &activities, "--seed", SEED];
    home.succeed(&[&generate[..], &["--format", "archive", "--to", to]].concat());
    home.succeed(&["import", &format!("{to}/1")]);

    let truth = truth(&folder.path().join("truth.jsonl"));
    let (lake, refused) = lake(&home, &truth);
    let table = table(&truth, &lake);
    println!("{table}");
    if let Ok(page) = std::env::var("PACELAKE_TEST_TRUTH_PAGE") {
        write_page(&page, truth.len(), &table);
    }

    // Each outing is one activity, however often it was recorded.
    let (here, there): (Vec<_>, Vec<_>) = (truth.keys().collect(), lake.keys().collect());
    assert_eq!(here, there);
    let mut seen = BTreeSet::new();
    for (start, told) in &truth {
        let found = &lake[start];
        let what = format!("{start}, {}", told.flaws);
        seen.insert(told.flaws.as_str());
        assert_eq!(told.words, found.words, "{what}");
        // Whatever goes wrong with places and distances, clocks are right.
        for name in ["elapsed_s", "timer_s"] {
            let key = (name, String::new());
            assert_eq!(told.numbers[&key], found.numbers[&key], "{what}");
        }
        match told.flaws.as_str() {
            "" | HARMLESS => {
                assert_eq!(told.numbers, found.numbers, "{what}");
                assert!(!refused.contains_key(start), "{what}");
            }
            JUMP => jump_is_no_record(told, found, &what),
            flaws => {
                let bound = BOUNDS.iter().find(|bound| bound.flaws == flaws);
                let bound = bound.unwrap_or_else(|| panic!("no bound for {flaws}"));
                bound.holds(told, found, &what);
            }
        }
    }
    let all: BTreeSet<&str> = BOUNDS.iter().map(|bound| bound.flaws).collect();
    let all: BTreeSet<&str> = all.union(&["", HARMLESS, JUMP].into()).copied().collect();
    assert_eq!(seen, all, "the world does not have every flaw");
}

#[test]
fn each_line_of_truth_names_files_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let home = Home::new(None);
    let generate = ["generate", "--years", "1", "--activities", "8"];
    let files = ["--athletes", "2", "--packing", "none", "--to", to];
    home.succeed(&[&generate[..], &files].concat());
    let text = std::fs::read_to_string(folder.path().join("truth.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 8);
    let mut named = BTreeSet::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for recording in list(&line["recordings"]) {
            named.insert(folder.path().join(recording["file"].as_str().unwrap()));
        }
    }
    named.insert(folder.path().join("truth.jsonl"));
    let there: BTreeSet<_> = files_below(folder.path()).into_iter().collect();
    assert_eq!(named, there);
}

/// A leap of the distance lengthens the whole, and makes no effort faster than
/// it was.
fn jump_is_no_record(truth: &Told, found: &Told, what: &str) {
    let total = ("distance_m", String::new());
    let by_m = found.numbers[&total] - truth.numbers[&total];
    assert!((300.0..=900.0).contains(&by_m), "{what}: {by_m}");
    for (key, value) in &found.numbers {
        if key.0 == "effort elapsed_s" {
            let true_s = truth.numbers.get(key);
            assert!(
                true_s.is_some_and(|true_s| value >= true_s),
                "{what}: {key:?}"
            );
        }
    }
}

impl Bound {
    /// Whether distance, efforts and splits are as far off as they may be.
    /// Where the distance is wrong splits lie elsewhere, and hold other stops;
    /// so may the longer efforts, which are then only faster.
    fn holds(&self, truth: &Told, found: &Told, what: &str) {
        let total = |name| truth.numbers[&(name, String::new())];
        for (key, value) in &found.numbers {
            let Some(true_value) = truth.numbers.get(key) else {
                continue;
            };
            let time_s = self.time_s + true_value * self.time_share;
            let bound = match key.0 {
                "distance_m" => {
                    let standing_s = total("timer_s") - total("moving_s");
                    true_value * self.distance_share + standing_s * self.standing_m_s
                }
                "effort elapsed_s" => time_s,
                "split elapsed_s" if self.distance_share == 0.0 => time_s,
                _ => continue,
            };
            let is_long = key.0 == "effort elapsed_s" && key.1.parse::<f64>().unwrap() > 2_000.0;
            let error = match self.standing_m_s > 0.0 && is_long {
                true => value - true_value,
                false => (value - true_value).abs(),
            };
            assert!(
                error <= bound,
                "{what}: {key:?}: {value} where {true_value} is true"
            );
        }
    }
}
