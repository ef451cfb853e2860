//! An athlete, as the API tells of one.

use serde_json::{Map, Value, json};

use crate::clock::written;
use crate::inputs::{NewAthlete, PrivacyZone};
use crate::tell::members;

/// Names for those whose names nobody gave.
const FIRST_NAMES: &[&str] = &["Ida", "Kofi", "Mei", "Jonas", "Amara", "Luca"];

/// Shoes or a bicycle.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gear {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) distance_m: f64,
}

/// An athlete.
#[derive(Clone, Debug)]
pub(crate) struct Athlete {
    pub(crate) id: i64,
    firstname: String,
    lastname: String,
    pub(crate) time_zone: String,
    pub(crate) shoes: Vec<Gear>,
    pub(crate) bikes: Vec<Gear>,
    pub(crate) privacy_zones: Vec<PrivacyZone>,
    created_s: i64,
}

impl Athlete {
    /// A new athlete with this id, at a time in seconds since 1970.
    pub(crate) fn new(id: i64, new: NewAthlete, now_s: i64) -> Self {
        let gear = |kind: char, names: Vec<String>| {
            let numbered = names.into_iter().enumerate();
            let gear = numbered.map(|(number, name)| Gear {
                id: format!("{kind}{}", id % 1_000_000 * 10 + number as i64),
                name,
                distance_m: 0.0,
            });
            gear.collect()
        };
        let named = usize::try_from(id).unwrap_or(0) % FIRST_NAMES.len();
        Self {
            id,
            firstname: new
                .firstname
                .unwrap_or_else(|| FIRST_NAMES[named].to_owned()),
            lastname: new.lastname.unwrap_or_else(|| format!("Made-Up {id}")),
            time_zone: new.time_zone.unwrap_or_else(|| "Europe/Berlin".to_owned()),
            shoes: gear('g', new.shoes),
            bikes: gear('b', new.bikes),
            privacy_zones: new.privacy_zones,
            created_s: now_s,
        }
    }

    /// The name on the page where one signs in.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.firstname, self.lastname)
    }

    /// The gear of this id.
    pub(crate) fn gear(&self, id: &str) -> Option<&Gear> {
        self.shoes
            .iter()
            .chain(&self.bikes)
            .find(|gear| gear.id == id)
    }

    /// Lets gear come along for this many metres, or take them back.
    pub(crate) fn wear(&mut self, id: &str, metres: f64) {
        let mut gear = self.shoes.iter_mut().chain(&mut self.bikes);
        if let Some(gear) = gear.find(|gear| gear.id == id) {
            gear.distance_m = (gear.distance_m + metres).max(0.0);
        }
    }

    /// As any token sees them.
    pub(crate) fn summary(&self) -> Map<String, Value> {
        members(json!({
            "id": self.id,
            "username": format!("athlete_{}", self.id),
            "resource_state": 2,
            "firstname": self.firstname,
            "lastname": self.lastname,
            "bio": null,
            "city": "Nowhere",
            "state": "",
            "country": "",
            "sex": "M",
            "premium": true,
            "summit": true,
            "created_at": written(self.created_s),
            "updated_at": written(self.created_s),
            "badge_type_id": 1,
            "weight": 70.0,
            "profile_medium": "avatar/athlete/medium.png",
            "profile": "avatar/athlete/large.png",
            "friend": null,
            "follower": null,
        }))
    }

    /// As a token with `profile:read_all` sees them.
    pub(crate) fn detail(&self) -> Map<String, Value> {
        let mut told = self.summary();
        let gear = |gear: &[Gear]| -> Value {
            let numbered = gear.iter().enumerate();
            numbered.map(|(at, gear)| gear.detail(at == 0)).collect()
        };
        let more = [
            ("resource_state", json!(3)),
            ("blocked", json!(false)),
            ("can_follow", json!(true)),
            ("follower_count", json!(0)),
            ("friend_count", json!(0)),
            ("mutual_friend_count", json!(0)),
            ("athlete_type", json!(1)),
            ("date_preference", json!("%m/%d/%Y")),
            ("measurement_preference", json!("meters")),
            ("clubs", json!([])),
            ("postable_clubs_count", json!(0)),
            ("ftp", Value::Null),
            ("bikes", gear(&self.bikes)),
            ("shoes", gear(&self.shoes)),
        ];
        told.extend(more.map(|(key, value)| (key.to_owned(), value)));
        told
    }
}

impl Gear {
    /// As an activity has it.
    pub(crate) fn detail(&self, primary: bool) -> Value {
        json!({
            "id": self.id,
            "primary": primary,
            "name": self.name,
            "nickname": "",
            "resource_state": 2,
            "retired": false,
            "distance": self.distance_m.round() as i64,
            "converted_distance": (self.distance_m / 100.0).round() / 10.0,
        })
    }
}
