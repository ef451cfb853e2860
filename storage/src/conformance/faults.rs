//! What holds while the object store fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::ObjectStore;

use super::rows::{EFFORTS, PAIRED, TRACKS, all, efforts, key, open, replace, sorted, tracks};
use crate::lake::{KeySet, Lake};
use crate::raw::{Original, RawStore};
use crate::testing::{Faults, FaultyStore, Place};
use crate::{AthleteId, Error, Storage};

/// How many activities the rows are of.
const ACTIVITIES: i64 = 6;
/// How many commits are tried.
const COMMITS: i64 = 40;

/// The place, opened with faults around its objects.
async fn open_faulty(place: &Place, faults: Faults) -> (Storage, Arc<FaultyStore>) {
    let mut objects = place.objects().await;
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&objects.lake), faults));
    objects.lake = Arc::clone(&faulty) as Arc<dyn ObjectStore>;
    let storage = Storage::open_on(&place.options(), objects, &[&EFFORTS, &TRACKS], &[PAIRED])
        .await
        .expect("the place opens");
    (storage, faulty)
}

/// The lake holds these versions of activities, whole, and nothing is wrong
/// with it.
async fn holds(lake: &Lake, versions: &BTreeMap<i64, i64>) {
    let view = lake.latest().await.unwrap();
    let of = |rows: fn(i64, i64) -> arrow::array::RecordBatch| {
        let rows: Vec<_> = versions.iter().map(|(n, v)| rows(*n, *v)).collect();
        sorted(&rows)
    };
    let expected = of(|n, version| efforts(n..n + 1, version));
    assert_eq!(all(&view, "efforts").await, expected);
    let expected = of(|n, version| tracks(n..n + 1, 20, version));
    assert_eq!(all(&view, "tracks").await, expected);
    for problem in lake.verify().await.unwrap() {
        assert!(problem.is_harmless(), "{problem}");
    }
}

/// While the store fails at random, a commit is there as a whole or not at
/// all, as its answer says, and what it leaves behind is harmless.
pub async fn commits_survive_or_fail_cleanly(place: &Place) {
    let clean = open(place).await;
    let faults = Faults {
        seed: 7,
        slow: Duration::from_millis(2),
        fail_one_in: 12,
        ..Faults::default()
    };
    let (faulty, store) = open_faulty(place, faults).await;
    let (mut versions, mut refused) = (BTreeMap::new(), 0);
    for version in 1..=COMMITS {
        let n = version % ACTIVITIES;
        match faulty.lake.commit(replace(n..n + 1, version)).await {
            Ok(_) => {
                versions.insert(n, version);
            }
            Err(Error::Store { .. } | Error::Parquet { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0 && store.failed() > 0, "no fault was met");
    assert!(versions.len() > 2, "nothing could be committed");
    holds(&clean.lake, &versions).await;
    // The next one finds nothing in its way.
    clean.lake.commit(replace(0..1, 99)).await.unwrap();
    versions.insert(0, 99);
    holds(&clean.lake, &versions).await;
}

/// A download that is cut off, with or without a word, is an error and never
/// half a file.
pub async fn reads_never_give_half_a_file(place: &Place) {
    let clean = open(place).await;
    clean.lake.commit(replace(0..ACTIVITIES, 1)).await.unwrap();
    let expected = sorted(&[tracks(0..ACTIVITIES, 20, 1)]);
    let keys: Vec<_> = (0..ACTIVITIES).map(key).collect();
    let (mut whole, mut failed) = (0, 0);
    for seed in 0..30 {
        let faults = Faults {
            seed,
            cut_one_in: 16,
            ..Faults::default()
        };
        let (faulty, _) = open_faulty(place, faults).await;
        let view = faulty.lake.latest().await.unwrap();
        match view.rows("tracks", None, &KeySet::activities(&keys)).await {
            Ok(rows) => {
                assert_eq!(sorted(&rows), expected);
                whole += 1;
            }
            Err(_) => failed += 1,
        }
        let context = super::rows::session(&view);
        let query = context.sql("select * from tracks").await.unwrap();
        match query.collect().await {
            Ok(rows) => assert_eq!(sorted(&rows), expected),
            Err(_) => failed += 1,
        }
    }
    assert!(whole > 0 && failed > 0, "{whole} whole, {failed} failed");
}

/// Raw inputs come back whole or not at all; a put that failed can be
/// repeated.
pub async fn raw_inputs_are_whole_or_missing(place: &Place) {
    let objects = place.objects().await;
    let faults = Faults {
        seed: 3,
        fail_one_in: 3,
        cut_one_in: 3,
        ..Faults::default()
    };
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&objects.raw), faults));
    let raw = RawStore::new(Arc::clone(&faulty) as Arc<dyn ObjectStore>);
    let inputs: Vec<Vec<u8>> = (1..20u8).map(|n| vec![n; usize::from(n) * 1000]).collect();
    let mut wanted = BTreeSet::new();
    for input in &inputs {
        let original = Original::new(input.clone());
        loop {
            match raw.put(AthleteId(1), &original).await {
                Ok(()) => break,
                Err(Error::Store { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        let found = loop {
            match raw.get(AthleteId(1), original.sha256()).await {
                Ok(found) => break found,
                Err(Error::Store { .. } | Error::Inconsistent { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(found, *input);
        wanted.insert(original.sha256().to_owned());
    }
    assert!(faulty.failed() > 0);
    let clean = RawStore::new(objects.raw).list(AthleteId(1)).await.unwrap();
    assert_eq!(clean.into_iter().collect::<BTreeSet<_>>(), wanted);
}

/// Where the store lists new objects late nothing is missing.
pub async fn a_late_list_harms_nothing(place: &Place) {
    let faults = Faults {
        lists_late: 2,
        ..Faults::default()
    };
    let (faulty, store) = open_faulty(place, faults).await;
    faulty.lake.commit(replace(0..3, 1)).await.unwrap();
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
    assert_eq!(faulty.lake.verify().await.unwrap(), []);
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert!(!listed.is_empty());
}
