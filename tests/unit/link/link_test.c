/* SPDX-License-Identifier: ISC */

#include "link/link.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "machine/machine.h"
#include "link/events.h"
#include "link/transport.h"

/* A machine that is never reached, for the reason that the test gives. */
struct wall {
	struct transport base;
	struct transport_config config;
	uv_timer_t timer;
};

static struct {
	uv_loop_t loop;
	struct machine machine;
	struct events events;
	struct link *link;
	struct link_watcher watcher;
	struct err why; /* what the transport says */
	bool asks;	/* a question first */
	int n_attempts, n_retries, n_failures, n_answers;
	struct err failure;
} t;

static void
on_wall_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct wall, timer));
}

static void
on_wall(uv_timer_t *timer)
{
	struct wall *wall = container_of(timer, struct wall, timer);
	const struct prompt prompt = { .kind = PROMPT_PASSWORD,
				       .text = "password:" };

	if (t.asks && t.n_answers == 0) {
		wall->config.events->on_prompt(&wall->base, &prompt,
					       wall->config.owner);
		return;
	}
	wall->config.events->on_stage(&wall->base, "auth", wall->config.owner);
	wall->config.events->on_down(&wall->base, &t.why, wall->config.owner);
}

static struct transport *wall_new(const struct transport_config *config,
				  struct err *err);

static void
wall_free(struct transport *transport)
{
	struct wall *wall = container_of(transport, struct wall, base);

	uv_close((uv_handle_t *)&wall->timer, on_wall_closed);
}

static void
wall_answer(struct transport *transport, const char *text)
{
	struct wall *wall = container_of(transport, struct wall, base);

	assert_null(text);
	t.n_answers++;
	uv_timer_start(&wall->timer, on_wall, 0, 0);
}

static const struct transport_ops wall_ops = { .name = "wall",
					       .new = wall_new,
					       .free = wall_free,
					       .answer = wall_answer };

static struct transport *
wall_new(const struct transport_config *config, struct err *err UNUSED)
{
	struct wall *wall = xcalloc(1, sizeof(*wall));

	t.n_attempts++;
	wall->base.ops = &wall_ops;
	wall->config = *config;
	uv_timer_init(config->loop, &wall->timer);
	uv_timer_start(&wall->timer, on_wall, 0, 0);
	return &wall->base;
}

static void
on_retry(int64_t attempt UNUSED, uint64_t in_ms UNUSED,
	 const struct err *why UNUSED, void *owner UNUSED)
{
	t.n_retries++;
}

static void
on_failed(const struct err *why, const char *stage UNUSED, void *owner UNUSED)
{
	t.n_failures++;
	t.failure = *why;
	uv_stop(&t.loop);
}

static void
on_idle(void *owner UNUSED)
{
}

static int
set_up(uint64_t pause_ms)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "events.jsonl");
	struct link_config config = { .loop = &t.loop,
				      .machine = &t.machine,
				      .ops = &wall_ops,
				      .directory = "/nonexistent",
				      .events = &t.events,
				      .on_idle = on_idle };

	memset(&t, 0, sizeof(t));
	t.machine.name = (char *)(uintptr_t) "wall";
	t.machine.retry.limit = 5;
	t.machine.retry.first = t.machine.retry.max = pause_ms;
	t.machine.connect_timeout = t.machine.keep_alive = 60000;
	uv_loop_init(&t.loop);
	events_init(&t.events, path, "wall", 1u << 20);
	t.link = link_new(&config);
	t.watcher = (struct link_watcher){ .on_retry = on_retry,
					   .on_failed = on_failed };
	link_watch(t.link, &t.watcher);
	return 0;
}

static int
setup(void **state UNUSED)
{
	return set_up(1);
}

static int
setup_patient(void **state UNUSED)
{
	return set_up(60000);
}

static int
teardown(void **state UNUSED)
{
	link_unwatch(&t.watcher);
	link_free(t.link);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	events_fini(&t.events);
	return uv_loop_close(&t.loop);
}

static void
what_may_follow_what_is_a_table(void **state UNUSED)
{
	static const char *const picture[] = {
		"disconnected>connecting",  "connecting>active",
		"connecting>disconnected",  "active>reconnecting",
		"active>disconnected",	    "reconnecting>active",
		"reconnecting>disconnected"
	};
	size_t n = 0;

	for (int from = 0; from < LINK_STATES; from++) {
		for (int to = 0; to < LINK_STATES; to++) {
			bool is_drawn = false;
			char arrow[64];

			snprintf(arrow, sizeof(arrow), "%s>%s",
				 link_state_name((enum link_state)from),
				 link_state_name((enum link_state)to));
			for (size_t i = 0; i < ARRAY_SIZE(picture); i++)
				is_drawn |= str_eq(picture[i], arrow);
			n += is_drawn;
			assert_int_equal(is_drawn,
					 link_may_follow((enum link_state)from,
							 (enum link_state)to));
		}
	}
	assert_int_equal(n, ARRAY_SIZE(picture));
}

static void
nothing_is_tried_before_somebody_wants_it(void **state UNUSED)
{
	struct err err = ERR_INIT;

	uv_run(&t.loop, UV_RUN_NOWAIT);
	assert_int_equal(t.n_attempts, 0);
	assert_int_equal(link_state(t.link), LINK_DISCONNECTED);
	assert_null(link_take(t.link, NULL, NULL, &err));
	assert_err(err, ERR_UNREACHABLE, "wall is disconnected");
}

static void
a_machine_that_is_not_there_is_tried_a_few_times(void **state UNUSED)
{
	err_set(&t.why, ERR_UNREACHABLE, "no route");
	link_connect(t.link, false);
	assert_int_equal(link_state(t.link), LINK_CONNECTING);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_attempts, 3);
	assert_int_equal(t.n_retries, 2);
	assert_int_equal(t.n_failures, 1);
	assert_err(t.failure, ERR_UNREACHABLE, "no route");
	assert_int_equal(link_state(t.link), LINK_DISCONNECTED);
	link_connect(t.link, false);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_attempts, 6);
}

static void
stop_loop(int64_t attempt UNUSED, uint64_t in_ms UNUSED,
	  const struct err *why UNUSED, void *owner UNUSED)
{
	uv_stop(&t.loop);
}

static void
who_comes_in_a_pause_does_not_wait_for_its_end(void **state UNUSED)
{
	struct link_status status;

	t.watcher.on_retry = stop_loop;
	err_set(&t.why, ERR_UNREACHABLE, "no route");
	link_connect(t.link, false);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	link_status(t.link, &status);
	assert_in_range(status.retry_ms, 29000, 60000);
	link_use(t.link);
	link_status(t.link, &status);
	assert_in_range(status.retry_ms, 400, 1000);
	link_release(t.link);
}

static void
no_way_in_is_never_tried_again(void **state UNUSED)
{
	static const enum err_code codes[] = { ERR_AUTH, ERR_HOST_KEY };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		t.n_attempts = 0;
		err_set(&t.why, codes[i], "no");
		link_connect(t.link, false);
		uv_run(&t.loop, UV_RUN_DEFAULT);
		assert_int_equal(t.n_attempts, 1);
		assert_int_equal(t.failure.code, codes[i]);
	}
}

static void
a_question_without_anyone_to_ask_is_the_reason(void **state UNUSED)
{
	t.asks = true;
	err_set(&t.why, ERR_AUTH, "permission denied");
	link_connect(t.link, false);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_attempts, 1);
	assert_err(t.failure, ERR_AUTH, "asks for a password");
	assert_err(t.failure, ERR_AUTH, "no one to ask");
	assert_non_null(strstr(t.failure.hint, "terminal"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_follow_what_is_a_table),
		cmocka_unit_test_setup_teardown(
		    nothing_is_tried_before_somebody_wants_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_machine_that_is_not_there_is_tried_a_few_times, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    who_comes_in_a_pause_does_not_wait_for_its_end,
		    setup_patient, teardown),
		cmocka_unit_test_setup_teardown(no_way_in_is_never_tried_again,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_question_without_anyone_to_ask_is_the_reason, setup,
		    teardown),
	};

	return RUN_TESTS(tests);
}
