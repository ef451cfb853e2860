//! The HTTP layer: handlers that read tables and enqueue jobs.
//!
//! A handler never computes a number. It says by its arguments who may call it
//! ([`access`], always the first), what it is asked ([`parameters`]) and what it reads from
//! ([`reader`], one snapshot a request; [`past`], an older one), and answers with rows of a declared
//! shape. Begin at `router`, the list of routes.

pub mod access;
pub mod answer;
pub mod attempts;
pub mod form;
pub mod geojson;
pub mod heavy;
pub mod kept;
pub mod limits;
pub mod log;
pub mod openapi;
pub mod origin;
pub mod parameters;
pub mod password;
pub mod past;
pub mod problem;
pub mod public_url;
pub mod reader;
pub mod routes;
pub mod schema;
pub mod sent;
pub mod serve;
pub mod stall;
pub mod state;

mod html;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{Extensions, HeaderMap};
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use tower_http::limit::RequestBodyLimitLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use limits::ServerLimits;
pub use problem::Problem;
pub use public_url::PublicUrl;
pub use serve::{ServeError, check_address, serve, serve_side};
pub use state::State;

/// Every route with its documentation: adding one here adds it to both.
fn router() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(past::readable(reads()))
        .merge(accounts())
        .merge(admin())
        .routes(routes!(routes::corrections::mask))
        .routes(routes!(routes::corrections::unmask))
        .routes(routes!(routes::corrections::include))
        .routes(routes!(routes::corrections::exclude))
        .routes(routes!(routes::corrections::unmerge))
        .routes(routes!(routes::corrections::remerge))
        .routes(routes!(routes::diff::get_diff))
        .routes(routes!(routes::strava::sign_in::begin))
        .routes(routes!(
            routes::strava::sign_in::come_back,
            routes::strava::sign_in::hand_over
        ))
        .routes(routes!(routes::strava::sign_in::log_out))
        .routes(routes!(routes::strava::connection::get_status))
        .routes(routes!(routes::strava::connection::disconnect))
        .routes(routes!(
            routes::strava::webhook::validate,
            routes::strava::webhook::receive
        ))
        .routes(routes!(routes::strava::live::list_live))
        .routes(routes!(routes::strava::live::sync))
        .routes(routes!(routes::strava::live::compare_splits))
        .routes(routes!(routes::strava::live::export_live))
        .routes(routes!(routes::queue::get_job))
        .routes(routes!(routes::queue::watch_job))
        .merge(seen_from_outside())
        .routes(routes!(routes::documents::get_openapi))
        .routes(routes!(routes::documents::get_docs))
        .routes(routes!(routes::start::get_start))
}

/// The routes that read the lake, each at any snapshot.
fn reads() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(routes::activities::list_activities))
        .routes(routes!(routes::activities::get_activity))
        .routes(routes!(routes::activities::get_map))
        .routes(routes!(routes::activities::list_splits))
        .routes(routes!(routes::activities::list_climbs))
        .routes(routes!(routes::activities::list_best_efforts_of))
        .routes(routes!(routes::activities::list_refused_efforts))
        .routes(routes!(routes::activities::get_streams))
        .routes(routes!(routes::activities::list_laps))
        .routes(routes!(routes::activities::list_findings))
        .routes(routes!(routes::corrections::list_corrections))
        .routes(routes!(routes::runs::list_runs))
        .routes(routes!(routes::stats::list_stats))
        .routes(routes!(routes::analytics::list_peaks))
        .routes(routes!(routes::analytics::list_best_efforts))
        .routes(routes!(routes::explain::explain_number))
        .routes(routes!(routes::export::export_table))
        .routes(routes!(routes::sql::run_sql))
}

/// The routes about who signs in.
fn accounts() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(routes::sign_in::get_sign_in))
        .routes(routes!(routes::set_up::get_set_up))
        .routes(routes!(routes::set_up::set_up))
        .routes(routes!(
            routes::session::get_session,
            routes::session::begin_session,
            routes::session::end_session
        ))
        .routes(routes!(
            routes::tokens::list_tokens,
            routes::tokens::make_token
        ))
        .routes(routes!(routes::tokens::revoke_token))
        .routes(routes!(
            routes::accounts::list_accounts,
            routes::accounts::invite
        ))
        .routes(routes!(routes::accounts::disable_account))
}

/// The routes of whoever runs the installation.
fn admin() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(
            routes::admin::webhooks::list_webhooks,
            routes::admin::webhooks::make_webhook,
            routes::admin::webhooks::end_webhook
        ))
        .routes(routes!(
            routes::admin::activity_jobs::list_jobs,
            routes::admin::activity_jobs::make_jobs,
            routes::admin::activity_jobs::clear_jobs
        ))
        .routes(routes!(routes::admin::chores::calculate_best_efforts))
        .routes(routes!(routes::admin::chores::clear_best_efforts))
        .routes(routes!(routes::admin::chores::resync))
        .routes(routes!(
            routes::admin::chores::get_missing_streams,
            routes::admin::chores::sync_streams
        ))
        .routes(routes!(
            routes::admin::chores::get_thumbnails,
            routes::admin::chores::queue_thumbnails
        ))
}

/// How the process is, for those who watch it: all that a worker answers.
fn seen_from_outside() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(routes::health::get_health))
        .routes(routes!(routes::health::get_ready))
        .routes(routes!(routes::metrics::get_metrics))
}

/// The whole application.
pub fn app(state: State) -> Router {
    layered(router(), state, Names::Ours)
}

/// What a process without requests of athletes answers: how it is. It changes
/// nothing, so that it may be asked under any name.
pub fn side(state: State) -> Router {
    layered(seen_from_outside(), state, Names::Any)
}

/// Under which names, and from which pages, a process may be asked.
#[derive(Clone, Copy)]
enum Names {
    /// Those that [`origin`] knows.
    Ours,
    /// Any.
    Any,
}

fn layered(routes: OpenApiRouter<State>, state: State, names: Names) -> Router {
    let (router, _) = routes.split_for_parts();
    let limits = Arc::clone(&state.limits);
    // Whole tables go out as they are: packing them would cost reads their
    // time.
    let worth_packing = DefaultPredicate::new().and(|_, _, headers: &HeaderMap, _: &Extensions| {
        !headers.contains_key(CONTENT_DISPOSITION)
    });
    let router = router
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::unknown_method)
        .layer(from_fn_with_state(state.clone(), kept::keep))
        .layer(from_fn(access::lead_to_sign_in));
    let router = match names {
        Names::Ours => router.layer(from_fn_with_state(state.clone(), origin::check)),
        Names::Any => router,
    };
    router
        .layer(RequestBodyLimitLayer::new(limits.body_bytes))
        .layer(from_fn(routes::strava::webhook::count_oversized))
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .layer(from_fn_with_state(limits, log::request))
        .layer(CompressionLayer::new().compress_when(worth_packing))
        .with_state(state)
}
