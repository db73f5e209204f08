// SPDX-License-Identifier: ISC
'use strict';

/*
 * Links are cut at instants drawn by lot, in every way that a link can be cut,
 * while execs of the machines behind them write numbered lines to clients here,
 * or write back the lines that they are given.
 * Then every exec must have run once, its bytes must have come once and in
 * order, its end must be true, and nothing may be left on either side.
 *
 * An exec notes its key in the file `ran' before it writes anything.
 *
 * Arguments: NAME:PORT:PID... of the ssh servers; BERTH_SSH_CONFIG includes the
 * file $TMP/hosts, which is written here: machine NAME is reached through a
 * relay, and its daemon has the home $TMP/NAME.
 */

const fs = require('node:fs');
const path = require('node:path');
const f = require('./lib.js');
const { Relay } = require('./relay.js');

const CUTS = Math.round(150 * f.scale);
const CLIENTS = 6;
const ran = path.join(f.tmp, 'ran');

const script = 'echo "$1" >>"$4"; i=0; while [ $i -lt $2 ]; do ' +
	'echo "line $1 $i of numbered output"; ' +
	'[ $((i % 100)) -ne 99 ] || timeout 0.0$5 tail -f /dev/null; ' +
	'i=$((i + 1)); done; exit $3';

/* Reads nothing for a moment, so that input waits with its holder. */
const echo = 'echo "$1" >>"$4"; timeout 0.0$5 tail -f /dev/null; ' +
	'dd bs=100 count=300 status=none; timeout 0.$5 tail -f /dev/null; ' +
	'cat; exit $3';

const machines = process.argv.slice(2).map((word) => {
	const [name, port, pid] = word.split(':');
	return { name, port: Number(port), sshd: Number(pid),
		home: path.join(f.tmp, name), cuts: 0 };
});

function pause(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/* One process that was found; never a group, nor all (0, -1). */
function kill(pid, signal) {
	if (!Number.isInteger(pid) || pid <= 1)
		return false;
	try {
		process.kill(pid, signal);
		return true;
	} catch {
		return false;
	}
}

/* --- what there is ---------------------------------------------------------- */

/* Living processes as {pid, ppid, line}. */
function processes() {
	return fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))
		.filter((pid) => f.isAlive(pid)).map((pid) => {
			let stat = '';
			try {
				stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
			} catch {
				/* It is gone. */
			}
			return { pid: Number(pid), line: f.commandLine(pid),
				ppid: Number(stat.slice(stat.lastIndexOf(')') + 4)
					.split(' ')[0]) };
		});
}

/* The ssh process that carries a link. */
function masterOf(m, all = processes()) {
	const mux = path.join(f.home, 'run', 'link', `${m.name}.mux`);
	return all.find((p) => /^ssh -M /.test(p.line) && p.line.includes(mux));
}

function sessionsOf(m, all = processes()) {
	const below = all.filter((p) => p.ppid === m.sshd);
	return [...below, ...all.filter((p) => /^sshd/.test(p.line) &&
		below.some((parent) => parent.pid === p.ppid))];
}

function ctlOf(m) {
	return path.join(f.home, 'run', 'link', `${m.name}.ctl`);
}

async function linkOf(m) {
	try {
		return await f.ask('GET', '/v1/link', undefined,
			{ socket: ctlOf(m), seconds: 5 });
	} catch {
		return null;
	}
}

/* Of the link that answers; 0: none does. */
async function linkPid(m) {
	const link = await linkOf(m);
	return link ? link.pid : 0;
}

/* Is it one of this test, and not somebody's who got its number since? */
function isOurs(pid, home) {
	return f.environment(pid).includes(`\0BERTH_HOME=${home}\0`);
}

function daemonOf(m) {
	const state = path.join(m.home, 'state');
	if (!fs.existsSync(state))
		return 0;
	const card = f.readJson(path.join(state, fs.readdirSync(state)[0],
		'daemon.json'));
	return card && isOurs(card.pid, m.home) ? card.pid : 0;
}

function n_fds(pid) {
	try {
		return fs.readdirSync(`/proc/${pid}/fd`).length;
	} catch {
		return 0;
	}
}

/* --- cuts -------------------------------------------------------------------- */

/* Each says whether it met something. */
const ways = {
	close: async (m) => await m.relay.say('close') > 0,
	reset: async (m) => await m.relay.say('reset') > 0,
	/* The other side never hears of it, until its kernel gives up. */
	halfOpen: async (m, lot) => {
		const n = await m.relay.say('drop');
		setTimeout(() => m.relay.say('forget'), 3000 + lot * 4000);
		return n > 0;
	},
	slow: async (m, lot) => {
		await m.relay.say(`delay ${Math.round(lot * 50000)}`);
		setTimeout(() => m.relay.say('delay 0'), 500);
		return true;
	},
	gone: async (m, lot) => {
		await m.relay.say('down');
		await m.relay.say('reset');
		await pause(lot * 400);
		await m.relay.say('up');
		return true;
	},
	master: async (m) => kill((masterOf(m) || { pid: 0 }).pid, 'SIGKILL'),
	link: async (m) => {
		return kill(await linkPid(m), 'SIGKILL');
	},
	session: async (m, lot) => {
		const found = sessionsOf(m);
		const one = found[Math.floor(lot * found.length)];
		return one !== undefined && kill(one.pid, 'SIGKILL');
	},
	daemon: async (m) => {
		return kill(daemonOf(m), 'SIGKILL');
	},
	stop: async (m, lot) => {
		const pid = await linkPid(m);
		if (!kill(pid, 'SIGSTOP'))
			return false;
		await pause(200 + lot * 1500);
		kill(pid, 'SIGCONT');
		return true;
	},
};

/* How often each is drawn. */
const weights = { close: 5, reset: 5, halfOpen: 2, slow: 2, gone: 3, master: 5,
	link: 4, session: 5, daemon: 4, stop: 1 };
const urn = Object.entries(weights).flatMap(([way, n]) => Array(n).fill(way));

const made = {};
let left = CUTS;
let isOver = false;

/* One machine's share, one cut after another. */
async function cutMachine(m) {
	while (left > 0) {
		const way = urn[f.between(0, urn.length - 1)];
		const lot = f.random();
		await pause(f.between(20, 700));
		if (!await ways[way](m, lot))
			continue;
		left--;
		made[way] = (made[way] || 0) + 1;
	}
}

/* --- clients ----------------------------------------------------------------- */

let serial = 0;

function draw() {
	const kinds = ['run', 'run', 'killed', 'killed', 'logs', 'wait', 'keys',
		'input', 'input'];
	return {
		key: `cut-${serial++}`,
		kind: kinds[f.between(0, kinds.length - 1)],
		machine: machines[f.between(0, machines.length - 1)],
		lines: f.between(0, 9) < 4 ? f.between(2000, 6000)
			: f.between(1, 300),
		code: f.between(0, 3),
		after: f.between(10, 1200),
		pace: f.between(1, 9),
	};
}

const ops = [];

function expected(op) {
	let text = '';
	for (let i = 0; i < op.lines; i++)
		text += `line ${op.key} ${i} of numbered output\n`;
	return text;
}

function berth(op, words, options = {}) {
	return f.run(f.berth, ['exec', words[0], '-m', op.machine.name,
		...words.slice(1)], options);
}

function commandOf(op) {
	return ['--key', op.key, '-C', f.tmp, '--', '/bin/sh', '-c',
		op.kind === 'input' ? echo : script, 'sh', op.key, `${op.lines}`,
		`${op.code}`, ran, `${op.pace}`];
}

/* A client may say that a machine is not there; then a user tries again. */
async function persist(op, words) {
	for (;;) {
		const done = await berth(op, words);
		if (done.code === 0)
			return done;
		if (done.code !== 69 || op.repeats > 20)
			throw new Error(`berth exec ${words[0]} (${op.key}): ` +
				`${done.code ?? done.signal} ${done.err}`);
		op.repeats++;
		refusals.push(`${words[0]}: ${done.out}${done.err}`.trim());
	}
}

const refusals = [];

/* One that never reached the machine is asked again, with the same key. */
async function reach(op, words, options) {
	for (;;) {
		const done = await berth(op, words, options);
		if (done.code !== 69 || done.out !== '' || op.repeats > 20)
			return done;
		op.repeats++;
		refusals.push(`${words[0]}: ${done.err}`.trim());
	}
}

async function start(op) {
	const done = await persist(op, ['start', '--json', ...commandOf(op)]);
	op.id = JSON.parse(done.out).exec_id;
}

/* Whoever left comes back for the whole of it. */
async function reread(op) {
	await start(op);
	const done = await reach(op, ['logs', '--follow', '--full', '--raw', op.id]);
	op.out = done.out;
	op.status = done.code;
	op.told = done.err;
	const ended = await persist(op, ['show', '--json', op.id]);
	op.code_told = JSON.parse(ended.out).exit_code;
}

const kinds = {
	run: async (op) => {
		const done = await reach(op, ['run', '--raw', ...commandOf(op)]);
		op.out = done.out;
		op.code_told = done.code;
		op.status = 0;
		op.told = done.err;
	},
	/* Fed in pieces, from the beginning whenever it is asked again. */
	input: async (op) => {
		const feed = async (child) => {
			const text = expected(op);
			const size = Math.max(1000, Math.ceil(text.length / 20));
			child.stdin.on('error', () => {});
			for (let at = 0; at < text.length; at += size) {
				child.stdin.write(text.slice(at, at + size));
				await pause(op.pace * 5);
			}
			child.stdin.end();
		};
		const done = await reach(op, ['run', '--raw', '-i', ...commandOf(op)],
			{ stdio: ['pipe', 'pipe', 'pipe'], onSpawn: feed });
		op.out = done.out;
		op.code_told = done.code;
		op.status = 0;
		op.told = done.err;
	},
	/* The client is killed under way. */
	killed: async (op) => {
		await berth(op, ['run', '--raw', ...commandOf(op)], {
			onSpawn: (child) => setTimeout(() => child.kill('SIGKILL'),
				op.after) });
		await reread(op);
	},
	logs: reread,
	wait: async (op) => {
		await start(op);
		const done = await reach(op, ['wait', op.id]);
		op.code_told = done.code;
		op.told = done.err;
		const all = await persist(op, ['logs', '--full', '--raw', op.id]);
		op.out = all.out;
		op.status = 0;
	},
	/* Three at once with one key. */
	keys: async (op) => {
		const all = await Promise.all([0, 1, 2].map(() =>
			persist(op, ['start', '--json', ...commandOf(op)])));
		const ids = new Set(all.map((a) => JSON.parse(a.out).exec_id));
		op.ids = ids.size;
		await reread(op);
	},
};

async function client() {
	while (!isOver) {
		const op = draw();
		op.repeats = 0;
		ops.push(op);
		try {
			await kinds[op.kind](op);
			op.done = true;
		} catch (e) {
			op.failure = e.message;
		}
	}
}

/* --- what must hold ---------------------------------------------------------- */

function short(op, more) {
	return `${op.key} ${op.kind} ${op.machine.name}: ${more}`;
}

function checkBytes() {
	f.none('every client went to its end', ops.filter((op) => !op.done)
		.map((op) => short(op, op.failure)));
	const done = ops.filter((op) => op.done);
	f.none('no byte was lost, doubled or moved', done.filter((op) =>
		op.out !== expected(op)).map((op) => {
		const whole = expected(op);
		let at = 0;
		while (at < whole.length && op.out[at] === whole[at])
			at++;
		return short(op, `${op.out.length} of ${whole.length}, differs ` +
			`at ${at}: ${JSON.stringify(op.out.slice(at, at + 80))} ` +
			op.told);
	}));
	f.none('every status is true', done.filter((op) =>
		op.code_told !== op.code || (!['run', 'wait', 'input'].includes(op.kind) &&
			op.status !== op.code && op.status !== 0))
		.map((op) => short(op, `${op.code_told}, ${op.status} instead of ` +
			`${op.code} ${op.told}`)));
	f.none('a key asked for three times is one exec',
		done.filter((op) => op.kind === 'keys' && op.ids !== 1)
			.map((op) => short(op, op.ids)));
	const times = new Map();
	for (const key of fs.readFileSync(ran, 'utf8').split('\n'))
		times.set(key, (times.get(key) || 0) + 1);
	f.none('no exec was started twice', ops.filter((op) =>
		times.get(op.key) > 1).map((op) => op.key));
	f.none('and none was missed', done.filter((op) => !times.has(op.key))
		.map((op) => op.key));
}

/* Without the one that listens while the machine is near, or was. */
function n_masterFds(m) {
	const near = path.join(f.home, 'run', 'link', `${m.name}.near`);
	const n = [near, `${near}-`].filter((file) => fs.existsSync(file)).length;
	return n_fds(masterOf(m).pid) - n;
}

/* With nothing to do but to be there. */
async function quiet(m) {
	const settled = async () => {
		const link = await linkOf(m);
		return link && link.state === 'active' && link.streams === 0 &&
			link.spare > 0 ? link : null;
	};
	await f.run(f.berth, ['exec', 'run', '-m', m.name, '--', 'true']);
	const link = await f.until(`the link to ${m.name} is at rest`, settled);
	await f.until('spares are open', async () =>
		(await linkOf(m)).spare === 2);
	/* A half-open connection holds on to its streams until it is reset. */
	await m.relay.say('forget');
	await f.until(`nothing is left of other connections to ${m.name}`,
		() => processes().filter((p) => p.ppid === m.sshd).length === 1);
	/* One that may hold the next exec is a descriptor of the daemon's. */
	await f.until(`no holder waits on ${m.name}`, () => !processes().some((p) =>
		p.line.startsWith('berthd: holds') && isOurs(p.pid, m.home)));
	return { link: n_fds(link.pid), master: n_masterFds(m),
		daemon: n_fds(daemonOf(m)) };
}

async function stopLink(m) {
	const pid = await linkPid(m);
	await f.run(f.berth, ['link', 'stop', m.name]);
	await f.until(`the link to ${m.name} ends`, () => !f.isAlive(pid));
}

/* What the survivors hold is compared with what new ones do. */
async function checkDescriptors() {
	const more = [];
	for (const m of machines) {
		const survivor = await quiet(m);
		await stopLink(m);
		kill(daemonOf(m), 'SIGKILL');
		const fresh = await quiet(m);
		for (const who of Object.keys(fresh))
			if (survivor[who] > fresh[who])
				more.push(`${who} of ${m.name}: ${survivor[who]}, ` +
					`not ${fresh[who]}`);
	}
	f.none('nobody kept a descriptor', more);
}

async function checkRemains() {
	for (const m of machines) {
		await stopLink(m);
		await m.relay.say('forget');
	}
	const homes = [f.home, ...machines.map((m) => m.home)];
	const mine = () => {
		const all = processes();
		const daemons = machines.map(daemonOf);
		return all.filter((p) => !daemons.includes(p.pid) &&
			(machines.some((m) => sessionsOf(m, all).includes(p) ||
				masterOf(m, all) === p) ||
			(/berth-link|berthd stdio/.test(p.line) &&
				homes.some((home) => isOurs(p.pid, home)))));
	};
	await f.until('everything ends', () => mine().length === 0, 10)
		.catch(() => {});
	f.none('no process is left on either side', mine()
		.map((p) => `${p.pid} ${p.line}`));
	f.none('no socket is left', fs.readdirSync(path.join(f.home, 'run', 'link'))
		.filter((name) => !name.endsWith('.lock') && name !== 'berth-askpass'));
	const running = [];
	for (const m of machines) {
		const { execs } = await f.ask('GET', '/v1/exec?state=running&limit=0',
			undefined, { socket: path.join(m.home, 'run', 'berthd.sock') });
		running.push(...execs.map((e) => e.exec_id));
	}
	f.none('no exec runs', running);
}

f.main(async () => {
	for (const m of machines) {
		m.relay = await Relay.start(m.port);
		fs.appendFileSync(path.join(f.tmp, 'hosts'),
			`Host ${m.name}\n\tHostName 127.0.0.1\n` +
			`\tPort ${m.relay.port}\n\tHostKeyAlias ${m.name}\n`);
	}
	for (const m of machines) {
		const first = await f.run(f.berth, ['exec', 'run', '-m', m.name, '--',
			'true']);
		f.point(first.code === 0, `${m.name} is reached`, first.err);
	}
	const begin = Date.now();
	const clients = Array.from({ length: CLIENTS }, client);
	await Promise.all(machines.map(cutMachine));
	isOver = true;
	await Promise.all(clients);
	f.note(`${ops.length} execs, ${CUTS} cuts in ` +
		`${((Date.now() - begin) / 1000).toFixed(1)} s: ` +
		Object.entries(made).map((e) => e.join(' ')).join(', '));
	f.note(`${refusals.length} times a client gave up and was asked again`);
	for (const text of new Set(refusals))
		f.note(`  ${text}`);
	checkBytes();
	await checkDescriptors();
	await checkRemains();
	for (const m of machines)
		await m.relay.end();
});
