//! What people record with.

use rustyfit::profile::typedef::{GarminProduct, Manufacturer};

/// A watch, a bike computer or an application on a phone.
#[derive(Debug)]
pub struct Device {
    /// As people call it.
    pub name: &'static str,
    /// Who made it, as FIT numbers makers.
    pub maker: Manufacturer,
    /// The maker's number for it.
    pub product: u16,
}

const fn device(name: &'static str, maker: Manufacturer, product: u16) -> Device {
    Device {
        name,
        maker,
        product,
    }
}

const fn garmin(name: &'static str, product: GarminProduct) -> Device {
    device(name, Manufacturer::GARMIN, product.0)
}

/// On the wrist.
pub const WATCHES: &[Device] = &[
    garmin("Garmin Forerunner 255", GarminProduct::FR255),
    garmin("Garmin Forerunner 945", GarminProduct::FR945),
    garmin("Garmin fenix 6", GarminProduct::FENIX6),
    device("COROS PACE 2", Manufacturer::COROS, 841),
    device("Suunto 9", Manufacturer::SUUNTO, 42),
];

/// On the handlebar.
pub const BIKE_COMPUTERS: &[Device] = &[
    garmin("Garmin Edge 530", GarminProduct::EDGE_530),
    device("Wahoo ELEMNT BOLT", Manufacturer::WAHOO_FITNESS, 31),
    device("Hammerhead Karoo 2", Manufacturer::HAMMERHEAD, 2),
];

/// In the pocket. Its number is of no maker, as programs have it.
pub const PHONES: &[Device] = &[
    device("StravaGPX Android", Manufacturer::STRAVA, 0),
    device("StravaGPX iPhone", Manufacturer::STRAVA, 1),
];
