//! A simulated Strava, where two athletes have an account each.

use std::collections::HashMap;

use jiff::Timestamp;
use jobs::strava::connect::Returned;
use jobs::strava::live::external_id;
use jobs::strava::{Retention, Scope, Secret, Service};
use pacelake_strava_sim::{Calls, Clock, Details, Generated, NewAthlete, Options, Simulator};
use reqwest::header::LOCATION;
use reqwest::{Client, Url};
use storage::catalog::{CatalogChange, Source};
use storage::{ActivityId, AthleteId, Commit, Storage};
use uuid::Uuid;

use crate::app::{RIDE, RIDE_US};
use crate::service::{config, service};

/// What an athlete has at Strava.
pub struct There {
    /// Whose it is.
    pub athlete_id: AthleteId,
    /// Who they are there.
    pub strava_athlete_id: i64,
    /// The name of their one activity there.
    pub activity: &'static str,
}

/// Who has something there. Their ids and names are nowhere else.
pub const THERE: &[There] = &[
    There {
        athlete_id: AthleteId(1),
        strava_athlete_id: 41_234_567_891,
        activity: "Twice around the tarn",
    },
    There {
        athlete_id: AthleteId(2),
        strava_athlete_id: 52_345_678_912,
        activity: "Over the saddle by night",
    },
];

/// What Strava repeats when it looks at the callback.
const VERIFY: &str = "repeat-this";

/// More than is ever asked.
const LIMITS: Calls = Calls {
    quarter: 10_000,
    day: 10_000,
    read_quarter: 10_000,
    read_day: 10_000,
};

/// The time at Strava, and by pacelake's clock for it: far from the end of any
/// window, where nothing is asked.
fn now() -> Timestamp {
    "2026-06-01T08:05:00Z".parse().unwrap()
}

/// A simulated Strava, and what speaks to it.
pub struct Strava {
    sim: Simulator,
    pub service: Service,
    http: Client,
}

impl Strava {
    /// Beside a pacelake that is reached at `base`; both athletes are connected,
    /// and athlete 1's ride is their activity there.
    pub async fn beside(storage: &Storage, base: &str) -> Self {
        let options = Options {
            clock: Clock::Controlled(now()),
            ..Options::default()
        };
        let sim = Simulator::start(options).await.unwrap();
        sim.control().set_limits(LIMITS);
        for there in THERE {
            let strava_id = upload(&sim, there);
            if there.athlete_id == AthleteId(1) {
                commit_source(storage, strava_id).await;
            }
        }
        let mut config = config(&sim, base);
        config.verify_token = Some(Secret::new(VERIFY));
        // Several athletes connect under the terms alone.
        config.retention = Retention::Policy;
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let strava = Self {
            sim,
            service: service(storage.clone(), config, now),
            http: http.unwrap(),
        };
        strava.connect().await;
        strava
    }

    /// Connects those who are not.
    pub async fn connect(&self) {
        let catalog = &self.service.context.storage.catalog;
        for there in THERE {
            let found = catalog.strava_connection(there.athlete_id).await;
            if found.unwrap().is_none() {
                self.sign_in(there).await;
            }
        }
    }

    /// Goes the way of a browser.
    async fn sign_in(&self, there: &There) {
        let scopes = [Scope::ActivityReadAll];
        let begun = self.service.begin(there.athlete_id, &scopes, "/").await;
        let begun = begun.unwrap();
        let sent = format!("{}&_auto={}", begun.url, there.strava_athlete_id);
        let answer = self.http.get(sent).send().await.unwrap();
        let back = answer.headers()[LOCATION].to_str().unwrap();
        let back = Url::parse(back).unwrap();
        let mut brought: HashMap<String, String> = back.query_pairs().into_owned().collect();
        let returned = Returned {
            state: brought.remove("state"),
            code: brought.remove("code"),
            scope: brought.remove("scope"),
            browser: Some(begun.browser),
            ..Returned::default()
        };
        let connected = self.service.complete(returned).await.unwrap();
        assert_eq!(connected.strava_athlete_id, there.strava_athlete_id);
    }

    /// A text with what stands in braces: `{owner}`, athlete 1 at Strava;
    /// `{webhook}`, the secret of its path; `{question}`, what Strava asks there;
    /// `{subscription}`, one that there is from then on.
    pub async fn filled(&self, text: &str) -> String {
        let question = format!("hub.mode=subscribe&hub.challenge=x&hub.verify_token={VERIFY}");
        let mut text = text
            .replace("{question}", &question)
            .replace("{owner}", &THERE[0].strava_athlete_id.to_string());
        if text.contains("{webhook}") {
            let secret = self.service.webhook_secret().await.unwrap();
            text = text.replace("{webhook}", secret.expose());
        }
        if text.contains("{subscription}") {
            let subscribed = self.service.subscribe(None).await.unwrap();
            let id = subscribed.subscription_id.unwrap();
            assert_eq!(self.sim.control().subscription().unwrap().id, id);
            text = text.replace("{subscription}", &id.to_string());
        }
        text
    }
}

/// Makes an athlete at Strava with their activity; its id there.
fn upload(sim: &Simulator, there: &There) -> i64 {
    let control = sim.control();
    let athlete = control.add_athlete(NewAthlete {
        id: Some(there.strava_athlete_id),
        ..NewAthlete::default()
    });
    let details = Details {
        name: Some(there.activity.to_owned()),
        ..Details::default()
    };
    let activity = control.add_generated(athlete, Generated::default(), &details);
    activity.unwrap()
}

/// Says that athlete 1's ride is this activity at Strava.
async fn commit_source(storage: &Storage, strava_id: i64) {
    let source = Source {
        athlete_id: AthleteId(1),
        sha256: "0".repeat(64),
        part: 0,
        // As the archive brings it, which stays when a connection ends.
        format: "fit".to_owned(),
        external_id: Some(external_id(strava_id)),
        start_time_us: RIDE_US,
        elapsed_ms: 60_000,
        non_null_values: 2,
        file_name: "strava".to_owned(),
        activity_id: ActivityId(RIDE),
        parted_from: None,
        upload_id: None,
        retain_until_us: None,
        fetched_at_us: None,
    };
    let commit = Commit {
        attempt: Uuid::now_v7(),
        changes: Vec::new(),
        catalog: CatalogChange {
            sources: vec![source],
            ..CatalogChange::default()
        },
        message: "test".to_owned(),
    };
    storage.lake.commit(commit).await.unwrap();
}
