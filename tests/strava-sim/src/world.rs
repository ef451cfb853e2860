//! All that the simulated Strava knows, behind one lock.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::activity::{Activity, Ids};
use crate::athlete::Athlete;
use crate::events::{Delivery, Event};
use crate::faults::Faults;
use crate::grants::Grants;
use crate::inputs::{Edit, NewAthlete};
use crate::limits::{Calls, Meter};
use crate::random::Random;
use crate::subscription::Subscription;
use crate::switches::Switches;

/// Where ids begin: about where Strava's are today.
const FIRST_ACTIVITY: i64 = 12_000_000_000;
const FIRST_UPLOAD: i64 = 13_000_000_000;
const FIRST_ATHLETE: i64 = 30_000_001;
const FIRST_SUBSCRIPTION: i64 = 131_300;
/// Ids of activities and uploads lie at most this far apart, and at least a
/// hundredth of it.
const STEP: u64 = 1_000_000;

/// The app that is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct App {
    /// Its id.
    pub client_id: u64,
    /// Its secret, which guards nothing.
    pub client_secret: String,
}

/// One request that came in, and what it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// When, in seconds since 1970, by Strava's clock.
    pub at: i64,
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Whose token it carried, if that was alive.
    pub athlete_id: Option<i64>,
    /// The status of its answer; none where a fault ate the answer.
    pub status: Option<u16>,
    /// The fault that it met, such as `reset`.
    pub fault: Option<String>,
    /// What was used after it.
    pub used: Calls,
}

/// All that the simulated Strava knows.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) app: App,
    /// Where the app may be called back, beside this machine.
    pub(crate) callback_domain: String,
    pub(crate) random: Random,
    pub(crate) switches: Switches,
    pub(crate) athletes: BTreeMap<i64, Athlete>,
    pub(crate) activities: BTreeMap<i64, Activity>,
    pub(crate) grants: Grants,
    pub(crate) subscription: Option<Subscription>,
    pub(crate) meter: Meter,
    pub(crate) faults: Faults,
    pub(crate) requests: Vec<Request>,
    pub(crate) deliveries: Vec<Delivery>,
    /// Deliveries that wait for the next event.
    pub(crate) held: Vec<usize>,
    /// What is inserted once the next page of a list is out.
    pub(crate) after_next_page: Vec<(Activity, bool)>,
    next: Ids,
    next_athlete: i64,
    next_subscription: i64,
}

impl World {
    pub(crate) fn new(seed: u64, callback_domain: &str) -> Self {
        let mut random = Random::new(seed);
        let app = App {
            client_id: 24_523,
            client_secret: random.token(),
        };
        Self {
            app,
            callback_domain: callback_domain.to_owned(),
            random,
            switches: Switches::default(),
            athletes: BTreeMap::new(),
            activities: BTreeMap::new(),
            grants: Grants::default(),
            subscription: None,
            meter: Meter::new(),
            faults: Faults::default(),
            requests: Vec::new(),
            deliveries: Vec::new(),
            held: Vec::new(),
            after_next_page: Vec::new(),
            next: Ids {
                activity: FIRST_ACTIVITY,
                upload: FIRST_UPLOAD,
            },
            next_athlete: FIRST_ATHLETE,
            next_subscription: FIRST_SUBSCRIPTION,
        }
    }

    /// Adds an athlete, or tells anew who has that id.
    pub(crate) fn add_athlete(&mut self, new: NewAthlete, now_s: i64) -> i64 {
        let id = new.id.unwrap_or(self.next_athlete);
        self.next_athlete = self.next_athlete.max(id.saturating_add(1));
        self.athletes.insert(id, Athlete::new(id, new, now_s));
        id
    }

    /// Ids for the next activity, or the one that was asked for.
    pub(crate) fn ids(&mut self, asked: Option<i64>) -> Ids {
        let step = |random: &mut Random| (STEP / 100 + random.below(STEP)) as i64;
        self.next.activity += step(&mut self.random);
        self.next.upload += step(&mut self.random);
        Ids {
            activity: asked.unwrap_or(self.next.activity),
            ..self.next
        }
    }

    /// The id of the next subscription.
    pub(crate) fn subscription_id(&mut self) -> i64 {
        self.next_subscription += 1;
        self.next_subscription
    }

    /// Adds an activity; the events that tell of it.
    pub(crate) fn add(&mut self, activity: Activity, silent: bool, now_s: i64) -> Vec<Event> {
        if let Some(gear) = &activity.gear_id
            && let Some(athlete) = self.athletes.get_mut(&activity.athlete_id)
        {
            athlete.wear(gear, activity.totals.distance_m);
        }
        let event = self.event(&activity, "create", now_s);
        self.activities.insert(activity.id, activity);
        event.filter(|_| !silent).into_iter().collect()
    }

    /// An event about an activity, if its athlete's app is to hear of it.
    fn event(&self, activity: &Activity, aspect: &'static str, now_s: i64) -> Option<Event> {
        let subscription = self.subscription.as_ref()?;
        self.hears(activity).then(|| Event {
            object_type: "activity",
            object_id: activity.id,
            aspect_type: aspect,
            owner_id: activity.athlete_id,
            subscription_id: subscription.id,
            event_time: now_s,
            // Strava's events about deletions are known without the key.
            updates: (aspect != "delete").then(BTreeMap::new),
        })
    }

    /// Whether the app may know of an activity.
    fn hears(&self, activity: &Activity) -> bool {
        self.reads(activity.athlete_id)
            .is_some_and(|reads_all| activity.is_visible(reads_all))
    }

    /// Whether the app reads an athlete's activities, and if so whether all.
    fn reads(&self, athlete: i64) -> Option<bool> {
        let scopes = self.grants.scopes(athlete)?;
        let reads_all = scopes.contains("activity:read_all");
        (reads_all || scopes.contains("activity:read")).then_some(reads_all)
    }

    /// Edits an activity; the events that tell of it, or none where it cannot be
    /// done.
    pub(crate) fn edit(&mut self, id: i64, edit: Edit, now_s: i64) -> Option<Vec<Event>> {
        let activity = self.activities.get(&id);
        let mut activity = activity.filter(|one| !one.is_deleted)?.clone();
        let heard = self.hears(&activity);
        let changed = activity.edit(edit)?;
        let hears = self.hears(&activity);
        let mut updates = BTreeMap::new();
        if let Some(title) = changed.title {
            updates.insert("title".to_owned(), title);
        }
        if let Some(sport) = changed.sport {
            let sport = crate::sports::old_type(&sport).to_owned();
            updates.insert("type".to_owned(), sport);
        }
        if let Some((from, to)) = changed.visibility {
            let (was, is) = (from.word() == "only_me", to.word() == "only_me");
            if was != is {
                updates.insert("private".to_owned(), is.to_string());
            }
        }
        let event = match (heard, hears) {
            (true, true) if updates.is_empty() => None,
            (true, true) => self.event(&activity, "update", now_s).map(|event| Event {
                updates: Some(updates),
                ..event
            }),
            // Without `activity:read_all` what becomes private goes, and comes
            // back when it is seen again.
            (true, false) => {
                let before = self.activities.get(&id)?;
                self.event(before, "delete", now_s)
            }
            (false, true) => self.event(&activity, "create", now_s),
            (false, false) => None,
        };
        self.activities.insert(id, activity);
        Some(event.into_iter().collect())
    }

    /// Deletes an activity; the events that tell of it, or none where there is no
    /// such.
    pub(crate) fn delete(&mut self, id: i64, now_s: i64) -> Option<Vec<Event>> {
        let activity = self.activities.get(&id).filter(|one| !one.is_deleted)?;
        let event = self.event(activity, "delete", now_s);
        let (gear, metres) = (activity.gear_id.clone(), activity.totals.distance_m);
        let owner = activity.athlete_id;
        if let (Some(gear), Some(athlete)) = (gear, self.athletes.get_mut(&owner)) {
            athlete.wear(&gear, -metres);
        }
        if let Some(activity) = self.activities.get_mut(&id) {
            activity.is_deleted = true;
        }
        Some(event.into_iter().collect())
    }

    /// Ends an athlete's tokens; the event that tells of it.
    pub(crate) fn deauthorise(&mut self, athlete: i64, now_s: i64) -> Option<Event> {
        let was_connected = self.grants.revoke(athlete);
        let subscription = self.subscription.as_ref()?;
        was_connected.then(|| Event {
            object_type: "athlete",
            object_id: athlete,
            aspect_type: "update",
            owner_id: athlete,
            subscription_id: subscription.id,
            event_time: now_s,
            updates: Some(BTreeMap::from([(
                "authorized".to_owned(),
                "false".to_owned(),
            )])),
        })
    }
}
