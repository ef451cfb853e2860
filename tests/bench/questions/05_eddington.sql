-- The greatest N with N days of at least N kilometres on a bicycle.
with days as (
    select start_date_local, sum(distance_m) / 1000 as km
    from activities
    where sport = 'ride'
    group by 1
), ranked as (
    select km, row_number() over (order by km desc) as place from days
)
select max(place) as eddington from ranked where km >= place
