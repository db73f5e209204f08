# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# The harness of the integration tests.  A test is a bash script
# tests/integration/NN-what.sh that begins so:
#
#	#!/bin/bash
#	# Goal: what a user relies on, in a sentence.
#	# Timeout: 30
#	. "$(dirname "$0")/../lib.sh"
#
# and then says what must hold: ok, fails, exits, is, like.  The numbers, the
# plan and the exit status are made here.  Each test has its own $TMP and its
# own BERTH_HOME; what it starts must be gone when it ends, and a test waits
# for events (wait_for), never for time to pass.

set -u
export LC_ALL=C.UTF-8

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$ROOT/build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac

# Run by hand, a test goes through the runner all the same.
if [ -z "${BERTH_TEST_TMP:-}" ]; then
	exec "$ROOT/tests/run" -v "$0"
fi

TMP=$BERTH_TEST_TMP
BERTH=$BUILD/src/berth/berth
BERTHD=$BUILD/src/berthd/berthd
BERTH_LINK=$BUILD/src/link/berth-link
export TMP BERTH BERTHD BERTH_LINK BUILD ROOT
export TMPDIR=$TMP
export BERTH_HOME=$TMP/h
export HOME=$TMP/home
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS
mkdir -p "$HOME"
cd "$TMP" || exit 99

# A command that runs until somebody ends it.
export HANG='exec tail -f /dev/null'

# --- points -----------------------------------------------------------------

T_n=0
T_failed=0
T_cleanup=()
T_homes=()

T_point() {
	T_n=$((T_n + 1))
	echo "$1 $T_n - $2"
	[ "$1" = ok ] || T_failed=$((T_failed + 1))
}

# Text as a comment, so that no line of it is taken for a point.
note() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$*" | sed 's/^/# /'
	else
		sed 's/^/# /'
	fi
}

pass() {
	T_point ok "$1"
}

fail() {
	T_point 'not ok' "$1"
	[ $# -lt 2 ] || note "${*:2}"
}

# Each of these has the status of what it found, so that `|| note' can say more.

# ok WHAT COMMAND...: the command succeeds; its output is shown if not.
ok() {
	local status
	"${@:2}" >"$TMP/.out" 2>&1
	status=$?
	if [ $status -eq 0 ]; then
		pass "$1"
	else
		fail "$1" "$(printf '%q ' "${@:2}") ended with $status"
		tail -n 40 "$TMP/.out" | note
		return 1
	fi
}

# fails WHAT COMMAND...: it fails, and not by a signal.
fails() {
	local status
	"${@:2}" >"$TMP/.out" 2>&1
	status=$?
	if [ $status -gt 0 ] && [ $status -lt 128 ]; then
		pass "$1"
	else
		fail "$1" "$(printf '%q ' "${@:2}") ended with $status"
		tail -n 40 "$TMP/.out" | note
		return 1
	fi
}

# exits STATUS WHAT COMMAND...
exits() {
	local status
	"${@:3}" >"$TMP/.out" 2>&1
	status=$?
	is "$2" "$status" "$1" || {
		tail -n 40 "$TMP/.out" | note
		return 1
	}
}

# is WHAT GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "got:    $(printf '%q' "$2")"
		note "wanted: $(printf '%q' "$3")"
		return 1
	fi
}

# like WHAT GOT ERE, unlike WHAT GOT ERE
like() {
	if [[ $2 =~ $3 ]]; then
		pass "$1"
	else
		fail "$1" "got:    ${2:0:2000}"
		note "wanted: $3"
		return 1
	fi
}

unlike() {
	if [[ $2 =~ $3 ]]; then
		fail "$1" "got: ${2:0:2000}"
		return 1
	fi
	pass "$1"
}

# points COMMAND...: a test in another language, which prints "ok WHAT" or "not
# ok WHAT" per point and comments after "#", and fails if a point does.
points() {
	local line status failed=$T_failed
	BERTH_SEED=$SEED "$@" >"$TMP/.points" 2>"$TMP/.errors"
	status=$?
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "${line#ok }" ;;
		'not ok '*) fail "${line#not ok }" ;;
		*) note "${line#\# }" ;;
		esac
	done <"$TMP/.points"
	note <"$TMP/.errors"
	is "$(basename "$2") went to its end" $status $((T_failed > failed))
}

# --- what cannot be tested here ---------------------------------------------

# Is a skip for want of NAME a failure?  In CI every one is.
T_required() {
	[ "${CI:-}" = true ] || [[ " ${BERTH_TEST_REQUIRE:-} " == *" $1 "* ]]
}

# skip_all REASON [NAME]: this machine lacks what a setup could have installed.
skip_all() {
	if T_required "${2:-}"; then
		fail "can run here: $1"
		exit 1
	fi
	T_skipped=1
	echo "1..0 # SKIP $1"
	exit 77
}

# needs PROGRAM...
needs() {
	local program
	for program; do
		command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] ||
			skip_all "$program is not installed (scripts/setup --tests)" \
				"$program"
	done
}

# cannot WHAT REASON: the kernel or the container forbids it, whatever is
# installed.  Counted as skipped, also in CI.
cannot() {
	T_n=$((T_n + 1))
	echo "ok $T_n - $1 # SKIP $2"
}

# Sizes of processes mean nothing then: the sanitizers' shadows are not ours.
is_sanitized() {
	[ -n "${BERTH_TEST_SANITIZED:-}" ]
}

needs_root() {
	[ "$(id -u)" -eq 0 ] || skip_all 'needs root' root
}

# --- waiting and ending -----------------------------------------------------

# wait_for SECONDS COMMAND...: until the command succeeds.  What does not come is a
# failure of the test, whether or not the test looks.
wait_for() {
	local until=$((${EPOCHREALTIME/./} + $1 * 1000000 * ${BERTH_TEST_SLOW:-1}))
	while ! "${@:2}" >"$TMP/.wait" 2>&1; do
		if [ "${EPOCHREALTIME/./}" -gt $until ]; then
			note "waited $1 s in vain for: ${*:2}"
			tail -n 5 "$TMP/.wait" | note
			T_in_vain=${*:2}
			return 1
		fi
		sleep 0.02
	done
}

# Events to wait for.
file_has() { grep -q -- "$2" "$1"; }
is_gone() { ! kill -0 "$1"; }
exists() { [ -e "$1" ]; }

# cleanup_at_exit COMMAND...: last registered, first run.
cleanup_at_exit() {
	T_cleanup=("$(printf '%q ' "$@")" ${T_cleanup[@]+"${T_cleanup[@]}"})
}

T_end() {
	local status=$? command
	trap - EXIT
	# A job that is killed before it has forgotten its parent's traps.
	[ "$BASHPID" -eq $$ ] || exit "$status"
	for command in ${T_cleanup[@]+"${T_cleanup[@]}"}; do
		eval "$command" >>"$TMP/cleanup.log" 2>&1
	done
	[ -n "${T_skipped:-}" ] && exit 77
	if [ "$status" -ne 0 ] && [ "$T_failed" -eq 0 ]; then
		fail "the test runs to its end" "it ended with $status"
	fi
	if [ -n "${T_in_vain:-}" ] && [ "$T_failed" -eq 0 ]; then
		fail 'what is waited for comes' "$T_in_vain"
	fi
	[ "$T_n" -eq 0 ] && fail 'the test tests something'
	echo "1..$T_n"
	[ "$T_failed" -eq 0 ]
	exit
}
trap T_end EXIT
trap 'exit 130' INT TERM

# --- daemons ----------------------------------------------------------------

T_answers() {
	curl -sf --max-time 2 --unix-socket "$1/run/berthd.sock" \
		http://localhost/health
}

# Everything of a BERTH_HOME: its execs, then its daemon.
T_stop_home() {
	local home=$1 id
	[ -d "$home/state" ] || return 0
	export BERTH_HOME=$home
	T_answers "$home" || "$BERTHD" serve --detach
	api GET '/v1/exec?state=running&limit=0' |
		jq -r '.execs[].exec_id' | while read -r id; do
		api POST "/v1/exec/$id/cancel" -d '{"grace":"0s"}'
	done
	"$BERTHD" stop
}

# use_home NAME: another BERTH_HOME from here on, stopped at the end.
use_home() {
	export BERTH_HOME=$TMP/$1
	mkdir -p "$BERTH_HOME"
	[[ " ${T_homes[*]-} " == *" $BERTH_HOME "* ]] && return
	T_homes+=("$BERTH_HOME")
	cleanup_at_exit T_stop_home "$BERTH_HOME"
}

# The directory of all execs of $BERTH_HOME, and of one.  A file of output comes
# with its first byte: match the directory, not the file.
exec_root() { echo "$BERTH_HOME"/state/*/exec; }
exec_dir() { echo "$BERTH_HOME"/state/*/exec/"$1"; }

# start_daemon [ARGUMENT...]: berthd in the foreground of a background job, so
# that its pid is known: $DAEMON_PID; its log is $BERTH_HOME/berthd.log.
start_daemon() {
	use_home "${BERTH_HOME#"$TMP"/}"
	"$BERTHD" serve "$@" >>"$BERTH_HOME/berthd.log" 2>&1 &
	DAEMON_PID=$!
	wait_for 10 T_answers "$BERTH_HOME" && return
	fail 'the daemon starts' "$(tail -n 20 "$BERTH_HOME/berthd.log")"
	exit 1
}

# The daemon ends; its execs do not.
stop_daemon() {
	kill -TERM "$DAEMON_PID"
	wait "$DAEMON_PID"
}

# kill -9, as in the worst case.
kill_daemon() {
	kill -KILL "$DAEMON_PID"
	wait "$DAEMON_PID" 2>/dev/null
	return 0
}

# api METHOD PATH [CURL-ARGUMENT...]: one request to the daemon's socket.
api() {
	curl -sS --max-time 30 --unix-socket "$BERTH_HOME/run/berthd.sock" \
		-X "$1" "http://localhost$2" "${@:3}"
}

# api_status METHOD PATH [CURL-ARGUMENT...]: its HTTP status alone.
api_status() {
	api "$@" -o /dev/null -w '%{http_code}'
}

# exec_is STATE ID: an event to wait for.
exec_is() {
	[ "$(api GET "/v1/exec/$2" | jq -r .state)" = "$1" ]
}

# --- randomness that can be had again ---------------------------------------

SEED=${BERTH_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$SEED
note "BERTH_SEED=$SEED"

# Other users are needed by tests of what they cannot do; this one has no
# account, only a number.
as_nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

needs curl jq
