// SPDX-License-Identifier: ISC
//
//	node codexd-client.mjs BASE-URL TOKEN DIRECTORY [REPOSITORY]
//
// A client of codexd's interface, written against codexd's client and daemon,
// which knows nothing of berth.  It checks that every path, method, member,
// status and exit code is what such a client relies on.  What berth answers
// beyond that is none of its business.
//
// DIRECTORY is an empty directory below the daemon's roots; its max_file_size
// is 1 MiB.  REPOSITORY is the id of a configured project, whose HEAD has a
// file sub/note.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { all, below, is, ok, run } from './check.mjs';
import * as model from './tail-model.mjs';

const [, , base, token, dir, project] = process.argv;

class Client {
  constructor(baseURL, bearer) {
    this.base = baseURL.replace(/\/+$/, '');
    this.headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
  }

  async request(method, path, body, type) {
    const headers = { ...this.headers };
    if (type) headers['Content-Type'] = type;
    const response = await fetch(this.base + path, { method, headers, body });
    const bytes = Buffer.from(await response.arrayBuffer());
    let json = null;
    try {
      json = JSON.parse(bytes.toString());
    } catch {
      // Logs and archives are not JSON.
    }
    return { status: response.status, type: response.headers.get('content-type') ?? '', bytes, json };
  }

  post(path, value) {
    return this.request('POST', path, JSON.stringify(value), 'application/json');
  }

  health() {
    return this.request('GET', '/health');
  }

  async start(request) {
    const answer = await this.post('/v1/exec', request);
    if (answer.status !== 200) throw new Error(`exec start failed: ${answer.status}: ${answer.bytes}`);
    return answer.json.exec_id;
  }

  async run(request) {
    const answer = await this.post('/v1/exec/run', request);
    if (answer.status !== 200) throw new Error(`exec run failed: ${answer.status}: ${answer.bytes}`);
    return answer.bytes.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  }

  get(id) {
    return this.request('GET', `/v1/exec/${encodeURIComponent(id)}`);
  }

  cancel(id) {
    return this.request('POST', `/v1/exec/${encodeURIComponent(id)}/cancel`);
  }

  logs(id, params = {}) {
    return this.request('GET', `/v1/exec/${encodeURIComponent(id)}/logs?${new URLSearchParams(params)}`);
  }

  /** codexd's clients poll. */
  async finished(id) {
    for (let i = 0; i < 1000; i++) {
      const { json } = await this.get(id);
      if (json.status === 'finished') return json;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${id} does not finish`);
  }

  async result(request) {
    return this.finished(await this.start(request));
  }

  upload(dst, archive, mkdirP = true) {
    const query = `dst=${encodeURIComponent(dst)}${mkdirP ? '&mkdir_p=true' : ''}`;
    return this.request('POST', `/v1/sync/upload?${query}`, archive, 'application/x-tar+gzip');
  }

  download(path, excludes = null) {
    return this.post('/v1/sync/download', { path, excludes });
  }
}

const client = new Client(base, token);

/** An error a client can read: its status, and its text as codexd has it. */
function isError(what, answer, status, message) {
  is(what, { status: answer.status, message: answer.json?.message }, { status, message });
}

const logOf = (events, stream) => events.filter((e) => e.type === 'log' && e.stream === stream).map((e) => e.line);

async function health_is_open() {
  const { status, json } = await new Client(base, '').health();
  is('GET /health needs no token', status, 200);
  is('health says ok', json.ok, true);
  ok('health has a version', typeof json.version === 'string' && json.version);
  ok('health has a time', !Number.isNaN(Date.parse(json.time)), json.time);
}

async function everything_else_needs_the_token() {
  const routes = [
    ['POST', '/v1/exec', '{"cmd":"true"}'],
    ['POST', '/v1/exec/run', '{"cmd":"true"}'],
    ['GET', '/v1/exec/0000'],
    ['GET', '/v1/exec/0000/logs'],
    ['POST', '/v1/exec/0000/cancel'],
    ['POST', '/v1/file/write', '{}'],
    ['POST', '/v1/file/read', '{}'],
    ['POST', '/v1/sync/upload?dst=%2Ftmp'],
    ['POST', '/v1/sync/download', '{}'],
  ];
  const cases = [];
  for (const bearer of ['', 'wrong', `${token}x`, token.slice(1)]) {
    const other = new Client(base, bearer);
    for (const [method, path, body] of routes) {
      const { status, json } = await other.request(method, path, body);
      cases.push({ name: `${method} ${path} with "${bearer}"`, got: [status, json?.message], wanted: [401, 'unauthorized'] });
    }
  }
  all('without the token everything is 401', cases);
}

async function an_exec_is_started_and_finishes() {
  const answer = await client.post('/v1/exec', { cmd: 'echo hello' });
  is('a start is answered with 200', answer.status, 200);
  is('... and running', answer.json.status, 'running');
  ok('... and an id', /^[0-9A-Za-z_-]+$/.test(answer.json.exec_id), answer.bytes);
  const meta = await client.finished(answer.json.exec_id);
  is('the result names the exec', meta.exec_id, answer.json.exec_id);
  is('... its command', meta.cmd, 'echo hello');
  is('... its exit code', meta.exit_code, 0);
  ok('... its process', Number.isInteger(meta.pid) && meta.pid > 0, meta.pid);
  const [from, to] = [meta.started_at, meta.finished_at].map((text) => Date.parse(text));
  ok('... its times, in order', from <= to && /Z$/.test(meta.started_at), meta.started_at, meta.finished_at);
  const { bytes, type } = await client.logs(answer.json.exec_id, { stream: 'stdout', tail: '2000' });
  is('its output is there', bytes.toString(), 'hello\n');
  is('... as text', type, 'text/plain; charset=utf-8');
}

async function bad_requests_are_400() {
  isError('no cmd', await client.post('/v1/exec', {}), 400, 'cmd is required (or argv, or script)');
  isError('blank cmd', await client.post('/v1/exec', { cmd: ' \n' }), 400, 'cmd is required');
  is('no JSON', (await client.request('POST', '/v1/exec', '{"cmd"', 'application/json')).status, 400);
  is('an unknown member', (await client.post('/v1/exec', { cmd: 'true', command: 'true' })).status, 400);
  is('no cmd to run', (await client.post('/v1/exec/run', {})).status, 400);
}

async function unknown_execs_are_404() {
  is('GET', (await client.get('nope')).status, 404);
  is('logs', (await client.logs('nope')).status, 404);
  is('cancel', (await client.cancel('nope')).status, 404);
  is('an unknown path', (await client.request('GET', '/v1/nothing')).status, 404);
  is('a wrong method', (await client.request('DELETE', '/v1/file/read')).status, 405);
}

async function commands_run_as_codexd_runs_them() {
  const seen = async (request) => (await client.run(request)).filter((e) => e.type === 'log').map((e) => e.line);
  is('in the home directory', await seen({ cmd: 'pwd' }), [homedir()]);
  mkdirSync(join(homedir(), 'below'), { recursive: true });
  is('... or below it', await seen({ cmd: 'pwd', cwd: 'below' }), [join(homedir(), 'below')]);
  is('... or where an allowed root is', await seen({ cmd: 'pwd', cwd: dir }), [dir]);
  is('with the variables of the request', await seen({ cmd: 'echo "$FOO"', env: { FOO: 'b a r' } }), ['b a r']);
  is('unbuffered Python', await seen({ cmd: 'echo $PYTHONUNBUFFERED' }), ['1']);
  is('by the shell that was asked for', await seen({ cmd: 'echo ${BASH_VERSION:+bash}', shell: 'bash' }), ['bash']);
  is('by a login shell', await seen({ cmd: 'shopt -q login_shell && echo login', shell: 'bash' }), ['login']);
  is('spaces around a command do not matter', await seen({ cmd: '  echo x \n' }), ['x']);
}

async function exit_codes_are_codexds() {
  const code = async (request) => (await client.result(request)).exit_code;
  is('of the command', await code({ cmd: 'exit 7' }), 7);
  is('127 for a command that is not there', await code({ cmd: 'no-such-command-here' }), 127);
  const shell = await client.result({ cmd: 'true', shell: 'no-such-shell' });
  is('127 for a shell that is not there', [shell.exit_code, shell.error], [127, 'shell not found: no-such-shell']);
  const cwd = await client.result({ cmd: 'true', cwd: '/proc/self' });
  is('126 for a directory that is not allowed', [cwd.exit_code, cwd.error], [126, 'cwd not allowed']);
}

async function run_streams_events() {
  const events = await client.run({ cmd: 'echo one; echo two >&2; printf "three\\r\\nfour"; exit 3' });
  const [first] = events;
  const last = events.at(-1);
  is('started comes first', [first.type, first.status], ['started', 'running']);
  ok('... with an id and a time', first.exec_id && !Number.isNaN(Date.parse(first.started_at)), first);
  is('lines of stdout, without their ends', logOf(events, 'stdout'), ['one', 'three', 'four']);
  is('lines of stderr', logOf(events, 'stderr'), ['two']);
  is('finished comes last', [last.type, last.status, last.exec_id, last.exit_code], ['finished', 'finished', first.exec_id, 3]);
  ok('... with a time', !Number.isNaN(Date.parse(last.finished_at)), last);
  const failed = await client.run({ cmd: 'true', shell: 'no-such-shell' });
  is('a start that fails is events, too', failed.map((e) => e.type), ['started', 'finished']);
  is('... with the reason', [failed[1].exit_code, failed[1].error], [127, 'shell not found: no-such-shell']);
  const answer = await client.post('/v1/exec/run', { cmd: 'true' });
  ok('the events are NDJSON', answer.type.startsWith('application/x-ndjson'), answer.type);
}

async function events_come_as_they_happen() {
  const response = await fetch(`${base}/v1/exec/run`, {
    method: 'POST',
    headers: { ...client.headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ cmd: 'echo ready; exec tail -f /dev/null' }),
  });
  const reader = response.body.getReader();
  let text = '';
  while (!text.includes('"ready"')) {
    const { value, done } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  const events = text.trimEnd().split('\n').map((line) => JSON.parse(line));
  is('a line arrives while the command runs', logOf(events, 'stdout'), ['ready']);
  const id = events[0].exec_id;
  is('the exec is running', (await client.get(id)).json.status, 'running');
  is('cancel says so', (await client.cancel(id)).json, { canceled: true });
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  is('the stream ends with finished', JSON.parse(text.trimEnd().split('\n').at(-1)).type, 'finished');
}

async function cancel_ends_everything() {
  const id = await client.start({ cmd: 'tail -f /dev/null & tail -f /dev/null' });
  const answer = await client.cancel(id);
  is('a running exec is cancelled', [answer.status, answer.json], [200, { canceled: true }]);
  const meta = await client.finished(id);
  is('it is finished', meta.status, 'finished');
  ok('... not with 0', Number.isInteger(meta.exit_code) && meta.exit_code !== 0, meta.exit_code);
  const again = await client.cancel(id);
  is('one that is finished is not', [again.status, again.json.canceled], [200, false]);
  ok('... for a reason', typeof again.json.reason === 'string' && again.json.reason, again.json);
}

async function artifacts_are_listed() {
  const list = [{ name: 'report', type: 'file', path: 'report.md' }];
  const put = `mkdir -p .codex && printf '%s' '${JSON.stringify({ version: '1', artifacts: list })}' > .codex/artifacts.json`;
  is('artifacts of a command', (await client.result({ cmd: put, cwd: dir })).artifacts, list);
  const bad = await client.result({ cmd: 'echo { > .codex/artifacts.json', cwd: dir });
  is('a list that is no JSON is a warning', [bad.artifacts, bad.warning], [undefined, 'artifacts.json is not valid JSON']);
}

async function projects_are_checked_out() {
  if (!project) return;
  const events = await client.run({ project_id: project, ref: 'HEAD', cwd: 'sub', cmd: 'cat note; pwd', env: { FOO: 'bar' } });
  const lines = logOf(events, 'stdout');
  is('a file of the commit', lines[0], 'note of the project');
  ok('in a directory of its own', lines[1]?.endsWith('/sub'), lines[1]);
  const unknown = await client.result({ project_id: 'other', ref: 'HEAD', cmd: 'true' });
  is('an unknown project', [unknown.exit_code, unknown.error], [127, 'unknown project_id: other']);
  const without = await client.result({ project_id: project, cmd: 'true' });
  is('a project without a ref', [without.exit_code, without.error], [127, 'ref is required when project_id is set']);
  const outside = await client.result({ project_id: project, ref: 'HEAD', cwd: dir, cmd: 'true' });
  is('a directory outside of it', [outside.exit_code, outside.error], [126, 'cwd must be within project workdir']);
}

// A log of some shape: lines of any length, odd ends, any bytes.
function someLog(i) {
  const shapes = [
    () => '',
    () => '\n',
    () => 'no end',
    () => '\n\n\n',
    () => 'a\r\nb\r\nc\r\n',
    () => 'a\r\nb\n\r\n\rc\r',
    () => `${'x'.repeat(1999)}\n`,
    () => `${'x'.repeat(2000)}\n`,
    () => `a\n${'x'.repeat(1999)}\n`,
    () => `a\n${'x'.repeat(1998)}\n`,
    () => 'x'.repeat(5000),
    () => `${'x'.repeat(60000)}\n${'y'.repeat(60000)}\n`,
  ];
  if (i < shapes.length) return Buffer.from(shapes[i]());
  const parts = [];
  for (let n = below(60); n > 0; n--) {
    const line = Buffer.alloc(below(8) === 0 ? below(3000) : below(80));
    for (let j = 0; j < line.length; j++) {
      const byte = below(10) === 0 ? below(256) : 32 + below(95);
      line[j] = byte === 10 ? 32 : byte;
    }
    parts.push(line, Buffer.from(below(9) === 0 ? '\r\n' : '\n'));
  }
  if (below(3) === 0) parts.pop();
  return Buffer.concat(parts);
}

function someQueries(log) {
  const n = log.length;
  const sizes = [0, 1, 2, 10, n - 1, n, n + 1, 2000, below(n + 2), below(n + 2)].filter((size) => size >= 0);
  return [
    {},
    { full: 'true' },
    { full: 'false' },
    { full: 'true', tail: '10', tail_lines: '1' },
    { tail: 'many' },
    { tail: '-5' },
    { tail: '' },
    { tail_lines: '0' },
    { tail_lines: '2', tail: '5' },
    ...sizes.map((size) => ({ tail: String(size) })),
    ...[1, 2, 3, 7, 1000, 1 + below(50)].map((count) => ({ tail_lines: String(count) })),
  ];
}

const isUtf8 = (bytes) => Buffer.compare(Buffer.from(bytes.toString()), bytes) === 0;

async function logs_are_codexds_to_the_byte() {
  const texts = [];
  const events = [];
  for (let i = 0; i < 40; i++) {
    const logs = { stdout: someLog(i), stderr: someLog(i + 20) };
    for (const [stream, log] of Object.entries(logs)) writeFileSync(join(dir, stream), log);
    const id = await client.start({ cmd: 'cat stdout; cat stderr >&2', cwd: dir });
    const meta = await client.finished(id);
    for (const [stream, log] of Object.entries(logs)) {
      for (const query of someQueries(log)) {
        const name = `log ${i}, ${stream}, ${new URLSearchParams(query)} of ${JSON.stringify(meta)}`;
        const text = await client.logs(id, { ...query, stream });
        texts.push({ name, got: [text.status, text.bytes.toString('latin1')], wanted: [200, model.text(log, query).toString('latin1')] });
        if (below(3) !== 0) continue;
        const wanted = model.events(log, query);
        const jsonl = await client.logs(id, { ...query, stream, format: 'jsonl' });
        const got = jsonl.bytes.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line));
        const lossless = wanted.map((line) => (isUtf8(line) ? line.toString() : null));
        events.push({
          name: `${name}, jsonl`,
          got: got.map((e, j) => [e.type, e.stream, lossless[j] === null ? null : e.line]),
          wanted: lossless.map((line) => ['log', stream, line]),
        });
      }
    }
  }
  all('the text of logs', texts);
  all('the events of logs', events);
}

async function bad_log_requests_are_400() {
  const id = await client.start({ cmd: 'true' });
  await client.finished(id);
  is('stdout is the default stream', (await client.logs(id)).status, 200);
  is('an unknown stream', (await client.logs(id, { stream: 'stdin' })).status, 400);
  is('a negative number of lines', (await client.logs(id, { tail_lines: '-1' })).status, 400);
  is('lines that are no number', (await client.logs(id, { tail_lines: 'x' })).status, 400);
  is('since that is no time', (await client.logs(id, { since: 'yesterday' })).status, 400);
  is('until that is no time', (await client.logs(id, { until: 'tomorrow' })).status, 400);
  is('unknown parameters do not matter', (await client.logs(id, { color: 'red' })).status, 200);
}

async function files_are_written_and_read() {
  const path = join(dir, 'file');
  const bytes = Buffer.from(Array.from({ length: 100000 }, () => below(256)));
  const write = (request) => client.post('/v1/file/write', request);
  const read = (request) => client.post('/v1/file/read', request);

  const written = await write({ path, content: bytes.toString('base64'), mode: 0o640 });
  is('a file is written', [written.status, written.json], [200, { ok: true, path, bytes_written: bytes.length }]);
  is('... to the byte', readFileSync(path), bytes);
  is('... with its mode', statSync(path).mode & 0o7777, 0o640);
  const got = await read({ path });
  is('a file is read', [got.status, got.json], [200, { ok: true, path, content: bytes.toString('base64'), size: bytes.length }]);
  await write({ path, content: '' });
  is('the default mode is 0644', [statSync(path).mode & 0o7777, statSync(path).size], [0o644, 0]);
  const deep = join(dir, 'made', 'on', 'the', 'way');
  is('directories are made when asked', (await write({ path: deep, content: 'eA==', mkdir_p: true })).status, 200);
  is('... with the file in them', readFileSync(deep).toString(), 'x');

  isError('read without a path', await read({}), 400, 'path is required');
  isError('read of a relative path', await read({ path: 'x' }), 400, 'path must be absolute');
  isError('read elsewhere', await read({ path: '/etc/passwd' }), 403, 'path not allowed');
  isError('read with ".."', await read({ path: `${dir}/../../../../etc/passwd` }), 403, 'path not allowed');
  isError('read of what is not there', await read({ path: join(dir, 'none') }), 404, 'file not found');
  isError('read of a directory', await read({ path: dir }), 400, 'path is a directory');
  isError('write without a path', await write({ content: '' }), 400, 'path is required');
  isError('write to a relative path', await write({ path: 'x', content: '' }), 400, 'path must be absolute');
  isError('write elsewhere', await write({ path: '/etc/berth-test', content: '' }), 403, 'path not allowed');
  isError('write of what is not base64', await write({ path, content: '$' }), 400, 'invalid base64 content');
  isError('no JSON', await client.request('POST', '/v1/file/write', '{', 'application/json'), 400, 'invalid request body');

  const big = Buffer.alloc((1 << 20) + 1).toString('base64');
  isError('a write that is too large', await write({ path, content: big }), 413, 'file too large');
  writeFileSync(join(dir, 'big'), Buffer.alloc((1 << 20) + 1));
  isError('a read that is too large', await read({ path: join(dir, 'big') }), 413, 'file too large');
  is('the largest file is written', (await write({ path, content: Buffer.alloc(1 << 20).toString('base64') })).status, 200);
}

async function trees_are_pushed_and_pulled() {
  const from = join(dir, 'tree');
  const to = join(dir, 'pushed');
  mkdirSync(join(from, 'sub', 'empty'), { recursive: true });
  writeFileSync(join(from, 'sub', 'file'), 'content\n', { mode: 0o755 });
  writeFileSync(join(from, 'skip.o'), 'object');
  writeFileSync(join(from, `${'long-name-'.repeat(20)}`), Buffer.alloc(300000, 'x'));
  symlinkSync('sub/file', join(from, 'link'));
  const archive = execFileSync('tar', ['-C', from, '-czf', '-', '.'], { maxBuffer: 1 << 26 });

  const pushed = await client.upload(to, archive);
  is('a tree is pushed', [pushed.status, pushed.json], [200, { ok: true, path: to, files_written: 4 }]);
  execFileSync('diff', ['-r', from, to]);
  is('... with modes', statSync(join(to, 'sub', 'file')).mode & 0o777, 0o755);

  const pulled = await client.download(to);
  is('a tree is pulled', pulled.status, 200);
  const back = join(dir, 'pulled');
  mkdirSync(back);
  execFileSync('tar', ['-C', back, '-xzf', '-'], { input: pulled.bytes });
  execFileSync('diff', ['-r', from, back]);
  const names = execFileSync('tar', ['-tzf', '-'], { input: (await client.download(to, ['*.o', 'sub'])).bytes }).toString();
  is('... without what is excluded', /skip\.o|sub/.test(names.replace('link', '')), false);

  isError('a push without dst', await client.request('POST', '/v1/sync/upload', archive), 400, 'dst query parameter is required');
  isError('a push to a relative path', await client.upload('x', archive), 400, 'dst must be absolute');
  isError('a push elsewhere', await client.upload('/etc/berth', archive), 403, 'dst path not allowed');
  is('a push of what is no archive', (await client.upload(to, 'x')).status, 400);
  const evil = execFileSync('tar', ['-C', from, '-czPf', '-', '--transform', 's,skip.o,../evil,', 'skip.o']);
  isError('a push that leaves', await client.upload(to, evil), 400, 'path traversal detected: ../evil');
  is('... leaves nothing', existsSync(join(dir, 'evil')), false);
  isError('a pull without a path', await client.download(''), 400, 'path is required');
  isError('a pull elsewhere', await client.download('/etc'), 403, 'path not allowed');
  isError('a pull of what is not there', await client.download(join(dir, 'none')), 404, 'path not found');
  isError('a pull of a file', await client.download(join(from, 'skip.o')), 400, 'path must be a directory');
}

await run([
  health_is_open,
  everything_else_needs_the_token,
  an_exec_is_started_and_finishes,
  bad_requests_are_400,
  unknown_execs_are_404,
  commands_run_as_codexd_runs_them,
  exit_codes_are_codexds,
  run_streams_events,
  events_come_as_they_happen,
  cancel_ends_everything,
  artifacts_are_listed,
  projects_are_checked_out,
  logs_are_codexds_to_the_byte,
  bad_log_requests_are_400,
  files_are_written_and_read,
  trees_are_pushed_and_pulled,
]);
