-- Load tables of many recordings (docs/TABLES.md) into DuckDB. Before it:
--
--     SET VARIABLE tables = 'tables';      -- a directory of `pyanalyze export --format tables`,
--                                          -- or 'fleet/*': all directories in fleet
--
-- Every column is read as text and cast by its name, so that columns that come later harm nothing.
-- What several recordings have in common (functions, locations, stacks) is kept once.

CREATE OR REPLACE TABLE recordings AS
SELECT recording, segment::INTEGER AS segment, host, service, service_version, labels,
       start_ns::BIGINT AS start_ns, end_ns::BIGINT AS end_ns, bin_s::BIGINT AS bin_s, samples::BIGINT AS samples, cpu_ns::HUGEINT AS cpu_ns, not_recorded::BIGINT AS not_recorded,
       damages::BIGINT AS damages
FROM read_csv(getvariable('tables') || '/recordings/*.csv.zst', header = true, all_varchar = true, union_by_name = true);

CREATE OR REPLACE TABLE processes AS
SELECT DISTINCT ON (process) process::BIGINT AS process, recording, host, pid::BIGINT AS pid, command, python
FROM read_csv(getvariable('tables') || '/processes/*.csv.zst', header = true, all_varchar = true);

CREATE OR REPLACE TABLE threads AS
SELECT thread::BIGINT AS thread, process::BIGINT AS process, os_tid::BIGINT AS os_tid, name, main::INTEGER AS main,
       cpu_ns::HUGEINT AS cpu_ns, unattributed_cpu_ns::HUGEINT AS unattributed_cpu_ns,
       stalls_told::INTEGER AS stalls_told
FROM read_csv(getvariable('tables') || '/threads/*.csv.zst', header = true, all_varchar = true);

-- Whose samples they are: each thread that runs Python once, whatever the number of its parts.
CREATE OR REPLACE TABLE whose AS
SELECT DISTINCT ON (thread) thread, name AS thread_name, main, process, pid, recording, host
FROM threads JOIN processes USING (process)
WHERE thread IS NOT NULL;

CREATE OR REPLACE TABLE functions AS
SELECT DISTINCT ON (function) function::BIGINT AS function, coalesce(name, '') AS name, coalesce(file, '') AS file,
       line::INTEGER AS line, module, package
FROM read_csv(getvariable('tables') || '/functions/*.csv.zst', header = true, all_varchar = true);

CREATE OR REPLACE TABLE locations AS
SELECT DISTINCT ON (location) location::BIGINT AS location, function::BIGINT AS function, line::INTEGER AS line
FROM read_csv(getvariable('tables') || '/locations/*.csv.zst', header = true, all_varchar = true);

CREATE OR REPLACE TABLE stacks AS
SELECT DISTINCT ON (stack) stack::BIGINT AS stack, parent::BIGINT AS parent, location::BIGINT AS location,
       depth::INTEGER AS depth, path
FROM read_csv(getvariable('tables') || '/stacks/*.csv.zst', header = true, all_varchar = true);

CREATE OR REPLACE TABLE weights AS
SELECT bin::BIGINT AS bin, thread::BIGINT AS thread, stack::BIGINT AS stack, state, kernel::INTEGER AS kernel,
       samples::BIGINT AS samples, ticks::BIGINT AS ticks, wall_ns::BIGINT AS wall_ns, cpu_ns::BIGINT AS cpu_ns
FROM read_csv(getvariable('tables') || '/weights/*.csv.zst', header = true, all_varchar = true);

CREATE OR REPLACE TABLE stalls AS
SELECT thread::BIGINT AS thread, start_ns::BIGINT AS start_ns, end_ns::BIGINT AS end_ns,
       unobserved_ns::BIGINT AS unobserved_ns, cause, location::BIGINT AS location, call
FROM read_csv(getvariable('tables') || '/stalls/*.csv.zst', header = true, all_varchar = true);

CREATE OR REPLACE TABLE gil AS
SELECT bin::BIGINT AS bin, waiter::BIGINT AS waiter, holder::BIGINT AS holder, location::BIGINT AS location,
       samples::BIGINT AS samples, waited_ns::BIGINT AS waited_ns
FROM read_csv(getvariable('tables') || '/gil/*.csv.zst', header = true, all_varchar = true);
