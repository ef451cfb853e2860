//! The page on DuckDB does what it says: its commands are taken out of it and
//! run, in order, by the stock DuckDB command line and by Python, against lakes
//! of real recordings; so are the notebook's cells. What pacelake says of the
//! lake afterwards is what the page promises.
//!
//! With `--nocapture` it prints the session; `make duckdb-session` does.

use std::os::unix::fs::symlink;
use std::process::Command;

use pacelake_e2e::{Home, difference, root, rows};

const PAGE: &str = "docs/duckdb.md";
const NOTEBOOK: &str = "notebooks/lake.ipynb";
const DATA_DIR: &str = "/srv/pacelake";
const CATALOG: &str = "postgres://pacelake@db.example/pacelake";
const EXTENSIONS: &[&str] = &["ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"];

/// A fenced block: its language, the words after it, its text.
#[derive(Debug)]
struct Block {
    language: String,
    words: Vec<String>,
    text: String,
}

fn blocks() -> Vec<Block> {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                let mut words = info.split_whitespace().map(str::to_owned);
                blocks.push(Block {
                    language: words.next().unwrap_or_default(),
                    words: words.collect(),
                    text: String::new(),
                });
            }
        } else if inside {
            let block = blocks.last_mut().unwrap();
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    assert!(!inside, "a block of {PAGE} has no end");
    blocks
}

/// A folder that DuckDB takes for its user's, in which the extensions are
/// installed already, so that nothing is downloaded.
fn user_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = "import sys, duckdb; from rows import extension; \
        print(duckdb.sql('pragma platform').fetchone()[0]); \
        [print(extension(name)) for name in sys.argv[1:]]";
    let output = Command::new(root().join(".venv/bin/python"))
        .args(["-B", "-c", script])
        .args(EXTENSIONS)
        .current_dir(root().join("tests/oracles"))
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let platform = lines.next().unwrap();
    let place = folder
        .path()
        .join(format!(".duckdb/extensions/v1.5.5/{platform}"));
    std::fs::create_dir_all(&place).unwrap();
    for (name, file) in EXTENSIONS.iter().zip(lines) {
        symlink(file, place.join(format!("{name}.duckdb_extension"))).unwrap();
    }
    folder
}

/// A lake and who asks it.
struct Place {
    home: Home,
    user: tempfile::TempDir,
    /// What else stands in place of the page's examples.
    others: Vec<[String; 2]>,
}

impl Place {
    fn new(catalog: Option<String>) -> Self {
        Self::of(Home::new(catalog))
    }

    fn on_s3() -> Self {
        let bucket = storage::testing::s3_server().bucket();
        let url = format!("s3://{}/{}", bucket.bucket, bucket.prefix);
        let home = Home::new(Some(storage::testing::postgres_database()))
            .with_keys(&bucket)
            .with("PACELAKE_STORE", &url);
        let keys = bucket.credentials.unwrap();
        let secret = keys.secret_access_key.reveal().to_owned();
        let server = bucket.endpoint.unwrap();
        let others = [
            ["s3://bucket/prefix", &url],
            [
                "storage.example.org:9000",
                server.strip_prefix("http://").unwrap(),
            ],
            ["USE_SSL true", "USE_SSL false"],
            ["'reader'", &format!("'{}'", keys.access_key_id)],
            ["'of the reader'", &format!("'{secret}'")],
        ];
        Self {
            others: others.map(|pair| pair.map(str::to_owned)).to_vec(),
            ..Self::of(home)
        }
    }

    fn of(home: Home) -> Self {
        let folder = root().join("data/recordings");
        let recordings = [
            "fit/garmin.fit",
            "fit/4801048867.fit",
            "tcx/treadmill_1.tcx",
        ];
        for name in recordings.map(|name| folder.join(name)) {
            assert_eq!(home.run(&["import", name.to_str().unwrap()]).code, Some(0));
        }
        Self {
            home,
            user: user_folder(),
            others: Vec::new(),
        }
    }

    fn here(&self, text: &str) -> String {
        let catalog = self.home.catalog().unwrap_or(CATALOG);
        let text = text
            .replace(DATA_DIR, &self.home.data_dir().display().to_string())
            .replace(CATALOG, catalog);
        let others = self.others.iter();
        others.fold(text, |text, [example, here]| text.replace(example, here))
    }

    fn run(&self, command: &mut Command, shown: &str) -> String {
        let output = command.env("HOME", self.user.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        println!("{shown}\n{text}{errors}");
        assert!(output.status.success(), "{shown}\n{text}\n{errors}");
        text
    }

    /// By the DuckDB command line, after `attach`.
    fn sql(&self, attach: &str, text: &str) -> String {
        let shown = text.lines().map(|line| format!("D {line}"));
        let shown = shown.collect::<Vec<_>>().join("\n");
        let mut duckdb = Command::new(root().join(".venv/bin/duckdb"));
        duckdb
            .args(["-batch", "-bail", "-c"])
            .arg(self.here(attach));
        self.run(duckdb.arg("-c").arg(self.here(text)), &shown)
    }

    fn python(&self, text: &str) -> String {
        let mut python = Command::new(root().join(".venv/bin/python"));
        let shown = text.lines().map(|line| format!(">>> {line}"));
        let shown = shown.collect::<Vec<_>>().join("\n");
        self.run(python.args(["-B", "-c"]).arg(self.here(text)), &shown)
    }

    fn pacelake(&self, arguments: &[&str]) -> Option<i32> {
        let answer = self.home.run(arguments);
        println!(
            "$ pacelake {}\n{}{}",
            arguments.join(" "),
            answer.stdout,
            answer.stderr
        );
        answer.code
    }

    fn our_rows(&self) -> Vec<String> {
        let mut rows = rows(&self.home, &["revision", "input_revision"]);
        rows.retain(|row| !row.starts_with("notes\t"));
        rows
    }
}

fn is(block: &Block, language: &str, words: &[&str]) -> bool {
    block.language == language && block.words == words
}

fn attach<'a>(blocks: &'a [Block], place: &str) -> &'a str {
    let found = blocks
        .iter()
        .find(|block| is(block, "sql", &[place, "attach"]));
    &found
        .unwrap_or_else(|| panic!("no block attaches {place}"))
        .text
}

#[test]
fn the_page_holds_on_sqlite() {
    let blocks = blocks();
    let place = Place::new(None);
    let attach = attach(&blocks, "sqlite");
    let mut run = 0;
    for block in &blocks {
        if is(block, "sql", &["setup"]) {
            place.sql("SELECT 1;", &block.text);
        } else if is(block, "sql", &["sqlite"]) {
            assert!(!place.sql(attach, &block.text).is_empty());
            run += 1;
        } else if is(block, "python", &["sqlite"]) {
            assert!(place.python(&block.text).starts_with("[("));
            run += 1;
        }
    }
    assert!(run >= 4, "{run}");
}

#[test]
fn the_page_holds_on_postgresql() {
    let blocks = blocks();
    let place = Place::new(Some(storage::testing::postgres_database()));
    let reading = attach(&blocks, "postgresql");
    let writing = attach(&blocks, "writing");
    let expected = place.our_rows();
    let mut run = 0;
    for block in &blocks {
        if is(block, "sql", &["postgresql"]) {
            assert!(!place.sql(reading, &block.text).is_empty());
        } else if is(block, "sql", &["writing", "safe"]) {
            place.sql(writing, &block.text);
            assert_eq!(place.pacelake(&["check"]), Some(0));
        } else if is(block, "sql", &["writing", "mended"]) {
            place.sql(writing, &block.text);
            assert_ne!(place.our_rows(), expected, "{block:?}");
            assert_eq!(place.pacelake(&["recompute", "--full"]), Some(0));
            assert_eq!(place.pacelake(&["check"]), Some(0));
        } else if is(block, "sql", &["writing", "found"]) {
            place.sql(writing, &block.text);
            assert_eq!(place.pacelake(&["check"]), Some(1), "{block:?}");
            assert_eq!(place.pacelake(&["recompute", "--full"]), Some(0));
            assert_eq!(place.pacelake(&["check"]), Some(0));
        } else {
            continue;
        }
        run += 1;
        assert_eq!(difference(&expected, &place.our_rows()), "", "{block:?}");
    }
    assert!(run >= 6, "{run}");
}

#[test]
fn the_page_holds_on_s3() {
    let blocks = blocks();
    let place = Place::on_s3();
    let attach = attach(&blocks, "s3");
    for [example, _] in &place.others {
        assert!(attach.contains(example.as_str()), "{example}");
    }
    let found = blocks.iter().filter(|block| is(block, "sql", &["s3"]));
    let answers: Vec<String> = found.map(|block| place.sql(attach, &block.text)).collect();
    assert!(answers[0].contains("s3://"), "{answers:?}");
}

#[test]
fn the_notebook_runs() {
    let place = Place::new(None);
    let notebook = std::fs::read_to_string(root().join(NOTEBOOK)).unwrap();
    let notebook: serde_json::Value = serde_json::from_str(&notebook).unwrap();
    let cells = notebook["cells"].as_array().unwrap();
    let mut code = String::new();
    for cell in cells.iter().filter(|cell| cell["cell_type"] == "code") {
        assert_eq!(
            cell["outputs"].as_array().unwrap().len(),
            0,
            "kept without outputs"
        );
        for line in cell["source"].as_array().unwrap() {
            code.push_str(line.as_str().unwrap());
        }
        code.push('\n');
    }
    assert!(place.python(&code).contains("km"));
}

#[test]
fn every_command_of_the_page_is_run() {
    let known: &[(&str, &[&str])] = &[
        ("sql", &["setup"]),
        ("sql", &["sqlite"]),
        ("sql", &["postgresql"]),
        ("sql", &["s3"]),
        ("python", &["sqlite"]),
        ("sql", &["writing", "safe"]),
        ("sql", &["writing", "mended"]),
        ("sql", &["writing", "found"]),
    ];
    for block in blocks() {
        let attaches = block.words.last().is_some_and(|word| word == "attach");
        let runs = known
            .iter()
            .any(|(language, words)| is(&block, language, words));
        assert!(runs || attaches, "nobody runs {block:?}");
    }
    assert!(root().join(NOTEBOOK).exists());
}
