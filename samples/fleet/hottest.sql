-- Which functions cost the fleet most CPU, and how well their share is known. After tables.sql.
--
-- A share is the function's CPU in all recordings by all their CPU. Its error is twice the standard error of that
-- ratio between recordings: how far the share may be off for hosts like these. Two recordings at least.
WITH own AS (
    SELECT recording, function, sum(cpu_ns)::DOUBLE AS x, sum(samples) AS samples
    FROM weights JOIN whose USING (thread) JOIN stacks USING (stack) JOIN locations USING (location)
    GROUP BY recording, function
), whole AS (
    SELECT recording, sum(x) AS y FROM own GROUP BY recording
), fleet AS (
    SELECT sum(y) AS y, sum(y * y) AS yy, count(*) AS n FROM whole
), shares AS (
    SELECT function, sum(own.x) / any_value(fleet.y) AS p FROM own, fleet GROUP BY function
), spread AS ( -- recordings without the function differ from the share by all of it
    SELECT function, any_value(p) AS p, sum(x) AS x, sum(samples) AS samples, count(*) AS recordings,
           sum((x - p * whole.y) ** 2 - (p * whole.y) ** 2) + any_value(p) ** 2 * any_value(fleet.yy) AS squares
    FROM own JOIN whole USING (recording) JOIN shares USING (function), fleet
    GROUP BY function
)
SELECT name, file, line, x / 1e9 AS cpu_s, p AS share,
       CASE WHEN n > 1 THEN 2 * sqrt(greatest(squares, 0) * n / (n - 1)) / y END AS error, samples, recordings
FROM spread JOIN functions USING (function), fleet
ORDER BY cpu_s DESC, name, file, line;
