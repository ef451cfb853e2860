-- Samples in each zone of heart rate, by sport.
select a.sport, least(greatest(floor((s.heart_rate_bpm - 90) / 20), 0), 5) as zone, count(*) as samples
from samples as s join activities as a on s.activity_id = a.activity_id
where s.heart_rate_bpm is not null
group by 1, 2
order by 1, 2
