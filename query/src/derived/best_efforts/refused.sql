SELECT
    h.athlete_id,
    h.start_time,
    h.activity_id,
    h.sport,
    h.start_date_local,
    r.distance_mm / 1000.0 AS distance_m,
    r.elapsed_ms / 1000.0 AS elapsed_s,
    r.from_ms / 1000.0 AS start_offset_s,
    r.to_ms / 1000.0 AS end_offset_s,
    r.first_sample,
    r.last_sample,
    CASE
        WHEN r.masks = 0 THEN 'jump'
        WHEN r.jumps = 0 THEN 'mask'
        ELSE 'jump_and_mask'
    END AS cause
FROM efforts AS r
JOIN heads AS h ON h.activity_id = r.activity_id
LEFT JOIN efforts AS b
    ON b.activity_id = r.activity_id AND b.distance_mm = r.distance_mm AND b.barred = 0
WHERE r.barred = 1
    AND (b.ms IS NULL OR r.ms < b.ms OR (r.ms = b.ms AND r.part < b.part))
