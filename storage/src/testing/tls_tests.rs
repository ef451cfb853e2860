//! TLS to PostgreSQL and to S3, with a private authority.

use super::{Certificates, Place, S3Server, postgres_with_tls};
use crate::catalog::{CatalogTrouble, Db};
use crate::objects::{Objects, Store, Trouble};
use crate::{Code, Error, Failure};

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_verified() {
    let (own, foreign) = (Certificates::new(), Certificates::new());
    let port = postgres_with_tls(&own);
    let url = |host: &str, root: &Certificates| {
        let root = root.root.display();
        format!("postgres://pacelake@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={root}")
    };
    let db = Db::open_postgres(&url("localhost", &own)).await.unwrap();
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    assert!(db.fetch(encrypted, &[]).await.unwrap()[0].bool(0).unwrap());
    // A root that did not sign it, and a name that is not on it.
    for url in [url("localhost", &foreign), url("127.0.0.1", &own)] {
        let error = Db::open_postgres(&url).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::CatalogRefused {
                    trouble: CatalogTrouble::Untrusted,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(error.code(), Code::CatalogUnavailable);
        assert!(error.try_next().contains("sslrootcert"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_verified() {
    let (own, foreign) = (Certificates::new(), Certificates::new());
    let server = S3Server::start(Some(&own));
    let mut options = server.bucket();
    options.allow_http = false;
    options.limits.retries = 0;
    let place = Place::sqlite();
    options.ca_file = Some(own.root.clone());
    let trusted = Store::S3(options.clone());
    let objects = Objects::open(&trusted, place.data_dir.path())
        .await
        .unwrap();
    let raw = crate::raw::RawStore::new(objects.raw.clone());
    let original = crate::raw::Original::new("abc");
    raw.put(crate::AthleteId(1), &original).await.unwrap();
    let found = raw.get(crate::AthleteId(1), original.sha256()).await;
    assert_eq!(found.unwrap(), "abc");
    assert_eq!(objects.abandoned(jiff::Timestamp::MAX).await.unwrap(), []);
    for ca_file in [Some(foreign.root.clone()), None] {
        options.ca_file = ca_file;
        let store = Store::S3(options.clone());
        let error = Objects::open(&store, place.data_dir.path())
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::StoreRefused {
                    trouble: Trouble::Untrusted,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.try_next().contains("s3_ca_file"));
    }
    // A file that holds no certificate.
    options.ca_file = Some(own.key.clone());
    let store = Store::S3(options);
    let error = Objects::open(&store, place.data_dir.path())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}
