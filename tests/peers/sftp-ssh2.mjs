// SPDX-License-Identifier: ISC
//
// sftp-ssh2.mjs HOST_KEY: an ssh server of npm's ssh2 on loopback, which lets
// anybody in and serves the real files through SFTP and nothing else.  Prints
// its port.
//
// It is as unlike OpenSSH's as the protocol allows: no extensions, so a rename
// does not replace; reads are short; and answers come out of order.
import fs from 'node:fs'
import ssh2 from 'ssh2'

const { Server, utils } = ssh2
const { STATUS_CODE: S, flagsToString } = utils.sftp
const SHORT = 5000

function status(error) {
	switch (error?.code) {
	case undefined: return S.OK
	case 'ENOENT': return S.NO_SUCH_FILE
	case 'EACCES': case 'EPERM': return S.PERMISSION_DENIED
	default: return S.FAILURE
	}
}

function attrs(stat) {
	return { mode: stat.mode, uid: stat.uid, gid: stat.gid, size: stat.size,
		atime: Math.floor(stat.atimeMs / 1000),
		mtime: Math.floor(stat.mtimeMs / 1000) }
}

function serve(sftp) {
	const open = new Map()
	let last = 0
	// Every third answer waits for those after it.
	let n = 0
	const later = fn => n++ % 3 ? setImmediate(fn) : setTimeout(fn, 2)

	const answer = (id, fn, give) => {
		let result, error
		try { result = fn() } catch (e) { error = e }
		later(() => error || !give ? sftp.status(id, status(error))
			: give(result))
	}
	const handle = value => {
		const name = Buffer.alloc(4)
		name.writeUInt32BE(last)
		open.set(last++, value)
		return name
	}
	const held = name => open.get(name.readUInt32BE())
	const set = (target, a) => {
		if (a.mode !== undefined) fs.chmodSync(target, a.mode & 0o7777)
		if (a.mtime !== undefined) fs.utimesSync(target, a.atime, a.mtime)
	}

	sftp.on('OPEN', (id, path, flags, a) => answer(id,
		() => handle({ fd: fs.openSync(path, flagsToString(flags) ?? flags2(flags),
			a.mode ?? 0o666) }), h => sftp.handle(id, h)))
	// "w" would cut off what is there, which was not asked for.
	const flags2 = flags => (flags & 1 ? fs.constants.O_RDONLY : 0) |
		(flags & 2 ? fs.constants.O_WRONLY : 0) |
		(flags & 8 ? fs.constants.O_CREAT : 0) |
		(flags & 32 ? fs.constants.O_EXCL : 0)
	sftp.on('READ', (id, h, offset, length) => answer(id, () => {
		const bytes = Buffer.alloc(Math.min(length, SHORT))
		return bytes.subarray(0, fs.readSync(held(h).fd, bytes, 0,
			bytes.length, offset))
	}, bytes => bytes.length ? sftp.data(id, bytes)
		: sftp.status(id, S.EOF)))
	sftp.on('WRITE', (id, h, offset, bytes) => answer(id,
		() => { fs.writeSync(held(h).fd, bytes, 0, bytes.length, offset) }))
	sftp.on('CLOSE', (id, h) => answer(id, () => {
		const value = held(h)
		open.delete(h.readUInt32BE())
		if (value.fd !== undefined) fs.closeSync(value.fd)
	}))
	sftp.on('FSTAT', (id, h) => answer(id, () => fs.fstatSync(held(h).fd),
		s => sftp.attrs(id, attrs(s))))
	sftp.on('STAT', (id, path) => answer(id, () => fs.statSync(path),
		s => sftp.attrs(id, attrs(s))))
	sftp.on('LSTAT', (id, path) => answer(id, () => fs.lstatSync(path),
		s => sftp.attrs(id, attrs(s))))
	sftp.on('SETSTAT', (id, path, a) => answer(id, () => set(path, a)))
	sftp.on('FSETSTAT', (id, h, a) => answer(id, () => {
		const fd = held(h).fd
		if (a.mode !== undefined) fs.fchmodSync(fd, a.mode & 0o7777)
		if (a.mtime !== undefined) fs.futimesSync(fd, a.atime, a.mtime)
	}))
	sftp.on('OPENDIR', (id, path) => answer(id,
		() => handle({ path, names: ['.', '..', ...fs.readdirSync(path)] }),
		h => sftp.handle(id, h)))
	sftp.on('READDIR', (id, h) => answer(id, () => held(h).names.splice(0, 7),
		names => names.length ? sftp.name(id, names.map(name => ({
			filename: name, longname: name,
			attrs: attrs(fs.lstatSync(`${held(h).path}/${name}`)),
		}))) : sftp.status(id, S.EOF)))
	sftp.on('REMOVE', (id, path) => answer(id, () => fs.unlinkSync(path)))
	sftp.on('RMDIR', (id, path) => answer(id, () => fs.rmdirSync(path)))
	sftp.on('MKDIR', (id, path, a) => answer(id,
		() => { fs.mkdirSync(path, a.mode ?? 0o777) }))
	sftp.on('RENAME', (id, from, to) => answer(id, () => {
		if (fs.lstatSync(to, { throwIfNoEntry: false }))
			throw Object.assign(new Error(), { code: 'EEXIST' })
		fs.renameSync(from, to)
	}))
	sftp.on('READLINK', (id, path) => answer(id, () => fs.readlinkSync(path),
		to => sftp.name(id, [{ filename: to, longname: to, attrs: {} }])))
	sftp.on('SYMLINK', (id, path, target) => answer(id,
		() => fs.symlinkSync(target, path)))
	sftp.on('REALPATH', (id, path) => answer(id, () => fs.realpathSync(path),
		to => sftp.name(id, [{ filename: to, longname: to, attrs: {} }])))
}

new Server({ hostKeys: [fs.readFileSync(process.argv[2])] }, client => {
	client.on('error', () => {})
	client.on('authentication', context => context.accept())
	client.on('session', accept => accept().on('sftp',
		accept => serve(accept())))
}).listen(0, '127.0.0.1', function () {
	console.log(this.address().port)
})
