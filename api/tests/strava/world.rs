//! A simulated Strava, and pacelake beside it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jobs::progress::Stop;
use jobs::strava::{Config, Retention, RevokeStyle, Service, worker};
use pacelake_api::{ServerLimits, State, serve};
use pacelake_strava_sim::{Control, Details, Generated, NewAthlete, Options, Simulator};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use storage::catalog::{JobFilter, JobRow};
use storage::seal::Keys;
use storage::testing::Place;
use storage::{AthleteId, Storage};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::service::{config, service};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The id of the request that brings a browser back from Strava.
pub const CAME_BACK: &str = "back-from-strava";

/// A simulated Strava, and pacelake beside it: server and workers.
pub struct World {
    pub sim: Simulator,
    pub service: Service,
    pub base: String,
    pub http: Client,
    pub place: Place,
    stop: Stop,
    running: Vec<JoinHandle<()>>,
}

/// How both are set up.
pub struct Setup {
    pub sim: Simulator,
    pub place: Place,
    pub retention: Retention,
    pub revoke: RevokeStyle,
    pub keys: Keys,
    /// Pacelake's clock.
    pub now: fn() -> Timestamp,
    /// What is configured otherwise.
    pub change: fn(&mut Config),
    /// Where pacelake listens: on any port, or where it did before.
    pub listen: String,
}

impl Setup {
    pub async fn new(place: Place, retention: Retention) -> Self {
        Self {
            sim: Simulator::start(Options::default()).await.unwrap(),
            place,
            retention,
            revoke: RevokeStyle::Revoke,
            keys: Keys::parse(&Keys::generate().unwrap()).unwrap(),
            now: Timestamp::now,
            change: |_| {},
            listen: "127.0.0.1:0".to_owned(),
        }
    }

    /// The service over the place, which browsers reach at `base`.
    pub async fn service(&self, base: &str) -> Service {
        let tables = query::derived::tables();
        let options = self.place.options();
        let storage = Storage::open(&options, &tables, &[]).await.unwrap();
        storage.catalog.first_athlete().await.unwrap();
        let mut config = config(&self.sim, base);
        config.app.revoke = self.revoke;
        config.retention = self.retention;
        config.keys = self.keys.clone();
        (self.change)(&mut config);
        service(storage, config, self.now)
    }
}

impl World {
    pub async fn begin(place: Place, retention: Retention) -> Self {
        Self::of(Setup::new(place, retention).await).await
    }

    pub async fn of(setup: Setup) -> Self {
        let listener = TcpListener::bind(&setup.listen).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let service = setup.service(&base).await;
        let storage = service.context.storage.clone();
        let state = State::new(storage, ServerLimits::default()).unwrap();
        let state = state.with_strava(service.clone());
        let stop = Stop::default();
        let stopped = stop.clone();
        let server = tokio::spawn(async move {
            let wait = async move {
                while !stopped.asked() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            serve(listener, state, wait).await.unwrap();
        });
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let mut world = Self {
            sim: setup.sim,
            service,
            base,
            http,
            place: setup.place,
            stop,
            running: vec![server],
        };
        world.work();
        world
    }

    /// Starts a worker.
    pub fn work(&mut self) {
        let (service, stop) = (self.service.clone(), self.stop.clone());
        self.running.push(tokio::spawn(async move {
            worker::run(&service, 4, stop).await.unwrap();
        }));
    }

    /// Starts a worker for an admin's work.
    pub fn do_chores(&mut self) {
        let (context, stop) = (self.service.context.clone(), self.stop.clone());
        self.running.push(tokio::spawn(async move {
            jobs::chores::run(&context, stop).await;
        }));
    }

    /// Ends server and workers.
    pub async fn end(self) -> (Simulator, Place) {
        self.stop.ask();
        for task in self.running {
            task.await.unwrap();
        }
        self.service.context.storage.catalog.db().close().await;
        (self.sim, self.place)
    }

    /// Ends them; the same place, Strava, address and keys, to begin anew.
    pub async fn again(self) -> Setup {
        let listen = self.base.replace("http://", "");
        let config = self.service.config().clone();
        let (sim, place) = self.end().await;
        Setup {
            sim,
            place,
            retention: config.retention,
            revoke: config.app.revoke,
            keys: config.keys,
            now: Timestamp::now,
            change: |_| {},
            listen,
        }
    }

    pub fn control(&self) -> Control {
        self.sim.control()
    }

    /// An athlete at Strava with so many activities.
    pub fn athlete(&self, activities: u32) -> i64 {
        let control = self.control();
        let athlete = control.add_athlete(NewAthlete {
            shoes: vec!["Grey Shoes".to_owned()],
            ..NewAthlete::default()
        });
        control.add_history(athlete, 7, activities, 60).unwrap();
        athlete
    }

    /// A new activity of an athlete there.
    pub fn push(&self, athlete: i64, number: u64) -> i64 {
        let generated = Generated {
            seed: 99,
            number,
            minutes: 20,
        };
        self.control()
            .add_generated(athlete, generated, &Details::default())
            .unwrap()
    }

    /// Where the browser is sent, and its cookie.
    pub async fn sent(&self) -> (String, String) {
        let answer = self.ask("GET", "/api/strava/auth").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap().to_owned();
        (location(&answer), cookie)
    }

    /// Where Strava sends the browser back to, after this athlete's yes (or what
    /// the next authorization is switched to).
    pub async fn back(&self, sent: &str, athlete: i64) -> String {
        let url = format!("{sent}&_auto={athlete}");
        location(&self.http.get(url).send().await.unwrap())
    }

    /// The page that a browser with this cookie is shown.
    pub async fn shown(&self, back: &str, cookie: &str) -> (StatusCode, String) {
        let request = self.http.get(back).header(COOKIE, cookie);
        let request = request.header("x-request-id", CAME_BACK);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// The page that is shown where one of pacelake's hands over what the browser
    /// came back with.
    pub async fn handed_over(&self, back: &str, cookie: &str) -> (StatusCode, String) {
        let back = Url::parse(back).unwrap();
        let brought: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
        let url = format!("{}/api/strava/callback", self.base);
        let request = self.http.post(url).header(COOKIE, cookie);
        let answer = request.json(&brought).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Connects an athlete of Strava to the first of pacelake.
    pub async fn connect(&self, athlete: i64) -> (StatusCode, String) {
        let (sent, cookie) = self.sent().await;
        let back = self.back(&sent, athlete).await;
        self.shown(&back, &cookie).await
    }

    pub async fn ask(&self, method: &str, path: &str) -> Response {
        let method = method.parse().unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The athlete's activities here, newest first.
    pub async fn activities(&self) -> Vec<Value> {
        let list = self.get("/api/activities?limit=500").await;
        list["items"].as_array().unwrap().clone()
    }

    /// Our id of an activity of Strava, where it is here.
    pub async fn id_of(&self, strava_id: i64) -> Option<i64> {
        let catalog = &self.service.context.storage.catalog;
        let external = [format!("strava:{strava_id}")];
        let sources = catalog
            .sources_by_external_id(AthleteId(1), &external)
            .await;
        sources.unwrap().first().map(|source| source.activity_id.0)
    }

    /// Connects a new athlete with so many activities, and waits until Strava
    /// announces what happens and nothing is left to do.
    pub async fn connected(&self, activities: u32) -> i64 {
        let athlete = self.athlete(activities);
        let (status, page) = self.connect(athlete).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        self.back_filled(activities as usize).await;
        self.until("the subscription", async || {
            self.control().subscription().is_some() && self.is_idle().await
        })
        .await;
        athlete
    }

    /// Waits until the whole history is in.
    pub async fn back_filled(&self, count: usize) {
        self.until("the history", async || {
            let status = self.get("/api/strava/status").await;
            let is_listed = !status["history_listed_at"].is_null();
            is_listed && status["activities_present"] == count && self.is_idle().await
        })
        .await;
    }

    /// Whether nothing waits or runs but what recurs or is for later.
    pub async fn is_idle(&self) -> bool {
        let now_us = self.service.now().as_microsecond();
        let live = |job: &JobRow| {
            job.state.is_live() && job.kind != "strava_upkeep" && job.due_at_us <= now_us
        };
        !self.jobs().await.iter().any(live)
    }

    pub async fn jobs(&self) -> Vec<JobRow> {
        let catalog = &self.service.context.storage.catalog;
        catalog.jobs(&JobFilter::default(), 1000).await.unwrap()
    }

    /// Waits until something is so.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, is_so: impl Fn() -> F) {
        let begun = Instant::now();
        while !is_so().await {
            if begun.elapsed() > PATIENCE {
                let jobs = self.jobs().await;
                let live: Vec<_> = jobs.iter().filter(|job| job.reason.is_some()).collect();
                panic!("{what}: not within {PATIENCE:?}; {live:#?}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

fn location(answer: &Response) -> String {
    let location = answer.headers().get(LOCATION);
    let location = location.unwrap_or_else(|| panic!("no redirect: {}", answer.status()));
    location.to_str().unwrap().to_owned()
}

/// A test on either catalog.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::super::$name(storage::testing::Place::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::super::$name(storage::testing::Place::postgres()).await;
            }
        }
    )+};
}
pub(crate) use on_both;
