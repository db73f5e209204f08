// SPDX-License-Identifier: ISC
'use strict';

/*
 * Daemons replace each other while clients start execs and follow them.  No
 * connection may be refused or broken before it is answered, and no exec or
 * byte may be missing.  A follower whose stream ends early goes on from its
 * offset, as the contract lets it.
 */

const fs = require('node:fs');
const f = require('./lib.js');

const REPLACEMENTS = Math.round(10 * f.scale);
const WRITERS = 4;

/* A word through its gate, and fifty numbered lines; the end, and its end. */
const script = 'i=0; while read -r word; do n=$((i + 50)); ' +
	'while [ $i -lt $n ]; do echo "line $i"; i=$((i + 1)); done; done <"$1"';

let isOver = false;
const refused = [], ids = [];
let answered = 0;

async function keepAsking(n) {
	while (!isOver) {
		try {
			const answer = await f.ask('POST', '/v1/exec',
				{ argv: ['sh', '-c', 'echo here'] });
			ids.push(answer.exec_id);
			await f.ask('GET', `/v1/exec/${answer.exec_id}?wait=10`);
			answered += 2;
		} catch (e) {
			refused.push(`${n}: ${e.message}`);
		}
	}
}

/* All bytes of an exec, however often the stream has to be taken up again. */
async function follow(id) {
	let offset = 0, times = 0;
	const parts = [];
	for (;;) {
		times++;
		const take = (chunk) => {
			parts.push(chunk);
			offset += chunk.length;
		};
		try {
			await f.request('GET', `/v1/exec/${id}/logs?stream=stdout` +
				`&format=raw&follow=true&offset=${offset}`, undefined,
				{ onData: take, seconds: 60 });
		} catch (e) {
			if (/ECONNREFUSED|ENOENT/.test(e.message))
				refused.push(`follow: ${e.message}`);
		}
		const result = await f.ask('GET', `/v1/exec/${id}`);
		if (result.status === 'finished' && offset >= result.stdout_bytes)
			return { text: Buffer.concat(parts).toString(), times,
				state: result.state };
	}
}

async function replaceAll(gates) {
	const bad = [];
	for (let i = 0; i < REPLACEMENTS; i++) {
		const before = await f.ask('GET', '/v1/daemon');
		const done = await f.run(f.berthd, ['serve', '--detach', '--replace']);
		const after = await f.ask('GET', '/v1/daemon');
		if (done.code !== 0 || after.pid === before.pid)
			bad.push([done.code, done.err, before.pid, after.pid]);
		for (const gate of gates)
			fs.writeSync(gate, 'go\n');
	}
	f.none('every successor takes over', bad);
}

function checkFollowers(seen) {
	const whole = Array.from({ length: REPLACEMENTS * 50 },
		(_, i) => `line ${i}\n`).join('');
	f.none('followers see every byte once', seen.filter((s) =>
		s.text !== whole || s.state !== 'exited')
		.map((s) => [s.state, s.text.length, whole.length]));
}

f.main(async () => {
	const paths = Array.from({ length: WRITERS }, (_, i) => `${f.tmp}/gate-${i}`);
	await f.run('mkfifo', paths);
	const gates = paths.map((path) => fs.openSync(path, 'r+'));
	const writers = await Promise.all(paths.map((path) => f.ask('POST',
		'/v1/exec', { argv: ['sh', '-c', script, 'sh', path] })));
	const followers = writers.map((w) => follow(w.exec_id));
	const askers = [0, 1, 2, 3].map(keepAsking);
	await replaceAll(gates);
	isOver = true;
	await Promise.all(askers);
	gates.forEach((gate) => fs.closeSync(gate));
	const seen = await Promise.all(followers);
	f.note(`${REPLACEMENTS} daemons replaced, ${answered} requests answered, ` +
		`streams taken up ${seen.map((s) => s.times).join(', ')} times`);
	f.none('no connection is refused, no request unanswered', refused);
	checkFollowers(seen);
	const listed = new Map((await f.ask('GET', '/v1/exec?limit=0')).execs
		.map((e) => [e.exec_id, e.state]));
	f.none('no exec is lost', ids.filter((id) => listed.get(id) !== 'exited'));
});
