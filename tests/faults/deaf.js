// SPDX-License-Identifier: ISC
'use strict';

/*
 * deaf.js ID: fifty clients ask for a log of many megabytes and never read the
 * answer.  The daemon must hold back, not buffer, and serve others.
 */

const fs = require('node:fs');
const net = require('node:net');
const f = require('./lib.js');

const CLIENTS = 50;
const MAX_KIB_PER_CLIENT = 1024;
const formats = ['raw', 'jsonl', 'text', 'frames'];
const [, , id] = process.argv;

function rss(pid) {
	return Number(/VmRSS:\s+(\d+)/.exec(
		fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

f.main(async () => {
	const pid = (await f.ask('GET', '/v1/daemon')).pid;
	const before = rss(pid);
	const sockets = [];
	for (let i = 0; i < CLIENTS; i++)
		sockets.push(await new Promise((resolve) => {
			const socket = net.connect(f.socket, () => {
				socket.pause();
				socket.write(`GET /v1/exec/${id}/logs?stream=both&` +
					`format=${formats[i % 4]}&full=true HTTP/1.1\r\n` +
					'Host: localhost\r\n\r\n');
				resolve(socket);
			});
		}));
	/* It has done what it could when it answers others again. */
	for (let i = 0; i < 20; i++)
		await f.ask('GET', '/v1/hello');
	const grown = rss(pid) - before;
	f.note(`${CLIENTS} that never read: ${grown} KiB more`);
	f.memory(grown < CLIENTS * MAX_KIB_PER_CLIENT,
		'who never reads costs little memory', `${grown} KiB`);
	const all = await f.request('GET', `/v1/exec/${id}/logs?stream=stdout` +
		'&format=raw&offset=0', undefined, { seconds: 30 });
	f.point(all.body.length > 30e6, 'others read on at full length',
		all.body.length);
	sockets.forEach((socket) => socket.destroy());
});
