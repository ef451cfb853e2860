//! What tests, and a person at a terminal, do to the simulated Strava.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pipeline::decode::{Limits, decode};
use serde::Serialize;
use serde_json::Value;

use crate::activity::Activity;
use crate::athlete::Athlete;
use crate::clock::Course;
use crate::error::Error;
use crate::events::{self, Delivery, Event, Fate};
use crate::faults::{EventFaultRule, FaultRule};
use crate::grants::Connection;
use crate::inputs::{Details, Edit, Generated, Manual, NewAthlete};
use crate::limits::Calls;
use crate::strava::Strava;
use crate::subscription::Subscription;
use crate::switches::Switches;
use crate::tell::{self, Asked};
use crate::track::first_second;
use crate::world::{Request, World};

/// What the requests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All requests, the control's own not counted.
    pub requests: u64,
    /// Those that were refused because a limit was reached. Nought proves that
    /// limits were kept.
    pub refused: u64,
    /// The most calls that any window ever held.
    pub highest: Calls,
    /// What the present windows hold.
    pub used: Calls,
    /// The limits.
    pub limits: Calls,
    /// Requests by the status that they got.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests that met a fault, by its name.
    pub by_fault: BTreeMap<String, u64>,
}

/// Does things to the simulated Strava. Clones do the same to the same.
#[derive(Clone, Debug)]
pub struct Control {
    pub(crate) strava: Arc<Strava>,
}

impl Control {
    /// The simulator's time, without skew.
    pub fn now(&self) -> Timestamp {
        self.strava.time.now()
    }

    /// Moves a controlled clock on.
    ///
    /// # Errors
    /// [`Error::RealClock`].
    pub fn advance(&self, by: Duration) -> Result<(), Error> {
        self.moved(self.strava.time.advance(by))
    }

    /// Sets a controlled clock, never back.
    ///
    /// # Errors
    /// [`Error::RealClock`].
    pub fn set_clock(&self, to: Timestamp) -> Result<(), Error> {
        self.moved(self.strava.time.set(to))
    }

    /// Lets a controlled clock run so many times as fast as the machine's; at 0
    /// it stands.
    ///
    /// # Errors
    /// [`Error::RealClock`].
    pub fn set_clock_rate(&self, rate: f64) -> Result<(), Error> {
        self.moved(self.strava.time.run(rate))
    }

    /// How the clock goes, for those who follow it.
    pub fn course(&self) -> Course {
        self.strava.time.course()
    }

    /// How the clock goes, as soon as that is another course than that of
    /// `version`; never where the clock is the machine's.
    pub async fn course_after(&self, version: u64) -> Course {
        self.strava.time.course_after(version).await
    }

    /// Returns when the clock has come to `until`.
    pub async fn reached(&self, until: Timestamp) {
        self.strava.time.wait_until(until).await;
    }

    fn moved(&self, moved: bool) -> Result<(), Error> {
        moved.then_some(()).ok_or(Error::RealClock)
    }

    /// Adds an athlete; their id.
    pub fn add_athlete(&self, new: NewAthlete) -> i64 {
        let now_s = self.strava.time.server_s();
        self.strava.world().add_athlete(new, now_s)
    }

    /// The ids of all athletes.
    pub fn athletes(&self) -> Vec<i64> {
        self.strava.world().athletes.keys().copied().collect()
    }

    /// Adds the activities of an uploaded FIT, GPX or TCX file; their ids, one
    /// for each of its sessions that has samples.
    ///
    /// # Errors
    /// Where the athlete is unknown, the id taken, or the bytes no recording
    /// with times.
    pub fn add_recording(
        &self,
        athlete: i64,
        bytes: &[u8],
        details: &Details,
    ) -> Result<Vec<i64>, Error> {
        let made = self.made(athlete, bytes, details)?;
        let ids = made.iter().map(|activity| activity.id).collect();
        self.added(made, details.silent);
        Ok(ids)
    }

    /// Adds an activity that is generated from a seed; its id.
    ///
    /// # Errors
    /// As [`Self::add_recording`].
    pub fn add_generated(
        &self,
        athlete: i64,
        generated: Generated,
        details: &Details,
    ) -> Result<i64, Error> {
        let recording = recording_of(generated)?;
        let ids = self.add_recording(athlete, &recording, details)?;
        ids.first().copied().ok_or(Error::NoSamples)
    }

    /// Adds an activity that somebody typed in; its id.
    ///
    /// # Errors
    /// Where the athlete is unknown or the id taken.
    pub fn add_manual(&self, athlete: i64, manual: Manual) -> Result<i64, Error> {
        let now_s = self.strava.time.server_s();
        let (silent, asked) = (manual.details.silent, manual.details.id);
        let start_s = manual.start.map_or(now_s - 3_600, Timestamp::as_second);
        let activity = {
            let world = &mut *self.strava.world();
            let owner = free(world, athlete, asked)?;
            let ids = world.ids(asked);
            Activity::manual(ids, &owner, manual, start_s)
        };
        let id = activity.id;
        self.added(vec![activity], silent);
        Ok(id)
    }

    /// Adds the activities of a recording as soon as the next page of a list that
    /// is not empty was answered, as if they were uploaded between two pages.
    ///
    /// # Errors
    /// As [`Self::add_recording`].
    pub fn add_after_next_page(
        &self,
        athlete: i64,
        bytes: &[u8],
        details: &Details,
    ) -> Result<Vec<i64>, Error> {
        let made = self.made(athlete, bytes, details)?;
        let ids = made.iter().map(|activity| activity.id).collect();
        let made = made.into_iter().map(|activity| (activity, details.silent));
        self.strava.world().after_next_page.extend(made);
        Ok(ids)
    }

    fn made(&self, athlete: i64, bytes: &[u8], details: &Details) -> Result<Vec<Activity>, Error> {
        let recordings = decode(bytes, &Limits::default());
        let recordings = recordings.map_err(|source| Error::Recording { source })?;
        // Sessions of one file move together.
        let first_s = recordings.iter().filter_map(first_second).min();
        let moved_s = match (details.start, first_s) {
            (Some(start), Some(first_s)) => start.as_second() - first_s,
            (None, _) | (_, None) => 0,
        };
        let now_s = self.strava.time.server_s();
        let world = &mut *self.strava.world();
        let owner = free(world, athlete, details.id)?;
        let mut asked = details.id;
        let mut made = Vec::new();
        for recording in &recordings {
            let ids = world.ids(asked);
            let activity = Activity::uploaded(ids, &owner, recording, moved_s, details.clone());
            if let Some(mut activity) = activity {
                // What was asked for is the first one's.
                asked = None;
                let lag = details.streams_lag.or(world.switches.streams_lag);
                if let Some(lag) = lag {
                    activity.lag(lag, now_s);
                }
                made.push(activity);
            }
        }
        match made.is_empty() {
            true => Err(Error::NoSamples),
            false => Ok(made),
        }
    }

    fn added(&self, activities: Vec<Activity>, silent: bool) {
        let now_s = self.strava.time.server_s();
        let events = {
            let world = &mut *self.strava.world();
            let added = activities.into_iter();
            let events = added.flat_map(|activity| world.add(activity, silent, now_s));
            events.collect()
        };
        events::send(&self.strava, events);
    }

    /// Changes an activity as its athlete would.
    ///
    /// # Errors
    /// Where there is no such activity, or a crop would leave nothing of it.
    pub fn edit(&self, id: i64, edit: Edit) -> Result<(), Error> {
        let crop = edit.crop;
        self.heard(id, |world, now_s| world.edit(id, edit, now_s))
            .map_err(|error| match crop {
                Some(crop) if self.strava.world().activities.contains_key(&id) => Error::Crop {
                    id,
                    from_s: crop.from_s,
                    to_s: crop.to_s,
                },
                Some(_) | None => error,
            })
    }

    /// Deletes an activity.
    ///
    /// # Errors
    /// [`Error::UnknownActivity`].
    pub fn delete(&self, id: i64) -> Result<(), Error> {
        self.heard(id, |world, now_s| world.delete(id, now_s))
    }

    fn heard(
        &self,
        id: i64,
        change: impl FnOnce(&mut World, i64) -> Option<Vec<Event>>,
    ) -> Result<(), Error> {
        let now_s = self.strava.time.server_s();
        let events = change(&mut self.strava.world(), now_s);
        events::send(&self.strava, events.ok_or(Error::UnknownActivity(id))?);
        Ok(())
    }

    /// The ids of an athlete's activities that are not deleted, oldest first.
    pub fn activities(&self, athlete: i64) -> Vec<i64> {
        let world = self.strava.world();
        let all = world.activities.values();
        let mut those: Vec<&Activity> = all
            .filter(|one| one.athlete_id == athlete && !one.is_deleted)
            .collect();
        those.sort_by_key(|one| (one.start_s, one.id));
        those.into_iter().map(|one| one.id).collect()
    }

    /// An activity as the API tells its athlete, without a request.
    ///
    /// # Errors
    /// [`Error::UnknownActivity`].
    pub fn activity(&self, id: i64) -> Result<Value, Error> {
        let world = self.strava.world();
        let activity = world.activities.get(&id).filter(|one| !one.is_deleted);
        let activity = activity.ok_or(Error::UnknownActivity(id))?;
        let athlete = world.athletes.get(&activity.athlete_id);
        let athlete = athlete.ok_or(Error::UnknownAthlete(activity.athlete_id))?;
        Ok(Value::Object(tell::detail(activity, athlete)))
    }

    /// The streams of an activity as the API tells them, all kinds and by kind,
    /// without a request; none where it was typed in.
    ///
    /// # Errors
    /// [`Error::UnknownActivity`].
    pub fn streams(&self, id: i64) -> Result<Option<Value>, Error> {
        let world = self.strava.world();
        let activity = world.activities.get(&id).filter(|one| !one.is_deleted);
        let activity = activity.ok_or(Error::UnknownActivity(id))?;
        Ok(tell::streams(activity, &Asked::everything()))
    }

    /// Ends an athlete's tokens, as if they had done so on the web site.
    pub fn deauthorise(&self, athlete: i64) {
        let now_s = self.strava.time.server_s();
        let event = self.strava.world().deauthorise(athlete, now_s);
        events::send(&self.strava, event.into_iter().collect());
    }

    /// Ends an athlete's access tokens before their time; refresh tokens live on.
    pub fn expire_access(&self, athlete: i64) {
        self.strava.world().grants.expire(athlete);
    }

    /// Who is connected.
    pub fn connections(&self) -> Vec<Connection> {
        self.strava.world().grants.connections()
    }

    /// Every code, access token and refresh token that there ever was: what a test
    /// looks for where none may be.
    pub fn given(&self) -> Vec<String> {
        self.strava.world().grants.given().to_vec()
    }

    /// The app's subscription.
    pub fn subscription(&self) -> Option<Subscription> {
        self.strava.world().subscription.clone()
    }

    /// How the simulated Strava behaves.
    pub fn switches(&self) -> Switches {
        self.strava.world().switches.clone()
    }

    /// Changes how the simulated Strava behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        let world = &mut *self.strava.world();
        change(&mut world.switches);
        self.strava.time.skew(world.switches.skew_s);
    }

    /// Sets the limits.
    pub fn set_limits(&self, limits: Calls) {
        self.strava.world().meter.limits = limits;
    }

    /// Says what of the present windows is used, as if another program of the
    /// same app had used it.
    pub fn set_used(&self, used: Calls) {
        let now_s = self.strava.time.server_s();
        self.strava.world().meter.set_used(now_s, used);
    }

    /// Adds a fault of requests.
    pub fn fault(&self, rule: FaultRule) {
        self.strava.world().faults.requests.push(rule);
    }

    /// Puts these faults of requests in the place of all that there were;
    /// answers those.
    pub fn swap_faults(&self, rules: Vec<FaultRule>) -> Vec<FaultRule> {
        std::mem::replace(&mut self.strava.world().faults.requests, rules)
    }

    /// Adds a fault of events.
    pub fn event_fault(&self, rule: EventFaultRule) {
        self.strava.world().faults.events.push(rule);
    }

    /// Ends all faults, and sends what they held back.
    pub fn clear_faults(&self) {
        self.strava.world().faults = crate::faults::Faults::default();
        self.release_events();
    }

    /// Sends the events that wait for another one.
    pub fn release_events(&self) {
        events::release(&self.strava);
    }

    /// All events and how they fare, in the order in which they happened.
    pub fn events(&self) -> Vec<Delivery> {
        self.strava.world().deliveries.clone()
    }

    /// Returns when no event is on its way; those that are held back, or wait
    /// for the clock, do not end by themselves.
    pub async fn events_settled(&self) {
        let mut seen = self.strava.in_flight.subscribe();
        // The sender lives as long as what is borrowed here.
        let _ = seen.wait_for(|count| *count == 0).await;
    }

    /// Every request that came in, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.strava.world().requests.clone()
    }

    /// What the requests came to.
    pub fn tally(&self) -> Tally {
        let now_s = self.strava.time.server_s();
        let world = &mut *self.strava.world();
        let mut tally = Tally {
            requests: world.requests.len() as u64,
            refused: world.meter.refused,
            highest: world.meter.highest,
            used: world.meter.used(now_s),
            limits: world.meter.limits,
            ..Tally::default()
        };
        for request in &world.requests {
            if let Some(status) = request.status {
                *tally.by_status.entry(status).or_default() += 1;
            }
            if let Some(fault) = &request.fault {
                *tally.by_fault.entry(fault.clone()).or_default() += 1;
            }
        }
        tally
    }

    /// How many events share each fate.
    pub fn fates(&self) -> BTreeMap<String, u64> {
        let mut fates = BTreeMap::new();
        for delivery in &self.strava.world().deliveries {
            let name = match delivery.fate {
                Fate::Sending => "sending",
                Fate::Held => "held",
                Fate::Delivered => "delivered",
                Fate::GivenUp => "given_up",
                Fate::Lost => "lost",
            };
            *fates.entry(name.to_owned()).or_default() += 1;
        }
        fates
    }

    /// Generates a history: `count` activities of a seed, spread over so many
    /// days before now; their ids, oldest first. No events.
    ///
    /// # Errors
    /// As [`Self::add_recording`].
    pub fn add_history(
        &self,
        athlete: i64,
        seed: u64,
        count: u32,
        days: u32,
    ) -> Result<Vec<i64>, Error> {
        let between = SignedDuration::from_hours(24 * i64::from(days)) / count.max(1) as i32;
        (0..count)
            .map(|number| {
                // The last one began some hours ago.
                let ago = between * (count - number) as i32 + SignedDuration::from_hours(3);
                let details = Details {
                    start: self.now().checked_sub(ago).ok(),
                    silent: true,
                    ..Details::default()
                };
                let generated = Generated {
                    seed,
                    number: u64::from(number),
                    minutes: 20 + 7 * (number % 9),
                };
                self.add_generated(athlete, generated, &details)
            })
            .collect()
    }
}

/// The FIT file of a generated recording: what a test compares with what came
/// through the API.
///
/// # Errors
/// [`Error::Generate`].
pub fn recording_of(generated: Generated) -> Result<Vec<u8>, Error> {
    let plan = generator::Plan {
        activities: generated.number.saturating_add(1),
        seed: generated.seed,
        athletes: 1,
        minutes: Some(generated.minutes),
        format: generator::Format::Fit,
    };
    let recording = plan.recording(generated.number);
    let recording = recording.map_err(|source| Error::Generate { source })?;
    Ok(recording.fit)
}

/// The athlete, if the activity's id is free.
fn free(world: &World, athlete: i64, id: Option<i64>) -> Result<Athlete, Error> {
    if let Some(id) = id.filter(|id| world.activities.contains_key(id)) {
        return Err(Error::DoubledActivity(id));
    }
    let athlete_found = world.athletes.get(&athlete);
    athlete_found.cloned().ok_or(Error::UnknownAthlete(athlete))
}
