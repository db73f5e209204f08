// asciinema-play.mjs RECORDING OUTPUT [COLSxROWS]: asciinema's own player plays
// a recording to its end; what it hands to its terminal must be OUTPUT.
//
// The part of the player that needs no page is not among its exports.
import { readFileSync, readdirSync } from 'node:fs';

const dist = new URL('./node_modules/asciinema-player/dist/', import.meta.url);
const core = readdirSync(dist).find((name) => /^core-.*\.js$/.test(name));
const { C: Core } = await import(new URL(core, dist));

const [tape, wanted, size] = process.argv.slice(2);
const quiet = { log() {}, debug() {}, info() {}, warn() {}, error: console.error };
let output = '';
let failed = false;

function point(what, ok, why) {
  console.log(`${ok ? 'ok' : 'not ok'} ${what}`);
  if (!ok) {
    failed = true;
    console.log(`# ${why}`);
  }
}

const player = new Core(
  { driver: 'recording', data: () => readFileSync(tape, 'utf8') },
  { logger: quiet, speed: 1000, idleTimeLimit: 0.1 },
);
const ended = new Promise((resolve, reject) => {
  player.addEventListener('ended', resolve);
  player.addEventListener('error', reject);
});
const shown = { sizes: [], inputs: 0 };
player.addEventListener('output', (data) => { output += [data].flat().join(''); });
player.addEventListener('input', () => { shown.inputs += 1; });
for (const event of ['metadata', 'resize', 'reset'])
  player.addEventListener(event, (data) => {
    const at = data.size ?? data;
    if (at.cols !== undefined) shown.sizes.push(`${at.cols}x${at.rows}`);
  });
player.terminalReady();
await player.play();
await Promise.race([ended, new Promise((_, reject) => {
  setTimeout(() => reject(new Error('it does not end')), 15000).unref();
})]).then(
  () => point('it is played to its end', true),
  (error) => point('it is played to its end', false, error.message),
);
const text = readFileSync(wanted, 'utf8');
point('and shows what the terminal showed', output === text,
  JSON.stringify({ output, text }).slice(0, 2000));
if (size)
  point(`on a terminal of ${size}`, shown.sizes.includes(size),
    JSON.stringify(shown.sizes));
point('without what was typed', shown.inputs === 0, `${shown.inputs} inputs`);
process.exit(failed ? 1 : 0);
