//! What every statement rests on: values, transactions, opening.

use futures::future::join_all;
use uuid::Uuid;

use super::{ONE, birth, key, open, open_db, open_with_athletes};
use crate::catalog::{Catalog, CatalogChange, Dialect, Value, apply};
use crate::code::{Code, Failure};
use crate::error::Error;
use crate::id::ActivityId;
use crate::testing::Place;

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

/// What another writer caused may be tried again; a fault of ours may not.
///
/// # Panics
/// Where the promise is broken.
pub async fn what_another_writer_caused_may_be_retried(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let mut tx = catalog.db().begin().await.unwrap();
    tx.execute_script("create table ducklake_snapshot (snapshot_id bigint primary key)")
        .await
        .unwrap();
    let take = "insert into ducklake_snapshot (snapshot_id) values ($1)";
    tx.execute(take, &[7.into()]).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = catalog.db().begin().await.unwrap();
    let taken = tx.execute(take, &[7.into()]).await.unwrap_err();
    assert!(taken.is_retryable());
    drop(tx);

    for (sql, values) in [
        (
            "insert into athletes (athlete_id) values ($1)",
            vec![1.into()],
        ),
        (
            "insert into activities (activity_id, athlete_id, start_time_us, revision) \
          values (1, 9, 0, 1)",
            vec![],
        ),
        ("select no_such_column from athletes", vec![]),
    ] {
        let mut tx = catalog.db().begin().await.unwrap();
        let fault = tx.execute(sql, &values).await.unwrap_err();
        assert!(!fault.is_retryable(), "{sql}");
        assert_eq!(fault.code(), Code::Internal, "{sql}");
    }

    if catalog.db().dialect() == Dialect::Postgres {
        let touch = "update athletes set revision = revision + 1 where athlete_id = $1";
        let mut one = catalog.db().begin().await.unwrap();
        let mut two = catalog.db().begin().await.unwrap();
        one.execute(touch, &[1.into()]).await.unwrap();
        two.execute(touch, &[2.into()]).await.unwrap();
        // Each waits for the other, so the server ends one; dropping it lets
        // the other go on.
        let (first, second) = tokio::join!(
            async move { one.execute(touch, &[2.into()]).await },
            async move { two.execute(touch, &[1.into()]).await },
        );
        let failed: Vec<_> = [first, second]
            .into_iter()
            .filter_map(Result::err)
            .collect();
        assert_eq!(failed.len(), 1);
        assert!(failed[0].is_retryable());
    }
}
