-- Average speed and heart rate while moving, by temperature.
select s.temperature_c, count(*) as samples, avg(s.speed_m_s) as speed_m_s,
       avg(s.heart_rate_bpm) as heart_rate_bpm
from samples as s
where s.speed_m_s > 0.5
group by 1
order by 1
