, best_10_s AS (
    SELECT
        activity_id,
        max(CAST(num AS DOUBLE) / (den * duration_ms)) AS speed
    FROM fractions
    WHERE measure = 'speed_m_s' AND duration_ms = 10000
    GROUP BY activity_id
),
averages AS (
    SELECT
        activity_id,
        channel,
        CAST(sum(value * (to_ms - from_ms)) AS DOUBLE) / nullif(sum(to_ms - from_ms), 0)
            AS average,
        max(value) AS highest
    FROM held
    GROUP BY activity_id, channel
),
moved AS (
    SELECT activity_id, sum(to_ms - from_ms) AS moving_ms FROM moving GROUP BY activity_id
),
-- Without an axis, and outside of a pool, moving is the timer.
times AS (
    SELECT
        h.activity_id,
        coalesce(
            m.moving_ms,
            CASE
                WHEN h.total_mm IS NULL THEN CAST(round(a.timer_s * 1000) AS BIGINT)
                ELSE 0
            END
        ) AS moving_ms
    FROM heads AS h
    JOIN activities AS a ON a.activity_id = h.activity_id
    LEFT JOIN moved AS m ON m.activity_id = h.activity_id
)
SELECT
    h.athlete_id,
    h.start_time,
    h.activity_id,
    h.total_mm / 1000.0 AS distance_m,
    h.end_ms / 1000.0 AS elapsed_s,
    a.timer_s,
    t.moving_ms / 1000.0 AS moving_s,
    last.climb_cm / 100.0 AS climb_m,
    last.descent_cm / 100.0 AS descent_m,
    CAST(h.total_mm AS DOUBLE) / nullif(t.moving_ms, 0) AS avg_speed_m_s,
    fast.speed AS max_speed_m_s,
    hr.average AS avg_heart_rate_bpm,
    hr.highest AS max_heart_rate_bpm,
    cad.average AS avg_cadence_rpm,
    cad.highest AS max_cadence_rpm,
    pow.average AS avg_power_w,
    pow.highest AS max_power_w,
    temp.average AS avg_temperature_c,
    high.cm / 100.0 AS max_altitude_m
FROM heads AS h
JOIN activities AS a ON a.activity_id = h.activity_id
JOIN times AS t ON t.activity_id = h.activity_id
LEFT JOIN profile AS last ON last.activity_id = h.activity_id AND last.next_ms IS NULL
LEFT JOIN best_10_s AS fast ON fast.activity_id = h.activity_id
LEFT JOIN averages AS hr ON hr.activity_id = h.activity_id AND hr.channel = 'heart_rate'
LEFT JOIN averages AS cad ON cad.activity_id = h.activity_id AND cad.channel = 'cadence'
LEFT JOIN averages AS pow ON pow.activity_id = h.activity_id AND pow.channel = 'power'
LEFT JOIN averages AS temp ON temp.activity_id = h.activity_id AND temp.channel = 'temperature'
LEFT JOIN (SELECT activity_id, max(cm) AS cm FROM filled GROUP BY activity_id) AS high
    ON high.activity_id = h.activity_id
