SELECT
    h.athlete_id,
    h.start_time,
    h.activity_id,
    h.sport,
    h.start_date_local,
    p.measure,
    p.duration_ms / 1000.0 AS duration_s,
    CAST(p.num * p.factor AS DOUBLE) / (p.den * p.duration_ms) AS value,
    p.from_ms / 1000.0 AS start_offset_s,
    (p.from_ms + p.duration_ms) / 1000.0 AS end_offset_s
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY activity_id, measure, duration_ms
            -- A whole number and a fraction, so that doubles tell them apart.
            ORDER BY
                (num - ((num % den) + den) % den) / den DESC,
                CAST(((num % den) + den) % den AS DOUBLE) / den DESC,
                from_ms
        ) AS place
    FROM fractions
) AS p
JOIN heads AS h ON h.activity_id = p.activity_id
WHERE p.place = 1
