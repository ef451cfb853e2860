//! A recording as a FIT activity file, in the order in which devices write it.

use rustyfit::Encoder;
use rustyfit::profile::mesgdef::{
    Activity, DeviceInfo, Event, FileId, Lap, Length as FitLength, Record, Session as FitSession,
};
use rustyfit::profile::typedef::{
    self, DateTime, DeviceIndex, DisplayMeasure, EventType, File, LapTrigger, LengthType,
    LocalDateTime, MessageIndex, SessionTrigger, SwimStroke,
};
use rustyfit::proto::Message;

use super::calendar::Session;
use super::laps::{Stretch, laps};
use super::recording::{Length, Recorded, Sample};
use super::setup::Setup;
use crate::error::Error;
use crate::memory::Memory;

/// FIT's invalid value of 8 bits.
const NO_BYTE: u8 = u8::MAX;

/// The file of a recording.
///
/// # Errors
/// [`Error::Encode`] where a message does not fit, which is a fault of ours.
pub fn encode(session: &Session, setup: &Setup, recorded: &Recorded) -> Result<Vec<u8>, Error> {
    let mut memory = Memory::default();
    let mut encoder = Encoder::new();
    let mut stream = encoder.stream(&mut memory);
    let mut write = |message: Message| {
        let mut message = message;
        stream
            .write_message(&mut message)
            .map_err(|error| Error::Encode(error.to_string()))
    };
    let clock = Clock(session.start_unix_s);
    let first = clock.at(recorded.first_s());
    write(file_id(setup, first).into())?;
    write(creator(setup, first).into())?;
    write(timer(first, EventType::START).into())?;
    let laps = laps(session.kind.sport(), recorded);
    let mut next_laps = laps.iter().zip(0..).peekable();
    let mut pauses = recorded.pauses.iter().peekable();
    let mut lengths = recorded.lengths.iter().zip(0..).peekable();
    for sample in &recorded.samples {
        while let Some((from_s, to_s)) = pauses.next_if(|(_, to_s)| *to_s <= sample.at_s) {
            write(timer(clock.at(*from_s), EventType::STOP_ALL).into())?;
            write(timer(clock.at(*to_s), EventType::START).into())?;
        }
        write(record(sample, clock.at(sample.at_s)).into())?;
        while let Some((length, index)) = lengths.next_if(|(l, _)| l.to_s <= sample.at_s) {
            write(pool_length(&clock, length, index).into())?;
        }
        while let Some((lap, index)) = next_laps.next_if(|(lap, _)| lap.to_s <= sample.at_s) {
            let is_last = usize::from(index) + 1 == laps.len();
            write(lap_message(&clock, session, lap, index, is_last).into())?;
        }
    }
    let end = clock.at(recorded.last_s());
    write(timer(end, EventType::STOP_ALL).into())?;
    let count = u16::try_from(laps.len()).unwrap_or(u16::MAX);
    let whole = Stretch::whole(recorded);
    write(session_message(&clock, session, recorded, &whole, count).into())?;
    let mut activity = Activity::new();
    activity.timestamp = end;
    let local_s = i64::from(end.0) + i64::from(session.utc_offset_s);
    activity.local_timestamp = LocalDateTime(local_s as u32);
    activity.total_timer_time = whole.timer_s * 1_000;
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

/// Seconds since the start of the outing as FIT counts them.
struct Clock(i64);

impl Clock {
    fn at(&self, second: u32) -> DateTime {
        DateTime::from_unix_timestamp(self.0 + i64::from(second))
    }
}

fn file_id(setup: &Setup, created: DateTime) -> FileId {
    let mut file = FileId::new();
    file.r#type = File::ACTIVITY;
    file.manufacturer = setup.device.maker;
    file.product = setup.device.product;
    file.serial_number = 3_900_000_000 + u32::from(setup.device.product);
    file.time_created = created;
    file
}

fn creator(setup: &Setup, at: DateTime) -> DeviceInfo {
    let mut info = DeviceInfo::new();
    info.timestamp = at;
    info.device_index = DeviceIndex::CREATOR;
    info.manufacturer = setup.device.maker;
    info.product = setup.device.product;
    info.serial_number = 3_900_000_000 + u32::from(setup.device.product);
    info.product_name = setup.device.name.into();
    info
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
    if let Some((lat_deg, lng_deg)) = sample.position {
        record.set_position_lat_degrees(lat_deg);
        record.set_position_long_degrees(lng_deg);
    }
    // FIT counts cm and mm/s.
    record.distance = sample.distance_cm.unwrap_or(u32::MAX);
    record.enhanced_speed = sample.speed_cm_s.map_or(u32::MAX, |cm_s| cm_s * 10);
    if let Some(altitude_m) = sample.altitude_m {
        record.set_enhanced_altitude_scaled(altitude_m);
    }
    record.heart_rate = sample.heart_rate_bpm.unwrap_or(NO_BYTE);
    record.cadence = sample.cadence_rpm.unwrap_or(NO_BYTE);
    record.power = sample.power_w.unwrap_or(u16::MAX);
    record.temperature = sample.temperature_c.unwrap_or(i8::MAX);
    record
}

fn pool_length(clock: &Clock, length: &Length, index: u16) -> FitLength {
    let mut message = FitLength::new();
    let lasts_ms = (length.to_s - length.from_s) * 1_000;
    message.message_index = MessageIndex(index);
    message.timestamp = clock.at(length.to_s);
    message.start_time = clock.at(length.from_s);
    message.event = typedef::Event::LENGTH;
    message.event_type = EventType::STOP;
    message.total_elapsed_time = lasts_ms;
    message.total_timer_time = lasts_ms;
    message.length_type = match length.active {
        true => LengthType::ACTIVE,
        false => LengthType::IDLE,
    };
    if length.active {
        message.swim_stroke = SwimStroke::FREESTYLE;
    }
    message
}

fn lap_message(
    clock: &Clock,
    session: &Session,
    stretch: &Stretch,
    index: u16,
    is_last: bool,
) -> Lap {
    let words = session.kind.sport().words();
    let mut lap = Lap::new();
    lap.message_index = MessageIndex(index);
    lap.timestamp = clock.at(stretch.to_s);
    lap.start_time = clock.at(stretch.from_s);
    lap.event = typedef::Event::LAP;
    lap.event_type = EventType::STOP;
    lap.total_elapsed_time = stretch.elapsed_s() * 1_000;
    lap.total_timer_time = stretch.timer_s * 1_000;
    lap.total_distance = stretch.covers_cm;
    lap.total_calories = stretch.calories_kcal(session.kind.sport());
    (lap.avg_heart_rate, lap.max_heart_rate) = stretch.heart_rates.unwrap_or((NO_BYTE, NO_BYTE));
    lap.lap_trigger = match is_last {
        true => LapTrigger::SESSION_END,
        false => LapTrigger::DISTANCE,
    };
    (lap.sport, lap.sub_sport) = words.fit;
    lap
}

fn session_message(
    clock: &Clock,
    session: &Session,
    recorded: &Recorded,
    whole: &Stretch,
    laps: u16,
) -> FitSession {
    let sport = session.kind.sport();
    let mut message = FitSession::new();
    message.message_index = MessageIndex(0);
    message.timestamp = clock.at(whole.to_s);
    message.start_time = clock.at(whole.from_s);
    message.event = typedef::Event::SESSION;
    message.event_type = EventType::STOP;
    (message.sport, message.sub_sport) = sport.words().fit;
    message.total_elapsed_time = whole.elapsed_s() * 1_000;
    message.total_timer_time = whole.timer_s * 1_000;
    if sport.has_distance() {
        message.total_distance = whole.covers_cm;
    }
    message.total_calories = whole.calories_kcal(sport);
    let heart_rates = whole.heart_rates.unwrap_or((NO_BYTE, NO_BYTE));
    (message.avg_heart_rate, message.max_heart_rate) = heart_rates;
    message.first_lap_index = 0;
    message.num_laps = laps;
    message.trigger = SessionTrigger::ACTIVITY_END;
    if let Some(pool_cm) = recorded.pool_cm {
        message.pool_length = u16::try_from(pool_cm).unwrap_or(u16::MAX);
        message.pool_length_unit = DisplayMeasure::METRIC;
        let active = recorded.lengths.iter().filter(|length| length.active);
        message.num_active_lengths = active.count() as u16;
        message.num_lengths = recorded.lengths.len() as u16;
    }
    message
}
