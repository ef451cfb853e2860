//! The table of an account archive, as Strava writes it in English.

use jiff::Timestamp;

use super::calendar::Session;
use super::laps::Stretch;
use super::recording::Recorded;

/// The columns of August 2024. Some names stand there twice: first as they are
/// shown, then in SI units.
const HEADER: &str = "Activity ID,Activity Date,Activity Name,Activity Type,\
Activity Description,Elapsed Time,Distance,Max Heart Rate,Relative Effort,Commute,\
Activity Private Note,Activity Gear,Filename,Athlete Weight,Bike Weight,Elapsed Time,\
Moving Time,Distance,Max Speed,Average Speed,Elevation Gain,Elevation Loss,Elevation Low,\
Elevation High,Max Grade,Average Grade,Average Positive Grade,Average Negative Grade,\
Max Cadence,Average Cadence,Max Heart Rate,Average Heart Rate,Max Watts,Average Watts,\
Calories,Max Temperature,Average Temperature,Relative Effort,Total Work,Number of Runs,\
Uphill Time,Downhill Time,Other Time,Perceived Exertion,Type,Start Time,\
Weighted Average Power,Power Count,Prefer Perceived Exertion,Perceived Relative Effort,\
Commute,Total Weight Lifted,From Upload,Grade Adjusted Distance,Weather Observation Time,\
Weather Condition,Weather Temperature,Apparent Temperature,Dewpoint,Humidity,\
Weather Pressure,Wind Speed,Wind Gust,Wind Bearing,Precipitation Intensity,Sunrise Time,\
Sunset Time,Moon Phase,Bike,Gear,Precipitation Probability,Precipitation Type,Cloud Cover,\
Weather Visibility,UV Index,Weather Ozone,Jump Count,Total Grit,Average Flow,Flagged,\
Average Elapsed Speed,Dirt Distance,Newly Explored Distance,Newly Explored Dirt Distance,\
Activity Count,Total Steps,Carbon Saved,Pool Length,Training Load,Intensity,\
Average Grade Adjusted Pace,Timer Time,Total Cycles,Media";

/// The header of the table.
pub fn header() -> Vec<&'static str> {
    HEADER.split(',').collect()
}

/// The id of an upload: no two recordings of an athlete share one.
pub fn id(session: &Session, number: usize) -> u64 {
    session.start_unix_s.unsigned_abs() * 8 + number as u64
}

/// The row of a recording whose file lies there, below the table's folder.
pub fn row(
    session: &Session,
    number: usize,
    recorded: &Recorded,
    moving_s: f64,
    file: &str,
) -> Vec<String> {
    let sport = session.kind.sport();
    let whole = Stretch::whole(recorded);
    let metres = f64::from(whole.covers_cm) / 100.0;
    // Swims are shown in metres, everything else in kilometres.
    let shown = match sport.words().strava {
        "Swim" => format!("{metres:.0}"),
        _ => format!("{:.2}", metres / 1_000.0),
    };
    let start_unix_s = session.start_unix_s + i64::from(recorded.first_s());
    let start = Timestamp::from_second(start_unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    let elapsed_s = f64::from(whole.elapsed_s());
    let moving_s = moving_s.min(elapsed_s);
    let mut cells = vec![String::new(); header().len()];
    let mut set = |at: usize, cell: String| cells[at] = cell;
    set(0, id(session, number).to_string());
    set(1, start.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string());
    set(2, session.kind.name().to_owned());
    set(3, sport.words().strava.to_owned());
    set(5, whole.elapsed_s().to_string());
    set(6, shown);
    set(9, "false".to_owned());
    set(12, file.to_owned());
    set(15, format!("{elapsed_s:.1}"));
    set(16, format!("{moving_s:.1}"));
    set(17, format!("{metres:.2}"));
    if let Some((average, highest)) = whole.heart_rates {
        set(7, highest.to_string());
        set(30, format!("{highest}.0"));
        set(31, format!("{average}.0"));
    }
    set(34, format!("{}.0", whole.calories_kcal(sport)));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_stand_below_their_names() {
        let header = header();
        let named = [
            (0, "Activity ID"),
            (1, "Activity Date"),
            (2, "Activity Name"),
            (3, "Activity Type"),
            (5, "Elapsed Time"),
            (6, "Distance"),
            (7, "Max Heart Rate"),
            (9, "Commute"),
            (12, "Filename"),
            (15, "Elapsed Time"),
            (16, "Moving Time"),
            (17, "Distance"),
            (30, "Max Heart Rate"),
            (31, "Average Heart Rate"),
            (34, "Calories"),
        ];
        for (at, name) in named {
            assert_eq!(header[at], name);
        }
    }
}
