-- What a change did: CPU of each function per recording, before and after. After tables.sql. Before it:
--
--     SET VARIABLE since = 1714979280;     -- when the change came, seconds since 1970
--
-- The statistics of `pyanalyze diff BEFORE.. --vs AFTER..`, for two recordings and more on each side: how recordings of a
-- side differ among themselves decides (Welch's test), but no variance is smaller than what the number of samples makes
-- it; Benjamini and Hochberg's correction keeps chance findings among those that are real at 1 in 20; functions with
-- less than 8 samples are not tested. Recordings are to be of the same length and work.
WITH sides AS (
    SELECT recording, (min(start_ns) >= getvariable('since')::BIGINT * 1000000000)::INTEGER AS side
    FROM recordings GROUP BY recording
), own AS (
    SELECT recording, name, file, sum(cpu_ns)::DOUBLE / 1e9 AS x, sum(samples)::DOUBLE AS samples
    FROM weights JOIN whose USING (thread) JOIN stacks USING (stack) JOIN locations USING (location)
         JOIN functions USING (function)
    WHERE cpu_ns > 0 -- samples that weigh something
    GROUP BY recording, name, file
), whole AS (
    SELECT recording, sum(x) AS y, sum(samples) AS n FROM own GROUP BY recording
), values AS ( -- of each function in each recording, also where it was not seen
    SELECT f.name, f.file, side, coalesce(x, 0) AS x, coalesce(samples, 0) AS samples,
           (y / n) ** 2 * (coalesce(samples, 0) * greatest(1 - coalesce(x, 0) / nullif(y, 0), 0) + 1) AS sampling
    FROM (SELECT DISTINCT name, file FROM own) AS f CROSS JOIN sides JOIN whole USING (recording)
         LEFT JOIN own USING (recording, name, file)
), summed AS (
    SELECT name, file, side, avg(x) AS mean, count(*) AS n, sum(samples) AS samples,
           greatest(var_samp(x) / count(*), sum(sampling) / count(*) ** 2) AS variance
    FROM values GROUP BY name, file, side
), compared AS (
    SELECT name, file, b.mean AS before, a.mean AS after, a.mean - b.mean AS difference, a.samples + b.samples AS samples,
           sqrt(a.variance + b.variance) AS error,
           (a.variance + b.variance) ** 2 / (a.variance ** 2 / (a.n - 1) + b.variance ** 2 / (b.n - 1)) AS df
    FROM summed AS b JOIN summed AS a USING (name, file)
    WHERE b.side = 0 AND a.side = 1 AND a.n > 1 AND b.n > 1
), tails AS ( -- both tails of Student's distribution: with x = sqrt(df) tan(a) its density is cos(a) ** (df - 1)
    SELECT *, atan(abs(difference) / error / sqrt(df)) AS a FROM compared
), tested AS (
    SELECT * EXCLUDE (a), CASE WHEN samples >= 8 THEN greatest(0, 1 - 2 * exp(lgamma((df + 1) / 2) - lgamma(df / 2)) / sqrt(pi()) *
        a / 3000 * list_sum(list_transform(range(0, 1001), i -> -- Simpson's rule
            CASE WHEN i IN (0, 1000) THEN 1 WHEN i % 2 = 1 THEN 4 ELSE 2 END * cos(a * i / 1000) ** (df - 1)))) END AS p
    FROM tails
), ranked AS (
    SELECT *, CASE WHEN p IS NOT NULL THEN p * count(p) OVER () / rank() OVER (ORDER BY p NULLS LAST) END AS raised
    FROM tested
)
SELECT name, file, before, after, difference, error, df, p,
       least(1, min(raised) OVER (ORDER BY p DESC NULLS FIRST ROWS UNBOUNDED PRECEDING)) AS q, -- of this p and all above
       coalesce(q <= 0.05, false) AS real, samples::BIGINT AS samples
FROM ranked
ORDER BY real DESC, abs(difference) DESC, name, file;
