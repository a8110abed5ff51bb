-- Which functions cost the fleet most CPU, and how well their share is known. After tables.sql.
--
-- A share is the function's CPU in all recordings by all their CPU. Its error is twice the standard error of that
-- ratio between recordings: how far the share may be off for hosts like these. Two recordings at least.
WITH own AS (
    SELECT o.recording AS recording, l.function AS function, toFloat64(sum(w.cpu_ns)) AS x, sum(w.samples) AS seen
    FROM weights AS w JOIN whose AS o ON o.thread = w.thread JOIN stacks AS s ON s.stack = w.stack
         JOIN locations AS l ON l.location = s.location
    GROUP BY recording, function
), whole AS (
    SELECT recording, sum(x) AS y FROM own GROUP BY recording
), fleet AS (
    SELECT sum(y) AS all_y, sum(y * y) AS yy, count() AS n FROM whole
), shares AS (
    SELECT function, sum(x) / (SELECT all_y FROM fleet) AS p FROM own GROUP BY function
), spread AS ( -- recordings without the function differ from the share by all of it
    SELECT function, any(p) AS share, sum(x) AS cpu, sum(seen) AS samples, count() AS recordings,
           sum(pow(x - p * y, 2) - pow(p * y, 2)) + pow(any(p), 2) * (SELECT yy FROM fleet) AS squares
    FROM own JOIN whole ON whole.recording = own.recording JOIN shares ON shares.function = own.function
    GROUP BY own.function AS function
)
SELECT f.name AS name, f.file AS file, f.line AS line, cpu / 1e9 AS cpu_s, share,
       if(n > 1, 2 * sqrt(greatest(squares, 0) * n / (n - 1)) / all_y, NULL) AS error, samples, recordings
FROM spread JOIN functions AS f ON f.function = spread.function CROSS JOIN fleet
ORDER BY cpu_s DESC, name, file, line;
