//! From a line of text to samples.

use storage::sport::Sport;

use crate::Sketch;

/// The activity that a line describes; the module documentation is its manual.
///
/// # Panics
///
/// Where the line means nothing: a test that says so is wrong.
pub fn sketch(line: &str) -> Sketch {
    let (head, pieces) = line.split_once(':').expect("a sketch is `sport: piece, …`");
    let mut words = head.split_whitespace();
    let name = words.next().expect("a sketch begins with a sport");
    let sport = Sport::named(name).unwrap_or_else(|| panic!("no sport {name:?}"));
    let mut pencil = Pencil::new(sport);
    for option in words {
        pencil.head(option);
    }
    for piece in pieces.split(',') {
        pencil.piece(piece);
    }
    pencil.finish()
}

/// What is drawn so far, and where the pencil stands.
struct Pencil {
    sketch: Sketch,
    every_ms: i64,
    axis: bool,
    altitude: bool,
    t_ms: i64,
    distance_mm: i64,
    altitude_mm: i64,
}

/// What a piece does to time and distance.
struct Stretch {
    lasts_ms: i64,
    distance_mm: i64,
    /// Samples within, or only at its end.
    sampled: bool,
    timed: bool,
}

#[derive(Default)]
struct Options {
    heart_rate_bpm: Option<i32>,
    cadence_rpm: Option<i32>,
    power_w: Option<i32>,
    temperature_c: Option<i32>,
    climb_mm: i64,
    no_altitude: bool,
    length: bool,
    masked: bool,
}

impl Pencil {
    fn new(sport: Sport) -> Self {
        Self {
            sketch: Sketch::empty(sport),
            every_ms: 1_000,
            axis: true,
            altitude: false,
            t_ms: 0,
            distance_mm: 0,
            altitude_mm: 0,
        }
    }

    fn head(&mut self, option: &str) {
        if option == "noaxis" {
            self.axis = false;
        } else if let Some(every) = option.strip_prefix("every") {
            self.every_ms = milliseconds(every);
        } else if let Some(altitude) = option.strip_prefix("alt") {
            self.altitude = true;
            self.altitude_mm = millimetres(altitude);
        } else if let Some(distance) = option.strip_prefix("include") {
            self.sketch.included_mm.push(millimetres(distance));
        } else {
            panic!("no option {option:?} of a whole sketch");
        }
    }

    fn piece(&mut self, piece: &str) {
        let mut words = piece.split_whitespace().peekable();
        let verb = words.next().unwrap_or_else(|| panic!("an empty piece"));
        let mut word = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{piece:?} is cut short"))
        };
        let mut stretch = Stretch {
            lasts_ms: 1_000,
            distance_mm: 0,
            sampled: true,
            timed: true,
        };
        match verb {
            "stop" => stretch.lasts_ms = milliseconds(word()),
            "jump" => {
                stretch.distance_mm = millimetres(word());
                stretch.sampled = false;
            }
            "gap" => {
                stretch.lasts_ms = milliseconds(word());
                let is_number = |next: &&str| next.starts_with(|c: char| c.is_ascii_digit());
                if let Some(distance) = words.next_if(is_number) {
                    stretch.distance_mm = millimetres(distance);
                }
                stretch.sampled = false;
                stretch.timed = false;
            }
            _ => {
                let (distance, pace) = verb
                    .split_once('@')
                    .unwrap_or_else(|| panic!("no piece {piece:?}"));
                stretch.distance_mm = millimetres(distance);
                let (minutes, seconds) = pace.split_once(':').expect("a pace is `5:00`");
                let per_km_ms = number(minutes) * 60_000.0 + number(seconds) * 1_000.0;
                let lasts = stretch.distance_mm as f64 * per_km_ms / 1e6;
                stretch.lasts_ms = lasts.round() as i64;
            }
        }
        let mut options = Options::default();
        for word in words {
            options.read(word);
        }
        self.draw(&stretch, &options);
    }

    fn draw(&mut self, stretch: &Stretch, options: &Options) {
        self.altitude |= options.climb_mm != 0;
        let (t, mm, up) = (self.t_ms, self.distance_mm, self.altitude_mm);
        if self.sketch.t_ms.is_empty() {
            self.sample(options);
        }
        let first_sample = self.sketch.t_ms.len() - 1;
        let every = match stretch.sampled {
            true => self.every_ms,
            false => stretch.lasts_ms,
        };
        let mut gone = 0;
        while gone < stretch.lasts_ms {
            gone = (gone + every).min(stretch.lasts_ms);
            let share = |whole: i64| whole * gone / stretch.lasts_ms;
            self.t_ms = t + gone;
            self.distance_mm = mm + share(stretch.distance_mm);
            self.altitude_mm = up + share(options.climb_mm);
            self.sample(options);
        }
        if stretch.timed {
            self.sketch.timer_ms += stretch.lasts_ms;
        }
        if options.length {
            self.sketch.active_lengths_ms.push((t, self.t_ms));
        }
        if options.masked {
            let last_sample = self.sketch.t_ms.len() - 1;
            self.sketch.masks.push((first_sample, last_sample));
        }
    }

    fn sample(&mut self, options: &Options) {
        let sketch = &mut self.sketch;
        sketch.t_ms.push(self.t_ms);
        sketch
            .distance_cm
            .push((self.distance_mm + 5).div_euclid(10));
        let cm = i32::try_from((self.altitude_mm + 5).div_euclid(10)).expect("below space");
        sketch
            .altitude_cm
            .push((!options.no_altitude).then_some(cm));
        sketch.heart_rate_bpm.push(options.heart_rate_bpm);
        sketch.cadence_rpm.push(options.cadence_rpm);
        sketch.power_w.push(options.power_w);
        sketch.temperature_c.push(options.temperature_c);
    }

    /// Channels that were silent throughout were never recorded.
    fn finish(mut self) -> Sketch {
        let sketch = &mut self.sketch;
        if !self.axis {
            sketch.distance_cm.clear();
        }
        if !self.altitude {
            sketch.altitude_cm.clear();
        }
        for channel in [
            &mut sketch.heart_rate_bpm,
            &mut sketch.cadence_rpm,
            &mut sketch.power_w,
            &mut sketch.temperature_c,
        ] {
            if channel.iter().all(Option::is_none) {
                channel.clear();
            }
        }
        self.sketch
    }
}

impl Options {
    fn read(&mut self, word: &str) {
        let whole = |value: &str| {
            value
                .parse()
                .unwrap_or_else(|_| panic!("no value {word:?}"))
        };
        match word {
            "noalt" => self.no_altitude = true,
            "length" => self.length = true,
            "masked" => self.masked = true,
            _ => {
                let digits = word
                    .find(|c: char| c.is_ascii_digit() || c == '-')
                    .unwrap_or_else(|| panic!("no option {word:?} of a piece"));
                let (name, value) = word.split_at(digits);
                match name {
                    "hr" => self.heart_rate_bpm = Some(whole(value)),
                    "cad" => self.cadence_rpm = Some(whole(value)),
                    "power" => self.power_w = Some(whole(value)),
                    "temp" => self.temperature_c = Some(whole(value)),
                    "up" => self.climb_mm = millimetres(value),
                    "down" => self.climb_mm = -millimetres(value),
                    _ => panic!("no option {word:?} of a piece"),
                }
            }
        }
    }
}

fn number(text: &str) -> f64 {
    text.parse()
        .unwrap_or_else(|_| panic!("no number {text:?}"))
}

/// `20s`, `0.5s`.
fn milliseconds(text: &str) -> i64 {
    let seconds = text.strip_suffix('s').expect("a duration ends in `s`");
    (number(seconds) * 1_000.0).round() as i64
}

/// `400m`, `1.5km`, `1mile`.
fn millimetres(text: &str) -> i64 {
    let unit = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or_else(|| panic!("{text:?} has no unit"));
    let (value, unit) = text.split_at(unit);
    let millimetres = match unit {
        "m" => 1e3,
        "km" => 1e6,
        "mile" => 1_609_344.0,
        _ => panic!("no unit of length {unit:?}"),
    };
    (number(value) * millimetres).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_one_another() {
        let run = sketch("run every10s: 100m@5:00 hr150, stop 15s, gap 60s 50m, jump 7m");
        assert_eq!(
            run.t_ms,
            [0, 10_000, 20_000, 30_000, 40_000, 45_000, 105_000, 106_000]
        );
        assert_eq!(
            run.distance_cm,
            [0, 3_333, 6_667, 10_000, 10_000, 10_000, 15_000, 15_700]
        );
        assert_eq!(
            run.heart_rate_bpm[..5],
            [Some(150), Some(150), Some(150), Some(150), None]
        );
        assert_eq!(run.timer_ms, 46_000);
        assert!(run.altitude_cm.is_empty() && run.power_w.is_empty());
    }

    #[test]
    fn options_mark_altitude_lengths_and_masks() {
        let swim = sketch("swim alt10m every5s: 25m@6:40 length up1m, 25m@6:40 masked noalt");
        assert_eq!(
            swim.altitude_cm,
            [Some(1_000), Some(1_050), Some(1_100), None, None]
        );
        assert_eq!(swim.active_lengths_ms, [(0, 10_000)]);
        assert_eq!(swim.masks, [(2, 4)]);
    }
}
