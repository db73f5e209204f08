# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# For the tests of what berth must withstand (5N and 6N): drivers, scale, and
# a look at what the kernel knows of a process.

export SCALE=${BERTH_SCALE:-1} BERTH_SCALE=${BERTH_SCALE:-1}
export BERTH_SEED=$SEED

# drive NAME [ARGUMENT...]: run tests/faults/NAME.js; what it finds are points.
drive() {
	local line
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "${line#ok }" ;;
		'not ok '*) fail "${line#not ok }" ;;
		'#'*) echo "$line" ;;
		*) note "$line" ;;
		esac
	done < <(node "$ROOT/tests/faults/$1.js" "${@:2}" 2>&1)
}

# An id for POST /v1/exec with this body (the last word may be JSON).
start_exec() {
	api POST /v1/exec -H 'Content-Type: application/json' -d "$1" |
		jq -r .exec_id
}

result_of() {
	api GET "/v1/exec/$1" | jq -r ".$2"
}

ended() {
	[ "$(api GET "/v1/exec/$1" | jq -r .status)" = finished ]
}

# Alive, and not a zombie that nobody has reaped yet.
runs() {
	[ -e "/proc/$1/stat" ] && ! grep -q '^[0-9]* (.*) [ZX]' "/proc/$1/stat"
}
has_ended() { ! runs "$1"; }

# Memory of a process that is really there, in KiB.
rss() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

# CPU time that a process has used, in clock ticks.
cpu_ticks() {
	sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# configure LINE...: the daemon's configuration.
configure() {
	mkdir -p "$BERTH_HOME/config"
	printf '%s\n' "$@" >"$BERTH_HOME/config/berthd.yaml"
}

needs node
