//! Words for FIT's numbers: sports, file types, devices.

use rustyfit::profile::typedef::{File, GarminProduct, Manufacturer, Sport, SubSport};

use super::message::Device;

/// Whether a file of this type holds an activity.
pub(super) fn is_activity(file_type: u8) -> bool {
    file_type == File::ACTIVITY.0
}

/// What a file of this type holds, for people.
pub(super) fn file_type(file_type: u8) -> String {
    known(File(file_type)).map_or_else(
        || format!("file type {file_type}"),
        |name| name.replace('_', " "),
    )
}

/// A sport as the profile calls it; `sport_` and its number where it is newer
/// than the profile.
pub(super) fn sport(sport: u8) -> String {
    known(Sport(sport)).unwrap_or_else(|| format!("sport_{sport}"))
}

/// A sub-sport likewise; `None` for the generic one, which says nothing.
pub(super) fn sub_sport(sub_sport: u8) -> Option<String> {
    if SubSport(sub_sport) == SubSport::GENERIC {
        return None;
    }
    Some(known(SubSport(sub_sport)).unwrap_or_else(|| format!("sub_sport_{sub_sport}")))
}

/// A device as people call it, such as `Garmin Forerunner 935`.
pub(super) fn device(device: &Device) -> Option<String> {
    // 255 is what programs under development write.
    let maker = device
        .manufacturer
        .filter(|maker| *maker != Manufacturer::DEVELOPMENT.0)
        .and_then(|maker| known(Manufacturer(maker)))
        .map(|name| manufacturer(&name));
    let model = device.product_name.clone().or_else(|| {
        let made_by_garmin = device.manufacturer == Some(Manufacturer::GARMIN.0);
        let product = device.product.filter(|_| made_by_garmin)?;
        known(GarminProduct(product)).map(|name| garmin_model(&name))
    });
    match (maker, model) {
        (Some(maker), Some(model)) if model.starts_with(&maker) => Some(model),
        (Some(maker), Some(model)) => Some(format!("{maker} {model}")),
        (maker, model) => maker.or(model),
    }
}

/// The profile's name of a value; `None` where it has none.
fn known(value: impl std::fmt::Display) -> Option<String> {
    // Values without a name are shown as `Type(number)`.
    Some(value.to_string()).filter(|name| !name.ends_with(')'))
}

/// Names that are written otherwise than with capitals at the beginnings.
const MANUFACTURERS: &[(&str, &str)] = &[
    ("coros", "COROS"),
    ("wahoo_fitness", "Wahoo"),
    ("tomtom", "TomTom"),
    ("onelap", "OneLap"),
    ("igpsport", "iGPSPORT"),
    ("trainer_road", "TrainerRoad"),
    ("the_sufferfest", "The Sufferfest"),
    ("mio_technology_europe", "Mio"),
];

fn manufacturer(name: &str) -> String {
    if let Some((_, written)) = MANUFACTURERS.iter().find(|(key, _)| *key == name) {
        return (*written).to_owned();
    }
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect()
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How Garmin's families begin in the profile, and how people write them.
const GARMIN_FAMILIES: &[(&str, &str)] = &[
    ("fr", "Forerunner"),
    ("edge", "Edge"),
    ("fenix", "fenix"),
    ("vivoactive", "vivoactive"),
    ("vivo_active", "vivoactive"),
    ("vivosmart", "vivosmart"),
    ("vivo_smart", "vivosmart"),
    ("vivomove", "vivomove"),
    ("vivo_move", "vivomove"),
    ("vivo_sport", "vivosport"),
    ("venusq", "Venu Sq"),
    ("venu", "Venu"),
    ("instinct", "Instinct"),
    ("epix", "epix"),
    ("enduro", "Enduro"),
    ("marq", "MARQ"),
    ("approach", "Approach"),
    ("descent", "Descent"),
    ("lily", "Lily"),
    ("swim", "Swim"),
];

fn garmin_model(name: &str) -> String {
    let family = GARMIN_FAMILIES
        .iter()
        .find_map(|(key, written)| name.strip_prefix(key).map(|rest| (*written, rest)));
    let Some((family, rest)) = family else {
        return name.replace('_', " ");
    };
    let mut words = vec![family.to_owned()];
    for word in rest.split('_').filter(|word| !word.is_empty()) {
        // Numbers carry letters in capitals (735XT, 5X), words do not.
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        let is_short = word.len() <= 2;
        words.push(if is_number || is_short {
            word.to_uppercase()
        } else {
            word.to_owned()
        });
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(manufacturer: u16, product: u16, product_name: Option<&str>) -> Option<String> {
        device(&Device {
            manufacturer: Some(manufacturer),
            product: Some(product),
            product_name: product_name.map(str::to_owned),
        })
    }

    #[test]
    fn devices_are_called_as_people_call_them() {
        assert_eq!(
            named(1, 2691, None).as_deref(),
            Some("Garmin Forerunner 935")
        );
        assert_eq!(
            named(1, 2158, None).as_deref(),
            Some("Garmin Forerunner 735XT")
        );
        assert_eq!(named(1, 1967, None).as_deref(), Some("Garmin fenix 2"));
        assert_eq!(
            named(1, 1, Some("Edge 130")).as_deref(),
            Some("Garmin Edge 130")
        );
        assert_eq!(named(32, 28, None).as_deref(), Some("Wahoo"));
        assert_eq!(named(255, 1, None), None);
        assert_eq!(named(65_000, 1, None), None);
    }

    #[test]
    fn numbers_newer_than_the_profile_keep_their_number() {
        assert_eq!(sport(1), "running");
        assert_eq!(sport(250), "sport_250");
        assert_eq!(sub_sport(0), None);
        assert_eq!(sub_sport(3).as_deref(), Some("trail"));
        assert_eq!(file_type(6), "course");
    }
}
