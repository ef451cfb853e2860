-- How far altitude goes back from a turning point.
hysteresis AS (
    SELECT 500 AS back_cm
),
