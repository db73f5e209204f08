/* SPDX-License-Identifier: ISC */

#include "berthd/login/audit.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"

#define MAX_TEXT (1u << 20)

static char *
new_log(void)
{
	static unsigned n;
	AUTO_FREE char *name = xasprintf("audit-%u", n++);

	return path_join(unit_temp_dir(), name);
}

static void
append(const char *path, const char *command)
{
	struct audit_record record = { .event = "login",
				       .user = "u",
				       .command = command };
	struct err err = ERR_INIT;

	if (audit_append(path, &record, 0, &err) < 0)
		fail_msg("%s", err.msg);
}

static void
read_log(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, path, out, &err), 0);
}

static struct audit_verdict
verify(const char *path)
{
	struct audit_verdict verdict;
	struct err err = ERR_INIT;

	if (audit_verify(path, NULL, &verdict, &err) < 0)
		fail_msg("%s", err.msg);
	return verdict;
}

static void
put_log(const char *path, const char *text, size_t n)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_write_atomic(AT_FDCWD, path, text, n, 0, &err), 0);
}

static void
a_chain_that_nobody_touched_is_whole(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	struct audit_verdict verdict;

	for (int i = 0; i < 20; i++)
		append(path, "x");
	verdict = verify(path);
	assert_int_equal(verdict.line, 0);
	assert_int_equal(verdict.n, 20);
}

static void
hostile_text_is_never_raw(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	AUTO_BUF log = BUF_INIT(MAX_TEXT);
	AUTO_FREE char *much = xmalloc(65537);

	memset(much, 1, 65536);
	much[65536] = '\0';
	append(path, "\033]0;x\007\r\n\",\"hash\":\"\xff\xfe\xe2\x80\xae");
	append(path, much);
	append(path, "after");
	read_log(path, &log);
	for (size_t i = 0; i < log.len; i++) {
		uint8_t c = buf_bytes(&log)[i];

		assert_true(c == '\n' || (c >= 0x20 && c != 0x7f));
	}
	assert_int_equal(verify(path).line, 0);
	assert_int_equal(verify(path).n, 3);
}

/* Each byte but the last line break, one at a time. */
static void
every_changed_byte_is_found(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	AUTO_BUF log = BUF_INIT(MAX_TEXT);

	for (int i = 0; i < 3; i++)
		append(path, "x");
	read_log(path, &log);
	for (size_t i = 0; i < log.len; i++) {
		AUTO_FREE char *copy = xstrndup(buf_text(&log), log.len);
		struct audit_verdict verdict;

		copy[i] ^= 1;
		audit_verify_text(copy, log.len, &verdict);
		assert_true(verdict.line > 0);
	}
}

/* Every way to leave out, to double, or to swap lines. */
static void
removed_added_and_moved_records_are_found(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	AUTO_BUF log = BUF_INIT(MAX_TEXT);
	const char *lines[4];
	size_t lens[4];
	const char *at;

	for (int i = 0; i < 4; i++)
		append(path, "x");
	read_log(path, &log);
	at = buf_text(&log);
	for (size_t i = 0; i < 4; i++) {
		lines[i] = at;
		lens[i] = strcspn(at, "\n") + 1;
		at += lens[i];
	}
	for (size_t order = 0; order < 256; order++) {
		AUTO_BUF copy = BUF_INIT(MAX_TEXT);
		struct audit_verdict verdict;

		for (size_t i = 0; i < 4; i++)
			(void)buf_add(&copy, lines[order >> 2 * i & 3],
				      lens[order >> 2 * i & 3]);
		audit_verify_text(buf_text(&copy), copy.len, &verdict);
		assert_int_equal(verdict.line == 0, order == 0xe4);
	}
}

/* At every byte: only the head can tell a cut between two records. */
static void
every_truncation_is_found(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	AUTO_BUF log = BUF_INIT(MAX_TEXT);

	for (int i = 0; i < 3; i++)
		append(path, "x");
	read_log(path, &log);
	for (size_t n = 0; n < log.len; n++) {
		put_log(path, buf_text(&log), n);
		assert_true(verify(path).line > 0);
	}
	put_log(path, buf_text(&log), log.len);
	assert_int_equal(verify(path).line, 0);
}

static void
a_new_history_does_not_fit_a_head_kept_elsewhere(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	AUTO_FREE char *head_file = xasprintf("%s.head", path);
	AUTO_FREE char *head = NULL;
	struct audit_verdict verdict;
	struct err err = ERR_INIT;

	append(path, "x");
	append(path, "y");
	verdict = verify(path);
	head = xasprintf("%d:%s", (int)verdict.last, verdict.hash);
	append(path, "z");
	assert_int_equal(audit_verify(path, head, &verdict, &err), 0);
	assert_int_equal(verdict.line, 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(head_file), 0);
	for (int i = 0; i < 3; i++)
		append(path, "forged");
	assert_int_equal(verify(path).line, 0);
	assert_int_equal(audit_verify(path, head, &verdict, &err), 0);
	assert_int_equal(verdict.line, 2);
	assert_int_equal(audit_verify(path, "nonsense", &verdict, &err), -1);
}

static void
a_torn_record_is_told_and_the_chain_goes_on(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	AUTO_BUF log = BUF_INIT(MAX_TEXT);
	struct audit_verdict verdict;

	append(path, "x");
	read_log(path, &log);
	(void)buf_adds(&log, "{\"seq\":2,\"ti");
	put_log(path, buf_text(&log), log.len);
	append(path, "y");
	verdict = verify(path);
	assert_int_equal(verdict.line, 2);
}

/* RLIMIT_FSIZE stands for a disk that is full. */
static bool
appends_to_full_disk(void *arg)
{
	struct audit_record record = { .event = "login" };
	struct rlimit limit = { .rlim_cur = 700, .rlim_max = 700 };
	struct err err = ERR_INIT;
	int n = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return false;
	while (audit_append(arg, &record, 0, &err) == 0)
		n++;
	return n > 0 && err.code == ERR_SYSTEM;
}

static void
a_record_that_does_not_fit_is_taken_back(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(appends_to_full_disk(path) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(verify(path).line, 0);
	append(path, "there is room again");
	assert_int_equal(verify(path).line, 0);
}

static void
many_processes_append_one_chain(void **state UNUSED)
{
	AUTO_FREE char *path = new_log();

	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		for (int j = 0; pid == 0 && j < 25; j++) {
			struct audit_record record = { .event = "login" };
			struct err err = ERR_INIT;

			if (audit_append(path, &record, 0, &err) < 0)
				_exit(1);
		}
		if (pid == 0)
			_exit(0);
	}
	for (int i = 0; i < 8; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(verify(path).line, 0);
	assert_int_equal(verify(path).n, 200);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_that_nobody_touched_is_whole),
		cmocka_unit_test(hostile_text_is_never_raw),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(removed_added_and_moved_records_are_found),
		cmocka_unit_test(every_truncation_is_found),
		cmocka_unit_test(
		    a_new_history_does_not_fit_a_head_kept_elsewhere),
		cmocka_unit_test(a_torn_record_is_told_and_the_chain_goes_on),
		cmocka_unit_test(a_record_that_does_not_fit_is_taken_back),
		cmocka_unit_test(many_processes_append_one_chain),
	};

	return RUN_TESTS(tests);
}
