create table corrections (
    correction_id text primary key,
    athlete_id bigint not null,
    activity_id bigint not null references activities (activity_id),
    kind text not null,
    from_us bigint,
    to_us bigint,
    distance_mm bigint,
    reason text not null,
    made_at_us bigint not null,
    begun_revision bigint not null,
    ended_revision bigint
) without rowid;
create index corrections_activity on corrections (activity_id);

alter table sources add column parted_from bigint;
create index sources_parted_from on sources (parted_from) where parted_from is not null;
