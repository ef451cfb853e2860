//! One recording of each session of a FIT file.

use super::message::{Content, Lap, Session};
use super::{EPOCH_UNIX_S, FIRST_ABSOLUTE_TIME, names};
use crate::finding::{Finding, FindingKind};
use crate::recording::{Clock, Format, Recording};

/// The recordings in `content`, at least one, in order of their starts.
///
/// A sample belongs to the last session that starts at or before it; samples
/// before the first session belong to the first.
pub(super) fn recordings(mut content: Content) -> Vec<Recording> {
    keep_one_clock(&mut content);
    let sessions = in_order(&mut content);
    let starts: Vec<u32> = sessions.iter().skip(1).filter_map(|s| s.start).collect();
    let session_at = |time: u32| starts.partition_point(|start| *start <= time);

    let device = names::device(&content.file_device).or_else(|| names::device(&content.creator));
    let mut pool_lengths = Vec::with_capacity(sessions.len());
    let mut recordings = Vec::with_capacity(sessions.len());
    for (session, part) in sessions.into_iter().zip(0..) {
        pool_lengths.push(session.pool_length_m);
        let mut claims = session.claims;
        claims.device.clone_from(&device);
        claims.utc_offset_s = content.utc_offset_s;
        recordings.push(Recording {
            format: Format::Fit,
            part,
            claimed_start_ms: session.start.map(unix_ms),
            sport: session.sport.map(names::sport),
            sub_sport: session.sub_sport.and_then(names::sub_sport),
            samples: Vec::new(),
            laps: Vec::new(),
            clock: Clock::Events(Vec::new()),
            claims,
            findings: Vec::new(),
        });
    }

    for (time, mut sample) in content.samples {
        sample.time_ms = unix_ms(time) as f64;
        recordings[session_at(time)].samples.push(sample);
    }
    for lap in content.laps {
        let Some(start) = lap_start(&lap) else {
            continue;
        };
        let session = session_at(start);
        let mut kept = lap.lap;
        kept.start_ms = unix_ms(start);
        if kept.active == Some(true) {
            kept.distance_m = pool_lengths[session];
        }
        recordings[session].laps.push(kept);
    }
    for (time, is_start) in content.timer_events {
        // What stops at the instant at which the next session starts is the
        // session before it.
        let session = if is_start {
            session_at(time)
        } else {
            starts.partition_point(|start| *start < time)
        };
        if let Clock::Events(events) = &mut recordings[session].clock {
            events.push((unix_ms(time), is_start));
        }
    }
    if let (Some(bytes), Some(last)) = (content.cut_off, recordings.last_mut()) {
        last.findings.push(Finding {
            kind: FindingKind::CutOff,
            samples: None,
            size: Some(bytes as f64),
            action: "kept what stands before".to_owned(),
        });
    }
    recordings
}

fn unix_ms(time: u32) -> i64 {
    (i64::from(time) + EPOCH_UNIX_S) * 1_000
}

/// Leaves out what counts from switching on, where other samples have true
/// time. A device whose clock was never set has only such times; they stand,
/// counted from FIT's epoch, because the durations are right.
fn keep_one_clock(content: &mut Content) {
    let absolute = |time: u32| time >= FIRST_ABSOLUTE_TIME;
    if !content.samples.iter().any(|(time, _)| absolute(*time)) {
        return;
    }
    content.samples.retain(|(time, _)| absolute(*time));
    content.timer_events.retain(|(time, _)| absolute(*time));
    for session in &mut content.sessions {
        session.start = session.start.filter(|time| absolute(*time));
    }
    for lap in &mut content.laps {
        lap.start = lap.start.filter(|time| absolute(*time));
        lap.end = lap.end.filter(|time| absolute(*time));
    }
}

/// The sessions by their starts, at least one; of several with one start the
/// longest.
fn in_order(content: &mut Content) -> Vec<Session> {
    let mut sessions = std::mem::take(&mut content.sessions);
    for session in &mut sessions {
        session.start = session.start.or_else(|| {
            let elapsed_s = session.claims.elapsed_s? as u32;
            session.end?.checked_sub(elapsed_s)
        });
    }
    if sessions.len() > 1 {
        // Without a start there is no telling which samples are its own.
        sessions.retain(|session| session.start.is_some());
    }
    let elapsed_s = |session: &Session| session.claims.elapsed_s.unwrap_or(0.0);
    sessions.sort_by(|a, b| {
        let by_start = a.start.cmp(&b.start);
        by_start.then(elapsed_s(b).total_cmp(&elapsed_s(a)))
    });
    sessions.dedup_by_key(|session| session.start);
    if sessions.is_empty() {
        sessions.push(Session {
            sport: content.sport.0,
            sub_sport: content.sport.1,
            ..Session::default()
        });
    }
    sessions
}

fn lap_start(lap: &Lap) -> Option<u32> {
    lap.start.or_else(|| {
        let elapsed_s = lap.lap.elapsed_s.unwrap_or(0.0) as u32;
        lap.end?.checked_sub(elapsed_s)
    })
}
