//! What Strava's account archive calls things, by the account's language.
//!
//! Only names that were seen in archives stand here; a column whose name is
//! not listed is found by its position.

use super::columns::Column::{self, *};

/// One language of an account.
pub(super) struct Language {
    /// Its code.
    pub(super) code: &'static str,
    /// Whether numbers have a decimal comma.
    pub(super) decimal_comma: bool,
    /// Names of columns. A name that stands twice in a header is listed for
    /// both columns: the first is for display, the second in SI units.
    pub(super) columns: &'static [(Column, &'static str)],
    /// Types of activities, as they are called in English.
    pub(super) types: &'static [(&'static str, &'static str)],
}

/// The languages that are known.
pub(super) const LANGUAGES: &[Language] = &[
    Language {
        code: "en",
        decimal_comma: false,
        columns: &[
            (ActivityId, "Activity ID"),
            (Date, "Activity Date"),
            (Name, "Activity Name"),
            (Type, "Activity Type"),
            (Description, "Activity Description"),
            (ShownElapsed, "Elapsed Time"),
            (ShownDistance, "Distance"),
            (ShownMaxHeartRate, "Max Heart Rate"),
            (Commute, "Commute"),
            (Gear, "Activity Gear"),
            (Filename, "Filename"),
            (Elapsed, "Elapsed Time"),
            (Moving, "Moving Time"),
            (Distance, "Distance"),
            (Climb, "Elevation Gain"),
            (Descent, "Elevation Loss"),
            (MaxHeartRate, "Max Heart Rate"),
            (AvgHeartRate, "Average Heart Rate"),
            (Calories, "Calories"),
        ],
        types: &[],
    },
    Language {
        code: "de",
        decimal_comma: true,
        columns: &[
            (ActivityId, "Aktivitäts-ID"),
            (Date, "Aktivitätsdatum"),
            (Name, "Name der Aktivität"),
            (Type, "Aktivitätsart"),
            (Description, "Aktivitätsbeschreibung"),
            (ShownElapsed, "Verstrichene Zeit"),
            (ShownDistance, "Distanz"),
            (ShownMaxHeartRate, "Max. Herzfrequenz"),
            (Commute, "Pendeln"),
            (Gear, "Aktivitätsausrüstung"),
            (Filename, "Dateiname"),
            (Elapsed, "Verstrichene Zeit"),
            (Moving, "Bewegungszeit"),
            (Distance, "Distanz"),
            (Climb, "Höhenzunahme"),
            (Descent, "Höhenunterschied"),
            (MaxHeartRate, "Max. Herzfrequenz"),
            (AvgHeartRate, "Durchschnittliche Herzfrequenz"),
            (Calories, "Kalorien"),
        ],
        types: &[
            ("Lauf", "Run"),
            ("Traillauf", "Trail Run"),
            ("Radfahrt", "Ride"),
            ("Virtuelle Radfahrt", "Virtual Ride"),
            ("E-Bike-Radfahrt", "E-Bike Ride"),
            ("Spaziergang", "Walk"),
            ("Wanderung", "Hike"),
            ("Wandern", "Hike"),
            ("Schwimmen", "Swim"),
            ("Gewichtstraining", "Weight Training"),
            ("Training", "Workout"),
        ],
    },
    Language {
        code: "fr",
        decimal_comma: true,
        columns: &[
            (ActivityId, "ID de l'activité"),
            (Date, "Date de l'activité"),
            (Type, "Type d'activité"),
            (ShownElapsed, "Temps écoulé"),
            (ShownDistance, "Distance"),
            (Elapsed, "Temps écoulé"),
            (Moving, "Durée de déplacement"),
            (Distance, "Distance"),
            (Climb, "Dénivelé positif"),
            (AvgHeartRate, "Fréquence cardiaque moyenne"),
            (Calories, "Calories"),
        ],
        types: &[
            ("Course à pied", "Run"),
            ("Vélo", "Ride"),
            ("Vélo virtuel", "Virtual Ride"),
            ("Marche", "Walk"),
            ("Randonnée", "Hike"),
            ("Natation", "Swim"),
        ],
    },
    Language {
        code: "nl",
        decimal_comma: true,
        columns: &[
            (ActivityId, "Activiteits-ID"),
            (Date, "Datum van activiteit"),
            (Name, "Naam activiteit"),
            (Type, "Activiteitstype"),
            (ShownElapsed, "Verstreken tijd"),
            (ShownDistance, "Afstand"),
            (ShownMaxHeartRate, "Max. hartslag"),
            (Filename, "Bestandsnaam"),
            (Elapsed, "Verstreken tijd"),
            (Moving, "Beweegtijd"),
            (Distance, "Afstand"),
            (Climb, "Totale stijging"),
            (Descent, "Totale daling"),
            (MaxHeartRate, "Max. hartslag"),
            (AvgHeartRate, "Gemiddelde hartslag"),
            (Calories, "Calorieën"),
        ],
        types: &[
            ("Hardloopsessie", "Run"),
            ("Fietsrit", "Ride"),
            ("Virtuele fietsrit", "Virtual Ride"),
            ("Wandeling", "Walk"),
            ("Wandelen", "Walk"),
            ("Zwemmen", "Swim"),
        ],
    },
    Language {
        code: "zh",
        decimal_comma: false,
        columns: &[
            (ActivityId, "活动 ID"),
            (Date, "活动日期"),
            (Name, "活动名称"),
            (Type, "活动类型"),
            (Description, "活动描述"),
            (ShownElapsed, "全程耗时"),
            (ShownDistance, "距离"),
            (Filename, "文件名"),
            (Elapsed, "全程耗时"),
            (Distance, "距离"),
        ],
        types: &[
            ("跑步", "Run"),
            ("骑行", "Ride"),
            ("步行", "Walk"),
            ("徒步", "Hike"),
            ("游泳", "Swim"),
        ],
    },
];

/// Names of months and their shortened forms, without full stops, in lower
/// case. No word means two months in two languages.
pub(super) const MONTHS: [&[&str]; 12] = [
    &[
        "jan", "january", "januar", "januari", "janv", "janvier", "ene", "enero", "gen", "gennaio",
    ],
    &[
        "feb", "february", "februar", "februari", "févr", "février", "febrero", "febbraio", "fev",
    ],
    &[
        "mar", "march", "mär", "märz", "mrz", "mars", "mrt", "maart", "marzo", "março",
    ],
    &["apr", "april", "avr", "avril", "abr", "abril", "aprile"],
    &["may", "mai", "mei", "mayo", "mag", "maggio", "maio"],
    &[
        "jun", "june", "juni", "juin", "junio", "giu", "giugno", "junho",
    ],
    &[
        "jul", "july", "juli", "juil", "juillet", "julio", "lug", "luglio", "julho",
    ],
    &["aug", "august", "augustus", "août", "ago", "agosto"],
    &[
        "sep",
        "sept",
        "september",
        "septembre",
        "septiembre",
        "set",
        "settembre",
        "setembro",
    ],
    &[
        "oct", "october", "okt", "oktober", "octobre", "octubre", "ott", "ottobre", "out",
        "outubro",
    ],
    &["nov", "november", "novembre", "noviembre", "novembro"],
    &[
        "dec",
        "december",
        "dez",
        "dezember",
        "déc",
        "décembre",
        "dic",
        "diciembre",
        "dicembre",
    ],
];
