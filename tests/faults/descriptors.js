// SPDX-License-Identifier: ISC
'use strict';

/*
 * descriptors.js PID: more clients than the daemon has descriptors for.  Those
 * in the kernel's queue must wait without the daemon spinning over them, and be
 * served when others go.
 */

const fs = require('node:fs');
const net = require('node:net');
const f = require('./lib.js');

const CLIENTS = 100;
const WATCH_MS = 1500;
const pid = process.argv[2];

function cpuTicks() {
	const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
		.replace(/.*\) /s, '').split(' ');
	return Number(fields[11]) + Number(fields[12]);
}

function connect() {
	return new Promise((resolve, reject) => {
		const socket = net.connect(f.socket, () => resolve(socket));
		socket.on('error', reject);
	});
}

f.main(async () => {
	const sockets = [];
	for (let i = 0; i < CLIENTS; i++)
		sockets.push(await connect());
	f.point(true, `${CLIENTS} clients connect`);

	/* A request from the last of them has to wait. */
	let answer = '';
	const last = sockets[CLIENTS - 1];
	last.on('data', (chunk) => { answer += chunk; });
	last.write('GET /v1/hello HTTP/1.1\r\nHost: localhost\r\n\r\n');
	const before = cpuTicks();
	const end = Date.now() + WATCH_MS;
	await f.until('a while passes', () => Date.now() > end);
	const used = cpuTicks() - before;
	f.point(used <= 5, 'while they wait, it does not spin',
		`${used} ticks in ${WATCH_MS} ms`);
	f.point(f.isAlive(pid), 'it lives');
	sockets.slice(0, -1).forEach((socket) => socket.destroy());
	await f.until('the last one is answered', () => answer !== '', 10);
	f.point(/^HTTP\/1.1 200/.test(answer), 'when others go, it is served',
		answer);
	last.destroy();
});
