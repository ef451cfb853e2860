-- Sums are of whole cm and ms, and divided once: their order cannot change them.
WITH whole AS (
    SELECT
        athlete_id,
        sport,
        start_date_local,
        CAST(round(distance_m * 100) AS BIGINT) AS distance_cm,
        CAST(round(elapsed_s * 1000) AS BIGINT) AS elapsed_ms,
        CAST(round(moving_s * 1000) AS BIGINT) AS moving_ms,
        CAST(round(calories_kcal * 1000) AS BIGINT) AS calories_cal,
        CAST(round(climb_m * 100) AS BIGINT) AS climb_cm,
        max_speed_m_s,
        max_altitude_m
    FROM activities
),
-- Each activity counts in its sport and in all.
families AS (
    SELECT * FROM whole
    UNION ALL
    SELECT
        athlete_id,
        'all' AS sport,
        start_date_local,
        distance_cm,
        elapsed_ms,
        moving_ms,
        calories_cal,
        climb_cm,
        max_speed_m_s,
        max_altitude_m
    FROM whole
),
periods (period) AS (
    VALUES ('year'), ('month'), ('week'), ('day')
),
counted AS (
    SELECT
        families.*,
        period,
        -- A week is ISO's: it begins on its Monday.
        CAST(
            CASE period
                WHEN 'year' THEN date_trunc('year', start_date_local)
                WHEN 'month' THEN date_trunc('month', start_date_local)
                WHEN 'week' THEN date_trunc('week', start_date_local)
                ELSE date_trunc('day', start_date_local)
            END AS DATE
        ) AS period_start
    FROM families CROSS JOIN periods
)
SELECT
    athlete_id,
    sport,
    period,
    period_start,
    count(*) AS activities,
    CAST(sum(distance_cm) AS DOUBLE) / 100 AS distance_m,
    CAST(sum(elapsed_ms) AS DOUBLE) / 1000 AS elapsed_s,
    CAST(sum(moving_ms) AS DOUBLE) / 1000 AS moving_s,
    CAST(sum(calories_cal) AS DOUBLE) / 1000 AS calories_kcal,
    CAST(sum(climb_cm) AS DOUBLE) / 100 AS climb_m,
    -- cm per ms is 10 m/s.
    CASE
        WHEN sum(moving_ms) > 0
            THEN CAST(sum(distance_cm) * 10 AS DOUBLE) / CAST(sum(moving_ms) AS DOUBLE)
    END AS avg_speed_m_s,
    max(max_speed_m_s) AS max_speed_m_s,
    max(max_altitude_m) AS max_altitude_m
FROM counted
GROUP BY athlete_id, sport, period, period_start
ORDER BY athlete_id, sport, period, period_start
