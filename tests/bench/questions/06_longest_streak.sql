-- The longest run of days with an activity on each.
with days as (
    select distinct start_date_local as day from activities
), numbered as (
    -- Days that follow one another are as far from the first as their places are.
    select day, date_part('epoch', day) / 86400 - row_number() over (order by day) as island
    from days
)
select min(day) as first_day, max(day) as last_day, count(*) as days
from numbered
group by island
order by days desc, first_day
limit 1
