/* SPDX-License-Identifier: ISC */

/* The line of `berthd hello'; see bootstrap_hello.h. */

#include <string.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "link/bootstrap_hello.h"

static char *
text_of(const struct json_t *object, const char *member)
{
	const char *text = json_get_text(object, member, NULL);

	return text ? xstrdup(text) : NULL;
}

static bool
is_complete(const struct bootstrap_hello *h)
{
	if (h->program == NULL || h->program_version == NULL ||
	    h->program_api < 1)
		return false;
	return !h->is_running ||
	       (h->version && h->api >= 1 && h->uid >= 0 && h->host_id &&
		h->nonce && h->life && h->socket && h->socket[0] == '/');
}

static void
read_daemon(const struct json_t *root, const struct json_t *daemon,
	    struct bootstrap_hello *ret)
{
	ret->is_running = true;
	ret->hello = json_dump(daemon);
	ret->version = text_of(daemon, "version");
	ret->api = json_get_int(daemon, "api", 0);
	ret->uid = json_get_int(daemon, "uid", -1);
	ret->host_id = text_of(daemon, "host_id");
	ret->nonce = text_of(daemon, "nonce");
	ret->socket = text_of(root, "socket");
	ret->life = text_of(root, "life");
}

int
bootstrap_hello_read(const char *text, size_t n, struct bootstrap_hello *ret,
		     struct err *err)
{
	AUTO_JSON *root = json_parse(text, n, err);
	const struct json_t *program, *daemon;
	struct bootstrap_hello hello = { 0 };

	if (root) {
		program = json_get(root, "program");
		daemon = json_get(root, "daemon");
		hello.program = text_of(program, "path");
		hello.program_version = text_of(program, "version");
		hello.home = text_of(root, "home");
		hello.program_api = json_get_int(program, "api", 0);
		if (daemon && !json_is_nothing(daemon))
			read_daemon(root, daemon, &hello);
		if (is_complete(&hello)) {
			*ret = hello;
			return 0;
		}
	}
	bootstrap_hello_fini(&hello);
	return err_set(err, ERR_PROTO, "berthd there says no proper hello");
}

void
bootstrap_hello_fini(struct bootstrap_hello *hello)
{
	free(hello->program);
	free(hello->program_version);
	free(hello->home);
	free(hello->hello);
	free(hello->version);
	free(hello->host_id);
	free(hello->nonce);
	free(hello->socket);
	free(hello->life);
	*hello = (struct bootstrap_hello){ 0 };
}

/* The number at *at, which moves behind it and one dot. */
static uint64_t
take_number(const char **at)
{
	uint64_t n = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
		n = MIN(n, 1u << 30) * 10 + (uint64_t)(**at - '0');
	*at += **at == '.';
	return n;
}

int
version_cmp(const char *a, const char *b)
{
	for (int i = 0; i < 3; i++) {
		uint64_t x = take_number(&a), y = take_number(&b);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}
