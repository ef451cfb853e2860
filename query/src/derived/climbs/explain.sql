-- The samples of each rise, and how far above a ramp of 3 % each lies, in
-- thousandths of a cm; the last rise ends at its highest sample.
risen AS (
    SELECT * FROM (
        SELECT
            *,
            min(CASE WHEN cm = highest_cm THEN sample END)
                OVER (PARTITION BY activity_id, from_sample) AS top_sample
        FROM (
            SELECT
                w.activity_id,
                w.from_sample,
                f.sample,
                f.cm,
                f.cm * 1000 - p.d_mm * 3 AS above,
                max(f.cm) OVER (PARTITION BY w.activity_id, w.from_sample) AS highest_cm
            FROM ways AS w
            JOIN filled AS f
                ON f.activity_id = w.activity_id
                AND f.sample >= w.from_sample
                AND (w.to_sample IS NULL OR f.sample <= w.to_sample)
            JOIN points AS p ON p.activity_id = f.activity_id AND p.sample = f.sample
            WHERE w.way = 1 AND p.d_mm IS NOT NULL
        ) AS measured
    ) AS topped
    WHERE sample <= top_sample
),
-- The part that ends at each sample begins where the rise was lowest above the
-- ramp, if often, the last time.
parts AS (
    SELECT
        activity_id,
        from_sample,
        sample AS last_sample,
        above - lowest AS gained,
        max(CASE WHEN above = lowest THEN sample END)
            OVER (PARTITION BY activity_id, from_sample ORDER BY sample) AS first_sample
    FROM (
        SELECT
            *,
            min(above) OVER (PARTITION BY activity_id, from_sample ORDER BY sample) AS lowest
        FROM risen
    ) AS lows
),
-- Of each rise the part that gains most.
steepest AS (
    SELECT
        activity_id,
        first_sample,
        last_sample,
        row_number() OVER (
            PARTITION BY activity_id, from_sample ORDER BY gained DESC, last_sample
        ) AS place
    FROM parts
    WHERE gained > 0
),
ends AS (
    SELECT
        s.activity_id,
        s.first_sample,
        s.last_sample,
        a.t_ms AS from_ms,
        b.t_ms AS to_ms,
        a.d_mm AS from_mm,
        b.d_mm - a.d_mm AS length_mm,
        c.cm AS from_cm,
        d.cm AS to_cm,
        d.cm - c.cm AS gain_cm
    FROM steepest AS s
    JOIN points AS a ON a.activity_id = s.activity_id AND a.sample = s.first_sample
    JOIN points AS b ON b.activity_id = s.activity_id AND b.sample = s.last_sample
    JOIN filled AS c ON c.activity_id = s.activity_id AND c.sample = s.first_sample
    JOIN filled AS d ON d.activity_id = s.activity_id AND d.sample = s.last_sample
    WHERE s.place = 1
)
SELECT
    h.athlete_id,
    h.start_time,
    h.activity_id,
    h.sport,
    h.start_date_local,
    row_number() OVER (PARTITION BY e.activity_id ORDER BY e.first_sample) AS climb,
    e.length_mm / 1000.0 AS distance_m,
    e.gain_cm / 100.0 AS gain_m,
    CAST(e.gain_cm * 1000 AS DOUBLE) / e.length_mm AS grade_percent,
    (e.to_ms - e.from_ms) / 1000.0 AS elapsed_s,
    CAST(e.gain_cm * 36000 AS DOUBLE) / (e.to_ms - e.from_ms) AS climb_m_per_h,
    e.from_ms / 1000.0 AS start_offset_s,
    e.to_ms / 1000.0 AS end_offset_s,
    e.first_sample,
    e.last_sample,
    e.from_mm / 1000.0 AS start_distance_m,
    e.from_cm / 100.0 AS start_altitude_m,
    e.to_cm / 100.0 AS end_altitude_m
FROM ends AS e
JOIN heads AS h ON h.activity_id = e.activity_id
WHERE e.gain_cm >= 3000 AND e.gain_cm * 10 <= e.length_mm
