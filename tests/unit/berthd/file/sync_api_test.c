/* SPDX-License-Identifier: ISC */

#include "berthd/file/sync_api.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "http/head.h"
#include "berthd/file/gzip.h"
#include "archive/tar.h"
#include "tests/unit/berthd/file/api.h"
#include "tests/unit/archive/tarball.h"

#define MAX_ARCHIVE (256u << 20)

static void
assert_file(const struct api *api, const char *name, const char *content)
{
	AUTO_FREE char *path = api_path(api, name);
	AUTO_BUF text = BUF_INIT(64u << 20);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	assert_string_equal(buf_text(&text), content);
}

static void
pack(struct buf *out, const struct buf *archive)
{
	struct gzip *gzip = gzip_new();

	assert_int_equal(gzip_add(gzip, buf_bytes(archive), archive->len, out),
			 0);
	assert_int_equal(gzip_end(gzip, out), 0);
	gzip_free(gzip);
}

static char *
upload_target(const struct api *api, const char *dst, bool mkdir_p)
{
	AUTO_FREE char *path = api_path(api, dst);
	AUTO_BUF target = BUF_INIT(10000);

	buf_adds(&target, "/v1/sync/upload?dst=");
	http_encode(&target, path);
	if (mkdir_p)
		buf_adds(&target, "&mkdir_p=true");
	return buf_take(&target);
}

static unsigned
upload(struct api *api, const char *dst, const struct buf *archive)
{
	AUTO_FREE char *target = upload_target(api, dst, true);
	AUTO_BUF body = BUF_INIT(MAX_ARCHIVE);

	pack(&body, archive);
	return api_post(api, target, buf_bytes(&body), body.len);
}

static unsigned
download(struct api *api, const char *name, const char *more)
{
	AUTO_FREE char *body = xasprintf("{\"path\":\"%s/%s\"%s}", api->root,
					 name, more);

	return api_post(api, "/v1/sync/download", body, strlen(body));
}

/* Unpack the last answer into `out'. */
static void
unpack_answer(const struct api *api, struct buf *out)
{
	struct gunzip *gunzip = gunzip_new();
	const uint8_t *in = buf_bytes(&api->body);
	size_t n = api->body.len;
	struct err err = ERR_INIT;
	uint8_t piece[65536];
	ssize_t got;

	do {
		got = gunzip_read(gunzip, &in, &n, piece, sizeof(piece), &err);
		assert_true(got >= 0);
		assert_int_equal(buf_add(out, piece, (size_t)got), 0);
	} while (got == sizeof(piece));
	assert_true(gunzip_is_complete(gunzip));
	gunzip_free(gunzip);
}

static size_t
n_entries_in_answer(const struct api *api)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	size_t count = 0;

	unpack_answer(api, &archive);
	tarball_read(&archive, tarball_count, &count);
	return count;
}

static void
a_tree_is_uploaded(void **state)
{
	struct api *api = *state;
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_FREE char *expected = xasprintf(
	    "{\"ok\":true,\"path\":\"%s/to\",\"files_written\":2}\n",
	    api->root);

	tarball_other(&archive, '5', "d", NULL);
	tarball_file(&archive, "d/a", "content");
	tarball_other(&archive, '2', "l", "d/a");
	tarball_end(&archive);
	assert_int_equal(upload(api, "to", &archive), 200);
	assert_string_equal(buf_text(&api->body), expected);
	assert_file(api, "to/l", "content");
}

static void
large_and_many_files_pass_in_any_pieces(void **state)
{
	static const size_t pieces[] = { 1000, 100000, MAX_ARCHIVE };
	struct api *api = *state;
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_BUF body = BUF_INIT(MAX_ARCHIVE);
	AUTO_FREE char *target = upload_target(api, "to", true);
	AUTO_FREE char *big = xmalloc(3000001);

	for (size_t i = 0; i < 3000000; i++)
		big[i] = (char)('a' + unit_below(26));
	big[3000000] = '\0';
	for (int i = 0; i < 1500; i++) {
		AUTO_FREE char *name = xasprintf("many/%d/%d", i % 7, i);

		tarball_file(&archive, name, name);
	}
	tarball_file(&archive, "big", big);
	tarball_end(&archive);
	pack(&body, &archive);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		AUTO_JSON *value = NULL;

		assert_int_equal(api_post_slowly(api, target, buf_bytes(&body),
						 body.len, pieces[i]),
				 200);
		value = api_json(api);
		assert_int_equal(json_get_int(value, "files_written", 0), 1501);
		assert_file(api, "to/big", big);
		assert_file(api, "to/many/6/1357", "many/6/1357");
	}
}

static void
an_upload_that_is_refused_is_told_as_codexd_does(void **state)
{
	struct api *api = *state;
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_FREE char *missing = upload_target(api, "none", false);
	AUTO_FREE char *to = upload_target(api, "file", true);

	api_post(api, "/v1/sync/upload", "", 0);
	api_assert_error(api, 400, "dst query parameter is required");
	api_post(api, "/v1/sync/upload?dst=x", "", 0);
	api_assert_error(api, 400, "dst must be absolute");
	api_post(api, "/v1/sync/upload?dst=%2Fetc&mkdir_p=true", "", 0);
	api_assert_error(api, 403, "dst path not allowed");
	api_post(api, missing, "", 0);
	api_assert_error(api, 404, "dst not found");
	api_put_file(api, "file", "", 0);
	api_post(api, to, "", 0);
	api_assert_error(api, 400, "dst must be a directory");

	tarball_file(&archive, "../x", "x");
	upload(api, "to", &archive);
	api_assert_error(api, 400, "path traversal detected: ../x");
	buf_clear(&archive);
	tarball_other(&archive, '2', "l", "/etc/passwd");
	upload(api, "to", &archive);
	api_assert_error(api, 400, "symlink traversal: /etc/passwd");
}

static void
what_is_no_archive_is_told(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *target = upload_target(api, "to", true);
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_BUF body = BUF_INIT(MAX_ARCHIVE);

	api_post(api, target, "", 0);
	api_assert_error(api, 400, "invalid gzip: EOF");
	api_post(api, target, "not gzip", 8);
	api_assert_error(api, 400, "invalid gzip: incorrect header check");
	buf_adds(&archive, "not tar");
	upload(api, "to", &archive);
	api_assert_error(api, 400, "invalid tar: unexpected EOF");

	buf_clear(&archive);
	tarball_file(&archive, "a", "x");
	tarball_end(&archive);
	pack(&body, &archive);
	buf_bytes(&body)[body.len - 5] ^= 1;
	api_post(api, target, buf_bytes(&body), body.len);
	api_assert_error(api, 400, "invalid gzip: incorrect data check");
}

static void
an_upload_cut_at_any_byte_leaves_no_half_file(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *target = upload_target(api, "to", true);
	AUTO_FREE char *to = api_path(api, "to");
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_BUF body = BUF_INIT(MAX_ARCHIVE);
	AUTO_BUF content = BUF_INIT(10000);
	struct err err = ERR_INIT;

	while (content.len < 600)
		buf_addc(&content, (char)('a' + unit_below(26)));
	tarball_file(&archive, "a", buf_text(&content));
	tarball_file(&archive, "b", buf_text(&content));
	tarball_end(&archive);
	pack(&body, &archive);
	for (size_t n = 0; n < body.len; n++) {
		api_post_cut(api, target, buf_bytes(&body), n);
		if (unit_n_entries(AT_FDCWD, to) > 0)
			assert_file(api, "to/a", buf_text(&content));
		if (unit_n_entries(AT_FDCWD, to) > 1)
			assert_file(api, "to/b", buf_text(&content));
		assert_true(unit_n_entries(AT_FDCWD, to) <= 2);
		assert_int_equal(fs_remove_tree(AT_FDCWD, to, &err), 0);

		/* The same, with a body that claims to be complete. */
		assert_int_equal(api_post(api, target, buf_bytes(&body), n),
				 400);
		assert_int_equal(fs_remove_tree(AT_FDCWD, to, &err), 0);
	}
}

static void
bombs_are_refused(void **state)
{
	struct api *api = *state;
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_FREE char *zeros = xmalloc(80u << 20);
	AUTO_FREE char *to = api_path(api, "to");

	memset(zeros, '0', 80u << 20);
	zeros[(80u << 20) - 1] = '\0';
	tarball_file(&archive, "zeros", zeros);
	tarball_end(&archive);
	upload(api, "to", &archive);
	api_assert_error(api, 413,
			 "the archive unpacks to more than 200 times its size");
	api->policy.max_ratio = 0;
	api->policy.max_tree_bytes = 10 << 20;
	upload(api, "to", &archive);
	api_assert_error(api, 413,
			 "the archive holds more than 10485760 bytes");
	assert_int_equal(unit_n_entries(AT_FDCWD, to), 0);
}

static void
too_many_entries_are_refused(void **state)
{
	struct api *api = *state;
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_file(&archive, "a", "");
	tarball_file(&archive, "b", "");
	tarball_end(&archive);
	api->policy.max_tree_entries = 1;
	upload(api, "to", &archive);
	api_assert_error(api, 413, "the archive has more than 1 entries");
}

/* How long does the loop go without looking at anything else? */
struct watch {
	uv_check_t check;
	uint64_t last_ms, longest_ms;
};

static void
on_turn(uv_check_t *check)
{
	struct watch *watch = container_of(check, struct watch, check);
	uint64_t now = clock_mono_ms();

	watch->longest_ms = MAX(watch->longest_ms, now - watch->last_ms);
	watch->last_ms = now;
}

static void
one_callback_does_a_bounded_amount(void **state)
{
	struct api *api = *state;
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_BUF body = BUF_INIT(MAX_ARCHIVE);
	AUTO_FREE char *target = upload_target(api, "to", true);
	struct watch watch = { .last_ms = clock_mono_ms() };

	/* 20 KiB of body unpack to 8000 files. */
	for (int i = 0; i < 8000; i++)
		tarball_file(&archive, i % 2 ? "a" : "b", "");
	tarball_end(&archive);
	pack(&body, &archive);
	uv_check_init(&api->loop, &watch.check);
	uv_check_start(&watch.check, on_turn);
	assert_int_equal(api_post(api, target, buf_bytes(&body), body.len),
			 200);
	print_message("# longest turn: %u ms\n", (unsigned)watch.longest_ms);
	uv_close((uv_handle_t *)&watch.check, NULL);
	uv_run(&api->loop, UV_RUN_NOWAIT);
	assert_true(watch.longest_ms < 1000);
}

static void
a_tree_is_downloaded(void **state)
{
	struct api *api = *state;
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_file(&archive, "a/b/c", "content");
	tarball_file(&archive, "a/d.o", "object");
	tarball_other(&archive, '2', "l", "a/b/c");
	tarball_end(&archive);
	assert_int_equal(upload(api, "to", &archive), 200);
	assert_int_equal(download(api, "to", ""), 200);
	assert_int_equal(n_entries_in_answer(api), 5);
	assert_int_equal(download(api, "to", ",\"excludes\":[\"*.o\",\"b\"]"),
			 200);
	assert_int_equal(n_entries_in_answer(api), 2);
	assert_int_equal(download(api, "to", ",\"excludes\":null"), 200);
	assert_int_equal(n_entries_in_answer(api), 5);
	assert_int_equal(download(api, "to/a/b", ""), 200);
	assert_int_equal(n_entries_in_answer(api), 1);
}

static void
large_trees_are_downloaded_whole(void **state)
{
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = xmalloc(5 << 20);
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	for (size_t i = 0; i < 5 << 20; i++)
		bytes[i] = (uint8_t)unit_below(256);
	api_put_file(api, "one", bytes, 5 << 20);
	api_put_file(api, "two", bytes, 1000000);
	assert_int_equal(download(api, "", ""), 200);
	assert_int_equal(n_entries_in_answer(api), 2);
	unpack_answer(api, &archive);
	assert_non_null(
	    memmem(buf_bytes(&archive), archive.len, bytes, 5 << 20));
}

static void
a_download_that_is_refused_is_told_as_codexd_does(void **state)
{
	struct api *api = *state;

	api_post(api, "/v1/sync/download", "[]", 2);
	api_assert_error(api, 400, "invalid request body");
	api_post(api, "/v1/sync/download", "{}", 2);
	api_assert_error(api, 400, "path is required");
	api_post(api, "/v1/sync/download", "{\"path\":\"x\"}", 12);
	api_assert_error(api, 400, "path must be absolute");
	api_post(api, "/v1/sync/download", "{\"path\":\"/etc\"}", 15);
	api_assert_error(api, 403, "path not allowed");
	download(api, "none", "");
	api_assert_error(api, 404, "path not found");
	api_put_file(api, "file", "", 0);
	download(api, "file", "");
	api_assert_error(api, 400, "path must be a directory");
}

static void
a_downloader_that_goes_away_is_forgotten(void **state)
{
	struct api *api = *state;
	AUTO_FREE uint8_t *bytes = xcalloc(1, 5 << 20);
	AUTO_FREE char *body = xasprintf("{\"path\":\"%s\"}", api->root);

	for (size_t i = 0; i < 5 << 20; i++)
		bytes[i] = (uint8_t)unit_below(256);
	api_put_file(api, "one", bytes, 5 << 20);
	api_post_cut(api, "/v1/sync/download", body, strlen(body));
	assert_int_equal(download(api, "", ""), 200);
}

#define API_TEST(fn)                                                           \
	cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(a_tree_is_uploaded),
		API_TEST(large_and_many_files_pass_in_any_pieces),
		API_TEST(an_upload_that_is_refused_is_told_as_codexd_does),
		API_TEST(what_is_no_archive_is_told),
		API_TEST(an_upload_cut_at_any_byte_leaves_no_half_file),
		API_TEST(bombs_are_refused),
		API_TEST(too_many_entries_are_refused),
		API_TEST(one_callback_does_a_bounded_amount),
		API_TEST(a_tree_is_downloaded),
		API_TEST(large_trees_are_downloaded_whole),
		API_TEST(a_download_that_is_refused_is_told_as_codexd_does),
		API_TEST(a_downloader_that_goes_away_is_forgotten),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
