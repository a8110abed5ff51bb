-- What a change did: CPU of each function per recording, before and after. After tables.sql. When the change came, in
-- seconds since 1970, is a parameter:
--
--     clickhouse local --path fleet.db --param_since=1714979280 --queries-file samples/fleet/clickhouse/before_after.sql
--
-- The statistics of `pyanalyze diff BEFORE.. --vs AFTER..`, for two recordings and more on each side: how recordings of a
-- side differ among themselves decides (Welch's test), but no variance is smaller than what the number of samples makes
-- it; Benjamini and Hochberg's correction keeps chance findings among those that are real at 1 in 20; functions with
-- less than 8 samples are not tested. Recordings are to be of the same length and work.
WITH sides AS (
    SELECT recording, if(min(start_ns) >= {since:Int64} * 1000000000, 1, 0) AS side
    FROM recordings GROUP BY recording
), own AS (
    SELECT o.recording AS recording, f.name AS name, f.file AS file, toFloat64(sum(w.cpu_ns)) / 1e9 AS x,
           toFloat64(sum(w.samples)) AS seen
    FROM weights AS w JOIN whose AS o ON o.thread = w.thread JOIN stacks AS s ON s.stack = w.stack
         JOIN locations AS l ON l.location = s.location JOIN functions AS f ON f.function = l.function
    WHERE w.cpu_ns > 0 -- samples that weigh something
    GROUP BY recording, name, file
), whole AS (
    SELECT recording, sum(x) AS y, sum(seen) AS n FROM own GROUP BY recording
), each AS ( -- of each function in each recording, also where it was not seen
    SELECT f.name AS name, f.file AS file, sides.side AS side, ifNull(own.x, 0) AS x, ifNull(own.seen, 0) AS seen,
           pow(whole.y / whole.n, 2) * (ifNull(own.seen, 0) * greatest(1 - ifNull(own.x, 0) / whole.y, 0) + 1)
               AS sampling
    FROM (SELECT DISTINCT name, file FROM own) AS f CROSS JOIN sides JOIN whole ON whole.recording = sides.recording
         LEFT JOIN own ON own.recording = sides.recording AND own.name = f.name AND own.file = f.file
), summed AS (
    SELECT name, file, side, avg(x) AS mean, count() AS n, sum(seen) AS seen_n,
           greatest(varSamp(x) / count(), sum(sampling) / pow(count(), 2)) AS variance
    FROM each GROUP BY name, file, side
), compared AS (
    SELECT b.name AS name, b.file AS file, b.mean AS before, a.mean AS after, a.mean - b.mean AS difference,
           a.seen_n + b.seen_n AS samples, sqrt(a.variance + b.variance) AS error,
           pow(a.variance + b.variance, 2) / (pow(a.variance, 2) / (a.n - 1) + pow(b.variance, 2) / (b.n - 1)) AS df
    FROM summed AS b JOIN summed AS a ON a.name = b.name AND a.file = b.file
    WHERE b.side = 0 AND a.side = 1 AND a.n > 1 AND b.n > 1
), tested AS ( -- both tails of Student's distribution: with x = sqrt(df) tan(a) its density is cos(a) ^ (df - 1)
    SELECT *, atan(abs(difference) / error / sqrt(df)) AS angle,
           if(samples >= 8, greatest(0, 1 - 2 * exp(lgamma((df + 1) / 2) - lgamma(df / 2)) / sqrt(pi()) * angle / 3000 *
               arraySum(i -> multiIf(i IN (0, 1000), 1, i % 2 = 1, 4, 2) * pow(cos(angle * i / 1000), df - 1), -- Simpson's
                        range(1001))), NULL) AS p
    FROM compared
), ranked AS (
    SELECT *, if(isNull(p), NULL, p * count(p) OVER () / rank() OVER (ORDER BY p ASC NULLS LAST)) AS raised
    FROM tested
), corrected AS ( -- of this p and all above
    SELECT *, least(1, min(raised) OVER (ORDER BY p DESC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS q
    FROM ranked
)
SELECT name, file, before, after, difference, error, df, p, q, ifNull(q <= 0.05, false) AS real, toInt64(samples) AS samples
FROM corrected
ORDER BY real DESC, abs(difference) DESC, name, file
SETTINGS join_use_nulls = 1;
