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
