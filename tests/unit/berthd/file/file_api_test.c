/* SPDX-License-Identifier: ISC */

#include "berthd/file/file_api.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"
#include "tests/unit/berthd/file/api.h"

#define BIG (9u << 20)

static void
assert_file(const struct api *api, const char *name, const void *bytes,
	    size_t n)
{
	AUTO_FREE char *path = api_path(api, name);
	AUTO_BUF text = BUF_INIT(64u << 20);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	assert_int_equal(text.len, n);
	assert_memory_equal(buf_bytes(&text), bytes, n);
}

static uint8_t *
noise(size_t n)
{
	uint8_t *bytes = xmalloc(n + 1);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	return bytes;
}

static unsigned
post_text(struct api *api, const char *target, const char *text)
{
	return api_post(api, target, text, strlen(text));
}

static unsigned
read_file(struct api *api, const char *name)
{
	AUTO_FREE char *path = api_path(api, name);
	AUTO_BUF body = BUF_INIT(10000);
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "path", path);
	jsonw_object_end(&w);
	return api_post(api, "/v1/file/read", buf_bytes(&body), body.len);
}

/* A request to write; `order' says which members come in which order. */
static void
write_body(struct buf *out, const struct api *api, const char *order,
	   const char *name, const void *bytes, size_t n)
{
	AUTO_FREE char *path = api_path(api, name);
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	for (; *order; order++) {
		AUTO_BUF content = BUF_INIT(64u << 20);

		if (*order == 'p')
			jsonw_str(&w, "path", path);
		if (*order == 'c') {
			base64_add(&content, bytes, n);
			jsonw_str(&w, "content", buf_text(&content));
		}
		if (*order == 'm')
			jsonw_int(&w, "mode", 0750);
		if (*order == 'd')
			jsonw_bool(&w, "mkdir_p", true);
	}
	jsonw_object_end(&w);
}

static unsigned
write_file(struct api *api, const char *order, const char *name,
	   const void *bytes, size_t n)
{
	AUTO_BUF body = BUF_INIT(64u << 20);

	write_body(&body, api, order, name, bytes, n);
	return api_post(api, "/v1/file/write", buf_bytes(&body), body.len);
}

static void
a_file_is_read(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *path = api_path(api, "file");
	AUTO_FREE char *expected = xasprintf(
	    "{\"ok\":true,\"path\":\"%s\",\"content\":\"aGVsbG8=\",\"size\":5}"
	    "\n",
	    path);

	api_put_file(api, "file", "hello", 5);
	assert_int_equal(read_file(api, "file"), 200);
	assert_string_equal(buf_text(&api->body), expected);
}

static void
files_of_any_size_are_read_whole(void **state)
{
	static const size_t sizes[] = { 0,	1,	2,	3,  196607,
					196608, 196609, 393216, BIG };
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = noise(BIG);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO_JSON *value = NULL;
		AUTO_BUF content = BUF_INIT(64u << 20);
		const char *text;

		api_put_file(api, "file", bytes, sizes[i]);
		assert_int_equal(read_file(api, "file"), 200);
		value = api_json(api);
		text = json_get_text(value, "content", NULL);
		assert_int_equal(base64_decode(&content, text, strlen(text)),
				 0);
		assert_int_equal(content.len, sizes[i]);
		assert_memory_equal(buf_bytes(&content), bytes, sizes[i]);
		assert_int_equal(json_get_int(value, "size", -1), sizes[i]);
	}
}

static void
what_cannot_be_read_is_told_as_codexd_does(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *dir = api_path(api, "dir");
	AUTO_FREE char *fifo = api_path(api, "fifo");

	post_text(api, "/v1/file/read", "{\"path\":");
	api_assert_error(api, 400, "invalid request body");
	post_text(api, "/v1/file/read", "{\"paths\":\"/x\"}");
	api_assert_error(api, 400, "invalid request body");
	post_text(api, "/v1/file/read", "{}");
	api_assert_error(api, 400, "path is required");
	post_text(api, "/v1/file/read", "{\"path\":\"x\"}");
	api_assert_error(api, 400, "path must be absolute");
	post_text(api, "/v1/file/read", "{\"path\":\"/etc/passwd\"}");
	api_assert_error(api, 403, "path not allowed");
	read_file(api, "../x");
	api_assert_error(api, 403, "path not allowed");
	read_file(api, "none");
	api_assert_error(api, 404, "file not found");
	assert_int_equal(mkdir(dir, 0700), 0);
	read_file(api, "dir");
	api_assert_error(api, 400, "path is a directory");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	read_file(api, "fifo");
	api_assert_error(api, 400, "path is not a file");
	api_put_file(api, "big", "12345678", 8);
	api->policy.max_file_size = 7;
	read_file(api, "big");
	api_assert_error(api, 413, "file too large");
}

static void
a_file_is_written(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *path = api_path(api, "file");
	AUTO_FREE char *expected = xasprintf(
	    "{\"ok\":true,\"path\":\"%s\",\"bytes_written\":5}\n", path);
	struct stat st;

	assert_int_equal(write_file(api, "pc", "file", "hello", 5), 200);
	assert_string_equal(buf_text(&api->body), expected);
	assert_file(api, "file", "hello", 5);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(write_file(api, "pcm", "file", "other", 5), 200);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_file(api, "file", "other", 5);
}

static void
members_may_come_in_any_order(void **state)
{
	static const char *const orders[] = { "pcmd", "cdmp", "dmpc", "mpcd",
					      "cpmd" };
	static const size_t sizes[] = { 0, 1, 1000, 100000, BIG };
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = noise(BIG);

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			AUTO_FREE char *name = xasprintf("made/%zu/%zu/file", i,
							 j);

			assert_int_equal(
			    write_file(api, orders[i], name, bytes, sizes[j]),
			    200);
			assert_file(api, name, bytes, sizes[j]);
		}
	}
	assert_int_equal(unit_n_entries(AT_FDCWD, api->root), 1);
}

static void
a_body_may_come_in_any_pieces(void **state)
{
	static const size_t pieces[] = { 1, 3, 1000, 70000 };
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = noise(100000);

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t n = pieces[i] < 1000 ? 500 : 100000;
		AUTO_BUF body = BUF_INIT(64u << 20);

		write_body(&body, api, "pcmd", "file", bytes, n);
		assert_int_equal(api_post_slowly(api, "/v1/file/write",
						 buf_bytes(&body), body.len,
						 pieces[i]),
				 200);
		assert_file(api, "file", bytes, n);
	}
}

static void
a_missing_directory_is_made_only_when_asked(void **state)
{
	struct api *api = *state;

	write_file(api, "pc", "a/b/file", "x", 1);
	api_assert_error(api, 404,
			 "failed to create temp file: no such directory");
	assert_int_equal(unit_n_entries(AT_FDCWD, api->root), 0);
	assert_int_equal(write_file(api, "pcd", "a/b/file", "x", 1), 200);
	assert_file(api, "a/b/file", "x", 1);
}

static void
what_cannot_be_written_is_told_as_codexd_does(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *bad = xasprintf(
	    "{\"path\":\"%s/x\",\"content\":\"a$==\"}", api->root);
	AUTO_FREE char *unknown = xasprintf(
	    "{\"path\":\"%s/x\",\"content\":\"\",\"owner\":1}", api->root);
	AUTO_FREE char *twice = xasprintf(
	    "{\"path\":\"%s/x\",\"content\":\"\",\"content\":\"\"}", api->root);

	post_text(api, "/v1/file/write", "[]");
	api_assert_error(api, 400, "invalid request body");
	post_text(api, "/v1/file/write", unknown);
	api_assert_error(api, 400, "invalid request body");
	post_text(api, "/v1/file/write", twice);
	api_assert_error(api, 400, "invalid request body");
	post_text(api, "/v1/file/write", "{\"content\":\"\"}");
	api_assert_error(api, 400, "path is required");
	post_text(api, "/v1/file/write", "{\"path\":\"x\"}");
	api_assert_error(api, 400, "path must be absolute");
	post_text(api, "/v1/file/write", "{\"path\":\"/etc/x\"}");
	api_assert_error(api, 403, "path not allowed");
	post_text(api, "/v1/file/write", bad);
	api_assert_error(api, 400, "invalid base64 content");
	api->policy.max_file_size = 4;
	write_file(api, "pc", "x", "12345", 5);
	api_assert_error(api, 413, "file too large");
	assert_int_equal(unit_n_entries(AT_FDCWD, api->root), 0);
}

static void
a_refusal_comes_before_the_body_ends(void **state)
{
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = noise(BIG);
	AUTO_BUF body = BUF_INIT(64u << 20);

	api->policy.max_file_size = 1000;
	write_body(&body, api, "pc", "x", bytes, BIG);
	api_post_slowly(api, "/v1/file/write", buf_bytes(&body), body.len,
			100000);
	api_assert_error(api, 413, "file too large");
	assert_int_equal(unit_n_entries(AT_FDCWD, api->root), 0);
}

static void
nothing_is_written_when_the_client_goes_away(void **state)
{
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = noise(300000);
	AUTO_BUF body = BUF_INIT(64u << 20);

	write_body(&body, api, "pcmd", "a/file", bytes, 300000);
	for (size_t n = 0; n < body.len; n += 39119) {
		api_post_cut(api, "/v1/file/write", buf_bytes(&body), n);
		assert_int_equal(unit_n_entries(AT_FDCWD, api->root), 0);
	}
}

static void
a_reader_that_goes_away_is_forgotten(void **state)
{
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = noise(BIG);
	AUTO_FREE char *body = xasprintf("{\"path\":\"%s/file\"}", api->root);

	api_put_file(api, "file", bytes, BIG);
	api_post_cut(api, "/v1/file/read", body, strlen(body));
	assert_int_equal(read_file(api, "file"), 200);
}

static void
a_link_out_of_the_root_is_neither_read_nor_written(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *link = api_path(api, "link");
	AUTO_FREE char *dir = api_path(api, "dir");
	const char *outside = unit_temp_dir();
	AUTO_FREE char *secret = xasprintf("%s/secret", outside);

	close(open(secret, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlink(secret, link), 0);
	assert_int_equal(symlink(outside, dir), 0);
	read_file(api, "link");
	api_assert_error(api, 403, "path not allowed");
	read_file(api, "dir/secret");
	api_assert_error(api, 403, "path not allowed");
	write_file(api, "pcd", "dir/new", "x", 1);
	api_assert_error(api, 403, "path not allowed");
	write_file(api, "pcd", "dir/a/b", "x", 1);
	api_assert_error(api, 403, "path not allowed");
	assert_int_equal(unit_n_entries(AT_FDCWD, outside), 1);
	/* The link itself is replaced. */
	assert_int_equal(write_file(api, "pc", "link", "mine", 4), 200);
	assert_file(api, "link", "mine", 4);
	assert_int_equal(unit_n_entries(AT_FDCWD, outside), 1);
}

#define API_TEST(fn)                                                           \
	cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(a_file_is_read),
		API_TEST(files_of_any_size_are_read_whole),
		API_TEST(what_cannot_be_read_is_told_as_codexd_does),
		API_TEST(a_file_is_written),
		API_TEST(members_may_come_in_any_order),
		API_TEST(a_body_may_come_in_any_pieces),
		API_TEST(a_missing_directory_is_made_only_when_asked),
		API_TEST(what_cannot_be_written_is_told_as_codexd_does),
		API_TEST(a_refusal_comes_before_the_body_ends),
		API_TEST(nothing_is_written_when_the_client_goes_away),
		API_TEST(a_reader_that_goes_away_is_forgotten),
		API_TEST(a_link_out_of_the_root_is_neither_read_nor_written),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
