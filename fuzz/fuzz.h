/* SPDX-License-Identifier: ISC */
#ifndef BERTH_FUZZ_H
#define BERTH_FUZZ_H

/*
 * What a fuzzer implements, and how it says that something is wrong: an
 * assertion that fails is a crash, which libFuzzer keeps.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
