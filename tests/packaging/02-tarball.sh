#!/bin/bash
# Goal: the tarball is unpacked and works, for somebody who is not root.
. "$(dirname "$0")/../lib.sh"
needs tar sha256sum
. "$ROOT/tests/packaging/shipped.sh"

cd "$ROOT/dist" || exit 1
ok 'the sums are right' sha256sum -c SHA256SUMS
cd "$TMP" || exit 1

declare -A machine=([x86_64]='X86-64' [aarch64]='AArch64')
for arch in x86_64 aarch64; do
	ok "$arch: unpacks" tar -xzf "$ROOT/dist/berth-$VERSION-linux-$arch.tar.gz"
	top=berth-$VERSION-linux-$arch
	for path in bin/berth bin/berthd bin/codexd bin/codex-remote README.md \
		LICENSE NOTICES CHANGELOG.md libexec/berth/berthd-x86_64 \
		libexec/berth/berthd-aarch64; do
		ok "$arch: has $path" test -s "$top/$path"
	done
	like "$arch: is for that machine" \
		"$(readelf -h "$top/bin/berthd" | grep Machine)" "${machine[$arch]}"
done

native=berth-$VERSION-linux-$(uname -m)
ok 'installs where it is told to' "$native/install" "$HOME/.local"
export PATH=$HOME/.local/bin:$PATH
is 'berth is the one installed' "$(command -v berth)" "$HOME/.local/bin/berth"
is 'of this version' "$(berth version)" "berth $VERSION"
check_share "$HOME/.local/share" site-functions
like 'the unit starts what was installed' \
	"$(cat "$HOME/.local/lib/systemd/user/berthd.service")" \
	"ExecStart=$HOME/.local/bin/berthd serve"

for arch in x86_64 aarch64; do
	like "has the daemon to send to $arch" "$(readelf -h \
		"$HOME/.local/libexec/berth/berthd-$arch" | grep Machine)" \
		"${machine[$arch]}"
done

unset BERTHD
use_home h
is 'a first command runs' "$(berth exec run --raw -- echo hello)" hello
ok 'and its daemon stops' berthd stop
BERTHD=$HOME/.local/bin/berthd
