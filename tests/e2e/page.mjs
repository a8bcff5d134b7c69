// The page in a real browser: node page.mjs PROGRAM CHROMIUM [SCREENSHOT_DIR]
// Needs playwright-core (tests/e2e/page.sh installs it).
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [program, executablePath, shots] = process.argv.slice(2);
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

function expect(condition, what) {
  if (!condition) throw new Error(`FAILED: ${what}`);
}

/** A server of its own, with a home of its own. */
async function serve(home) {
  const env = { ...process.env, HOME: home, OLLAMA_HOST: '127.0.0.1:0', OLLAMA_MODELS: join(home, 'store') };
  const child = spawn(program, ['serve'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: child.stderr })) {
    const found = /port=(\d+)/.exec(line);
    if (!found) continue;
    child.stderr.resume();
    return { base: `http://127.0.0.1:${found[1]}`, stop: () => child.kill('SIGTERM') };
  }
  throw new Error('the server did not start');
}

/** A page whose errors and requests are noted. */
async function open(browser, base) {
  const page = await browser.newPage();
  const seen = { errors: [], elsewhere: [] };
  page.on('console', (m) => { if (m.type() === 'error') seen.errors.push(m.text()); });
  page.on('pageerror', (e) => seen.errors.push(String(e)));
  page.on('request', (r) => { if (!r.url().startsWith(base) && !r.url().startsWith('data:')) seen.elsewhere.push(r.url()); });
  await page.goto(`${base}/ui`);
  return { page, seen };
}

const lastAnswer = (page) => page.locator('#messages li.assistant').last();

async function ask(page, text) {
  await page.fill('#prompt', text);
  await page.press('#prompt', 'Enter');
}

async function answered(page) {
  await page.locator('#send').waitFor({ state: 'visible', timeout: 60000 });
  return lastAnswer(page).locator('.body').innerText();
}

async function chats(page) {
  await page.waitForFunction(() => document.querySelector('#model').value === 'tiny:latest');
  await ask(page, 'What is 2+2?');
  expect((await answered(page)).includes('4'), 'an answer');
  expect(/\d+ tokens read, \d+ written, [\d.]+ tokens\/s/.test(await lastAnswer(page).locator('.figures').innerText()), 'figures');
  await page.reload();
  expect(await page.locator('#messages li').count() === 2, 'the conversation is kept');
}

async function obeysSettings(page) {
  await page.click('#settings summary');
  await page.fill('[name=num_predict]', '3');
  await page.fill('[name=temperature]', '0');
  await page.selectOption('[name=think]', 'false');
  await page.fill('[name=system]', 'You are kind.');
  await page.click('#settings summary');
  const [request] = await Promise.all([page.waitForRequest('**/api/chat'), ask(page, 'Count from 1 to 9.')]);
  const body = request.postDataJSON();
  expect(body.options.num_predict === 3 && body.options.temperature === 0, 'options are sent');
  expect(body.think === false && body.messages[0].content === 'You are kind.', 'think and system are sent');
  await answered(page);
  expect((await lastAnswer(page).locator('.figures').innerText()).includes(', 3 written'), 'three tokens');
  await page.fill('[name=num_predict]', '', { force: true });
}

/** Whether nothing runs any more, soon. */
async function isIdle(base) {
  for (let i = 0; i < 200; i++) {
    const text = await (await fetch(`${base}/metrics`)).text();
    if (/^hyperllama_requests_running(\{[^}]*\})? 0$/m.test(text)) return true;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  return false;
}

async function stops(page, base) {
  await page.evaluate(() => { document.querySelector('[name=num_predict]').value = '100000'; });
  const format = { type: 'array', items: { type: 'integer' }, minItems: 10000 }; // no end of text before that
  const lengthen = (route) => route.continue({ postData: { ...route.request().postDataJSON(), format } });
  await page.route('**/api/chat', lengthen);
  await ask(page, 'Tell me a very long story.');
  await lastAnswer(page).locator('.body p').first().waitFor();
  await page.click('#stop');
  await answered(page);
  expect(await lastAnswer(page).locator('.figures').innerText() === 'stopped', 'it says that it stopped');
  expect(await isIdle(base), 'the server has stopped, too');
  await page.unroute('**/api/chat', lengthen);
  await page.click('#new-chat');
  expect(await page.locator('#messages li').count() === 0, 'a new chat is empty');
}

async function isText(page) {
  await page.evaluate(() => { document.querySelector('[name=num_predict]').value = '2'; });
  await ask(page, '<img src=x onerror="document.title=1"> <b>bold</b>');
  await answered(page);
  expect(await page.locator('#messages img, #messages b').count() === 0, 'what people write is no HTML');
  expect(await page.title() === 'HyperLlama', 'no script ran');
}

async function showsStatus(page) {
  await page.click('#show-status');
  await page.locator('#loaded tr').first().waitFor();
  expect((await page.locator('#loaded').innerText()).includes('tiny:latest'), 'the loaded model');
  expect((await page.locator('#models').innerText()).includes('Q4_K_M'), 'all models');
  const figures = await page.locator('#figures').innerText();
  for (const name of ['Running', 'Waiting', 'Tokens a second', 'Prompt tokens from the cache', 'Cache in use'])
    expect(figures.includes(name), `${name} in ${figures}`);
  const written = await page.locator('#figures div', { hasText: 'Tokens written' }).locator('dd').innerText();
  expect(Number(written) > 3, `tokens written: ${written}`);
}

async function fitsPhones(page) {
  await page.setViewportSize({ width: 360, height: 640 });
  for (const view of ['#show-status', '#show-chat']) {
    await page.click(view);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide <= 0, `${view}: ${wide} pixels too wide`);
    if (shots) await page.screenshot({ path: join(shots, `phone-${view.slice(6)}.png`) });
  }
  await page.setViewportSize({ width: 1200, height: 800 });
}

async function asksForKey(browser, home) {
  const env = { ...process.env, HOME: home };
  const key = execFileSync(program, ['key', 'create', 'page'], { env, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
  const server = await serve(home);
  const { page } = await open(browser, server.base);
  for (const typed of ['hl-wrong', key]) {
    await page.locator('#key-dialog[open]').waitFor();
    await page.fill('#key', typed);
    await page.press('#key', 'Enter');
  }
  await page.waitForFunction(() => document.querySelector('#model').value === 'tiny:latest');
  await page.close();
  server.stop();
}

const home = mkdtempSync(join(tmpdir(), 'hl-page-'));
const browser = await chromium.launch({ executablePath, args: FLAGS });
const server = await serve(home);
try {
  const { page, seen } = await open(browser, server.base);
  await chats(page);
  if (shots) await page.screenshot({ path: join(shots, 'chat.png') });
  await obeysSettings(page);
  await stops(page, server.base);
  await isText(page);
  await showsStatus(page);
  if (shots) await page.screenshot({ path: join(shots, 'status.png') });
  await fitsPhones(page);
  expect(seen.elsewhere.length === 0, `asked elsewhere: ${seen.elsewhere}`);
  expect(seen.errors.length === 0, `errors: ${seen.errors}`);
  await page.close();
  server.stop();
  await asksForKey(browser, home);
  console.log('page: ok');
} finally {
  server.stop();
  await browser.close();
  rmSync(home, { recursive: true, force: true });
}
