/* SPDX-License-Identifier: ISC */

#include "berthd/host.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"

static void
a_model_is_found_among_other_lines(void **state UNUSED)
{
	AUTO_FREE char *model = host_gpu_model("IRQ: 1\nModel: \t Tesla V100\n"
					       "Bus: PCIe\n");

	assert_string_equal(model, "Tesla V100");
	assert_null(host_gpu_model(""));
	assert_null(host_gpu_model("IRQ: 1\nNo Model: x"));
}

static void
the_room_of_a_directory_is_told(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1u << 16);
	struct jsonw w = JSONW_INIT(&text);
	struct err err = ERR_INIT;
	AUTO_JSON *value = NULL;

	jsonw_object(&w, NULL);
	host_add_json(&w, unit_temp_dir());
	jsonw_object_end(&w);
	value = json_parse(buf_bytes(&text), text.len, &err);
	assert_non_null(value);
	assert_true(json_get_int(json_get(value, "disk"), "total_bytes", 0) >
		    0);
	assert_non_null(json_get(value, "gpus"));
}

static void
a_directory_that_is_not_there_has_none(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1u << 16);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	host_add_json(&w, "/nonexistent");
	jsonw_object_end(&w);
	assert_non_null(strstr(buf_text(&text), "\"disk\":null"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_is_found_among_other_lines),
		cmocka_unit_test(the_room_of_a_directory_is_told),
		cmocka_unit_test(a_directory_that_is_not_there_has_none),
	};

	return RUN_TESTS(tests);
}
