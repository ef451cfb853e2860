-- Altitude at every sample: nulls linear in time, ends held, rounded to the cm
-- with halves away from zero.
neighbours AS (
    SELECT
        activity_id,
        sample,
        t_ms,
        max(CASE WHEN altitude_cm IS NOT NULL THEN sample END)
            OVER (PARTITION BY activity_id ORDER BY sample) AS known_before,
        min(CASE WHEN altitude_cm IS NOT NULL THEN sample END)
            OVER (PARTITION BY activity_id ORDER BY sample DESC) AS known_after
    FROM points
),
sums AS (
    SELECT
        n.activity_id,
        n.sample,
        n.t_ms,
        CASE
            WHEN b.sample IS NULL THEN a.altitude_cm
            WHEN a.sample IS NULL OR a.sample = b.sample THEN b.altitude_cm
            ELSE b.altitude_cm * (a.t_ms - n.t_ms) + a.altitude_cm * (n.t_ms - b.t_ms)
        END AS num,
        CASE
            WHEN b.sample IS NULL OR a.sample IS NULL OR a.sample = b.sample THEN 1
            ELSE a.t_ms - b.t_ms
        END AS den
    FROM neighbours AS n
    LEFT JOIN points AS b ON b.activity_id = n.activity_id AND b.sample = n.known_before
    LEFT JOIN points AS a ON a.activity_id = n.activity_id AND a.sample = n.known_after
),
filled AS (
    SELECT
        activity_id,
        sample,
        t_ms,
        CAST(
            CASE WHEN num < 0 THEN -1 ELSE 1 END * (2 * abs(num) + den - (2 * abs(num) + den) % (2 * den)) / (2 * den)
            AS BIGINT
        ) AS cm
    FROM sums
    WHERE num IS NOT NULL
),
