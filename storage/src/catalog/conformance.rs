//! The promises of our catalog, as functions that either database must pass.
//!
//! Each takes a [`Place`] of its own, opens what it needs there, and panics
//! where a promise is broken.

use std::collections::BTreeSet;

use futures::future::join_all;
use uuid::Uuid;

use super::{
    ActivityEnd, ActivityWrite, AuditEntry, AuditFilter, Catalog, CatalogChange, Db, Dialect,
    Outcome, Pointer, Source, Value, apply,
};
use crate::code::{Code, Failure};
use crate::error::Error;
use crate::id::{ActivityId, ActivityKey, AthleteId};
use crate::testing::Place;

/// Each promise as a test of its own, once on either database.
#[cfg(test)]
macro_rules! on_both {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(&crate::testing::Place::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(&crate::testing::Place::postgres()).await;
            })+
        }
    };
}

#[cfg(test)]
on_both!(
    values_come_back_as_they_were,
    many_rows_are_written_and_updated,
    a_dropped_transaction_leaves_nothing,
    writers_wait_for_each_other,
    a_reader_sees_one_state,
    processes_may_open_at_once,
    a_newer_catalog_is_refused,
    athletes_count_up_from_one,
    an_activity_is_born_once,
    of_many_births_one_succeeds,
    a_revision_is_written_over_the_one_it_knew,
    an_ended_activity_keeps_its_id,
    sources_are_found_by_each_key,
    pages_hold_every_activity_once,
    athletes_rise_and_are_reconciled,
    the_audit_answers_every_filter,
    the_cost_of_a_change_is_constant,
);

const ONE: AthleteId = AthleteId(1);

async fn open_db(place: &Place) -> Db {
    match &place.catalog {
        None => Db::open_sqlite(&place.data_dir.path().join("catalog.sqlite")).await,
        Some(url) => Db::open_postgres(url).await,
    }
    .expect("the catalog's database opens")
}

async fn open(place: &Place) -> Catalog {
    Catalog::open(open_db(place).await)
        .await
        .expect("the catalog opens")
}

/// A catalog with athletes 1 to `athletes`.
async fn open_with_athletes(place: &Place, athletes: usize) -> Catalog {
    let catalog = open(place).await;
    for _ in 0..athletes {
        catalog.create_athlete(None).await.unwrap();
    }
    catalog
}

async fn commit(catalog: &Catalog, change: &CatalogChange) -> Result<(), Error> {
    let mut tx = catalog.db().begin().await?;
    apply(&mut tx, change).await?;
    tx.commit().await
}

fn key(athlete: i64, start_time_us: i64, activity: i64) -> ActivityKey {
    ActivityKey {
        athlete_id: AthleteId(athlete),
        start_time_us,
        activity_id: ActivityId(activity),
    }
}

fn birth(key: ActivityKey) -> ActivityWrite {
    ActivityWrite {
        key,
        previous_revision: None,
        revision: 1,
    }
}

fn source(key: ActivityKey, sha256: &str, part: i32) -> Source {
    Source {
        athlete_id: key.athlete_id,
        sha256: sha256.to_owned(),
        part,
        format: "fit".to_owned(),
        external_id: None,
        start_time_us: key.start_time_us,
        elapsed_ms: 1_800_000,
        non_null_values: 7,
        file_name: "Møre/løp \"1\".fit".to_owned(),
        activity_id: key.activity_id,
    }
}

fn entry(number: u128) -> AuditEntry {
    AuditEntry {
        audit_id: Uuid::from_u128(number),
        at_us: 1_700_000_000_000_000,
        athlete_id: ONE,
        activity_id: None,
        action: "import".to_owned(),
        outcome: Outcome::Created,
        path: "a.fit".to_owned(),
        sha256: None,
        code: None,
        reason: "new".to_owned(),
        try_next: None,
        run_id: Uuid::from_u128(99),
    }
}

/// Values of every kind, nulls and the extremes among them, come back.
///
/// # Panics
/// Where the promise is broken.
pub async fn values_come_back_as_they_were(place: &Place) {
    let db = open_db(place).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute_script(match db.dialect() {
        Dialect::Sqlite => {
            "create table kinds (id bigint, i bigint, r double, b bigint, t text, u text, at text)"
        }
        Dialect::Postgres => {
            "create table kinds (id bigint, i bigint, r double precision, b boolean, t text, \
             u uuid, at timestamptz)"
        }
    })
    .await
    .unwrap();
    let id = Uuid::from_u128(0x0123_4567_89ab_cdef);
    let texts = ["", "'; drop table kinds; --", "Ærø 🏃", "nul\0nul"];
    let mut rows = vec![vec![Value::Int(0); 1]];
    rows[0].extend(vec![Value::Null; 6]);
    for (index, text) in texts.iter().enumerate() {
        rows.push(vec![
            (index as i64 + 1).into(),
            [i64::MIN, i64::MAX, 0, -1][index].into(),
            [f64::MIN, f64::MAX, -0.0, 0.1][index].into(),
            (index % 2 == 0).into(),
            (*text).into(),
            id.into(),
            Value::Time([0, 1_764_039_363_574_670, -1, 253_370_764_800_000_000][index]),
        ]);
    }
    tx.execute_rows("insert into kinds (id, i, r, b, t, u, at)", &rows, "")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let read = db
        .fetch("select i, r, b, t, u, at from kinds order by id", &[])
        .await
        .unwrap();
    assert_eq!(read.len(), rows.len());
    let null = &read[0];
    assert_eq!(null.opt_int(0).unwrap(), None);
    assert_eq!(null.opt_real(1).unwrap(), None);
    assert_eq!(null.opt_bool(2).unwrap(), None);
    assert_eq!(null.opt_text(3).unwrap(), None);
    assert_eq!(null.opt_uuid(4).unwrap(), None);
    assert_eq!(null.opt_time(5).unwrap(), None);
    for (row, wrote) in read.iter().zip(&rows).skip(1) {
        assert_eq!(Value::Int(row.int(0).unwrap()), wrote[1]);
        assert_eq!(Value::Real(row.real(1).unwrap()), wrote[2]);
        assert_eq!(Value::Bool(row.bool(2).unwrap()), wrote[3]);
        let Value::Text(text) = &wrote[4] else {
            unreachable!("it was written as text")
        };
        assert_eq!(row.text(3).unwrap(), text.replace('\0', "\u{fffd}"));
        assert_eq!(row.uuid(4).unwrap(), id);
        assert_eq!(Value::Time(row.time(5).unwrap()), wrote[6]);
    }

    let found = |list: Value| {
        let db = db.clone();
        async move {
            let sql = match list {
                Value::Texts(_) => "select count(*) from kinds where t = any($1)",
                _ => "select count(*) from kinds where i = any($1)",
            };
            db.fetch(sql, &[list]).await.unwrap()[0].int(0).unwrap()
        }
    };
    assert_eq!(found(Value::Ints(vec![i64::MIN, i64::MAX, 5])).await, 2);
    assert_eq!(found(Value::Ints(vec![])).await, 0);
    let asked = texts[..3].iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(found(Value::Texts(asked)).await, 3);
    assert_eq!(found(Value::Texts(vec![])).await, 0);
}

/// Rows by the ten thousand go in, and are updated by a list of values.
///
/// # Panics
/// Where the promise is broken.
pub async fn many_rows_are_written_and_updated(place: &Place) {
    let db = open_db(place).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute_script("create table pairs (id bigint primary key, n bigint)")
        .await
        .unwrap();
    let rows: Vec<Vec<Value>> = (0..40_000_i64).map(|n| vec![n.into(), n.into()]).collect();
    let insert = "insert into pairs (id, n)";
    assert_eq!(tx.execute_rows(insert, &rows, "").await.unwrap(), 40_000);
    let again = tx
        .execute_rows(insert, &rows[..5], "on conflict do nothing")
        .await;
    assert_eq!(again.unwrap(), 0);
    let doubled: Vec<Vec<Value>> = (0..50_i64)
        .map(|n| vec![(n * 1000).into(), (n * 2000).into()])
        .collect();
    let updated = tx
        .execute_rows(
            "with v (id, n) as (",
            &doubled,
            ") update pairs set n = v.n from v where pairs.id = v.id",
        )
        .await;
    assert_eq!(updated.unwrap(), 40);
    assert_eq!(tx.execute_rows(insert, &[], "").await.unwrap(), 0);
    tx.commit().await.unwrap();
    let sum: i64 = (0..40_000)
        .map(|n| if n % 1000 == 0 { 2 * n } else { n })
        .sum();
    let read = db
        .fetch("select count(*), cast(sum(n) as bigint) from pairs", &[])
        .await
        .unwrap();
    assert_eq!(read[0].int(0).unwrap(), 40_000);
    assert_eq!(read[0].int(1).unwrap(), sum);
}

/// What was not committed is not there, and the next transaction can begin.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_dropped_transaction_leaves_nothing(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    for _ in 0..5 {
        let mut tx = catalog.db().begin().await.unwrap();
        let change = CatalogChange {
            activities: vec![birth(key(1, 0, 1))],
            ..CatalogChange::default()
        };
        apply(&mut tx, &change).await.unwrap();
        drop(tx);
    }
    assert!(catalog.taken(&[ActivityId(1)]).await.unwrap().is_empty());
    assert_eq!(catalog.first_athlete().await.unwrap().revision, 0);
}

/// Two processes with many tasks each lose no write and see no error.
///
/// # Panics
/// Where the promise is broken.
pub async fn writers_wait_for_each_other(place: &Place) {
    let catalogs = [open_with_athletes(place, 1).await, open(place).await];
    let tasks = (0..40).map(|task: usize| {
        let db = catalogs[task % 2].db().clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                let mut tx = db.begin().await.unwrap();
                tx.execute("update athletes set revision = revision + 1", &[])
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(catalogs[0].first_athlete().await.unwrap().revision, 200);
}

/// A reading transaction sees one state, whatever is committed meanwhile.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_reader_sees_one_state(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let count = "select count(*) from athletes";
    let mut reader = catalog.db().begin_read().await.unwrap();
    let before = reader.fetch(count, &[]).await.unwrap();
    catalog.create_athlete(None).await.unwrap();
    assert_eq!(reader.fetch(count, &[]).await.unwrap(), before);
    assert!(
        reader.execute("delete from athletes", &[]).await.is_err(),
        "a reader wrote"
    );
    drop(reader);
    let after = catalog.db().fetch(count, &[]).await.unwrap();
    assert_eq!(after[0].int(0).unwrap(), 2);
}

/// Processes that make the catalog at once all find it made once.
///
/// # Panics
/// Where the promise is broken.
pub async fn processes_may_open_at_once(place: &Place) {
    let opened = join_all((0..4).map(|_| open(place))).await;
    let athletes = join_all(opened.iter().map(Catalog::first_athlete)).await;
    for athlete in athletes {
        assert_eq!(athlete.unwrap().athlete_id, ONE);
    }
    assert_eq!(opened[0].athletes().await.unwrap().len(), 1);
    let again = open(place).await;
    assert_eq!(again.athletes().await.unwrap().len(), 1);
}

/// A catalog that a newer build made is refused and left alone.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_newer_catalog_is_refused(place: &Place) {
    let catalog = open(place).await;
    let mut tx = catalog.db().begin().await.unwrap();
    tx.execute(
        "insert into pacelake_migrations (version, what) values ($1, $2)",
        &[1000.into(), "from the future".into()],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let error = Catalog::open(open_db(place).await).await.unwrap_err();
    assert!(matches!(error, Error::UnknownCatalog { found: 1000, .. }));
    assert_eq!(error.code(), Code::UnknownVersion);
}

/// The first athlete is 1, and each id is given once.
///
/// # Panics
/// Where the promise is broken.
pub async fn athletes_count_up_from_one(place: &Place) {
    let catalogs = [open(place).await, open(place).await];
    let first = catalogs[0].first_athlete().await.unwrap();
    assert_eq!(first.athlete_id, ONE);
    assert_eq!((first.revision, first.reconciled_revision), (0, 0));
    assert_eq!(catalogs[1].first_athlete().await.unwrap(), first);
    let made = join_all((0..10).map(|n| catalogs[n % 2].create_athlete(Some("Nils")))).await;
    let ids: BTreeSet<_> = made
        .iter()
        .map(|made| made.as_ref().unwrap().athlete_id.0)
        .collect();
    assert_eq!(ids, (2..=11).collect());
    let five = catalogs[0].athlete(AthleteId(5)).await.unwrap().unwrap();
    assert_eq!(five.name.as_deref(), Some("Nils"));
    assert_eq!(catalogs[0].athlete(AthleteId(12)).await.unwrap(), None);
    assert_eq!(catalogs[1].athletes().await.unwrap().len(), 11);
}

/// An id that is taken, by whomever, is a conflict, and nothing is written.
///
/// # Panics
/// Where the promise is broken.
pub async fn an_activity_is_born_once(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let first = key(1, 1_000_000, 10);
    let change = CatalogChange {
        activities: vec![birth(first)],
        sources: vec![source(first, "aa", 0)],
        audit: vec![entry(1)],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let pointer = Pointer {
        key: first,
        revision: 1,
    };
    assert_eq!(
        catalog.find_activity(first.activity_id).await.unwrap(),
        Some(pointer)
    );

    let (theirs, other) = (key(2, 5, 10), key(2, 5, 11));
    let change = CatalogChange {
        activities: vec![birth(other), birth(theirs)],
        sources: vec![source(other, "bb", 0)],
        audit: vec![entry(2)],
        ..CatalogChange::default()
    };
    let error = commit(&catalog, &change).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    let asked = [ActivityId(9), ActivityId(10), ActivityId(11)];
    assert_eq!(catalog.taken(&asked).await.unwrap(), [ActivityId(10)]);
    assert_eq!(catalog.pointers(ONE, &asked).await.unwrap(), [pointer]);
    assert!(
        catalog
            .pointers(AthleteId(2), &asked)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        catalog.audit(&AuditFilter::default()).await.unwrap(),
        [entry(1)]
    );
    let sources = catalog
        .sources_by_sha256(AthleteId(2), &["bb".to_owned()])
        .await;
    assert!(sources.unwrap().is_empty());
}

/// Two processes that give birth to the same id: one succeeds each time.
///
/// # Panics
/// Where the promise is broken.
pub async fn of_many_births_one_succeeds(place: &Place) {
    let catalogs = [open_with_athletes(place, 1).await, open(place).await];
    for id in 1..=20 {
        let change = CatalogChange {
            activities: vec![birth(key(1, id, id))],
            ..CatalogChange::default()
        };
        let (one, two) = tokio::join!(commit(&catalogs[0], &change), commit(&catalogs[1], &change));
        let failed: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
        assert_eq!(failed.len(), 1, "birth {id}: {failed:?}");
        assert_eq!(failed[0].code(), Code::Conflict);
    }
    assert_eq!(catalogs[0].first_athlete().await.unwrap().revision, 20);
}

/// A revision moves by compare-and-set; start and source move with it.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_revision_is_written_over_the_one_it_knew(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let (before, after) = (key(1, 1_000_000, 10), key(1, 990_000, 10));
    let change = CatalogChange {
        activities: vec![birth(before), birth(key(1, 7, 11))],
        sources: vec![source(before, "aa", 0)],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let revise = |key, previous| CatalogChange {
        activities: vec![ActivityWrite {
            key,
            previous_revision: Some(previous),
            revision: previous + 1,
        }],
        ..CatalogChange::default()
    };
    commit(&catalog, &revise(after, 1)).await.unwrap();
    let found = catalog.find_activity(ActivityId(10)).await.unwrap();
    let expected = Pointer {
        key: after,
        revision: 2,
    };
    assert_eq!(found, Some(expected));
    for stale in [
        revise(before, 1),
        revise(after, 3),
        revise(key(2, 0, 10), 2),
        revise(key(1, 0, 12), 1),
    ] {
        let error = commit(&catalog, &stale).await.unwrap_err();
        assert_eq!(error.code(), Code::Conflict);
    }
    assert_eq!(
        catalog.find_activity(ActivityId(10)).await.unwrap(),
        Some(expected)
    );

    // Of two that knew the same revision, one wins.
    let other = open(place).await;
    let change = revise(after, 2);
    let (one, two) = tokio::join!(commit(&catalog, &change), commit(&other, &change));
    assert_eq!(one.is_ok() as u8 + two.is_ok() as u8, 1);
    assert_eq!(catalog.first_athlete().await.unwrap().revision, 3);
}

/// An activity that ends has no pointer, but its id is never given again.
///
/// # Panics
/// Where the promise is broken.
pub async fn an_ended_activity_keeps_its_id(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let (stays, ends) = (key(1, 1_000_000, 10), key(1, 2_000_000, 11));
    let change = CatalogChange {
        activities: vec![birth(stays), birth(ends)],
        sources: vec![source(stays, "aa", 0), source(ends, "bb", 0)],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let merge = CatalogChange {
        activities: vec![ActivityWrite {
            key: stays,
            previous_revision: Some(1),
            revision: 2,
        }],
        ended: vec![ActivityEnd {
            athlete_id: ONE,
            activity_id: ends.activity_id,
            previous_revision: 1,
            merged_into: stays.activity_id,
        }],
        sources: vec![Source {
            activity_id: stays.activity_id,
            ..source(ends, "bb", 0)
        }],
        ..CatalogChange::default()
    };
    commit(&catalog, &merge).await.unwrap();
    assert_eq!(catalog.find_activity(ends.activity_id).await.unwrap(), None);
    let both = [stays.activity_id, ends.activity_id];
    assert_eq!(catalog.taken(&both).await.unwrap(), both);
    assert_eq!(catalog.pointers_after(None, 10).await.unwrap().len(), 1);
    let sources = catalog.sources_of(ONE, &both).await.unwrap();
    let hashes: Vec<_> = sources
        .iter()
        .map(|s| (s.activity_id.0, s.sha256.as_str()))
        .collect();
    assert_eq!(hashes, [(10, "aa"), (10, "bb")]);
    // Nothing ends into an activity that is not there.
    let nowhere = CatalogChange {
        ended: vec![ActivityEnd {
            athlete_id: ONE,
            activity_id: stays.activity_id,
            previous_revision: 2,
            merged_into: ActivityId(12),
        }],
        ..CatalogChange::default()
    };
    let error = commit(&catalog, &nowhere).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    // What has ended does not end again.
    let error = commit(
        &catalog,
        &CatalogChange {
            activities: vec![],
            ..merge
        },
    )
    .await;
    assert_eq!(error.unwrap_err().code(), Code::Conflict);
}

/// Every look-up of recordings answers as a filter over all of them would.
///
/// # Panics
/// Where the promise is broken.
pub async fn sources_are_found_by_each_key(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let mut all = Vec::new();
    let mut activities = Vec::new();
    for n in 0..60_i64 {
        let key = key(1 + n % 2, n / 3 * 1_000_000, 100 + n);
        activities.push(birth(key));
        let mut source = source(key, &format!("{:02x}", n % 20), (n % 3) as i32);
        source.external_id = (n % 4 == 0).then(|| format!("e{}", n % 8));
        all.push(source);
    }
    let change = CatalogChange {
        activities,
        sources: all.clone(),
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    // Writing it again refreshes it; of two in one change the last counts.
    let renamed = Source {
        file_name: "renamed.fit".to_owned(),
        ..all[7].clone()
    };
    let change = CatalogChange {
        sources: vec![all[7].clone(), renamed.clone()],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    all[7] = renamed;

    let expect = |wanted: &dyn Fn(&Source) -> bool| {
        let mut found: Vec<_> = all.iter().filter(|s| wanted(s)).cloned().collect();
        found.sort_by(|a, b| (&a.sha256, a.part).cmp(&(&b.sha256, b.part)));
        found
    };
    for athlete in [ONE, AthleteId(2), AthleteId(3)] {
        let hashes = ["00", "07", "13", "zz"].map(str::to_owned);
        assert_eq!(
            catalog.sources_by_sha256(athlete, &hashes).await.unwrap(),
            expect(&|s| s.athlete_id == athlete && hashes.contains(&s.sha256))
        );
        let ids = ["e0", "e4", "e9"].map(str::to_owned);
        assert_eq!(
            catalog.sources_by_external_id(athlete, &ids).await.unwrap(),
            expect(&|s| s.athlete_id == athlete
                && s.external_id.as_ref().is_some_and(|id| ids.contains(id)))
        );
        let (from, to) = (3_000_000, 9_000_000);
        let mut between = catalog.sources_between(athlete, from, to).await.unwrap();
        assert!(between.is_sorted_by_key(|s| s.start_time_us));
        between.sort_by(|a, b| (&a.sha256, a.part).cmp(&(&b.sha256, b.part)));
        assert_eq!(
            between,
            expect(&|s| s.athlete_id == athlete && (from..=to).contains(&s.start_time_us))
        );
        let some = [ActivityId(104), ActivityId(107), ActivityId(1)];
        let mut of = catalog.sources_of(athlete, &some).await.unwrap();
        of.sort_by(|a, b| (&a.sha256, a.part).cmp(&(&b.sha256, b.part)));
        assert_eq!(
            of,
            expect(&|s| s.athlete_id == athlete && some.contains(&s.activity_id))
        );
    }
}

/// Pages of any size hold every activity once, in the order of their keys.
///
/// # Panics
/// Where the promise is broken.
pub async fn pages_hold_every_activity_once(place: &Place) {
    let catalog = open_with_athletes(place, 3).await;
    // Starts before 1970 and equal starts among them.
    let mut keys: Vec<_> = (0..50)
        .map(|n| key(1 + n % 3, (n * 7 % 11 - 5) * 1_000_000, 1 + n))
        .collect();
    let change = CatalogChange {
        activities: keys.iter().copied().map(birth).collect(),
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    keys.sort();
    for limit in [1, 7, 50, 1000] {
        let mut seen = Vec::new();
        loop {
            let page = catalog
                .pointers_after(seen.last().copied(), limit)
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limit as usize);
            seen.extend(page.iter().map(|pointer| pointer.key));
        }
        assert_eq!(seen, keys);
    }
}

/// An athlete's revision rises once with each commit that touches them, and
/// reconciling follows it but never goes back.
///
/// # Panics
/// Where the promise is broken.
pub async fn athletes_rise_and_are_reconciled(place: &Place) {
    let catalog = open_with_athletes(place, 3).await;
    let change = CatalogChange {
        activities: vec![
            birth(key(1, 0, 1)),
            birth(key(1, 0, 2)),
            birth(key(2, 0, 3)),
        ],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let reconcile = |to: &[(i64, i64)]| CatalogChange {
        reconciled: to
            .iter()
            .map(|&(id, revision)| (AthleteId(id), revision))
            .collect(),
        ..CatalogChange::default()
    };
    commit(&catalog, &reconcile(&[(1, 1), (3, 0)]))
        .await
        .unwrap();
    let revisions = |athletes: Vec<super::Athlete>| -> Vec<_> {
        athletes
            .iter()
            .map(|a| (a.revision, a.reconciled_revision))
            .collect()
    };
    let all = catalog.athletes().await.unwrap();
    assert_eq!(revisions(all), [(1, 1), (1, 0), (0, 0)]);
    // The same again is no conflict: a definition may have been raised.
    commit(&catalog, &reconcile(&[(1, 1), (2, 1)]))
        .await
        .unwrap();
    let error = commit(&catalog, &reconcile(&[(1, 0), (2, 2)]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    let all = catalog.athletes().await.unwrap();
    assert_eq!(revisions(all), [(1, 1), (1, 1), (0, 0)]);
}

/// Every combination of filters answers as a filter over all entries would.
///
/// # Panics
/// Where the promise is broken.
pub async fn the_audit_answers_every_filter(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let mut all: Vec<_> = (1..=60_u128)
        .map(|n| AuditEntry {
            athlete_id: AthleteId(1 + (n % 2) as i64),
            activity_id: (n % 3 == 0).then_some(ActivityId(7)),
            outcome: Outcome::ALL[n as usize % 5],
            code: (n % 5 == 4).then(|| "no_time".to_owned()),
            try_next: (n % 5 == 4).then(|| "export it again".to_owned()),
            sha256: (n % 2 == 0).then(|| "ab".to_owned()),
            run_id: Uuid::from_u128(n / 20),
            ..entry(n)
        })
        .collect();
    catalog.write_audit(&all).await.unwrap();
    catalog.write_audit(&all[..3]).await.unwrap();
    catalog.write_audit(&[]).await.unwrap();
    all.reverse();
    for combination in 0..32_u32 {
        for limit in [3, 100] {
            let wants = |bit: u32| combination & (1 << bit) != 0;
            let filter = AuditFilter {
                athlete_id: wants(0).then_some(ONE),
                outcome: wants(1).then_some(Outcome::Failed),
                activity_id: wants(2).then_some(ActivityId(7)),
                run_id: wants(3).then_some(Uuid::from_u128(1)),
                before: wants(4).then_some(Uuid::from_u128(39)),
                limit,
            };
            let expected: Vec<_> = all
                .iter()
                .filter(|e| filter.athlete_id.is_none_or(|id| e.athlete_id == id))
                .filter(|e| filter.outcome.is_none_or(|outcome| e.outcome == outcome))
                .filter(|e| filter.activity_id.is_none() || e.activity_id == filter.activity_id)
                .filter(|e| filter.run_id.is_none_or(|run| e.run_id == run))
                .filter(|e| filter.before.is_none_or(|before| e.audit_id < before))
                .take(limit as usize)
                .cloned()
                .collect();
            assert_eq!(
                catalog.audit(&filter).await.unwrap(),
                expected,
                "{filter:?}"
            );
        }
    }
}

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
            reconciled: vec![(ONE, 1)],
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
        catalog.pointers(ONE, &[ActivityId(1)]).await.unwrap();
        catalog.find_activity(ActivityId(1)).await.unwrap();
        catalog.taken(&[ActivityId(1)]).await.unwrap();
        catalog.pointers_after(None, 1).await.unwrap();
        let scans = catalog
            .db()
            .full_scans(&["activities", "sources", "update athletes"])
            .await;
        assert_eq!(scans, Vec::<String>::new());
    }
}
