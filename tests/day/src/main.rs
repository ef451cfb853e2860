//! `pacelake`, all of it, by the clock of a simulated Strava, so that a day
//! passes in minutes. The first argument is the simulator's address, the others
//! are the command's.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use pacelake_strava_sim::Course;
use reqwest::Client;

/// How the simulator's clock goes, as it last said.
static COURSE: RwLock<Option<Course>> = RwLock::new(None);
/// The latest that was told, in microseconds since 1970: a clock that is slowed
/// down a little later here than there must not go back.
static LATEST_US: AtomicI64 = AtomicI64::new(i64::MIN);
/// How long to wait before a simulator that does not answer is asked again.
const RETRY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let simulator = match arguments.len() {
        0 | 1 => None,
        _ => arguments.remove(1).into_string().ok(),
    };
    let Some(simulator) = simulator else {
        eprintln!("the first argument is the address of a simulated Strava");
        return ExitCode::FAILURE;
    };
    follow(format!("{simulator}/_control/clock"));
    pacelake_cli::run(arguments, now)
}

/// The simulator's time.
fn now() -> Timestamp {
    let course = *COURSE.read().unwrap_or_else(PoisonError::into_inner);
    let machine = Timestamp::now();
    let now = course.map_or(machine, |course| course.at(machine));
    let latest_us = LATEST_US.fetch_max(now.as_microsecond(), Ordering::Relaxed);
    now.max(Timestamp::from_microsecond(latest_us).unwrap_or(now))
}

/// Follows the clock from now on; returns when its course is known.
fn follow(url: String) {
    let (known, is_known) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a thread can wait");
        runtime.block_on(follow_for_ever(&url, &known));
    });
    is_known.recv().expect("the thread that sends never ends");
}

async fn follow_for_ever(url: &str, known: &Sender<()>) {
    let client = Client::builder().no_proxy().build();
    let client = client.expect("a client that needs nothing of the system can be made");
    let mut version = None;
    loop {
        match course(&client, url, version).await {
            Ok(course) => {
                version = Some(course.version);
                *COURSE.write().unwrap_or_else(PoisonError::into_inner) = Some(course);
                // Only the first one is waited for.
                let _ = known.send(());
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// The clock's course, as soon as it is another than that of `version`.
async fn course(client: &Client, url: &str, version: Option<u64>) -> reqwest::Result<Course> {
    let mut request = client.get(url);
    if let Some(version) = version {
        request = request.query(&[("after", version)]);
    }
    request.send().await?.error_for_status()?.json().await
}
