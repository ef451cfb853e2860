create table leases (
    name text primary key,
    holder text not null,
    snapshot_id bigint,
    until_us bigint not null
) without rowid;
create index leases_snapshot on leases (snapshot_id) where snapshot_id is not null;
