// The server by the packages `ollama`, `openai` and `@anthropic-ai/sdk` for Node:
//     node node_clients.mjs URL
// tests/e2e/node_clients.sh installs them and starts the server.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';

const base = process.argv[2];
const QUESTION = [{ role: 'user', content: 'What is 2+2?' }];
const PERSON = [{ role: 'user', content: 'Give a person as JSON with name and age.' }];
const WEATHER = [{ role: 'user', content: 'What is the weather in Paris?' }];
const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};
const PARAMETERS = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const TOOL = {
  type: 'function',
  function: { name: 'get_weather', description: 'Get the current weather for a city', parameters: PARAMETERS },
};
// No end of text before as many items.
const ENDLESS = { type: 'array', items: { type: 'integer' }, minItems: 10000 };
const LONG = [{ role: 'user', content: 'Count from 1 to 100000, one number a line.' }];

function checkPerson(text) {
  const person = JSON.parse(text);
  assert.equal(typeof person.name, 'string');
  assert.ok(Number.isInteger(person.age));
}

/** Nothing runs any more, soon. */
async function idle() {
  for (let i = 0; i < 400; i++) {
    const text = await (await fetch(`${base}/metrics`)).text();
    if (/^hyperllama_requests_running(\{[^}]*\})? 0$/m.test(text)) return;
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
  assert.fail('a request that nobody waits for still runs');
}

// -- ollama -------------------------------------------------------------------------------------

async function ollamaAnswers(c) {
  const options = { temperature: 0, num_predict: 48 };
  const whole = await c.chat({ model: 'tiny', messages: QUESTION, options });
  let text = '';
  let last;
  for await (const piece of await c.chat({ model: 'tiny', messages: QUESTION, options, stream: true })) {
    text += piece.message.content;
    last = piece;
  }
  assert.equal(text, whole.message.content);
  assert.ok(last.done && last.eval_count > 0 && whole.message.thinking);
  const generated = await c.generate({ model: 'tiny', prompt: 'What is 2+2?', think: false, options });
  assert.ok(generated.response.includes('4'));
  const { models } = await c.list();
  assert.ok(models.some((m) => m.name === 'tiny:latest'));
  assert.ok((await c.show({ model: 'tiny' })).capabilities.includes('tools'));
  assert.ok((await c.ps()).models.some((m) => m.name === 'tiny:latest'));
}

async function ollamaSchemaToolsEmbeddings(c) {
  const options = { temperature: 0, num_predict: 64 };
  const person = await c.chat({ model: 'tiny', messages: PERSON, format: SCHEMA, think: false, options });
  checkPerson(person.message.content);
  const called = await c.chat({ model: 'tiny', messages: WEATHER, tools: [TOOL], think: false, options });
  assert.equal(called.message.tool_calls[0].function.name, 'get_weather');
  assert.equal(typeof called.message.tool_calls[0].function.arguments.city, 'string');
  const { embeddings } = await c.embed({ model: 'tiny', input: ['Hello world', 'Goodbye'] });
  assert.equal(embeddings.length, 2);
  const length = embeddings[0].reduce((sum, x) => sum + x * x, 0);
  assert.ok(Math.abs(length - 1) < 1e-3, `length ${length}`);
}

async function ollamaFails(c) {
  await assert.rejects(c.chat({ model: 'nope', messages: QUESTION }), (e) => {
    assert.equal(e.status_code, 404);
    assert.equal(e.error, "model 'nope' not found");
    return true;
  });
  const stream = await c.chat({ model: 'tiny', messages: LONG, stream: true, think: false, format: ENDLESS });
  await assert.rejects(async () => {
    for await (const piece of stream) if (piece.message.content) stream.abort();
  }, { name: 'AbortError' });
  await idle();
}

async function ollamaKeepsModels(c) {
  await c.create({ model: 'pirate', from: 'tiny', system: 'You are a pirate.', parameters: { temperature: 0 } });
  const shown = await c.show({ model: 'pirate' });
  assert.equal(shown.system, 'You are a pirate.');
  await c.copy({ source: 'pirate', destination: 'captain' });
  await c.delete({ model: 'pirate' });
  const names = (await c.list()).models.map((m) => m.name);
  assert.ok(names.includes('captain:latest') && !names.includes('pirate:latest'));
  assert.ok((await c.chat({ model: 'captain', messages: QUESTION, think: false })).message.content);
  await c.delete({ model: 'captain' });
}

async function checkOllama() {
  const c = new Ollama({ host: base });
  await ollamaAnswers(c);
  await ollamaSchemaToolsEmbeddings(c);
  await ollamaFails(c);
  await ollamaKeepsModels(c);
}

// -- openai -------------------------------------------------------------------------------------

const PLAIN = { model: 'tiny', temperature: 0, max_tokens: 64, reasoning_effort: 'none' };

async function openaiAnswers(c) {
  const whole = await c.chat.completions.create({ ...PLAIN, messages: QUESTION });
  let text = '';
  let usage;
  const stream = await c.chat.completions.create({
    ...PLAIN, messages: QUESTION, stream: true, stream_options: { include_usage: true } });
  for await (const piece of stream) {
    text += piece.choices[0]?.delta.content || '';
    usage = piece.usage || usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.total_tokens, whole.usage.total_tokens);
  const two = await c.chat.completions.create({ ...PLAIN, messages: QUESTION, n: 2 });
  assert.deepEqual(two.choices.map((x) => x.index), [0, 1]);
  const completed = await c.completions.create({ model: 'tiny', prompt: '1, 2, 3,', max_tokens: 6, temperature: 0 });
  assert.ok(completed.choices[0].text.length > 0);
  assert.ok((await c.models.list()).data.some((m) => m.id === 'tiny:latest'));
}

async function openaiSchemaToolsEmbeddings(c) {
  const person = await c.chat.completions.create({
    ...PLAIN, messages: PERSON,
    response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: SCHEMA } } });
  checkPerson(person.choices[0].message.content);
  for (const tool_choice of ['auto', 'required', { type: 'function', function: { name: 'get_weather' } }]) {
    const called = await c.chat.completions.create({ ...PLAIN, messages: WEATHER, tools: [TOOL], tool_choice });
    assert.equal(called.choices[0].finish_reason, 'tool_calls');
    const { name, arguments: text } = called.choices[0].message.tool_calls[0].function;
    assert.equal(name, 'get_weather');
    assert.equal(typeof JSON.parse(text).city, 'string');
  }
  const runner = c.chat.completions.stream({ ...PLAIN, messages: WEATHER, tools: [TOOL] });
  const streamed = await runner.finalChatCompletion();
  assert.equal(streamed.choices[0].message.tool_calls[0].function.name, 'get_weather');
  const floats = await c.embeddings.create({ model: 'tiny', input: 'Hello world', encoding_format: 'float' });
  const packed = await c.embeddings.create({ model: 'tiny', input: 'Hello world' });
  assert.equal(floats.data[0].embedding.length, packed.data[0].embedding.length);
  assert.ok(Math.abs(floats.data[0].embedding[0] - packed.data[0].embedding[0]) < 1e-6);
}

async function openaiResponds(c) {
  const plain = { model: 'tiny', input: 'What is 2+2?', temperature: 0, max_output_tokens: 48, reasoning: { effort: 'none' } };
  const whole = await c.responses.create(plain);
  assert.equal(whole.status, 'completed');
  const types = [];
  let text = '';
  for await (const event of await c.responses.create({ ...plain, stream: true })) {
    types.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(text, whole.output_text);
  assert.equal(types[0], 'response.created');
  assert.equal(types.at(-1), 'response.completed');
}

async function openaiFails(c) {
  await assert.rejects(c.chat.completions.create({ model: 'nope', messages: QUESTION }), OpenAI.NotFoundError);
  await assert.rejects(c.chat.completions.create({ model: 'tiny', messages: [] }), OpenAI.BadRequestError);
  const stream = await c.chat.completions.create({ ...PLAIN, max_tokens: 100000, messages: LONG, stream: true });
  for await (const piece of stream) if (piece.choices[0].delta.content) break; // which aborts
  await idle();
}

async function checkOpenai() {
  const c = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });
  await openaiAnswers(c);
  await openaiSchemaToolsEmbeddings(c);
  await openaiResponds(c);
  await openaiFails(c);
}

// -- anthropic ----------------------------------------------------------------------------------

const MESSAGE = { model: 'tiny', max_tokens: 64, temperature: 0, thinking: { type: 'disabled' } };
const CLAUDE_TOOL = { name: 'get_weather', description: TOOL.function.description, input_schema: PARAMETERS };

async function anthropicAnswers(c) {
  const whole = await c.messages.create({ ...MESSAGE, messages: QUESTION });
  assert.equal(whole.stop_reason, 'end_turn');
  const streamed = await c.messages.stream({ ...MESSAGE, messages: QUESTION }).finalMessage();
  assert.deepEqual(streamed.content, whole.content);
  assert.equal(streamed.usage.output_tokens, whole.usage.output_tokens);
  const counted = await c.messages.countTokens({ model: 'tiny', messages: QUESTION, thinking: { type: 'disabled' } });
  assert.equal(counted.input_tokens, whole.usage.input_tokens + (whole.usage.cache_read_input_tokens || 0));
}

async function anthropicTools(c) {
  for (const create of [
    (body) => c.messages.create(body),
    (body) => c.messages.stream(body).finalMessage(),
  ]) {
    const called = await create({ ...MESSAGE, messages: WEATHER, tools: [CLAUDE_TOOL] });
    assert.equal(called.stop_reason, 'tool_use');
    const use = called.content.find((block) => block.type === 'tool_use');
    assert.equal(use.name, 'get_weather');
    assert.equal(typeof use.input.city, 'string');
  }
}

async function anthropicFails(c) {
  await assert.rejects(c.messages.create({ ...MESSAGE, model: 'nope', messages: QUESTION }), Anthropic.NotFoundError);
  const stream = c.messages.stream({ ...MESSAGE, max_tokens: 100000, messages: LONG });
  stream.on('text', () => stream.abort());
  await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
  await idle();
}

async function checkAnthropic() {
  const c = new Anthropic({ baseURL: base, apiKey: 'none', maxRetries: 0 });
  await anthropicAnswers(c);
  await anthropicTools(c);
  await anthropicFails(c);
}

for (const [name, check] of [['ollama', checkOllama], ['openai', checkOpenai], ['@anthropic-ai/sdk', checkAnthropic]]) {
  await check();
  console.log(`${name}: ok`);
}
