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
-- Sample by sample: the lowest and highest since the last turning point, and
-- the turning point that this sample confirms by going back 5 m from it.
walk AS (
    SELECT
        activity_id,
        sample,
        0 AS way,
        sample AS lowest,
        cm AS lowest_cm,
        sample AS highest,
        cm AS highest_cm,
        CAST(NULL AS BIGINT) AS turn
    FROM filled
    WHERE sample = 0
    UNION ALL
    SELECT
        f.activity_id,
        f.sample,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= 500 THEN 1
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= 500 THEN -1
            ELSE w.way
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= 500
                THEN CASE WHEN f.cm < w.lowest_cm THEN f.sample ELSE w.lowest END
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= 500 THEN f.sample
            WHEN f.cm < w.lowest_cm THEN f.sample
            ELSE w.lowest
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= 500
                THEN least(w.lowest_cm, f.cm)
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= 500 THEN f.cm
            ELSE least(w.lowest_cm, f.cm)
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= 500 THEN f.sample
            WHEN f.cm > w.highest_cm THEN f.sample
            ELSE w.highest
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= 500 THEN f.cm
            ELSE greatest(w.highest_cm, f.cm)
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= 500 THEN w.lowest
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= 500 THEN w.highest
        END
    FROM walk AS w
    JOIN filled AS f ON f.activity_id = w.activity_id AND f.sample = w.sample + 1
),
-- Each rise (way 1) and fall (way -1), from the sample where it begins.
ways AS (
    SELECT
        activity_id,
        turn AS from_sample,
        way,
        lead(turn) OVER (PARTITION BY activity_id ORDER BY sample) AS to_sample
    FROM walk
    WHERE turn IS NOT NULL
),
-- What was climbed and descended before each.
before AS (
    SELECT
        activity_id,
        from_sample,
        to_sample,
        way,
        from_cm,
        sum(CASE WHEN way = 1 THEN height_cm ELSE 0 END)
            OVER (PARTITION BY activity_id ORDER BY from_sample)
            - CASE WHEN way = 1 THEN height_cm ELSE 0 END AS climbed_cm,
        sum(CASE WHEN way = -1 THEN height_cm ELSE 0 END)
            OVER (PARTITION BY activity_id ORDER BY from_sample)
            - CASE WHEN way = -1 THEN height_cm ELSE 0 END AS descended_cm
    FROM (
        SELECT
            w.activity_id,
            w.from_sample,
            w.to_sample,
            w.way,
            a.cm AS from_cm,
            coalesce(abs(b.cm - a.cm), 0) AS height_cm
        FROM ways AS w
        JOIN filled AS a ON a.activity_id = w.activity_id AND a.sample = w.from_sample
        LEFT JOIN filled AS b ON b.activity_id = w.activity_id AND b.sample = w.to_sample
    ) AS measured
),
-- Climb and descent at each sample, and the running extreme within its way.
profile AS (
    SELECT
        p.activity_id,
        p.sample,
        p.t_ms,
        p.next_ms,
        p.cm,
        p.next_cm,
        p.way,
        p.extreme_cm,
        coalesce(p.climbed_cm, 0)
            + CASE WHEN p.way = 1 THEN p.extreme_cm - p.from_cm ELSE 0 END AS climb_cm,
        coalesce(p.descended_cm, 0)
            + CASE WHEN p.way = -1 THEN p.from_cm - p.extreme_cm ELSE 0 END AS descent_cm
    FROM (
        SELECT
            f.activity_id,
            f.sample,
            f.t_ms,
            f.cm,
            lead(f.t_ms) OVER (PARTITION BY f.activity_id ORDER BY f.sample) AS next_ms,
            lead(f.cm) OVER (PARTITION BY f.activity_id ORDER BY f.sample) AS next_cm,
            coalesce(w.way, 0) AS way,
            w.from_cm,
            CASE
                WHEN w.way = 1 THEN max(f.cm)
                    OVER (PARTITION BY f.activity_id, w.from_sample ORDER BY f.sample)
                ELSE min(f.cm)
                    OVER (PARTITION BY f.activity_id, w.from_sample ORDER BY f.sample)
            END AS extreme_cm,
            w.climbed_cm,
            w.descended_cm
        FROM filled AS f
        LEFT JOIN before AS w
            ON w.activity_id = f.activity_id
            AND w.from_sample <= f.sample
            AND (w.to_sample IS NULL OR w.to_sample > f.sample)
    ) AS p
),
