-- Convoys: one thread held the GIL, and others waited for it. After tables.sql. A row is a bin of a host, the thread that held
-- it, and where; `waiting` is how many threads waited at once, on average over the bin.
SELECT g.host, bin, h.thread_name AS holder, f.name AS function, f.file, l.line, count(DISTINCT waiter) AS waiters,
       sum(waited_ns) / 1e9 AS waited_s, sum(waited_ns) / 1e9 / any_value(r.bin_s) AS waiting
FROM gil JOIN whose AS g ON g.thread = waiter LEFT JOIN whose AS h ON h.thread = holder
     LEFT JOIN locations AS l USING (location) LEFT JOIN functions AS f USING (function),
     (SELECT any_value(bin_s) AS bin_s FROM recordings) AS r
GROUP BY g.host, bin, holder, h.thread_name, l.location, f.name, f.file, l.line
ORDER BY waited_s DESC, g.host, bin, holder, function, l.line;
