-- Sample by sample: the lowest and highest since the last turning point, and
-- the turning point that this sample confirms by going back far enough from it.
walk AS (
    SELECT
        f.activity_id,
        f.sample,
        h.back_cm,
        0 AS way,
        f.sample AS lowest,
        f.cm AS lowest_cm,
        f.sample AS highest,
        f.cm AS highest_cm,
        CAST(NULL AS BIGINT) AS turn
    FROM filled AS f CROSS JOIN hysteresis AS h
    WHERE f.sample = 0
    UNION ALL
    SELECT
        f.activity_id,
        f.sample,
        w.back_cm,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= w.back_cm THEN 1
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= w.back_cm THEN -1
            ELSE w.way
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= w.back_cm
                THEN CASE WHEN f.cm < w.lowest_cm THEN f.sample ELSE w.lowest END
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= w.back_cm THEN f.sample
            WHEN f.cm < w.lowest_cm THEN f.sample
            ELSE w.lowest
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= w.back_cm
                THEN least(w.lowest_cm, f.cm)
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= w.back_cm THEN f.cm
            ELSE least(w.lowest_cm, f.cm)
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= w.back_cm THEN f.sample
            WHEN f.cm > w.highest_cm THEN f.sample
            ELSE w.highest
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= w.back_cm THEN f.cm
            ELSE greatest(w.highest_cm, f.cm)
        END,
        CASE
            WHEN w.way <> 1 AND f.cm - least(w.lowest_cm, f.cm) >= w.back_cm THEN w.lowest
            WHEN w.way <> -1 AND greatest(w.highest_cm, f.cm) - f.cm >= w.back_cm THEN w.highest
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
