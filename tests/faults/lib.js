// SPDX-License-Identifier: ISC
'use strict';

/*
 * What the drivers of the fault tests share.  A driver is a node script without
 * packages that does to a real daemon what a shell cannot: many things at once,
 * broken off anywhere.  It says "ok WHAT" and "not ok WHAT" on stdout; the bash
 * test that runs it (drive, in tests/faults/drive.sh) makes points of them.
 *
 * Decisions come from `random', seeded by BERTH_SEED, so a run can be repeated;
 * how its processes interleave cannot.  BERTH_SCALE makes a run larger.
 */

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const home = process.env.BERTH_HOME;
const berthd = process.env.BERTHD;
const berth = process.env.BERTH;
const tmp = process.env.TMP;
const slow = Number(process.env.BERTH_TEST_SLOW || 1);
const sanitized = Boolean(process.env.BERTH_TEST_SANITIZED);
const scale = Number(process.env.BERTH_SCALE || 1);
const seed = Number(process.env.BERTH_SEED || 1);
const socket = path.join(home, 'run', 'berthd.sock');

/* mulberry32: small, and the same everywhere. */
function generator(state) {
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

const random = generator(seed);

/* A whole number from `low' to `high', both possible. */
function between(low, high) {
	return low + Math.floor(random() * (high - low + 1));
}

function note(text) {
	console.log(String(text).replace(/^/gm, '# '));
}

function point(isOk, what, why) {
	console.log(`${isOk ? 'ok' : 'not ok'} ${what}`);
	if (!isOk && why !== undefined)
		note(typeof why === 'string' ? why
			: JSON.stringify(why, null, 1).slice(0, 4000));
	return isOk;
}

/* A point about the size of a process; the sanitizers' shadows are not ours. */
function memory(isOk, what, why) {
	return sanitized || point(isOk, what, why);
}

/* None of `bad' may be there; a few of them are shown. */
function none(what, bad) {
	return point(bad.length === 0, what,
		`${bad.length} of them:\n` + bad.slice(0, 8).map(
			(b) => typeof b === 'string' ? b : JSON.stringify(b))
			.join('\n').slice(0, 4000));
}

/*
 * One request.  Resolves with {status, headers, body}; rejects when the
 * connection breaks.  `options.onData' sees the body as it comes, and may
 * destroy the request it is given.
 */
function request(method, route, body, options = {}) {
	return new Promise((resolve, reject) => {
		const text = body === undefined ? undefined
			: Buffer.isBuffer(body) ? body : JSON.stringify(body);
		const headers = { ...options.headers };
		if (text !== undefined && !Buffer.isBuffer(body))
			headers['Content-Type'] = 'application/json';
		if (text !== undefined)
			headers['Content-Length'] = Buffer.byteLength(text);
		const to = options.port ? { host: '127.0.0.1', port: options.port }
			: { socketPath: options.socket || socket };
		const req = http.request({
			...to, method, path: route, headers,
			agent: options.agent || false,
		}, (res) => {
			const parts = [];
			res.on('data', (chunk) => {
				if (options.onData)
					options.onData(chunk, req);
				else
					parts.push(chunk);
			});
			res.on('error', reject);
			res.on('aborted', () => reject(new Error('aborted')));
			res.on('end', () => resolve({
				status: res.statusCode,
				headers: res.headers,
				body: Buffer.concat(parts),
			}));
		});
		const ms = (options.seconds || 30) * 1000 * slow;
		const timer = setTimeout(() => req.destroy(
			new Error(`no answer to ${method} ${route}`)), ms);
		req.on('close', () => clearTimeout(timer));
		req.on('error', reject);
		req.end(text);
	});
}

/* The JSON of an answer that must be a success. */
async function ask(method, route, body, options) {
	const answer = await request(method, route, body, options);
	if (answer.status >= 300)
		throw new Error(`${method} ${route}: ${answer.status} ` +
			answer.body.toString().slice(0, 500));
	return JSON.parse(answer.body.toString());
}

/* Run a program to its end: {code, signal, out, err}. */
function run(program, args, options = {}) {
	return new Promise((resolve) => {
		const child = spawn(program, args, {
			stdio: ['ignore', 'pipe', 'pipe'], ...options });
		let out = '', err = '';
		child.stdout.on('data', (chunk) => {
			out += chunk;
			if (options.onOut)
				options.onOut(chunk, child);
		});
		child.stderr.on('data', (chunk) => { err += chunk; });
		child.on('error', (e) => resolve({ code: 127, out, err: `${e}` }));
		child.on('close', (code, signal) =>
			resolve({ code, signal, out, err }));
		if (options.onSpawn)
			options.onSpawn(child);
	});
}

/*
 * Somebody must serve; any number may want it at once.  Who comes up just when
 * the test kills daemons may die of it, and is started again.
 */
async function ensureDaemon() {
	let done;
	for (let i = 0; i < 20; i++) {
		done = await run(berthd, ['serve', '--detach']);
		if (!/died while starting/.test(done.err))
			break;
	}
	if (done.code !== 0)
		throw new Error(`serve --detach: ${done.code ?? done.signal} ` +
			done.err);
}

/* Until `condition' gives something true: that. */
async function until(what, condition, seconds = 20) {
	const end = Date.now() + seconds * 1000 * slow;
	for (;;) {
		const got = await condition();
		if (got)
			return got;
		if (Date.now() > end)
			throw new Error(`waited ${seconds} s in vain: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}

/* Run `work(item, index)' over all, `n' at a time. */
async function inParallel(n, items, work) {
	let next = 0;
	await Promise.all(Array.from({ length: n }, async () => {
		while (next < items.length) {
			const at = next++;
			await work(items[at], at);
		}
	}));
}

/* <state>/exec, whatever this host is called. */
function execRoot() {
	const state = path.join(home, 'state');
	return path.join(state, fs.readdirSync(state)[0], 'exec');
}

/* Of a file that has one object a line, the last counts. */
function readJson(file) {
	try {
		const lines = fs.readFileSync(file, 'utf8').trimEnd();
		return JSON.parse(lines.slice(lines.lastIndexOf('\n') + 1));
	} catch {
		return null;
	}
}

/* The records of an exec's timeline. */
function readTimeline(dir) {
	const bytes = fs.readFileSync(path.join(dir, 'timeline'));
	const records = [];
	for (let at = 0; at + 24 <= bytes.length; at += 24)
		records.push({
			time: bytes.readBigUInt64LE(at),
			offset: Number(bytes.readBigUInt64LE(at + 8)),
			length: bytes.readUInt32LE(at + 16),
			stream: bytes[at + 20],
			kind: bytes[at + 21],
		});
	return records;
}

/*
 * What is wrong with a timeline, in words, or null: per stream the records must
 * follow each other from 0, and times never go back.
 */
function timelineFault(records) {
	const end = [0, 0];
	let time = 0n;
	for (const [i, r] of records.entries()) {
		if (r.stream > 1 || r.kind > 1)
			return `record ${i}: kind ${r.kind}, stream ${r.stream}`;
		if (r.offset !== end[r.stream])
			return `record ${i}: at ${r.offset}, not ${end[r.stream]}`;
		if (r.time < time)
			return `record ${i}: earlier than the one before`;
		end[r.stream] += r.length;
		time = r.time;
	}
	return null;
}

function isAlive(pid) {
	try {
		return !/^\d+ \(.*\) [ZX]/s.test(
			fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
	} catch {
		return false;
	}
}

function commandLine(pid) {
	try {
		return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')
			.replace(/\0/g, ' ').trim();
	} catch {
		return '';
	}
}

/* Each setting behind a NUL; nothing of a process that is gone. */
function environment(pid) {
	try {
		return `\0${fs.readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
	} catch {
		return '';
	}
}

/* All living processes whose environment has NAME=VALUE in it. */
function processesWith(setting) {
	return fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) &&
		isAlive(pid) && environment(pid).includes(`\0${setting}`))
		.map(Number);
}

/* Stopped, it stays what it is; false when it is gone. */
function stopProcess(pid) {
	try {
		process.kill(pid, 'SIGSTOP');
		for (;;) {
			const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
			const state = stat[stat.lastIndexOf(')') + 2];
			if (state === 'T')
				return true;
			if (state === 'Z')
				return false;
		}
	} catch {
		return false;
	}
}

/*
 * Kill -9 a holder; false when that pid is none (any more), or holds another
 * exec by now.
 */
function killHolder(id) {
	const state = readJson(path.join(execRoot(), id, 'state.json'));
	const isHeld = () => commandLine(state.holder_pid).includes(`holds ${id}`);
	if (!state || !isHeld() || !stopProcess(state.holder_pid))
		return false;
	try {
		const isStill = isHeld();
		process.kill(state.holder_pid, isStill ? 'SIGKILL' : 'SIGCONT');
		return isStill;
	} catch {
		return false;
	}
}

/* Kill -9 the daemon that has its card out: its pid, or 0. */
function killDaemon() {
	const card = readJson(path.join(path.dirname(execRoot()), 'daemon.json'));
	if (!card || !/berthd/.test(commandLine(card.pid)))
		return 0;
	try {
		process.kill(card.pid, 'SIGKILL');
		return card.pid;
	} catch {
		return 0;
	}
}

/* The same, and another one instead. */
async function replaceKilled() {
	const pid = killDaemon();
	await until('the killed daemon is gone', () => !isAlive(pid));
	await ensureDaemon();
}

/* A driver's main function; an exception is a failure. */
function main(work) {
	work().then(() => process.exit(0), (e) => {
		point(false, 'the driver runs to its end', e.stack);
		process.exit(1);
	});
}

module.exports = {
	home, berth, berthd, tmp, scale, seed, slow, socket,
	sanitized, random, between, note, point, memory, none, request, ask, run, ensureDaemon,
	until, inParallel, execRoot, readJson, readTimeline, timelineFault,
	isAlive, commandLine, environment, processesWith, killHolder, killDaemon,
	replaceKilled, main,
};
