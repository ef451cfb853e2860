//! What pacelake takes from each message of a FIT file.

use rustyfit::profile::mesgdef::{
    Activity, DeviceInfo, Event, FileId, Lap as FitLap, Length, Record, Session as FitSession,
    Sport,
};
use rustyfit::profile::typedef::{EventType, MesgNum};

use super::field::{bytes, degrees, scaled, small, text, time, whole};
use super::part::Fields;
use crate::decode::limits::{Limits, check};
use crate::error::DecodeError;

/// What the parts of a chain hold, in file order. Times are FIT's own, in
/// seconds since its epoch.
#[derive(Default)]
pub(super) struct Content {
    pub(super) file_type: Option<u8>,
    pub(super) samples: Vec<(u32, crate::recording::Sample)>,
    pub(super) laps: Vec<Lap>,
    pub(super) sessions: Vec<Session>,
    /// Time, and true for start.
    pub(super) timer_events: Vec<(u32, bool)>,
    /// Sport and sub-sport of the message `sport`, for files without session.
    pub(super) sport: (Option<u8>, Option<u8>),
    /// Local time less UTC, in seconds.
    pub(super) utc_offset_s: Option<i32>,
    pub(super) file_device: Device,
    pub(super) creator: Device,
    /// Bytes that could not be read.
    pub(super) cut_off: Option<u64>,
    /// Descriptions of developer fields, counted only.
    developer_fields: usize,
    distance: CompressedDistance,
}

/// Who made the file, or a device that took part.
#[derive(Clone, Default)]
pub(super) struct Device {
    pub(super) manufacturer: Option<u16>,
    pub(super) product: Option<u16>,
    pub(super) product_name: Option<String>,
}

/// A lap or a pool length; times are FIT's own.
#[derive(Default)]
pub(super) struct Lap {
    pub(super) end: Option<u32>,
    pub(super) start: Option<u32>,
    pub(super) lap: crate::recording::Lap,
}

/// What a session says of itself.
#[derive(Default)]
pub(super) struct Session {
    pub(super) end: Option<u32>,
    pub(super) start: Option<u32>,
    pub(super) sport: Option<u8>,
    pub(super) sub_sport: Option<u8>,
    pub(super) pool_length_m: Option<f64>,
    pub(super) claims: crate::recording::Claims,
}

impl Content {
    /// Whether there is nothing to make a recording of.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.sessions.is_empty()
    }

    /// An error where this part, added to those `before` it, passes a limit.
    pub(super) fn check(&self, before: &Self, limits: &Limits) -> Result<(), DecodeError> {
        let sum = |count: fn(&Self) -> usize| count(self) + count(before);
        check(
            sum(|c| c.samples.len()),
            limits.samples,
            "samples in one file",
        )?;
        check(sum(|c| c.laps.len()), limits.laps, "laps in one file")?;
        check(
            sum(|c| c.sessions.len()),
            limits.recordings,
            "sessions in one file",
        )?;
        check(
            sum(|c| c.timer_events.len()),
            limits.samples,
            "timer events in one file",
        )?;
        check(
            self.developer_fields,
            limits.developer_fields,
            "developer fields in one file",
        )
    }

    /// Ends a part of the chain of which `cut_off` bytes could not be read.
    ///
    /// Where bytes were lost in the middle, the messages before the reader
    /// noticed are shifted, and their times are any number: all from the first
    /// step of over a day on goes.
    pub(super) fn close(&mut self, cut_off: Option<u64>) {
        const DAY_S: u32 = 86_400;
        self.cut_off = cut_off;
        if cut_off.is_some() {
            let steps = self.samples.windows(2);
            let torn = steps.map(|pair| pair[0].0.abs_diff(pair[1].0) > DAY_S);
            if let Some(last_good) = torn.enumerate().find_map(|(i, torn)| torn.then_some(i)) {
                self.samples.truncate(last_good + 1);
            }
        }
    }

    /// Adds the next part of the chain.
    pub(super) fn append(&mut self, mut next: Self) {
        self.samples.append(&mut next.samples);
        self.laps.append(&mut next.laps);
        self.sessions.append(&mut next.sessions);
        self.timer_events.append(&mut next.timer_events);
        self.sport.0 = self.sport.0.or(next.sport.0);
        self.sport.1 = self.sport.1.or(next.sport.1);
        self.utc_offset_s = self.utc_offset_s.or(next.utc_offset_s);
        if self.file_device.manufacturer.is_none() {
            self.file_device = next.file_device;
        }
        if self.creator.manufacturer.is_none() {
            self.creator = next.creator;
        }
        if let Some(bytes) = next.cut_off {
            self.cut_off = Some(self.cut_off.unwrap_or(0) + bytes);
        }
    }

    /// Takes from `message` what pacelake uses.
    pub(super) fn take(&mut self, message: &Fields<'_>) {
        match MesgNum(message.kind()) {
            MesgNum::RECORD => self.record(message),
            MesgNum::LAP => self.laps.push(lap(message)),
            MesgNum::LENGTH => self.laps.push(length(message)),
            MesgNum::SESSION => self.sessions.push(session(message)),
            MesgNum::EVENT => self.event(message),
            MesgNum::ACTIVITY => self.activity(message),
            MesgNum::FILE_ID => self.file_id(message),
            MesgNum::DEVICE_INFO => self.device_info(message),
            MesgNum::SPORT => self.sport(message),
            MesgNum::FIELD_DESCRIPTION => self.developer_fields += 1,
            _ => {}
        }
    }

    fn record(&mut self, message: &Fields<'_>) {
        let mut sample = crate::recording::Sample::default();
        let (mut at, mut altitude, mut speed, mut packed) = (None, None, None, None);
        for field in message.iter() {
            match field.num {
                Record::TIMESTAMP => at = time(field),
                Record::POSITION_LAT => sample.lat_deg = degrees(field),
                Record::POSITION_LONG => sample.lng_deg = degrees(field),
                Record::DISTANCE => sample.distance_m = scaled(field, 100.0, 0.0),
                Record::ENHANCED_ALTITUDE => sample.altitude_m = scaled(field, 5.0, 500.0),
                Record::ALTITUDE => altitude = scaled(field, 5.0, 500.0),
                Record::ENHANCED_SPEED => sample.speed_m_s = scaled(field, 1000.0, 0.0),
                Record::SPEED => speed = scaled(field, 1000.0, 0.0),
                Record::HEART_RATE => sample.heart_rate_bpm = small(field),
                Record::CADENCE => sample.cadence_rpm = small(field),
                Record::POWER => sample.power_w = small(field),
                Record::TEMPERATURE => sample.temperature_c = small(field),
                Record::COMPRESSED_SPEED_DISTANCE => packed = bytes(field),
                _ => {}
            }
        }
        sample.altitude_m = sample.altitude_m.or(altitude);
        sample.speed_m_s = sample.speed_m_s.or(speed);
        if let Some((speed_m_s, distance_m)) = packed.and_then(|bytes| self.distance.unpack(bytes))
        {
            sample.speed_m_s = sample.speed_m_s.or(Some(speed_m_s));
            sample.distance_m = sample.distance_m.or(Some(distance_m));
        }
        if let Some(at) = at {
            self.samples.push((at, sample));
        }
    }

    fn event(&mut self, message: &Fields<'_>) {
        let (mut at, mut event, mut kind) = (None, None, None);
        for field in message.iter() {
            match field.num {
                Event::TIMESTAMP => at = time(field),
                Event::EVENT => event = whole(field),
                Event::EVENT_TYPE => kind = code(whole(field)),
                _ => {}
            }
        }
        let is_timer = event == Some(i64::from(rustyfit::profile::typedef::Event::TIMER.0));
        let (Some(at), Some(kind), true) = (at, kind, is_timer) else {
            return;
        };
        match EventType(kind) {
            EventType::START => self.timer_events.push((at, true)),
            EventType::STOP
            | EventType::STOP_ALL
            | EventType::STOP_DISABLE
            | EventType::STOP_DISABLE_ALL => self.timer_events.push((at, false)),
            _ => {}
        }
    }

    fn activity(&mut self, message: &Fields<'_>) {
        let (mut at, mut local) = (None, None);
        for field in message.iter() {
            match field.num {
                Activity::TIMESTAMP => at = time(field),
                Activity::LOCAL_TIMESTAMP => local = time(field),
                _ => {}
            }
        }
        if let (Some(at), Some(local)) = (at, local) {
            self.utc_offset_s = utc_offset_s(at, local);
        }
    }

    fn file_id(&mut self, message: &Fields<'_>) {
        for field in message.iter() {
            match field.num {
                FileId::TYPE => self.file_type = code(whole(field)),
                FileId::MANUFACTURER => self.file_device.manufacturer = number16(whole(field)),
                FileId::PRODUCT => self.file_device.product = number16(whole(field)),
                FileId::PRODUCT_NAME => {
                    self.file_device.product_name = text(field).map(str::to_owned);
                }
                _ => {}
            }
        }
    }

    fn device_info(&mut self, message: &Fields<'_>) {
        let mut device = Device::default();
        let mut index = None;
        for field in message.iter() {
            match field.num {
                DeviceInfo::DEVICE_INDEX => index = whole(field),
                DeviceInfo::MANUFACTURER => device.manufacturer = number16(whole(field)),
                DeviceInfo::PRODUCT => device.product = number16(whole(field)),
                DeviceInfo::PRODUCT_NAME => device.product_name = text(field).map(str::to_owned),
                _ => {}
            }
        }
        // Index 0 is the device that wrote the file; the others are sensors.
        if index == Some(0) && device.manufacturer.is_some() {
            self.creator = device;
        }
    }

    fn sport(&mut self, message: &Fields<'_>) {
        for field in message.iter() {
            match field.num {
                Sport::SPORT => self.sport.0 = code(whole(field)),
                Sport::SUB_SPORT => self.sport.1 = code(whole(field)),
                _ => {}
            }
        }
    }
}

fn lap(message: &Fields<'_>) -> Lap {
    let mut lap = Lap::default();
    for field in message.iter() {
        match field.num {
            FitLap::TIMESTAMP => lap.end = time(field),
            FitLap::START_TIME => lap.start = time(field),
            FitLap::TOTAL_ELAPSED_TIME => lap.lap.elapsed_s = scaled(field, 1000.0, 0.0),
            FitLap::TOTAL_TIMER_TIME => lap.lap.timer_s = scaled(field, 1000.0, 0.0),
            FitLap::TOTAL_DISTANCE => lap.lap.distance_m = scaled(field, 100.0, 0.0),
            FitLap::TOTAL_CALORIES => lap.lap.calories_kcal = scaled(field, 1.0, 0.0),
            FitLap::AVG_HEART_RATE => lap.lap.avg_heart_rate_bpm = small(field),
            FitLap::MAX_HEART_RATE => lap.lap.max_heart_rate_bpm = small(field),
            _ => {}
        }
    }
    lap
}

fn length(message: &Fields<'_>) -> Lap {
    let mut length = Lap::default();
    length.lap.is_length = true;
    for field in message.iter() {
        match field.num {
            Length::TIMESTAMP => length.end = time(field),
            Length::START_TIME => length.start = time(field),
            Length::TOTAL_ELAPSED_TIME => length.lap.elapsed_s = scaled(field, 1000.0, 0.0),
            Length::TOTAL_TIMER_TIME => length.lap.timer_s = scaled(field, 1000.0, 0.0),
            Length::TOTAL_CALORIES => length.lap.calories_kcal = scaled(field, 1.0, 0.0),
            Length::LENGTH_TYPE => {
                length.lap.active = whole(field).map(|kind| {
                    kind == i64::from(rustyfit::profile::typedef::LengthType::ACTIVE.0)
                });
            }
            _ => {}
        }
    }
    length
}

fn session(message: &Fields<'_>) -> Session {
    let mut session = Session::default();
    let claims = &mut session.claims;
    for field in message.iter() {
        match field.num {
            FitSession::TIMESTAMP => session.end = time(field),
            FitSession::START_TIME => session.start = time(field),
            FitSession::SPORT => session.sport = code(whole(field)),
            FitSession::SUB_SPORT => session.sub_sport = code(whole(field)),
            FitSession::POOL_LENGTH => session.pool_length_m = scaled(field, 100.0, 0.0),
            FitSession::TOTAL_ELAPSED_TIME => claims.elapsed_s = scaled(field, 1000.0, 0.0),
            FitSession::TOTAL_TIMER_TIME => claims.timer_s = scaled(field, 1000.0, 0.0),
            FitSession::TOTAL_DISTANCE => claims.distance_m = scaled(field, 100.0, 0.0),
            FitSession::TOTAL_ASCENT => claims.climb_m = scaled(field, 1.0, 0.0),
            FitSession::TOTAL_DESCENT => claims.descent_m = scaled(field, 1.0, 0.0),
            FitSession::TOTAL_CALORIES => claims.calories_kcal = scaled(field, 1.0, 0.0),
            FitSession::AVG_HEART_RATE => claims.avg_heart_rate_bpm = scaled(field, 1.0, 0.0),
            FitSession::MAX_HEART_RATE => claims.max_heart_rate_bpm = small(field),
            _ => {}
        }
    }
    session
}

/// The offset that two clocks of one instant show, to the quarter of an hour
/// that zones keep; `None` where it is no zone's.
fn utc_offset_s(utc: u32, local: u32) -> Option<i32> {
    const QUARTER_S: i64 = 900;
    let difference = i64::from(local) - i64::from(utc);
    let offset = (difference + QUARTER_S / 2).div_euclid(QUARTER_S) * QUARTER_S;
    // Zones lie between -12 h and +14 h; some devices put another instant in
    // one of the two fields, which shows as an odd rest.
    let plausible = (-43_200..=50_400).contains(&offset) && (difference - offset).abs() <= 60;
    plausible.then(|| i32::try_from(offset).expect("an offset is below a day"))
}

fn code(value: Option<i64>) -> Option<u8> {
    value.and_then(|value| u8::try_from(value).ok())
}

fn number16(value: Option<i64>) -> Option<u16> {
    value.and_then(|value| u16::try_from(value).ok())
}

/// Distance and speed that old Garmin devices pack in three bytes: twelve bits
/// of speed in cm/s, twelve bits of distance in 1/16 m that start again at 0.
#[derive(Default)]
struct CompressedDistance {
    last: Option<u32>,
    sixteenths: u64,
}

impl CompressedDistance {
    /// Speed in m/s and cumulative distance in m; `None` where invalid.
    fn unpack(&mut self, bytes: &[u8]) -> Option<(f64, f64)> {
        let &[low, middle, high] = bytes else {
            return None;
        };
        if bytes == [0xff; 3] {
            return None;
        }
        let speed = u32::from(low) | (u32::from(middle & 0x0f) << 8);
        let distance = u32::from(middle >> 4) | (u32::from(high) << 4);
        let step = match self.last {
            Some(last) => distance.wrapping_sub(last) & 0x0fff,
            None => distance,
        };
        self.last = Some(distance);
        self.sixteenths += u64::from(step);
        Some((f64::from(speed) / 100.0, self.sixteenths as f64 / 16.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packed_distance_goes_on_where_it_starts_again() {
        let mut distance = CompressedDistance::default();
        // 4090/16 m, then 6/16 m: twelve sixteenths further.
        assert_eq!(distance.unpack(&[0x2c, 0xa1, 0xff]), Some((3.0, 255.625)));
        assert_eq!(distance.unpack(&[0x2c, 0x61, 0x00]), Some((3.0, 256.375)));
        assert_eq!(distance.unpack(&[0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn an_offset_that_no_zone_has_is_none() {
        assert_eq!(
            utc_offset_s(1_000_000_000, 1_000_000_000 + 7_200),
            Some(7_200)
        );
        assert_eq!(
            utc_offset_s(1_000_000_000, 1_000_000_000 - 12_600),
            Some(-12_600)
        );
        assert_eq!(
            utc_offset_s(1_000_000_000, 1_000_000_000 + 20_700 - 1),
            Some(20_700)
        );
        assert_eq!(
            utc_offset_s(1_000_000_000, 1_000_000_000 + 3_558),
            Some(3_600)
        );
        assert_eq!(utc_offset_s(1_000_000_000, 1_000_000_000 + 3_200), None);
        assert_eq!(utc_offset_s(1_000_000_000, 1_000_000_000 + 90_000), None);
    }
}
