//! What real devices were seen to write, in files made here: each test names
//! one habit.

use storage::{Code, Failure};

use super::super::Limits;
use crate::error::DecodeError;
use crate::finding::FindingKind;
use crate::recording::{Clock, Recording};

/// FIT seconds of 2020-01-01T00:00:00Z, and its Unix ms.
const START: u32 = 946_771_200;
const START_MS: i64 = 1_577_836_800_000;

const ENUM: u8 = 0;
const UINT8: u8 = 2;
const UINT16: u8 = 132;
const UINT32: u8 = 134;
const SINT32: u8 = 133;

/// Number, base type, and the bytes of the value in little end first.
type Field<'a> = (u8, u8, &'a [u8]);

/// The body of a FIT file: each message with a definition of its own.
#[derive(Default)]
struct File(Vec<u8>);

impl File {
    fn activity() -> Self {
        Self::default().message(0, &[(0, ENUM, &[4])])
    }

    fn message(mut self, kind: u8, fields: &[Field<'_>]) -> Self {
        self.0.extend([0x40, 0, 0, kind, 0, fields.len() as u8]);
        for (number, base_type, value) in fields {
            self.0.extend([*number, value.len() as u8, *base_type]);
        }
        self.0.push(0);
        for (_, _, value) in fields {
            self.0.extend(*value);
        }
        self
    }

    fn record(self, second: u32, fields: &[Field<'_>]) -> Self {
        let time = (START + second).to_le_bytes();
        let mut all = vec![(253, UINT32, &time[..])];
        all.extend(fields);
        self.message(20, &all)
    }

    fn session(self, second: u32, sport: u8) -> Self {
        let start = (START + second).to_le_bytes();
        self.message(18, &[(2, UINT32, &start), (5, ENUM, &[sport])])
    }

    fn timer(self, second: u32, event_type: u8) -> Self {
        let time = (START + second).to_le_bytes();
        self.message(
            21,
            &[
                (253, UINT32, &time),
                (0, ENUM, &[0]),
                (1, ENUM, &[event_type]),
            ],
        )
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        self.with_size(self.0.len() as u32)
    }

    fn with_size(&self, size: u32) -> Vec<u8> {
        let mut bytes = vec![14, 0x20, 0, 0];
        bytes.extend(size.to_le_bytes());
        bytes.extend(b".FIT\0\0");
        bytes.extend(&self.0);
        bytes.extend([0, 0]);
        bytes
    }
}

fn decode(bytes: &[u8]) -> Result<Vec<Recording>, DecodeError> {
    super::decode(bytes, &Limits::default())
}

fn read(file: &File) -> Vec<Recording> {
    decode(&file.bytes()).expect("a recording")
}

fn seconds(recording: &Recording) -> Vec<f64> {
    recording
        .samples
        .iter()
        .map(|s| (s.time_ms - START_MS as f64) / 1_000.0)
        .collect()
}

#[test]
fn two_legs_in_one_file_share_no_sample() {
    let file = File::activity()
        .timer(0, 0)
        .record(0, &[])
        .record(9, &[])
        .timer(10, 4)
        .timer(10, 0)
        .record(10, &[])
        .record(20, &[])
        .timer(21, 4)
        .session(10, 3)
        .session(0, 5);
    let legs = read(&file);
    assert_eq!(legs.len(), 2);
    assert_eq!(
        (legs[0].part, legs[0].sport.as_deref()),
        (0, Some("swimming"))
    );
    assert_eq!(
        (legs[1].part, legs[1].sport.as_deref()),
        (1, Some("transition"))
    );
    assert_eq!(seconds(&legs[0]), [0.0, 9.0]);
    assert_eq!(seconds(&legs[1]), [10.0, 20.0]);
    // The stop at second 10 ends the first leg, the start begins the second.
    let at = |second: i64| START_MS + second * 1_000;
    assert_eq!(
        legs[0].clock,
        Clock::Events(vec![(at(0), true), (at(10), false)])
    );
    assert_eq!(
        legs[1].clock,
        Clock::Events(vec![(at(10), true), (at(21), false)])
    );
}

#[test]
fn invalid_values_are_absent() {
    let file = File::activity().record(
        0,
        &[
            (0, SINT32, &i32::MAX.to_le_bytes()),
            (3, UINT8, &[255]),
            (5, UINT32, &u32::MAX.to_le_bytes()),
            (2, UINT16, &u16::MAX.to_le_bytes()),
            (7, UINT16, &300_u16.to_le_bytes()),
        ],
    );
    let sample = read(&file)[0].samples[0];
    assert_eq!(
        (sample.lat_deg, sample.heart_rate_bpm, sample.distance_m),
        (None, None, None)
    );
    assert_eq!((sample.altitude_m, sample.power_w), (None, Some(300)));
}

#[test]
fn the_enhanced_field_wins_where_it_is_valid() {
    let file = File::activity().record(
        0,
        &[
            (2, UINT16, &3_000_u16.to_le_bytes()),
            (78, UINT32, &50_000_u32.to_le_bytes()),
            (73, UINT32, &u32::MAX.to_le_bytes()),
            (6, UINT16, &2_500_u16.to_le_bytes()),
        ],
    );
    let sample = read(&file)[0].samples[0];
    assert_eq!(
        (sample.altitude_m, sample.speed_m_s),
        (Some(9_500.0), Some(2.5))
    );
}

#[test]
fn a_field_of_another_type_than_the_profile_has_is_absent() {
    // A power of one byte, and a heart rate of four.
    let file = File::activity()
        .record(0, &[(7, UINT8, &[255]), (3, UINT32, &[150, 0, 0, 0])])
        .record(1, &[(3, UINT8, &[150])]);
    let samples = &read(&file)[0].samples;
    assert_eq!(
        (samples[0].power_w, samples[0].heart_rate_bpm),
        (None, None)
    );
    assert_eq!(samples[1].heart_rate_bpm, Some(150));
}

#[test]
fn big_end_first_is_read_too() {
    let file = File::activity().raw(&[0x41, 0, 1, 0, 20, 2, 253, 4, UINT32, 7, 2, UINT16, 1]);
    let file = file.raw(&START.to_be_bytes()).raw(&[1, 44]);
    let recording = &read(&file)[0];
    assert_eq!(
        (seconds(recording), recording.samples[0].power_w),
        (vec![0.0], Some(300))
    );
}

#[test]
fn developer_fields_that_nothing_describes_are_passed_over() {
    let file = File::activity()
        .raw(&[0x60, 0, 0, 20, 0, 1, 253, 4, UINT32, 1, 0, 3, 0, 0])
        .raw(&START.to_le_bytes())
        .raw(b"xyz")
        .record(1, &[]);
    let recording = &read(&file)[0];
    assert_eq!(seconds(recording), [0.0, 1.0]);
    assert!(recording.findings.is_empty());
}

#[test]
fn compressed_timestamps_count_on_from_the_last_full_one() {
    // Local message 1 holds a heart rate only; two headers carry 5 bits of time.
    let offset = |second: u32| 0xa0 | ((START + second) & 0x1f) as u8;
    let file = File::activity()
        .record(0, &[])
        .raw(&[0x41, 0, 0, 20, 0, 1, 3, 1, UINT8])
        .raw(&[offset(3), 120])
        .raw(&[offset(40), 121]);
    let recording = &read(&file)[0];
    // 40 s after 0 shows as 8 s in five bits; one turn of them is 32 s.
    assert_eq!(seconds(recording), [0.0, 3.0, 8.0]);
    assert_eq!(recording.samples[2].heart_rate_bpm, Some(121));
}

#[test]
fn a_file_that_was_never_closed_gives_its_records() {
    let file = File::activity().record(0, &[]).record(1, &[]);
    let recordings = decode(&file.with_size(0)).expect("a recording");
    assert_eq!(seconds(&recordings[0]), [0.0, 1.0]);
}

#[test]
fn a_definition_at_the_end_is_not_cut_off() {
    let file = File::activity()
        .record(0, &[])
        .raw(&[0x41, 0, 0, 20, 0, 1, 3, 1, UINT8]);
    assert!(read(&file)[0].findings.is_empty());
}

#[test]
fn what_follows_a_damaged_part_of_a_chain_is_read() {
    let damaged = File::activity().record(0, &[]).raw(&[0x0f, 1, 2, 3]);
    let chain = [damaged.bytes(), File::activity().record(5, &[]).bytes()].concat();
    let recordings = decode(&chain).expect("a recording");
    assert_eq!(recordings.len(), 1);
    assert_eq!(seconds(&recordings[0]), [0.0, 5.0]);
    let finding = &recordings[0].findings[0];
    assert_eq!(
        (finding.kind, finding.size),
        (FindingKind::CutOff, Some(4.0))
    );
}

#[test]
fn a_file_that_is_cut_off_says_how_much_is_missing() {
    let bytes = File::activity().record(0, &[]).record(1, &[]).bytes();
    // Without checksum and the last byte of the record.
    let recordings = decode(&bytes[..bytes.len() - 3]).expect("a recording");
    assert_eq!(seconds(&recordings[0]), [0.0]);
    // The header byte and three of four bytes of time stand there unread, and
    // one byte is missing.
    assert_eq!(recordings[0].findings[0].size, Some(5.0));
}

#[test]
fn times_since_power_on_stand_only_where_there_are_no_others() {
    let power_on = |file: File| {
        let time = 5_000_u32.to_le_bytes();
        file.message(20, &[(253, UINT32, &time)])
    };
    let mixed = power_on(File::activity()).record(0, &[]);
    assert_eq!(seconds(&read(&mixed)[0]), [0.0]);
    let never_set = power_on(File::activity());
    assert_eq!(
        read(&never_set)[0].samples[0].time_ms,
        (631_065_600 + 5_000) as f64 * 1_000.0
    );
}

#[test]
fn lengths_of_a_pool_have_its_length() {
    let at = |second: u32| (START + second).to_le_bytes();
    let length = |file: File, second: u32, kind: u8| {
        file.message(
            101,
            &[
                (2, UINT32, &at(second)),
                (3, UINT32, &25_500_u32.to_le_bytes()),
                (12, ENUM, &[kind]),
            ],
        )
    };
    let file = length(length(File::activity().record(0, &[]), 0, 1), 26, 0);
    let start = at(0);
    let pool = 2_286_u16.to_le_bytes();
    let file = file.message(
        18,
        &[(2, UINT32, &start), (5, ENUM, &[5]), (44, UINT16, &pool)],
    );
    let laps = &read(&file)[0].laps;
    assert!(laps.iter().all(|lap| lap.is_length));
    let lengths: Vec<_> = laps
        .iter()
        .map(|l| (l.active, l.distance_m, l.elapsed_s))
        .collect();
    assert_eq!(
        lengths,
        [
            (Some(true), Some(22.86), Some(25.5)),
            (Some(false), None, Some(25.5))
        ]
    );
}

#[test]
fn the_activity_message_tells_the_local_clock() {
    let file = File::activity().record(0, &[]).message(
        34,
        &[
            (253, UINT32, &START.to_le_bytes()),
            (5, UINT32, &(START - 16_200).to_le_bytes()),
        ],
    );
    assert_eq!(read(&file)[0].claims.utc_offset_s, Some(-16_200));
}

#[test]
fn a_session_without_records_is_a_recording_without_samples() {
    let recordings = read(&File::activity().session(7, 10));
    assert_eq!(recordings[0].claimed_start_ms, Some(START_MS + 7_000));
    assert!(recordings[0].samples.is_empty());
}

#[test]
fn a_course_is_no_activity() {
    let course = File::default()
        .message(0, &[(0, ENUM, &[6])])
        .record(0, &[]);
    let error = decode(&course.bytes()).expect_err("a course");
    assert_eq!(error.code(), Code::NoActivity);
    assert_eq!(error.to_string(), "a fit file without an activity: course");
    let empty = decode(&File::activity().bytes()).expect_err("nothing");
    assert_eq!(empty.code(), Code::NoActivity);
}

#[test]
fn nothing_readable_is_damaged() {
    let error = decode(&File::default().raw(&[0x0f; 40]).bytes()).expect_err("nothing");
    assert_eq!(error.code(), Code::DamagedRecording);
    let no_header = decode(b"\x05\0\0\0\0\0\0\0.FIT").expect_err("nothing");
    assert_eq!(no_header.code(), Code::DamagedRecording);
}

#[test]
fn messages_of_fields_without_bytes_are_not_followed() {
    let file = File::activity()
        .record(0, &[])
        .raw(&[0x41, 0, 0, 18, 0, 1, 5, 0, ENUM]);
    let recordings = read(&file.raw(&[1; 1_000]));
    assert_eq!((recordings.len(), recordings[0].samples.len()), (1, 1));
    assert_eq!(recordings[0].findings[0].kind, FindingKind::CutOff);
}

#[test]
fn each_limit_names_itself() {
    let tight = Limits {
        samples: 1,
        laps: 1,
        recordings: 1,
        chained_parts: 1,
        developer_fields: 1,
        ..Limits::default()
    };
    let refused = |bytes: &[u8]| {
        super::decode(bytes, &tight)
            .expect_err("too much")
            .to_string()
    };
    let file = || File::activity();
    let samples = file().record(0, &[]).record(1, &[]);
    assert_eq!(refused(&samples.bytes()), "over 1 samples in one file");
    let laps = file().message(19, &[]).message(19, &[]);
    assert_eq!(refused(&laps.bytes()), "over 1 laps in one file");
    let sessions = file().session(0, 1).session(1, 1);
    assert_eq!(refused(&sessions.bytes()), "over 1 sessions in one file");
    let events = file().timer(0, 0).timer(1, 4);
    assert_eq!(refused(&events.bytes()), "over 1 timer events in one file");
    let described = file()
        .message(206, &[(0, UINT8, &[0])])
        .message(206, &[(0, UINT8, &[0])]);
    assert_eq!(
        refused(&described.bytes()),
        "over 1 developer fields in one file"
    );
    let chain = [file().bytes(), file().bytes()].concat();
    assert_eq!(refused(&chain), "over 1 chained FIT files in one");
}
