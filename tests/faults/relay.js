// SPDX-License-Identifier: ISC
'use strict';

/*
 * A wire that can be cut, for drivers: tests/tools/relay.c as an object.
 */

const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

class Relay {
	/* A relay to a port of loopback; `port' is where it listens. */
	static async start(target) {
		const relay = new Relay();
		relay.child = spawn(path.join(process.env.BUILD, 'tests/tools/relay'),
			[`${target}`], { stdio: ['pipe', 'pipe', 'inherit'] });
		relay.waiting = [];
		readline.createInterface({ input: relay.child.stdout })
			.on('line', (line) => relay.waiting.shift()(Number(line)));
		relay.port = await new Promise((resolve) =>
			relay.waiting.push(resolve));
		return relay;
	}

	/* A command of the relay; how many connections it concerned. */
	say(command) {
		return new Promise((resolve) => {
			this.waiting.push(resolve);
			this.child.stdin.write(`${command}\n`);
		});
	}

	end() {
		return new Promise((resolve) => {
			this.child.on('close', resolve);
			this.child.stdin.end();
		});
	}
}

module.exports = { Relay };
