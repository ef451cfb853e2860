distances AS (
    SELECT CAST(mm AS BIGINT) AS distance_mm
    FROM (
        VALUES
            (400000), (800000), (1000000), (1609344), (5000000), (10000000), (21097500),
            (42195000), (50000000)
    ) AS known (mm)
),
-- Distances of which the owner includes what is barred, one row each, as literals.
included (activity_id, distance_mm) AS (
    SELECT 0 AS activity_id, 0 AS distance_mm WHERE false
),
-- Steps in which distance rises, and how many barred steps lie up to each.
rising AS (
    SELECT * FROM (
        SELECT
            *,
            sum(jump) OVER (PARTITION BY activity_id ORDER BY sample) AS jumps,
            sum(masked) OVER (PARTITION BY activity_id ORDER BY sample) AS masks
        FROM steps
    ) AS counted
    WHERE d1 > d0
),
-- The least time begins or ends at a sample.
begins AS (
    SELECT activity_id, distance_mm, d0 AS from_mm
    FROM rising CROSS JOIN distances
    UNION
    SELECT activity_id, distance_mm, d1 - distance_mm AS from_mm
    FROM rising CROSS JOIN distances
),
-- The step in which each starts, and the one in which it ends: sorted among the
-- steps, it lies in the last one before it.
starts AS (
    SELECT
        activity_id,
        distance_mm,
        at_mm AS from_mm,
        max(sample) OVER (
            PARTITION BY activity_id, distance_mm ORDER BY at_mm, kind
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS sample,
        kind
    FROM (
        SELECT activity_id, distance_mm, from_mm AS at_mm, NULL AS sample, 1 AS kind
        FROM begins
        UNION ALL
        SELECT activity_id, distance_mm, d0 AS at_mm, sample, 0 AS kind
        FROM rising CROSS JOIN distances
    ) AS sorted
),
finishes AS (
    SELECT
        activity_id,
        distance_mm,
        at_mm - distance_mm AS from_mm,
        max(sample) OVER (
            PARTITION BY activity_id, distance_mm ORDER BY at_mm, kind
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS sample,
        kind
    FROM (
        SELECT
            activity_id, distance_mm, from_mm + distance_mm AS at_mm, NULL AS sample, 0 AS kind
        FROM begins
        UNION ALL
        SELECT activity_id, distance_mm, d0 AS at_mm, sample, 1 AS kind
        FROM rising CROSS JOIN distances
    ) AS sorted
),
reached AS (
    SELECT
        b.activity_id,
        b.distance_mm,
        s.sample AS first_sample,
        e.sample + 1 AS last_sample,
        s.t0 AS s_ms,
        (b.from_mm - s.d0) * (s.t1 - s.t0) AS s_num,
        s.d1 - s.d0 AS s_den,
        e.t0 AS e_ms,
        (b.from_mm + b.distance_mm - e.d0) * (e.t1 - e.t0) AS e_num,
        e.d1 - e.d0 AS e_den,
        e.jumps - s.jumps + s.jump AS jumps,
        e.masks - s.masks + s.masked AS masks
    FROM starts AS b
    JOIN finishes AS f
        ON f.activity_id = b.activity_id
        AND f.distance_mm = b.distance_mm
        AND f.from_mm = b.from_mm
        AND f.kind = 0
    JOIN rising AS s ON s.activity_id = b.activity_id AND s.sample = b.sample
    JOIN rising AS e ON e.activity_id = f.activity_id AND e.sample = f.sample
    WHERE b.kind = 1 AND e.d1 >= b.from_mm + b.distance_mm
),
-- Instants as whole ms and a fraction.
instants AS (
    SELECT
        activity_id,
        distance_mm,
        first_sample,
        last_sample,
        jumps,
        masks,
        s_ms + CAST((s_num - s_num % s_den) / s_den AS BIGINT) AS s_ms,
        s_num % s_den AS s_num,
        s_den,
        e_ms + CAST((e_num - e_num % e_den) / e_den AS BIGINT) AS e_ms,
        e_num % e_den AS e_num,
        e_den
    FROM reached
),
-- One end is a sample: the fraction of the time is that of the other.
timed AS (
    SELECT
        *,
        CASE WHEN s_num = 0 THEN e_ms - s_ms ELSE e_ms - s_ms - 1 END AS ms,
        CASE WHEN s_num = 0 THEN e_num ELSE s_den - s_num END AS num,
        CASE WHEN s_num = 0 THEN e_den ELSE s_den END AS den
    FROM instants
),
ordered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY activity_id, distance_mm, barred
            ORDER BY ms, part, s_ms, CAST(s_num AS DOUBLE) / s_den
        ) AS place
    FROM (
        SELECT
            t.*,
            CAST(t.num AS DOUBLE) / t.den AS part,
            CASE WHEN t.jumps + t.masks > 0 AND i.distance_mm IS NULL THEN 1 ELSE 0 END AS barred
        FROM timed AS t
        LEFT JOIN included AS i
            ON i.activity_id = t.activity_id AND i.distance_mm = t.distance_mm
    ) AS judged
),
efforts AS (
    SELECT
        *,
        ms + CASE WHEN 2 * num >= den THEN 1 ELSE 0 END AS elapsed_ms,
        s_ms + CASE WHEN 2 * s_num >= s_den THEN 1 ELSE 0 END AS from_ms,
        e_ms + CASE WHEN 2 * e_num >= e_den THEN 1 ELSE 0 END AS to_ms
    FROM ordered
    WHERE place = 1
)
