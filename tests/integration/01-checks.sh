#!/bin/bash
# Goal: each rule of the house has a script that sees it broken.
. "$(dirname "$0")/../lib.sh"
needs git nm cc

mkdir t
cd t || exit 1
git init -q .
cp -r "$ROOT/scripts" "$ROOT/.clang-format" .
licence='/* SPDX-License-Identifier: ISC */'

put() {
	mkdir -p "$(dirname "$1")"
	printf '%s\n' "${@:2}" >"$1"
}

# sees SCRIPT PATTERN: the script fails, and says so; then the tree is clean.
sees() {
	local out
	if out=$(scripts/check-"$1" 2>&1); then
		fail "check-$1 sees: $2"
	else
		like "check-$1 sees: $2" "$out" "$2"
	fi
	rm -rf src tests fuzz docs
}

# --- includes
include() {
	put "$1" "$licence" "#include $2"
}
include src/core/a.c '"http/head.h"'
sees layers 'src/core/a.c:2: core may include core only'
include src/cli/a.c '"wire/errors.h"'
sees layers 'cli may include core cli only'
include src/berth/a.h '"berthd/config.h"'
sees layers 'berth may include'
include src/core/a.c '"buf.h"'
sees layers 'name the header with its directory'
include src/core/a.c '"core/../http/head.h"'
sees layers 'name the header with its directory'
include src/wire/a.c '<jansson.h>'
sees layers '<jansson.h> is not for this file'
include src/core/a.c '<uv.h>'
sees layers '<uv.h> is not for this file'
include src/newdir/a.c '"core/buf.h"'
sees layers 'src/newdir has no row'

# --- words
word() {
	put "$1" "$licence" "$2"
}
put docs/a.md '<<<<<<<'' HEAD'
sees words 'merge that was not finished'
word src/core/a.c '/* TODO: later */'
sees words 'NEEDSWORK\(#123\)'
word docs/a.md 'NEEDSWORK: whose?'
sees words 'name the issue'
word tests/integration/09-a.sh 'sl''eep 1'
sees words 'wait for an event'
word src/core/a.c '	usl''eep(5);'
sees words 'use a timer'
word src/berthd/a.c '	uv_queue_work(loop, w, a, b);'
sees words 'worker threads'
word src/berthd/a.c '	uv_fs_stat(loop, r, p, cb);'
sees words 'worker threads'
word src/core/a.c '	p = getpwuid(0);'
sees words 'no name service'
word src/core/a.c '	sprintf(a, b);'
sees words 'unbounded'
word src/core/a.c '	exit(1);'
sees words 'only a main.c ends'
word src/core/a.c '	p = malloc(5);'
sees words 'core/mem.h'
word src/core/a.c '// comment'
sees words 'C\+\+ comment'
word src/core/a.c 'int a; '
sees words 'space at the end'
put src/core/a.c 'int a;'
sees words 'licence line is missing'

# --- mirror
word src/core/a.c 'int a;'
sees mirror 'src/core/a.c: has no tests/unit/core/a_test.c'
word src/core/a.c 'int a;'
word tests/unit/core/a_test.c 'int a;'
put tests/unit/core/meson.build "['b']"
sees mirror 'a_test.c: is not built'
word tests/unit/core/b_test.c 'int a;'
sees mirror 'b_test.c: mirrors no module'

# --- format
put src/core/a.c "$licence" 'int  a;'
if command -v clang-format >/dev/null; then
	sees format 'code should be clang-formatted'
else
	sees format 'clang-format is not installed'
fi

# --- exports
word src/core/a.h 'extern int declared;'
put src/core/a.c "$licence" 'int declared, a_mine, stray;'
mkdir -p build/src/core/libcore.a.p
cc -c -o build/src/core/libcore.a.p/a.c.o src/core/a.c
put build/compile_commands.json '[{ "file": "../src/core/a.c",' \
	'"output": "src/core/libcore.a.p/a.c.o" }]'
out=$(scripts/check-exports build)
is 'check-exports sees what no header declares' "$out" \
	'src/core/a.c: exports stray, which no header in src/core declares'

# --- and nothing where there is nothing
put src/core/a.h "$licence" '#ifndef A_H' '#define A_H' 'int a_get(void);' '#endif'
put src/core/a.c "$licence" '#include "core/a.h"' '' 'int' 'a_get(void)' '{' \
	'	return _exit_is_fine();' '}'
put tests/unit/core/a_test.c "$licence"
put tests/unit/core/meson.build "['a']"
# The modules that check-mirror exempts, and what covers them.
sed -n 's/^\(src[^ ]*\) : .* : \(.*\)/\1 \2/p' scripts/check-mirror |
	while read -r module test; do
		put "${module//\*/x}" "$licence"
		[ -f "$test" ] || put "$test" "$licence"
		case $test in
		tests/unit/*_test.c)
			put "src/${test:11:-7}.c" "$licence"
			echo "'$(basename "$test" _test.c)'" >>"${test%/*}/meson.build"
			;;
		esac
	done
for script in layers words mirror; do
	ok "check-$script is content with a good tree" scripts/check-$script
done
