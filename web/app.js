// The chat and status page.  It speaks the server's own API (/api/chat, /api/tags, /api/ps,
// /metrics) and needs nothing from elsewhere.  All text from models is put in as text, never as HTML.

const $ = (id) => document.getElementById(id);

// -- the server ---------------------------------------------------------------------------------

let key = localStorage.getItem('key') || '';

let asking = null; // all requests that want a key wait for one dialog

function askForKey() {
  asking ??= new Promise((resolve) => {
    $('key-dialog').addEventListener('close', () => {
      key = $('key').value.trim();
      localStorage.setItem('key', key);
      asking = null;
      resolve();
    }, { once: true });
    $('key').value = '';
    $('key-dialog').showModal();
  });
  return asking;
}

async function failure(response) {
  const text = await response.text();
  try {
    return new Error(JSON.parse(text).error || text);
  } catch {
    return new Error(text || `the server answers ${response.status}`);
  }
}

/** A response that is fine; asks for a key as often as the server wants another. */
async function request(path, options = {}) {
  for (;;) {
    const headers = { ...options.headers };
    if (key) headers.Authorization = `Bearer ${key}`;
    const response = await fetch(path, { ...options, headers });
    if (response.ok) return response;
    if (response.status !== 401) throw await failure(response);
    await askForKey();
  }
}

const getJson = async (path) => (await request(path)).json();
const post = (path, body, signal) =>
  request(path, { method: 'POST', body: JSON.stringify(body), signal });

/** The objects of a stream of JSON lines. */
async function* lines(response) {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of readAll(response.body)) {
    rest += decoder.decode(bytes, { stream: true });
    const parts = rest.split('\n');
    rest = parts.pop();
    for (const line of parts) if (line) yield JSON.parse(line);
  }
}

async function* readAll(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

// -- the conversation ---------------------------------------------------------------------------

let messages = savedMessages();
let running = null; // the AbortController of the answer that is being made

function savedMessages() {
  try {
    const saved = JSON.parse(localStorage.getItem('conversation'));
    return Array.isArray(saved) ? saved : [];
  } catch { /* not ours */
    return [];
  }
}

function save() {
  try {
    localStorage.setItem('conversation', JSON.stringify(messages));
  } catch { /* full: it is kept while the page is open */ }
}

function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

/** Paragraphs and fenced code; everything else of Markdown stays as it was written. */
function formatted(text) {
  const parts = document.createDocumentFragment();
  text.split(/^```.*$/m).forEach((part, i) => {
    if (i % 2) parts.append(element('pre', '', part.replace(/^\n|\n$/g, '')));
    else if (part.trim()) parts.append(element('p', '', part.trim()));
  });
  return parts;
}

/** The place of an answer, filled as it comes. */
function answerView() {
  const item = element('li', 'assistant');
  const thought = element('details');
  const thoughtText = element('div');
  const body = element('div', 'body');
  const figures = element('div', 'figures');
  thought.append(element('summary', '', 'Thinking'), thoughtText);
  thought.hidden = true;
  item.append(thought, body, figures);
  return {
    item,
    show(message) {
      thought.hidden = !message.thinking;
      thoughtText.textContent = message.thinking || '';
      body.replaceChildren(formatted(message.content));
    },
    fail(text) { body.append(element('p', 'failed', text)); },
    figures(text) { figures.textContent = text; },
  };
}

function userView(message) {
  return element('li', 'user', message.content);
}

function drawConversation() {
  $('messages').replaceChildren();
  for (const message of messages) {
    if (message.role === 'user') {
      $('messages').append(userView(message));
      continue;
    }
    const view = answerView();
    view.show(message);
    $('messages').append(view.item);
  }
  scrollDown(true);
}

/** Follows the answer unless the reader has scrolled up. */
function scrollDown(always) {
  const list = $('messages');
  const near = list.scrollHeight - list.scrollTop - list.clientHeight < 120;
  if (always || near) list.scrollTop = list.scrollHeight;
}

// -- asking -------------------------------------------------------------------------------------

function readOptions() {
  const form = new FormData($('options'));
  const options = {};
  for (const name of ['temperature', 'top_p', 'top_k', 'seed', 'num_predict', 'num_ctx'])
    if (form.get(name) !== '') options[name] = Number(form.get(name));
  return { options, system: form.get('system').trim(), think: form.get('think') };
}

function chatRequest() {
  const { options, system, think } = readOptions();
  const history = messages.map(({ role, content, thinking }) =>
    (thinking ? { role, content, thinking } : { role, content }));
  const body = {
    model: $('model').value, options,
    messages: system ? [{ role: 'system', content: system }, ...history] : history,
  };
  if (think) body.think = think === 'false' ? false : think;
  return body;
}

function figuresOf(end) {
  const seconds = end.eval_duration / 1e9;
  const rate = end.eval_count && seconds > 0 ? `, ${(end.eval_count / seconds).toFixed(1)} tokens/s` : '';
  return `${end.prompt_eval_count || 0} tokens read, ${end.eval_count || 0} written${rate}`;
}

async function readAnswer(body, message, view, signal) {
  for await (const piece of lines(await post('/api/chat', body, signal))) {
    if (piece.error) throw new Error(piece.error);
    message.content += piece.message.content;
    if (piece.message.thinking) message.thinking = (message.thinking || '') + piece.message.thinking;
    view.show(message);
    scrollDown(false);
    if (piece.done) {
      view.figures(figuresOf(piece));
      return;
    }
  }
  throw new Error('the answer broke off');
}

function setRunning(controller) {
  running = controller;
  $('send').hidden = Boolean(controller);
  $('stop').hidden = !controller;
}

async function ask(text) {
  const talk = messages; // a new one may begin meanwhile
  const user = { role: 'user', content: text };
  const message = { role: 'assistant', content: '' };
  const view = answerView();
  talk.push(user);
  $('messages').append(userView(user), view.item);
  scrollDown(true);
  setRunning(new AbortController());
  try {
    await readAnswer(chatRequest(), message, view, running.signal);
  } catch (e) {
    if (e.name === 'AbortError') view.figures('stopped');
    else view.fail(e.message);
  }
  setRunning(null);
  if (message.content || message.thinking) talk.push(message);
  else talk.pop(); // so that it can be asked again
  if (talk === messages) save();
  $('prompt').focus();
}

$('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('prompt').value.trim();
  if (!text || running || !$('model').value || !$('options').reportValidity()) return;
  $('prompt').value = '';
  ask(text);
});
$('prompt').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('ask').requestSubmit();
});
$('stop').addEventListener('click', () => running?.abort());
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') running?.abort();
});
$('new-chat').addEventListener('click', () => {
  running?.abort();
  messages = [];
  save();
  drawConversation();
  $('prompt').focus();
});

// -- models -------------------------------------------------------------------------------------

function note(text, failed) {
  $('note').textContent = text;
  $('note').classList.toggle('failed', Boolean(failed));
}

async function listModels() {
  const { models } = await getJson('/api/tags');
  const chosen = localStorage.getItem('model');
  $('model').replaceChildren(...models
    .filter((m) => !m.capabilities || m.capabilities.includes('completion'))
    .map((m) => new Option(m.name, m.name, false, m.name === chosen)));
  if (!$('model').value) note('There is no model yet: hyperllama pull or create brings one.', true);
  return models;
}

$('model').addEventListener('change', () => localStorage.setItem('model', $('model').value));

// -- status -------------------------------------------------------------------------------------

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

function bytesText(n) {
  let unit = 0;
  for (; n >= 1000 && unit < UNITS.length - 1; unit++) n /= 1000;
  return `${n < 10 && unit ? n.toFixed(1) : Math.round(n)} ${UNITS[unit]}`;
}

function row(cells) {
  const r = element('tr');
  r.append(...cells.map((c) => {
    const cell = element('td');
    cell.append(c);
    return cell;
  }));
  return r;
}

/** Sums of the samples of a Prometheus text, by name. */
function readMetrics(text) {
  const sums = {};
  for (const line of text.split('\n')) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})? (\S+)/.exec(line);
    if (found) sums[found[1]] = (sums[found[1]] || 0) + Number(found[2]);
  }
  return sums;
}

let before = null; // the figures of the last look, for rates

function figures(m, at) {
  const tokens = m.hyperllama_generated_tokens_total || 0;
  const prompt = m.hyperllama_prompt_tokens_total || 0;
  const cached = m.hyperllama_cached_tokens_total || 0;
  const rate = before ? Math.max(0, tokens - before.tokens) / ((at - before.at) / 1000) : 0;
  const pages = m.hyperllama_kv_pages || 0;
  before = { tokens, at };
  return {
    'Running': m.hyperllama_requests_running || 0,
    'Waiting': m.hyperllama_requests_waiting || 0,
    'Tokens a second': rate.toFixed(1),
    'Tokens written': tokens,
    'Prompt tokens from the cache': prompt ? `${Math.round(100 * cached / prompt)} %` : '–',
    'Cache in use': pages ? `${Math.round(100 * (m.hyperllama_kv_pages_used || 0) / pages)} %` : '–',
  };
}

function untilText(at) {
  const ms = new Date(at) - Date.now();
  return ms > 20 * 365 * 864e5 ? 'told to go' : new Date(at).toLocaleTimeString();
}

function unloadButton(name) {
  const button = element('button', '', 'Unload');
  button.type = 'button';
  button.addEventListener('click', async () => {
    await post('/api/generate', { model: name, keep_alive: 0 }).catch((e) => note(e.message, true));
    drawStatus();
  });
  return button;
}

async function drawStatus() {
  const metrics = readMetrics(await (await request('/metrics')).text());
  const loaded = (await getJson('/api/ps')).models;
  const models = await listModels();
  $('figures').replaceChildren(...Object.entries(figures(metrics, Date.now())).map(([name, value]) => {
    const box = element('div');
    box.append(element('dt', '', name), element('dd', '', String(value)));
    return box;
  }));
  $('loaded').replaceChildren(...loaded.map((m) => row([
    m.name, bytesText(m.size), String(m.context_length), untilText(m.expires_at), unloadButton(m.name)])));
  $('models').replaceChildren(...models.map((m) => row([
    m.name, bytesText(m.size), m.details.parameter_size, m.details.quantization_level,
    (m.capabilities || []).join(', ')])));
}

let timer = null;

function show(view) {
  $('chat').hidden = view !== 'chat';
  $('status').hidden = view !== 'status';
  for (const name of ['chat', 'status']) {
    if (name === view) $(`show-${name}`).setAttribute('aria-current', 'page');
    else $(`show-${name}`).removeAttribute('aria-current');
  }
  clearInterval(timer);
  const look = () => drawStatus().catch((e) => note(e.message, true));
  if (view !== 'status') return;
  look();
  timer = setInterval(look, 2000);
}

$('show-chat').addEventListener('click', () => show('chat'));
$('show-status').addEventListener('click', () => show('status'));

drawConversation();
listModels().catch((e) => note(e.message, true));
$('prompt').focus();
