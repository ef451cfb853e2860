WITH RECURSIVE
-- The owner's masks, one row each, as literals.
masks (activity_id, first_sample, last_sample) AS (
    SELECT 0 AS activity_id, 0 AS first_sample, 0 AS last_sample WHERE false
),
-- Samples in whole ms, mm and cm.
points AS (
    SELECT
        s.athlete_id,
        s.start_time,
        s.activity_id,
        a.sport,
        a.start_date_local,
        s.sample,
        CAST(round(s.elapsed_s * 1000) AS BIGINT) AS t_ms,
        CAST(round(s.distance_m * 100) AS BIGINT) * 10 AS d_mm,
        CAST(round(s.altitude_m * 100) AS BIGINT) AS altitude_cm,
        s.heart_rate_bpm,
        s.cadence_rpm,
        s.power_w,
        s.temperature_c
    FROM samples AS s
    JOIN activities AS a ON a.activity_id = s.activity_id
),
heads AS (
    SELECT
        athlete_id,
        start_time,
        activity_id,
        sport,
        start_date_local,
        max(t_ms) AS end_ms,
        max(d_mm) AS total_mm
    FROM points
    GROUP BY athlete_id, start_time, activity_id, sport, start_date_local
),
-- The samples at which a masked step begins.
masked_samples AS (
    SELECT DISTINCT p.activity_id, p.sample
    FROM points AS p
    JOIN masks AS m
        ON m.activity_id = p.activity_id
        AND m.first_sample <= p.sample
        AND m.last_sample > p.sample
),
-- From each sample to the next.
steps AS (
    SELECT
        *,
        CASE
            WHEN d1 IS NULL THEN 0
            WHEN (d1 - d0) * 1000 > (t1 - t0) * CASE
                WHEN sport LIKE 'run%' OR sport LIKE 'walk%'
                    THEN CASE WHEN t1 - t0 > 30000 THEN 7000 ELSE 12500 END
                WHEN sport LIKE 'ride%' THEN 35000
                ELSE 60000
            END THEN 1
            ELSE 0
        END AS jump,
        CASE WHEN masked_sample IS NULL THEN 0 ELSE 1 END AS masked
    FROM (
        SELECT
            p.activity_id,
            p.sport,
            p.sample,
            p.t_ms AS t0,
            lead(p.t_ms) OVER (PARTITION BY p.activity_id ORDER BY p.sample) AS t1,
            p.d_mm AS d0,
            lead(p.d_mm) OVER (PARTITION BY p.activity_id ORDER BY p.sample) AS d1,
            k.sample AS masked_sample
        FROM points AS p
        LEFT JOIN masked_samples AS k
            ON k.activity_id = p.activity_id AND k.sample = p.sample
    ) AS paired
    WHERE t1 IS NOT NULL
),
-- A value holds until the next, at most 30 s.
held AS (
    SELECT
        activity_id,
        channel,
        value,
        t_ms AS from_ms,
        least(coalesce(next_ms, end_ms), t_ms + 30000) AS to_ms
    FROM (
        SELECT
            c.*,
            e.end_ms,
            lead(t_ms) OVER (PARTITION BY c.activity_id, channel ORDER BY t_ms) AS next_ms
        FROM (
            SELECT activity_id, 'heart_rate' AS channel, t_ms, heart_rate_bpm AS value
            FROM points
            UNION ALL
            SELECT activity_id, 'cadence' AS channel, t_ms, cadence_rpm AS value FROM points
            UNION ALL
            SELECT activity_id, 'power' AS channel, t_ms, power_w AS value FROM points
            UNION ALL
            SELECT activity_id, 'temperature' AS channel, t_ms, temperature_c AS value
            FROM points
        ) AS c
        JOIN heads AS e ON e.activity_id = c.activity_id
        WHERE value IS NOT NULL
    ) AS known
),
