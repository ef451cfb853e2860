//! Which column of `activities.csv` is which.

use std::collections::BTreeMap;

use super::languages::{LANGUAGES, Language};
use crate::error::DecodeError;

/// The columns that pacelake keeps. Private notes, weights and the weather
/// are not among them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub(super) enum Column {
    ActivityId,
    Date,
    Name,
    Type,
    Description,
    /// For display, in whole seconds.
    ShownElapsed,
    /// For display: kilometres, of swims metres, of sails nautical miles.
    ShownDistance,
    ShownMaxHeartRate,
    Commute,
    Gear,
    Filename,
    Elapsed,
    Moving,
    /// In metres.
    Distance,
    Climb,
    Descent,
    MaxHeartRate,
    AvgHeartRate,
    Calories,
}

/// Where each column stands where its name is not known: the archive has had
/// this order since 2019 in every language, and grows behind it.
const POSITIONS: &[(Column, usize)] = &[
    (Column::ActivityId, 0),
    (Column::Date, 1),
    (Column::Name, 2),
    (Column::Type, 3),
    (Column::Description, 4),
    (Column::ShownElapsed, 5),
    (Column::ShownDistance, 6),
    (Column::ShownMaxHeartRate, 7),
    (Column::Commute, 9),
    (Column::Gear, 11),
    (Column::Filename, 12),
    (Column::Elapsed, 15),
    (Column::Moving, 16),
    (Column::Distance, 17),
    (Column::Climb, 20),
    (Column::Descent, 21),
    (Column::MaxHeartRate, 30),
    (Column::AvgHeartRate, 31),
    (Column::Calories, 34),
];

/// The columns before the athlete's weight.
const WIDTH_OF_FIRST_BLOCK: usize = 13;

/// The narrowest table with the second block, in SI units.
const WIDTH_WITH_SI: usize = 86;

/// Until June 2019 the table had these ten columns, in SI units.
const OF_2019: &[(Option<Column>, &str)] = &[
    (Some(Column::ActivityId), "id"),
    (Some(Column::Date), "date"),
    (Some(Column::Name), "name"),
    (Some(Column::Type), "type"),
    (Some(Column::Description), "description"),
    (Some(Column::Elapsed), "elapsed_time"),
    (Some(Column::Distance), "distance"),
    (Some(Column::Commute), "commute"),
    (Some(Column::Gear), "gear"),
    (Some(Column::Filename), "filename"),
];

/// Where the columns of one table stand.
pub(super) struct Columns {
    pub(super) positions: BTreeMap<Column, usize>,
    /// The account's language, where it is known.
    pub(super) language: Option<&'static Language>,
}

impl Columns {
    /// Reads a header row.
    ///
    /// # Errors
    /// Where it has neither names that are known nor the usual width.
    pub(super) fn of(header: &[String]) -> Result<Self, DecodeError> {
        let names: Vec<String> = header.iter().map(|cell| plain(cell)).collect();
        if let Some(positions) = of_2019(&names) {
            return Ok(Self {
                positions,
                language: language("en"),
            });
        }
        let known = LANGUAGES.iter().find(|language| {
            let id = language
                .columns
                .iter()
                .find(|(column, _)| *column == Column::ActivityId);
            id.is_some_and(|(_, id)| names.iter().any(|name| name == id))
        });
        let usual_width = names.len() >= WIDTH_OF_FIRST_BLOCK;
        if known.is_none() && !usual_width {
            return Err(DecodeError::UnknownTable {
                reason: format!("{} columns in a language that is not known", names.len()),
            });
        }
        let mut positions = BTreeMap::new();
        for (column, name) in known.map_or(&[][..], |language| language.columns) {
            let mut places = names
                .iter()
                .enumerate()
                .filter(|(_, n)| n == name)
                .map(|(at, _)| at);
            let shown = shown_twin(*column).is_none();
            let at = if shown { places.next() } else { places.nth(1) };
            if let Some(at) = at {
                positions.insert(*column, at);
            }
        }
        // By position only what no name claims, and only in a table that has
        // its usual shape: an id in front and the columns in their order.
        let in_order = positions.get(&Column::ActivityId).is_none_or(|at| *at == 0);
        for (column, at) in POSITIONS {
            let there = if *at < WIDTH_OF_FIRST_BLOCK {
                *at < names.len()
            } else {
                names.len() >= WIDTH_WITH_SI
            };
            let taken = positions.values().any(|position| position == at);
            if in_order && usual_width && there && !taken {
                positions.entry(*column).or_insert(*at);
            }
        }
        for needed in [Column::ActivityId, Column::Date] {
            if !positions.contains_key(&needed) {
                return Err(DecodeError::UnknownTable {
                    reason: "neither activity id nor date".to_owned(),
                });
            }
        }
        Ok(Self {
            positions,
            language: known,
        })
    }
}

/// The column for display that carries the same name as `column`, the second
/// one of that name.
fn shown_twin(column: Column) -> Option<Column> {
    match column {
        Column::Elapsed => Some(Column::ShownElapsed),
        Column::Distance => Some(Column::ShownDistance),
        Column::MaxHeartRate => Some(Column::ShownMaxHeartRate),
        _ => None,
    }
}

/// The language of that code.
pub(super) fn language(code: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.code == code)
}

fn of_2019(names: &[String]) -> Option<BTreeMap<Column, usize>> {
    let same = names.len() >= OF_2019.len()
        && names
            .iter()
            .zip(OF_2019)
            .all(|(name, (_, known))| name.eq_ignore_ascii_case(known));
    same.then(|| {
        let columns = OF_2019.iter().enumerate();
        columns
            .filter_map(|(at, (column, _))| column.map(|column| (column, at)))
            .collect()
    })
}

/// A header cell without markup, odd spaces and odd apostrophes.
fn plain(cell: &str) -> String {
    let mut plain = String::with_capacity(cell.len());
    let mut in_tag = false;
    for character in cell.chars() {
        match character {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ if in_tag => {}
            '\u{2019}' => plain.push('\''),
            '\u{feff}' => {}
            _ if character.is_whitespace() => plain.push(' '),
            _ => plain.push(character),
        }
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH_START: &str = "Activity ID,Activity Date,Activity Name,Activity Type,\
        Activity Description,Elapsed Time,Distance,Max Heart Rate,Relative Effort,Commute,\
        Activity Private Note,Activity Gear,Filename,Athlete Weight,Bike Weight,Elapsed Time,\
        Moving Time,Distance";

    fn header(names: &str, width: usize) -> Vec<String> {
        let mut header: Vec<String> = names.split(',').map(str::to_owned).collect();
        header.resize(width.max(header.len()), "More".to_owned());
        header
    }

    #[test]
    fn of_a_doubled_name_the_second_is_in_si_units() {
        let columns = Columns::of(&header(ENGLISH_START, 94)).expect("known");
        assert_eq!(columns.positions[&Column::ShownDistance], 6);
        assert_eq!(columns.positions[&Column::Distance], 17);
        assert_eq!(columns.positions[&Column::Elapsed], 15);
        assert_eq!(columns.language.expect("known").code, "en");
    }

    #[test]
    fn an_unknown_language_is_read_by_position() {
        let names = vec!["x".to_owned(); 99];
        let columns = Columns::of(&names).expect("the usual width");
        assert_eq!(columns.positions[&Column::Filename], 12);
        assert_eq!(columns.positions[&Column::Calories], 34);
        assert!(columns.language.is_none());
        assert!(Columns::of(&names[..5]).is_err());
    }

    #[test]
    fn known_names_are_found_wherever_they_stand() {
        let shuffled = header(
            "Distance,Filename,Activity Type,Distance,Activity Date,Activity ID,Activity Name",
            0,
        );
        let columns = Columns::of(&shuffled).expect("known");
        let expected = [
            (Column::ActivityId, 5),
            (Column::Date, 4),
            (Column::Name, 6),
            (Column::Type, 2),
            (Column::ShownDistance, 0),
            (Column::Filename, 1),
            (Column::Distance, 3),
        ];
        assert_eq!(columns.positions, expected.into_iter().collect());
    }

    #[test]
    fn markup_in_a_name_does_not_matter() {
        assert_eq!(
            plain("<span class=\"translation_missing\" title=\"x\">Type</span>"),
            "Type"
        );
        assert_eq!(plain("\u{feff}ID de l\u{2019}activité"), "ID de l'activité");
    }

    #[test]
    fn the_table_of_2019_has_ten_columns() {
        let names = "id,date,name,type,description,elapsed_time,distance,commute,gear,filename";
        let columns = Columns::of(&header(names, 0)).expect("known");
        assert_eq!(columns.positions[&Column::Distance], 6);
        assert!(!columns.positions.contains_key(&Column::ShownDistance));
    }
}
