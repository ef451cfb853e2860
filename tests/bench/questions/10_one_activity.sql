-- All samples of the latest activity.
select elapsed_s, lat_deg, lng_deg, distance_m, altitude_m, heart_rate_bpm, cadence_rpm, power_w
from samples
where activity_id = (select max(activity_id) from activities)
order by elapsed_s
