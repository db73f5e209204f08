/* SPDX-License-Identifier: ISC */

/*
 * What a tmux server says of its sessions: whatever it is, the names that come
 * out are names, and each viewer and session has been counted.
 */

#include <assert.h>

#include "berthd/session/tmux.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_TMUX_LIST list = { 0 };
	size_t n_viewers = 0;

	tmux_list_parse(data, size, &list);
	for (size_t i = 0; i < list.n_sessions; i++) {
		assert(tmux_name_ok(list.sessions[i].name));
		assert(list.sessions[i].title);
		assert(list.sessions[i].pid >= 0);
		n_viewers = MAX(n_viewers, list.sessions[i].n_viewers);
	}
	for (size_t i = 0; i < list.n_viewers; i++)
		assert(tmux_name_ok(list.viewers[i].name));
	assert(n_viewers <= list.n_viewers);
	return 0;
}
