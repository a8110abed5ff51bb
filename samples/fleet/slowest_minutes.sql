-- When was it slow, and on which hosts: bins in which main threads stalled, and in which any thread waited for a CPU or for
-- the GIL. After tables.sql. Seconds of all threads together; a stall counts in each bin with what lies in it.
WITH waits AS (
    SELECT host, bin, sum(wall_ns) FILTER (state = 'ready') AS ready_ns, sum(wall_ns) FILTER (state = 'gil') AS gil_ns
    FROM weights JOIN whose USING (thread) GROUP BY host, bin
), length AS (
    SELECT any_value(bin_s) AS bin_s FROM recordings
), pieces AS (
    SELECT host, unnest(range(start_ns // 1000000000 // bin_s * bin_s, (end_ns - 1) // 1000000000 + 1, bin_s)) AS bin,
           start_ns, end_ns, bin_s
    FROM stalls JOIN whose USING (thread), length WHERE end_ns > start_ns
), stalled AS (
    SELECT host, bin, sum(least(end_ns, (bin + bin_s) * 1000000000) - greatest(start_ns, bin * 1000000000)) AS stalled_ns
    FROM pieces GROUP BY host, bin
)
SELECT host, bin, make_timestamp(bin * 1000000) AS at, coalesce(stalled_ns, 0) / 1e9 AS stalled_s,
       coalesce(ready_ns, 0) / 1e9 AS ready_s, coalesce(gil_ns, 0) / 1e9 AS gil_wait_s
FROM waits FULL JOIN stalled USING (host, bin)
ORDER BY stalled_s DESC, ready_s + gil_wait_s DESC, host, bin;
