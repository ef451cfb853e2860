-- `as_of` holds one day an athlete: today, where the athlete is.
WITH lengths (time_window, months) AS (
    VALUES ('2y', 24), ('1y', 12), ('3m', 3)
),
-- A window of so many months ends on `as_of`; the day so many months before,
-- or the last day of that month, is the last one outside.
windows AS (
    SELECT athlete_id, as_of, 'all' AS time_window, CAST(NULL AS DATE) AS last_day_before
    FROM as_of
    UNION ALL
    SELECT
        athlete_id,
        as_of,
        time_window,
        CAST(
            CASE months
                WHEN 24 THEN as_of - INTERVAL '24 months'
                WHEN 12 THEN as_of - INTERVAL '12 months'
                ELSE as_of - INTERVAL '3 months'
            END AS DATE
        ) AS last_day_before
    FROM as_of CROSS JOIN lengths
),
inside AS (
    SELECT
        e.*,
        w.time_window,
        CAST(
            CASE w.time_window
                WHEN '2y' THEN e.start_date_local + INTERVAL '24 months'
                WHEN '1y' THEN e.start_date_local + INTERVAL '12 months'
                WHEN '3m' THEN e.start_date_local + INTERVAL '3 months'
            END AS DATE
        ) AS anniversary
    FROM best_efforts AS e
    JOIN windows AS w ON w.athlete_id = e.athlete_id
    WHERE e.start_date_local <= w.as_of
        AND (w.last_day_before IS NULL OR e.start_date_local > w.last_day_before)
),
placed AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY athlete_id, sport, distance_m, time_window
            ORDER BY elapsed_s, start_time, activity_id
        ) AS rank,
        -- Where the anniversary was moved to the end of its month, the effort
        -- is still inside on that day, and out on the next.
        CASE
            WHEN CAST(
                CASE time_window
                    WHEN '2y' THEN anniversary - INTERVAL '24 months'
                    WHEN '1y' THEN anniversary - INTERVAL '12 months'
                    WHEN '3m' THEN anniversary - INTERVAL '3 months'
                END AS DATE
            ) < start_date_local THEN CAST(anniversary + INTERVAL '1 day' AS DATE)
            ELSE anniversary
        END AS valid_until
    FROM inside
)
SELECT
    athlete_id,
    sport,
    distance_m,
    time_window,
    rank,
    start_time,
    activity_id,
    start_date_local,
    elapsed_s,
    start_offset_s,
    end_offset_s,
    valid_until
FROM placed
WHERE rank <= 100
ORDER BY athlete_id, sport, distance_m, time_window, rank
