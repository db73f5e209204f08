#!/usr/bin/env node
// SPDX-License-Identifier: ISC
//
// An SFTP server on standard input and output that means no good; $HOSTILE says
// in what way.  It has one directory with one file in it.
import { setTimeout as after } from 'node:timers/promises'

const way = process.env.HOSTILE
const DIR = 0o40755, FILE = 0o100644, LINK = 0o120777
let input = Buffer.alloc(0)
let listed = 0

const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b }
const text = s => { const b = Buffer.from(s); return Buffer.concat([u32(b.length), b]) }
const attrs = (mode, size = 5) => Buffer.concat([u32(1 | 4 | 8), u32(0),
	u32(size), u32(mode), u32(1e9), u32(1e9)])

function packet(type, id, ...rest) {
	const body = Buffer.concat([Buffer.from([type]), u32(id), ...rest])
	process.stdout.write(Buffer.concat([u32(body.length), body]))
}
const fails = (id, code) => packet(101, id, u32(code), text('no'), text(''))
const names = (id, ...list) => packet(104, id, u32(list.length),
	...list.map(([name, a]) => Buffer.concat([text(name), text(name), a])))

function list(id) {
	const n = listed++
	switch (way) {
	case 'names':
		return n ? fails(id, 1) : names(id,
			['../../escaped', attrs(FILE)], ['/tmp/escaped', attrs(FILE)],
			['..', attrs(DIR)], ['a/b', attrs(FILE)], ['', attrs(FILE)],
			['nul\0', attrs(FILE)], ['good', attrs(FILE)])
	case 'endless': return names(id, ...Array.from({ length: 1000 },
		(_, i) => [`f${n}-${i}`, attrs(FILE)]))
	case 'deep': return n % 2 ? fails(id, 1) : names(id, ['d'.repeat(200), attrs(DIR)])
	case 'twice': return n ? fails(id, 1)
		: names(id, ['x', attrs(LINK)], ['x', attrs(FILE)])
	case 'count': return packet(104, id, u32(0xffffffff))
	case 'stranger': return packet(104, id + 7, u32(0))
	case 'handle': return packet(102, id, text('x'.repeat(300)))
	default: return n ? fails(id, 1) : names(id, ['good', attrs(FILE)])
	}
}

function answer(type, id) {
	switch (type) {
	case 1: return way === 'version'
		? process.stdout.write('SSH-2.0-hello, who is there?\r\n')
		: packet(2, 3)
	case 3: return way === 'handle' ? list(id) : packet(102, id, text('h'))
	case 4: return fails(id, 0)
	case 5:
		if (way === 'more') return packet(103, id, text('x'.repeat(100000)))
		if (way === 'none') return packet(103, id, text(''))
		return listed++ > 1e4 ? fails(id, 1) : packet(103, id, text('hello'))
	case 7: case 17: return packet(105, id, attrs(
		['handle', 'more', 'none'].includes(way) ? FILE : DIR))
	case 8: return packet(105, id, attrs(FILE))
	case 11: return packet(102, id, text('h'))
	case 12:
		if (way === 'length') return process.stdout.write(u32(0xfffffff0))
		return list(id)
	case 19: return names(id, ['/etc', attrs(FILE)])
	default: return fails(id, 8)
	}
}

process.stdout.on('error', () => process.exit())
for await (const bytes of process.stdin) {
	input = Buffer.concat([input, bytes])
	while (input.length >= 4 && input.length >= 4 + input.readUInt32BE()) {
		const n = input.readUInt32BE()
		answer(input[4], input.readUInt32BE(5))
		input = input.subarray(4 + n)
		await after(0)
	}
}
