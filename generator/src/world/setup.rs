//! What records an outing: which devices, how often they write, and what goes
//! wrong.

use serde::Serialize;

use super::calendar::Session;
use super::devices::Device;
use super::person::{Draw, Person};
use super::sport::Sport;
use crate::random::Random;

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// FIT.
    Fit,
    /// GPX: positions, and no distance.
    Gpx,
    /// TCX.
    Tcx,
}

impl FileFormat {
    /// How names of files end.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Gpx => "gpx",
            Self::Tcx => "tcx",
        }
    }
}

/// When a device writes a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Each second that is not paused.
    EverySecond,
    /// Every few seconds, and wherever the speed changes: nothing is lost.
    SmartAtTurns,
    /// Every few seconds, whatever the speed does in between.
    Smart,
    /// At the walls of a pool.
    AtWalls,
    /// Every ten seconds.
    Sparse,
}

/// What goes wrong in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Samples miss the moments at which the speed changes.
    SmartRecording,
    /// No distance is written: it has to be measured along the positions.
    PositionsOnly,
    /// Positions are some metres off.
    GpsNoise,
    /// Some positions lie kilometres away.
    PositionSpikes,
    /// The distance makes a leap of some hundred metres, and stays ahead.
    DistanceJump,
    /// For some seconds nothing is written.
    Dropouts,
    /// The distance is brought up to date every other second only.
    HeldDistance,
}

/// One recording to be made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// By which device.
    pub device: &'static Device,
    /// As what.
    pub format: FileFormat,
    /// How often.
    pub sampling: Sampling,
    /// With which flaws, in order, each once.
    pub flaws: Vec<Flaw>,
    /// How long after the outing it begins, in s.
    pub late_s: u32,
    /// How long before its end it ends, in s.
    pub early_s: u32,
    /// Whether it has time, place and distance only.
    pub bare: bool,
}

/// A way to record, and how often it is taken.
struct Way {
    share: f64,
    format: FileFormat,
    /// `None`: any that loses nothing.
    sampling: Option<Sampling>,
    flaws: &'static [Flaw],
}

const fn exact(share: f64) -> Way {
    Way {
        share,
        format: FileFormat::Fit,
        sampling: None,
        flaws: &[],
    }
}

const fn smart(share: f64) -> Way {
    Way {
        share,
        format: FileFormat::Fit,
        sampling: Some(Sampling::Smart),
        flaws: &[Flaw::SmartRecording],
    }
}

const fn flawed(share: f64, flaws: &'static [Flaw]) -> Way {
    Way {
        share,
        format: FileFormat::Fit,
        sampling: Some(Sampling::EverySecond),
        flaws,
    }
}

/// Where there are positions. The shares sum up to 1.
const OUTSIDE: &[Way] = &[
    exact(0.45),
    smart(0.08),
    flawed(0.06, &[Flaw::DistanceJump]),
    flawed(0.06, &[Flaw::PositionSpikes]),
    flawed(0.05, &[Flaw::Dropouts]),
    flawed(0.05, &[Flaw::HeldDistance]),
    flawed(0.04, &[Flaw::PositionsOnly]),
    flawed(0.05, &[Flaw::PositionsOnly, Flaw::GpsNoise]),
    flawed(
        0.05,
        &[Flaw::PositionsOnly, Flaw::GpsNoise, Flaw::PositionSpikes],
    ),
    // On a phone alone.
    Way {
        format: FileFormat::Gpx,
        ..flawed(0.06, &[Flaw::PositionsOnly, Flaw::GpsNoise])
    },
    // Out of an old training log.
    Way {
        format: FileFormat::Tcx,
        ..flawed(0.05, &[])
    },
];

/// Where there are none.
const INSIDE: &[Way] = &[exact(0.84), smart(0.08), flawed(0.08, &[Flaw::Dropouts])];

/// A device that was carried besides. The shares sum up to 1.
const BESIDES: &[Way] = &[
    Way {
        sampling: Some(Sampling::Sparse),
        ..smart(0.4)
    },
    Way {
        format: FileFormat::Tcx,
        sampling: Some(Sampling::Sparse),
        ..smart(0.3)
    },
    Way {
        format: FileFormat::Gpx,
        ..flawed(0.3, &[Flaw::PositionsOnly, Flaw::GpsNoise])
    },
];

impl Setup {
    /// The way that is drawn, on this device or, as GPX, on a phone.
    fn drawn(ways: &[Way], own: &'static Device, person: &Person, random: &mut Random) -> Self {
        let drawn = random.unit();
        let lossless = match random.chance(0.6) {
            true => Sampling::EverySecond,
            false => Sampling::SmartAtTurns,
        };
        let mut reached = 0.0;
        let way = ways.iter().find(|way| {
            reached += way.share;
            drawn < reached
        });
        let way = way.unwrap_or(&ways[0]);
        Self {
            device: match way.format {
                FileFormat::Gpx => person.phone,
                FileFormat::Fit | FileFormat::Tcx => own,
            },
            format: way.format,
            sampling: way.sampling.unwrap_or(lossless),
            flaws: way.flaws.to_vec(),
            late_s: 0,
            early_s: 0,
            bare: false,
        }
    }

    /// Whether it has that flaw.
    pub fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }
}

/// What records a session: first the recording that counts, then the others,
/// which begin within seconds of it and say less.
pub fn setups(person: &Person, session: &Session) -> Vec<Setup> {
    let mut random = person.random(Draw::Setup, &session.path);
    let sport = session.kind.sport();
    let own = match sport.has_power() {
        true => person.bike_computer,
        false => person.watch,
    };
    let ways = match sport.words().inside {
        true => INSIDE,
        false => OUTSIDE,
    };
    let mut first = Setup::drawn(ways, own, person, &mut random);
    if sport == Sport::Swim {
        (first.sampling, first.flaws) = (Sampling::AtWalls, Vec::new());
    }
    if first.format == FileFormat::Tcx && matches!(sport, Sport::Hike | Sport::Walk) {
        // TCX has no word for them.
        first.format = FileFormat::Fit;
    }
    // What is best in a format must not be bettered by the second device.
    let twice = !sport.words().inside && first.format == FileFormat::Fit && random.chance(0.2);
    let mut setups = vec![first];
    if twice {
        let second = Setup::drawn(BESIDES, person.watch, person, &mut random);
        setups.push(Setup {
            late_s: random.whole(0, 20),
            early_s: random.whole(0, 5),
            bare: true,
            ..second
        });
    }
    setups
}
