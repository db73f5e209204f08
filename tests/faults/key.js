// SPDX-License-Identifier: ISC
'use strict';

/*
 * One idempotency key from ten clients at once, again and again: one exec, one
 * run of its command, whatever becomes of the daemon between the questions.
 */

const fs = require('node:fs');
const path = require('node:path');
const f = require('./lib.js');

const CLIENTS = 10;
const ROUNDS = Math.round(12 * f.scale);
const ran = path.join(f.tmp, 'ran');

function bodyOf(round) {
	return { argv: ['sh', '-c', 'echo "$1" >>"$2"', 'sh', `r${round}`, ran],
		key: `key-${round}` };
}

/* Ask until there is an answer. */
async function ask(round) {
	for (;;) {
		try {
			return await f.ask('POST', '/v1/exec', bodyOf(round));
		} catch (e) {
			if (/: 4\d\d /.test(e.message))
				throw e;
			await f.ensureDaemon();
		}
	}
}

function atOnce(round) {
	return Promise.all(Array.from({ length: CLIENTS }, () => ask(round)));
}

function isOne(answers) {
	return new Set(answers.map((a) => a.exec_id)).size === 1;
}

async function calm() {
	const bad = [];
	for (let round = 0; round < ROUNDS; round++) {
		const answers = await atOnce(round);
		if (!isOne(answers) ||
			answers.filter((a) => !a.existing).length !== 1)
			bad.push(answers);
	}
	f.none('ten clients at once: one starts it, nine are told of it', bad);
}

async function overDeath() {
	const bad = [];
	for (let round = ROUNDS; round < 2 * ROUNDS; round++) {
		const ms = f.between(0, 8);
		const asked = atOnce(round);
		await new Promise((resolve) => setTimeout(resolve, ms));
		const pid = f.killDaemon();
		const first = await asked;
		await f.until('it is gone', () => !pid || !f.isAlive(pid));
		const second = await atOnce(round);
		if (!isOne([...first, ...second]) || !second.every((a) => a.existing))
			bad.push([...first, ...second]);
	}
	f.none('also if the daemon is killed while they ask', bad);
}

async function allRanOnce() {
	const execs = (await f.ask('GET', '/v1/exec?limit=0')).execs;
	f.point(execs.length === 2 * ROUNDS, 'one exec per key',
		`${execs.length} instead of ${2 * ROUNDS}`);
	await f.until('all end', async () => (await f.ask('GET',
		'/v1/exec?state=running&limit=1')).execs.length === 0);
	const lines = fs.readFileSync(ran, 'utf8').trim().split('\n').sort();
	f.point(lines.length === 2 * ROUNDS && new Set(lines).size === lines.length,
		'every command ran once', lines);
}

async function otherRequest() {
	const answer = await f.request('POST', '/v1/exec',
		{ argv: ['true'], key: 'key-0' });
	f.point(answer.status === 409 &&
		JSON.parse(answer.body).error.code === 'CONFLICT',
		'the key of another request is refused',
		answer.body.toString());
}

f.main(async () => {
	await calm();
	await overDeath();
	await allRanOnce();
	await otherRequest();
});
