// SPDX-License-Identifier: ISC
'use strict';

/* clocks.js DIR: the times in an exec's directory are in order and sane. */

const path = require('node:path');
const f = require('./lib.js');

f.main(async () => {
	const dir = process.argv[2];
	const state = f.readJson(path.join(dir, 'state.json'));
	const records = f.readTimeline(dir);
	const id = path.basename(dir);
	const result = await f.ask('GET', `/v1/exec/${id}`);
	f.point(f.timelineFault(records) === null,
		'no record is earlier than the one before it',
		f.timelineFault(records));
	f.point(records.every((r) => r.time >= BigInt(state.started_ns) -
		1000000000n && r.time <= BigInt(state.finished_ns) + 1000000n),
	'all are between its start and its end');
	f.point(result.duration >= 0 && result.duration < 60 * f.slow,
		'its duration is what passed', result.duration);
	const events = (await f.request('GET', `/v1/exec/${id}/logs` +
		'?stream=both&full=true&format=jsonl')).body.toString().trim()
		.split('\n').map((line) => JSON.parse(line))
		.filter((event) => event.type === 'log');
	f.none('the events are in the order of time', events.filter((e, i) =>
		i > 0 && e.time < events[i - 1].time));
});
