//! Webhook events: what they say, and how they are delivered, up to three times,
//! or badly where a fault asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::faults::EventFaultKind;
use crate::strava::Strava;

/// How often an event is sent until it is answered by 200.
const ATTEMPTS: usize = 3;

/// An event as it is posted. All values of `updates` are strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// `activity` or `athlete`.
    pub object_type: &'static str,
    /// The activity's id, or the athlete's.
    pub object_id: i64,
    /// `create`, `update` or `delete`.
    pub aspect_type: &'static str,
    /// The athlete's id.
    pub owner_id: i64,
    /// The subscription's id.
    pub subscription_id: i64,
    /// When it happened, in seconds since 1970.
    pub event_time: i64,
    /// What changed; now and then absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updates: Option<BTreeMap<String, String>>,
}

/// How one event fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is on its way.
    Sending,
    /// It waits for the next event.
    Held,
    /// It was answered by 200.
    Delivered,
    /// Nobody answered by 200 in three attempts.
    GivenUp,
    /// It was lost on purpose.
    Lost,
}

/// An event and how it fares. An event that is sent twice on purpose has two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// How it fares.
    pub fate: Fate,
    /// The status of each attempt; none where no answer came in time.
    pub attempts: Vec<Option<u16>>,
}

/// Sends events, as their faults will have it.
pub(crate) fn send(strava: &Arc<Strava>, events: Vec<Event>) {
    for event in events {
        send_one(strava, event);
    }
}

fn send_one(strava: &Arc<Strava>, event: Event) {
    let world = &mut *strava.world();
    let fault = world.faults.of_event(&mut world.random, event.aspect_type);
    let mut delivery = Delivery {
        event,
        fate: Fate::Sending,
        attempts: Vec::new(),
    };
    let mut copies = 1;
    let mut later_s = 0;
    match fault {
        None => {}
        Some(EventFaultKind::Duplicate { copies: more }) => copies += more,
        Some(EventFaultKind::Delay { seconds }) => later_s = seconds,
        Some(EventFaultKind::Reorder) => {
            delivery.fate = Fate::Held;
            world.held.push(world.deliveries.len());
            world.deliveries.push(delivery);
            return;
        }
        Some(EventFaultKind::Lose) => {
            delivery.fate = Fate::Lost;
            world.deliveries.push(delivery);
            return;
        }
    }
    let first = world.deliveries.len();
    for _ in 0..copies {
        world.deliveries.push(delivery.clone());
    }
    let behind = std::mem::take(&mut world.held);
    for number in &behind {
        world.deliveries[*number].fate = Fate::Sending;
    }
    let numbers: Vec<usize> = (first..world.deliveries.len()).chain(behind).collect();
    spawn(strava, numbers, later_s);
}

/// Sends what is held back although no event follows it.
pub(crate) fn release(strava: &Arc<Strava>) {
    let world = &mut *strava.world();
    let held = std::mem::take(&mut world.held);
    for number in &held {
        world.deliveries[*number].fate = Fate::Sending;
    }
    if !held.is_empty() {
        spawn(strava, held, 0);
    }
}

/// Delivers these, one after the other.
fn spawn(strava: &Arc<Strava>, numbers: Vec<usize>, later_s: i64) {
    let strava = Arc::clone(strava);
    strava.in_flight.send_modify(|count| *count += 1);
    let runtime = strava.runtime.clone();
    // Of the time when it happened, not of that when the task begins.
    let until = strava.time.now() + Duration::from_secs(later_s.unsigned_abs());
    runtime.spawn(async move {
        if later_s > 0 {
            strava.time.wait_until(until).await;
        }
        for number in numbers {
            deliver(&strava, number).await;
        }
        strava.in_flight.send_modify(|count| *count -= 1);
    });
}

async fn deliver(strava: &Strava, number: usize) {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(strava.between_attempts).await;
        }
        let (callback, event) = {
            let world = strava.world();
            let event = world.deliveries[number].event.clone();
            // Whoever cancels a subscription hears no more.
            let subscription = world.subscription.as_ref();
            let subscription = subscription.filter(|one| one.id == event.subscription_id);
            (subscription.map(|one| one.callback.clone()), event)
        };
        let Some(callback) = callback else {
            break;
        };
        let answer = strava.client.post(callback).json(&event).send().await;
        let status = answer.ok().map(|answer| answer.status().as_u16());
        let mut world = strava.world();
        let delivery = &mut world.deliveries[number];
        delivery.attempts.push(status);
        if status == Some(200) {
            delivery.fate = Fate::Delivered;
            return;
        }
    }
    strava.world().deliveries[number].fate = Fate::GivenUp;
}
