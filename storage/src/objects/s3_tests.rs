//! A real S3 server, asked by us.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::*;
use crate::code::{Code, Failure};
use crate::testing::{Direction, Proxy, s3_server};

/// A few parts.
const LARGE: usize = 20 << 20;

async fn open(options: &S3Options) -> Objects {
    let store = Store::S3(options.clone());
    Objects::open(&store, DiskPath::new("/nowhere"))
        .await
        .expect("the bucket opens")
}

async fn refusal(options: S3Options) -> Error {
    let store = Store::S3(options);
    Objects::open(&store, DiskPath::new("/nowhere"))
        .await
        .expect_err("the store refuses")
}

fn large(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()
    };
    std::iter::repeat_with(word)
        .take(LARGE / 4)
        .flatten()
        .collect()
}

async fn read(store: &dyn ObjectStore, path: &Path) -> Vec<u8> {
    let found = store.get(path).await.unwrap();
    found.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_one_creates() {
    let store = open(&s3_server().bucket()).await.lake;
    for round in 0..6 {
        let path = Path::from(format!("round/{round}"));
        let puts = (0..8u8).map(|writer| {
            let payload = PutPayload::from(vec![writer; 10_000]);
            store.put_opts(&path, payload, PutMode::Create.into())
        });
        let created: Vec<u8> = join_all(puts)
            .await
            .into_iter()
            .zip(0..)
            .filter_map(|(put, writer)| match put {
                Ok(_) => Some(writer),
                Err(object_store::Error::AlreadyExists { .. }) => None,
                Err(error) => panic!("{error}"),
            })
            .collect();
        assert_eq!(created.len(), 1, "round {round}: {created:?}");
        assert_eq!(read(&*store, &path).await, vec![created[0]; 10_000]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_travels_in_parts() {
    let objects = open(&s3_server().bucket()).await;
    let path = Path::from("large");
    let bytes = large(1);
    let create = || {
        objects
            .raw
            .put_opts(&path, bytes.clone().into(), PutMode::Create.into())
    };
    let put = create().await.unwrap();
    // The tag of an object in parts ends in their number.
    let tag = put.e_tag.unwrap();
    assert!(tag.trim_matches('"').ends_with("-3"), "{tag}");
    assert!(read(&*objects.raw, &path).await == bytes);
    assert!(matches!(
        create().await,
        Err(object_store::Error::AlreadyExists { .. })
    ));
    assert_eq!(objects.abandoned(Timestamp::MAX).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_dropped_leaves_no_part() {
    let objects = open(&s3_server().bucket()).await;
    let mut upload = objects.lake.put_multipart(&Path::from("x")).await.unwrap();
    upload.put_part(vec![1; 6 << 20].into()).await.unwrap();
    let found = objects.abandoned(Timestamp::MAX).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    drop(upload);
    // The abort runs by itself.
    while !objects.abandoned(Timestamp::MAX).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_leaves_is_found_and_removed() {
    let options = s3_server().bucket();
    let objects = open(&options).await;
    // A client that is never told to abort, as one whose process was killed.
    let s3 = options.builder(options.limits).unwrap().build().unwrap();
    let key = Path::from(format!("{}/big", options.below("raw")));
    let id = s3.create_multipart(&key).await.unwrap();
    s3.put_part(&key, &id, 0, vec![1; 6 << 20].into())
        .await
        .unwrap();
    let elsewhere = Path::from("another/prefix/raw/big");
    s3.create_multipart(&elsewhere).await.unwrap();

    let old = Timestamp::now() - jiff::SignedDuration::from_hours(24);
    assert_eq!(objects.abandoned(old).await.unwrap(), []);
    let soon = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let found = objects.abandoned(soon).await.unwrap();
    let [Abandoned::Upload { key: found_key, .. }] = found.as_slice() else {
        panic!("one upload of ours: {found:?}");
    };
    assert_eq!(found_key, key.as_ref());
    for _ in 0..2 {
        objects.remove_abandoned(&found[0]).await.unwrap();
    }
    assert_eq!(objects.abandoned(soon).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_at_opening() {
    let good = s3_server().bucket();
    let keys = good.credentials.clone().unwrap();
    let with = |change: &dyn Fn(&mut S3Options)| {
        let mut options = good.clone();
        options.limits.retries = 1;
        change(&mut options);
        options
    };
    // A server that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (trouble, options) in [
        (
            Trouble::WrongSecret,
            with(&|options| {
                options.credentials = Some(Credentials {
                    secret_access_key: Secret::new("wrong"),
                    ..keys.clone()
                });
            }),
        ),
        (
            Trouble::UnknownKey,
            with(&|options| {
                options.credentials = Some(Credentials {
                    access_key_id: "nobody".to_owned(),
                    ..keys.clone()
                });
            }),
        ),
        (
            Trouble::NoBucket,
            with(&|options| options.bucket = "no-such-bucket".to_owned()),
        ),
        // Port 9 is the discard service's, which nobody runs.
        (
            Trouble::Unreachable,
            with(&|options| options.endpoint = Some("http://127.0.0.1:9".to_owned())),
        ),
        (
            Trouble::TimedOut,
            with(&|options| {
                options.endpoint = Some(silent.clone());
                options.limits.request_timeout = Duration::from_millis(200);
                options.limits.retries = 0;
            }),
        ),
    ] {
        let error = refusal(options).await;
        assert!(
            matches!(&error, Error::StoreRefused { trouble: found, .. } if *found == trouble),
            "{error:?}"
        );
        assert_eq!(error.code(), Code::StoreUnavailable);
        assert_eq!(error.try_next(), trouble.try_next());
        assert!(!format!("{error:?}").contains(keys.secret_access_key.reveal()));
    }
    for options in [
        with(&|options| options.credentials = None),
        with(&|options| options.allow_http = false),
    ] {
        let error = refusal(options).await;
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
}

/// The bucket, by a way that can be cut.
async fn by_proxy() -> (Proxy, S3Options) {
    let mut options = s3_server().bucket();
    let server = options.endpoint.as_deref().unwrap();
    let server = server.strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = Proxy::to(server).await;
    options.endpoint = Some(format!("http://{}", proxy.address));
    (proxy, options)
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_that_are_cut_go_on() {
    let (proxy, options) = by_proxy().await;
    let store = open(&options).await.raw;
    let (path, bytes) = (Path::from("large"), large(2));
    proxy.cut(Direction::Up, 5 << 20, 3);
    store
        .put_opts(&path, bytes.clone().into(), PutMode::Create.into())
        .await
        .unwrap();
    assert_eq!(proxy.made(), 3);
    proxy.cut(Direction::Down, 7 << 20, 2);
    assert!(read(&*store, &path).await == bytes);
    assert_eq!(proxy.made(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_cannot_end_leaves_no_part() {
    let (proxy, mut options) = by_proxy().await;
    options.limits.retries = 1;
    let objects = open(&options).await;
    // Never a whole part.
    proxy.cut(Direction::Up, 3 << 20, u64::MAX);
    let path = Path::from("large");
    let put = objects.raw.put(&path, large(3).into()).await;
    assert_eq!(Trouble::of(&put.unwrap_err()), Trouble::Unreachable);
    assert_eq!(objects.abandoned(Timestamp::MAX).await.unwrap(), []);
    let found = objects.raw.head(&path).await;
    assert!(matches!(found, Err(object_store::Error::NotFound { .. })));
}
