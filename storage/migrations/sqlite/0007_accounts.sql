-- Who signs in. Rows are never deleted: that there was an account is what
-- closes an installation to those without one.
create table accounts (
    account_id integer primary key,
    name text not null unique,
    role text not null,
    athlete_id bigint,
    password text,
    created_at_us bigint not null,
    disabled_at_us bigint
);
create index accounts_athlete on accounts (athlete_id) where athlete_id is not null;

-- Of what lets someone in only the SHA-256 is kept.
create table sessions (
    secret_sha256 text primary key,
    session_id text not null unique,
    account_id bigint not null references accounts (account_id),
    created_at_us bigint not null,
    seen_at_us bigint not null,
    expires_at_us bigint not null
) without rowid;
create index sessions_account on sessions (account_id);
create index sessions_expiry on sessions (expires_at_us);

create table api_tokens (
    token_id text primary key,
    secret_sha256 text not null unique,
    account_id bigint not null references accounts (account_id),
    name text not null,
    scopes text not null,
    created_at_us bigint not null,
    expires_at_us bigint,
    used_at_us bigint,
    revoked_at_us bigint
) without rowid;
create index api_tokens_account on api_tokens (account_id);

-- Links that do one thing once: make an account, or set its password anew.
create table account_links (
    secret_sha256 text primary key,
    purpose text not null,
    account_id bigint references accounts (account_id),
    role text,
    athlete_id bigint,
    created_at_us bigint not null,
    expires_at_us bigint not null,
    used_at_us bigint
) without rowid;
create index account_links_account on account_links (account_id) where account_id is not null;
create index account_links_athlete on account_links (athlete_id) where athlete_id is not null;

-- Apart from `audit`, whose lines are each about an athlete's data.
create table account_audit (
    entry_id text primary key,
    at_us bigint not null,
    account_id bigint,
    by_account_id bigint,
    action text not null,
    detail text
) without rowid;
create index account_audit_account on account_audit (account_id, entry_id)
    where account_id is not null;
