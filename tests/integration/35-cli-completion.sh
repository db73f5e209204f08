#!/bin/bash
# Goal: a tab completes words and ids in bash, and help is there without files.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
use_home h
PATH=$(dirname "$BERTH"):$PATH

# shellcheck source=/dev/null
. <("$BERTH" completion bash)

# offers WORD...: candidates for the last word.
offers() {
	COMP_WORDS=(berth "$@")
	COMP_CWORD=$#
	_berth
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
}

is 'nouns' "$(offers e)" 'events exec '
is 'verbs' "$(offers exec w)" 'wait watch write '
is 'options' "$(offers exec logs --tail)" '--tail --tail-lines '
is 'choices' "$(offers logs --stream std)" 'stderr stdout '
is 'nothing is started for a tab' "$(offers logs '')" ' '
fails 'no daemon runs' T_answers "$BERTH_HOME"
id=$("$BERTH" exec start -- true | jq -r .exec_id)
is 'ids' "$(offers logs '')" "$id last "
is 'beginnings of ids' "$(offers exec result "${id:0:6}")" "$id "
is 'ids behind options' "$(offers exec cancel --grace 1s "${id:0:6}")" "$id "
is 'signals' "$(offers exec signal last US)" 'USR1 USR2 '
is 'machines' "$(offers -m l)" 'local '

for shell in zsh fish; do
	if command -v $shell >/dev/null; then
		"$BERTH" completion $shell >script
		ok "the script for $shell is one" $shell -n script
	else
		cannot "the script for $shell" "no $shell here"
	fi
done

like 'help of everything' "$("$BERTH" --help)" 'Usage: berth .OPTION.* COMMAND'
like 'help of a verb' "$("$BERTH" help exec logs)" '--tail-lines N'
is 'it is the same by any way' "$("$BERTH" logs --help)" \
	"$("$BERTH" help exec logs)"
like 'a typing error is understood' "$("$BERTH" exec lgos 2>&1)" \
	"did you mean 'berth exec logs'"
exits 64 'and is a wrong line' "$BERTH" exec lgos
is 'a page for every command' \
	"$("$BERTH" help --man exec run | head -2 | tail -1)" \
	'.Dt BERTH-EXEC-RUN 1'
