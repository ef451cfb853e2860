//! `pacelake-strava-sim`: the simulator by itself, for a demo or for trying
//! things by hand.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use pacelake_strava_sim::{
    Clock, Control, Details, Error, Generated, NewAthlete, Options, Simulator,
};

/// Where the generated activities that come by themselves begin to be counted.
const FIRST_PUSHED: u64 = 1_000_000;
/// About how long each of them lasted, in minutes.
const PUSHED_MINUTES: u32 = 30;

/// A simulated Strava: OAuth, API and webhooks, with made-up athletes.
#[derive(Parser)]
#[command(name = "pacelake-strava-sim", version)]
struct Cli {
    /// Address and port; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8089")]
    listen: String,

    /// `real`, or an instant at which a clock stands that only the control moves.
    #[arg(long, value_name = "real|INSTANT", default_value = "real", value_parser = clock)]
    clock: Clock,

    /// How many times as fast as the machine's the clock runs: at 96 a day takes a
    /// quarter of an hour. Without it a clock that was set stands.
    #[arg(long, value_name = "RATE")]
    clock_rate: Option<f64>,

    /// A folder of FIT, GPX and TCX files, packed by gzip or not: the first
    /// athlete's.
    #[arg(long, value_name = "FOLDER")]
    recordings: Option<PathBuf>,

    /// How many activities to generate for each athlete.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    generate: u32,

    /// Chooses what is generated, and codes, tokens and ids.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Over how many days before now they are spread.
    #[arg(long, default_value_t = 365)]
    days: u32,

    /// How many athletes there are.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    athletes: u32,

    /// A new activity of the first athlete appears every so many seconds.
    #[arg(long, value_name = "SECONDS")]
    push_every: Option<u64>,
}

fn clock(text: &str) -> Result<Clock, jiff::Error> {
    match text {
        "real" => Ok(Clock::Real),
        instant => instant.parse().map(Clock::Controlled),
    }
}

/// The clock at this rate; the machine's begins with its own time.
fn running(clock: Clock, rate: Option<f64>) -> Clock {
    match (clock, rate) {
        (clock, None) => clock,
        (Clock::Real, Some(rate)) => Clock::Running(Timestamp::now(), rate),
        (Clock::Controlled(start) | Clock::Running(start, _), Some(rate)) => {
            Clock::Running(start, rate)
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let source = std::error::Error::source(&error);
            let cause = source.map(|source| format!(": {source}"));
            eprintln!("error: {error}{}", cause.unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Error> {
    let mut simulator = Simulator::start(Options {
        listen: &cli.listen,
        clock: running(cli.clock, cli.clock_rate),
        seed: cli.seed,
        ..Options::default()
    })
    .await?;
    let control = simulator.control();
    let athletes: Vec<i64> = (0..cli.athletes.max(1))
        .map(|_| {
            control.add_athlete(NewAthlete {
                shoes: vec!["Grey Shoes".to_owned(), "Red Shoes".to_owned()],
                bikes: vec!["Green Bicycle".to_owned()],
                ..NewAthlete::default()
            })
        })
        .collect();
    if let Some(folder) = &cli.recordings {
        add_folder(&control, athletes[0], folder)?;
    }
    for (athlete, number) in athletes.iter().zip(0..) {
        control.add_history(*athlete, cli.seed + number, cli.generate, cli.days)?;
    }
    introduce(&simulator, &athletes);
    match cli.push_every {
        Some(seconds) => {
            tokio::select! {
                ended = simulator.ended() => ended,
                pushed = push(&control, athletes[0], cli.seed, Duration::from_secs(seconds.max(1))) => pushed,
            }
        }
        None => simulator.ended().await,
    }
}

/// Says where it is, and how pacelake is told.
fn introduce(simulator: &Simulator, athletes: &[i64]) {
    let (url, app) = (simulator.url(), simulator.app());
    let control = simulator.control();
    println!("A simulated Strava at {url}, its control at {url}/_control/state");
    for athlete in athletes {
        let count = control.activities(*athlete).len();
        println!("athlete {athlete}: {count} activities");
    }
    println!("Start pacelake with:");
    println!("PACELAKE_STRAVA_CLIENT_ID={}", app.client_id);
    println!("PACELAKE_STRAVA_CLIENT_SECRET={}", app.client_secret);
    // Nobody is real, so that everything may be kept.
    println!("PACELAKE_STRAVA_RETENTION=owner");
    println!("PACELAKE_STRAVA_OAUTH_URL={url}/oauth");
    // Last: programs read up to here.
    println!("PACELAKE_STRAVA_API_URL={}", simulator.api_url());
}

/// Adds every file of a folder that is a recording; says what is none.
fn add_folder(control: &Control, athlete: i64, folder: &Path) -> Result<(), Error> {
    let read = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        paths.push(entry.map_err(read)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_folder(control, athlete, &path)?;
            continue;
        }
        let bytes = unpacked(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let name = path.file_name().map(|name| name.to_string_lossy());
        let details = Details {
            external_id: name.map(|name| name.trim_end_matches(".gz").to_owned()),
            silent: true,
            ..Details::default()
        };
        if let Err(error) = control.add_recording(athlete, &bytes, &details) {
            eprintln!("{}: {error}", path.display());
        }
    }
    Ok(())
}

fn unpacked(path: &Path) -> std::io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// Uploads a new activity every so often, for ever.
async fn push(control: &Control, athlete: i64, seed: u64, every: Duration) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(every);
    ticks.tick().await;
    for number in FIRST_PUSHED.. {
        ticks.tick().await;
        let generated = Generated {
            seed,
            number,
            minutes: PUSHED_MINUTES,
        };
        let details = Details {
            start: started(control.now()),
            ..Details::default()
        };
        let id = control.add_generated(athlete, generated, &details)?;
        println!("new activity {id}");
    }
    Ok(())
}

/// When an outing began that is over by now.
fn started(now: Timestamp) -> Option<Timestamp> {
    let lasted = Duration::from_secs(2 * 60 * u64::from(PUSHED_MINUTES));
    now.checked_sub(lasted).ok()
}
