/* SPDX-License-Identifier: ISC */

/*
 * The behaviours; see transport_suite.h.
 *
 * Every test has a loop and a transport of its own.  Nothing is waited for by
 * time: the loop turns until a condition holds, twenty seconds at most.
 */

#include "tests/unit/link/transport_suite.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"
#include "core/text.h"
#include "link/transport.h"
#include "tests/unit/link/transport_echo.h"
#include "tests/unit/link/transport_rig.h"

#define BIG (8u << 20)

static const struct transport_place *place;

static bool
has(const struct buf *buf, const char *part)
{
	return strstr(buf_text(buf), part) != NULL;
}

/* --- commands --------------------------------------------------------------
 */

static void
a_command_gives_both_streams_and_its_code(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_run(&rig, &e, "echo out; echo err >&2; exit 7");
	until(&rig, e.n_close);
	end_assert_exited(&e, 7);
	assert_string_equal(buf_text(&e.out), "out\n");
	assert_string_equal(buf_text(&e.err_out), "err\n");
	/* That a channel is there, and has room, takes nothing. */
	assert_int_equal(e.n_taken, 0);
	end_fini(&e);
	rig_stop(&rig);
}

static void
a_command_that_is_not_there_exits_with_127(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_run(&rig, &e, "berth-no-such-command");
	until(&rig, e.n_close);
	end_assert_exited(&e, 127);
	end_fini(&e);
	rig_stop(&rig);
}

static void
a_signal_that_ends_a_command_is_named(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_run(&rig, &e, "kill -KILL $$");
	until(&rig, e.n_close);
	assert_int_equal(e.n_exit, 1);
	assert_string_equal(e.signal, "KILL");
	end_fini(&e);
	rig_stop(&rig);
}

static void
input_is_read_and_ends(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_run(&rig, &e, "read a; cat; echo \"[$a]\"");
	/* Before it is open, too. */
	e.ch->ops->write(e.ch, "first\n", 6);
	until(&rig, e.n_open);
	e.ch->ops->write(e.ch, "rest", 4);
	e.ch->ops->write_end(e.ch);
	until(&rig, e.n_close);
	end_assert_exited(&e, 0);
	assert_string_equal(buf_text(&e.out), "rest[first]\n");
	end_fini(&e);
	rig_stop(&rig);
}

static void
a_signal_reaches_a_command(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_run(&rig, &e,
		"trap 'kill $!; exit 9' INT; tail -f /dev/null & "
		"echo ready; while :; do wait; done");
	until(&rig, has(&e.out, "ready"));
	e.ch->ops->signal(e.ch, "INT");
	until(&rig, e.n_close);
	end_assert_exited(&e, 9);
	end_fini(&e);
	rig_stop(&rig);
}

/* --- much ------------------------------------------------------------------
 */

/* Bytes that are not alike, so that an order lost is seen. */
static uint8_t *
big_bytes(void)
{
	uint8_t *bytes = xmalloc(BIG);

	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	return bytes;
}

static void
much_goes_both_ways_in_order(void **state)
{
	AUTO_FREE uint8_t *bytes = big_bytes();
	struct rig rig;
	struct end e;
	size_t sent = 0, part;
	bool is_full = false;

	rig_start(&rig, place);
	end_run(&rig, &e, "cat");
	while (sent < BIG) {
		unsigned drains = e.n_drain;

		part = MIN(BIG - sent, 100000);
		is_full = e.ch->ops->write(e.ch, bytes + sent, part);
		sent += part;
		if (is_full)
			until(&rig, e.n_drain > drains);
	}
	e.ch->ops->write_end(e.ch);
	until(&rig, e.n_close);
	end_assert_exited(&e, 0);
	assert_int_equal(e.out.len, BIG);
	assert_memory_equal(buf_bytes(&e.out), bytes, BIG);
	assert_true(e.n_drain > 0);
	end_fini(&e);
	rig_stop(&rig);
}

static void
a_paused_channel_gets_nothing_and_slows_the_other_side(void **state)
{
	AUTO_FREE char *mark = path_join(place->directory, "mark");
	AUTO_FREE char *command = xasprintf(
	    "head -c 60000000 /dev/zero; touch '%s'", mark);
	struct rig rig;
	struct end e;

	(void)unlink(mark);
	rig_start(&rig, place);
	end_open_paused(
	    &rig, &e,
	    &(struct channel_spec){ .kind = CHANNEL_COMMAND, .what = command });
	e.keeps_nothing = true;
	until(&rig, e.n_open);
	rig_turn_idly(&rig);
	assert_int_equal(e.n_bytes + e.n_eof + e.n_exit, 0);
	assert_int_not_equal(access(mark, F_OK), 0);
	e.ch->ops->resume(e.ch);
	until(&rig, e.n_close);
	end_assert_exited(&e, 0);
	assert_int_equal(e.n_bytes, 60000000);
	end_fini(&e);
	rig_stop(&rig);
}

static void
a_pause_within_data_holds_at_once(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_run(&rig, &e, "head -c 3000000 /dev/zero");
	e.pauses = e.keeps_nothing = true;
	for (size_t before = 0; e.n_bytes < 3000000; before = e.n_bytes) {
		until(&rig, e.n_bytes > before);
		before = e.n_bytes;
		uv_run(&rig.loop, UV_RUN_NOWAIT);
		assert_int_equal(e.n_bytes, before);
		e.ch->ops->resume(e.ch);
	}
	e.pauses = false;
	until(&rig, e.n_close);
	end_assert_exited(&e, 0);
	assert_int_equal(e.n_bytes, 3000000);
	end_fini(&e);
	rig_stop(&rig);
}

static void
a_writer_is_stopped_until_the_command_reads(void **state)
{
	static const char bytes[65536];
	AUTO_FREE char *gate = path_join(place->directory, "gate");
	AUTO_FREE char *command = xasprintf("cat <'%s' >/dev/null; wc -c",
					    gate);
	struct rig rig;
	struct end e;
	size_t sent = 0;
	char text[32];
	unsigned taken;
	int fd;

	(void)unlink(gate);
	assert_int_equal(mkfifo(gate, 0600), 0);
	rig_start(&rig, place);
	end_run(&rig, &e, command);
	until(&rig, e.n_open);
	for (bool is_full = false; sent < 100u << 20 && !is_full;) {
		is_full = e.ch->ops->write(e.ch, bytes, sizeof(bytes));
		sent += sizeof(bytes);
		if (is_full)
			rig_turn_idly(&rig);
		/* It was full for a moment only. */
		if (is_full && e.n_drain > 0) {
			e.n_drain = 0;
			is_full = false;
		}
	}
	assert_true(sent < 100u << 20);
	taken = e.n_taken;
	fd = open(gate, O_WRONLY | O_CLOEXEC);
	close(fd);
	until(&rig, e.n_drain);
	if (place->tells_taken)
		until(&rig, e.n_taken > taken);
	e.ch->ops->write_end(e.ch);
	until(&rig, e.n_close);
	snprintf(text, sizeof(text), "%zu", sent);
	assert_true(has(&e.out, text));
	end_fini(&e);
	rig_stop(&rig);
}

/* --- terminals and subsystems ----------------------------------------------
 */

static void
a_terminal_has_a_size_that_changes(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_open(&rig, &e,
		 &(struct channel_spec){
		     .kind = CHANNEL_COMMAND,
		     .what = "tty -s && echo \"$TERM\"; stty size; "
			     "trap 'stty size; kill $!; exit 5' WINCH; "
			     "tail -f /dev/null & echo ready; wait",
		     .has_tty = true,
		     .cols = 100,
		     .rows = 30,
		     .term = "vt100" });
	until(&rig, has(&e.out, "ready"));
	assert_true(has(&e.out, "vt100"));
	assert_true(has(&e.out, "30 100"));
	e.ch->ops->resize(e.ch, 132, 50);
	until(&rig, e.n_close);
	assert_true(has(&e.out, "50 132"));
	assert_int_equal(e.code, 5);
	end_fini(&e);
	rig_stop(&rig);
}

static void
a_subsystem_answers(void **state)
{
	static const char hello[] = "\0\0\0\5\1\0\0\0\3";
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	end_open(&rig, &e,
		 &(struct channel_spec){ .kind = CHANNEL_SUBSYSTEM,
					 .what = "sftp" });
	e.ch->ops->write(e.ch, hello, sizeof(hello) - 1);
	until(&rig, e.out.len >= 9);
	assert_int_equal(buf_bytes(&e.out)[4], 2);
	e.ch->ops->write_end(e.ch);
	until(&rig, e.n_close);
	end_fini(&e);
	rig_stop(&rig);
}

/* --- streams ---------------------------------------------------------------
 */

static void
check_echo(struct rig *rig, const struct channel_spec *spec)
{
	struct end e;

	end_open(rig, &e, spec);
	e.ch->ops->write(e.ch, "hello ", 6);
	until(rig, e.out.len == 6);
	assert_int_equal(e.n_eof, 0);
	e.ch->ops->write_end(e.ch);
	until(rig, e.n_eof || e.n_close);
	assert_string_equal(buf_text(&e.out), "hello bye");
	until(rig, e.n_close);
	assert_false(e.has_err);
	assert_int_equal(e.n_exit, 0);
	end_fini(&e);
}

static void
a_unix_socket_is_a_stream_with_two_ends(void **state)
{
	AUTO_FREE char *path = path_join(place->directory, "echo");
	struct err err = ERR_INIT;
	pid_t pid = echo_serve(sock_listen_unix(path, &err));
	struct rig rig;

	rig_start(&rig, place);
	check_echo(
	    &rig, &(struct channel_spec){ .kind = CHANNEL_UNIX, .what = path });
	rig_stop(&rig);
	echo_end(pid);
}

static void
a_port_is_a_stream_with_two_ends(void **state)
{
	struct err err = ERR_INIT;
	int fd = sock_listen_tcp("127.0.0.1:0", &err);
	struct sockaddr_in addr;
	socklen_t size = sizeof(addr);
	struct rig rig;
	pid_t pid;

	getsockname(fd, (struct sockaddr *)&addr, &size);
	pid = echo_serve(fd);
	rig_start(&rig, place);
	check_echo(&rig,
		   &(struct channel_spec){ .kind = CHANNEL_TCP,
					   .what = "127.0.0.1",
					   .port = ntohs(addr.sin_port) });
	rig_stop(&rig);
	echo_end(pid);
}

static void
what_is_not_there_is_refused(void **state)
{
	AUTO_FREE char *path = path_join(place->directory, "nothing");
	struct rig rig;
	struct end e, f;

	rig_start(&rig, place);
	end_open(&rig, &e,
		 &(struct channel_spec){ .kind = CHANNEL_UNIX, .what = path });
	end_open(&rig, &f,
		 &(struct channel_spec){
		     .kind = CHANNEL_TCP, .what = "127.0.0.1", .port = 1 });
	until(&rig, e.n_close && f.n_close);
	assert_int_equal(e.n_open + f.n_open, 0);
	assert_err(e.err, ERR_DENIED, "");
	assert_err(f.err, ERR_DENIED, "");
	/* The others are not touched. */
	end_fini(&e);
	end_run(&rig, &e, "true");
	until(&rig, e.n_close);
	end_assert_exited(&e, 0);
	end_fini(&e);
	end_fini(&f);
	rig_stop(&rig);
}

/* --- many ------------------------------------------------------------------
 */

#define MANY_COMMANDS 60
#define MANY_STREAMS 400

static void
many_commands_run_at_once(void **state)
{
	static struct end ends[MANY_COMMANDS];
	struct rig rig;
	char text[64];

	rig_start(&rig, place);
	for (int i = 0; i < MANY_COMMANDS; i++) {
		snprintf(text, sizeof(text), "read a; echo ${a}%d; exit %d", i,
			 i);
		end_run(&rig, &ends[i], text);
		ends[i].ch->ops->write(ends[i].ch, "x\n", 2);
	}
	until(&rig, rig.n_ends == 0);
	for (int i = 0; i < MANY_COMMANDS; i++) {
		snprintf(text, sizeof(text), "x%d\n", i);
		end_assert_exited(&ends[i], i);
		assert_string_equal(buf_text(&ends[i].out), text);
		end_fini(&ends[i]);
	}
	rig_stop(&rig);
}

static bool
all_open(const struct end *ends)
{
	for (int i = 0; i < MANY_STREAMS; i++) {
		if (ends[i].n_open == 0)
			return false;
	}
	return true;
}

static void
many_streams_are_open_at_once(void **state)
{
	static struct end ends[MANY_STREAMS];
	AUTO_FREE char *path = path_join(place->directory, "many");
	struct err err = ERR_INIT;
	pid_t pid = echo_serve(sock_listen_unix(path, &err));
	struct rig rig;
	char text[16];

	rig_start(&rig, place);
	for (int i = 0; i < MANY_STREAMS; i++)
		end_open(&rig, &ends[i],
			 &(struct channel_spec){ .kind = CHANNEL_UNIX,
						 .what = path });
	until(&rig, all_open(ends));
	for (int i = 0; i < MANY_STREAMS; i++) {
		snprintf(text, sizeof(text), "%d ", i);
		ends[i].ch->ops->write(ends[i].ch, text, strlen(text));
		ends[i].ch->ops->write_end(ends[i].ch);
	}
	until(&rig, rig.n_ends == 0);
	for (int i = 0; i < MANY_STREAMS; i++) {
		snprintf(text, sizeof(text), "%d bye", i);
		assert_string_equal(buf_text(&ends[i].out), text);
		end_fini(&ends[i]);
	}
	rig_stop(&rig);
	echo_end(pid);
}

/* --- ends ------------------------------------------------------------------
 */

static void
closing_in_the_middle_is_the_end_of_callbacks(void **state)
{
	struct rig rig;
	struct end loud, early, after;

	rig_start(&rig, place);
	end_run(&rig, &loud, "exec cat /dev/zero");
	loud.closes = loud.keeps_nothing = true;
	end_run(&rig, &early, "echo early");
	early.ch->ops->close(early.ch);
	until(&rig, loud.ch == NULL);
	end_run(&rig, &after, "echo after");
	until(&rig, after.n_close);
	end_assert_exited(&after, 0);
	assert_string_equal(buf_text(&after.out), "after\n");
	assert_int_equal(loud.n_close + early.n_open + early.n_close, 0);
	assert_true(loud.n_bytes <= 65536);
	end_fini(&loud);
	end_fini(&early);
	end_fini(&after);
	rig_stop(&rig);
}

static void
freeing_is_silent(void **state)
{
	struct rig rig;
	struct end e, early;

	rig_start(&rig, place);
	end_run(&rig, &e, "echo ready; exec tail -f /dev/null");
	until(&rig, has(&e.out, "ready"));
	end_run(&rig, &early, "echo early");
	rig_stop(&rig);
	assert_int_equal(rig.n_down, 0);
	assert_int_equal(e.n_close + early.n_open + early.n_close, 0);
	end_fini(&e);
	end_fini(&early);
}

static void
freeing_before_it_is_up_is_silent(void **state)
{
	struct rig rig;

	rig_make(&rig, place);
	rig_stop(&rig);
	assert_int_equal(rig.n_up + rig.n_down, 0);
}

static void
going_down_closes_the_channels_first(void **state)
{
	struct rig rig;
	struct end e, f;

	rig_start(&rig, place);
	end_run(&rig, &e, "echo ready; exec tail -f /dev/null");
	end_run(&rig, &f, "echo ready; exec tail -f /dev/null");
	until(&rig, has(&e.out, "ready") && has(&f.out, "ready"));
	place->cut();
	until(&rig, rig.n_down);
	place->mend();
	assert_int_equal(rig.n_down, 1);
	assert_int_equal(rig.down.code, ERR_UNREACHABLE);
	assert_int_equal(rig.n_ends, 0);
	assert_int_equal(e.n_close + f.n_close, 2);
	assert_err(e.err, ERR_UNREACHABLE, "");
	assert_int_equal(e.n_exit, 0);
	end_fini(&e);
	end_fini(&f);
	rig_stop(&rig);
}

static void
on_pong(void *owner, uint64_t us)
{
	struct rig *rig = owner;

	rig->n_pongs++;
	rig->pong_us = us;
}

static void
a_sign_of_life_has_a_time(void **state)
{
	struct rig rig;
	struct end e;

	rig_start(&rig, place);
	rig.t->ops->ping(rig.t, on_pong);
	until(&rig, rig.n_pongs == 1);
	end_run(&rig, &e, "echo ready; cat");
	until(&rig, e.n_open);
	rig.t->ops->ping(rig.t, on_pong);
	until(&rig, rig.n_pongs == 2);
	assert_true(rig.pong_us < PATIENCE_MS * 1000);
	/* Its channel may go away meanwhile. */
	rig.t->ops->ping(rig.t, on_pong);
	e.ch->ops->close(e.ch);
	until(&rig, rig.n_pongs == 3);
	end_fini(&e);
	rig_stop(&rig);
}

/* --- past us ---------------------------------------------------------------
 */

static void
on_forwarded(const struct err *err, void *owner)
{
	struct rig *rig = owner;

	rig->n_forwarded++;
	rig->forward_err = err ? *err : (struct err)ERR_INIT;
}

static void
forward(struct rig *rig, const char *path, const char *remote)
{
	struct err err = ERR_INIT;
	int n = rig->n_forwarded;

	assert_int_equal(
	    rig->t->ops->forward(rig->t, path, remote, on_forwarded, &err), 0);
	assert_int_equal(rig->n_forwarded, n);
	until(rig, rig->n_forwarded == n + 1);
}

static void
check_past(const char *path)
{
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = sock_connect_unix(path, &err);
	AUTO_BUF out = BUF_INIT(100);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello ", 6), 6);
	shutdown(fd, SHUT_WR);
	(void)fcntl(fd, F_SETFL, 0);
	assert_int_equal(fs_read_fd(fd, &out, &err), 0);
	assert_string_equal(buf_text(&out), "hello bye");
}

static void
a_socket_here_leads_past_us(void **state)
{
	AUTO_FREE char *path = path_join(place->directory, "echo");
	AUTO_FREE char *past = path_join(place->directory, "past");
	struct err err = ERR_INIT;
	pid_t pid = echo_serve(sock_listen_unix(path, &err));
	struct rig rig;

	rig_start(&rig, place);
	forward(&rig, past, path);
	assert_int_equal(rig.forward_err.code, ERR_NONE);
	check_past(past);
	rig_stop(&rig);
	assert_int_equal(sock_connect_unix(past, &err), -1);
	echo_end(pid);
	(void)unlink(past);
}

static void
a_name_that_is_taken_is_not_forwarded(void **state)
{
	AUTO_FREE char *taken = path_join(place->directory, "taken");
	AUTO_CLOSE int fd = open(taken, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct err err = ERR_INIT;
	struct rig rig;

	assert_true(fd >= 0);
	rig_start(&rig, place);
	forward(&rig, taken, "/nowhere");
	assert_err(rig.forward_err, ERR_DENIED, "");
	(void)unlink(taken);
	/* Given up before it is known. */
	assert_int_equal(
	    rig.t->ops->forward(rig.t, taken, "/nowhere", on_forwarded, &err),
	    0);
	rig_stop(&rig);
	assert_int_equal(rig.n_forwarded, 1);
	(void)unlink(taken);
}

int
transport_suite_run(const struct transport_place *p)
{
	const struct {
		struct CMUnitTest test;
		bool can_be; /* at this place */
	} all[] = {
		{ cmocka_unit_test(a_command_gives_both_streams_and_its_code),
		  true },
		{ cmocka_unit_test(a_command_that_is_not_there_exits_with_127),
		  true },
		{ cmocka_unit_test(a_signal_that_ends_a_command_is_named),
		  true },
		{ cmocka_unit_test(input_is_read_and_ends), true },
		{ cmocka_unit_test(a_signal_reaches_a_command),
		  p->has_signals },
		{ cmocka_unit_test(much_goes_both_ways_in_order), true },
		{ cmocka_unit_test(
		      a_paused_channel_gets_nothing_and_slows_the_other_side),
		  true },
		{ cmocka_unit_test(a_pause_within_data_holds_at_once), true },
		{ cmocka_unit_test(a_writer_is_stopped_until_the_command_reads),
		  true },
		{ cmocka_unit_test(a_terminal_has_a_size_that_changes), true },
		{ cmocka_unit_test(a_subsystem_answers), p->has_subsystems },
		{ cmocka_unit_test(a_unix_socket_is_a_stream_with_two_ends),
		  true },
		{ cmocka_unit_test(a_port_is_a_stream_with_two_ends), true },
		{ cmocka_unit_test(what_is_not_there_is_refused), true },
		{ cmocka_unit_test(many_commands_run_at_once), true },
		{ cmocka_unit_test(many_streams_are_open_at_once), true },
		{ cmocka_unit_test(
		      closing_in_the_middle_is_the_end_of_callbacks),
		  true },
		{ cmocka_unit_test(freeing_is_silent), true },
		{ cmocka_unit_test(freeing_before_it_is_up_is_silent), true },
		{ cmocka_unit_test(going_down_closes_the_channels_first),
		  p->cut != NULL },
		{ cmocka_unit_test(a_sign_of_life_has_a_time), true },
		{ cmocka_unit_test(a_socket_here_leads_past_us),
		  p->ops->forward != NULL },
		{ cmocka_unit_test(a_name_that_is_taken_is_not_forwarded),
		  p->ops->forward != NULL },
	};
	struct CMUnitTest tests[ARRAY_SIZE(all)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].can_be)
			tests[n++] = all[i].test;
	}
	place = p;
	(void)signal(SIGPIPE, SIG_IGN);
	return _cmocka_run_group_tests("transport", tests, n, NULL, NULL);
}
