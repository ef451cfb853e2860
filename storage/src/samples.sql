SELECT
    athlete_id,
    activity_id,
    start_time,
    sample,
    t_ms / 1000.0 AS elapsed_s,
    lat_e7 / 1e7 AS lat_deg,
    lng_e7 / 1e7 AS lng_deg,
    distance_cm / 100.0 AS distance_m,
    altitude_cm / 100.0 AS altitude_m,
    heart_rate_bpm,
    cadence_rpm,
    power_w,
    temperature_c,
    speed_mm_s / 1000.0 AS speed_m_s
FROM (
    SELECT
        athlete_id,
        activity_id,
        start_time,
        unnest(range(0, CAST(array_length(t_ms) AS BIGINT))) AS sample,
        unnest(t_ms) AS t_ms,
        unnest(lat_e7) AS lat_e7,
        unnest(lng_e7) AS lng_e7,
        unnest(distance_cm) AS distance_cm,
        unnest(altitude_cm) AS altitude_cm,
        unnest(heart_rate_bpm) AS heart_rate_bpm,
        unnest(cadence_rpm) AS cadence_rpm,
        unnest(power_w) AS power_w,
        unnest(temperature_c) AS temperature_c,
        unnest(speed_mm_s) AS speed_mm_s
    FROM streams
) AS unnested
