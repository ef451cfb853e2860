//! The schemas of what [`jobs::strava`] writes.

use utoipa::ToSchema;

/// How a connection is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Status {
    /// Whose.
    athlete_id: i64,
    /// `connected`, `degraded` (the athlete must connect anew; work waits until then) or
    /// `not_connected`.
    status: String,
    /// The code of what is wrong.
    code: Option<String>,
    /// What is wrong.
    reason: Option<String>,
    /// What to do about it.
    try_next: Option<String>,
    /// Who they are at Strava.
    strava_athlete_id: Option<i64>,
    /// What they allowed, separated by commas.
    scopes: Option<String>,
    /// Since when.
    connected_at: Option<String>,
    /// When the present token ends; it is refreshed five minutes before.
    token_expires_at: Option<String>,
    /// When the token was last refreshed.
    refreshed_at: Option<String>,
    /// When the newest activities were last listed.
    polled_at: Option<String>,
    /// How many activities Strava listed.
    activities_listed: i64,
    /// How many of them are here.
    activities_present: i64,
    /// When the whole history had been listed.
    history_listed_at: Option<String>,
    /// What may be kept: `policy` or `owner`.
    retention: String,
    /// Whether events come here.
    subscribed: bool,
    /// How much of the app's limits is used.
    limits: Limits,
    /// The same in a sentence.
    #[schema(
        example = "612 of 1,000 reads today, window resets 14:15, back-fill done Thursday 09:00 (UTC)"
    )]
    forecast: String,
    /// What was last done about the tokens, newest first.
    token_audit: Vec<TokenEvent>,
}

/// How much of Strava's limits is used, by all athletes of the app.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Limits {
    /// Reads of this quarter of an hour, refused ones included.
    quarter_used: i64,
    /// How many there may be.
    quarter_limit: i64,
    /// When it ends.
    quarter_resets_at: String,
    /// Reads of this day in UTC, refused ones included.
    day_used: i64,
    /// How many there may be.
    day_limit: i64,
    /// When it ends.
    day_resets_at: String,
    /// How many reads Strava refused in this quarter of an hour.
    quarter_refused: i64,
    /// How many activities are to be fetched yet.
    activities_left: i64,
    /// When they are, at the share of the limits that back-fill may use.
    backfill_done_at: Option<String>,
}

/// One line of the audit of tokens.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct TokenEvent {
    /// When.
    at: String,
    /// What came of it: `created`, `updated`, `failed` or `purged`.
    outcome: String,
    /// Why, and what.
    reason: String,
    /// The code, where it failed.
    code: Option<String>,
}

/// What was done when a connection ended.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Disconnected {
    /// Whose connection it was.
    athlete_id: i64,
    /// When it ended.
    at: String,
    /// Whether Strava confirmed that the tokens are dead.
    revoked: bool,
    /// What Strava said where it did not.
    not_revoked: Option<String>,
    /// Whether tokens, and all that was listed, are gone here.
    tokens_removed: bool,
    /// Whether the subscription to events ended too, since nobody is left.
    subscription_ended: bool,
    /// What may be kept: `policy` or `owner`.
    retention: String,
    /// The receipt of what went that only Strava's API had brought.
    purged: Option<PurgeReceipt>,
}

/// What went for good.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct PurgeReceipt {
    /// Names it in the audit.
    purge_id: Option<String>,
    /// Whose it was.
    athlete_id: i64,
    /// Whether everything of the athlete.
    whole: bool,
    /// Which activities.
    activities: Vec<i64>,
    /// Which activities stay without a copy that went; left out where none do.
    revised: Option<Vec<i64>>,
    /// Rows of the catalog.
    catalog_rows: i64,
    /// Rows of the lake, in all snapshots.
    lake_rows: i64,
    /// Data files that were written anew without them.
    files_rewritten: i64,
    /// Data files that held nothing else.
    files_removed: i64,
    /// Objects that were deleted from the lake's store.
    objects: i64,
    /// Their length in bytes.
    bytes: i64,
    /// Recordings that were deleted from the raw store.
    recordings: i64,
    /// Tables in which nobody can tell whose rows are.
    not_searched: Vec<String>,
    /// Objects that nothing names and nobody can read; maintenance deletes them
    /// after their grace.
    unreadable: Vec<String>,
}

/// A page of what Strava lists now.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct LiveActivities {
    /// Newest first.
    items: Vec<LiveActivity>,
    /// Which page.
    page: u32,
}

/// An activity as Strava lists it now.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct LiveActivity {
    /// Its id at Strava.
    strava_id: i64,
    /// Which activity it is here, where it is.
    activity_id: Option<i64>,
    /// Its name.
    name: String,
    /// Its sport, in Strava's words.
    sport_type: String,
    /// When it began, in UTC.
    start_time: String,
    /// How far, in m.
    distance_m: Option<f64>,
    /// How long, stops included, in s.
    elapsed_s: Option<i64>,
    /// How long by Strava's own rule of what moves, in s.
    moving_s: Option<i64>,
    /// Who may see it there.
    visibility: String,
    /// Whether it was written down by hand.
    manual: bool,
}

/// One activity's splits and best efforts, by us and by Strava.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Comparison {
    /// The activity here.
    activity_id: i64,
    /// The activity there.
    strava_id: i64,
    /// `km` or `mile`.
    unit: String,
    /// Splits, in order.
    splits: Vec<Beside>,
    /// Best efforts, by distance.
    best_efforts: Vec<Beside>,
}

/// A stretch of one activity, by us and by Strava.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Beside {
    /// Which: a split's number, or 0 for a best effort.
    number: i32,
    /// How long ours is, in m.
    distance_m: Option<f64>,
    /// Our time over it, in s.
    elapsed_s: Option<f64>,
    /// How long Strava's is, in m.
    strava_distance_m: Option<f64>,
    /// Strava's time over it, in whole s.
    strava_elapsed_s: Option<f64>,
    /// By how much Strava's takes longer, in s.
    elapsed_difference_s: Option<f64>,
    /// Why they differ.
    why: String,
}
