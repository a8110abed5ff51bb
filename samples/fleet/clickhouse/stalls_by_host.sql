-- Which hosts stall, for how long, and what their threads did then. After tables.sql. `not_told` are main threads of which
-- stalls could not be told: no rows of a host without stalls, but with such threads, mean nothing.
WITH told AS (
    SELECT p.host AS host, uniqExactIf(t.thread, t.stalls_told = 0) AS not_told
    FROM threads AS t JOIN processes AS p ON p.process = t.process GROUP BY host
), happened AS (
    SELECT o.host AS host, count() AS stalls_n, sum(s.end_ns - s.start_ns) / 1e9 AS sum_s, max(s.end_ns - s.start_ns) / 1e9 AS max_s,
           countIf(s.cause = 'cpu') AS cpu_n, countIf(s.cause = 'gil') AS gil_n, countIf(s.cause = 'blocked') AS blocked_n,
           countIf(s.cause IN ('ready', 'unknown')) AS other_n
    FROM stalls AS s JOIN whose AS o ON o.thread = s.thread GROUP BY host
)
SELECT told.host AS host, ifNull(stalls_n, 0) AS stalls, ifNull(sum_s, 0) AS stalled_s, max_s AS longest_s, ifNull(cpu_n, 0) AS cpu,
       ifNull(gil_n, 0) AS gil, ifNull(blocked_n, 0) AS blocked, ifNull(other_n, 0) AS other, not_told
FROM told LEFT JOIN happened ON happened.host = told.host
ORDER BY stalled_s DESC, host
SETTINGS join_use_nulls = 1;
