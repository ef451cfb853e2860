//! An activity: what was uploaded or typed in, and what its athlete made of it.

use std::sync::Arc;

use pipeline::recording::Recording;

use crate::athlete::Athlete;
use crate::inputs::{Details, Edit, Lag, Manual, Visibility};
use crate::local::{Local, hidden_start, local};
use crate::measure::Totals;
use crate::sports;
use crate::track::Track;

/// An activity.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) id: i64,
    pub(crate) athlete_id: i64,
    /// None: typed in.
    pub(crate) upload_id: Option<i64>,
    pub(crate) external_id: Option<String>,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) sport_type: String,
    pub(crate) workout_type: Option<i64>,
    pub(crate) visibility: Visibility,
    pub(crate) commute: bool,
    pub(crate) trainer: bool,
    pub(crate) gear_id: Option<String>,
    pub(crate) device_name: Option<String>,
    pub(crate) calories: Option<f64>,
    /// Seconds since 1970.
    pub(crate) start_s: i64,
    pub(crate) time_zone: String,
    hide_start_time: bool,
    /// None: typed in.
    pub(crate) track: Option<Arc<Track>>,
    pub(crate) totals: Totals,
    pub(crate) odd_nulls: bool,
    /// When its streams are there, in seconds since 1970.
    streams_from_s: i64,
    /// How many requests for streams still find none.
    streams_refused: u32,
    streams_empty: bool,
    /// Gone, though it still takes its place in a page of the list.
    pub(crate) is_deleted: bool,
}

/// The ids that a new activity gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub(crate) activity: i64,
    pub(crate) upload: i64,
}

/// What an edit changed of what events tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) title: Option<String>,
    pub(crate) sport: Option<String>,
    /// From and to.
    pub(crate) visibility: Option<(Visibility, Visibility)>,
}

impl Activity {
    /// The activity of an uploaded recording whose times move by `moved_s`; none
    /// where it has no samples.
    pub(crate) fn uploaded(
        ids: Ids,
        athlete: &Athlete,
        recording: &Recording,
        moved_s: i64,
        details: Details,
    ) -> Option<Self> {
        let mut track = Track::of(recording)?;
        track.start_s += moved_s;
        let claims = &recording.claims;
        let sport_type = details.sport_type.clone();
        let sport_type = sport_type.unwrap_or_else(|| sports::sport_type(recording).to_owned());
        let mut totals = Totals::of(&track, sports::moves_from_m_s(&sport_type));
        if totals.distance_m == 0.0 {
            // Pools and treadmills: laps were counted, samples were not.
            totals.distance_m = claims.distance_m.unwrap_or(0.0);
        }
        let at = track.position.iter().flatten().next().copied();
        let found = at.and_then(|at| zone_of(at, track.start_s));
        let time_zone = details
            .time_zone
            .clone()
            .or_else(|| claims.time_zone.clone());
        let time_zone = time_zone.or(found);
        let external_id = details.external_id.clone();
        let extension = recording.format.name();
        let made = Self {
            upload_id: Some(ids.upload),
            external_id: external_id.or_else(|| Some(format!("{}.{extension}", ids.upload))),
            name: claims.name.clone().unwrap_or_default(),
            trainer: at.is_none(),
            device_name: claims.device.clone(),
            calories: claims.calories_kcal,
            time_zone: time_zone.unwrap_or_else(|| athlete.time_zone.clone()),
            start_s: track.start_s,
            totals,
            track: Some(Arc::new(track)),
            ..Self::blank(ids, athlete, sport_type, &details)
        };
        Some(made.told(details))
    }

    /// An activity that was typed in, with its start in seconds since 1970.
    pub(crate) fn manual(ids: Ids, athlete: &Athlete, manual: Manual, start_s: i64) -> Self {
        let details = manual.details;
        let sport_type = details
            .sport_type
            .clone()
            .unwrap_or_else(|| "Run".to_owned());
        let time_zone = details.time_zone.clone();
        let made = Self {
            start_s,
            time_zone: time_zone.unwrap_or_else(|| athlete.time_zone.clone()),
            totals: Totals {
                distance_m: manual.distance_m,
                elapsed_s: manual.elapsed_s,
                moving_s: manual.elapsed_s,
                ..Totals::default()
            },
            ..Self::blank(ids, athlete, sport_type, &details)
        };
        made.told(details)
    }

    fn blank(ids: Ids, athlete: &Athlete, sport_type: String, details: &Details) -> Self {
        let gear = match (sports::is_run(&sport_type), sports::is_ride(&sport_type)) {
            (true, _) => athlete.shoes.first(),
            (false, true) => athlete.bikes.first(),
            (false, false) => None,
        };
        Self {
            id: ids.activity,
            athlete_id: athlete.id,
            upload_id: None,
            external_id: None,
            name: String::new(),
            description: None,
            gear_id: gear.map(|gear| gear.id.clone()),
            sport_type,
            workout_type: details.workout_type,
            visibility: details.visibility,
            commute: details.commute,
            trainer: false,
            device_name: None,
            calories: None,
            start_s: 0,
            time_zone: String::new(),
            hide_start_time: details.hide_start_time,
            track: None,
            totals: Totals::default(),
            odd_nulls: details.odd_nulls,
            streams_from_s: i64::MIN,
            streams_refused: 0,
            streams_empty: false,
            is_deleted: false,
        }
    }

    /// With the name and description that are told, or a name made of hour and
    /// sport.
    fn told(mut self, details: Details) -> Self {
        self.description = details.description;
        if let Some(name) = details.name {
            self.name = name;
        }
        if self.name.is_empty() {
            let offset_s = local(&self.time_zone, self.start_s).utc_offset_s;
            let time = match (self.start_s + offset_s).rem_euclid(86_400) / 3_600 {
                4..11 => "Morning",
                11..14 => "Lunch",
                14..17 => "Afternoon",
                17..21 => "Evening",
                _ => "Night",
            };
            self.name = format!("{time} {}", sports::called(&self.sport_type));
        }
        self
    }

    /// Lets its streams lag from now on, in seconds since 1970.
    pub(crate) fn lag(&mut self, lag: Lag, now_s: i64) {
        self.streams_from_s = now_s.saturating_add(lag.seconds);
        self.streams_refused = lag.requests;
        self.streams_empty = lag.empty;
    }

    /// Takes note of a request for streams; what to answer if they are not there
    /// yet: `Some(true)` for `{}`, `Some(false)` for 404.
    pub(crate) fn asked_for_streams(&mut self, now_s: i64) -> Option<bool> {
        let refused = self.streams_refused > 0;
        self.streams_refused = self.streams_refused.saturating_sub(1);
        (refused || now_s < self.streams_from_s).then_some(self.streams_empty)
    }

    /// The zone at its start.
    pub(crate) fn local(&self) -> Local {
        local(&self.time_zone, self.start_s)
    }

    /// The start that is shown, in seconds since 1970.
    pub(crate) fn shown_start_s(&self) -> i64 {
        match self.hide_start_time {
            true => hidden_start(self.start_s, self.local().utc_offset_s),
            false => self.start_s,
        }
    }

    /// Whether somebody with or without `activity:read_all` may see it.
    pub(crate) fn is_visible(&self, reads_all: bool) -> bool {
        !self.is_deleted && (reads_all || self.visibility != Visibility::OnlyMe)
    }

    /// As somebody with or without `activity:read_all` sees it: without, its
    /// track has no positions in its athlete's privacy zones.
    pub(crate) fn seen_by(&self, reads_all: bool, athlete: &Athlete) -> Self {
        let zones = &athlete.privacy_zones;
        let mut seen = self.clone();
        if !reads_all && !zones.is_empty() {
            let track = self.track.as_ref();
            seen.track = track.map(|track| Arc::new(track.outside(zones)));
        }
        seen
    }

    /// Makes the changes of an edit; none where a crop leaves nothing.
    pub(crate) fn edit(&mut self, edit: Edit) -> Option<Changed> {
        if let Some(crop) = edit.crop {
            let track = self.track.as_ref()?.crop(crop.from_s, crop.to_s)?;
            self.start_s = track.start_s;
            self.totals = Totals::of(&track, sports::moves_from_m_s(&self.sport_type));
            self.track = Some(Arc::new(track));
        }
        let mut changed = Changed::default();
        if let Some(name) = edit.name.filter(|name| *name != self.name) {
            self.name.clone_from(&name);
            changed.title = Some(name);
        }
        if let Some(sport) = edit.sport_type.filter(|sport| *sport != self.sport_type) {
            self.sport_type.clone_from(&sport);
            changed.sport = Some(sport);
        }
        if let Some(to) = edit.visibility.filter(|to| *to != self.visibility) {
            changed.visibility = Some((self.visibility, to));
            self.visibility = to;
        }
        self.gear_id = edit.gear_id.or(self.gear_id.take());
        self.description = edit.description.or(self.description.take());
        Some(changed)
    }
}

/// The IANA zone of a place in degrees.
fn zone_of((lat, lng): (f64, f64), start_s: i64) -> Option<String> {
    let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
    let at = Some((e7(lat), e7(lng)));
    pipeline::times::local_start(start_s.saturating_mul(1_000_000), None, at, None).time_zone
}
