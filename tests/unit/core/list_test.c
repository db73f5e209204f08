/* SPDX-License-Identifier: ISC */

#include "core/list.h"
#include "tests/unit/unit.h"

struct item {
	int n;
	struct list link;
};

static void
fill(struct list *head, struct item *items, int n)
{
	list_init(head);
	for (int i = 0; i < n; i++) {
		items[i] = (struct item){ .n = i };
		list_append(head, &items[i].link);
	}
}

static void
members_come_in_the_order_of_their_appending(void **state UNUSED)
{
	struct item items[5], *item;
	struct list head;
	int want = 0;

	fill(&head, items, 5);
	list_for_each (item, &head, link)
		assert_int_equal(item->n, want++);
	assert_int_equal(want, 5);
}

static void
empty_list_is_walked_not_at_all(void **state UNUSED)
{
	struct list head = LIST_INIT(head);
	struct item *item;

	assert_true(list_is_empty(&head));
	list_for_each (item, &head, link)
		fail();
}

static void
member_may_leave_while_the_list_is_walked(void **state UNUSED)
{
	struct item items[6], *item;
	struct list head;
	int left = 0;

	fill(&head, items, 6);
	list_for_each (item, &head, link) {
		if (item->n % 2 == 0) {
			list_unlink(&item->link);
			item->n = -1;
		}
	}
	list_for_each (item, &head, link)
		left += item->n;
	assert_int_equal(left, 1 + 3 + 5);
}

static void
unlinking_twice_is_harmless(void **state UNUSED)
{
	struct item items[2];
	struct list head;

	fill(&head, items, 2);
	list_unlink(&items[0].link);
	list_unlink(&items[0].link);
	assert_true(list_is_empty(&items[0].link));
	assert_ptr_equal(head.next, &items[1].link);
	assert_ptr_equal(head.prev, &items[1].link);
}

static void
moved_list_leaves_an_empty_head_behind(void **state UNUSED)
{
	struct list head, aside, none = LIST_INIT(none);
	struct item items[3], *item;
	int n = 0;

	fill(&head, items, 3);
	list_move(&aside, &head);
	assert_true(list_is_empty(&head));
	list_for_each (item, &aside, link)
		n++;
	assert_int_equal(n, 3);
	assert_ptr_equal(items[2].link.next, &aside);

	list_move(&head, &none);
	assert_true(list_is_empty(&head));
}

static void
appending_before_a_member_inserts(void **state UNUSED)
{
	struct item items[2], between = { .n = 9 };
	struct list head;

	fill(&head, items, 2);
	list_append(&items[1].link, &between.link);
	assert_ptr_equal(items[0].link.next, &between.link);
	assert_ptr_equal(between.link.next, &items[1].link);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_in_the_order_of_their_appending),
		cmocka_unit_test(empty_list_is_walked_not_at_all),
		cmocka_unit_test(member_may_leave_while_the_list_is_walked),
		cmocka_unit_test(unlinking_twice_is_harmless),
		cmocka_unit_test(moved_list_leaves_an_empty_head_behind),
		cmocka_unit_test(appending_before_a_member_inserts),
	};

	return RUN_TESTS(tests);
}
