/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_LIST_H
#define BERTH_CORE_LIST_H

/*
 * A doubly linked list whose links are embedded in its members.
 *
 * A head and an unlinked member both point at themselves, so unlinking twice
 * is harmless and a member can tell whether it is in a list.
 */

#include <stdbool.h>

#include "core/macros.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)                                                        \
	{                                                                      \
		&(name), &(name)                                               \
	}

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_unlink(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

/* Before `at': at the end, if `at' is the head. */
static inline void
list_append(struct list *at, struct list *l)
{
	l->prev = at->prev;
	l->next = at;
	at->prev->next = l;
	at->prev = l;
}

/* Move all members of `from' to the empty head `to'. */
static inline void
list_move(struct list *to, struct list *from)
{
	list_init(to);
	if (list_is_empty(from))
		return;
	*to = *from;
	to->next->prev = to->prev->next = to;
	list_init(from);
}

#define list_entry(l, type, member) container_of(l, type, member)

/* The member may be unlinked and freed inside the loop. */
#define list_for_each(var, head, member)                                       \
	for (__typeof__(var) var##_next_,                                      \
	     *var##_once_ = ((var) = list_entry((head)->next,                  \
						__typeof__(*(var)), member),   \
			    &var##_next_);                                     \
	     &(var)->member != (head) &&                                       \
	     (*var##_once_ =                                                   \
		  list_entry((var)->member.next, __typeof__(*(var)), member),  \
	     1);                                                               \
	     (var) = var##_next_)

#endif
