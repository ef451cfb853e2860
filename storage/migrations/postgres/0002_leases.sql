create table pacelake.leases (
    name text primary key,
    holder text not null,
    snapshot_id bigint,
    until_us bigint not null
);
create index leases_snapshot on pacelake.leases (snapshot_id) where snapshot_id is not null;
