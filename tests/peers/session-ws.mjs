// SPDX-License-Identifier: ISC
//
//	node session-ws.mjs URL [TOKEN]
//
// Sessions looked at by WebSocket, as a browser would, with `ws'.  URL is that
// of /v1/session: "ws://host:port/v1/session", "ws+unix:/path:/v1/session".
// There must be "echo" (an agent that says "ready", then "got:LINE:", and "size
// ROWS COLS" for the line "measure"), "flood" (which never stops) and "ends" (which
// ends with status 7 when it has read a line).

import { once } from 'node:events';

import { WebSocket } from 'ws';

import { all, is, ok, run } from './check.mjs';

const [, , base, token] = process.argv;
const headers = token ? { Authorization: `Bearer ${token}` } : {};

/** A viewer: what it has seen, what it was told, how it was left. */
class Viewer {
  static async open(name, query = '', extra = {}) {
    const viewer = new Viewer();
    viewer.ws = new WebSocket(`${base}/${name}/attach?cols=80&rows=24&term=xterm-256color&utf8=true${query}`,
      { headers: { ...headers, ...extra } });
    viewer.seen = '';
    viewer.bytes = 0;
    viewer.said = [];
    viewer.ws.on('message', (data, isBinary) => {
      if (isBinary) {
        viewer.bytes += data.length;
        viewer.seen = (viewer.seen + data.toString()).slice(-100000);
      } else {
        viewer.said.push(JSON.parse(data.toString()));
      }
      viewer.ws.emit('news');
    });
    viewer.closed = new Promise((resolve) => {
      viewer.ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    viewer.ws.on('error', () => {});
    await once(viewer.ws, 'open');
    return viewer;
  }

  /** Until `test' holds of what has come, ten seconds at most. */
  async until(test) {
    const late = AbortSignal.timeout(10000);
    try {
      while (!test(this)) await once(this.ws, 'news', { signal: late });
    } catch (error) {
      throw new Error(`it does not come; last were ${JSON.stringify(this.seen.slice(-400))}`, { cause: error });
    }
    return true;
  }

  shows(text) {
    return this.until((v) => v.seen.includes(text));
  }

  type(text, options) {
    this.ws.send(Buffer.from(text), { binary: true, ...options });
  }

  say(value) {
    this.ws.send(typeof value === 'string' ? value : JSON.stringify(value));
  }

  exit() {
    return this.said.find((s) => s.type === 'exit');
  }
}

async function status_of(path, extra = {}) {
  const ws = new WebSocket(`${base}/${path}`, { headers: { ...headers, ...extra } });
  ws.on('error', () => {});
  const [, response] = await once(ws, 'unexpected-response');
  response.resume();
  return response.statusCode;
}

async function a_session_is_seen_and_typed_into() {
  const v = await Viewer.open('echo');
  await v.until(() => v.said.length > 0);
  is('the first word says what it is', v.said[0],
    { type: 'start', session: 'echo', read_only: false, size: 'follow' });
  ok('the screen comes', await v.shows('ready'));
  v.type('hello\r');
  ok('what is typed reaches the agent', await v.shows('got:hello:'));
  v.type('grü', { fin: false });
  v.ws.send(Buffer.from('n €\r'), { binary: true, fin: true });
  ok('in fragments, too', await v.shows('got:grün €:'));
  v.type('');
  v.say({ type: 'resize', cols: 101, rows: 33 });
  const asking = setInterval(() => v.type('measure\r'), 100);
  ok('a new size is the session\'s', await v.shows('size 33 101'));
  clearInterval(asking);
  for (const odd of [{ type: 'resize' }, { type: 'resize', cols: -1, rows: 5 }, { type: 'resize', cols: 1e9, rows: 5 },
    { type: 'unheard-of', x: [1] }, {}]) v.say(odd);
  v.type('after odd words\r');
  ok('words that mean nothing are passed over', await v.shows('got:after odd words:'));
  v.say({ type: 'detach' });
  is('who wants to leave is let go', await v.closed, { code: 1000, reason: '' });
  is('with the reason', v.exit()?.reason, 'detached');
}

async function the_screen_is_there_again() {
  const v = await Viewer.open('echo');
  ok('who comes back has the screen', await v.shows('got:hello:'));
  v.ws.close(1000);
  is('and may just close', (await v.closed).code, 1000);
}

async function who_only_looks() {
  const one = await Viewer.open('echo');
  const two = await Viewer.open('echo', '&read_only=true');
  await two.until(() => two.said.length > 0);
  is('a viewer is told that it only looks', two.said[0].read_only, true);
  two.type('intruder\r');
  two.say({ type: 'resize', cols: 20, rows: 5 });
  one.type('owner\r');
  ok('and sees what others do', await two.shows('got:owner:'));
  ok('but types nothing', !one.seen.includes('intruder') && !one.seen.includes('size 5 20'), one.seen);
  const three = await Viewer.open('echo', '&alone=true');
  await Promise.all([one.closed, two.closed]);
  is('who wants to be alone is', [one.exit()?.reason, two.exit()?.reason], ['replaced', 'replaced']);
  three.ws.terminate();
}

async function bad_words_end_it() {
  const v = await Viewer.open('echo');
  v.say('{not json');
  is('what is not JSON is refused', (await v.closed).code, 1007);
  const big = await Viewer.open('echo');
  big.type(Buffer.alloc((1 << 20) + 1, 120));
  is('and so is a message that is too big', (await big.closed).code, 1009);
}

async function a_slow_reader_costs_nothing() {
  const v = await Viewer.open('flood');
  await v.until(() => v.bytes > 50000);
  v.ws.pause();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const other = await Viewer.open('flood');
  ok('others see on while one does not read', await other.until(() => other.bytes > 50000));
  other.ws.terminate();
  v.ws.resume();
  const before = v.bytes;
  ok('and the slow one goes on', await v.until(() => v.bytes > before + 200000));
  v.say({ type: 'detach' });
  is('and leaves in the middle of it', (await v.closed).code, 1000);
}

async function many_come_and_go() {
  const cases = [];
  for (let i = 0; i < 20; i++) {
    const v = await Viewer.open('echo');
    cases.push({ name: `viewer ${i}`, got: await v.shows('got:owner:'), wanted: true });
    if (i % 2) v.ws.terminate();
    else v.ws.close();
    await v.closed;
  }
  all('many come, and break or close', cases);
}

async function the_end_is_told() {
  const v = await Viewer.open('ends');
  v.type('\r');
  is('the end of the agent closes', (await v.closed).code, 1000);
  is('and is told', v.exit(), { type: 'exit', reason: 'ended', exit_code: 7 });
}

async function others_are_refused() {
  is('a session that is not there', await status_of('nobody/attach'), 404);
  is('one that has ended', await status_of('ends/attach'), 409);
  is('a page of somewhere', await status_of('echo/attach', { Origin: 'https://example.org' }), 403);
  if (token) is('somebody without the token', await status_of('echo/attach', { Authorization: 'Bearer no' }), 401);
}

await run([
  a_session_is_seen_and_typed_into, the_screen_is_there_again, who_only_looks, bad_words_end_it,
  a_slow_reader_costs_nothing, many_come_and_go, the_end_is_told, others_are_refused,
]);
