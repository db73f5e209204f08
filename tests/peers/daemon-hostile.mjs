#!/usr/bin/env node
// SPDX-License-Identifier: ISC
//
// A daemon that means no good: it passes requests on to a real one, but what
// is packed for a pull it makes up itself, be it asked for by names, or sent behind
// the list.  The way "older" is honest: it does not know of the latter.
//
//	daemon-hostile.mjs SOCKET REAL-SOCKET WAY-FILE
//
// WAY-FILE says in what way, and is read anew with every archive.  The tree that
// is pulled is thought to have a file "a" of 5 bytes, a directory "d" with a
// file "d/f" of 5 bytes in it, a link "l" to "d/f", and a file "z" of 5 bytes.
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'

const [path, real, wayFile] = process.argv.slice(2)
const T = { file: '0', hard: '1', link: '2', char: '3', block: '4', dir: '5',
	fifo: '6', sparse: 'S', volume: 'V', multi: 'M' }

function header(type, name, { link = '', size = 0, mode = 0o644, sum = 0 } = {}) {
	const h = Buffer.alloc(512)
	const put = (at, len, text) => h.write(text, at, len, 'latin1')
	const octal = (at, len, n) => put(at, len, n.toString(8).padStart(len - 1, '0'))
	put(0, 100, name)
	octal(100, 8, mode)
	octal(108, 8, 0)
	octal(116, 8, 0)
	if (size > 0o77777777777) {
		h.writeUInt8(0x80, 124)
		h.writeBigUInt64BE(BigInt(size), 128)
	} else {
		octal(124, 12, size)
	}
	octal(136, 12, 1e9)
	put(156, 1, type)
	put(157, 100, link)
	put(257, 8, 'ustar\x0000')
	h.fill(' ', 148, 156)
	octal(148, 7, h.reduce((a, b) => a + b, sum))
	return h
}
function entry(type, name, content = '', more = {}) {
	const body = Buffer.from(content, 'latin1')
	return Buffer.concat([header(type, name, { size: body.length, ...more }),
		body, Buffer.alloc(-body.length & 511)])
}
function pax(key, value, type = 'x') {
	let record = ` ${key}=${value}\n`
	let n = record.length + 1
	while (String(n).length + record.length !== n) n++
	return entry(type, 'pax', n + record)
}
const long = (type, text) => entry(type, '././@LongLink', text + '\0')
const good = (name, content = 'evil!') => entry(T.file, name, content)
const end = Buffer.alloc(1024)
const a = good('a')
// Those are not in the archive that comes behind the list, which has told of them.
const d = entry(T.dir, 'd', '', { mode: 0o755 })
const dTooOpen = entry(T.dir, 'd', '', { mode: 0o7777 })
const l = entry(T.link, 'l', '', { link: 'd/f' })
const listed = [d, dTooOpen, l]

const ways = {
	honest: [a, d, good('d/f'), l, good('z'), end],
	absolute: [a, good('/escaped'), end],
	absolute_long: [a, long('L', '/escaped'), good('x'), end],
	absolute_pax: [a, pax('path', '/escaped'), good('d/f'), end],
	dotdot: [a, good('../escaped'), end],
	dotdot_inside: [a, good('d/../../escaped'), end],
	dotdot_pax: [a, pax('path', '../escaped'), good('d/f'), end],
	prefix: [a, (() => { // the other half of the name
		const h = header(T.file, 'escaped', { size: 5 })
		h.write('..', 345)
		h.fill(' ', 148, 156)
		h.write(h.reduce((x, y) => x + y).toString(8).padStart(6, '0') + '\0', 148)
		return Buffer.concat([h, Buffer.from('evil!'), Buffer.alloc(507)])
	})(), end],
	dot: [a, good('.'), end],
	empty: [a, good(''), end],
	unasked: [a, good('unasked'), end],
	nul: [a, pax('path', 'd/f\0/../../../escaped'), good('d/f'), end],
	link_out: [a, entry(T.link, 'l', '', { link: '../../out' }), end],
	link_absolute: [a, entry(T.link, 'l', '', { link: '/etc' }), end],
	link_sly: [a, entry(T.link, 'l', '', { link: 'd/../../out' }), end],
	link_pax: [a, pax('linkpath', '/etc'), entry(T.link, 'l', '', { link: 'd/f' }), end],
	link_over_dir: [a, entry(T.link, 'd', '', { link: '..' }), good('d/f'), end],
	link_then_through: [a, entry(T.link, 'd', '', { link: '../out' }), good('d/f'), end],
	hard_out: [a, entry(T.hard, 'z', '', { link: '../secret' }), end],
	hard_absolute: [a, entry(T.hard, 'z', '', { link: '/etc/passwd' }), end],
	hard_inside: [a, entry(T.hard, 'z', '', { link: 'a' }), end],
	char: [a, entry(T.char, 'z'), end],
	block: [a, entry(T.block, 'z'), end],
	fifo: [a, entry(T.fifo, 'z'), end],
	sparse: [a, entry(T.sparse, 'z'), end],
	sparse_pax: [a, pax('GNU.sparse.realsize', '1099511627776'), good('z'), end],
	volume: [a, entry(T.volume, 'z'), end],
	multi: [a, entry(T.multi, 'z'), end],
	twice: [a, good('a', 'again'), end],
	backwards: [good('z'), a, end],
	long_name: [a, long('L', 'n'.repeat(5000)), good('z'), end],
	long_record: [a, header('x', 'pax', { size: 1e12 }), end],
	enormous: [a, header(T.file, 'z', { size: 1e15 }), Buffer.alloc(1 << 20)],
	negative: [a, (() => {
		const h = header(T.file, 'z')
		h.fill(0xff, 124, 136)
		h.fill(' ', 148, 156)
		h.write(h.reduce((x, y) => x + y).toString(8).padStart(6, '0') + '\0', 148)
		return h
	})(), end],
	sum: [a, header(T.file, 'z', { sum: 1 }), end],
	cut: [a, header(T.file, 'z', { size: 5 }), Buffer.from('ev')],
	noise: [Buffer.from('this is no archive at all. '.repeat(60))],
	nothing: [],
	// Those are let in, but not as they are.
	larger: [a, good('z', 'evil'.repeat(100)), end],
	smaller: [a, good('z', 'e'), end],
	kind: [a, entry(T.dir, 'z', '', { mode: 0o755 }), end],
	setuid: [entry(T.file, 'a', 'evil!', { mode: 0o6755 }), dTooOpen,
		good('d/f'), l, good('z'), end],
	spoilt: [a, pax('BERTH.spoilt', '1', 'g'), d, good('d/f'), l, good('z'), end],
}
const way = () => readFileSync(wayFile, 'utf8').trim()
const chosen = () => ways[way()]

function fetched(req, res) {
	const url = new URL(req.url, 'http://x')
	const list = '/v1/file/list?recursive=true&path=' +
		encodeURIComponent(url.searchParams.get('path'))
	request({ socketPath: real, path: list, headers: req.headers }, answer => {
		res.writeHead(200, { 'Content-Type': 'application/octet-stream' })
		answer.pipe(res, { end: false })
		answer.on('end', () => {
			for (const part of chosen().filter(part => !listed.includes(part)))
				res.write(part)
			res.end()
		})
	}).end()
}

createServer((req, res) => {
	if (way() === 'older' && req.url.startsWith('/v1/sync/fetch')) {
		res.writeHead(404, { 'Content-Type': 'application/json' })
		res.end('{"error":{"code":"NOT_FOUND","message":"no such route"}}')
		return
	}
	if (way() !== 'older' && req.url.startsWith('/v1/sync/pack')) {
		req.resume().on('end', () => {
			res.writeHead(200, { 'Content-Type': 'application/x-tar' })
			for (const part of chosen())
				res.write(part)
			res.end()
		})
		return
	}
	if (req.url.startsWith('/v1/sync/fetch')) {
		fetched(req, res)
		return
	}
	const on = request({ socketPath: real, method: req.method, path: req.url,
		headers: req.headers }, answer => {
		res.writeHead(answer.statusCode, answer.headers)
		answer.pipe(res)
	})
	on.on('error', () => res.destroy())
	req.pipe(on)
}).listen(path, () => {
	console.log(Object.keys(ways).join(' '))
})
