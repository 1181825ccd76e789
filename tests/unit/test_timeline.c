// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_timeline.c - what report prints of a recording over time, letter by
 * letter, in both spellings. Link as test_render_status.c.
 */
#include "ledger_tape.h"

#include "../../src/render.h"
#include "../../src/timeline.h"

/* Frees the tape. */
static char *drawn(struct tape *t, bool utf8, unsigned int width)
{
	struct model *m = model_new();
	struct timeline timeline = {};
	char *text = NULL;
	size_t size;
	struct output o = { .f = open_memstream(&text, &size), .utf8 = utf8, .width = width };
	const struct view v = { .kind = VIEW_REPORT, .model = m, .timeline = &timeline };
	struct record r;

	assert_non_null(m);
	assert_non_null(o.f);
	for (unsigned int i = 0; i < t->n; i++) {
		assert_true(record_decode(t->bytes + t->at[i], t->at[t->n] - t->at[i], &r) > 0);
		assert_int_equal(model_apply(m, &r), 0);
		assert_int_equal(timeline_note(&timeline, m, &r), 0);
	}
	text_timeline(&o, &v);
	fclose(o.f);
	timeline_free(&timeline);
	model_free(m);
	free(t);
	return text;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fprintf(stderr, "missing:\n%s\nin:\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static void at_ms(struct tape *t, unsigned int ms)
{
	t->ts = 1000000000ULL + ms * 1000000ULL;
}

/* An update by exec: invalidate, exec, restore, a second apart each; a second more at the end. */
static struct tape *update(void)
{
	struct tape *t = ledger_begin(C1);

	tape_charge(t, C1, A, 512, OP_MAP);
	at_ms(t, 1000);
	tape_invalidate(t, C1, 1)->emulated = 0;
	at_ms(t, 2000);
	tape_exec(t, A, B, 512);
	at_ms(t, 3000);
	tape_charge(t, C1, B, 512, OP_REVALIDATE);
	tape_revalidate(t, C1);
	at_ms(t, 4000);
	tape_look(t, 2);
	return t;
}

static void update_by_exec(void **state)
{
	char *text = drawn(update(), false, 59);

	(void)state;
	assert_string_equal(text,
			    "VADDR WINDOWS\n"
			    "ID        RANGES SIZE  OPENED LENGTH CLOSED BY\n"
			    "vfio-a07b      1   1G +1.000s  2.00s 20733 qemu (same PID, new mm)\n"
			    "\n"
			    "TIMELINE vfio-a07b 0s       1.00s     2.00s     3.00s\n"
			    "VADDR invalid      .........######################.........\n"
			    "exec               ....................^...................\n"
			    "pinned             ########################################\n"
			    "charged            ###################...........##########\n"
			    "blocked            ........................................\n"
			    "\n"
			    "CHARGES ACROSS EXEC  PID 20733, vfio-a07b\n"
			    "+2.000s  exec           mm-00aa is gone, 2M charged to it stay pinned; mm-00bb starts at 0\n"
			    "+3.000s  revalidate     mm-00bb +2M: locked_vm 0 -> 2M\n"
			    "\n"
			    "ok    every VADDR window was closed, the longest after\n"
			    "      2.00s\n"
			    "note  2M were pinned and charged to nobody for 1.00s, from\n"
			    "      exec on. That is how an update by exec works on a\n"
			    "      kernel that keeps the address space with the range\n"
			    "note  DMA goes on while a VADDR is invalid: that is how a\n"
			    "      live update works. It is a fault only if a thread\n"
			    "      needs the address meanwhile\n"
			    "\n");
	free(text);
}

static void in_utf8(void **state)
{
	char *text = drawn(update(), true, 59);

	(void)state;
	has(text, "exec               ····················▲···················\n");
	has(text, "charged            ███████████████████···········██████████\n");
	free(text);
}

/* However short it was: no gap is too short for a column. */
static void short_gap(void **state)
{
	struct tape *t = ledger_begin(C1);
	char *text;

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	at_ms(t, 50000);
	tape_exec(t, A, B, 512);
	tape_charge(t, C1, B, 512, OP_REVALIDATE);
	at_ms(t, 100000);
	tape_look(t, 2);
	text = drawn(t, false, 59);
	has(text, "charged            ###################..###################\n");
	has(text, "pinned             ########################################\n");
	free(text);
}

/* A VMM has more ranges than are listed: the first, how many more, and the last. */
static void many_ranges(void **state)
{
	struct tape *t = ledger_begin(C1);
	char *text;

	(void)state;
	tape_charge(t, C1, A, 66, OP_MAP);
	tape_exec(t, A, B, 66);
	ledger_locked = 0;
	for (__s64 n = 1; n <= 11; n++) {
		tape_charge(t, C1, B, n, OP_REVALIDATE);
		ledger_locked += n;
	}
	text = drawn(t, false, 59);
	has(text, "mm-00bb +28K: locked_vm 84K -> 112K\n...      3 more\n+");
	has(text, "mm-00bb +44K: locked_vm 220K -> 264K\n\n");
	free(text);
}

/* How it ended is said as it was: not each is an update by exec, nor is each charged again. */
static void otherwise_ended(void **state)
{
	static const char *const ends[] = { "exec on, until they were pinned no more: nobody was", "exit on, until they were pinned no more: nobody was",
					    "exit on, until they were charged to another process" };

	(void)state;
	for (int how = 0; how < 3; how++) {
		struct tape *t = ledger_begin(C1);
		char *text;

		tape_charge(t, C1, A, 512, OP_MAP);
		if (how)
			tape_mm_gone(t, A, 512);
		else
			tape_exec(t, A, B, 512);
		at_ms(t, 50000);
		tape_as(t, OTHER, OTHER, "qemu-new");
		if (how == 2)
			tape_charge(t, C1, 0xccULL, 512, OP_REVALIDATE);
		else
			tape_add(t, EV_release, C1);
		tape_look(t, 2);
		text = drawn(t, false, 200);
		has(text, ends[how]);
		free(text);
	}
}

static void nothing_to_tell(void **state)
{
	struct tape *t = tape_new();
	char *text;

	(void)state;
	tape_session(t, true);
	tape_look(t, 1);
	text = drawn(t, false, 80);
	assert_string_equal(text, "");
	free(text);
}

/* What the recording does not see closed is not said to be. */
static void still_open(void **state)
{
	struct tape *t = ledger_begin(C1);
	char *text;

	(void)state;
	tape_invalidate(t, C1, 1);
	at_ms(t, 5000);
	tape_look(t, 2);
	text = drawn(t, false, 80);
	has(text, "open at the end");
	has(text, "open  1 of 1 VADDR windows was not closed when the recording ended;");
	free(text);
}

/* Groups that leave end it only if the last one does. */
static void group_leaves(void **state)
{
	struct tape *t = ledger_begin(C1);
	char *text;

	(void)state;
	tape_as(t, QEMU, QEMU, "qemu");
	tape_invalidate(t, C1, 1);
	at_ms(t, 1000);
	tape_add(t, EV_detach, C1);
	at_ms(t, 2000);
	((struct ev_detach *)tape_add(t, EV_detach, C1))->closed = C1;
	text = drawn(t, false, 100);
	has(text, " 1.99s 20733 qemu, took the last group\n");
	has(text, "every VADDR window was closed, the longest after 1.99s");
	free(text);
}

/* Each window has an end of its own, also where no call is told that ended it: the next first range, a look that finds none. */
static void ended_unseen(void **state)
{
	struct tape *t = ledger_begin(C1);
	char *text;

	(void)state;
	tape_invalidate(t, C1, 1);
	at_ms(t, 1000);
	tape_invalidate(t, C1, 2);
	at_ms(t, 3000);
	tape_look_begin(t, 2);
	tape_container(t, C1, 1, true)->invalid = 0;
	tape_look_end(t);
	tape_as(t, QEMU, QEMU, "qemu");
	at_ms(t, 10000);
	tape_invalidate(t, C1, 3);
	at_ms(t, 11000);
	tape_revalidate(t, C1);
	text = drawn(t, false, 100);
	has(text, " 999.9ms not seen\n");
	has(text, " 2.00s not seen\n");
	has(text, " 1.00s 20733 qemu\n");
	has(text, "that was seen was closed, the longest after 2.00s; not everything was seen");
	free(text);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = { T(update_by_exec), T(in_utf8), T(short_gap), T(many_ranges), T(otherwise_ended), T(nothing_to_tell), T(still_open), T(group_leaves), T(ended_unseen) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
