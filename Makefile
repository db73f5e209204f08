# The few words that a newcomer types; `make help' lists them.  The work is
# done by meson, and by the scripts that stand beside each word.

BUILD = build
PREFIX = /usr/local

.PHONY: build run test check bench fuzz install uninstall dist clean help
.SILENT:

build:
	scripts/setup
	scripts/build $(BUILD)

run:
	scripts/setup
	scripts/first-run $(BUILD)

test:
	scripts/setup --tests
	BUILD=$(BUILD) scripts/test

check:
	scripts/setup --ci
	scripts/check

bench:
	scripts/setup --tests
	bench/run

fuzz:
	scripts/setup --ci
	scripts/fuzz

install:
	scripts/setup
	scripts/install $(PREFIX)

uninstall:
	scripts/install --remove $(PREFIX)

dist:
	scripts/setup --dist
	scripts/dist

clean:
	rm -rf build build-*/ dist

help:
	echo 'make run      build, start the daemon of this machine, run a first command'
	echo 'make test     install what the tests need, build, run all of them'
	echo 'make          build into ./build'
	echo 'make check    format, layers, words and warnings, as CI sees them'
	echo 'make bench    measure, each figure beside a floor of the same run'
	echo 'make fuzz     run every fuzzer for FUZZ_SECONDS (60)'
	echo 'make install  into PREFIX (/usr/local), below DESTDIR if that is set'
	echo 'make dist     static programs, tarballs and Debian packages in ./dist'
