//! A recording as GPX 1.1 and as TCX, with the extensions of Garmin.
//!
//! All that is written are numbers and words of ours, so that nothing needs to
//! be escaped.

use std::fmt::Write;

use jiff::Timestamp;

use super::calendar::Session;
use super::laps::{Stretch, laps};
use super::recording::{Recorded, Sample};
use super::setup::Setup;

const GPX_HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1" xsi:schemaLocation="http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd http://www.garmin.com/xmlschemas/TrackPointExtension/v1 http://www.garmin.com/xmlschemas/TrackPointExtensionv1.xsd""#;

const TCX_HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:ax="http://www.garmin.com/xmlschemas/ActivityExtension/v2">
"#;

/// `YYYY-MM-DDTHH:MM:SSZ` of so many seconds after the start of a session.
pub fn time(session: &Session, second: u32) -> String {
    let instant = Timestamp::from_second(session.start_unix_s + i64::from(second));
    // Sessions lie within some centuries of 1970.
    instant.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// The recording as GPX: a segment from pause to pause. Samples without a
/// position have no place in it.
pub fn gpx(session: &Session, setup: &Setup, recorded: &Recorded) -> String {
    let mut xml = String::with_capacity(recorded.samples.len() * 300 + 2_000);
    let words = session.kind.sport().words();
    let start = time(session, recorded.first_s());
    put(
        &mut xml,
        format_args!("{GPX_HEAD} creator=\"{}\">\n", setup.device.name),
    );
    put(
        &mut xml,
        format_args!(" <metadata><time>{start}</time></metadata>\n"),
    );
    put(
        &mut xml,
        format_args!(
            " <trk>\n  <name>{}</name>\n  <type>{}</type>\n  <trkseg>\n",
            session.kind.name(),
            words.gpx
        ),
    );
    for sample in &recorded.samples {
        if recorded.pauses.iter().any(|(_, to_s)| *to_s == sample.at_s) {
            xml.push_str("  </trkseg>\n  <trkseg>\n");
        }
        gpx_point(&mut xml, session, sample);
    }
    xml.push_str("  </trkseg>\n </trk>\n</gpx>\n");
    xml
}

fn gpx_point(xml: &mut String, session: &Session, sample: &Sample) {
    let Some((lat_deg, lng_deg)) = sample.position else {
        return;
    };
    put(
        xml,
        format_args!("   <trkpt lat=\"{lat_deg:.7}\" lon=\"{lng_deg:.7}\">"),
    );
    if let Some(altitude_m) = sample.altitude_m {
        put(xml, format_args!("<ele>{altitude_m:.1}</ele>"));
    }
    put(
        xml,
        format_args!("<time>{}</time>", time(session, sample.at_s)),
    );
    let body = [
        ("atemp", sample.temperature_c.map(i32::from)),
        ("hr", sample.heart_rate_bpm.map(i32::from)),
        ("cad", sample.cadence_rpm.map(i32::from)),
    ];
    if body.iter().any(|(_, value)| value.is_some()) {
        xml.push_str("<extensions><gpxtpx:TrackPointExtension>");
        for (name, value) in body {
            if let Some(value) = value {
                put(xml, format_args!("<gpxtpx:{name}>{value}</gpxtpx:{name}>"));
            }
        }
        xml.push_str("</gpxtpx:TrackPointExtension></extensions>");
    }
    xml.push_str("</trkpt>\n");
}

/// The recording as TCX: laps with a track each, cut at pauses.
pub fn tcx(session: &Session, setup: &Setup, recorded: &Recorded) -> String {
    let mut xml = String::with_capacity(recorded.samples.len() * 400 + 2_000);
    let sport = session.kind.sport();
    xml.push_str(TCX_HEAD);
    put(
        &mut xml,
        format_args!(
            " <Activities>\n  <Activity Sport=\"{}\">\n   <Id>{}</Id>\n",
            sport.words().tcx,
            time(session, recorded.first_s())
        ),
    );
    let mut samples = recorded.samples.iter().peekable();
    for lap in laps(sport, recorded) {
        lap_head(&mut xml, session, &lap);
        xml.push_str("    <Track>\n");
        while let Some(sample) = samples.next_if(|sample| sample.at_s <= lap.to_s) {
            if recorded.pauses.iter().any(|(_, to_s)| *to_s == sample.at_s) {
                xml.push_str("    </Track>\n    <Track>\n");
            }
            tcx_point(&mut xml, session, sample);
        }
        xml.push_str("    </Track>\n   </Lap>\n");
    }
    put(
        &mut xml,
        format_args!(
            "   <Creator xsi:type=\"Device_t\"><Name>{}</Name><UnitId>1</UnitId>\
             <ProductID>{}</ProductID><Version><VersionMajor>1</VersionMajor>\
             <VersionMinor>0</VersionMinor></Version></Creator>\n",
            setup.device.name, setup.device.product
        ),
    );
    xml.push_str("  </Activity>\n </Activities>\n</TrainingCenterDatabase>\n");
    xml
}

fn lap_head(xml: &mut String, session: &Session, lap: &Stretch) {
    put(
        xml,
        format_args!(
            "   <Lap StartTime=\"{}\">\n    <TotalTimeSeconds>{}.0</TotalTimeSeconds>\n    \
             <DistanceMeters>{}</DistanceMeters>\n    <Calories>{}</Calories>\n",
            time(session, lap.from_s),
            lap.timer_s,
            Metres(lap.covers_cm),
            lap.calories_kcal(session.kind.sport())
        ),
    );
    if let Some((average, highest)) = lap.heart_rates {
        put(
            xml,
            format_args!(
                "    <AverageHeartRateBpm><Value>{average}</Value></AverageHeartRateBpm>\n    \
                 <MaximumHeartRateBpm><Value>{highest}</Value></MaximumHeartRateBpm>\n"
            ),
        );
    }
    xml.push_str(
        "    <Intensity>Active</Intensity>\n    <TriggerMethod>Distance</TriggerMethod>\n",
    );
}

fn tcx_point(xml: &mut String, session: &Session, sample: &Sample) {
    let at = time(session, sample.at_s);
    put(xml, format_args!("     <Trackpoint><Time>{at}</Time>"));
    if let Some((lat_deg, lng_deg)) = sample.position {
        put(
            xml,
            format_args!(
                "<Position><LatitudeDegrees>{lat_deg:.7}</LatitudeDegrees>\
                 <LongitudeDegrees>{lng_deg:.7}</LongitudeDegrees></Position>"
            ),
        );
    }
    if let Some(altitude_m) = sample.altitude_m {
        put(
            xml,
            format_args!("<AltitudeMeters>{altitude_m:.1}</AltitudeMeters>"),
        );
    }
    if let Some(cm) = sample.distance_cm {
        put(
            xml,
            format_args!("<DistanceMeters>{}</DistanceMeters>", Metres(cm)),
        );
    }
    if let Some(rate) = sample.heart_rate_bpm {
        put(
            xml,
            format_args!("<HeartRateBpm><Value>{rate}</Value></HeartRateBpm>"),
        );
    }
    if let Some(power_w) = sample.power_w {
        put(
            xml,
            format_args!(
                "<Extensions><ax:TPX><ax:Watts>{power_w}</ax:Watts></ax:TPX></Extensions>"
            ),
        );
    }
    xml.push_str("</Trackpoint>\n");
}

/// Centimetres, written as metres without rounding.
struct Metres(u32);

impl std::fmt::Display for Metres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

fn put(xml: &mut String, text: std::fmt::Arguments<'_>) {
    xml.write_fmt(text)
        .expect("a string takes all that is written to it");
}
