//! Who may do what, route by route: a route that is not here fails the walk.

/// Who may ask a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everyone.
    Public,
    /// Whoever signed in; a token reads or writes.
    SignedIn,
    /// Whoever signed in, and no program.
    Person,
    /// Whoever acts for an athlete.
    Reader,
    /// Athletes, and admins who act for one.
    Owner,
    /// Whoever acts for an athlete, to ask in SQL.
    Analyst,
    /// Whoever runs the installation.
    Admin,
}

/// One request to a route.
pub struct Row {
    pub method: &'static str,
    /// The path as the document has it.
    pub route: &'static str,
    pub who: Who,
    /// What is asked: an id of athlete 1's wherever one fits, `{token}` for a
    /// token of the caller's, `{account}` for an account and `{snapshot}` for
    /// one that is kept; and what [`crate::strava`] knows.
    pub ask: &'static str,
    pub body: Option<&'static str>,
    /// Whether it names something of athlete 1's, which others do not find.
    pub named: bool,
    /// What whoever may is answered with; `None`: anything but a refusal.
    pub status: Option<u16>,
}

impl Row {
    const fn answered(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }
}

const fn get(route: &'static str, who: Who, ask: &'static str) -> Row {
    Row {
        method: "GET",
        route,
        who,
        ask,
        body: None,
        named: false,
        status: None,
    }
}

/// A read of something of athlete 1's by its id.
const fn named(route: &'static str, who: Who, ask: &'static str) -> Row {
    Row {
        named: true,
        ..get(route, who, ask)
    }
}

const fn post(route: &'static str, who: Who, ask: &'static str, body: &'static str) -> Row {
    Row {
        method: "POST",
        body: Some(body),
        ..get(route, who, ask)
    }
}

const fn change(route: &'static str, ask: &'static str, body: &'static str) -> Row {
    Row {
        named: true,
        ..post(route, Who::Owner, ask, body)
    }
}

const fn delete(route: &'static str, who: Who, ask: &'static str) -> Row {
    Row {
        method: "DELETE",
        ..get(route, who, ask)
    }
}

const fn chore(route: &'static str) -> Row {
    post(route, Who::Admin, route, "{}")
}

/// What Strava posts about athlete 1.
const EVENT: &str = r#"{
    "object_type": "activity", "object_id": 5, "aspect_type": "update",
    "owner_id": {owner}, "subscription_id": {subscription},
    "event_time": 1780300000, "updates": {"title": "x"}
}"#;

/// Who may do what, route by route.
pub const ROUTES: &[Row] = &[
    get("/", Who::Reader, "/"),
    get("/signin", Who::Public, "/signin"),
    get("/setup", Who::Public, "/setup"),
    get("/api/health", Who::Public, "/api/health"),
    get("/api/openapi.json", Who::Public, "/api/openapi.json"),
    get("/api/docs", Who::Public, "/api/docs"),
    post("/api/setup", Who::Public, "/api/setup", r#"{"link": "x"}"#),
    post(
        "/api/session",
        Who::Public,
        "/api/session",
        r#"{"name": "x"}"#,
    ),
    get("/api/session", Who::SignedIn, "/api/session"),
    delete(
        "/api/session",
        Who::SignedIn,
        "/api/session?everywhere=true",
    ),
    get("/api/tokens", Who::SignedIn, "/api/tokens"),
    post(
        "/api/tokens",
        Who::Person,
        "/api/tokens",
        r#"{"name": "x", "scopes": ["read"]}"#,
    ),
    delete(
        "/api/tokens/{token_id}",
        Who::SignedIn,
        "/api/tokens/{token}",
    ),
    get("/api/accounts", Who::Admin, "/api/accounts"),
    post(
        "/api/accounts",
        Who::Admin,
        "/api/accounts",
        r#"{"role": "admin"}"#,
    ),
    post(
        "/api/accounts/{account_id}/disable",
        Who::Admin,
        "/api/accounts/{account}/disable",
        "",
    ),
    get("/api/activities", Who::Reader, "/api/activities"),
    named(
        "/api/activities/{activity_id}",
        Who::Reader,
        "/api/activities/7",
    ),
    named(
        "/api/activities/{activity_id}/map",
        Who::Reader,
        "/api/activities/7/map",
    ),
    named(
        "/api/activities/{activity_id}/splits",
        Who::Reader,
        "/api/activities/7/splits",
    ),
    named(
        "/api/activities/{activity_id}/climbs",
        Who::Reader,
        "/api/activities/7/climbs",
    ),
    named(
        "/api/activities/{activity_id}/best_efforts",
        Who::Reader,
        "/api/activities/7/best_efforts",
    ),
    named(
        "/api/activities/{activity_id}/refused_efforts",
        Who::Reader,
        "/api/activities/7/refused_efforts",
    ),
    named(
        "/api/activities/{activity_id}/streams",
        Who::Reader,
        "/api/activities/7/streams",
    ),
    named(
        "/api/activities/{activity_id}/laps",
        Who::Reader,
        "/api/activities/7/laps",
    ),
    named(
        "/api/activities/{activity_id}/findings",
        Who::Reader,
        "/api/activities/7/findings",
    ),
    named(
        "/api/activities/{activity_id}/corrections",
        Who::Reader,
        "/api/activities/7/corrections",
    ),
    named(
        "/api/activities/{activity_id}",
        Who::Reader,
        "/api/activities/7?at={snapshot}",
    ),
    change(
        "/api/activities/{activity_id}/mask",
        "/api/activities/7/mask",
        r#"{"reason": "x"}"#,
    ),
    change(
        "/api/activities/{activity_id}/unmask",
        "/api/activities/7/unmask",
        "{}",
    ),
    change(
        "/api/activities/{activity_id}/include",
        "/api/activities/7/include",
        r#"{"distance_m": 400, "reason": "x"}"#,
    ),
    change(
        "/api/activities/{activity_id}/exclude",
        "/api/activities/7/exclude",
        r#"{"distance_m": 400}"#,
    ),
    change(
        "/api/activities/{activity_id}/unmerge",
        "/api/activities/7/unmerge",
        "{}",
    ),
    change(
        "/api/activities/{activity_id}/remerge",
        "/api/activities/7/remerge",
        "{}",
    ),
    get("/api/strava/auth", Who::Owner, "/api/strava/auth").answered(303),
    // A page says that the sign-in did not begin here.
    get(
        "/api/strava/callback",
        Who::Public,
        "/api/strava/callback?state=x",
    )
    .answered(400),
    post(
        "/api/strava/callback",
        Who::Public,
        "/api/strava/callback",
        r#"{"state": "x"}"#,
    )
    .answered(400),
    post(
        "/api/strava/logout",
        Who::SignedIn,
        "/api/strava/logout",
        "",
    )
    .answered(204),
    get("/api/strava/status", Who::Reader, "/api/strava/status").answered(200),
    delete(
        "/api/strava/disconnect",
        Who::Owner,
        "/api/strava/disconnect",
    )
    .answered(200),
    // Whoever knows the secret may, and whoever guesses it finds nothing.
    get(
        "/api/strava/webhook/{secret}",
        Who::Public,
        "/api/strava/webhook/{webhook}?{question}",
    )
    .answered(200),
    get(
        "/api/strava/webhook/{secret}",
        Who::Public,
        "/api/strava/webhook/x?{question}",
    )
    .answered(404),
    post(
        "/api/strava/webhook/{secret}",
        Who::Public,
        "/api/strava/webhook/{webhook}",
        EVENT,
    )
    .answered(200),
    post(
        "/api/strava/webhook/{secret}",
        Who::Public,
        "/api/strava/webhook/x",
        EVENT,
    )
    .answered(404),
    get(
        "/api/strava/activities",
        Who::Reader,
        "/api/strava/activities",
    )
    .answered(200),
    post("/api/strava/sync", Who::Owner, "/api/strava/sync", "").answered(202),
    named(
        "/api/strava/splits/{activity_id}",
        Who::Reader,
        "/api/strava/splits/8",
    )
    .answered(200),
    get("/api/strava/export", Who::Reader, "/api/strava/export").answered(200),
    named("/api/jobs/{job_id}", Who::SignedIn, "/api/jobs/1"),
    named(
        "/api/jobs/{job_id}/events",
        Who::SignedIn,
        "/api/jobs/1/events",
    ),
    get("/api/runs", Who::Reader, "/api/runs"),
    get("/api/stats", Who::Reader, "/api/stats"),
    get("/api/analytics/peak", Who::Reader, "/api/analytics/peak"),
    get(
        "/api/analytics/best-efforts-cached",
        Who::Reader,
        "/api/analytics/best-efforts-cached",
    ),
    get("/api/diff", Who::Reader, "/api/diff?from=1"),
    named("/api/diff", Who::Reader, "/api/diff?from=1&activity_id=7"),
    named(
        "/api/explain/{table}/{address}",
        Who::Reader,
        "/api/explain/splits/7/km/1/distance_m?recompute=false",
    ),
    named(
        "/api/explain/{table}/{address}",
        Who::Reader,
        "/api/explain/stats/1/run/year/2024-01-01/distance_m?recompute=false",
    ),
    get(
        "/api/export/{table}",
        Who::Analyst,
        "/api/export/activities",
    ),
    named(
        "/api/export/{table}",
        Who::Analyst,
        "/api/export/splits?activity_id=7",
    ),
    post(
        "/api/sql",
        Who::Analyst,
        "/api/sql",
        r#"{"query": "SELECT * FROM activities WHERE activity_id = 7"}"#,
    ),
    // Nobody fetches from Strava here, so that it is not ready.
    get("/api/ready", Who::Public, "/api/ready").answered(503),
    get("/metrics", Who::Admin, "/metrics"),
    get("/api/admin/webhooks", Who::Admin, "/api/admin/webhooks").answered(200),
    post("/api/admin/webhooks", Who::Admin, "/api/admin/webhooks", "").answered(200),
    delete(
        "/api/admin/webhooks",
        Who::Admin,
        "/api/admin/webhooks?subscription_id={subscription}",
    )
    .answered(200),
    get(
        "/api/admin/activity-jobs",
        Who::Admin,
        "/api/admin/activity-jobs",
    ),
    post(
        "/api/admin/activity-jobs",
        Who::Admin,
        "/api/admin/activity-jobs",
        r#"{"athlete_id": 1}"#,
    )
    .answered(202),
    delete(
        "/api/admin/activity-jobs",
        Who::Admin,
        "/api/admin/activity-jobs?kind=none",
    ),
    chore("/api/admin/calculate-best-efforts"),
    chore("/api/admin/clear-best-efforts"),
    chore("/api/admin/resync"),
    get(
        "/api/admin/sync-streams",
        Who::Admin,
        "/api/admin/sync-streams",
    ),
    chore("/api/admin/sync-streams").answered(202),
    get("/api/admin/thumbnails", Who::Admin, "/api/admin/thumbnails"),
    chore("/api/admin/thumbnails"),
];
