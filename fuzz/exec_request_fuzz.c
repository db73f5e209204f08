/* SPDX-License-Identifier: ISC */

/*
 * The body of POST /v1/exec.  What is taken has one way to be run, a
 * fingerprint that stays, and a spec.json that is JSON.
 */

#include <string.h>

#include "berthd/exec/spec.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/macros.h"
#include "fuzz/fuzz.h"

static void
check_spec(const struct spec *spec)
{
	char first[SPEC_FINGERPRINT_SIZE], second[SPEC_FINGERPRINT_SIZE];
	AUTO_FREE char *summary = spec_summary(spec);
	AUTO_BUF text = BUF_INIT(4 * SPEC_MAX);
	struct err err = ERR_INIT;
	AUTO_JSON *value = NULL;
	int rc;

	assert((spec->cmd != NULL) + (spec->argv != NULL) +
		   (spec->script != NULL) ==
	       1);
	assert(summary && strchr(summary, '\n') == NULL);
	assert(spec_cpu(spec) <= 1000000000);
	spec_fingerprint(spec, first);
	spec_fingerprint(spec, second);
	assert(strcmp(first, second) == 0);

	rc = spec_encode(spec, &text);
	assert(rc == 0);
	value = json_parse(buf_bytes(&text), text.len, &err);
	assert(value != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec spec = SPEC_INIT;
	struct err err = ERR_INIT;

	if (spec_decode(data, size, &spec, &err) == 0)
		check_spec(&spec);
	else
		assert(err.code == ERR_INVALID && err.msg[0] != '\0');
	spec_fini(&spec);
	return 0;
}
