, edges AS (
    SELECT activity_id, from_ms AS at_ms FROM efforts
    UNION
    SELECT activity_id, to_ms AS at_ms FROM efforts
),
