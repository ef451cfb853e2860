//! What a change costs while the catalog grows.

use super::{ONE, birth, commit, entry, key, open_with_athletes, source};
use crate::catalog::{ActivityEnd, ActivityWrite, CatalogChange, Dialect, Reconciled};
use crate::id::ActivityId;
use crate::testing::Place;

/// A change runs as many statements, and reads as many rows, in a full
/// catalog as in an empty one; no statement of it reads a whole table.
///
/// # Panics
/// Where the promise is broken.
pub async fn the_cost_of_a_change_is_constant(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let mut costs = Vec::new();
    for round in 0..3_i64 {
        let fill = round * 4_000;
        let filler: Vec<_> = (0..fill).map(|n| key(2, n, 100_000 * round + n)).collect();
        let fill = CatalogChange {
            activities: filler.iter().copied().map(birth).collect(),
            sources: filler
                .iter()
                .map(|&key| source(key, &key.activity_id.to_string(), 0))
                .collect(),
            ..CatalogChange::default()
        };
        commit(&catalog, &fill).await.unwrap();

        let born: Vec<_> = (0..3).map(|n| key(1, n, 1_000 * (round + 1) + n)).collect();
        let before = catalog.db().counts();
        let change = CatalogChange {
            activities: born.iter().copied().map(birth).collect(),
            sources: born
                .iter()
                .map(|&key| source(key, &key.activity_id.to_string(), 0))
                .collect(),
            audit: vec![entry(round as u128 * 10), entry(round as u128 * 10 + 1)],
            ..CatalogChange::default()
        };
        commit(&catalog, &change).await.unwrap();
        let change = CatalogChange {
            activities: vec![ActivityWrite {
                key: born[0],
                previous_revision: Some(1),
                revision: 2,
            }],
            ended: vec![ActivityEnd {
                athlete_id: ONE,
                activity_id: born[1].activity_id,
                previous_revision: 1,
                merged_into: born[0].activity_id,
            }],
            reconciled: vec![Reconciled {
                athlete_id: ONE,
                revision: 1,
                previous: round,
            }],
            ..CatalogChange::default()
        };
        commit(&catalog, &change).await.unwrap();
        let after = catalog.db().counts();
        costs.push((
            after.statements - before.statements,
            after.rows_read - before.rows_read,
        ));
    }
    // 4 statements for the first change, 4 for the second, none that reads.
    assert_eq!(costs, [(8, 0); 3]);
    if catalog.db().dialect() == Dialect::Sqlite {
        let texts = ["hash".to_owned()];
        catalog.sources_by_sha256(ONE, &texts).await.unwrap();
        catalog.sources_by_external_id(ONE, &texts).await.unwrap();
        catalog.sources_between(ONE, 0, 1).await.unwrap();
        catalog.sources_of(ONE, &[ActivityId(1)]).await.unwrap();
        catalog.corrections_of(ONE, &[ActivityId(1)]).await.unwrap();
        catalog.pointers(ONE, &[ActivityId(1)]).await.unwrap();
        catalog.find_activity(ActivityId(1)).await.unwrap();
        catalog.taken(&[ActivityId(1)]).await.unwrap();
        catalog.merged_into(ONE, &[ActivityId(1)]).await.unwrap();
        catalog.audit_of(ONE, &[ActivityId(1)], 1).await.unwrap();
        catalog.pointers_after(None, 1).await.unwrap();
        let scans = catalog
            .db()
            .full_scans(&[
                "activities",
                "sources",
                "corrections",
                "from audit",
                "update athletes",
            ])
            .await;
        assert_eq!(scans, Vec::<String>::new());
    }
}
