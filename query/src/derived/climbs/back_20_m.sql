-- How far altitude goes back from a turning point.
hysteresis AS (
    SELECT 2000 AS back_cm
),
