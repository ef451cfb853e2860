-- Kilometres of each week beside the average of the four weeks up to it.
with weeks as (
    select date_trunc('week', start_date_local) as week, sum(distance_m) / 1000 as km
    from activities
    group by 1
)
select week, km, avg(km) over (order by week rows between 3 preceding and current row) as four_weeks_km
from weeks
order by week
