//! GPX 1.0 and 1.1, with the extensions of Garmin, Cluetrust and OpenTracks.

use quick_xml::events::BytesStart;

use super::limits::{Limits, check};
use super::text::text_of;
use super::timestamp::{self, Instant};
use super::xml::{self, Step, Xml};
use crate::error::DecodeError;
use crate::finding::{Finding, FindingKind};
use crate::recording::{Claims, Clock, Format, Recording, Sample};

/// The recordings of a GPX file.
///
/// Tracks that follow one another are recordings of their own; one that begins
/// before the track before it ends is the same outing, a further segment of
/// it. Points without position or without time are left out.
///
/// # Errors
/// Where there is no track, where no point has a time, where nothing could be
/// read, and beyond `limits`.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<Recording>, DecodeError> {
    let document = text_of(bytes);
    let mut walk = Xml::new(&document, limits);
    let mut file = File::default();
    let cut_off = loop {
        match walk.next()? {
            Step::Open(tag) => file.open(walk.path(), &tag),
            Step::Close => file.close(&walk, limits)?,
            Step::End => break None,
            Step::CutOff(bytes) => break Some(bytes),
        }
    };
    let points = file.points;
    let mut recordings = file.recordings();
    let Some(last) = recordings.last_mut() else {
        return Err(match (points, cut_off) {
            (0, None) => DecodeError::NoActivity {
                format: Format::Gpx,
                holds: "no track with points".to_owned(),
            },
            (0, Some(_)) => DecodeError::Damaged {
                format: Format::Gpx,
                source: None,
            },
            (_, _) => DecodeError::NoTime {
                format: Format::Gpx,
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
    creator: Option<String>,
    name: Option<String>,
    tracks: Vec<Track>,
    point: Point,
    /// A segment has begun and has no sample yet.
    new_segment: bool,
    /// Points of tracks, those that were left out too.
    points: usize,
    /// Samples of all tracks.
    samples: usize,
}

#[derive(Default)]
struct Track {
    name: Option<String>,
    description: Option<String>,
    kind: Option<String>,
    samples: Vec<Sample>,
    segments: Vec<usize>,
    utc_offset_s: Option<i32>,
    claims: Claims,
}

#[derive(Default)]
struct Point {
    sample: Sample,
    time: Option<Instant>,
}

impl File {
    fn open(&mut self, path: &str, tag: &BytesStart<'_>) {
        match path {
            "/gpx" => self.creator = xml::attribute(tag, "creator"),
            "/gpx/trk" => self.tracks.push(Track::default()),
            "/gpx/trk/trkseg" => self.new_segment = true,
            "/gpx/trk/trkseg/trkpt" => {
                let degrees = |name| xml::attribute(tag, name).and_then(|text| xml::number(&text));
                self.point = Point::default();
                self.point.sample.lat_deg = degrees("lat");
                self.point.sample.lng_deg = degrees("lon");
            }
            _ => {}
        }
    }

    fn close(&mut self, walk: &Xml<'_>, limits: &Limits) -> Result<(), DecodeError> {
        let path = walk.path();
        if let Some(inside) = path.strip_prefix("/gpx/trk/trkseg/trkpt") {
            if inside.is_empty() {
                return self.end_point(limits);
            }
            self.point.take(inside, walk);
            return Ok(());
        }
        let Some(track) = self.tracks.last_mut() else {
            if path == "/gpx/metadata/name" || path == "/gpx/name" {
                self.name = walk.text_owned();
            }
            return Ok(());
        };
        match path {
            "/gpx/trk/name" => track.name = walk.text_owned(),
            "/gpx/trk/desc" => track.description = walk.text_owned(),
            "/gpx/trk/type" => track.kind = walk.text_owned(),
            "/gpx/trk" => {
                // A track without samples would only be counted.
                self.tracks.pop_if(|track| track.samples.is_empty());
                check(self.tracks.len(), limits.recordings, "tracks in one file")?;
            }
            _ => {
                let statistics = "/gpx/trk/extensions/TrackStatsExtension/";
                if let Some(name) = path.strip_prefix(statistics) {
                    claim(&mut track.claims, name, walk.number());
                }
            }
        }
        Ok(())
    }

    fn end_point(&mut self, limits: &Limits) -> Result<(), DecodeError> {
        self.points += 1;
        let Point { mut sample, time } = std::mem::take(&mut self.point);
        let placed = sample.lat_deg.is_some() && sample.lng_deg.is_some();
        let (Some(time), true, Some(track)) = (time, placed, self.tracks.last_mut()) else {
            return Ok(());
        };
        sample.time_ms = time.unix_ms;
        if track.samples.is_empty() {
            track.utc_offset_s = time.utc_offset_s;
        } else if self.new_segment {
            track.segments.push(track.samples.len());
        }
        self.new_segment = false;
        track.samples.push(sample);
        self.samples += 1;
        check(self.samples, limits.samples, "samples in one file")
    }

    fn recordings(mut self) -> Vec<Recording> {
        self.tracks.retain(|track| !track.samples.is_empty());
        self.tracks.sort_by(|a, b| a.begin().total_cmp(&b.begin()));
        let mut outings: Vec<Track> = Vec::with_capacity(self.tracks.len());
        for track in self.tracks {
            match outings.last_mut() {
                Some(before) if track.begin() <= before.end() => before.join(track),
                _ => outings.push(track),
            }
        }
        let device = self.creator.filter(|name| !name.is_empty());
        let only = outings.len() == 1;
        let (name, zipped) = (self.name, outings.into_iter().zip(0..));
        zipped
            .map(|(track, part)| Recording {
                format: Format::Gpx,
                part,
                claimed_start_ms: None,
                sport: track.kind,
                sub_sport: None,
                samples: track.samples,
                laps: Vec::new(),
                clock: Clock::Segments(track.segments),
                claims: Claims {
                    device: device.clone(),
                    name: track.name.or_else(|| name.clone().filter(|_| only)),
                    description: track.description,
                    utc_offset_s: track.utc_offset_s,
                    ..track.claims
                },
                findings: Vec::new(),
            })
            .collect()
    }
}

impl Track {
    fn begin(&self) -> f64 {
        self.times().fold(f64::INFINITY, f64::min)
    }

    fn end(&self) -> f64 {
        self.times().fold(f64::NEG_INFINITY, f64::max)
    }

    fn times(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|sample| sample.time_ms)
    }

    /// Adds a track of the same outing; what either claims of itself is not
    /// true of both.
    fn join(&mut self, other: Self) {
        let already = self.samples.len();
        self.segments.push(already);
        self.segments
            .extend(other.segments.iter().map(|begin| begin + already));
        self.samples.extend(other.samples);
        self.claims = Claims::default();
    }
}

impl Point {
    /// Takes the value of the element `inside` the point.
    fn take(&mut self, inside: &str, walk: &Xml<'_>) {
        let sample = &mut self.sample;
        match inside {
            "/time" => self.time = timestamp::parse(walk.text()),
            "/ele" => sample.altitude_m = walk.number(),
            // GPX 1.0 has the speed among the point's own elements.
            "/speed" => sample.speed_m_s = walk.number(),
            _ if inside.starts_with("/extensions/") => {
                let name = inside.rsplit('/').next().unwrap_or(inside);
                match name.to_ascii_lowercase().as_str() {
                    "hr" | "heartrate" => sample.heart_rate_bpm = walk.whole(),
                    "cad" | "cadence" | "runcadence" => sample.cadence_rpm = walk.whole(),
                    "atemp" | "temp" | "temperature" => sample.temperature_c = walk.whole(),
                    "power" | "powerinwatts" | "watts" => sample.power_w = walk.whole(),
                    "speed" => sample.speed_m_s = walk.number(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Takes one of Garmin's track statistics.
fn claim(claims: &mut Claims, name: &str, value: Option<f64>) {
    match name {
        "Distance" => claims.distance_m = value,
        "TotalElapsedTime" => claims.elapsed_s = value,
        "TimerTime" => claims.timer_s = value,
        "MovingTime" => claims.moving_s = value,
        "Ascent" => claims.climb_m = value,
        "Descent" => claims.descent_m = value,
        "Calories" => claims.calories_kcal = value,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use storage::{Code, Failure};

    use super::*;

    fn gpx(inside: &str) -> String {
        format!("<?xml version='1.0'?><gpx version='1.1' creator='test'>{inside}</gpx>")
    }

    fn point(seconds: u32, lon: f64) -> String {
        let (minute, second) = (seconds / 60, seconds % 60);
        format!(
            "<trkpt lat='50' lon='{lon}'><time>2020-01-01T00:{minute:02}:{second:02}Z</time></trkpt>"
        )
    }

    fn track(inside: &str) -> String {
        format!("<trk><trkseg>{inside}</trkseg></trk>")
    }

    fn read(document: &str) -> Vec<Recording> {
        decode(document.as_bytes(), &Limits::default()).expect("a recording")
    }

    #[test]
    fn tracks_that_follow_are_recordings_of_their_own() {
        let later = track(&(point(300, 6.0) + &point(310, 6.1)));
        let earlier = track(&(point(0, 5.0) + &point(10, 5.1)));
        let recordings = read(&gpx(&(later + &earlier)));
        let starts: Vec<_> = recordings
            .iter()
            .map(|r| (r.part, r.samples[0].lng_deg))
            .collect();
        assert_eq!(starts, [(0, Some(5.0)), (1, Some(6.0))]);
    }

    #[test]
    fn a_track_that_overlaps_is_a_segment_of_the_same_outing() {
        let first = track(&(point(0, 5.0) + &point(100, 5.1)));
        let second = track(&(point(50, 6.0) + &point(150, 6.1)));
        let recordings = read(&gpx(&(first + &second)));
        assert_eq!(recordings.len(), 1);
        assert_eq!(recordings[0].samples.len(), 4);
        assert_eq!(recordings[0].clock, Clock::Segments(vec![2]));
    }

    #[test]
    fn segments_mark_where_they_begin_and_empty_ones_nothing() {
        let document = gpx(&format!(
            "<trk><trkseg>{}{}</trkseg><trkseg/><trkseg>{}</trkseg></trk>",
            point(0, 5.0),
            point(1, 5.1),
            point(20, 5.2)
        ));
        assert_eq!(read(&document)[0].clock, Clock::Segments(vec![2]));
    }

    #[test]
    fn extensions_of_any_prefix_are_read() {
        let document = gpx(&track(
            "<trkpt lat='50' lon='5'><ele>12.5</ele><time>2020-01-01T01:00:00.25+01:00</time>\
             <extensions><power>210</power><x:TrackPointExtension><x:hr>150</x:hr><x:cad>88</x:cad>\
             <x:atemp>-2.0</x:atemp><x:speed>3.25</x:speed></x:TrackPointExtension></extensions>\
             </trkpt>",
        ));
        let recording = &read(&document)[0];
        let expected = Sample {
            time_ms: 1_577_836_800_250.0,
            lat_deg: Some(50.0),
            lng_deg: Some(5.0),
            altitude_m: Some(12.5),
            heart_rate_bpm: Some(150),
            cadence_rpm: Some(88),
            power_w: Some(210),
            temperature_c: Some(-2),
            speed_m_s: Some(3.25),
            distance_m: None,
        };
        assert_eq!(recording.samples, [expected]);
        assert_eq!(recording.claims.utc_offset_s, Some(3_600));
    }

    #[test]
    fn points_without_place_or_time_are_left_out() {
        let document = gpx(&track(&format!(
            "<trkpt lat='50'><time>2020-01-01T00:00:00Z</time></trkpt>\
             <trkpt lat='50' lon='x'><time>2020-01-01T00:00:01Z</time></trkpt>\
             <trkpt lat='50' lon='5'/>{}",
            point(3, 5.0)
        )));
        assert_eq!(read(&document)[0].samples.len(), 1);
    }

    #[test]
    fn without_time_it_is_refused() {
        let document = gpx(&track("<trkpt lat='50' lon='5'/>"));
        let error = decode(document.as_bytes(), &Limits::default()).expect_err("no time");
        assert_eq!(error.code(), Code::NoTime);
        assert_eq!(error.to_string(), "no point of the gpx file has a time");
    }

    #[test]
    fn waypoints_and_routes_are_no_activity() {
        let document = gpx("<wpt lat='1' lon='2'/><rte><rtept lat='1' lon='2'/></rte>");
        let error = decode(document.as_bytes(), &Limits::default()).expect_err("no track");
        assert_eq!(error.code(), Code::NoActivity);
    }

    #[test]
    fn samples_and_tracks_are_bounded() {
        let limits = Limits {
            samples: 2,
            recordings: 1,
            ..Limits::default()
        };
        let many = gpx(&track(&(point(0, 5.0) + &point(1, 5.0) + &point(2, 5.0))));
        let error = decode(many.as_bytes(), &limits).expect_err("too many samples");
        assert_eq!(error.to_string(), "over 2 samples in one file");
        let tracks = gpx(&(track(&point(0, 5.0)) + &track(&point(9, 5.0))));
        let error = decode(tracks.as_bytes(), &limits).expect_err("too many tracks");
        assert_eq!(error.to_string(), "over 1 tracks in one file");
    }
}
