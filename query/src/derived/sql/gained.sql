-- Climb and descent from the first sample to each edge, rounded to the cm.
gained AS (
    SELECT
        activity_id,
        at_ms,
        climb_cm + CASE WHEN way = 1 THEN greatest(0, at_cm - extreme_cm) ELSE 0 END AS climb_cm,
        descent_cm + CASE WHEN way = -1 THEN greatest(0, extreme_cm - at_cm) ELSE 0 END
            AS descent_cm
    FROM (
        SELECT
            *,
            CAST(
                CASE WHEN num < 0 THEN -1 ELSE 1 END * (2 * abs(num) + den - (2 * abs(num) + den) % (2 * den)) / (2 * den)
                AS BIGINT
            ) AS at_cm
        FROM (
            SELECT
                e.activity_id,
                e.at_ms,
                p.way,
                p.extreme_cm,
                p.climb_cm,
                p.descent_cm,
                CASE
                    WHEN p.next_ms IS NULL THEN p.cm
                    ELSE p.cm * (p.next_ms - e.at_ms) + p.next_cm * (e.at_ms - p.t_ms)
                END AS num,
                coalesce(p.next_ms - p.t_ms, 1) AS den
            FROM edges AS e
            JOIN profile AS p
                ON p.activity_id = e.activity_id
                AND p.t_ms <= e.at_ms
                AND (p.next_ms IS NULL OR p.next_ms > e.at_ms)
        ) AS between_samples
    ) AS at_edges
)
