// SPDX-License-Identifier: ISC
'use strict';

/*
 * kill -9 of the daemon, of holders and of clients, at instants drawn by lot,
 * while hundreds of execs write numbered lines.  Then every exec must be there
 * once, with every byte once, and an end that is true.
 *
 * Each exec notes its key in the file `ran' before it writes anything: that
 * tells one that was started twice from one that was listed twice.
 */

const fs = require('node:fs');
const path = require('node:path');
const f = require('./lib.js');

const N = Math.round(500 * f.scale);
const DAEMON_KILLS = Math.max(8, Math.round(20 * f.scale));
const STRAY_KILLS = Math.max(8, Math.round(30 * f.scale));
const CLIENTS = 8;
const ran = path.join(f.tmp, 'ran');

/* The execs whose holder was killed. */
const killed = new Set();

const script = 'echo "$1" >>"$4"; i=0; while [ $i -lt $2 ]; do ' +
	'echo "out $1 $i"; [ $((i % 5)) -ne 0 ] || echo "err $1 $i" >&2; ' +
	'i=$((i + 1)); done; [ $3 -ne 99 ] || { setsid cat "$5" & exec cat "$5"; };' +
	' exit $3';

/* Code of a command that never ends, nor does its child in another session. */
const HANGS = 99;
const never = path.join(f.tmp, 'never');

/* What an exec of the plan writes, whole. */
function expected(op, stream) {
	const lines = [];
	for (let i = 0; i < op.lines; i++) {
		if (stream === 'stdout')
			lines.push(`out ${op.key} ${i}\n`);
		else if (i % 5 === 0)
			lines.push(`err ${op.key} ${i}\n`);
	}
	return lines.join('');
}

function makePlan() {
	const fates = ['none', 'none', 'none', 'holder', 'holder', 'hang', 'cut',
		'cut', 'stream', 'stream', 'cli', 'cli'];
	return Array.from({ length: N }, (_, i) => {
		const fate = fates[f.between(0, fates.length - 1)];
		return {
			key: `storm-${i}`,
			fate,
			lines: f.between(0, 9) < 3 ? f.between(3000, 20000)
				: f.between(0, 300),
			code: fate === 'hang' ? HANGS : f.between(0, 3),
			after: f.between(0, 40),
			argv: null,
			id: null,
			state: null,
		};
	});
}

function bodyOf(op) {
	return { argv: op.argv, key: op.key, cwd: f.tmp };
}

function pause(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/* A start is asked for until it is answered, as a client would. */
let retries = 0;
async function startFor(op) {
	for (;;) {
		try {
			op.id = (await f.ask('POST', '/v1/exec', bodyOf(op))).exec_id;
			return;
		} catch (e) {
			if (/: [45]\d\d /.test(e.message) &&
				!/: 503 /.test(e.message))
				throw e;
			retries++;
			await f.ensureDaemon();
		}
	}
}

/* A client that asks and is gone before or while it is answered. */
async function startAndCut(op, route) {
	let chunks = 0;
	const breakAt = op.after % 4;
	await f.request('POST', route, bodyOf(op), {
		onData: (_, req) => {
			if (++chunks > breakAt)
				req.destroy(new Error('cut'));
		},
	}).catch(() => {});
	await startFor(op);
}

async function startByCli(op) {
	await f.run(f.berth, ['exec', 'run', '--raw', '--key', op.key, '-C',
		f.tmp, '--', ...op.argv], {
		onSpawn: (child) => setTimeout(() => child.kill('SIGKILL'), op.after),
	});
	for (;;) {
		const done = await f.run(f.berth, ['exec', 'start', '--json', '--key',
			op.key, '-C', f.tmp, '--', ...op.argv]);
		if (done.code === 0) {
			op.id = JSON.parse(done.out).exec_id;
			return;
		}
		/* 69: the daemon was killed under it, all it may meet. */
		if (done.code !== 69 && !killedBefore.test(done.out + done.err))
			throw new Error(`berth exec start: ${done.code} ` +
				done.out + done.err);
		retries++;
	}
}

async function play(op) {
	op.argv = ['/bin/sh', '-c', script, 'sh', op.key, `${op.lines}`,
		`${op.code}`, ran, never];
	if (op.fate === 'cut')
		await startAndCut(op, '/v1/exec');
	else if (op.fate === 'stream')
		await startAndCut(op, '/v1/exec/run');
	else if (op.fate === 'cli')
		await startByCli(op);
	else
		await startFor(op);
	if (op.fate === 'holder' || op.fate === 'hang') {
		await pause(op.after);
		if (f.killHolder(op.id))
			killed.add(op.id);
	}
}

/* Any holder that lives, also one of a start that is not answered yet. */
function killStray(lot) {
	const holders = fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))
		.map((pid) => /holds (\w+)/.exec(f.commandLine(pid)))
		.filter((match) => match &&
			fs.existsSync(path.join(f.execRoot(), match[1])));
	const match = holders[Math.floor(lot * holders.length)];
	if (match && f.killHolder(match[1]))
		killed.add(match[1]);
}

/* Before which op of the plan, and how many milliseconds after that. */
function drawInstants(n) {
	return Array.from({ length: n }, () => ({
		at: f.between(1, N - 1), after: f.between(0, 30), lot: f.random() }));
}

async function storm(plan) {
	const daemons = drawInstants(DAEMON_KILLS);
	const strays = drawInstants(STRAY_KILLS);
	let kills = 0;
	await f.inParallel(CLIENTS, plan, async (op, i) => {
		for (const k of daemons.filter((k) => k.at === i))
			setTimeout(() => { kills += f.killDaemon() > 0; }, k.after);
		for (const k of strays.filter((k) => k.at === i))
			setTimeout(() => killStray(k.lot), k.after);
		await play(op);
	});
	return kills;
}

async function allEnded(hanging) {
	try {
		/* What hangs, because its holder was not there to be killed. */
		for (const op of hanging.filter((op) => !killed.has(op.id)))
			if (f.killHolder(op.id))
				killed.add(op.id);
		const list = await f.ask('GET', '/v1/exec?state=running&limit=1');
		return list.execs.length === 0;
	} catch {
		await f.ensureDaemon();
		return false;
	}
}

/* Everything that was asked for is there, once, and nothing else. */
async function checkIndex(plan) {
	const { execs } = await f.ask('GET', '/v1/exec?limit=0');
	const byKey = new Map();
	for (const e of execs)
		byKey.set(e.key, [...(byKey.get(e.key) || []), e.exec_id]);
	f.none('every exec is there once', plan.filter((op) =>
		(byKey.get(op.key) || []).join() !== op.id)
		.map((op) => [op.key, op.id, byKey.get(op.key) || null]));
	f.point(execs.length === N, 'and none that was not asked for',
		`${execs.length} execs instead of ${N}`);
	const dirs = fs.readdirSync(f.execRoot()).sort();
	f.point(dirs.join() === plan.map((op) => op.id).sort().join(),
		'the disk has exactly their directories',
		dirs.filter((d) => !plan.some((op) => op.id === d)));
}

async function checkEnd(op, found) {
	const result = await f.ask('GET', `/v1/exec/${op.id}`);
	const dir = path.join(f.execRoot(), op.id);
	const records = f.readTimeline(dir);
	const fault = f.timelineFault(records);
	op.state = result.state;
	if (fault)
		found.timeline.push([op.key, fault]);
	if (result.state === 'exited' ? result.exit_code !== op.code
		: result.state !== 'lost' || !killed.has(op.id) ||
			result.exit_code !== null)
		found.ends.push([op.key, op.fate, killed.has(op.id), result]);
	for (const [at, stream] of ['stdout', 'stderr'].entries()) {
		const whole = expected(op, stream);
		const name = path.join(dir, at ? 'err' : 'out');
		/* It comes with its first byte. */
		const file = fs.existsSync(name)
			? fs.readFileSync(name, 'latin1') : '';
		const served = await f.request('GET', `/v1/exec/${op.id}/logs` +
			`?stream=${stream}&format=raw&offset=0`);
		const told = records.filter((r) => r.stream === at)
			.reduce((sum, r) => sum + r.length, 0);
		if (result.state === 'lost' ? !whole.startsWith(file)
			: whole !== file)
			found.bytes.push([op.key, stream, result.state, file.length,
				whole.length]);
		if (served.body.toString('latin1') !== file)
			found.served.push([op.key, stream, served.status,
				served.body.length, file.length]);
		if (result.state === 'exited' ? told !== file.length
			: told > file.length)
			found.timeline.push([op.key, stream, told, file.length]);
	}
}

async function checkEnds(plan) {
	const found = { ends: [], bytes: [], served: [], timeline: [] };
	await f.inParallel(4, plan, (op) => checkEnd(op, found));
	f.none('every end is true, or says that it was lost', found.ends);
	f.none('every byte is stored once, in order', found.bytes);
	f.none('and served so', found.served);
	f.none('the timelines tell of exactly these bytes', found.timeline);
}

function checkRuns(plan) {
	const times = new Map();
	for (const key of fs.readFileSync(ran, 'utf8').split('\n'))
		times.set(key, (times.get(key) || 0) + 1);
	f.none('no command ran twice',
		plan.filter((op) => times.get(op.key) > 1).map((op) => op.key));
	f.none('none is said to have run that did not', plan.filter((op) =>
		!times.has(op.key) && op.state === 'exited'));
}

async function checkKeys(plan) {
	const bad = [];
	await f.inParallel(CLIENTS, plan.filter((op) => op.fate !== 'cli'),
		async (op) => {
			const again = await f.ask('POST', '/v1/exec', bodyOf(op));
			if (again.exec_id !== op.id || again.existing !== true)
				bad.push([op.key, op.id, again]);
		});
	f.none('a key asked for again is the same exec', bad);
}

async function checkProcesses(plan) {
	const ids = new Set(plan.map((op) => op.id));
	const left = () => f.processesWith('BERTH_EXEC_ID=').filter((pid) => {
		const found = /BERTH_EXEC_ID=(\w+)/.exec(f.environment(pid));
		return found && ids.has(found[1]);
	});
	await f.until('the last process ends', () => left().length === 0, 3)
		.catch(() => {});
	f.none('no process is left of any of them',
		left().map((pid) => `${pid} ${f.commandLine(pid)}`));
}

f.main(async () => {
	/* Who opens it to read waits for a writer, and none comes. */
	await f.run('mkfifo', [never]);
	const plan = makePlan();
	const kills = await storm(plan);
	const hanging = plan.filter((op) => op.fate === 'hang');
	await f.until('all execs end', () => allEnded(hanging), 60);
	await f.replaceKilled();
	f.note(`${N} execs, ${kills} daemons killed, ` +
		`${killed.size} holders killed, ` +
		`${retries} requests repeated`);
	f.point(kills > 0, 'the daemon was killed in between');
	await checkIndex(plan);
	await checkEnds(plan);
	checkRuns(plan);
	await checkKeys(plan);
	await checkProcesses(plan);
	f.note(`${plan.filter((op) => op.state === 'lost').length} lost`);
});
