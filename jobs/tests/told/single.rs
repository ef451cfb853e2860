//! What one copy comes to, on one catalog.

use pacelake_jobs::import;
use pacelake_jobs::report::Outcome;

use super::{Told, taken, try_taken};
use crate::home::{Place, assert_sound, imported, open, recordings};
use crate::{RUN, only, raw};

/// The crop that Strava shows has another start than the file in its archive;
/// the number of the upload is the file's name.
#[tokio::test]
async fn the_number_of_an_upload_makes_a_file_and_a_copy_one() {
    const FILE: &str = "strava/sample-2024/activities/12866632127.fit.gz";
    let told = Told {
        upload_id: Some(12_866_632_127),
        skipped_s: 600,
        ..Told::of(FILE, 12_070_555_079)
    };
    let place = Place::sqlite();
    let context = imported(&place, &[FILE]).await;
    let item = taken(&context, &told.copy(0)).await;
    assert!(
        item.reason.contains("same upload 12866632127"),
        "{}",
        item.reason
    );
    assert_eq!(only(&context).await["source"], "fit");

    let place = Place::sqlite();
    let context = open(&place).await;
    taken(&context, &told.copy(0)).await;
    import::import(&context, None, &recordings(&[FILE]))
        .await
        .unwrap();
    assert_eq!(only(&context).await["source"], "fit");
    assert_sound(&context).await;
}

/// What is no copy is an item of its own, and the good ones come in.
#[tokio::test]
async fn a_copy_that_cannot_be_read_is_told() {
    let place = Place::sqlite();
    let context = open(&place).await;
    let athlete = context.athlete(None).await.unwrap();
    let good = Told::of(RUN, 77_001).copy(0);
    let mut bad = good.clone();
    bad.document.truncate(100);
    let mut file = good.clone();
    file.document = std::fs::read(&recordings(&[RUN])[0]).unwrap();
    let copies = vec![bad, good, file];
    let items = try_taken(&context, &athlete, copies).await.unwrap();
    let outcomes: Vec<_> = items.iter().map(|item| item.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Failed, Outcome::Created, Outcome::Failed]
    );
    assert_eq!(raw(&context).await.len(), 1);
}
