// SPDX-License-Identifier: MIT
// Run recipes of samples/fleet in DuckDB: node query.mjs MODULES SETTINGS tables.sql RECIPE...
// MODULES is the folder with node_modules, SETTINGS a JSON object of variables. Prints {recipe: rows}.
import {createRequire} from "node:module";
import {readFileSync} from "node:fs";
import {basename} from "node:path";

const [modules, settings, ...files] = process.argv.slice(2);
const {DuckDBInstance} = createRequire(modules + "/")("@duckdb/node-api");
const connection = await (await DuckDBInstance.create(":memory:")).connect();
for (const [name, value] of Object.entries(JSON.parse(settings)))
  await connection.run(`SET VARIABLE ${name} = ${typeof value === "number" ? value : `'${value.replaceAll("'", "''")}'`}`);
const plain = (value) => typeof value === "bigint" ? Number(value) :
  value !== null && typeof value === "object" ? String(value) : value;
const results = {};
for (const file of files) {
  let rows = [];
  const statements = await connection.extractStatements(readFileSync(file, "utf8"));
  for (let i = 0; i < statements.count; i++)
    rows = (await (await statements.prepare(i)).runAndReadAll()).getRowObjects();
  results[basename(file, ".sql")] = rows.map((row) => Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, plain(value)])));
}
console.log(JSON.stringify(results));
