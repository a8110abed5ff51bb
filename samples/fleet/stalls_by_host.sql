-- Which hosts stall, for how long, and what their threads did then. After tables.sql. `not_told` are main threads of which
-- stalls could not be told: no rows of a host without stalls, but with such threads, mean nothing.
WITH told AS (
    SELECT host, count(DISTINCT thread) FILTER (stalls_told = 0) AS not_told
    FROM threads JOIN processes USING (process) GROUP BY host
), happened AS (
    SELECT host, count(*) AS stalls, sum(end_ns - start_ns) / 1e9 AS stalled_s, max(end_ns - start_ns) / 1e9 AS longest_s,
           count(*) FILTER (cause = 'cpu') AS cpu, count(*) FILTER (cause = 'gil') AS gil,
           count(*) FILTER (cause = 'blocked') AS blocked, count(*) FILTER (cause IN ('ready', 'unknown')) AS other
    FROM stalls JOIN whose USING (thread) GROUP BY host
)
SELECT host, coalesce(stalls, 0) AS stalls, coalesce(stalled_s, 0) AS stalled_s, longest_s, coalesce(cpu, 0) AS cpu,
       coalesce(gil, 0) AS gil, coalesce(blocked, 0) AS blocked, coalesce(other, 0) AS other, not_told
FROM told LEFT JOIN happened USING (host)
ORDER BY stalled_s DESC, host;
