//! An outing as a FIT activity file, in the order in which a watch writes it.
//!
//! The crate `rustyfit` encodes the messages and their checksums.

use rustyfit::Encoder;
use rustyfit::profile::mesgdef::{Activity, Event, FileId, Lap, Record, Session};
use rustyfit::profile::typedef::{
    self, DateTime, EventType, File, LapTrigger, LocalDateTime, Manufacturer, MessageIndex,
    SessionTrigger, SubSport,
};
use rustyfit::proto::Message;

use crate::athlete::Athlete;
use crate::error::Error;
use crate::memory::Memory;
use crate::motion::{Motion, Sample};
use crate::outing::{Outing, Sport};

/// FIT's invalid value of 8 bits.
const NO_BYTE: u8 = u8::MAX;

/// The file of an outing.
///
/// # Errors
/// [`Error::Encode`] where a message does not fit, which is a fault of ours.
pub fn encode(athlete: &Athlete, outing: &Outing) -> Result<Vec<u8>, Error> {
    let mut memory = Memory::default();
    let mut encoder = Encoder::new();
    let mut stream = encoder.stream(&mut memory);
    let mut write = |message: Message| {
        let mut message = message;
        stream
            .write_message(&mut message)
            .map_err(|error| Error::Encode(error.to_string()))
    };
    let at = |seconds: u32| DateTime::from_unix_timestamp(outing.start_unix_s + i64::from(seconds));
    write(file_id(outing, at(0)).into())?;
    write(timer(at(0), EventType::START).into())?;
    let mut stops = outing.stops.iter().filter(|stop| stop.marked).peekable();
    let mut laps = 0;
    let mut lap = Sums::default();
    let mut session = Sums::default();
    for sample in Motion::new(athlete, outing) {
        while let Some(stop) = stops.next_if(|stop| stop.from_s + stop.lasts_s <= sample.at_s) {
            write(timer(at(stop.from_s), EventType::STOP_ALL).into())?;
            write(timer(at(stop.from_s + stop.lasts_s), EventType::START).into())?;
            lap.stopped_s += stop.lasts_s;
            session.stopped_s += stop.lasts_s;
        }
        write(record(&sample, at(sample.at_s)).into())?;
        lap.add(&sample);
        session.add(&sample);
        if lap.distance_m() >= outing.sport.lap_m() {
            write(lap.lap(outing, laps, LapTrigger::DISTANCE).into())?;
            laps += 1;
            lap = Sums::from(&sample);
        }
    }
    let end = at(session.last_s);
    write(timer(end, EventType::STOP_ALL).into())?;
    if lap.last_s > lap.first_s || laps == 0 {
        write(lap.lap(outing, laps, LapTrigger::SESSION_END).into())?;
        laps += 1;
    }
    write(session.session(outing, laps).into())?;
    let mut activity = Activity::new();
    activity.timestamp = end;
    activity.local_timestamp = LocalDateTime((i64::from(end.0) + athlete.home.utc_offset_s) as u32);
    activity.total_timer_time = session.timer_ms();
    activity.num_sessions = 1;
    activity.r#type = typedef::Activity::MANUAL;
    activity.event = typedef::Event::ACTIVITY;
    activity.event_type = EventType::STOP;
    write(activity.into())?;
    stream
        .finish()
        .map_err(|error| Error::Encode(error.to_string()))?;
    Ok(memory.bytes)
}

fn file_id(outing: &Outing, created: DateTime) -> FileId {
    let mut file = FileId::new();
    file.r#type = File::ACTIVITY;
    file.manufacturer = Manufacturer::DEVELOPMENT;
    file.product = 1;
    file.serial_number = outing.start_unix_s as u32 | 1;
    file.time_created = created;
    file
}

fn timer(at: DateTime, kind: EventType) -> Event {
    let mut event = Event::new();
    event.timestamp = at;
    event.event = typedef::Event::TIMER;
    event.event_type = kind;
    event.event_group = 0;
    event
}

fn record(sample: &Sample, at: DateTime) -> Record {
    let mut record = Record::new();
    record.timestamp = at;
    record.set_position_lat_degrees(sample.lat_deg);
    record.set_position_long_degrees(sample.lng_deg);
    record.set_distance_scaled(sample.distance_m);
    record.set_enhanced_altitude_scaled(sample.altitude_m);
    record.set_enhanced_speed_scaled(sample.speed_m_s);
    record.heart_rate = sample.heart_rate_bpm.unwrap_or(NO_BYTE);
    record.cadence = sample.cadence_rpm;
    record.power = sample.power_w.unwrap_or(u16::MAX);
    record.temperature = sample.temperature_c;
    record
}

fn sport(outing: &Outing) -> (typedef::Sport, SubSport) {
    match outing.sport {
        Sport::Run => (typedef::Sport::RUNNING, SubSport::STREET),
        Sport::Ride => (typedef::Sport::CYCLING, SubSport::ROAD),
    }
}

/// What a watch adds up over a lap or a session.
#[derive(Clone, Debug, Default)]
struct Sums {
    first_s: u32,
    last_s: u32,
    first_m: f64,
    last_m: f64,
    stopped_s: u32,
    altitude_m: Option<f64>,
    climb_m: f64,
    descent_m: f64,
    heart_rates: u32,
    heart_rate_sum: u32,
    max_heart_rate: u8,
}

impl Sums {
    /// Those that begin where others ended.
    fn from(sample: &Sample) -> Self {
        Self {
            first_s: sample.at_s,
            last_s: sample.at_s,
            first_m: sample.distance_m,
            last_m: sample.distance_m,
            altitude_m: Some(sample.altitude_m),
            ..Self::default()
        }
    }

    fn add(&mut self, sample: &Sample) {
        self.last_s = sample.at_s;
        self.last_m = sample.distance_m;
        let rise = sample.altitude_m - self.altitude_m.unwrap_or(sample.altitude_m);
        self.climb_m += rise.max(0.0);
        self.descent_m += (-rise).max(0.0);
        self.altitude_m = Some(sample.altitude_m);
        if let Some(heart_rate) = sample.heart_rate_bpm {
            self.heart_rates += 1;
            self.heart_rate_sum += u32::from(heart_rate);
            self.max_heart_rate = self.max_heart_rate.max(heart_rate);
        }
    }

    fn distance_m(&self) -> f64 {
        self.last_m - self.first_m
    }

    fn elapsed_ms(&self) -> u32 {
        (self.last_s - self.first_s) * 1_000
    }

    fn timer_ms(&self) -> u32 {
        self.elapsed_ms().saturating_sub(self.stopped_s * 1_000)
    }

    fn heart_rates(&self) -> (u8, u8) {
        match self.heart_rate_sum.checked_div(self.heart_rates) {
            Some(average) => (average as u8, self.max_heart_rate),
            None => (NO_BYTE, NO_BYTE),
        }
    }

    /// About a kilocalorie for each kilogram and kilometre on foot, a third of
    /// it on wheels.
    fn calories_kcal(&self, outing: &Outing) -> u16 {
        let kcal_per_km = match outing.sport {
            Sport::Run => 72.0,
            Sport::Ride => 25.0,
        };
        (kcal_per_km * self.distance_m() / 1_000.0) as u16
    }

    fn lap(&self, outing: &Outing, index: u16, trigger: LapTrigger) -> Lap {
        let at = |s: u32| DateTime::from_unix_timestamp(outing.start_unix_s + i64::from(s));
        let mut lap = Lap::new();
        lap.message_index = MessageIndex(index);
        lap.timestamp = at(self.last_s);
        lap.start_time = at(self.first_s);
        lap.event = typedef::Event::LAP;
        lap.event_type = EventType::STOP;
        lap.total_elapsed_time = self.elapsed_ms();
        lap.total_timer_time = self.timer_ms();
        lap.set_total_distance_scaled(self.distance_m());
        lap.total_calories = self.calories_kcal(outing);
        (lap.avg_heart_rate, lap.max_heart_rate) = self.heart_rates();
        lap.total_ascent = self.climb_m as u16;
        lap.total_descent = self.descent_m as u16;
        lap.lap_trigger = trigger;
        (lap.sport, lap.sub_sport) = sport(outing);
        lap
    }

    fn session(&self, outing: &Outing, laps: u16) -> Session {
        let at = |s: u32| DateTime::from_unix_timestamp(outing.start_unix_s + i64::from(s));
        let mut session = Session::new();
        session.message_index = MessageIndex(0);
        session.timestamp = at(self.last_s);
        session.start_time = at(0);
        session.event = typedef::Event::SESSION;
        session.event_type = EventType::STOP;
        (session.sport, session.sub_sport) = sport(outing);
        session.total_elapsed_time = self.elapsed_ms();
        session.total_timer_time = self.timer_ms();
        session.set_total_distance_scaled(self.distance_m());
        session.total_calories = self.calories_kcal(outing);
        (session.avg_heart_rate, session.max_heart_rate) = self.heart_rates();
        session.total_ascent = self.climb_m as u16;
        session.total_descent = self.descent_m as u16;
        session.first_lap_index = 0;
        session.num_laps = laps;
        session.trigger = SessionTrigger::ACTIVITY_END;
        session
    }
}
