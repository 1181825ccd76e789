// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_watch.c - what stands between the source and the sink of a watch: hold.c
 * (blocks kept back, stacks put in order), announce.c (verdicts said once),
 * and the sentences of render.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "announce.h"
#include "emit.h"
#include "hold.h"
#include "render.h"

/* The sink: names of what came, in order. */
static char came[512];

static int sink(void *ctx, const struct record *r)
{
	(void)ctx;
	strcat(came, r->ev->name);
	if (r->h->type == EV_verdict) {
		const struct ev_verdict *v = (const void *)r->h;

		sprintf(came + strlen(came), ":%s:%s:%s", v->name, v->answer, v->level);
	}
	strcat(came, " ");
	return 0;
}

#define PASS(hold, type_, tid_, ts, ...)                              \
	do {                                                          \
		struct ev_##type_ e = EV_INIT(type_);                 \
		struct record r = { &e.h, schema_event(EV_##type_) }; \
		e.h.tid = tid_;                                       \
		e.h.ts_ns = ts;                                       \
		__VA_ARGS__;                                          \
		assert_int_equal(hold_pass(hold, &r), 0);             \
	} while (0)

static void came_is(const char *what)
{
	assert_string_equal(came, what);
	came[0] = '\0';
}

static void stack_follows_its_block(void **state)
{
	struct hold *h = hold_new(0, sink, NULL);

	(void)state;
	PASS(h, stack, 412, 10);
	PASS(h, invalidate, 20733, 11);
	PASS(h, block, 412, 12);
	PASS(h, unblock, 412, 13);
	came_is("invalidate block stack unblock ");
	PASS(h, stack, 5, 14, e.h.look = 3); /* of a look: no event */
	came_is("stack ");
	hold_free(h);
}

static void short_blocks_are_not_shown(void **state)
{
	struct hold *h = hold_new(100, sink, NULL);

	(void)state;
	PASS(h, stack, 412, 999);
	PASS(h, block, 412, 1000);
	assert_true(hold_due(h) == 1100);
	PASS(h, block, 413, 1050);
	PASS(h, close, 413, 1051);
	PASS(h, unblock, 412, 1060, e.ns = 60);
	came_is("close ");
	assert_true(hold_due(h) == 1150);
	assert_int_equal(hold_expire(h, 1149), 0);
	came_is("");
	assert_int_equal(hold_expire(h, 1150), 0);
	came_is("blocked ");
	assert_true(hold_due(h) == 0);
	PASS(h, unblock, 413, 1300, e.ns = 250);
	came_is("unblock ");
	/* Its end was seen before we came by to say that it lasts. */
	PASS(h, stack, 414, 1999);
	PASS(h, block, 414, 2000);
	PASS(h, unblock, 414, 2200, e.ns = 200);
	came_is("unblock stack ");
	hold_free(h);
}

static void what_is_kept_is_freed(void **state)
{
	struct hold *h = hold_new(100, sink, NULL);

	(void)state;
	PASS(h, stack, 1, 10);
	PASS(h, block, 1, 11);
	PASS(h, stack, 2, 12);
	hold_free(h);
	hold_free(NULL);
	came_is("");
}

static void verdicts_are_said_once(void **state)
{
	struct finding f[] = {
		{ .verdict = &verdict_table[0], .answer = ANSWER_CANNOT_TELL, .level = LEVEL_LIKELY, .container = 7 },
		{ .verdict = &verdict_table[1], .answer = ANSWER_NO },
	};
	struct findings findings = { .f = f, .n = 2 };
	struct announced said = {};

	(void)state;
	assert_int_equal(announce(&said, &findings, sink, NULL), 0);
	came_is("verdict:deadlock:cannot-tell:likely ");
	assert_int_equal(announce(&said, &findings, sink, NULL), 0);
	came_is("");
	f[0].answer = ANSWER_YES;
	f[0].level = LEVEL_PROVEN;
	assert_int_equal(announce(&said, &findings, sink, NULL), 0);
	came_is("verdict:deadlock:yes:proven ");
	assert_true(announced_any(&said));
	f[0].answer = ANSWER_NO;
	assert_int_equal(announce(&said, &findings, sink, NULL), 0);
	came_is("verdict:deadlock:no: ");
	assert_false(announced_any(&said));
	announced_free(&said);
}

static void says(const struct fdpin_hdr *h, const char *want)
{
	struct record r = { h, schema_event(h->type) };
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	print_sentence(f, &r);
	fclose(f);
	assert_string_equal(text, want);
}

static void sentences(void **state)
{
	struct ev_invalidate inv = EV_INIT(invalidate);
	struct ev_block b = EV_INIT(block);
	struct ev_refuse r = EV_INIT(refuse);

	(void)state;
	inv.h.container = b.h.container = r.h.container = 0xa07b;
	inv.ranges = 3;
	inv.bytes = 8ULL << 30;
	says(&inv.h, "vfio-a07b 3 ranges 8G");
	inv.ranges = 1;
	says(&inv.h, "vfio-a07b 1 range 8G");
	b.op = OP_READ;
	says(&b.h, "vfio-a07b read");
	b.iova = 0x1f3c5000;
	b.size = 4096;
	EV_STRING(b.func, "work\033fn");
	EV_STRING(b.wq_name, "wq");
	says(&b.h, "vfio-a07b read 4K at 0x1f3c5000, work work\\x1bfn on wq");
	b.op = 99;
	b.size = 0;
	b.func[0] = '\0';
	says(&b.h, "vfio-a07b 0x63?");
	r.op = OP_INVALIDATE;
	r.result = -EBUSY;
	says(&r.h, "vfio-a07b invalidate = -EBUSY");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stack_follows_its_block),
		cmocka_unit_test(short_blocks_are_not_shown),
		cmocka_unit_test(what_is_kept_is_freed),
		cmocka_unit_test(verdicts_are_said_once),
		cmocka_unit_test(sentences),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
