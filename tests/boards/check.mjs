// node check.mjs BOARD.json...: every key and value of boards against the types of @grafana/schema. A line of JSON for
// each fault: file, panel (its id, or null), field, problem. Ends with 0 whether or not there are any.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const here = dirname(fileURLToPath(import.meta.url));
const schema = createGenerator({
  path: join(here, 'board.ts'), tsconfig: join(here, 'tsconfig.json'), type: '*', additionalProperties: false, skipTypeCheck: true,
}).createSchema('*');
const ajv = new Ajv({ strict: false, allErrors: true }).addSchema(schema, 'boards');
const types = Object.keys(schema.definitions.Panels.properties);

const tell = (file, panel, field, problem) => console.log(JSON.stringify({ file, panel, field, problem }));

function check(file, panel, name, value) {
  const validate = ajv.getSchema(`boards#/definitions/${name}`);
  if (validate(value)) return;
  for (const error of validate.errors) {
    const more = error.params.additionalProperty ?? error.params.allowedValues ?? '';
    tell(file, panel, error.instancePath, `${error.message} ${more}`.trim());
  }
}

for (const file of process.argv.slice(2)) {
  const board = JSON.parse(readFileSync(file, 'utf8'));
  check(file, null, 'Board', board);
  for (const panel of board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])])) {
    if (types.includes(panel.type)) check(file, panel.id, `Panels/properties/${panel.type}`, panel);
    else tell(file, panel.id, '/type', `${panel.type} is none of ${types.join(', ')}`);
  }
}
