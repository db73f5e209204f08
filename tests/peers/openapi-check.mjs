// SPDX-License-Identifier: ISC
//
//	node openapi-check.mjs SOCKET BASE-URL TOKEN DIRECTORY
//
// Holds a running daemon to docs/openapi.yaml: every operation is called, and
// every status that the document promises is provoked.  Answers must have a
// documented status and type, and a body that the schema accepts, without
// members that it does not name; requests that succeed must be what the schema
// allows.  At last the document is compared with the route table.
//
// SOCKET is the daemon's unix socket, BASE-URL its TCP listener; its
// max_file_size is 1 MiB and DIRECTORY lies below its roots.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';

import { fail, is, ok, run } from './check.mjs';

const [, , socketPath, base, token, dir] = process.argv;
const root = join(import.meta.dirname, '../..');
const spec = parse(readFileSync(join(root, 'docs/openapi.yaml'), 'utf8'));
const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true });

// What only another daemon can see, or nobody on purpose.
const UNSEEN = { daemonHandover: ['101', '503'], sessionAttach: ['101'] };

// --- the document -----------------------------------------------------------

function resolve(node) {
  if (!node?.$ref) return node;
  return node.$ref.slice(2).split('/').reduce((at, key) => at[key], spec);
}

/** A schema that stands alone; `closed`: it names every member there is. */
function standalone(schema, closed) {
  const rewrite = (node) => {
    if (Array.isArray(node)) return node.map(rewrite);
    if (node === null || typeof node !== 'object') return node;
    const out = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, rewrite(value)]));
    if (typeof out.$ref === 'string') out.$ref = out.$ref.replace('#/components/schemas/', '#/$defs/');
    if (closed && node.properties && node.type && !('additionalProperties' in node)) out.additionalProperties = false;
    return out;
  };
  return { ...rewrite(schema), $defs: rewrite(spec.components.schemas) };
}

const compiled = new Map();

function validator(schema, closed) {
  const key = JSON.stringify([schema, closed]);
  if (!compiled.has(key)) compiled.set(key, ajv.compile(standalone(schema, closed)));
  return compiled.get(key);
}

function complaints(schema, value, closed = true) {
  const validate = validator(schema, closed);
  return validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: '' });
}

const operations = [];
for (const [path, item] of Object.entries(spec.paths)) {
  for (const method of ['get', 'post', 'put', 'delete']) {
    if (!item[method]) continue;
    operations.push({
      ...item[method],
      method: method.toUpperCase(),
      path,
      pattern: new RegExp(`^${path.replace(/\{id\}/, '[^/]+')}$`),
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(resolve),
      seen: new Set(),
    });
  }
}

function operationOf(method, path) {
  const found = operations.filter((op) => op.method === method && op.pattern.test(path));
  // "/v1/exec/run" is no id.
  return found.find((op) => op.path === path) ?? found[0];
}

// --- requests ---------------------------------------------------------------

function send(method, target, { body, headers = {}, tcp = false, bearer = token }) {
  const options = { method, headers: { ...headers } };
  if (body !== undefined) options.headers['Content-Length'] = Buffer.byteLength(body);
  if (tcp && bearer) options.headers.Authorization = `Bearer ${bearer}`;
  if (!tcp) options.socketPath = socketPath;
  const url = new URL(tcp ? base + target : `http://localhost${target}`);
  return new Promise((done, failed) => {
    const request = http.request(url, options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', failed);
      response.on('end', () => done({
        status: response.statusCode,
        headers: response.headers,
        type: (response.headers['content-type'] ?? '').split(';')[0],
        bytes: Buffer.concat(parts),
      }));
    });
    request.on('error', failed);
    request.end(body);
  });
}

const FRAMES = [null, null, null, 'GapEvent', 'StartedEvent', 'ExecResult', null];

/** The frames of an answer, each checked. */
function framesOf(bytes, problems) {
  const frames = [];
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at];
    const length = bytes.readUInt32LE(at + 4);
    const payload = bytes.subarray(at + 16, at + 16 + length);
    if (payload.length !== length || type < 1 || type > 6) {
      problems.push(`a frame of type ${type} and length ${length} at ${at}`);
      break;
    }
    const frame = { type, offset: Number(bytes.readBigUInt64LE(at + 8)), payload };
    if (FRAMES[type]) {
      frame.json = JSON.parse(payload.toString());
      const event = spec.components.schemas[FRAMES[type]];
      const required = event.required.filter((name) => name !== 'type');
      const problem = complaints({ ...event, required }, frame.json);
      if (problem) problems.push(`frame ${type}: ${problem}: ${payload}`);
    }
    frames.push(frame);
    at += 16 + length;
  }
  return frames;
}

function checkBody(answer, schema, problems) {
  if (answer.type === 'application/json') {
    answer.json = JSON.parse(answer.bytes.toString());
    const problem = complaints(schema, answer.json);
    if (problem) problems.push(`${problem}: ${answer.bytes}`);
  } else if (answer.type === 'application/x-ndjson') {
    answer.events = answer.bytes.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line));
    for (const event of answer.events) {
      // Against its own kind: the complaint of a oneOf says nothing.
      const name = `${event.type[0].toUpperCase()}${event.type.slice(1)}Event`;
      const problem = complaints(spec.components.schemas[name], event);
      if (problem) problems.push(`${problem}: ${JSON.stringify(event)}`);
    }
  } else if (answer.type === 'application/vnd.berth.frames') {
    answer.frames = framesOf(answer.bytes, problems);
  } else {
    const problem = complaints(schema, answer.bytes.toString('latin1'));
    if (problem) problems.push(problem);
  }
}

/** Is the request what the document allows? */
function checkRequest(op, target, options, problems) {
  const content = op.requestBody?.content?.['application/json'];
  if (content && options.body) {
    const problem = complaints(content.schema, JSON.parse(options.body), false);
    if (problem) problems.push(`the request is not as documented: ${problem}`);
  }
  for (const [name, value] of new URL(target, 'http://localhost').searchParams) {
    const parameter = op.parameters.find((p) => p.in === 'query' && p.name === name);
    if (!parameter) problems.push(`query parameter ${name} is not documented`);
    else if (parameter.schema.enum && !parameter.schema.enum.includes(value)) problems.push(`${name}=${value} is not documented`);
  }
}

/** One request, its answer held to the document and to `status`. */
async function call(status, method, target, options = {}) {
  const value = options.json;
  if (value !== undefined) {
    options.body = JSON.stringify(value);
    options.headers = { 'Content-Type': 'application/json', ...options.headers };
  }
  const op = operationOf(method, target.split('?')[0]);
  const answer = await send(method, target, options);
  const documented = resolve(op.responses[answer.status]);
  const problems = [];
  if (answer.status !== status) problems.push(`status ${answer.status}, not ${status}: ${answer.bytes.toString().slice(0, 300)}`);
  if (!documented) problems.push(`status ${answer.status} is not documented`);
  else if (!documented.content?.[answer.type]) problems.push(`type "${answer.type}" is not documented`);
  else checkBody(answer, documented.content[answer.type].schema, problems);
  if (answer.status < 300) checkRequest(op, target, options, problems);
  op.seen.add(String(answer.status));
  if (problems.length) fail(`${method} ${target}`, ...problems);
  return answer;
}

const start = async (json) => (await call(200, 'POST', '/v1/exec', { json })).json.exec_id;
const finished = async (id) => (await call(200, 'GET', `/v1/exec/${id}?wait=30`)).json;
const HANG = 'exec tail -f /dev/null';

// --- the operations ---------------------------------------------------------

async function the_daemon() {
  await call(200, 'GET', '/health');
  await call(200, 'GET', '/health', { tcp: true, bearer: '' });
  await call(200, 'GET', '/metrics');
  await call(200, 'GET', '/v1/hello');
  await call(400, 'GET', '/v1/hello?a=b');
  await call(200, 'GET', '/v1/daemon');
  await call(400, 'GET', '/v1/daemon?a=b');
  await call(403, 'POST', '/v1/daemon/stop', { tcp: true, json: {} });
  await call(403, 'POST', '/v1/daemon/handover', { tcp: true });
}

async function everything_but_health_needs_a_token() {
  for (const op of operations) {
    if (op.security?.length === 1) continue;
    await call(401, op.method, op.path.replace('{id}', 'last'), { tcp: true, bearer: 'wrong' });
  }
}

async function starting() {
  const whole = {
    cmd: 'echo "$A"; echo made > made.txt', cwd: dir, env: { A: 'b', MY_TOKEN: 'secret' }, shell: 'sh',
    timeout: '1m', grace: 2, key: `key-${process.pid}`, labels: { a: 'b', c: '' }, artifacts: ['made.*'], nice: 1,
    limit_output: '1M',
  };
  const first = await call(200, 'POST', '/v1/exec', { json: whole });
  const again = await call(200, 'POST', '/v1/exec', { json: whole });
  is('a key starts once', [again.json.exec_id, again.json.existing], [first.json.exec_id, true]);
  await call(409, 'POST', '/v1/exec', { json: { ...whole, cmd: 'false' } });
  await call(409, 'POST', '/v1/exec/run', { json: { ...whole, cmd: 'false' } });
  const result = await finished(first.json.exec_id);
  is('secrets are masked', result.env.MY_TOKEN, '***');
  ok('artifacts are listed', result.artifacts?.length === 1, JSON.stringify(result.artifacts));

  await finished(await start({ argv: ['/bin/echo', 'a b'] }));
  await finished(await start({ script: '#!/bin/sh\necho "$1"\n', script_args: ['x'] }));
  await finished(await start({ cmd: null, argv: ['true'], env: null, tty: null }));
  await finished(await start({ cmd: 'no-such-command' }));
  await finished(await start({ cmd: 'true', shell: 'no-such-shell' }));
  await finished(await start({ cmd: 'true', cwd: '/nowhere' }));
  await finished(await start({ cmd: 'kill -9 $$' }));
  await finished(await start({ cmd: HANG, timeout: '100ms' }));
  await finished(await start({ cmd: 'stty size', tty: true, cols: 100, rows: 30 }));

  for (const json of [{}, { cmd: 1 }, { cmd: 'true', no: 1 }, { cmd: 'true', env: { A: 1 } }, { cmd: 'true', limit_cpu: 'x' },
    { cmd: 'true', nice: 20 }, { argv: [] }, { cmd: 'true', key: 'k'.repeat(129) }]) {
    await call(400, 'POST', '/v1/exec', { json });
  }
  await call(400, 'POST', '/v1/exec/run', { json: { cmd: '' } });
  await call(400, 'POST', '/v1/exec/run?format=xml', { json: { cmd: 'true' } });
}

async function running() {
  const cmd = 'echo out; echo err >&2; printf "\\377\\n"; head -c 200000 /dev/zero | tr "\\0" x; exit 3';
  const { events } = await call(200, 'POST', '/v1/exec/run', { json: { cmd } });
  is('events tell the story', [events[0].type, events.at(-1).type, events.at(-1).exit_code], ['started', 'finished', 3]);
  ok('what is not UTF-8 is in bytes', events.some((e) => e.bytes === Buffer.from([255]).toString('base64')), events.slice(0, 4));
  ok('long lines are cut', events.some((e) => e.partial), events.length);
  const { frames } = await call(200, 'POST', '/v1/exec/run?format=frames', { json: { cmd } });
  is('frames tell the same', [frames[0].type, frames.at(-1).type, frames.at(-1).json.exit_code], [4, 5, 3]);
  is('... to the byte', frames.filter((f) => f.type === 1).reduce((n, f) => n + f.payload.length, 0), 200006);
  await call(200, 'POST', '/v1/exec/run', { json: { cmd: 'true', shell: 'no-such-shell' } });
}

async function looking() {
  const id = await start({ cmd: HANG, labels: { name: 'looked-at' } });
  await call(200, 'GET', `/v1/exec/${id}`);
  await call(200, 'GET', `/v1/exec/${id}?wait=0`);
  await call(400, 'GET', `/v1/exec/${id}?wait=soon`);
  await call(404, 'GET', '/v1/exec/00000000');
  const list = async (query) => (await call(200, 'GET', `/v1/exec?${query}`)).json;
  is('a label finds it', (await list('label=name%3Dlooked-at')).execs.map((e) => e.exec_id), [id]);
  is('it runs', (await list('state=running')).execs[0].exec_id, id);
  ok('others have finished', (await list('state=finished&limit=2')).execs.length === 2);
  ok('a text finds others', (await list('q=NO-SUCH')).execs.length > 0);
  const all = await list('limit=0');
  is('all are all', all.execs.length, all.total);
  is('before means older', (await list(`before=${id}&limit=1`)).execs[0].exec_id, all.execs[1].exec_id);
  await call(400, 'GET', '/v1/exec?limit=x');
  await call(400, 'GET', '/v1/exec?state=odd');
  await call(400, 'GET', '/v1/exec?page=2');
  await call(409, 'DELETE', `/v1/exec/${id}`);
  await call(200, 'POST', `/v1/exec/${id}/cancel`);
  await call(200, 'DELETE', `/v1/exec/${id}`);
  await call(404, 'DELETE', `/v1/exec/${id}`);
  await call(400, 'DELETE', `/v1/exec/${id}?force=true`);
}

async function logs() {
  const id = await start({ cmd: 'for i in $(seq 1000); do echo "line $i"; echo "error $i" >&2; done' });
  await finished(id);
  const get = (query, status = 200) => call(status, 'GET', `/v1/exec/${id}/logs?${query}`);
  const text = async (query) => (await get(query)).bytes.toString();
  await call(404, 'GET', '/v1/exec/00000000/logs');
  is('head', await text('head_lines=2'), 'line 1\nline 2\n');
  is('offset', await text('offset=5&max_bytes=4'), '1\nli');
  is('grep', await text('grep=line+77&head_lines=100'), 'line 77\n');
  is('a regular expression', await text('grep_re=%5Eline+%2877%7C78%29%24'), 'line 77\nline 78\n');
  is('tail', await text('tail_lines=1'), 'line 1000');
  const { headers } = await get('format=raw&head=6');
  is('headers say what it is', [headers['berth-range'], headers['berth-exec-status']], ['0-6', 'finished']);
  is('both streams have one each', (await get('stream=both&full=true')).headers['berth-range'], /stdout=0-\d+, stderr=0-\d+/.exec((await get('stream=both&full=true')).headers['berth-range'])?.[0]);
  is('events of both', (await get('stream=both&format=jsonl&full=true')).events.length, 2000);
  is('events followed', (await get('stream=both&format=jsonl&offset_out=0&offset_err=0&follow=true')).events.at(-1).type, 'finished');
  is('frames followed', (await get('stream=both&format=frames&follow=true')).frames.at(-1).type, 5);
  await get('since=1h&until=0s&strip_ansi=true&tail=10');
  for (const query of ['stream=stdin', 'format=xml', 'head=x', 'offset=-1', 'grep_re=%28', 'follow=maybe', 'head=1&offset=1', 'since=now', 'tail_lines=-1']) {
    await get(query, 400);
  }

  const capped = await start({ cmd: 'head -c 1000000 /dev/zero | tr "\\0" "\\n"', limit_output: '64K' });
  await finished(capped);
  const gaps = await call(200, 'GET', `/v1/exec/${capped}/logs?format=raw`);
  ok('what is not kept is named', /^\d+-\d+\(.+\)/.test(gaps.headers['berth-gaps']), gaps.headers['berth-gaps']);
  const frames = await call(200, 'GET', `/v1/exec/${capped}/logs?format=frames`);
  ok('... in a frame', frames.frames.some((f) => f.type === 3));
  const events = await call(200, 'GET', `/v1/exec/${capped}/logs?format=jsonl&full=true`);
  ok('... and an event', events.events.some((e) => e.type === 'gap'));
}

async function steering() {
  const ended = await start({ cmd: 'true' });
  await finished(ended);
  const tty = await start({ cmd: HANG, tty: true });
  const cat = await start({ cmd: 'cat', stdin: true });
  const post = (status, id, what, options) => call(status, 'POST', `/v1/exec/${id}/${what}`, options);

  await post(200, tty, 'resize', { json: { cols: 120, rows: 40 } });
  await post(400, tty, 'resize', { json: { cols: 0, rows: 40 } });
  await post(404, '00000000', 'resize', { json: { cols: 1, rows: 1 } });
  await post(409, cat, 'resize', { json: { cols: 120, rows: 40 } });
  await post(200, tty, 'signal', { json: { signal: 'WINCH' } });
  await post(400, tty, 'signal', { json: { signal: 'NONE' } });
  await post(404, '00000000', 'signal', { json: { signal: 'INT' } });
  await post(409, ended, 'signal', { json: { signal: 'INT' } });

  is('input is taken', (await post(200, cat, 'stdin', { body: 'hello ' })).json, { offset: 6, closed: false });
  is('... once', (await post(200, cat, 'stdin?offset=0', { body: 'hello world' })).json.offset, 11);
  await post(409, cat, 'stdin?offset=100', { body: 'x' });
  await post(400, cat, 'stdin?offset=x', { body: 'x' });
  await post(404, '00000000', 'stdin', { body: 'x' });
  await post(409, ended, 'stdin', { body: 'x' });
  await post(200, cat, 'stdin?eof=true', { body: '' });
  await finished(cat);
  is('... and arrives', (await call(200, 'GET', `/v1/exec/${cat}/logs`)).bytes.toString(), 'hello world');

  await post(400, tty, 'cancel', { json: { signal: 'NONE' } });
  await post(400, tty, 'cancel', { json: { when: 'now' } });
  await post(404, '00000000', 'cancel');
  is('cancelled', (await post(200, tty, 'cancel', { json: { grace: '1s', signal: 'TERM' } })).json, { canceled: true });
  is('cancelled before', (await post(200, tty, 'cancel')).json.canceled, false);
}

async function artifacts() {
  const id = await start({ cmd: 'echo kept > kept.txt', cwd: dir, artifacts: ['kept.txt'] });
  await finished(id);
  const get = (status, query) => call(status, 'GET', `/v1/exec/${id}/artifact${query}`);
  is('an artifact', (await get(200, '?path=kept.txt')).bytes.toString(), 'kept\n');
  await get(400, '');
  await get(400, '?path=kept.txt&a=b');
  await get(403, '?path=..%2Fspec.json');
  await get(404, '?path=other');
}

async function sessions() {
  const call_ = (status, method, rest, json) => call(status, method, `/v1/session${rest}`, json === undefined ? {} : { json });
  const made = await call_(200, 'POST', '', {
    name: 'one', argv: ['sh', '-c', 'echo up; exec cat'], cwd: dir, env: { A: 'b' }, key: 'k', cols: 90, rows: 20,
  });
  is('a session runs', [made.json.state, made.json.existing], ['running', false]);
  is('once', (await call_(200, 'POST', '', { name: 'one' })).json.existing, true);
  await call_(400, 'POST', '', { name: 'a b' });
  await call_(400, 'POST', '', { argv: ['x'], profile: 'shell' });
  await call_(403, 'POST', '', { name: 'two', argv: ['true'], cwd: '/etc' });
  await call_(404, 'POST', '', { name: 'two', profile: 'none' });
  await call_(409, 'POST', '', { name: 'one', argv: ['true'] });
  await call_(200, 'POST', '', { name: 'brief', argv: ['true'], cwd: dir });
  await call_(200, 'GET', '');
  await call_(200, 'GET', '/one');
  await call_(400, 'GET', '/a%20b');
  await call_(404, 'GET', '/none');
  await call_(200, 'POST', '/one/send', { text: 'typed', paste: true, keys: ['Enter'] });
  await call_(400, 'POST', '/one/send', { keys: ['none'] });
  await call_(404, 'POST', '/none/send', { text: 'x' });
  await call_(409, 'POST', '/brief/send', { text: 'x' });
  is('it shows', (await call_(200, 'GET', '/one/wait?pattern=typed&timeout=20s')).json.outcome, 'matched');
  is('it settles', (await call_(200, 'GET', '/one/wait?quiet=100ms&timeout=20s')).json.outcome, 'settled');
  is('it is waited for', (await call_(200, 'GET', '/one/wait?until=ended&timeout=50ms')).json.outcome, 'timeout');
  await call_(400, 'GET', '/one/wait?until=never');
  await call_(404, 'GET', '/none/wait');
  await call_(200, 'GET', '/one/capture?format=ansi&lines=all&join=true');
  await call_(400, 'GET', '/one/capture?lines=x');
  await call_(404, 'GET', '/none/capture');
  await call_(400, 'GET', '/one/attach');
  const upgrade = { headers: { Connection: 'Upgrade', Upgrade: 'berth-command' } };
  await call(404, 'GET', '/v1/session/none/attach', upgrade);
  await call(409, 'GET', '/v1/session/brief/attach', upgrade);
  await call_(409, 'POST', '/one/rename', { name: 'brief' });
  await call_(200, 'POST', '/one/rename', { name: 'uno' });
  await call_(400, 'POST', '/uno/rename', { name: '-' });
  await call_(404, 'POST', '/none/rename', { name: 'x' });
  await call_(400, 'DELETE', '/uno?grace=x');
  await call_(200, 'DELETE', '/uno?grace=1s');
  await call_(404, 'DELETE', '/uno');
  await call_(200, 'POST', '', { name: 'lost', argv: ['cat'], cwd: dir });
  await call_(200, 'DELETE', '/brief');
  execFileSync('tmux', ['-S', join(socketPath, '../session/tmux'), 'kill-server']);
  await call_(409, 'GET', '/lost/capture');
  await call_(200, 'DELETE', '/lost');
}

async function files() {
  const path = join(dir, 'a', 'file');
  const write = (status, json) => call(status, 'POST', '/v1/file/write', { json });
  const read = (status, json) => call(status, 'POST', '/v1/file/read', { json });
  await write(404, { path, content: '' });
  await write(200, { path, content: 'aGVsbG8=', mode: 0o600, mkdir_p: true });
  await write(200, { path });
  await write(400, { path, content: '*' });
  await write(400, { path, owner: 'me' });
  await write(403, { path: '/etc/x', content: '' });
  await write(413, { path, content: Buffer.alloc(2 << 20).toString('base64') });
  await read(200, { path });
  await read(400, { path: 'x' });
  await read(403, { path: '/etc/passwd' });
  await read(404, { path: `${path}s` });
  writeFileSync(join(dir, 'big'), Buffer.alloc(2 << 20));
  await read(413, { path: join(dir, 'big') });
}

async function own_files() {
  const at = (path, more = '') => `?path=${encodeURIComponent(path)}${more}`;
  const to = (path) => `&to=${encodeURIComponent(path)}`;
  const f = join(dir, 'own', 'file');
  const none = join(dir, 'none', 'file');
  const octets = { 'Content-Type': 'application/octet-stream' };
  const put = (status, query, body, headers = {}) =>
    call(status, 'PUT', `/v1/file/content${query}`, { body: Buffer.from(body), headers: { ...octets, ...headers } });
  const get = (status, query, headers = {}) => call(status, 'GET', `/v1/file/content${query}`, { headers });
  await put(404, at(none), 'x');
  await put(200, at(f, '&mkdir=true&mode=600&mtime=1000000000&sync=true'), 'hello');
  await put(200, at(f, '&key=0123456789abcdef&offset=0&size=5'), 'hello', { 'If-Match': '*' });
  await put(400, at(f, '&size=9'), 'hello');
  await put(403, at('/etc/x'), 'hello');
  await put(409, at(f), 'hello', { 'If-None-Match': '*' });
  is('a file', (await get(200, at(f))).bytes.toString(), 'hello');
  is('a range', (await get(206, at(f), { Range: 'bytes=1-2' })).bytes.toString(), 'el');
  await get(400, at('x'));
  await get(403, at('/etc/passwd'));
  await get(404, at(none));
  await get(409, at(f), { 'If-Match': '"x"' });
  await get(416, at(f), { Range: 'bytes=9-' });

  const ask = (what) => (status, query) => call(status, 'GET', `/v1/file/${what}${query}`, {});
  const upload = ask('upload');
  await upload(200, at(f, '&key=0123456789abcdef'));
  await upload(400, at(f, '&key=x'));
  await upload(403, at('/etc/x', '&key=0123456789abcdef'));
  const list = ask('list');
  await list(200, at(dir, '&recursive=true&sums=true&sweep=true'));
  await list(400, at(f));
  await list(403, at('/etc'));
  await list(404, at(none));
  const stat = ask('stat');
  await stat(200, at(f, '&follow=true'));
  await stat(400, '');
  await stat(403, at('/etc/x'));
  await stat(404, at(none));

  const act = (what) => (status, query) => call(status, 'POST', `/v1/file/${what}${query}`, {});
  const mkdir = act('mkdir');
  await mkdir(200, at(join(dir, 'own', 'd', 'e'), '&parents=true&mode=700'));
  await mkdir(400, at(dir, '&mode=9'));
  await mkdir(403, at('/etc/x'));
  await mkdir(404, at(none));
  await mkdir(409, at(join(dir, 'own')));
  for (const what of ['copy', 'rename']) {
    const pair = act(what);
    await pair(200, at(f) + to(`${f}2`));
    await pair(400, at(f));
    await pair(403, at('/etc/passwd') + to(f));
    await pair(404, at(none) + to(f));
    await put(200, at(f), 'hello');
    await pair(409, at(f) + to(`${f}2`) + '&new=true');
  }
  const link = act('link');
  await link(200, at(`${f}-link`, '&target=file'));
  await link(400, at(`${f}-link`));
  await link(403, at('/etc/x', '&target=y'));
  await link(404, at(none, '&target=y'));
  await link(409, at(join(dir, 'own', 'd'), '&target=y'));
  const set = act('set');
  await set(200, at(f, '&mode=640&mtime=5'));
  await set(400, at(f, '&mode=x'));
  await set(403, at('/etc/passwd', '&mode=600'));
  await set(404, at(none, '&mode=600'));
  const remove = act('remove');
  await remove(400, '');
  await remove(403, at('/etc/passwd'));
  await remove(404, at(none));
  await remove(409, at(join(dir, 'own')));

  const fetchTree = (status, query) => call(status, 'GET', `/v1/sync/fetch${query}`, {});
  await fetchTree(200, at(join(dir, 'own'), '&below=1000'));
  await fetchTree(400, at(dir, '&below=x'));
  await fetchTree(403, at('/etc'));
  await fetchTree(404, at(none));
  const pack = (status, query) =>
    call(status, 'POST', `/v1/sync/pack${query}`, { body: Buffer.from('file\0file-link\0d\0'), headers: octets });
  const { bytes } = await pack(200, at(join(dir, 'own')));
  await pack(400, '');
  await pack(403, at('/etc'));
  await pack(404, at(none));
  const unpack = (status, query, body) =>
    call(status, 'POST', `/v1/sync/unpack${query}`, { body, headers: { 'Content-Type': 'application/x-tar' } });
  await unpack(200, at(join(dir, 'own2')), bytes);
  await unpack(400, at(join(dir, 'own2')), Buffer.alloc(2000, 'x'));
  await unpack(403, at('/etc/x'), bytes);
  await remove(200, at(join(dir, 'own'), '&recursive=true'));
}

async function trees() {
  const from = join(dir, 'tree');
  mkdirSync(from);
  writeFileSync(join(from, 'file'), 'content');
  const tar = (...args) => execFileSync('tar', ['-C', from, '-cPzf', '-', ...args], { maxBuffer: 1 << 28 });
  const upload = (status, dst, body, more = '') =>
    call(status, 'POST', `/v1/sync/upload?dst=${encodeURIComponent(dst)}${more}`, { body, headers: { 'Content-Type': 'application/x-tar+gzip' } });
  const download = (status, json) => call(status, 'POST', '/v1/sync/download', { json });
  const to = join(dir, 'to');
  await upload(404, to, tar('.'));
  await upload(200, to, tar('.'), '&mkdir_p=true');
  await upload(400, to, 'x');
  await upload(400, to, tar('--transform', 's,^file,../x,', 'file'));
  await upload(403, '/etc/x', tar('.'), '&mkdir_p=true');
  writeFileSync(join(from, 'bomb'), Buffer.alloc(100 << 20));
  await upload(413, to, tar('bomb'));
  await download(200, { path: to, excludes: ['*.o'] });
  await download(200, { path: to, excludes: null });
  await download(400, { path: 'x' });
  await download(403, { path: '/etc' });
  await download(404, { path: join(dir, 'none') });
}

async function the_end() {
  await call(200, 'POST', '/v1/daemon/stop', { json: { force: false } });
}

// --- the whole --------------------------------------------------------------

async function every_promise_was_kept() {
  const ids = operations.map((op) => op.operationId);
  is('every operation has a name of its own', new Set(ids).size, ids.length);
  for (const op of operations) {
    const unseen = Object.keys(op.responses).filter((status) => !op.seen.has(status) && !UNSEEN[op.operationId]?.includes(status));
    ok(`${op.operationId}: ${Object.keys(op.responses).join(' ')}`, unseen.length === 0, `never seen: ${unseen}`);
  }
}

async function the_document_has_the_routes_of_the_table() {
  const table = readFileSync(join(root, 'src/wire/routes.c'), 'utf8');
  const rows = [...table.matchAll(/\[ROUTE_\w+\] = \{\s*"([A-Z]+)",\s*"([^"]+)"(?:,\s*([\w |]+?))?(?:,\s*\{([^}]*)\})?\s*\}/g)];
  const key = (method, path) => `${method} ${path}`;
  is('as many rows as routes were read', rows.length, [...table.matchAll(/\[ROUTE_/g)].length);
  is('the same routes', rows.map(([, method, path]) => key(method, path)).sort(), operations.map((op) => key(op.method, op.path)).sort());
  for (const [, method, path, flags = '', query = ''] of rows) {
    if (/LENIENT|UNQUERIED/.test(flags)) continue;
    const op = operations.find((o) => o.method === method && o.path === path);
    const documented = op.parameters.filter((p) => p.in === 'query').map((p) => p.name);
    is(`parameters of ${method} ${path}`, documented.sort(), [...query.matchAll(/"(\w+)"/g)].map((m) => m[1]).sort());
  }
  const logs = readFileSync(join(root, 'src/berthd/exec/log_query.c'), 'utf8');
  const known = [...logs.matchAll(/\{ "(\w+)", set_\w+ \}/g)].map((m) => m[1]);
  const op = operations.find((o) => o.operationId === 'execLogs');
  is('parameters of logs', op.parameters.filter((p) => p.in === 'query').map((p) => p.name).sort(), known.sort());
}

await run([
  the_daemon,
  everything_but_health_needs_a_token,
  starting,
  running,
  looking,
  logs,
  steering,
  artifacts,
  sessions,
  files,
  own_files,
  trees,
  the_end,
  every_promise_was_kept,
  the_document_has_the_routes_of_the_table,
]);
