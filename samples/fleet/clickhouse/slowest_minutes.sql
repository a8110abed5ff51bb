-- When was it slow, and on which hosts: bins in which main threads stalled, and in which any thread waited for a CPU or for
-- the GIL. After tables.sql. Seconds of all threads together; a stall counts in each bin with what lies in it.
WITH (SELECT any(bin_s) FROM recordings) AS length,
waits AS (
    SELECT o.host AS host, w.bin AS bin, sumIf(w.wall_ns, w.state = 'ready') AS ready_ns,
           sumIf(w.wall_ns, w.state = 'gil') AS gil_ns
    FROM weights AS w JOIN whose AS o ON o.thread = w.thread GROUP BY host, bin
), pieces AS (
    SELECT o.host AS host, s.start_ns AS start_ns, s.end_ns AS end_ns,
           arrayJoin(range(intDiv(intDiv(s.start_ns, 1000000000), length) * length, intDiv(s.end_ns - 1, 1000000000) + 1,
                           length)) AS bin
    FROM stalls AS s JOIN whose AS o ON o.thread = s.thread WHERE s.end_ns > s.start_ns
), stalled AS (
    SELECT host, bin,
           sum(least(end_ns, (bin + length) * 1000000000) - greatest(start_ns, bin * 1000000000)) AS stalled_ns
    FROM pieces GROUP BY host, bin
)
SELECT host, bin, toDateTime(bin, 'UTC') AS at, ifNull(stalled_ns, 0) / 1e9 AS stalled_s, ifNull(ready_ns, 0) / 1e9 AS ready_s,
       ifNull(gil_ns, 0) / 1e9 AS gil_wait_s
FROM waits FULL JOIN stalled USING (host, bin)
ORDER BY stalled_s DESC, ready_s + gil_wait_s DESC, host, bin
SETTINGS join_use_nulls = 1;
