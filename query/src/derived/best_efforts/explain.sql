, averages AS (
    SELECT
        e.activity_id,
        e.distance_mm,
        CAST(sum(v.value * (least(v.to_ms, e.to_ms) - greatest(v.from_ms, e.from_ms))) AS DOUBLE)
            / sum(least(v.to_ms, e.to_ms) - greatest(v.from_ms, e.from_ms)) AS average
    FROM efforts AS e
    JOIN held AS v
        ON v.activity_id = e.activity_id
        AND v.channel = 'heart_rate'
        AND v.from_ms < e.to_ms
        AND v.to_ms > e.from_ms
    WHERE e.barred = 0
    GROUP BY e.activity_id, e.distance_mm
)
SELECT
    h.athlete_id,
    h.start_time,
    h.activity_id,
    h.sport,
    h.start_date_local,
    e.distance_mm / 1000.0 AS distance_m,
    e.elapsed_ms / 1000.0 AS elapsed_s,
    e.from_ms / 1000.0 AS start_offset_s,
    e.to_ms / 1000.0 AS end_offset_s,
    e.first_sample,
    e.last_sample,
    hr.average AS avg_heart_rate_bpm,
    (b.climb_cm - a.climb_cm) / 100.0 AS climb_m
FROM efforts AS e
JOIN heads AS h ON h.activity_id = e.activity_id
LEFT JOIN averages AS hr
    ON hr.activity_id = e.activity_id AND hr.distance_mm = e.distance_mm
LEFT JOIN gained AS a ON a.activity_id = e.activity_id AND a.at_ms = e.from_ms
LEFT JOIN gained AS b ON b.activity_id = e.activity_id AND b.at_ms = e.to_ms
WHERE e.barred = 0
