-- Best efforts over all distances, by ASOF joins: each start looks for the last
-- sample that is not beyond its goal, each end for the first one that is not
-- before its beginning. Those whose goal lies beyond the activity's last
-- distance, or before its first, are not joined.
--
-- `points` has one row a sample: activity_id, t (ms), d (cm).
create or replace temp table steps as
with levels as (
    -- Where the athlete stood, an effort starts at the last instant and ends at the first.
    select activity_id, d, min(t) as t_first, max(t) as t_last from points group by all
)
select
    activity_id, d::double as d, t_first, t_last,
    lead(d) over by_d as d_next, lead(t_first) over by_d as t_next,
    lag(d) over by_d as d_before, lag(t_last) over by_d as t_before,
    min(d) over whole as d_least, max(d) over whole as d_most
from levels
window
    by_d as (partition by activity_id order by d),
    whole as (partition by activity_id);

with distances as (
    select unnest([{distances}]::double[]) as m
), sides as (
    select
        s.activity_id, s.m,
        case
            when e.d = s.goal then e.t_first - s.t_last
            when e.d_next is not null
                then e.t_last + (e.t_next - e.t_last) * (s.goal - e.d) / (e.d_next - e.d) - s.t_last
        end as elapsed
    from (
        select *, d + m * 100 as goal from steps cross join distances where d + m * 100 <= d_most
    ) as s
    asof join steps as e on s.activity_id = e.activity_id and s.goal >= e.d
    union all
    select
        s.activity_id, s.m,
        case
            when e.d = s.goal then s.t_first - e.t_last
            when e.d_before is not null
                then s.t_first
                    - (e.t_first - (e.t_first - e.t_before) * (e.d - s.goal) / (e.d - e.d_before))
        end
    from (
        select *, d - m * 100 as goal from steps cross join distances where d - m * 100 >= d_least
    ) as s
    asof join steps as e on s.activity_id = e.activity_id and s.goal <= e.d
)
select activity_id, m, min(elapsed) / 1000 as elapsed_s
from sides
where elapsed is not null
group by all
order by all
