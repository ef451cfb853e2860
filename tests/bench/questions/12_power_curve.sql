-- The best power over each duration, by year.
select date_part('year', start_date_local) as year, duration_s, max(value) as power_w
from peaks
where measure = 'power_w'
group by 1, 2
order by 1, 2
