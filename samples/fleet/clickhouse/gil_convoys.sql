-- Convoys: one thread held the GIL, and others waited for it. After tables.sql. A row is a bin of a host, the thread that held
-- it, and where; `waiting` is how many threads waited at once, on average over the bin.
SELECT w.host AS host, g.bin AS bin, h.thread_name AS holder, f.name AS function, f.file AS file, l.line AS line,
       uniqExact(g.waiter) AS waiters, sum(g.waited_ns) / 1e9 AS waited_s,
       waited_s / (SELECT any(bin_s) FROM recordings) AS waiting
FROM gil AS g JOIN whose AS w ON w.thread = g.waiter LEFT JOIN whose AS h ON h.thread = g.holder
     LEFT JOIN locations AS l ON l.location = g.location LEFT JOIN functions AS f ON f.function = l.function
GROUP BY host, bin, g.holder, holder, g.location, function, file, line
ORDER BY waited_s DESC, host, bin, holder, function, line
SETTINGS join_use_nulls = 1;
