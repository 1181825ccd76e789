// SPDX-License-Identifier: GPL-2.0-only
/* test_full.c - tables of the guard's that are full: one message for each time, until it is over; and its words. */
#include "host.h"

#include "../../src/full.h"

#define S 1000000000ULL

struct looks {
	struct full f;
	struct full_look look;
	struct full_change changes[TABLE__max];
	unsigned int n;
	char text[FULL_TEXT];
};

static unsigned int look(struct looks *l, __u64 now)
{
	l->n = full_look(&l->f, &l->look, now, l->changes);
	return l->n;
}

static const char *words(struct looks *l, bool denies)
{
	full_text(&l->changes[0], denies, l->text, sizeof(l->text));
	return l->text;
}

static const char *status(struct looks *l)
{
	full_status(&l->f, true, l->text, sizeof(l->text));
	return l->text;
}

static void nothing(void **state)
{
	struct looks l = {};

	(void)state;
	/* that all places are taken is no occasion, as long as nobody wants one */
	l.look.taken[TABLE_OPENINGS] = GUARD_OPENINGS_MAX;
	assert_int_equal(look(&l, 5 * S), 0);
	assert_int_equal(look(&l, 50 * S), 0);
	assert_string_equal(status(&l), "");
}

static void once_for_a_time(void **state)
{
	struct looks l = {};

	(void)state;
	l.look.count[TABLE_OPENINGS].refused = 1;
	assert_int_equal(look(&l, 5 * S), 1);
	assert_int_equal(l.changes[0].table, TABLE_OPENINGS);
	assert_false(l.changes[0].over);
	assert_string_equal(words(&l, true), "no room for more openings of a mediated device (2048): 1 call refused; until some of them are over no mediated device is opened");
	assert_string_equal(words(&l, false), "no room for more openings of a mediated device (2048): 1 call would have been refused; until some of them are over no mediated device is opened");
	l.look.count[TABLE_OPENINGS].refused = 70000;
	assert_int_equal(look(&l, 14 * S), 0);
	assert_string_equal(status(&l), "openings of a mediated device (70000 calls refused)");
	assert_int_equal(look(&l, 23 * S), 0);
	assert_int_equal(look(&l, 24 * S), 1);
	assert_true(l.changes[0].over);
	assert_string_equal(words(&l, true), "room again for openings of a mediated device: 70000 calls refused meanwhile");
	assert_string_equal(status(&l), "");
	assert_int_equal(look(&l, 25 * S), 0);
	/* another time is counted from its own beginning */
	l.look.count[TABLE_OPENINGS].refused = 70002;
	assert_int_equal(look(&l, 26 * S), 1);
	assert_false(l.changes[0].over);
	assert_int_equal(l.changes[0].count.refused, 2);
}

static void not_over_while_places_are_taken(void **state)
{
	struct looks l = {};

	(void)state;
	l.look.count[TABLE_RESERVATIONS].unnoted = 104;
	l.look.taken[TABLE_RESERVATIONS] = GUARD_JOINS_MAX;
	assert_int_equal(look(&l, 1 * S), 1);
	assert_string_equal(status(&l), "invalidations and joins under way (104 not noted)");
	assert_int_equal(look(&l, 3600 * S), 0);
	l.look.taken[TABLE_RESERVATIONS]--;
	assert_int_equal(look(&l, 3601 * S), 1);
	assert_true(l.changes[0].over);
	assert_int_equal(l.changes[0].count.unnoted, 104);
}

static void several(void **state)
{
	struct looks l = {};

	(void)state;
	for (int i = 0; i < TABLE__max; i++)
		l.look.count[i] = (struct guard_full){ .refused = 1ULL << 60, .unnoted = 1ULL << 60 };
	assert_int_equal(look(&l, 1 * S), TABLE__max);
	for (int i = 0; i < TABLE__max; i++) {
		assert_int_equal(l.changes[i].table, i);
		full_text(&l.changes[i], false, l.text, sizeof(l.text));
		/* all of it is there, with the largest numbers */
		assert_in_range(strlen(l.text), 1, sizeof(l.text) - 2);
		assert_non_null(strstr(l.text, full_means(i)));
		assert_non_null(full_advice(i));
		assert_non_null(full_table(i));
	}
	assert_in_range(strlen(status(&l)), 1, FULL_STATUS - 2);
	l = (struct looks){};
	l.look.count[TABLE_CALLERS].unnoted = 3;
	assert_int_equal(look(&l, 1 * S), 1);
	assert_string_equal(words(&l, true), "no room for more threads in an unmap: 3 not noted; who gets past mdev-vaddr by a call that was not noted is not killed "
					     "at its end, but found by a look, a second or two later");
	assert_int_equal(full_places(TABLE_CALLERS), 0);
}

static void sums(void **state)
{
	struct guard_counters c = {};

	(void)state;
	for (int i = 0; i < TABLE__max; i++)
		c.full[i] = (struct guard_full){ .refused = 1 << i, .unnoted = 100 << i };
	assert_int_equal(full_refused(&c), (1 << TABLE__max) - 1);
	assert_int_equal(full_unnoted(&c), (100 << TABLE_OPENINGS) + (100 << TABLE_RESERVATIONS));
	assert_int_equal(full_unwatched(&c), (100 << TABLE_WINDOWS) + (100 << TABLE_QUARANTINES) + (100 << TABLE_CALLERS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing), cmocka_unit_test(once_for_a_time), cmocka_unit_test(not_over_while_places_are_taken),
		cmocka_unit_test(several), cmocka_unit_test(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
