-- The thousand cells of about 100 m in which most samples lie.
select floor(lat_deg * 1000) as lat, floor(lng_deg * 1000) as lng, count(*) as samples
from samples
where lat_deg is not null
group by 1, 2
order by samples desc, lat, lng
limit 1000
