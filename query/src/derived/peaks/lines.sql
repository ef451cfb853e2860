durations AS (
    SELECT CAST(ms AS BIGINT) AS duration_ms
    FROM (
        VALUES
            (1000), (5000), (10000), (30000), (60000), (120000), (300000), (600000), (1200000),
            (1800000), (3600000), (5400000)
    ) AS known (ms)
),
-- What a value holds for: until the next, or the end.
values_until AS (
    SELECT
        v.activity_id,
        v.channel,
        v.value,
        v.from_ms,
        coalesce(
            lead(v.from_ms) OVER (PARTITION BY v.activity_id, v.channel ORDER BY v.from_ms),
            h.end_ms
        ) AS until_ms
    FROM held AS v
    JOIN heads AS h ON h.activity_id = v.activity_id
    WHERE v.channel IN ('heart_rate', 'power')
),
-- How much each measure rises in each step, and whether no window may touch it.
rises AS (
    SELECT
        s.activity_id,
        'heart_rate_bpm' AS measure,
        1 AS factor,
        s.t0,
        s.t1,
        coalesce(v.value, 0) * (s.t1 - s.t0) AS rise,
        CASE WHEN v.value IS NULL OR v.until_ms - v.from_ms > 30000 THEN 1 ELSE s.masked END
            AS barred
    FROM steps AS s
    LEFT JOIN values_until AS v
        ON v.activity_id = s.activity_id
        AND v.channel = 'heart_rate'
        AND v.from_ms <= s.t0
        AND v.until_ms > s.t0
    WHERE s.activity_id IN (SELECT activity_id FROM held WHERE channel = 'heart_rate')
    UNION ALL
    SELECT
        s.activity_id,
        'power_w' AS measure,
        1 AS factor,
        s.t0,
        s.t1,
        CASE WHEN v.value IS NULL OR v.until_ms - v.from_ms > 10000 THEN 0 ELSE v.value END
            * (s.t1 - s.t0) AS rise,
        s.masked AS barred
    FROM steps AS s
    LEFT JOIN values_until AS v
        ON v.activity_id = s.activity_id
        AND v.channel = 'power'
        AND v.from_ms <= s.t0
        AND v.until_ms > s.t0
    WHERE s.activity_id IN (SELECT activity_id FROM held WHERE channel = 'power')
    UNION ALL
    -- mm per ms is m/s.
    SELECT
        activity_id,
        'speed_m_s' AS measure,
        1 AS factor,
        t0,
        t1,
        d1 - d0 AS rise,
        CASE WHEN jump + masked > 0 THEN 1 ELSE 0 END AS barred
    FROM steps
    WHERE d0 IS NOT NULL
    UNION ALL
    -- cm per ms is 36000 m/h.
    SELECT
        s.activity_id,
        'climb_m_per_h' AS measure,
        36000 AS factor,
        s.t0,
        s.t1,
        b.cm - a.cm AS rise,
        s.masked AS barred
    FROM steps AS s
    JOIN filled AS a ON a.activity_id = s.activity_id AND a.sample = s.sample
    JOIN filled AS b ON b.activity_id = s.activity_id AND b.sample = s.sample + 1
),
-- What it has added up to at the start of each step.
lines AS (
    SELECT
        activity_id,
        measure,
        factor,
        t0,
        t1,
        rise,
        barred,
        sum(rise) OVER (PARTITION BY activity_id, measure ORDER BY t0) - rise AS y0,
        sum(barred) OVER (PARTITION BY activity_id, measure ORDER BY t0) AS barred_to
    FROM rises
),
-- The best window begins or ends at a sample.
begins AS (
    SELECT activity_id, measure, duration_ms, t0 AS from_ms
    FROM lines CROSS JOIN durations
    UNION
    SELECT
        activity_id,
        measure,
        duration_ms,
        t1 - duration_ms AS from_ms
    FROM lines CROSS JOIN durations
),
-- The step in which each begins, and the one in which it ends: sorted among the
-- steps, it lies in the last one before it.
starts AS (
    SELECT
        activity_id,
        measure,
        duration_ms,
        at_ms AS from_ms,
        max(t0) OVER (
            PARTITION BY activity_id, measure, duration_ms ORDER BY at_ms, kind
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS t0,
        kind
    FROM (
        SELECT activity_id, measure, duration_ms, from_ms AS at_ms, NULL AS t0, 1 AS kind
        FROM begins
        UNION ALL
        SELECT activity_id, measure, duration_ms, t0 AS at_ms, t0, 0 AS kind
        FROM lines CROSS JOIN durations
    ) AS sorted
),
finishes AS (
    SELECT
        activity_id,
        measure,
        duration_ms,
        at_ms - duration_ms AS from_ms,
        max(t0) OVER (
            PARTITION BY activity_id, measure, duration_ms ORDER BY at_ms, kind
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS t0,
        kind
    FROM (
        SELECT
            activity_id, measure, duration_ms, from_ms + duration_ms AS at_ms, NULL AS t0,
            0 AS kind
        FROM begins
        UNION ALL
        SELECT activity_id, measure, duration_ms, t0 AS at_ms, t0, 1 AS kind
        FROM lines CROSS JOIN durations
    ) AS sorted
),
-- The rise over each window as a whole number and one fraction: the end that
-- is a sample has none.
windows AS (
    SELECT
        b.activity_id,
        b.measure,
        s.factor,
        b.duration_ms,
        b.from_ms,
        CAST(e.y0 - s.y0 AS BIGINT) AS y,
        CAST(e.rise * (b.from_ms + b.duration_ms - e.t0) AS BIGINT) AS e_num,
        e.t1 - e.t0 AS e_den,
        CAST(s.rise * (b.from_ms - s.t0) AS BIGINT) AS s_num,
        s.t1 - s.t0 AS s_den
    FROM starts AS b
    JOIN finishes AS f
        ON f.activity_id = b.activity_id
        AND f.measure = b.measure
        AND f.duration_ms = b.duration_ms
        AND f.from_ms = b.from_ms
        AND f.kind = 0
    JOIN lines AS s
        ON s.activity_id = b.activity_id AND s.measure = b.measure AND s.t0 = b.t0
    JOIN lines AS e
        ON e.activity_id = f.activity_id AND e.measure = f.measure AND e.t0 = f.t0
    WHERE b.kind = 1
        AND e.t1 >= b.from_ms + b.duration_ms
        AND e.barred_to - s.barred_to + s.barred = 0
),
fractions AS (
    SELECT
        activity_id,
        measure,
        factor,
        duration_ms,
        from_ms,
        CASE WHEN s_num = 0 THEN y * e_den + e_num ELSE (y + CAST(e_num / e_den AS BIGINT)) * s_den - s_num END
            AS num,
        CASE WHEN s_num = 0 THEN e_den ELSE s_den END AS den
    FROM windows
)
