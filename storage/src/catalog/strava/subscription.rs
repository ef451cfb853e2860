//! What is kept of our app at Strava: the secret part of its callback's path,
//! and its one subscription.

use crate::catalog::Catalog;
use crate::error::Error;

/// Our app at Strava.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StravaApp {
    /// The secret part of the callback's path, sealed.
    pub webhook_secret: String,
    /// The subscription whose events are ours.
    pub subscription_id: Option<i64>,
    /// Where its events go.
    pub callback_url: Option<String>,
    /// What Strava answered when subscriptions were last listed, as JSON.
    pub subscriptions: Option<String>,
    /// When that was, microseconds since 1970.
    pub listed_at_us: Option<i64>,
    /// Whether Strava said then that the app is inactive.
    pub is_inactive: bool,
}

impl Catalog {
    /// Makes our app with this secret, unless somebody made it meanwhile;
    /// answers the one that there is.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn make_strava_app(&self, webhook_secret: &str) -> Result<StravaApp, Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "insert into strava_app (one, webhook_secret) values (1, $1) on conflict do nothing",
            &[webhook_secret.into()],
        )
        .await?;
        tx.commit().await?;
        self.known_strava_app().await?.ok_or(Error::Conflict {
            what: "what is kept of our app at Strava",
        })
    }

    /// Our app, where anything is known of it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn known_strava_app(&self) -> Result<Option<StravaApp>, Error> {
        let rows = self
            .db
            .fetch(
                "select webhook_secret, subscription_id, callback_url, subscriptions, \
                 listed_at_us, is_inactive from strava_app where one = 1",
                &[],
            )
            .await?;
        let read = |row: &crate::catalog::Row| {
            Ok(StravaApp {
                webhook_secret: row.text(0)?.to_owned(),
                subscription_id: row.opt_int(1)?,
                callback_url: row.opt_text(2)?.map(str::to_owned),
                subscriptions: row.opt_text(3)?.map(str::to_owned),
                listed_at_us: row.opt_int(4)?,
                is_inactive: row.int(5)? != 0,
            })
        };
        rows.first().map(read).transpose()
    }

    /// Writes what Strava listed, and which of them is ours.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn write_strava_subscription(
        &self,
        ours: Option<(i64, &str)>,
        listed: &str,
        at_us: i64,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update strava_app set subscription_id = $1, callback_url = $2, subscriptions = $3, \
             listed_at_us = $4, is_inactive = 0 where one = 1",
            &[
                ours.map(|(id, _)| id).into(),
                ours.map(|(_, url)| url).into(),
                listed.into(),
                at_us.into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Writes that Strava called the app inactive when it was to list
    /// subscriptions; what it listed before stays.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn mark_strava_app_inactive(&self, at_us: i64) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update strava_app set is_inactive = 1, listed_at_us = $1 where one = 1",
            &[at_us.into()],
        )
        .await?;
        tx.commit().await
    }

    /// Writes the secret part of the callback's path, sealed anew.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn reseal_strava_app(&self, before: &str, after: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update strava_app set webhook_secret = $2 where one = 1 and webhook_secret = $1",
            &[before.into(), after.into()],
        )
        .await?;
        tx.commit().await
    }
}
