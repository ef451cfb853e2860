units AS (
    SELECT unit, CAST(mm AS BIGINT) AS length_mm
    FROM (VALUES ('km', 1000000), ('mile', 1609344)) AS known (unit, mm)
),
-- When each whole multiple is first reached, rounded to the ms; also the start,
-- and the end where at least 1 cm is left.
marks AS (
    SELECT activity_id, unit, length_mm, 0 AS mark, 0 AS at_ms
    FROM heads CROSS JOIN units
    WHERE total_mm IS NOT NULL
    UNION ALL
    SELECT
        activity_id,
        unit,
        length_mm,
        mark,
        t0 + CAST((2 * num + den - (2 * num + den) % (2 * den)) / (2 * den) AS BIGINT) AS at_ms
    FROM (
        SELECT
            activity_id,
            unit,
            length_mm,
            mark,
            t0,
            (mark * length_mm - d0) * (t1 - t0) AS num,
            d1 - d0 AS den
        FROM (
            SELECT
                s.activity_id,
                u.unit,
                u.length_mm,
                s.t0,
                s.t1,
                s.d0,
                s.d1,
                unnest(range(
                    CAST((s.d0 - s.d0 % u.length_mm) / u.length_mm AS BIGINT) + 1,
                    CAST((s.d1 - s.d1 % u.length_mm) / u.length_mm AS BIGINT) + 1
                )) AS mark
            FROM steps AS s CROSS JOIN units AS u
            WHERE s.d1 > s.d0
        ) AS crossed
    ) AS reached
    UNION ALL
    SELECT
        activity_id,
        unit,
        length_mm,
        CAST((total_mm - total_mm % length_mm) / length_mm AS BIGINT) + 1 AS mark,
        end_ms AS at_ms
    FROM heads CROSS JOIN units
    WHERE total_mm % length_mm >= 10
),
cut AS (
    SELECT
        b.activity_id,
        b.unit,
        b.mark AS split,
        least(b.length_mm, h.total_mm - a.mark * b.length_mm) AS distance_mm,
        a.at_ms AS from_ms,
        b.at_ms AS to_ms
    FROM marks AS b
    JOIN marks AS a
        ON a.activity_id = b.activity_id AND a.unit = b.unit AND a.mark = b.mark - 1
    JOIN heads AS h ON h.activity_id = b.activity_id
),
edges AS (
    SELECT DISTINCT activity_id, at_ms FROM marks
),
