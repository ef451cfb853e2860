-- The fastest effort over each distance, and when it was.
select sport, distance_m, elapsed_s, start_date_local, activity_id
from (
    select *, row_number() over (
        partition by sport, distance_m order by elapsed_s, start_time, activity_id) as place
    from best_efforts
) as ranked
where place = 1
order by sport, distance_m
