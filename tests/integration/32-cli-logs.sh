#!/bin/bash
# Goal: any part of any output can be read, by people and by programs.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
use_home h

id=$("$BERTH" exec start -- sh -c 'seq 1 1000; echo warning >&2' | jq -r .exec_id)
"$BERTH" exec wait "$id" >/dev/null
seq 1 1000 >all

# logs ARGUMENT...
logs() {
	"$BERTH" logs "$@" "$id" 2>err
}

logs >out
ok 'all of it is shown' cmp out all
is 'each stream where it belongs' "$(<err)" warning
is 'one stream alone' "$(logs -s stderr 2>&1; cat err)" warning
is 'the last lines' "$(logs --stream stdout -n 2)" $'999\n1000'
is 'the last bytes, exactly' "$(logs -s stdout --tail 7)" $'9\n1000'
is 'or in whole lines, as events' \
	"$(logs --jsonl -s stdout --tail 7 | jq -r .line)" 1000
is 'the first lines' "$(logs -s stdout --head-lines 2)" $'1\n2'
is 'the first bytes' "$(logs -s stdout --head 4)" $'1\n2'
is 'from an offset, exactly' "$(logs -s stdout --offset 3888)" 1000
is 'so many bytes' "$(logs -s stdout --offset 2 --max-bytes 4)" $'2\n3'
is 'lines with a text' "$(logs -s stdout --grep 99 | tail -2)" $'998\n999'
is 'lines that match' "$(logs -s stdout -E '^1(0|1)0$')" $'100\n110'
is 'what came lately' "$(logs --since 1h | wc -l)" 1000
is 'what came long ago' "$(logs --until 1h | wc -l)" 0
is 'at most what was said' "$(logs --full -s stdout | wc -c)" 3893
is 'events' "$(logs --jsonl -s stdout -n 1 | jq -c '[.line, .offset]')" \
	'["1000",3888]'

# refusal ARGUMENT...: what is said of options that cannot be.
refusal() { "$BERTH" logs "$@" "$id" 2>&1 >/dev/null | head -1; }

like 'an expression that is refused is that of an option' \
	"$(refusal --grep-re '(')" '^berth: --grep-re: the expression: '
like 'and so is another value' "$(refusal --grep "$(seq -s , 400)")" \
	'^berth: --grep: longer than '
for option in since until; do
	like "a wrong --$option, too" "$(refusal --$option soon)" \
		"^berth: --$option: \"soon\" is neither a time"
done
is 'one beginning is enough' "$(refusal --head 3 --tail 4)" \
	'berth: only one of --full, --tail, --tail-lines, --head, --head-lines and --offset can be given'
is 'also one that is an offset' "$(refusal --offset 3 --full)" \
	"$(refusal --head 3 --tail 4)"
is 'and one pattern' "$(refusal --grep a --grep-re b)" \
	'berth: --grep and --grep-re exclude each other'
is 'nobody waits for the beginning' "$(refusal --head-lines 3 -f)" \
	'berth: --follow excludes --head and --head-lines'
exits 64 'such a line is wrong' "$BERTH" logs --since soon "$id"

colours=$("$BERTH" run --raw -c 'printf "\033[31mred\033[0m\n"')
is 'bytes are not changed for a pipe' "$("$BERTH" logs last)" "$colours"
is 'unless that is asked for' "$("$BERTH" logs --strip-ansi last)" red

# Names of execs.
is 'the latest has a name' "$("$BERTH" logs last --strip-ansi)" red
is 'a beginning is enough' "$("$BERTH" logs "${id:0:24}" -s stdout -n1)" 1000
exits 125 'unless many begin so' "$BERTH" logs "${id:0:4}"

# Following.
mkfifo gate
exec 8<>gate
id=$("$BERTH" exec start -- sh -c 'echo one; read x <gate; echo two; exit 4' |
	jq -r .exec_id)
logs -f >out &
pid=$!
wait_for 10 file_has out one
echo go >gate
wait $pid
is 'following ends with the exec' "$? $(tr '\n' ' ' <out)" '0 one two '
"$BERTH" exec watch "$id" >events
is 'watching ends as the exec' $? 4
is 'and tells the end' "$(tail -1 events | jq -r .type)" finished
is 'in words, if that is asked for' "$("$BERTH" exec watch -o text "$id")" \
	$'one\ntwo'

# What was dropped is told.
"$BERTH" run -q --raw --max-output 4K -- seq 1 100000 >out 2>err
like 'a gap is told' "$("$BERTH" logs last 2>&1 >/dev/null)" \
	'bytes of stdout are missing here'
is 'both ends are there' "$("$BERTH" logs -q last | sed -n '1p;$p' | tr '\n' ' ')" \
	'1 100000 '
