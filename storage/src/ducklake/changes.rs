//! What a snapshot says that it changed.

/// Whether everything that the texts of `changes_made` name is rows that were
/// added to files or deleted from them, so that a list of files can be
/// brought up to date instead of being read anew.
pub(crate) fn only_rows<'a>(mut changes: impl Iterator<Item = &'a str>) -> bool {
    changes.all(|text| {
        // Names of tables and schemas are quoted and may hold commas; the two
        // changes that count here name tables by number.
        text.split(',').all(|change| {
            ["inserted_into_table:", "deleted_from_table:"]
                .iter()
                .any(|kind| {
                    change
                        .strip_prefix(kind)
                        .is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
                })
        })
    })
}

/// What a commit of ours changed, for `changes_made`: ids of tables that got
/// rows and of tables that lost some.
pub(crate) fn text(inserted: &[i64], deleted: &[i64]) -> String {
    let inserted = inserted
        .iter()
        .map(|id| format!("inserted_into_table:{id}"));
    let deleted = deleted.iter().map(|id| format!("deleted_from_table:{id}"));
    inserted.chain(deleted).collect::<Vec<_>>().join(",")
}

/// A name as `changes_made` has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_and_definitions_are_more_than_rows() {
        let rows = text(&[1, 3], &[1]);
        assert_eq!(
            rows,
            "inserted_into_table:1,inserted_into_table:3,deleted_from_table:1"
        );
        assert!(only_rows(
            [rows.as_str(), "deleted_from_table:7"].into_iter()
        ));
        for other in [
            "merge_adjacent:1",
            "altered_table:1",
            "inlined_insert:3",
            "created_table:\"main\".\"a,inserted_into_table:1\"",
            "inserted_into_table:1,compacted_table:1",
            "",
        ] {
            assert!(!only_rows([other].into_iter()), "{other}");
        }
    }
}
