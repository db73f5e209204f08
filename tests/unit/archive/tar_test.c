/* SPDX-License-Identifier: ISC */

#include "archive/tar.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "tests/unit/archive/tarball.h"

#define MAX_ARCHIVE (4u << 20)

/* Where a header tells the time. */
#define MTIME_AT 136

/*
 * Read everything in pieces of `piece' bytes and write down what happens, one
 * line per entry: type, mode, name, link, content.
 */
static int
read_all(const struct buf *archive, const char *root, size_t piece,
	 struct buf *story, bool *ret_complete, struct err *err)
{
	struct tar_reader *reader = tar_reader_new(root);
	const uint8_t *in = buf_bytes(archive);
	size_t left = archive->len;
	struct tar_event event;
	int rc = 0;

	while (left > 0 && rc >= 0) {
		size_t n = MIN(piece, left);

		left -= n;
		while ((rc = tar_read(reader, &in, &n, &event, err)) > 0) {
			if (event.kind == TAR_EVENT_ENTRY)
				buf_addf(story, "%c %o %s",
					 "fdsh"[event.entry.type],
					 event.entry.mode, event.entry.name);
			if (event.kind == TAR_EVENT_ENTRY &&
			    (event.entry.type == TAR_SYMLINK ||
			     event.entry.type == TAR_HARDLINK))
				buf_addf(story, " -> %s", event.entry.link);
			if (event.kind == TAR_EVENT_ENTRY &&
			    event.entry.size > 0)
				buf_adds(story, " = ");
			if (event.kind == TAR_EVENT_DATA)
				buf_add(story, event.bytes, event.n);
			if (event.kind == TAR_EVENT_ENTRY_END)
				buf_addc(story, '\n');
			if (event.kind == TAR_EVENT_END) {
				buf_adds(story, "end\n");
				in += n;
				left = n = 0;
				break;
			}
		}
		if (rc == 0)
			assert_int_equal(n, 0);
	}
	/* The end of the last entry needs no input. */
	if (rc == 0 && tar_read(reader, &in, &left, &event, err) > 0 &&
	    event.kind == TAR_EVENT_ENTRY_END)
		buf_addc(story, '\n');
	*ret_complete = tar_reader_is_complete(reader);
	tar_reader_free(reader);
	return rc < 0 ? -1 : 0;
}

static void
assert_story(const struct buf *archive, const char *root, const char *expected)
{
	static const size_t pieces[] = { 1, 7, 511, 512, 513, MAX_ARCHIVE };

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		AUTO_BUF story = BUF_INIT(MAX_ARCHIVE);
		struct err err = ERR_INIT;
		bool is_complete;

		assert_int_equal(read_all(archive, root, pieces[i], &story,
					  &is_complete, &err),
				 0);
		assert_true(is_complete);
		assert_string_equal(buf_text(&story), expected);
	}
}

static void
assert_refused(const struct buf *archive, const char *root, enum err_code code,
	       const char *part)
{
	AUTO_BUF story = BUF_INIT(MAX_ARCHIVE);
	struct err err = ERR_INIT;
	bool is_complete;

	assert_int_equal(
	    read_all(archive, root, 100, &story, &is_complete, &err), -1);
	assert_err(err, code, part);
}

static void
files_directories_and_links_are_read(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_other(&archive, '5', "dir/", NULL);
	tarball_file(&archive, "dir/file", "content");
	tarball_file(&archive, "empty", "");
	tarball_other(&archive, '2', "link", "dir/file");
	tarball_other(&archive, '1', "hard", "dir/file");
	tarball_end(&archive);
	assert_story(&archive, NULL,
		     "d 755 dir\n"
		     "f 644 dir/file = content\n"
		     "f 644 empty\n"
		     "s 755 link -> dir/file\n"
		     "h 755 hard -> dir/file\n"
		     "end\n");
}

static void
names_are_cleaned_and_modes_cut(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_other(&archive, '5', "./", NULL);
	tarball_other(&archive, '1', "hard", "./a//b");
	tarball_add(&archive, &(struct tarball_entry){ .type = '0',
						       .name = ".//a/./b",
						       .mode = "0006755",
						       .content = "x" });
	tarball_end(&archive);
	assert_story(&archive, NULL,
		     "d 755 \n"
		     "h 755 hard -> a/b\n"
		     "f 755 a/b = x\n"
		     "end\n");
}

static void
old_archives_mark_directories_by_their_name(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_add(&archive,
		    &(struct tarball_entry){ .name = "d/", .magic = "" });
	tarball_add(&archive, &(struct tarball_entry){
				  .name = "f", .magic = "", .content = "x" });
	tarball_end(&archive);
	assert_story(&archive, NULL, "d 644 d\nf 644 f = x\nend\n");
}

static void
names_may_have_a_prefix(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_add(&archive, &(struct tarball_entry){
				  .type = '0', .name = "b", .prefix = "p/a" });
	/* GNU keeps times in that place. */
	tarball_add(&archive, &(struct tarball_entry){ .type = '0',
						       .name = "b",
						       .prefix = "14714114700",
						       .magic = "ustar  " });
	tarball_end(&archive);
	assert_story(&archive, NULL, "f 644 p/a/b\nf 644 b\nend\n");
}

static void
long_names_hold_for_one_entry(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_add(&archive, &(struct tarball_entry){ .type = 'L',
						       .name = "././@LongLink",
						       .content = "long/name",
						       .content_len = 10 });
	tarball_add(&archive, &(struct tarball_entry){ .type = 'K',
						       .name = "././@LongLink",
						       .content = "target",
						       .content_len = 7 });
	tarball_other(&archive, '2', "short", "short");
	tarball_other(&archive, '2', "second", "x");
	tarball_end(&archive);
	assert_story(&archive, NULL,
		     "s 755 long/name -> target\n"
		     "s 755 second -> x\n"
		     "end\n");
}

static void
pax_records_win_and_hold_for_one_entry(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_pax(&archive, "path", "pax/n\xc3\xa4me");
	tarball_pax(&archive, "mtime", "1350244992.023960108");
	tarball_add(&archive, &(struct tarball_entry){
				  .type = 'L', .name = "x", .content = "gnu" });
	tarball_file(&archive, "short", "");
	tarball_pax(&archive, "linkpath", "pax-target");
	tarball_other(&archive, '2', "link", "x");
	tarball_pax(&archive, "size", "3");
	tarball_add(&archive, &(struct tarball_entry){ .type = '0',
						       .name = "sized",
						       .size = "00000000000",
						       .content = "abc" });
	tarball_pax(&archive, "path", "taken back");
	tarball_pax(&archive, "path", "");
	tarball_file(&archive, "last", "");
	tarball_end(&archive);
	assert_story(&archive, NULL,
		     "f 644 pax/n\xc3\xa4me\n"
		     "s 755 link -> pax-target\n"
		     "f 644 sized = abc\n"
		     "f 644 last\n"
		     "end\n");
}

static void
global_records_do_not_matter(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_add(&archive, &(struct tarball_entry){
				  .type = 'g',
				  .name = "pax_global_header",
				  .content = "19 path=/etc/passwd\n" });
	tarball_file(&archive, "a", "");
	tarball_end(&archive);
	assert_story(&archive, NULL, "f 644 a\nend\n");
}

static void
large_numbers_may_be_binary(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	uint8_t *block;

	tarball_add(&archive, &(struct tarball_entry){
				  .type = '0', .name = "a", .content = "abc" });
	tarball_end(&archive);
	block = buf_bytes(&archive);
	memset(block + 124, 0, 12);
	block[124] = 0x80;
	block[135] = 3;
	tarball_sum(block);
	assert_story(&archive, NULL, "f 644 a = abc\nend\n");
	/* Negative, and beyond what a file can be. */
	block[124] = 0xff;
	tarball_sum(block);
	assert_refused(&archive, NULL, ERR_INVALID, "damaged number");
	block[124] = 0x80;
	block[127] = 0xff;
	tarball_sum(block);
	assert_refused(&archive, NULL, ERR_INVALID, "damaged number");
}

static void
names_that_leave_are_refused(void **state UNUSED)
{
	static const char *const names[] = {
		"/etc/passwd", "../x",	 "..",	"a/../../x",
		"a/..",	       "a/../b", "//x", "a//../..//x",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_BUF plain = BUF_INIT(MAX_ARCHIVE);
		AUTO_BUF pax = BUF_INIT(MAX_ARCHIVE);
		AUTO_BUF gnu = BUF_INIT(MAX_ARCHIVE);
		AUTO_BUF hard = BUF_INIT(MAX_ARCHIVE);
		AUTO_FREE char *message = xasprintf(
		    "path traversal detected: %s", names[i]);

		tarball_file(&plain, names[i], "x");
		assert_refused(&plain, "/root", ERR_INVALID, message);
		tarball_pax(&pax, "path", names[i]);
		tarball_file(&pax, "x", "x");
		assert_refused(&pax, "/root", ERR_INVALID, message);
		tarball_add(
		    &gnu, &(struct tarball_entry){
			      .type = 'L', .name = "L", .content = names[i] });
		tarball_file(&gnu, "x", "x");
		assert_refused(&gnu, "/root", ERR_INVALID, message);
		tarball_other(&hard, '1', "x", names[i]);
		assert_refused(&hard, "/root", ERR_INVALID, message);
	}
}

static void
symbolic_links_may_not_leave(void **state UNUSED)
{
	static const struct {
		const char *name, *target;
		bool ok;
	} cases[] = {
		{ "l", "a", true },
		{ "l", "a/b", true },
		{ "l", ".", true },
		{ "l", "..a", true },
		{ "l", "a..", true },
		{ "d/l", "../a", true },
		{ "d/l", "..", true },
		{ "d/e/l", "../../a", true },
		{ "d/e/l", "..//../a", true },
		{ "l", "/root", true },
		{ "l", "/root/a", true },
		{ "l", "..", false },
		{ "l", "../a", false },
		{ "l", "./../a", false },
		{ "d/l", "../../a", false },
		{ "d/l", "../..", false },
		{ "d/l", "../a/..", false },
		{ "l", "a/..", false },
		{ "l", "a/../../b", false },
		{ "l", "/", false },
		{ "l", "/etc/passwd", false },
		{ "l", "/roots", false },
		{ "l", "/root/../etc", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
		AUTO_BUF story = BUF_INIT(MAX_ARCHIVE);
		struct err err = ERR_INIT;
		bool is_complete;
		int rc;

		tarball_other(&archive, '2', cases[i].name, cases[i].target);
		rc = read_all(&archive, "/root", 512, &story, &is_complete,
			      &err);
		if (rc != (cases[i].ok ? 0 : -1))
			print_message("%s -> %s\n", cases[i].name,
				      cases[i].target);
		assert_int_equal(rc, cases[i].ok ? 0 : -1);
		if (!cases[i].ok)
			assert_err(err, ERR_INVALID, "symlink traversal: ");
	}
}

/* codexd's own client packs links so. */
static void
a_link_to_nothing_is_refused(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_other(&archive, '2', "l", NULL);
	assert_refused(&archive, "/root", ERR_INVALID,
		       "invalid tar: l is a link to nothing");
}

static void
no_absolute_link_is_good_without_a_root(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_other(&archive, '2', "l", "/a");
	assert_refused(&archive, NULL, ERR_INVALID, "symlink traversal: /a");
}

static void
what_is_no_file_is_refused(void **state UNUSED)
{
	static const char types[] = "346SVMDANXZ";

	for (const char *type = types; *type; type++) {
		AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

		tarball_other(&archive, *type, "dev", NULL);
		assert_refused(&archive, NULL, ERR_INVALID,
			       "dev is neither file, directory nor link");
	}
}

static void
sparse_files_are_refused(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_pax(&archive, "GNU.sparse.major", "1");
	tarball_file(&archive, "a", "");
	assert_refused(&archive, NULL, ERR_INVALID, "sparse");
}

static void
a_file_needs_a_name(void **state UNUSED)
{
	static const char *const names[] = { "", ".", "./", "././" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

		tarball_file(&archive, names[i], "x");
		assert_refused(&archive, NULL, ERR_INVALID, "without a name");
	}
}

static void
damaged_headers_are_refused(void **state UNUSED)
{
	/* In the name, the mode, the size, and the sum itself. */
	static const size_t places[] = { 0, 101, 125, 150, 400 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

		tarball_file(&archive, "name", "x");
		buf_bytes(&archive)[places[i]] ^= 1;
		assert_refused(&archive, NULL, ERR_INVALID, "damaged header");
	}
}

static void
damaged_pax_records_are_refused(void **state UNUSED)
{
	static const char *const records[] = {
		"7 a=b\n",	  "99 path=x\n",
		"path=x\n",	  "0 a=b\n",
		"9 path=x ",	  "6 path\n",
		"-9 path=x\n",	  "9\n",
		"9 path=x\n7",	  "9999999999999999999999 path=x\n",
		"14 size=tiny\n", "29 size=9999999999999999999\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

		tarball_add(&archive,
			    &(struct tarball_entry){ .type = 'x',
						     .name = "x",
						     .content = records[i] });
		tarball_file(&archive, "a", "");
		assert_refused(&archive, NULL, ERR_INVALID, "damaged pax");
	}
}

static void
a_nul_in_a_pax_name_is_refused(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_add(&archive,
		    &(struct tarball_entry){ .type = 'x',
					     .name = "x",
					     .content = "12 path=a\0b\n",
					     .content_len = 12 });
	tarball_file(&archive, "a", "");
	assert_refused(&archive, NULL, ERR_INVALID, "NUL in a pax record");
}

static void
what_is_too_long_is_a_limit(void **state UNUSED)
{
	AUTO_BUF name = BUF_INIT(TAR_NAME_MAX + 2);
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_BUF records = BUF_INIT(MAX_ARCHIVE);

	while (buf_addc(&name, 'x') == 0)
		;
	tarball_pax(&archive, "path", buf_text(&name));
	tarball_file(&archive, "a", "");
	assert_refused(&archive, NULL, ERR_LIMIT, "a name is too long");

	tarball_add(&records, &(struct tarball_entry){ .type = 'x',
						       .name = "x",
						       .size = "00010000000" });
	assert_refused(&records, NULL, ERR_LIMIT, "a record is too long");
}

static void
an_archive_without_its_end_is_complete_between_entries(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	size_t n_complete = 0;

	tarball_file(&archive, "a", "x");
	tarball_pax(&archive, "path", "b");
	tarball_file(&archive, "?", "");
	assert_story(&archive, NULL, "f 644 a = x\nf 644 b\n");
	for (size_t n = archive.len; n > 0; n--) {
		AUTO_BUF cut = BUF_INIT(MAX_ARCHIVE);
		AUTO_BUF story = BUF_INIT(MAX_ARCHIVE);
		struct err err = ERR_INIT;
		bool is_complete;

		assert_int_equal(buf_add(&cut, buf_bytes(&archive), n), 0);
		assert_int_equal(
		    read_all(&cut, NULL, 512, &story, &is_complete, &err), 0);
		n_complete += is_complete;
	}
	assert_int_equal(n_complete, 2);
}

static void
one_zero_block_is_no_end(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_end(&archive);
	buf_consume(&archive, 512);
	tarball_file(&archive, "a", "x");
	assert_refused(&archive, NULL, ERR_INVALID, "damaged header");
}

static void
what_follows_the_end_is_not_looked_at(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);

	tarball_file(&archive, "a", "x");
	tarball_end(&archive);
	buf_adds(&archive, "anything");
	assert_story(&archive, NULL, "f 644 a = x\nend\n");
}

static void
what_is_written_is_read_again(void **state UNUSED)
{
	static const size_t lengths[] = { 1, 99, 100, 101, 255, 256, 4000 };
	static const struct tar_attr attr = { .uid = 4000000,
					      .gid = 5,
					      .mtime = -1 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
		AUTO_BUF name = BUF_INIT(5000), expected = BUF_INIT(50000);
		struct tar_entry entry = { .mode = 0640, .size = 3 };

		while (name.len < lengths[i])
			buf_addc(&name, name.len % 7 ? 'n' : 'N');
		entry.name = buf_text(&name);
		assert_int_equal(tar_add_header(&archive, &entry, &attr), 0);
		buf_adds(&archive, "abc");
		assert_int_equal(tar_add_padding(&archive, 3), 0);
		entry = (struct tar_entry){ .type = TAR_SYMLINK,
					    .name = "l",
					    .link = buf_text(&name),
					    .mode = 0777 };
		assert_int_equal(tar_add_header(&archive, &entry, &attr), 0);
		assert_int_equal(tar_add_end(&archive), 0);
		assert_int_equal(archive.len % TAR_BLOCK, 0);
		buf_addf(&expected, "f 640 %s = abc\ns 777 l -> %s\nend\n",
			 buf_text(&name), buf_text(&name));
		assert_story(&archive, NULL, buf_text(&expected));
	}
}

static void
sizes_beyond_octal_are_written(void **state UNUSED)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	const struct tar_entry entry = { .name = "big",
					 .size = 1ull << 40 | 5 };
	struct tar_reader *reader = tar_reader_new(NULL);
	const uint8_t *in;
	struct tar_event event;
	struct err err = ERR_INIT;
	size_t n;

	assert_int_equal(
	    tar_add_header(&archive, &entry, &(struct tar_attr){ .mtime = 1 }),
	    0);
	in = buf_bytes(&archive);
	n = archive.len;
	assert_int_equal(tar_read(reader, &in, &n, &event, &err), 1);
	assert_true(event.entry.size == entry.size);
	tar_reader_free(reader);
}

/* The time of the first entry, in ns. */
static int64_t
first_time(struct buf *archive)
{
	struct tar_reader *reader = tar_reader_new(NULL);
	const uint8_t *in = buf_bytes(archive);
	size_t n = archive->len;
	struct tar_event event;
	struct err err = ERR_INIT;

	assert_int_equal(tar_read(reader, &in, &n, &event, &err), 1);
	tar_reader_free(reader);
	return event.entry.mtime_ns;
}

static void
exact_times_are_read_again(void **state UNUSED)
{
	static const struct tar_attr attrs[] = {
		{ .mtime = 0, .mtime_nsec = 1 },
		{ .mtime = 981173106, .mtime_nsec = 789000000 },
		{ .mtime = 1700000000, .mtime_nsec = 123456789 },
		{ .mtime = 1700000000 },
		{ .mtime = 9000000000, .mtime_nsec = 999999999 },
		{ .mtime = -1 },
		{ .mtime = -1, .mtime_nsec = 500000000 },
		{ .mtime = -2, .mtime_nsec = 1 },
		{ .mtime = -155000000 },
		{ .mtime = -155000000, .mtime_nsec = 999999999 },
		{ .mtime = -9000000000, .mtime_nsec = 1 },
	};
	const struct tar_entry entry = { .name = "f" };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(attrs); i++) {
		AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
		struct tar_attr attr = attrs[i / 2];

		attr.is_brief = i % 2;
		assert_int_equal(tar_add_header(&archive, &entry, &attr), 0);
		if (attr.is_brief)
			assert_int_equal(archive.len, TAR_BLOCK);
		assert_int_equal(first_time(&archive),
				 attr.mtime * 1000000000 + attr.mtime_nsec);
	}
}

/* The time of an entry of second 1 whose header ends with these bytes. */
static int64_t
time_with_end(const char end[12])
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	const struct tar_entry entry = { .name = "f" };

	assert_int_equal(
	    tar_add_header(&archive, &entry, &(struct tar_attr){ .mtime = 1 }),
	    0);
	memcpy(buf_bytes(&archive) + TAR_BLOCK - 12, end, 12);
	tarball_sum(buf_bytes(&archive));
	return first_time(&archive);
}

static void
what_others_put_behind_a_header_is_no_time(void **state UNUSED)
{
	assert_int_equal(time_with_end("n000000007\0"), 1000000007);
	assert_int_equal(time_with_end("n999999999\0"), 1999999999);
	assert_int_equal(time_with_end("N000000007\0"), 1000000000);
	assert_int_equal(time_with_end("n0000000071"), 1000000000);
	assert_int_equal(time_with_end("n00000007\0\0"), 1000000000);
	assert_int_equal(time_with_end("n-00000007\0"), 1000000000);
	assert_int_equal(time_with_end("n 00000007\0"), 1000000000);
	assert_int_equal(time_with_end("\0\0\0\0\0\0\0\0tar"), 1000000000);
}

/* The time of an entry whose header has these bytes for it. */
static int64_t
time_of(const uint8_t field[12], const char *pax)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	size_t at;

	if (pax)
		tarball_pax(&archive, "mtime", pax);
	at = archive.len;
	tarball_file(&archive, "f", "");
	memcpy(buf_bytes(&archive) + at + MTIME_AT, field, 12);
	tarball_sum(buf_bytes(&archive) + at);
	return first_time(&archive);
}

static void
times_before_1970_are_read(void **state UNUSED)
{
	static const uint8_t one[12] = "00000000001", none[12],
			     minus_one[12] = { [0 ... 11] = 0xff },
			     minus_257[12] = { [0 ... 9] = 0xff, 0xfe, 0xff },
			     before_all[12] = { 0xff, [1 ... 3] = 0xff, 0x80 },
			     no_sign[12] = { 0xc0, 1 },
			     too_long[12] = { 0xff, 0xfe };

	assert_int_equal(time_of(one, NULL), 1000000000);
	assert_int_equal(time_of(minus_one, NULL), -1000000000);
	assert_int_equal(time_of(minus_257, NULL), -257000000000);
	/* Those that no file system has are none. */
	assert_int_equal(time_of(before_all, NULL), 0);
	assert_int_equal(time_of(no_sign, NULL), 0);
	assert_int_equal(time_of(too_long, NULL), 0);
	assert_int_equal(time_of(none, "-1.5"), -1500000000);
	assert_int_equal(time_of(none, "-0.25"), -250000000);
	assert_int_equal(time_of(none, "-155000000"), -155000000000000000);
	assert_int_equal(time_of(one, "-"), 1000000000);
	assert_int_equal(time_of(one, "--1"), 1000000000);
	assert_int_equal(time_of(one, "-9000000001"), 1000000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_directories_and_links_are_read),
		cmocka_unit_test(names_are_cleaned_and_modes_cut),
		cmocka_unit_test(old_archives_mark_directories_by_their_name),
		cmocka_unit_test(names_may_have_a_prefix),
		cmocka_unit_test(long_names_hold_for_one_entry),
		cmocka_unit_test(pax_records_win_and_hold_for_one_entry),
		cmocka_unit_test(global_records_do_not_matter),
		cmocka_unit_test(large_numbers_may_be_binary),
		cmocka_unit_test(names_that_leave_are_refused),
		cmocka_unit_test(symbolic_links_may_not_leave),
		cmocka_unit_test(a_link_to_nothing_is_refused),
		cmocka_unit_test(no_absolute_link_is_good_without_a_root),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(sparse_files_are_refused),
		cmocka_unit_test(a_file_needs_a_name),
		cmocka_unit_test(damaged_headers_are_refused),
		cmocka_unit_test(damaged_pax_records_are_refused),
		cmocka_unit_test(a_nul_in_a_pax_name_is_refused),
		cmocka_unit_test(what_is_too_long_is_a_limit),
		cmocka_unit_test(
		    an_archive_without_its_end_is_complete_between_entries),
		cmocka_unit_test(one_zero_block_is_no_end),
		cmocka_unit_test(what_follows_the_end_is_not_looked_at),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(sizes_beyond_octal_are_written),
		cmocka_unit_test(exact_times_are_read_again),
		cmocka_unit_test(what_others_put_behind_a_header_is_no_time),
		cmocka_unit_test(times_before_1970_are_read),
	};

	return RUN_TESTS(tests);
}
