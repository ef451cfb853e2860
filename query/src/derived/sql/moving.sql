-- Each distance at which there are samples, and when it begins and ends.
levels AS (
    SELECT
        activity_id,
        sport,
        d_mm,
        min(t_ms) AS first_ms,
        max(t_ms) AS last_ms
    FROM points
    WHERE d_mm IS NOT NULL
    GROUP BY activity_id, sport, d_mm
),
-- A distance that repeats for at most 3 s is joined with the rise after it.
stretches AS (
    SELECT
        activity_id,
        sport,
        CASE WHEN last_ms - first_ms <= 3000 THEN first_ms ELSE last_ms END AS from_ms,
        lead(first_ms) OVER (PARTITION BY activity_id ORDER BY d_mm) AS to_ms,
        lead(d_mm) OVER (PARTITION BY activity_id ORDER BY d_mm) - d_mm AS rise_mm
    FROM levels
),
-- Active lengths of a pool, cut to the recording.
lengths AS (
    SELECT l.activity_id, l.from_ms, least(l.from_ms + l.lasts_ms, h.end_ms) AS to_ms
    FROM (
        SELECT
            activity_id,
            greatest(CAST(round(start_offset_s * 1000) AS BIGINT), 0) AS from_ms,
            greatest(CAST(round(coalesce(timer_s, elapsed_s, 0) * 1000) AS BIGINT), 0)
                AS lasts_ms
        FROM laps
        WHERE kind = 'length' AND active
    ) AS l
    JOIN heads AS h ON h.activity_id = l.activity_id
),
-- What each length adds to those before it, if only 0 ms: no moment moves
-- twice.
added AS (
    SELECT
        activity_id,
        greatest(from_ms, coalesce(reached_ms, 0)) AS from_ms,
        greatest(from_ms, coalesce(reached_ms, 0), to_ms) AS to_ms
    FROM (
        SELECT
            activity_id,
            from_ms,
            to_ms,
            max(to_ms) OVER (
                PARTITION BY activity_id
                ORDER BY from_ms, to_ms
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS reached_ms
        FROM lengths
    ) AS ordered
),
moving AS (
    SELECT activity_id, from_ms, to_ms FROM added
    UNION ALL
    SELECT activity_id, from_ms, to_ms
    FROM stretches
    WHERE activity_id NOT IN (SELECT activity_id FROM lengths)
        AND to_ms - from_ms <= 30000
        AND rise_mm * 1000 >= (to_ms - from_ms) * CASE
            WHEN sport LIKE 'ride%' THEN 1000
            WHEN sport LIKE 'swim%' THEN 200
            ELSE 500
        END
),
