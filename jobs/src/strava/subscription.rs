//! The app's one webhook subscription, and the secret part of its callback's
//! path.
//!
//! Strava signs nothing. What keeps others out is that nobody can guess the
//! path, and that events name the subscription.

use ::strava::{Secret, Subscription, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use storage::AthleteId;
use storage::catalog::{Outcome, StravaApp};
use storage::seal::{fingerprint, random_hex};
use subtle::ConstantTimeEq;
use url::Url;

use super::service::{Service, WEBHOOK_OWNER};
use super::trouble::{Halt, INACTIVE};
use super::upkeep::Subscribe;
use crate::error::Error;
use crate::queue::enqueue;

/// Where events come in, but for the secret at its end.
pub const WEBHOOK: &str = "/api/strava/webhook/";
/// How long a list of subscriptions is taken for true.
const LISTED: SignedDuration = SignedDuration::from_mins(5);

/// How our app is at Strava.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// It is served.
    Active,
    /// Strava serves it no more: its owner must act there. It is asked again
    /// when somebody wants to know, and not in a loop.
    Inactive,
}

/// The subscriptions as they were last listed.
#[derive(Clone, Debug, Serialize)]
pub struct Subscriptions {
    /// How our app is.
    pub app: AppState,
    /// Each as Strava has it; the secret at the end of the path is left out.
    /// Of an inactive app they are what was listed before.
    pub items: Vec<Listed>,
    /// When Strava was asked.
    pub listed_at: Timestamp,
    /// Whether it was asked for this answer.
    pub is_fresh: bool,
    /// The one whose events are taken.
    pub subscription_id: Option<i64>,
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Listed {
    /// Its id at Strava.
    pub id: i64,
    /// Where its events go, without the secret.
    pub callback_url: Option<String>,
    /// Whether that is this server.
    pub is_ours: bool,
}

impl Service {
    /// What is kept of our app; its path's secret is made where there is none.
    ///
    /// # Errors
    /// Where the catalog fails, or the system gives no random bytes.
    pub(crate) async fn app(&self) -> Result<StravaApp, Error> {
        let catalog = &self.context.storage.catalog;
        if let Some(app) = catalog.known_strava_app().await? {
            return Ok(app);
        }
        let secret = random_hex::<32>()?;
        let sealed = self.config().keys.seal(WEBHOOK_OWNER, &secret)?;
        Ok(catalog.make_strava_app(&sealed).await?)
    }

    /// The secret part of the callback's path.
    ///
    /// # Errors
    /// Where the catalog fails, or its key is missing.
    pub async fn webhook_secret(&self) -> Result<Secret, Error> {
        if let Some(known) = self.webhook().get() {
            return Ok(known.clone());
        }
        let app = self.app().await?;
        let secret = self.open(WEBHOOK_OWNER, &app.webhook_secret)?;
        Ok(self.webhook().get_or_init(|| secret).clone())
    }

    pub(crate) async fn reseal_webhook(&self) -> Result<(), Error> {
        let app = self.app().await?;
        let keys = &self.config().keys;
        if keys.needs_sealing(&app.webhook_secret) {
            let secret = keys.open(WEBHOOK_OWNER, &app.webhook_secret)?;
            let anew = keys.seal(WEBHOOK_OWNER, &secret)?;
            let catalog = &self.context.storage.catalog;
            catalog
                .reseal_strava_app(&app.webhook_secret, &anew)
                .await?;
        }
        Ok(())
    }

    /// Whether a text is what we told Strava to repeat; compared in constant
    /// time.
    ///
    /// # Errors
    /// Where the catalog fails, or its key is missing.
    pub async fn is_verified(&self, said: &str) -> Result<bool, Error> {
        let ours = self.verify_token().await?;
        Ok(ours.expose().as_bytes().ct_eq(said.as_bytes()).into())
    }

    /// What Strava repeats when it looks at the callback: what is configured,
    /// else something that follows from the path's secret.
    async fn verify_token(&self) -> Result<Secret, Error> {
        if let Some(token) = &self.config().verify_token {
            return Ok(token.clone());
        }
        let secret = self.webhook_secret().await?;
        Ok(Secret::new(fingerprint(&format!(
            "verify {}",
            secret.expose()
        ))))
    }

    async fn callback(&self) -> Result<Url, Error> {
        let secret = self.webhook_secret().await?;
        Ok(self.page(&format!("{WEBHOOK}{}", secret.expose())))
    }

    /// The subscriptions, as Strava listed them within the last five minutes,
    /// or now.
    ///
    /// # Errors
    /// Where catalog or Strava fail.
    pub async fn subscriptions(&self, refresh: bool) -> Result<Subscriptions, Error> {
        let app = self.app().await?;
        let is_recent = app.listed_at_us.is_some_and(|at_us| {
            let age_us = self.now_us().saturating_sub(at_us);
            (0..LISTED.as_micros()).contains(&i128::from(age_us))
        });
        if !refresh && is_recent {
            return self.kept(&app, false);
        }
        match self.list_subscriptions().await {
            Err(Error::StravaAppInactive) => self.kept(&self.app().await?, true),
            listed => listed,
        }
    }

    /// What is kept of the last time that Strava was asked.
    fn kept(&self, app: &StravaApp, is_fresh: bool) -> Result<Subscriptions, Error> {
        let at_us = app.listed_at_us.unwrap_or_default();
        let items = app.subscriptions.as_deref().map(serde_json::from_str);
        Ok(Subscriptions {
            app: match app.is_inactive {
                true => AppState::Inactive,
                false => AppState::Active,
            },
            items: items.transpose()?.unwrap_or_default(),
            listed_at: Timestamp::from_microsecond(at_us).unwrap_or_else(|_| self.now()),
            is_fresh,
            subscription_id: app.subscription_id,
        })
    }

    async fn list_subscriptions(&self) -> Result<Subscriptions, Error> {
        let callback = self.callback().await?;
        let sent = self.now();
        let answer = self.client.subscriptions().await;
        self.learn_clock(sent, answer.date);
        let catalog = &self.context.storage.catalog;
        let found = match answer.outcome.map_err(app_trouble) {
            Ok(found) => found,
            Err(Error::StravaAppInactive) => {
                catalog.mark_strava_app_inactive(self.now_us()).await?;
                return Err(Error::StravaAppInactive);
            }
            Err(error) => return Err(error),
        };
        let items: Vec<Listed> = found.iter().map(|one| listed(one, &callback)).collect();
        let ours = items.iter().find(|one| one.is_ours).map(|one| one.id);
        let now_us = self.write(ours, &items).await?;
        Ok(Subscriptions {
            app: AppState::Active,
            items,
            // As exactly as it is kept.
            listed_at: Timestamp::from_microsecond(now_us).unwrap_or_else(|_| self.now()),
            is_fresh: true,
            subscription_id: ours,
        })
    }

    /// Sees to it that events of Strava come here; answers the subscription.
    /// The athlete `by` connected, for their audit; `None`: an admin asks, whose
    /// audit is kept elsewhere.
    ///
    /// # Errors
    /// [`Error::StravaAppInactive`], and where Strava refuses, most often because
    /// it cannot reach the callback.
    pub async fn subscribe(&self, by: Option<AthleteId>) -> Result<Subscriptions, Error> {
        let before = self.list_subscriptions().await?;
        if before.subscription_id.is_some() {
            return Ok(before);
        }
        self.end_all(&before, by).await?;
        let callback = self.callback().await?;
        let verify = self.verify_token().await?;
        let sent = self.now();
        let answer = self.client.subscribe(&callback, verify.expose()).await;
        self.learn_clock(sent, answer.date);
        let made = answer.outcome.map_err(app_trouble)?;
        let reason = format!("subscribed to events as {}", made.id);
        self.audit_subscription(by, Outcome::Created, reason)
            .await?;
        let new = Listed {
            id: made.id,
            callback_url: Some(format!("{}…", self.page(WEBHOOK))),
            is_ours: true,
        };
        self.write(Some(made.id), std::slice::from_ref(&new))
            .await?;
        self.listed_or_kept().await
    }

    /// Ends subscriptions that bring events elsewhere, where none brings them
    /// here; answers which. `by` as in [`subscribe`](Self::subscribe), which does
    /// the same first: this tells what went also where nothing comes instead.
    ///
    /// # Errors
    /// Where Strava refuses.
    pub async fn make_room(&self, by: Option<AthleteId>) -> Result<Vec<i64>, Error> {
        let listed = self.list_subscriptions().await?;
        match listed.subscription_id {
            Some(_) => Ok(Vec::new()),
            None => self.end_all(&listed, by).await,
        }
    }

    /// An app has one: another callback of ours, such as one of an earlier
    /// address, gives way.
    async fn end_all(
        &self,
        listed: &Subscriptions,
        by: Option<AthleteId>,
    ) -> Result<Vec<i64>, Error> {
        let ids: Vec<i64> = listed.items.iter().map(|one| one.id).collect();
        for id in &ids {
            self.unsubscribe(*id, by).await?;
        }
        Ok(ids)
    }

    /// What is said where Strava calls the app inactive: it is remembered, so that
    /// everyone is told, until Strava lists subscriptions again.
    pub(crate) async fn app_inactive(&self) -> Result<Halt, Error> {
        if !self.app().await?.is_inactive {
            let catalog = &self.context.storage.catalog;
            catalog.mark_strava_app_inactive(self.now_us()).await?;
        }
        Ok(Halt::AppInactive)
    }

    /// Asks Strava whether the app is active again, an hour after it was not.
    pub(crate) async fn look_at_inactive_app(&self) -> Result<(), Error> {
        let catalog = &self.context.storage.catalog;
        let Some(app) = catalog.known_strava_app().await? else {
            return Ok(());
        };
        let asked_us = app.listed_at_us.unwrap_or_default();
        let age_us = i128::from(self.now_us().saturating_sub(asked_us));
        if app.is_inactive && age_us >= INACTIVE.as_micros() {
            match self.list_subscriptions().await {
                Ok(_) => tracing::info!("Strava serves the app again"),
                Err(error) => tracing::warn!(%error, "Strava does not serve the app yet"),
            }
        }
        Ok(())
    }

    async fn audit_subscription(
        &self,
        by: Option<AthleteId>,
        outcome: Outcome,
        reason: String,
    ) -> Result<(), Error> {
        let Some(by) = by else { return Ok(()) };
        let entry = self.entry("strava_subscription", by, outcome, reason, None);
        let catalog = &self.context.storage.catalog;
        Ok(catalog.write_audit(std::slice::from_ref(&entry)).await?)
    }

    /// Ends a subscription; answers those that are left. `by` as in
    /// [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    /// Where Strava refuses.
    pub async fn unsubscribe(
        &self,
        id: i64,
        by: Option<AthleteId>,
    ) -> Result<Subscriptions, Error> {
        let sent = self.now();
        let answer = self.client.unsubscribe(id).await;
        self.learn_clock(sent, answer.date);
        match answer.outcome {
            Ok(()) => {}
            // It is gone already.
            Err(error) if error.verdict() == Verdict::NotFound => {}
            Err(error) => return Err(app_trouble(error)),
        }
        let reason = format!("ended the subscription {id}");
        self.audit_subscription(by, Outcome::Purged, reason).await?;
        let app = self.app().await?;
        let ours = app.subscription_id.filter(|ours| *ours != id);
        let mut left = self.kept(&app, true)?.items;
        left.retain(|one| one.id != id);
        self.write(ours, &left).await?;
        self.listed_or_kept().await
    }

    /// The subscriptions as Strava lists them; where it does not just now, what
    /// is known of them: something was changed there, and that is no error of
    /// the change.
    async fn listed_or_kept(&self) -> Result<Subscriptions, Error> {
        match self.list_subscriptions().await {
            Ok(listed) => Ok(listed),
            Err(error) => {
                tracing::warn!(%error, "subscriptions could not be listed after a change");
                self.kept(&self.app().await?, false)
            }
        }
    }

    /// Writes what is known of the subscriptions now.
    async fn write(&self, ours: Option<i64>, items: &[Listed]) -> Result<i64, Error> {
        let (now_us, shown) = (self.now_us(), self.page(WEBHOOK));
        let catalog = &self.context.storage.catalog;
        catalog
            .write_strava_subscription(
                ours.map(|id| (id, shown.as_str())),
                &serde_json::to_string(items)?,
                now_us,
            )
            .await?;
        Ok(now_us)
    }

    /// Ends our subscription, since nobody is left; answers whether there was
    /// one. Whoever connects meanwhile has it made anew.
    ///
    /// # Errors
    /// Where Strava refuses, or the catalog fails.
    pub(crate) async fn end_subscription(&self) -> Result<bool, Error> {
        let Some(id) = self.app().await?.subscription_id else {
            return Ok(false);
        };
        self.unsubscribe(id, None).await?;
        let catalog = &self.context.storage.catalog;
        if let Some(other) = catalog.strava_connections().await?.first() {
            let subscribe = Subscribe {
                by: other.athlete_id,
            };
            enqueue(catalog, &subscribe, None, None).await?;
        }
        Ok(true)
    }
}

fn listed(subscription: &Subscription, ours: &Url) -> Listed {
    let url = subscription.callback_url.as_ref();
    let is_ours = url == Some(ours);
    // What follows the last slash of a callback is a secret, ours or another's.
    let without_secret = |url: &Url| {
        let url = url.as_str();
        url.rfind('/')
            .map_or_else(String::new, |at| format!("{}…", &url[..=at]))
    };
    Listed {
        id: subscription.id,
        callback_url: url.map(without_secret),
        is_ours,
    }
}

fn app_trouble(error: ::strava::Error) -> Error {
    match error.verdict() {
        Verdict::AppInactive => Error::StravaAppInactive,
        _ => Error::Strava(error),
    }
}
