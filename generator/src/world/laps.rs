//! What a device adds up over a lap, or over the whole.

use super::recording::{Recorded, Sample};
use super::sport::Sport;

/// Sums over a lap or the whole of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Seconds since the start of the outing.
    pub from_s: u32,
    /// Likewise.
    pub to_s: u32,
    /// Without pauses.
    pub timer_s: u32,
    /// As the device counts it.
    pub covers_cm: u32,
    /// Average and highest, where they were recorded.
    pub heart_rates: Option<(u8, u8)>,
}

impl Stretch {
    /// Over all samples.
    pub fn whole(recorded: &Recorded) -> Self {
        let samples = recorded.samples.as_slice();
        Self::over(recorded, samples, (recorded.first_s(), 0))
    }

    /// Over samples of a recording, from an instant and the distance then.
    fn over(recorded: &Recorded, samples: &[Sample], (from_s, from_cm): (u32, u32)) -> Self {
        let (to_s, to_cm) = samples
            .last()
            .map_or((from_s, from_cm), |last| (last.at_s, last.counted_cm));
        let rates = || samples.iter().filter_map(|sample| sample.heart_rate_bpm);
        let sum: u64 = rates().map(u64::from).sum();
        let average = sum.checked_div(rates().count() as u64);
        Self {
            from_s,
            to_s,
            timer_s: to_s - from_s - recorded.paused_s(from_s, to_s),
            covers_cm: to_cm - from_cm,
            heart_rates: average
                .zip(rates().max())
                .map(|(average, highest)| (average as u8, highest)),
        }
    }

    /// From start to end.
    pub fn elapsed_s(&self) -> u32 {
        self.to_s - self.from_s
    }

    /// About a kilocalorie for each kilogram and kilometre on foot, a third of
    /// it on wheels; some for each minute with weights.
    pub fn calories_kcal(&self, sport: Sport) -> u16 {
        let km = f64::from(self.covers_cm) / 100_000.0;
        let kcal = match sport {
            Sport::Run | Sport::Treadmill | Sport::Hike | Sport::Walk => 72.0 * km,
            Sport::Ride | Sport::Trainer => 25.0 * km,
            Sport::Swim => 250.0 * km,
            Sport::Gym => 6.0 * f64::from(self.timer_s) / 60.0,
        };
        kcal as u16
    }
}

/// The laps of a recording, at least one: each ends at the first sample at
/// which its distance is full, or with a rest in the pool.
pub fn laps(sport: Sport, recorded: &Recorded) -> Vec<Stretch> {
    let lap_cm = sport.words().lap_cm;
    let mut laps = Vec::new();
    let (mut from, mut start) = (0, (recorded.first_s(), 0));
    let mut rests = recorded
        .lengths
        .iter()
        .filter(|length| !length.active)
        .peekable();
    for (at, sample) in recorded.samples.iter().enumerate() {
        let rested = rests.next_if(|rest| rest.to_s <= sample.at_s).is_some();
        let is_last = at + 1 == recorded.samples.len();
        if rested || is_last || sample.counted_cm - start.1 >= lap_cm {
            laps.push(Stretch::over(recorded, &recorded.samples[from..=at], start));
            (from, start) = (at + 1, (sample.at_s, sample.counted_cm));
        }
    }
    laps
}
