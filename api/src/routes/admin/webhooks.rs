//! The app's subscription to events of Strava.

use axum::extract::State as Shared;
use jobs::strava::subscription::Subscriptions;
use serde::Deserialize;
use storage::Code;
use storage::catalog::AccountAction;
use tracing::Instrument;
use utoipa::IntoParams;

use super::audit;
use crate::access::Admin;
use crate::answer::{self, Answer};
use crate::parameters::{NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::schema::admin::Webhooks;
use crate::state::State;

/// Whether Strava is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WebhooksQuery {
    /// Asks Strava now, rather than answer what it said within five minutes.
    #[serde(default)]
    pub refresh: bool,
}

/// The app's subscriptions as Strava listed them, at most five minutes ago; and
/// whether it calls the app inactive.
#[utoipa::path(get, path = "/api/admin/webhooks", tag = "admin", params(WebhooksQuery),
    responses((status = 200, description = "What is subscribed.", body = Webhooks), AnyProblem))]
pub async fn list_webhooks(
    _: Admin,
    Parameters(query): Parameters<WebhooksQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<Webhooks>, Problem> {
    let service = &state.strava()?.service;
    answer::not_kept(&service.subscriptions(query.refresh).await?)
}

/// Subscribes to events, where this server does not get them already; another
/// subscription of the app gives way, since an app has one.
#[utoipa::path(post, path = "/api/admin/webhooks", tag = "admin",
    responses((status = 200, description = "What is subscribed.", body = Webhooks), AnyProblem))]
pub async fn make_webhook(
    Admin(caller): Admin,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<Webhooks>, Problem> {
    let service = state.strava()?.service.clone();
    let making = async move {
        let before = service.subscriptions(false).await?.subscription_id;
        // Told first: what comes instead may fail.
        for id in service.make_room(None).await? {
            let detail = id.to_string();
            audit(&state, &caller, AccountAction::Unsubscribed, detail).await?;
        }
        let made = service.subscribe(None).await?;
        if let (true, Some(id)) = (before != made.subscription_id, made.subscription_id) {
            audit(&state, &caller, AccountAction::Subscribed, id.to_string()).await?;
        }
        Ok(made)
    };
    answer::not_kept(&finished(making).await?)
}

/// Which subscription.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WebhookQuery {
    /// Its id at Strava; without it the one whose events come here.
    pub subscription_id: Option<i64>,
}

/// Ends a subscription. Events are missed from then on, and found by the poll;
/// the next athlete who connects subscribes anew.
#[utoipa::path(delete, path = "/api/admin/webhooks", tag = "admin", params(WebhookQuery),
    responses((status = 200, description = "What is left.", body = Webhooks), AnyProblem))]
pub async fn end_webhook(
    Admin(caller): Admin,
    Parameters(query): Parameters<WebhookQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<Webhooks>, Problem> {
    let service = state.strava()?.service.clone();
    let id = match query.subscription_id {
        Some(id) => id,
        None => {
            let listed = service.subscriptions(false).await?;
            listed.subscription_id.ok_or_else(|| {
                Problem::new(
                    Code::NotFound,
                    "no subscription brings events here",
                    "look at GET /api/admin/webhooks?refresh=true, and name one of those",
                )
            })?
        }
    };
    let ending = async move {
        let left = service.unsubscribe(id, None).await?;
        let detail = id.to_string();
        audit(&state, &caller, AccountAction::Unsubscribed, detail).await?;
        Ok(left)
    };
    answer::not_kept(&finished(ending).await?)
}

/// What comes of work that goes on when whoever asked for it hangs up, so that
/// nothing stops half-way or without a line in the audit.
async fn finished(
    work: impl Future<Output = Result<Subscriptions, Problem>> + Send + 'static,
) -> Result<Subscriptions, Problem> {
    let done = tokio::spawn(work.in_current_span()).await;
    done.map_err(|error| Problem::fault(error.to_string()))?
}
