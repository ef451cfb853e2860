//! Analysts' questions, through the door that analysts use.

use std::path::{Path, PathBuf};
use std::time::Instant;

use query::session::{Limits, Session};
use serde_json::{Map, Value, json};
use storage::Storage;

use crate::{Failed, seconds};

pub async fn questions(storage: &Storage, folder: &Path, passes: usize) -> Result<Value, Failed> {
    let view = storage.lake.latest().await?;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "sql"));
    paths.sort();
    let mut answers = Map::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)?;
        let mut times = Vec::new();
        let mut rows = 0;
        for _ in 0..passes {
            // As a request or a command does it: a session, one statement.
            let start = Instant::now();
            let session = Session::open(&view, Limits::default()).await?;
            rows = query::sql::query(&session, &text).await?.len();
            times.push(seconds(start));
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        answers.insert(name.into_owned(), json!({ "seconds": times, "rows": rows }));
    }
    Ok(Value::Object(answers))
}
