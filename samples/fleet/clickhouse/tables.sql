-- Load tables of many recordings (docs/TABLES.md) into ClickHouse (tried with 26.7). The directory is a parameter:
--
--     clickhouse local --path fleet.db --param_tables='fleet/*' --queries-file samples/fleet/clickhouse/tables.sql
--
-- 'tables' is a directory of `pyanalyze export --format tables`, 'fleet/*' all directories in fleet; for a server, below
-- its user_files_path. Columns are found by their names in the heading, so that columns that come later harm nothing.
-- What several recordings have in common (functions, locations, stacks) is kept once. For a cluster: Replicated engines,
-- and `weights` by service and day, `PARTITION BY toDate(bin)`.
SET input_format_skip_unknown_fields = 1, input_format_csv_empty_as_default = 1, input_format_with_names_use_header = 1,
    input_format_csv_trim_whitespaces = 0, format_csv_allow_single_quotes = 0; -- names are taken as they are

CREATE OR REPLACE TABLE recordings ENGINE = MergeTree ORDER BY recording AS
SELECT * FROM file({tables:String} || '/recordings/*.csv.zst', CSVWithNames,
    'recording String, segment Int32, host String, service String, service_version String, labels String, start_ns Int64,
     end_ns Int64, bin_s Int64, samples Int64, cpu_ns Int64, not_recorded Nullable(Int64), damages Int64');

CREATE OR REPLACE TABLE processes ENGINE = MergeTree ORDER BY process AS
SELECT * FROM file({tables:String} || '/processes/*.csv.zst', CSVWithNames,
    'process Int64, recording String, host String, pid Int64, command String, python String')
LIMIT 1 BY process;

CREATE OR REPLACE TABLE threads ENGINE = MergeTree ORDER BY process AS
SELECT * FROM file({tables:String} || '/threads/*.csv.zst', CSVWithNames,
    'thread Nullable(Int64), process Int64, os_tid Int64, name String, main Int32, cpu_ns Nullable(Int64),
     unattributed_cpu_ns Nullable(Int64), stalls_told Nullable(Int32)');

-- Whose samples they are: each thread that runs Python once, whatever the number of its parts.
CREATE OR REPLACE TABLE whose ENGINE = MergeTree ORDER BY thread AS
SELECT assumeNotNull(t.thread) AS thread, t.name AS thread_name, t.main AS main, p.process AS process, p.pid AS pid,
       p.recording AS recording, p.host AS host
FROM threads AS t JOIN processes AS p ON p.process = t.process
WHERE t.thread IS NOT NULL
LIMIT 1 BY thread;

CREATE OR REPLACE TABLE functions ENGINE = MergeTree ORDER BY function AS
SELECT * FROM file({tables:String} || '/functions/*.csv.zst', CSVWithNames,
    'function Int64, name String, file String, line Int32, module String, package String')
LIMIT 1 BY function;

CREATE OR REPLACE TABLE locations ENGINE = MergeTree ORDER BY location AS
SELECT * FROM file({tables:String} || '/locations/*.csv.zst', CSVWithNames,
    'location Int64, function Int64, line Int32')
LIMIT 1 BY location;

CREATE OR REPLACE TABLE stacks ENGINE = MergeTree ORDER BY stack AS
SELECT * FROM file({tables:String} || '/stacks/*.csv.zst', CSVWithNames,
    'stack Int64, parent Nullable(Int64), location Int64, depth Int32, path String')
LIMIT 1 BY stack;

CREATE OR REPLACE TABLE weights ENGINE = MergeTree ORDER BY (bin, stack) AS
SELECT * FROM file({tables:String} || '/weights/*.csv.zst', CSVWithNames,
    'bin Int64, thread Int64, stack Int64, state LowCardinality(String), kernel Nullable(Int8), samples Int64, ticks Int64,
     wall_ns Int64, cpu_ns Int64');

CREATE OR REPLACE TABLE stalls ENGINE = MergeTree ORDER BY start_ns AS
SELECT * FROM file({tables:String} || '/stalls/*.csv.zst', CSVWithNames,
    'thread Int64, start_ns Int64, end_ns Int64, unobserved_ns Int64, cause LowCardinality(String),
     location Nullable(Int64), call Nullable(String)');

CREATE OR REPLACE TABLE gil ENGINE = MergeTree ORDER BY bin AS
SELECT * FROM file({tables:String} || '/gil/*.csv.zst', CSVWithNames,
    'bin Int64, waiter Int64, holder Nullable(Int64), location Nullable(Int64), samples Int64, waited_ns Int64');
