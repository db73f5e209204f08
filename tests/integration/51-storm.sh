#!/bin/bash
# Goal: whatever is killed, and whenever, every exec is there once, every byte
# once, and every end is true or says that it was lost.
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

configure 'retention_count: 1000000'
use_home h
ok 'a daemon serves' "$BERTHD" serve --detach
drive storm
