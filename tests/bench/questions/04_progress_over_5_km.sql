-- Every 5 km effort that was a record on its day.
select start_date_local, elapsed_s
from (
    select start_date_local, start_time, elapsed_s,
           min(elapsed_s) over (
               order by start_time rows between unbounded preceding and 1 preceding) as before_s
    from best_efforts
    where sport = 'run' and distance_m = 5000
) as efforts
where before_s is null or elapsed_s < before_s
order by start_time
