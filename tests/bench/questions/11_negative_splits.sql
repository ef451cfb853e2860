-- How many runs had a faster second half, by year.
with halves as (
    select s.activity_id,
           avg(case when s.start_offset_s < a.elapsed_s / 2 then s.pace_s_per_km end) as first_half,
           avg(case when s.start_offset_s >= a.elapsed_s / 2 then s.pace_s_per_km end) as second_half
    from splits as s join activities as a on s.activity_id = a.activity_id
    where s.unit = 'km' and s.distance_m = 1000 and a.sport = 'run'
    group by 1
)
select date_part('year', a.start_date_local) as year, count(*) as runs,
       sum(case when h.second_half < h.first_half then 1 else 0 end) as negative
from halves as h join activities as a on h.activity_id = a.activity_id
group by 1
order by 1
