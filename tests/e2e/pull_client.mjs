// Models by the package `ollama` for Node: node pull_client.mjs SERVER NAME DIGEST BYTES
// NAME is in a registry that tests/e2e/pull_client.py has started.
import assert from 'node:assert/strict';
import { Ollama } from 'ollama';

const [host, name, digest, bytes] = process.argv.slice(2);
const c = new Ollama({ host });

async function steps(stream) {
  const all = [];
  for await (const step of await stream) all.push(step);
  return all;
}

const pulled = await steps(c.pull({ model: name, insecure: true, stream: true }));
assert.equal(pulled[0].status, 'pulling manifest');
assert.equal(pulled.at(-1).status, 'success');
const amounts = pulled.filter((step) => step.digest === digest).map((step) => step.completed);
assert.ok(amounts.length > 3);
assert.equal(amounts.at(-1), Number(bytes));
assert.equal((await c.pull({ model: name, insecure: true })).status, 'success');

const made = await steps(c.create({ model: 'child', from: name, system: 'Answer briefly.', parameters: { seed: 7 }, stream: true }));
assert.equal(made.at(-1).status, 'success');
assert.ok(made.some((step) => step.status.startsWith('using existing layer')));
const shown = await c.show({ model: 'child' });
assert.equal(shown.system, 'Answer briefly.');
assert.match(shown.parameters, /^seed +7$/m);

await c.copy({ source: 'child', destination: name.replace('/library/x', '/me/z') });
const pushed = await steps(c.push({ model: name.replace('/library/x', '/me/z'), insecure: true, stream: true }));
assert.equal(pushed.at(-1).status, 'success');
assert.deepEqual((await c.list()).models.map((m) => m.name).sort(),
  ['child:latest', `${name}:latest`, `${name.replace('/library/x', '/me/z')}:latest`].sort());

for (const { name: gone } of (await c.list()).models) await c.delete({ model: gone });
assert.deepEqual((await c.list()).models, []);
await assert.rejects(c.show({ model: 'child' }), (e) => e.status_code === 404);
await assert.rejects(c.pull({ model: name.replace('/x', '/none'), insecure: true }), /file does not exist/);
console.log('the package ollama for Node pulls, makes, lists and pushes');
