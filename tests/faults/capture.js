// SPDX-License-Identifier: ISC
'use strict';

/*
 * capture.js DIR: what a full disk left of an exec in DIR must be consistent.
 * Its records follow each other, those that say DATA hold the bytes that were
 * written (a count of 16 digits and a newline, again and again), and those that
 * say LOST add up to what state.json says was lost.
 */

const fs = require('node:fs');
const path = require('node:path');
const f = require('./lib.js');

/* The bytes that the command wrote at this offset. */
function original(offset, length) {
	const first = Math.floor(offset / 17);
	const last = Math.floor((offset + length + 16) / 17);
	let text = '';
	for (let i = first; i <= last; i++)
		text += `${String(i).padStart(16, '0')}\n`;
	return text.slice(offset - first * 17, offset - first * 17 + length);
}

f.main(async () => {
	const dir = process.argv[2];
	const state = f.readJson(path.join(dir, 'state.json'));
	const records = f.readTimeline(dir);
	const out = fs.openSync(path.join(dir, 'out'), 'r');
	f.point(f.timelineFault(records) === null, 'the timeline has no gap',
		f.timelineFault(records));
	const lost = records.filter((r) => r.kind === 1);
	const sum = (list) => list.reduce((total, r) => total + r.length, 0);
	f.point(lost.length > 0, 'a loss is recorded');
	f.point(sum(lost) === state.lost_bytes, 'and counted',
		`${sum(lost)} in records, ${state.lost_bytes} in state.json`);
	f.point(sum(records) === state.stdout_bytes,
		'every byte is told of, as stored or as lost',
		`${sum(records)} of ${state.stdout_bytes}`);
	f.none('what is said to be stored is what was written',
		records.filter((r) => {
			if (r.kind !== 0)
				return false;
			const bytes = Buffer.alloc(r.length);
			const got = fs.readSync(out, bytes, 0, r.length, r.offset);
			return got !== r.length || bytes.toString('latin1') !==
				original(r.offset, r.length);
		}));
	const after = records.filter((r) => r.kind === 0 &&
		r.offset > lost[0].offset);
	f.point(after.length > 0, 'what came after the loss is stored again');
	f.note(`${sum(lost)} of ${sum(records)} bytes lost in ${lost.length} ` +
		`records of ${records.length}`);
});
