// SPDX-License-Identifier: ISC
//
//	node ws-server.mjs
//
// A WebSocket server that echoes, for tests/tools/ws_say.  It prints "listening
// HOST:PORT".  /ping: pings before each echo; /close: closes with 4001 at once;
// /fragments: sends each echo in three pieces; /text: answers 200 instead.

import http from 'node:http';
import { WebSocketServer } from 'ws';

const server = http.createServer((request, response) => response.end('no WebSocket here\n'));
const wss = new WebSocketServer({ noServer: true });

server.on('upgrade', (request, socket, head) => {
  if (request.url === '/text') {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  wss.handleUpgrade(request, socket, head, (ws) => {
    if (request.url === '/close') ws.close(4001, 'go away');
    ws.on('message', (data, isBinary) => {
      if (request.url === '/ping') ws.ping();
      if (request.url !== '/fragments') {
        ws.send(data, { binary: isBinary });
        return;
      }
      const third = Math.ceil(data.length / 3);
      for (let i = 0; i < 3; i++)
        ws.send(data.subarray(i * third, (i + 1) * third), { binary: isBinary, fin: i === 2 });
    });
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`listening 127.0.0.1:${server.address().port}`);
});
