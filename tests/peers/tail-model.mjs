// SPDX-License-Identifier: ISC
//
// What codexd answers to GET /v1/exec/{id}/logs, as a function of the bytes
// that the command wrote.  Small and slow on purpose: it is what the daemon's
// answers are compared with.

const NL = 10;
const CR = 13;
const DEFAULT_TAIL = 2000;

/** The last `max` bytes, without the line that they begin in the middle of. */
export function tailBytes(log, max) {
  if (max <= 0 || log.length === 0) return Buffer.alloc(0);
  const start = Math.max(0, log.length - max);
  const part = log.subarray(start);
  if (start === 0) return part;
  const end = part.indexOf(NL);
  return end < 0 ? Buffer.alloc(0) : part.subarray(end + 1);
}

/** Lines without their ends, "\n" or "\r\n". */
export function lines(log) {
  const out = [];
  for (let at = 0; at < log.length; ) {
    let end = log.indexOf(NL, at);
    if (end < 0) end = log.length;
    const cut = end > at && log[end - 1] === CR ? end - 1 : end;
    out.push(log.subarray(at, cut));
    at = end + 1;
  }
  return out;
}

function join(parts) {
  const out = [];
  parts.forEach((part, i) => {
    if (i > 0) out.push(Buffer.from('\n'));
    out.push(part);
  });
  return Buffer.concat(out);
}

/** The last `max` lines, joined by "\n", with none at the end. */
export function tailLines(log, max) {
  return max <= 0 ? Buffer.alloc(0) : join(lines(log).slice(-max));
}

/** The text that codexd sends for these parameters. */
export function text(log, params) {
  if (params.full === 'true') return log;
  const n = Number(params.tail_lines ?? 0);
  if (n > 0) return tailLines(log, n);
  const tail = /^\d+$/.test(params.tail ?? '') ? Number(params.tail) : -1;
  return tailBytes(log, tail >= 0 ? tail : DEFAULT_TAIL);
}

/** The lines of its events for format=jsonl. */
export function events(log, params) {
  const body = text(log, params);
  const out = [];
  for (let at = 0; at <= body.length; ) {
    let end = body.indexOf(NL, at);
    if (end < 0) end = body.length;
    if (end > at) out.push(body.subarray(at, end));
    at = end + 1;
  }
  return out;
}
