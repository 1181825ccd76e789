// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_revalidate - the range is restored in time, --rounds times
 *
 * Each round blocks the worker for --hold-ms more than the one before. No
 * verdict; a block and an unblock with its duration each. Ends by itself.
 */
#include "act.h"

static void play_round(struct box *b, unsigned int i)
{
	__u64 start;
	struct fdpin_result res;

	box_invalidate(b);
	start = now_ns();
	box_block(b);
	pause_ms(i * opt.hold_ms);
	box_revalidate(b);
	say("round=%u", i);
	say("block_ms_max=%llu",
	    (unsigned long long)(now_ns() - start) / 1000000);
	say("block_ms_min=%u", i * opt.hold_ms);
	res = box_finish(b);
	say("ret=%d", res.ret);
}

static void actor(void)
{
	struct box b = { 0 };
	unsigned int i;

	box_setup(&b);
	for (i = 1; i <= opt.rounds; i++)
		play_round(&b, i);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
