, moved AS (
    SELECT
        c.activity_id,
        c.unit,
        c.split,
        sum(least(m.to_ms, c.to_ms) - greatest(m.from_ms, c.from_ms)) AS moving_ms
    FROM cut AS c
    JOIN moving AS m
        ON m.activity_id = c.activity_id
        AND m.from_ms < c.to_ms
        AND m.to_ms > c.from_ms
    GROUP BY c.activity_id, c.unit, c.split
),
averages AS (
    SELECT
        c.activity_id,
        c.unit,
        c.split,
        v.channel,
        CAST(sum(v.value * (least(v.to_ms, c.to_ms) - greatest(v.from_ms, c.from_ms))) AS DOUBLE)
            / sum(least(v.to_ms, c.to_ms) - greatest(v.from_ms, c.from_ms)) AS average
    FROM cut AS c
    JOIN held AS v
        ON v.activity_id = c.activity_id
        AND v.from_ms < c.to_ms
        AND v.to_ms > c.from_ms
    GROUP BY c.activity_id, c.unit, c.split, v.channel
),
highest AS (
    SELECT
        c.activity_id,
        c.unit,
        c.split,
        v.channel,
        max(v.value) AS highest
    FROM cut AS c
    JOIN held AS v
        ON v.activity_id = c.activity_id
        AND v.from_ms >= c.from_ms
        AND v.from_ms <= c.to_ms
    GROUP BY c.activity_id, c.unit, c.split, v.channel
)
SELECT
    h.athlete_id,
    h.start_time,
    h.activity_id,
    c.unit,
    c.split,
    c.distance_mm / 1000.0 AS distance_m,
    (c.to_ms - c.from_ms) / 1000.0 AS elapsed_s,
    coalesce(m.moving_ms, 0) / 1000.0 AS moving_s,
    CAST((c.to_ms - c.from_ms) * 1000 AS DOUBLE) / c.distance_mm AS pace_s_per_km,
    c.from_ms / 1000.0 AS start_offset_s,
    c.to_ms / 1000.0 AS end_offset_s,
    (b.climb_cm - a.climb_cm) / 100.0 AS climb_m,
    (b.descent_cm - a.descent_cm) / 100.0 AS descent_m,
    hr.average AS avg_heart_rate_bpm,
    hr_max.highest AS max_heart_rate_bpm,
    cad.average AS avg_cadence_rpm,
    cad_max.highest AS max_cadence_rpm,
    pow.average AS avg_power_w,
    pow_max.highest AS max_power_w
FROM cut AS c
JOIN heads AS h ON h.activity_id = c.activity_id
LEFT JOIN moved AS m
    ON m.activity_id = c.activity_id AND m.unit = c.unit AND m.split = c.split
LEFT JOIN gained AS a ON a.activity_id = c.activity_id AND a.at_ms = c.from_ms
LEFT JOIN gained AS b ON b.activity_id = c.activity_id AND b.at_ms = c.to_ms
LEFT JOIN averages AS hr
    ON hr.activity_id = c.activity_id AND hr.unit = c.unit AND hr.split = c.split
    AND hr.channel = 'heart_rate'
LEFT JOIN averages AS cad
    ON cad.activity_id = c.activity_id AND cad.unit = c.unit AND cad.split = c.split
    AND cad.channel = 'cadence'
LEFT JOIN averages AS pow
    ON pow.activity_id = c.activity_id AND pow.unit = c.unit AND pow.split = c.split
    AND pow.channel = 'power'
LEFT JOIN highest AS hr_max
    ON hr_max.activity_id = c.activity_id AND hr_max.unit = c.unit AND hr_max.split = c.split
    AND hr_max.channel = 'heart_rate'
LEFT JOIN highest AS cad_max
    ON cad_max.activity_id = c.activity_id AND cad_max.unit = c.unit AND cad_max.split = c.split
    AND cad_max.channel = 'cadence'
LEFT JOIN highest AS pow_max
    ON pow_max.activity_id = c.activity_id AND pow_max.unit = c.unit AND pow_max.split = c.split
    AND pow_max.channel = 'power'
