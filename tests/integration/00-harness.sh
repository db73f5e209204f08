#!/bin/bash
# Goal: a test that fails, hangs, skips or leaves a process behind is told so.
. "$(dirname "$0")/../lib.sh"

# A small tree of its own, with the real runner and tests made up here.
mkdir -p t/tests/integration t/build/tests
cp "$ROOT/tests/run" "$ROOT/tests/lib.sh" t/tests/
ln -s "$BUILD/tests/reaper" t/build/tests/

run_test() {
	{
		printf '#!/bin/bash\n# Timeout: 2\n'
		printf '. "$(dirname "$0")/../lib.sh"\n'
		cat
	} >t/tests/integration/01-it.sh
	env -u BERTH_TEST_TMP -u CI -u BERTH_TEST_SLOW BUILD="$TMP/t/build" "$@" t/tests/run \
		>out 2>&1
	status=$?
	out=$(<out)
}

run_test <<<'ok "true is true" true; is "one" 1 1; like "a" abc "b."; fails "no" false'
is 'good test passes' $status 0
like 'and is counted' "$out" '4 passed, 0 failed, 0 skipped$'

run_test <<<'is "same" a b; ok "this goes on" true; ok "cat" cat /nonexistent'
is 'bad point fails the run' $status 1
like 'the point is shown' "$out" 'not ok 1 - same'
like 'with what was got' "$out" 'got: +a'
like 'and what a command said' "$out" 'No such file'
unlike 'not the good ones' "$out" 'this goes on'
like 'all are counted' "$out" '1 passed, 2 failed, 0 skipped$'
ok 'the logs are kept' tar -tzf t/build/test-logs/01-it.tar.gz

run_test <<<'ok "true" true; tail -f /dev/null'
is 'hanging test fails' $status 1
like 'because its time is over' "$out" 'timed out after 2 s'
like 'and what hung is shown' "$out" 'still running: [0-9]+ tail -f /dev/null'

run_test <<<'ok "true" true; setsid tail -f /dev/null & disown'
is 'test that leaves a process behind fails' $status 1
like 'and the process is shown' "$out" 'left behind.*still running'

cp "$(command -v dash)" "$TMP/berth-falls"
run_test <<<'ok "true" true; (setsid '"$TMP"'/berth-falls -c "kill -SEGV \$\$" &)'
is 'test in which a daemon crashes fails' $status 1
like 'and the crash is shown' "$out" 'crashed: [0-9]+ berth-falls \(Segmentation fault\)'

run_test BERTH_TEST_SANITIZED=1 <<<'ok "true" true; mkdir -p h/state
	echo "==7==ERROR: AddressSanitizer: heap-use-after-free" >h/state/berthd.log'
is 'test in which a sanitizer found something fails' $status 1
like 'and what it found is shown' "$out" 'heap-use-after-free'

run_test <<<'ok "true" true; false_command_that_is_not_there; exit 3'
is 'test that ends early fails' $status 1
like 'and says how' "$out" 'the test runs to its end'

run_test <<<'wait_for 0 false; pass "what does not depend on it"'
is 'test that waits in vain fails' $status 1
like 'and says for what' "$out" 'not ok 2 - what is waited for comes'

run_test <<<'true'
is 'test without a point fails' $status 1

run_test <<<'needs no-such-program; ok "not reached" false'
is 'skip is no failure' $status 0
like 'but is told with its reason' "$out" 'SKIP no-such-program is not inst'
like 'and counted' "$out" '0 passed, 0 failed, 1 skipped$'
run_test CI=true <<<'needs no-such-program'
is 'in CI it is one' $status 1
run_test BERTH_TEST_REQUIRE='tmux no-such-program' <<<'needs no-such-program'
is 'and where the program is required' $status 1
run_test CI=true <<<'ok "true" true; cannot "cgroups" "no delegation"'
is 'what the kernel forbids is none' $status 0
like 'and counted as skipped' "$out" '1 passed, 0 failed, 1 skipped$'

run_test <<<'cleanup_at_exit touch '"$TMP/b"'; cleanup_at_exit cp /dev/null '"$TMP/a"'
	ok "wait" wait_for 5 test -d /; fails "in vain" wait_for 0 false; exit 1'
ok 'cleanup runs after a failure, all of it' test -f a -a -f b
