-- Distance, time and climb by year and sport.
select date_part('year', start_date_local) as year, sport, count(*) as activities,
       sum(distance_m) / 1000 as km, sum(moving_s) / 3600 as hours, sum(climb_m) as climb_m
from activities
group by 1, 2
order by 1, 2
