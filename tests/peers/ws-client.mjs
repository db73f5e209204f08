// SPDX-License-Identifier: ISC
//
//	node ws-client.mjs URL SOCKET
//
// The WebSocket of tests/tools/http_server, which echoes messages up to 2 MiB,
// driven by `ws', and, with frames that `ws' would never send, by hand.  URL is
// for `ws', SOCKET ("/path" or "host:port") for the frames.

import net from 'node:net';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';

import { WebSocket } from 'ws';

import { all, below, is, ok, run } from './check.mjs';

const [, , url, socket] = process.argv;

async function open() {
  const ws = new WebSocket(url);
  await once(ws, 'open');
  return ws;
}

async function next(ws) {
  const [data, isBinary] = await once(ws, 'message');
  return isBinary ? data : data.toString();
}

async function closed(ws) {
  const [code, reason] = await once(ws, 'close');
  return { code, reason: reason.toString() };
}

async function messages_come_back() {
  const ws = await open();
  const cases = [];
  for (const size of [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20, 2 << 20]) {
    const bytes = randomBytes(size);
    ws.send(bytes);
    cases.push({ name: `binary ${size}`, got: await next(ws), wanted: bytes });
    const text = 'a€'.repeat(size / 4);
    ws.send(text);
    cases.push({ name: `text ${size}`, got: await next(ws), wanted: text });
  }
  all('messages of all sizes come back', cases);
  ws.close(1000, 'done');
  is('a close is answered with its code', await closed(ws), { code: 1000, reason: 'done' });
}

async function fragments_are_joined() {
  const ws = await open();
  ws.send('one ', { fin: false });
  ws.ping('between');
  const [pong] = await once(ws, 'pong');
  is('a ping between fragments is answered at once', pong.toString(), 'between');
  ws.send('tw', { fin: false });
  ws.send(Buffer.from([0xc3]), { fin: false });
  ws.send(Buffer.from([0xb6]), { fin: true });
  is('fragments are one message', await next(ws), 'one twö');
  const cases = [];
  for (let i = 0; i < 50; i++) {
    const bytes = randomBytes(below(200000));
    let at = 0;
    while (at < bytes.length) {
      const n = 1 + below(bytes.length - at);
      ws.send(bytes.subarray(at, at + n), { binary: true, fin: at + n === bytes.length });
      at += n;
    }
    if (bytes.length > 0) cases.push({ name: `${i}`, got: await next(ws), wanted: bytes });
  }
  all('random fragments are one message', cases);
  ws.close();
  is('a close without a code', await closed(ws), { code: 1005, reason: '' });
}

async function many_messages_stay_in_order() {
  const ws = await open();
  const n = 3000;
  let got = 0;
  let inOrder = true;
  const all = new Promise((resolve) => ws.on('message', (data) => {
    inOrder &&= data.readUInt32LE() === got;
    if (++got === n) resolve();
  }));
  for (let i = 0; i < n; i++) {
    const bytes = Buffer.alloc(4 + below(50000));
    bytes.writeUInt32LE(i);
    ws.send(bytes);
  }
  await all;
  ok('3000 messages sent without waiting come back in order', inOrder);
  ws.terminate();
}

async function too_large_is_1009() {
  const ws = await open();
  ws.on('error', () => {});
  ws.send(Buffer.alloc((2 << 20) + 1));
  is('a message that is too large', (await closed(ws)).code, 1009);
}

async function many_sockets() {
  const sockets = await Promise.all(Array.from({ length: 100 }, open));
  const answers = await Promise.all(sockets.map((ws, i) => {
    ws.send(`${i}`);
    return next(ws);
  }));
  is('100 sockets at once', answers, sockets.map((_, i) => `${i}`));
  await Promise.all(sockets.map((ws) => {
    ws.close(4000);
    return closed(ws);
  }));
}

// --- by hand -----------------------------------------------------------------

const HANDSHAKE = 'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n' +
  'Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
  'Sec-WebSocket-Version: 13\r\n\r\n';

/** What the server says to these frames, after its handshake. */
async function say(...frames) {
  const at = socket.lastIndexOf(':');
  const s = socket.startsWith('/') ? net.connect(socket) :
    net.connect(Number(socket.slice(at + 1)), socket.slice(0, at));
  const chunks = [];
  s.on('data', (chunk) => chunks.push(chunk));
  s.on('error', () => {});
  s.write(HANDSHAKE);
  for (const frame of frames) s.write(Buffer.from(frame));
  await once(s, 'close');
  const all = Buffer.concat(chunks);
  return all.subarray(all.indexOf('\r\n\r\n') + 4);
}

const M = [0, 0, 0, 0];
const close = (code) => [0x88, 0x82, ...M, code >> 8, code & 255];

async function broken_frames_are_refused() {
  const rows = [
    ['unmasked', 1002, [0x81, 0x03, 0x61, 0x62, 0x63]],
    ['RSV1', 1002, [0xc1, 0x83, ...M, 0x61, 0x62, 0x63]],
    ['RSV2', 1002, [0xa1, 0x80, ...M]],
    ['RSV3', 1002, [0x91, 0x80, ...M]],
    ['opcode 3', 1002, [0x83, 0x80, ...M]],
    ['opcode 11', 1002, [0x8b, 0x80, ...M]],
    ['fragmented ping', 1002, [0x09, 0x80, ...M]],
    ['ping of 126 bytes', 1002, [0x89, 0xfe, 0, 126, ...M, ...Buffer.alloc(126)]],
    ['continuation without start', 1002, [0x80, 0x80, ...M]],
    ['start within a message', 1002, [0x01, 0x80, ...M, 0x81, 0x80, ...M]],
    ['length not minimal', 1002, [0x82, 0xfe, 0, 3, ...M, 1, 2, 3]],
    ['64-bit length not minimal', 1002, [0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, ...M]],
    ['length 2^63', 1002, [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, ...M]],
    ['length of 1 TB', 1009, [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, ...M]],
    ['bad UTF-8', 1007, [0x81, 0x82, ...M, 0xc3, 0x28]],
    ['a surrogate', 1007, [0x81, 0x83, ...M, 0xed, 0xa0, 0x80]],
    ['bad UTF-8 over fragments', 1007, [0x01, 0x81, ...M, 0xc3, 0x80, 0x81, ...M, 0x28]],
    ['close of one byte', 1002, [0x88, 0x81, ...M, 3]],
    ['close with 1005', 1002, close(1005)],
    ['close with 999', 1002, close(999)],
    ['close with a bad reason', 1007, [0x88, 0x84, ...M, 3, 0xe8, 0xc3, 0x28]],
  ];
  const cases = [];
  for (const [name, code, frame] of rows) {
    const answer = await say(frame);
    cases.push({ name, got: [answer[0], answer.readUInt16BE(2)], wanted: [0x88, code] });
  }
  all('broken frames are closed with the right code', cases);
}

async function close_is_answered_once() {
  is('a close is answered once, and nothing after it',
    await say(close(1000), [0x81, 0x80, ...M], close(1000)), Buffer.from([0x88, 2, 3, 0xe8]));
}

async function frames_may_come_with_the_handshake_byte_by_byte() {
  const frame = [0x81, 0x85, 1, 2, 3, 4, ...Buffer.from('hello').map((c, i) => c ^ [1, 2, 3, 4][i % 4])];
  is('frames byte by byte', await say(...frame.map((byte) => [byte]), close(1000)),
    Buffer.from([0x81, 5, ...Buffer.from('hello'), 0x88, 2, 3, 0xe8]));
}

await run([
  messages_come_back,
  fragments_are_joined,
  many_messages_stay_in_order,
  too_large_is_1009,
  many_sockets,
  broken_frames_are_refused,
  close_is_answered_once,
  frames_may_come_with_the_handshake_byte_by_byte,
]);
