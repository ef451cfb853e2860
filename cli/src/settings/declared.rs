//! The settings reference: each setting and secret once.

/// One line of the settings reference.
#[derive(Debug)]
pub struct SettingRow {
    /// As in the file; the variable is `PACELAKE_` and the same in capitals.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
}

/// The settings reference.
pub const SETTINGS: &[SettingRow] = &[
    SettingRow {
        name: "data_dir",
        doc: "Folder of the embedded catalog, the lake and the raw recordings.",
        default: "`$XDG_DATA_HOME/pacelake`, else `~/.local/share/pacelake`",
    },
    SettingRow {
        name: "catalog",
        doc: "`postgres://…` for a PostgreSQL catalog; may hold a password, so prefer the environment to a flag.",
        default: "SQLite in the data folder",
    },
    SettingRow {
        name: "store",
        doc: "`s3://bucket/prefix` for lake and raw recordings in a bucket of an S3 store.",
        default: "the data folder",
    },
    SettingRow {
        name: "s3_endpoint",
        doc: "The S3 server, such as `https://storage.example.org:9000`.",
        default: "AWS's own, by region",
    },
    SettingRow {
        name: "s3_region",
        doc: "The bucket's region.",
        default: "us-east-1",
    },
    SettingRow {
        name: "s3_path_style",
        doc: "Whether the bucket stands in the path of requests rather than in the host's name.",
        default: "true where there is an endpoint",
    },
    SettingRow {
        name: "s3_allow_http",
        doc: "Whether the endpoint may be plain HTTP, which everyone on the way can read and change.",
        default: "false",
    },
    SettingRow {
        name: "s3_ca_file",
        doc: "Root certificates (PEM) to trust for the endpoint besides the system's.",
        default: "none",
    },
    SettingRow {
        name: "s3_connect_timeout_s",
        doc: "Seconds to wait for a connection to the S3 server.",
        default: "5",
    },
    SettingRow {
        name: "s3_request_timeout_s",
        doc: "Seconds that one request may take, such as a part of 8 MiB; longer downloads go on where they were.",
        default: "60",
    },
    SettingRow {
        name: "s3_retries",
        doc: "How often a failed request is tried again.",
        default: "8",
    },
    SettingRow {
        name: "s3_retry_timeout_s",
        doc: "Seconds after which no retry begins.",
        default: "60",
    },
    SettingRow {
        name: "listen",
        doc: "Address that `serve` listens on; loopback only until accounts exist.",
        default: "127.0.0.1:8080",
    },
    SettingRow {
        name: "public_url",
        doc: "Where others reach `serve`, such as `https://lake.example.org`: for links, for what `Host` and `Origin` may be, and for cookies, which go over HTTPS only where this does.",
        default: "none: `serve` is reached where it listens",
    },
    SettingRow {
        name: "maintain",
        doc: "Whether `serve` maintains the lake by itself: merges small files, lets old snapshots go, removes what nothing names.",
        default: "true",
    },
    SettingRow {
        name: "keep_snapshots_s",
        doc: "How many seconds snapshots are kept for time travel; files that only older ones list go a day later.",
        default: "604800",
    },
    SettingRow {
        name: "log",
        doc: "What is logged, as `tracing` directives such as `info` or `info,pacelake_jobs=debug`.",
        default: "warn",
    },
    SettingRow {
        name: "log_format",
        doc: "How lines of the log are written: `pretty` for people, or `json`, one object a line.",
        default: "pretty",
    },
    SettingRow {
        name: "secret_key_file",
        doc: "File of the keys that tokens are sealed with: one a line, 32 bytes in hexadecimal, the newest first; all open what they sealed.",
        default: "`secret.key` in the data folder, made where it is missing; needed with a PostgreSQL catalog",
    },
    SettingRow {
        name: "workers",
        doc: "How many jobs `serve` runs at once; 0 leaves them to `pacelake worker`.",
        default: "4",
    },
    SettingRow {
        name: "strava_client_id",
        doc: "The number of your app at Strava; without it there is no Strava.",
        default: "none",
    },
    SettingRow {
        name: "strava_retention",
        doc: "What may be kept of Strava's API, which you must choose: `policy` (Strava's terms: 7 days, unless a file or the archive brings the same activity) or `owner` (you run pacelake for yourself, and decide).",
        default: "none",
    },
    SettingRow {
        name: "strava_oauth_url",
        doc: "Where Strava signs people in.",
        default: "https://www.strava.com/oauth",
    },
    SettingRow {
        name: "strava_api_url",
        doc: "Where Strava's API is; it moves in 2027.",
        default: "https://www.strava.com/api/v3",
    },
    SettingRow {
        name: "strava_revoke",
        doc: "How access is given back: `revoke`, or `deauthorize`, which ends in 2027.",
        default: "revoke",
    },
    SettingRow {
        name: "strava_poll_s",
        doc: "How many seconds pass at least before an athlete's newest activities are listed again, beside what Strava announces.",
        default: "3600",
    },
    SettingRow {
        name: "max_connections",
        doc: "Connections that `serve` holds at once; more are told to come again.",
        default: "512",
    },
    SettingRow {
        name: "head_time_s",
        doc: "How long the head of a request may take to arrive, and a connection may be idle, in seconds.",
        default: "15",
    },
    SettingRow {
        name: "stall_time_s",
        doc: "How long a client may read nothing of an answer before it is cut off, in seconds.",
        default: "30",
    },
    SettingRow {
        name: "answer_time_s",
        doc: "How long an answer may take to begin, in seconds.",
        default: "90",
    },
    SettingRow {
        name: "body_kb",
        doc: "The longest body of a request, in units of 1,024 bytes.",
        default: "64",
    },
    SettingRow {
        name: "wait_s",
        doc: "How long a request waits for its turn before it is told that the server is too busy, in seconds.",
        default: "2",
    },
    SettingRow {
        name: "reads_at_once",
        doc: "Reads that are answered at once.",
        default: "64",
    },
    SettingRow {
        name: "kept_answers_mb",
        doc: "Memory for answers that were given before, in units of 2^20 bytes.",
        default: "64",
    },
    SettingRow {
        name: "memory_mb",
        doc: "Memory of the whole server above which running statements are ended, in units of 2^20 bytes.",
        default: "2048",
    },
    SettingRow {
        name: "queries_at_once",
        doc: "SQL statements that run at once.",
        default: "2",
    },
    SettingRow {
        name: "query_threads",
        doc: "Threads of statements and exports, beside those of reads.",
        default: "one less than there are cores, at least 1",
    },
    SettingRow {
        name: "query_time_s",
        doc: "How long a statement to the server may run, in seconds.",
        default: "30",
    },
    SettingRow {
        name: "query_rows",
        doc: "How many rows a statement to the server may give.",
        default: "100000",
    },
    SettingRow {
        name: "query_memory_mb",
        doc: "Memory of one statement or export, in units of 2^20 bytes.",
        default: "256",
    },
    SettingRow {
        name: "query_spill_mb",
        doc: "Disk space of one statement or export, in units of 2^20 bytes.",
        default: "2048",
    },
    SettingRow {
        name: "exports_at_once",
        doc: "Exports that run at once.",
        default: "2",
    },
    SettingRow {
        name: "export_time_s",
        doc: "How long an export may take, reading included, in seconds.",
        default: "3600",
    },
];

/// What is read from the environment only, and never printed.
pub const SECRETS: &[SettingRow] = &[
    SettingRow {
        name: "s3_access_key_id",
        doc: "Names the key for the S3 store.",
        default: "none",
    },
    SettingRow {
        name: "s3_secret_access_key",
        doc: "The key itself.",
        default: "none",
    },
    SettingRow {
        name: "s3_secret_access_key_file",
        doc: "A file that holds the key instead, such as a mounted secret.",
        default: "none",
    },
    SettingRow {
        name: "s3_session_token",
        doc: "Goes with keys that are lent for a while.",
        default: "none",
    },
    SettingRow {
        name: "strava_client_secret",
        doc: "The secret of your app at Strava.",
        default: "none",
    },
    SettingRow {
        name: "strava_client_secret_file",
        doc: "A file that holds the secret instead, such as a mounted one.",
        default: "none",
    },
    SettingRow {
        name: "strava_verify_token",
        doc: "What Strava repeats when it looks at the callback for events.",
        default: "something that nobody can guess",
    },
    SettingRow {
        name: "strava_verify_token_file",
        doc: "A file that holds it instead.",
        default: "none",
    },
];
