/* SPDX-License-Identifier: ISC */

/* Holders without an exec; see holder_pool.h. */

#include <stdbool.h>

#include "berthd/exec/control_client.h"
#include "berthd/exec/holder_pool.h"
#include "core/clock.h"
#include "core/macros.h"
#include "core/mem.h"

/* More never wait: so many execs end and begin at the same time. */
#define MAX_WAITING 16

#define KEEP_MS 1000

struct waiting {
	struct list link;
	struct holder_pool *pool;
	struct control_client *client;
	uint64_t since_ms;
};

static struct control_client *
forget(struct waiting *waiting)
{
	struct control_client *client = waiting->client;

	list_unlink(&waiting->link);
	waiting->pool->n--;
	free(waiting);
	return client;
}

static void
on_message(struct control_client *client UNUSED,
	   const struct control_msg *msg UNUSED, const void *data UNUSED,
	   size_t n UNUSED, void *owner UNUSED)
{
}

static void
on_gone(struct control_client *client, void *owner)
{
	(void)forget(owner);
	control_client_free(client);
}

static const struct control_client_events events = {
	.on_message = on_message,
	.on_gone = on_gone,
};

static struct waiting *
oldest(struct holder_pool *pool)
{
	return list_entry(pool->waiting.next, struct waiting, link);
}

static void
sweep(uv_timer_t *timer)
{
	struct holder_pool *pool = container_of(timer, struct holder_pool,
						sweep);
	uint64_t now = clock_mono_ms();

	while (pool->n > 0 && oldest(pool)->since_ms + KEEP_MS <= now)
		control_client_free(forget(oldest(pool)));
	if (pool->n > 0)
		(void)uv_timer_start(timer, sweep, KEEP_MS, 0);
}

void
holder_pool_init(struct holder_pool *pool, struct uv_loop_s *loop)
{
	*pool = (struct holder_pool){ .loop = loop };
	list_init(&pool->waiting);
}

static void
arm(struct holder_pool *pool)
{
	if (!pool->is_timed) {
		(void)uv_timer_init(pool->loop, &pool->sweep);
		uv_unref((uv_handle_t *)&pool->sweep);
		pool->is_timed = true;
	}
	if (!uv_is_active((uv_handle_t *)&pool->sweep))
		(void)uv_timer_start(&pool->sweep, sweep, KEEP_MS, 0);
}

void
holder_pool_add(struct holder_pool *pool, struct control_client *client)
{
	struct waiting *waiting;

	if (pool->n == MAX_WAITING) {
		control_client_free(client);
		return;
	}
	waiting = xcalloc(1, sizeof(*waiting));
	*waiting = (struct waiting){ .pool = pool,
				     .client = client,
				     .since_ms = clock_mono_ms() };
	list_append(&pool->waiting, &waiting->link);
	pool->n++;
	control_client_retarget(client, &events, waiting);
	arm(pool);
}

struct control_client *
holder_pool_take(struct holder_pool *pool)
{
	if (pool->n == 0)
		return NULL;
	return forget(list_entry(pool->waiting.prev, struct waiting, link));
}

void
holder_pool_close(struct holder_pool *pool)
{
	while (pool->n > 0)
		control_client_free(forget(oldest(pool)));
	if (pool->is_timed)
		uv_close((uv_handle_t *)&pool->sweep, NULL);
	pool->is_timed = false;
}
