-- Best efforts over all distances, as window frames over a range of distance.
--
-- For every sample the frame of the next `m` metres ends with the last sample
-- that is not beyond them; the rest of the way to the next sample is shared
-- out. An effort may begin or end at a sample, so both sides are asked. One
-- sort serves all eighteen frames. A frame is made for every sample: those whose
-- goal lies beyond the activity's last distance cannot be left out of a window.
--
-- `points` has one row a sample: activity_id, t (ms), d (cm).
with levels as (
    -- Where the athlete stood, an effort starts at the last instant and ends at the first.
    select activity_id, d, min(t) as t_first, max(t) as t_last from points group by all
), steps as materialized (
    select
        activity_id, d, t_first, t_last,
        lead(d) over by_d as d_next, lead(t_first) over by_d as t_next,
        lag(d) over by_d as d_before, lag(t_last) over by_d as t_before
    from levels
    window by_d as (partition by activity_id order by d)
), found as (
    select
        activity_id, d, t_first, t_last,
        {frames}
    from steps
)
select activity_id, m, min(elapsed) / 1000 as elapsed_s
from (
    select activity_id, unnest([{distances}]) as m, unnest([{elapsed}]) as elapsed
    from found
)
where elapsed is not null
group by all
order by all
