//! What a device makes of an outing: its samples, with all that goes wrong.

use super::body::Moment;
use super::legs::Leg;
use super::places::Place;
use super::setup::{Flaw, Sampling, Setup};
use super::sport::Sport;
use crate::random::{Random, Wander};

/// One sample; what the device does not write is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the start of the outing.
    pub at_s: u32,
    /// What the device counts, in cm, written or not.
    pub counted_cm: u32,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
    /// Cumulative, in cm.
    pub distance_cm: Option<u32>,
    /// In cm/s.
    pub speed_cm_s: Option<u32>,
    /// Metres above the sea.
    pub altitude_m: Option<f64>,
    /// Beats per minute.
    pub heart_rate_bpm: Option<u8>,
    /// Per minute.
    pub cadence_rpm: Option<u8>,
    /// Watts.
    pub power_w: Option<u16>,
    /// Degrees Celsius.
    pub temperature_c: Option<i8>,
}

/// A length of a pool, or a rest at its wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Seconds since the start of the outing.
    pub from_s: u32,
    /// Likewise.
    pub to_s: u32,
    /// Swum rather than rested.
    pub active: bool,
}

/// What a device has to write down.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// In order of time, at least two.
    pub samples: Vec<Sample>,
    /// Marked pauses, in seconds since the start of the outing, in order.
    pub pauses: Vec<(u32, u32)>,
    /// Lengths of a pool, in order; elsewhere none.
    pub lengths: Vec<Length>,
    /// The length of the pool in cm.
    pub pool_cm: Option<u32>,
}

impl Recorded {
    /// When it begins, in seconds since the start of the outing.
    pub fn first_s(&self) -> u32 {
        self.samples.first().map_or(0, |sample| sample.at_s)
    }

    /// When it ends.
    pub fn last_s(&self) -> u32 {
        self.samples.last().map_or(0, |sample| sample.at_s)
    }

    /// The pauses that lie between two instants, in s in all.
    pub fn paused_s(&self, from_s: u32, to_s: u32) -> u32 {
        let shared = |(from, to): &(u32, u32)| (*to).min(to_s).saturating_sub((*from).max(from_s));
        self.pauses.iter().map(shared).sum()
    }
}

/// Records an outing.
pub fn record(
    setup: &Setup,
    sport: Sport,
    place: &Place,
    legs: &[Leg],
    moments: &[Moment],
    mut random: Random,
) -> Recorded {
    let (first, last) = span(setup, moments);
    let mut samples = samples(setup, sport, place, moments, (first, last), &mut random);
    if setup.has(Flaw::HeldDistance) {
        hold(&mut samples, moments);
    }
    if setup.has(Flaw::Dropouts) {
        drop_out(&mut samples, &mut random);
    }
    if setup.has(Flaw::DistanceJump) {
        jump(&mut samples, moments, &mut random);
    }
    if setup.has(Flaw::PositionSpikes) {
        spike(&mut samples, place, &mut random);
    }
    if setup.has(Flaw::PositionsOnly) {
        for sample in &mut samples {
            sample.distance_cm = None;
        }
    }
    let mut recorded = Recorded {
        samples,
        pauses: Vec::new(),
        lengths: Vec::new(),
        pool_cm: None,
    };
    let mut from_s = 0;
    for leg in legs {
        let to_s = from_s + leg.lasts_s;
        if leg.paused && from_s >= first as u32 && to_s <= last as u32 {
            recorded.pauses.push((from_s, to_s));
        }
        if sport == Sport::Swim {
            let active = leg.covers_cm > 0;
            recorded.lengths.push(Length {
                from_s,
                to_s,
                active,
            });
            recorded.pool_cm = recorded.pool_cm.or(Some(leg.covers_cm).filter(|_| active));
        }
        from_s = to_s;
    }
    recorded
}

/// The first and last second that it records: never within a pause.
fn span(setup: &Setup, moments: &[Moment]) -> (usize, usize) {
    let end = moments.len() - 1;
    let awake = |second: &usize| !moments[*second].in_pause;
    let first = Some(setup.late_s as usize).filter(|second| *second < end / 2);
    let first = first.filter(awake).unwrap_or(0);
    let last = end.checked_sub(setup.early_s as usize);
    let last = last.filter(|second| *second > end / 2).filter(awake);
    (first, last.unwrap_or(end))
}

fn samples(
    setup: &Setup,
    sport: Sport,
    place: &Place,
    moments: &[Moment],
    (first, last): (usize, usize),
    random: &mut Random,
) -> Vec<Sample> {
    let before_cm = moments[first].distance_cm;
    // A slow drift, as of satellites, and a quick one, as of an arm that swings.
    // It is in the positions of every recording: where the device counts the
    // distance it does no harm.
    let clean = setup.flaws == [Flaw::PositionsOnly];
    let mut drift = (Wander::new(60.0, 2.5), Wander::new(60.0, 2.5));
    let mut swing = (Wander::new(5.0, 0.4), Wander::new(5.0, 0.4));
    let mut due = first;
    let mut samples = Vec::new();
    for (second, moment) in moments.iter().enumerate().take(last + 1).skip(first) {
        let east_m = drift.0.step(random) + swing.0.step(random);
        let north_m = drift.1.step(random) + swing.1.step(random);
        if moment.in_pause {
            continue;
        }
        let bound = second == first || second == last || moment.pause_edge;
        let written = match setup.sampling {
            Sampling::EverySecond => true,
            Sampling::AtWalls => moment.corner,
            Sampling::SmartAtTurns => bound || moment.corner || second >= due,
            Sampling::Smart | Sampling::Sparse => bound || second >= due,
        };
        if !written {
            continue;
        }
        due = second
            + match setup.sampling {
                Sampling::Sparse => 10,
                _ => random.whole(2, 7) as usize,
            };
        let error_m = if clean { (0.0, 0.0) } else { (east_m, north_m) };
        let by_deg = place.degrees(moment.lat_deg, error_m);
        let position = (moment.lat_deg + by_deg.0, moment.lng_deg + by_deg.1);
        let counted_cm = moment.distance_cm - before_cm;
        let outside = !sport.words().inside;
        let rich = !setup.bare;
        let moves = sport.has_distance();
        samples.push(Sample {
            at_s: second as u32,
            counted_cm,
            position: outside.then_some(position),
            distance_cm: moves.then_some(counted_cm),
            speed_cm_s: (rich && moves).then_some(moment.speed_cm_s),
            altitude_m: outside.then_some(moment.altitude_m),
            heart_rate_bpm: rich.then_some(moment.heart_rate_bpm),
            cadence_rpm: (rich && moves).then_some(moment.cadence_rpm),
            power_w: (rich && sport.has_power()).then_some(moment.power_w),
            temperature_c: rich.then_some(moment.temperature_c),
        });
    }
    samples
}

/// Leaves the distance as it was a second before in every other second.
fn hold(samples: &mut [Sample], moments: &[Moment]) {
    let Some((_, but_last)) = samples.split_last_mut() else {
        return;
    };
    for sample in but_last {
        let second = sample.at_s as usize;
        if second % 2 == 1 && !moments[second].pause_edge {
            sample.counted_cm = moments[second - 1].distance_cm;
            sample.distance_cm = Some(sample.counted_cm);
        }
    }
}

/// Forgets some stretches of 8 to 25 s.
fn drop_out(samples: &mut Vec<Sample>, random: &mut Random) {
    let Some(last) = samples.last().copied() else {
        return;
    };
    for _ in 0..random.whole(2, 6) {
        let from_s = random.whole(10, last.at_s.max(11));
        let to_s = from_s + random.whole(8, 25);
        // The first sample and the last are never lost.
        samples.retain(|s| s.at_s < from_s || s.at_s >= to_s || s.at_s == last.at_s);
    }
}

/// Counts some hundred metres more, at once, from some moment of movement on.
fn jump(samples: &mut [Sample], moments: &[Moment], random: &mut Random) {
    let by_cm = random.whole(30_000, 90_000);
    let from = random.whole(0, (samples.len() / 2) as u32) as usize + samples.len() / 4;
    let moves = |sample: &Sample| {
        let moment = &moments[sample.at_s as usize];
        moment.speed_cm_s > 0 && !moment.corner
    };
    let Some(at) = samples.iter().skip(from).position(moves) else {
        return;
    };
    for sample in &mut samples[from + at..] {
        sample.counted_cm += by_cm;
        sample.distance_cm = sample.distance_cm.map(|cm| cm + by_cm);
    }
}

/// Puts one to three positions in a row kilometres away, a few times.
fn spike(samples: &mut [Sample], place: &Place, random: &mut Random) {
    if samples.len() < 40 {
        return;
    }
    for _ in 0..random.whole(1, 4) {
        let from = random.whole(5, samples.len() as u32 - 20) as usize;
        let count = random.whole(1, 3) as usize;
        let side = |random: &mut Random| {
            let far_m = random.between(3_000.0, 20_000.0);
            if random.chance(0.5) { far_m } else { -far_m }
        };
        let far_m = (side(random), side(random));
        for sample in &mut samples[from..from + count] {
            sample.position = sample.position.map(|(lat_deg, lng_deg)| {
                let by_deg = place.degrees(lat_deg, far_m);
                (lat_deg + by_deg.0, lng_deg + by_deg.1)
            });
        }
    }
}
