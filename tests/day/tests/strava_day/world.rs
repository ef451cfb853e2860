//! A simulated Strava whose clock runs, one installation of pacelake in several
//! processes, and athletes who have accounts there.

use std::future::Future;
use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pacelake_strava_sim::{Clock, Control, NewAthlete, Options, Simulator};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use storage::catalog::{
    AuditFilter, Catalog, ConnectionStatus, JobFilter, JobRow, JobState, LinkWish, Outcome, Role,
};
use storage::seal::Keys;
use storage::testing::Place;
use storage::{AthleteId, Storage};

use crate::processes::{Installation, Process};

/// How long anything may take, by the machine's clock, before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether something is so.
const LOOK: Duration = Duration::from_millis(50);
/// How fast the clock runs at most while much is to be done.
const BUSY_RATE: f64 = 200.0;
/// How fast the clock runs while somebody signs in, who has ten minutes for it.
const SIGN_IN_RATE: f64 = 10.0;

/// Somebody with an account here and one at Strava.
pub struct Person {
    pub name: &'static str,
    pub athlete_id: AthleteId,
    pub strava_id: i64,
    /// Whether they let pacelake see what only they see.
    pub shows_private: bool,
    session: String,
    csrf_token: String,
    /// What had been refreshed there, and written here, when they connected.
    before: Refreshes,
}

/// How often an athlete's tokens were refreshed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshes {
    /// By Strava.
    pub there: u64,
    /// As our audit has it.
    pub here: u64,
}

pub struct World {
    _simulator: Simulator,
    pub control: Control,
    pub people: Vec<Person>,
    pub storage: Storage,
    pub processes: Vec<Process>,
    pub installation: Installation,
    base: String,
    http: Client,
    // Last: all that is above lies in it.
    _place: Place,
}

impl World {
    /// A simulator whose clock stands at `start`, and an installation of which
    /// only the server runs, with so many workers inside.
    pub async fn begin(place: Place, start: Timestamp, inside: u32) -> Self {
        let simulator = Simulator::start(Options {
            clock: Clock::Controlled(start),
            between_attempts: Duration::from_millis(300),
            ..Options::default()
        });
        let simulator = simulator.await.unwrap();
        let tables = query::derived::tables();
        let views = storage::tables::VIEWS;
        let storage = Storage::open(&place.options(), &tables, views).await;
        let storage = storage.unwrap();
        // Free for as long as nobody else asks for one.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = port.unwrap().to_string();
        let base = format!("http://{address}");
        let installation = installation(&simulator, &place, &base, inside);
        let server = Process::start(&installation, "server", &["serve", "--listen", &address]);
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let world = Self {
            control: simulator.control(),
            _simulator: simulator,
            people: Vec::new(),
            storage,
            processes: vec![server],
            installation,
            base,
            http,
            _place: place,
        };
        world.served().await;
        world
    }

    /// Starts a worker of its own.
    pub fn start_worker(&mut self, name: &'static str) {
        let worker = Process::start(&self.installation, name, &["worker"]);
        self.processes.push(worker);
    }

    /// Somebody new, with an account here and one at Strava.
    pub async fn add_person(&mut self, name: &'static str, shows_private: bool) -> usize {
        let wish = LinkWish::Invite {
            role: Role::Athlete,
            athlete_id: None,
        };
        let catalog = &self.storage.catalog;
        let now_us = Timestamp::now().as_microsecond();
        let (link, _) = catalog.make_link(wish, None, now_us).await.unwrap();
        let body = json!({
            "link": link.reveal(), "name": name, "password": "a long way up",
        });
        let url = format!("{}/api/setup", self.base);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let session = cookie(&answer);
        let who: Value = answer.json().await.unwrap();
        let strava_id = self.control.add_athlete(NewAthlete {
            firstname: Some(name.to_owned()),
            ..NewAthlete::default()
        });
        self.people.push(Person {
            name,
            athlete_id: AthleteId(who["athlete_id"].as_i64().unwrap()),
            strava_id,
            shows_private,
            session,
            csrf_token: who["csrf_token"].as_str().unwrap().to_owned(),
            before: Refreshes::default(),
        });
        self.people.len() - 1
    }

    /// Connects somebody's account at Strava, as a browser does. Where a fault
    /// comes in between they begin again.
    pub async fn connect(&mut self, who: usize) {
        let rate = self.control.course().rate;
        self.control.set_clock_rate(rate.min(SIGN_IN_RATE)).unwrap();
        let begun = Instant::now();
        loop {
            let said = match self.try_to_connect(who).await {
                Ok((StatusCode::OK, _)) => break,
                Ok((_, page)) => page,
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < PATIENCE, "nobody can connect: {said}");
            self.served().await;
        }
        self.control.set_clock_rate(rate).unwrap();
        self.people[who].before = self.refreshes(who).await;
    }

    async fn try_to_connect(&self, who: usize) -> reqwest::Result<(StatusCode, String)> {
        let person = &self.people[who];
        let activities = match person.shows_private {
            true => "all",
            false => "visible",
        };
        let path = format!("/api/strava/auth?activities={activities}");
        let sent = self.ask(who, Method::GET, &path).await?;
        let both = format!("{}; {}", person.session, cookie(&sent));
        let there = format!("{}&_auto={}", location(&sent), person.strava_id);
        let back = self.http.get(there).send().await?;
        let back = self.http.get(location(&back)).header(COOKIE, both);
        let page = back.send().await?;
        Ok((page.status(), page.text().await?))
    }

    /// Sends a request of somebody who is signed in.
    pub async fn ask(&self, who: usize, method: Method, path: &str) -> reqwest::Result<Response> {
        let person = &self.people[who];
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.header(COOKIE, &person.session);
        request
            .header("x-csrf-token", &person.csrf_token)
            .send()
            .await
    }

    /// What somebody is shown.
    pub async fn get(&self, who: usize, path: &str) -> Value {
        let answer = self.ask(who, Method::GET, path).await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Somebody's activities here.
    pub async fn activities(&self, who: usize) -> Vec<Value> {
        let page = self.get(who, "/api/activities?limit=500").await;
        assert!(page["next"].is_null(), "there is another page");
        page["items"].as_array().unwrap().clone()
    }

    /// Waits until the server serves.
    pub async fn served(&self) {
        let url = format!("{}/api/health", self.base);
        self.until("the server", async || {
            let answer = self.http.get(&url).send().await;
            answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
        })
        .await;
    }

    /// How often somebody's tokens were refreshed since they connected.
    pub async fn refreshes(&self, who: usize) -> Refreshes {
        let person = &self.people[who];
        let connections = self.control.connections();
        let there = connections
            .iter()
            .find(|one| one.athlete_id == person.strava_id);
        let filter = AuditFilter {
            athlete_id: Some(person.athlete_id),
            outcome: Some(Outcome::Updated),
            limit: 100_000,
            ..AuditFilter::default()
        };
        let audit = self.catalog().audit(&filter).await.unwrap();
        let of_tokens = audit.iter().filter(|entry| entry.action == "strava_token");
        Refreshes {
            there: there.map_or(0, |connection| connection.refreshes),
            here: of_tokens.count() as u64,
        }
    }

    /// How many refreshed tokens of somebody never came to be written here,
    /// since they connected.
    pub async fn lost_tokens(&self, who: usize) -> u64 {
        let (before, now) = (self.people[who].before, self.refreshes(who).await);
        let there = now.there.saturating_sub(before.there);
        there.saturating_sub(now.here.saturating_sub(before.here))
    }

    /// How somebody's connection is here, as far as they have to do something about
    /// it; none where they have none. One whose refresh failed for another reason
    /// mends itself.
    pub async fn connection(&self, who: usize) -> Option<ConnectionStatus> {
        let id = self.people[who].athlete_id;
        let connection = self.catalog().strava_connection(id).await.unwrap();
        connection.map(|connection| match connection.needs_athlete() {
            true => ConnectionStatus::Degraded,
            false => ConnectionStatus::Connected,
        })
    }

    pub async fn jobs(&self, state: Option<JobState>) -> Vec<JobRow> {
        let filter = JobFilter {
            state,
            ..JobFilter::default()
        };
        self.catalog().jobs(&filter, 10_000).await.unwrap()
    }

    /// What runs, or is due and waits, but for what recurs.
    pub async fn work_left(&self) -> Vec<JobRow> {
        let now_us = self.control.now().as_microsecond();
        let mut jobs = self.jobs(Some(JobState::Running)).await;
        jobs.extend(self.jobs(Some(JobState::Waiting)).await);
        jobs.retain(|job| {
            let is_due = job.is_ready || job.due_at_us <= now_us;
            let is_due = is_due || job.state == JobState::Running;
            is_due && job.every_us.is_none()
        });
        jobs
    }

    /// Lets the clock run at this rate, or slower where much work is left: on a
    /// machine that has much else to do a day takes longer, and is the same day.
    pub async fn pace(&self, rate: f64) {
        let rate = match self.work_left().await.len() {
            0..=8 => rate,
            _ => rate.min(BUSY_RATE),
        };
        if self.control.course().rate != rate {
            self.control.set_clock_rate(rate).unwrap();
        }
    }

    /// Runs a command of the installation to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.installation.command(arguments).output().unwrap()
    }

    pub fn catalog(&self) -> &Catalog {
        &self.storage.catalog
    }

    /// Waits until something is so.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, is_so: impl Fn() -> F) {
        let begun = Instant::now();
        while !is_so().await {
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: not within {PATIENCE:?}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in &self.processes {
                eprint!("{}", process.trouble());
            }
        }
    }
}

fn installation(simulator: &Simulator, place: &Place, base: &str, inside: u32) -> Installation {
    let folder = place.data_dir.path();
    let keys = folder.join("keys");
    std::fs::write(&keys, Keys::generate().unwrap()).unwrap();
    let app = simulator.app();
    let mut environment = vec![
        ("PACELAKE_DATA_DIR", folder.display().to_string()),
        ("PACELAKE_SECRET_KEY_FILE", keys.display().to_string()),
        ("PACELAKE_PUBLIC_URL", base.to_owned()),
        ("PACELAKE_WORKERS", inside.to_string()),
        ("PACELAKE_LOG", "warn,pacelake_jobs=info".to_owned()),
        ("NO_COLOR", "1".to_owned()),
        ("PACELAKE_STRAVA_CLIENT_ID", app.client_id.to_string()),
        ("PACELAKE_STRAVA_CLIENT_SECRET", app.client_secret),
        ("PACELAKE_STRAVA_OAUTH_URL", simulator.url() + "/oauth"),
        ("PACELAKE_STRAVA_API_URL", simulator.api_url()),
        // Several athletes: nothing is kept beyond Strava's terms.
        ("PACELAKE_STRAVA_RETENTION", "policy".to_owned()),
    ];
    if let Some(url) = &place.catalog {
        environment.push(("PACELAKE_CATALOG", url.clone()));
    }
    Installation {
        simulator: simulator.url(),
        logs: folder.to_owned(),
        environment: environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

fn cookie(answer: &Response) -> String {
    let cookie = answer.headers().get(SET_COOKIE);
    let cookie = cookie.and_then(|cookie| cookie.to_str().ok());
    let cookie = cookie.unwrap_or_default().split(';').next();
    cookie.unwrap_or_default().to_owned()
}

fn location(answer: &Response) -> String {
    let location = answer.headers().get(LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    location.unwrap_or_default().to_owned()
}
