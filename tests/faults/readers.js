// SPDX-License-Identifier: ISC
'use strict';

/*
 * readers.js ID GATE: hundreds of readers follow one log, and one that never
 * reads.  Each must get every byte, and the daemon must not pay for them in
 * memory: output is stored once, readers keep an offset.
 */

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const f = require('./lib.js');

const READERS = Math.round(1000 * Math.max(1, f.scale));

/* What a reader may cost: what is on its way to it, no copy of the log. */
const MAX_KIB_PER_READER = 256;
const [, , id, gatePath] = process.argv;

function rss(pid) {
	return Number(/VmRSS:\s+(\d+)/.exec(
		fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/* One follower: resolves with how much it got and what that was. */
function follow(onFirst) {
	return new Promise((resolve) => {
		const hash = crypto.createHash('sha1');
		let bytes = 0;
		const req = http.get({ socketPath: f.socket, agent: false,
			path: `/v1/exec/${id}/logs?stream=stdout&format=raw` +
				'&offset=0&follow=true' }, (res) => {
			res.on('data', (chunk) => {
				if (bytes === 0)
					onFirst();
				bytes += chunk.length;
				hash.update(chunk);
			});
			res.on('end', () => resolve({ bytes, status: res.statusCode,
				hash: hash.digest('hex') }));
			res.on('error', (e) => resolve({ bytes, error: `${e}` }));
		});
		req.on('error', (e) => resolve({ bytes, error: `${e}` }));
	});
}

/* A client that asks and never reads the answer. */
function askAndNeverRead() {
	return new Promise((resolve) => {
		const socket = net.connect(f.socket, () => {
			socket.pause();
			socket.write(`GET /v1/exec/${id}/logs?stream=stdout&format=raw` +
				'&offset=0&follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n');
			resolve(socket);
		});
	});
}

f.main(async () => {
	const pid = (await f.ask('GET', '/v1/daemon')).pid;
	const out = path.join(f.execRoot(), id, 'out');
	const before = rss(pid);
	const deaf = await askAndNeverRead();
	let reading = 0;
	const followers = Array.from({ length: READERS },
		() => follow(() => reading++));
	await f.until('all readers have the beginning', () => reading === READERS,
		40);
	f.point(true, `${READERS} readers follow one log`);
	const during = rss(pid);
	fs.writeFileSync(gatePath, 'go\n');
	const ends = await Promise.all(followers);
	const after = rss(pid);
	const whole = fs.readFileSync(out);
	const hash = crypto.createHash('sha1').update(whole).digest('hex');
	f.none('each of them gets every byte', ends.filter((e) =>
		e.bytes !== whole.length || e.hash !== hash));
	const most = Math.max(during, after) - before;
	f.note(`${whole.length} bytes each; daemon ${before} KiB, with readers ` +
		`${during} KiB, after ${after} KiB`);
	f.memory(most <= MAX_KIB_PER_READER * READERS,
		'a reader costs the daemon little memory', `${most} KiB`);
	f.point((await f.request('GET', '/v1/hello')).status === 200,
		'one that never reads disturbs nobody');
	deaf.destroy();
	await f.until('their memory is given back', async () =>
		f.sanitized || rss(pid) - before < 16 * 1024, 5)
		.catch(() => {});
	f.memory(rss(pid) - before < 16 * 1024, 'and goes with its readers',
		`${rss(pid) - before} KiB are still there`);
});
