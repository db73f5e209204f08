/* SPDX-License-Identifier: ISC */

/* Where links are found; see link_places.h. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/sha1.h"
#include "core/text.h"
#include "wire/link_places.h"
#include "wire/places.h"

#define MAX_NAME 64
#define N_HASHED 8 /* bytes of a hash */

/*
 * Of the 107 bytes of a socket's path; ssh binds its own under a temporary
 * name that is 17 longer, and the longest suffix of ours is ".askpass".
 */
#define MAX_STEM_PATH (107 - 17 - 8)

bool
link_name_is_valid(const char *machine)
{
	const char *p = machine;

	if (!isalnum((unsigned char)*p) || strlen(machine) > MAX_NAME)
		return false;
	while (isalnum((unsigned char)*p) || (*p && strchr("._-", *p)))
		p++;
	return *p == '\0';
}

/* What a name was replaced by; one who lists links has nothing else. */
static bool
is_stem(const char *machine)
{
	return machine[0] == '+' && strlen(machine) == 1 + 2 * N_HASHED &&
	       strspn(machine + 1, "0123456789abcdef") == 2 * N_HASHED;
}

void
link_stem(char out[LINK_STEM_SIZE], const char *machine, size_t n_dir)
{
	uint8_t digest[SHA1_SIZE];

	if (n_dir + 1 + strlen(machine) <= MAX_STEM_PATH) {
		snprintf(out, LINK_STEM_SIZE, "%s", machine);
		return;
	}
	/* '+' begins no name. */
	sha1(machine, strlen(machine), digest);
	out[0] = '+';
	hex_encode(out + 1, digest, N_HASHED);
}

int
link_places_find(struct link_places *ret, const char *machine, struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	char stem[LINK_STEM_SIZE], shown[80];

	if (!link_name_is_valid(machine) && !is_stem(machine))
		return err_set(err, ERR_INVALID,
			       "\"%s\" is no name of a machine",
			       vis(shown, sizeof(shown), machine));
	if (places_find(&places, err) < 0)
		return -1;
	ret->dir = path_join(places.runtime, "link");
	if (is_stem(machine))
		snprintf(stem, sizeof(stem), "%s", machine);
	else
		link_stem(stem, machine, strlen(ret->dir));
	ret->sock = xasprintf("%s/%s.sock", ret->dir, stem);
	ret->near = xasprintf("%s/%s.near", ret->dir, stem);
	ret->ctl = xasprintf("%s/%s.ctl", ret->dir, stem);
	ret->lock = xasprintf("%s/%s.lock", ret->dir, stem);
	ret->state = path_join(places.state, "link");
	ret->events = path_join(ret->state, "events.jsonl");
	ret->log = path_join(ret->state, "link.log");
	return 0;
}

void
link_places_fini(struct link_places *places)
{
	free(places->dir);
	free(places->sock);
	free(places->near);
	free(places->ctl);
	free(places->lock);
	free(places->state);
	free(places->events);
	free(places->log);
	*places = (struct link_places)LINK_PLACES_INIT;
}
