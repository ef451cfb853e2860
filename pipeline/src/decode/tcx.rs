//! TCX: Garmin's training centre database, with its activity extensions.

use quick_xml::events::BytesStart;

use super::limits::{Limits, check};
use super::text::text_of;
use super::timestamp;
use super::xml::{self, Step, Xml};
use crate::error::DecodeError;
use crate::finding::{Finding, FindingKind};
use crate::recording::{Claims, Clock, Format, Lap, Recording, Sample};

/// The recordings of a TCX file, one per activity; a transition between the
/// sports of a multisport session is one too.
///
/// # Errors
/// Where there is no activity, where no point and no lap has a time, where
/// nothing could be read, and beyond `limits`.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<Recording>, DecodeError> {
    let document = text_of(bytes);
    let mut walk = Xml::new(&document, limits);
    let mut file = File::default();
    let cut_off = loop {
        match walk.next()? {
            Step::Open(tag) => file.open(walk.path(), &tag, limits)?,
            Step::Close => file.close(&walk, limits)?,
            Step::End => break None,
            Step::CutOff(bytes) => break Some(bytes),
        }
    };
    let found_none = file.activities.is_empty();
    let mut recordings = file.recordings();
    let Some(last) = recordings.last_mut() else {
        return Err(match (found_none, cut_off) {
            (_, Some(_)) => DecodeError::Damaged {
                format: Format::Tcx,
                source: None,
            },
            (true, None) => DecodeError::NoActivity {
                format: Format::Tcx,
                holds: "courses, workouts or nothing".to_owned(),
            },
            (false, None) => DecodeError::NoTime {
                format: Format::Tcx,
            },
        });
    };
    if let Some(bytes) = cut_off {
        last.findings.push(Finding {
            kind: FindingKind::CutOff,
            samples: None,
            size: Some(bytes as f64),
            action: "kept what stands before".to_owned(),
        });
    }
    Ok(recordings)
}

/// What was read so far.
#[derive(Default)]
struct File {
    activities: Vec<Activity>,
    sample: Sample,
    has_time: bool,
    laps: usize,
    samples: usize,
}

#[derive(Default)]
struct Activity {
    sport: Option<String>,
    start_ms: Option<f64>,
    notes: Option<String>,
    device: Option<String>,
    utc_offset_s: Option<i32>,
    laps: Vec<Lap>,
    samples: Vec<Sample>,
}

impl File {
    fn open(
        &mut self,
        path: &str,
        tag: &BytesStart<'_>,
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name {
            "Activity" => {
                self.activities.push(Activity {
                    sport: xml::attribute(tag, "Sport"),
                    ..Activity::default()
                });
                check(
                    self.activities.len(),
                    limits.recordings,
                    "activities in one file",
                )?;
            }
            // A transition is written as a bare lap between two activities.
            "Transition" if path.ends_with("/NextSport/Transition") => {
                self.activities.push(Activity {
                    sport: Some("transition".to_owned()),
                    ..Activity::default()
                });
                check(
                    self.activities.len(),
                    limits.recordings,
                    "activities in one file",
                )?;
                self.begin_lap(tag, limits)?;
            }
            "Lap" if path.ends_with("/Activity/Lap") => self.begin_lap(tag, limits)?,
            "Trackpoint" => {
                self.sample = Sample::default();
                self.has_time = false;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin_lap(&mut self, tag: &BytesStart<'_>, limits: &Limits) -> Result<(), DecodeError> {
        self.laps += 1;
        check(self.laps, limits.laps, "laps in one file")?;
        let start = xml::attribute(tag, "StartTime").and_then(|text| timestamp::parse(&text));
        let Some(activity) = self.activities.last_mut() else {
            return Ok(());
        };
        if let Some(start) = start {
            activity.start_ms = activity.start_ms.or(Some(start.unix_ms));
        }
        activity.laps.push(Lap {
            start_ms: start.map_or(0, |start| start.unix_ms.round() as i64),
            ..Lap::default()
        });
        Ok(())
    }

    fn close(&mut self, walk: &Xml<'_>, limits: &Limits) -> Result<(), DecodeError> {
        let path = walk.path();
        let Some(activity) = self.activities.last_mut() else {
            return Ok(());
        };
        if path.ends_with("/Trackpoint") {
            if !std::mem::take(&mut self.has_time) {
                return Ok(());
            }
            activity.samples.push(self.sample);
            self.samples += 1;
            return check(self.samples, limits.samples, "samples in one file");
        }
        if let Some((_, inside)) = path.split_once("/Trackpoint/") {
            match inside {
                "Time" => {
                    if let Some(time) = timestamp::parse(walk.text()) {
                        self.sample.time_ms = time.unix_ms;
                        self.has_time = true;
                        if activity.samples.is_empty() {
                            activity.utc_offset_s = time.utc_offset_s;
                        }
                    }
                }
                _ => take_sample(&mut self.sample, inside, walk),
            }
            return Ok(());
        }
        if let Some((_, inside)) = path.split_once("/Activity/") {
            match inside {
                "Id" => {
                    let start = timestamp::parse(walk.text()).map(|time| time.unix_ms);
                    activity.start_ms = activity.start_ms.or(start);
                }
                "Notes" => activity.notes = walk.text_owned(),
                "Creator/Name" => activity.device = walk.text_owned(),
                _ => {}
            }
        }
        let of_lap = path
            .split_once("/Activity/Lap/")
            .or_else(|| path.split_once("/NextSport/Transition/"));
        if let (Some((_, inside)), Some(lap)) = (of_lap, activity.laps.last_mut()) {
            take_lap(lap, inside, walk);
        }
        Ok(())
    }

    fn recordings(self) -> Vec<Recording> {
        self.activities
            .into_iter()
            .filter(|activity| !activity.samples.is_empty() || activity.start_ms.is_some())
            .zip(0..)
            .map(|(activity, part)| activity.recording(part))
            .collect()
    }
}

fn take_sample(sample: &mut Sample, inside: &str, walk: &Xml<'_>) {
    match inside {
        "Position/LatitudeDegrees" => sample.lat_deg = walk.number(),
        "Position/LongitudeDegrees" => sample.lng_deg = walk.number(),
        "AltitudeMeters" => sample.altitude_m = walk.number(),
        "DistanceMeters" => sample.distance_m = walk.number(),
        "HeartRateBpm/Value" => sample.heart_rate_bpm = walk.whole(),
        "Cadence" | "Extensions/TPX/RunCadence" => sample.cadence_rpm = walk.whole(),
        "Extensions/TPX/Speed" => sample.speed_m_s = walk.number(),
        "Extensions/TPX/Watts" => sample.power_w = walk.whole(),
        _ => {}
    }
}

fn take_lap(lap: &mut Lap, inside: &str, walk: &Xml<'_>) {
    match inside {
        "TotalTimeSeconds" => lap.timer_s = walk.number(),
        "DistanceMeters" => lap.distance_m = walk.number(),
        "Calories" => lap.calories_kcal = walk.number(),
        "AverageHeartRateBpm/Value" => lap.avg_heart_rate_bpm = walk.whole(),
        "MaximumHeartRateBpm/Value" => lap.max_heart_rate_bpm = walk.whole(),
        _ => {}
    }
}

impl Activity {
    fn recording(self, part: u32) -> Recording {
        // Programs that know no total write 0, which says nothing.
        let sum = |value: fn(&Lap) -> Option<f64>| {
            Some(self.laps.iter().filter_map(value).sum::<f64>()).filter(|sum| *sum > 0.0)
        };
        let timer_s = sum(|lap| lap.timer_s);
        let claims = Claims {
            distance_m: sum(|lap| lap.distance_m),
            timer_s,
            calories_kcal: sum(|lap| lap.calories_kcal),
            max_heart_rate_bpm: self
                .laps
                .iter()
                .filter_map(|lap| lap.max_heart_rate_bpm)
                .max(),
            device: self.device,
            description: self.notes,
            utc_offset_s: self.utc_offset_s,
            ..Claims::default()
        };
        Recording {
            format: Format::Tcx,
            part,
            claimed_start_ms: self.start_ms.map(|start| start.round() as i64),
            sport: self.sport,
            sub_sport: None,
            samples: self.samples,
            laps: self.laps,
            clock: timer_s.map_or(Clock::Unmarked, Clock::LapTimes),
            claims,
            findings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::{Code, Failure};

    use super::*;

    fn tcx(inside: &str) -> String {
        format!("   <?xml version='1.0'?><TrainingCenterDatabase>{inside}</TrainingCenterDatabase>")
    }

    fn lap(start: &str, inside: &str) -> String {
        format!("<Lap StartTime='2020-01-01T{start}Z'>{inside}</Lap>")
    }

    fn point(time: &str) -> String {
        format!("<Track><Trackpoint><Time>2020-01-01T{time}Z</Time></Trackpoint></Track>")
    }

    fn read(document: &str) -> Vec<Recording> {
        decode(document.as_bytes(), &Limits::default()).expect("a recording")
    }

    #[test]
    fn laps_sum_to_the_timer_and_the_claims() {
        let laps = lap(
            "00:00:00",
            "<TotalTimeSeconds>60.5</TotalTimeSeconds><DistanceMeters>200</DistanceMeters>\
             <Calories>10</Calories><MaximumHeartRateBpm><Value>150</Value></MaximumHeartRateBpm>",
        ) + &lap(
            "00:02:00",
            "<TotalTimeSeconds>30</TotalTimeSeconds><DistanceMeters>100</DistanceMeters>\
             <MaximumHeartRateBpm><Value>140</Value></MaximumHeartRateBpm>",
        );
        let activity = format!("<Activity Sport='Running'><Notes>hills</Notes>{laps}</Activity>");
        let recording = &read(&tcx(&format!("<Activities>{activity}</Activities>")))[0];
        assert_eq!(recording.clock, Clock::LapTimes(90.5));
        assert_eq!(recording.claims.distance_m, Some(300.0));
        assert_eq!(recording.claims.calories_kcal, Some(10.0));
        assert_eq!(recording.claims.max_heart_rate_bpm, Some(150));
        assert_eq!(recording.claims.description.as_deref(), Some("hills"));
        assert_eq!(recording.laps.len(), 2);
        assert_eq!(recording.claimed_start_ms, Some(1_577_836_800_000));
    }

    #[test]
    fn a_multisport_session_is_one_recording_per_sport_and_transition() {
        let first = format!(
            "<FirstSport><Activity Sport='Other'>{}</Activity></FirstSport>",
            lap("00:00:00", &point("00:00:01"))
        );
        let next = format!(
            "<NextSport><Transition StartTime='2020-01-01T00:10:00Z'>{}</Transition>\
             <Activity Sport='Biking'>{}</Activity></NextSport>",
            point("00:10:01"),
            lap("00:12:00", &(point("00:12:01") + &point("00:12:02")))
        );
        let session = format!("<MultiSportSession>{first}{next}</MultiSportSession>");
        let recordings = read(&tcx(&format!("<Activities>{session}</Activities>")));
        let found: Vec<_> = recordings
            .iter()
            .map(|r| (r.part, r.sport.as_deref(), r.samples.len(), r.laps.len()))
            .collect();
        assert_eq!(
            found,
            [
                (0, Some("Other"), 1, 1),
                (1, Some("transition"), 1, 1),
                (2, Some("Biking"), 2, 1)
            ]
        );
    }

    #[test]
    fn a_lap_that_knows_no_total_says_nothing() {
        let laps = lap(
            "00:00:00",
            &("<TotalTimeSeconds>0.0</TotalTimeSeconds><DistanceMeters>0</DistanceMeters>"
                .to_owned()
                + &point("00:00:01")),
        );
        let document = tcx(&format!(
            "<Activities><Activity>{laps}</Activity></Activities>"
        ));
        let recording = &read(&document)[0];
        assert_eq!(recording.clock, Clock::Unmarked);
        assert_eq!(recording.claims.distance_m, None);
        assert_eq!(recording.laps[0].distance_m, Some(0.0));
    }

    #[test]
    fn extensions_of_a_point_are_read() {
        let point = "<Track><Trackpoint><Time>2020-01-01T00:00:01Z</Time><Position>\
            <LatitudeDegrees>50.5</LatitudeDegrees><LongitudeDegrees>-5</LongitudeDegrees>\
            </Position><AltitudeMeters>10</AltitudeMeters><DistanceMeters>3.5</DistanceMeters>\
            <HeartRateBpm><Value>140</Value></HeartRateBpm><Extensions><n:TPX><n:Speed>2.5</n:Speed>\
            <n:RunCadence>85</n:RunCadence><n:Watts>250</n:Watts></n:TPX></Extensions>\
            </Trackpoint></Track>";
        let laps = lap("00:00:00", point);
        let document = tcx(&format!(
            "<Activities><Activity>{laps}</Activity></Activities>"
        ));
        let expected = Sample {
            time_ms: 1_577_836_801_000.0,
            lat_deg: Some(50.5),
            lng_deg: Some(-5.0),
            distance_m: Some(3.5),
            altitude_m: Some(10.0),
            heart_rate_bpm: Some(140),
            cadence_rpm: Some(85),
            power_w: Some(250),
            temperature_c: None,
            speed_m_s: Some(2.5),
        };
        assert_eq!(read(&document)[0].samples, [expected]);
    }

    #[test]
    fn a_course_is_no_activity() {
        let document = tcx(&format!(
            "<Courses><Course>{}</Course></Courses>",
            point("00:00:00")
        ));
        let error = decode(document.as_bytes(), &Limits::default()).expect_err("a course");
        assert_eq!(error.code(), Code::NoActivity);
    }

    #[test]
    fn laps_are_bounded() {
        let laps = lap("00:00:00", "") + &lap("00:00:01", "");
        let document = tcx(&format!(
            "<Activities><Activity>{laps}</Activity></Activities>"
        ));
        let limits = Limits {
            laps: 1,
            ..Limits::default()
        };
        let error = decode(document.as_bytes(), &limits).expect_err("too many laps");
        assert_eq!(error.to_string(), "over 1 laps in one file");
    }
}
