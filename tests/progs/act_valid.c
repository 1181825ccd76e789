// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_valid - near miss: the range the worker needs is valid, nothing blocks
 *
 * --what all: everything is valid; --what other: another mapping of the same
 * container is not. The act ends by itself; --op, --ctx and --close as usual.
 */
#include "act.h"

static void finish(struct box *b)
{
	struct fdpin_result res = box_finish(b);

	say("ret=%d", res.ret);
	say("bytes=%llu", (unsigned long long)res.bytes);
}

static void actor(void)
{
	struct box b = { 0 }, far;
	bool other = !what_is("all");

	box_setup(&b);
	far = b;
	far.iova += 2 * b.size;
	if (other) {
		box_map(&far);
		box_invalidate(&far);
	}
	box_command(&b, opt.op, opt.ctx, opt.close);
	finish(&b);
	hang_closing(&b);
	if (other)
		box_revalidate(&far);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
