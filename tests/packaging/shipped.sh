# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What the tests of shipped things have in common.

VERSION=$("$BUILD/src/berthd/berthd" version)

# check_share DIRECTORY ZSH-DIRECTORY: manuals and completions, and none empty.
check_share() {
	local page name empty
	for name in berth berthd; do
		ok "completes $name in bash" bash -n \
			"$1/bash-completion/completions/$name"
		ok "completes $name in zsh" zsh -n "$1/zsh/$2/_$name"
		ok "completes $name in fish" fish -n \
			"$1/fish/vendor_completions.d/$name.fish"
	done
	for page in man1/berth.1 man1/berth-exec-run.1 man8/berthd.8 \
		man8/berthd-serve.8; do
		ok "has the manual $page" test -s "$1/man/$page.gz"
	done
	for page in "$1"/man/man[18]/*.gz; do
		zcat "$page" | mandoc -Tlint -Wwarning >>"$TMP/mandoc" 2>&1
	done
	is 'mandoc is content with all of them' "$(cat "$TMP/mandoc")" ''
	empty=$(find "$1" -type f -empty)
	is 'no file is empty' "$empty" ''
}
