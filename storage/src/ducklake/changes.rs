//! What a snapshot says that it changed.

const INSERTED: &str = "inserted_into_table:";
const DELETED: &str = "deleted_from_table:";
const REWRITTEN: &str = "rewrite_delete:";
const FLUSHED: &str = "inline_flush:";

/// Whether everything that the texts of `changes_made` name is rows that were
/// added to files, deleted from them or rewritten into new ones, so that a list
/// of files can be brought up to date instead of being read anew. (A merge, by
/// contrast, also changes what older snapshots list.)
pub(crate) fn only_rows<'a>(mut changes: impl Iterator<Item = &'a str>) -> bool {
    changes.all(|text| {
        // Names of tables and schemas are quoted and may hold commas; the
        // changes that count here name tables by number.
        text.split(',').all(|change| {
            [INSERTED, DELETED, REWRITTEN].iter().any(|kind| {
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
    joined(&[(INSERTED, inserted), (DELETED, deleted)])
}

/// What a rewrite of ours changed, for `changes_made`: ids of tables whose
/// files were replaced and of tables whose rows no longer lie in the catalog.
/// DuckDB, which words its own so, takes both for what they are: a delete of
/// its own at the same time is refused.
pub(crate) fn rewritten(replaced: &[i64], flushed: &[i64]) -> String {
    joined(&[(REWRITTEN, replaced), (FLUSHED, flushed)])
}

fn joined(changes: &[(&str, &[i64])]) -> String {
    let texts = changes
        .iter()
        .flat_map(|(kind, ids)| ids.iter().map(move |id| format!("{kind}{id}")));
    texts.collect::<Vec<_>>().join(",")
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
        assert!(only_rows([rewritten(&[4, 7], &[]).as_str()].into_iter()));
        for other in [
            "merge_adjacent:1",
            rewritten(&[4], &[4]).as_str(),
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
