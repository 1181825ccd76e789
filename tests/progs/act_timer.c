// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_timer - near miss: the work item was never more than a pending timer
 *
 * Close cancels it, nothing has blocked. With --close flush_delayed_work the
 * timer is cut short instead, the item runs and blocks: a deadlock.
 */
#include "act.h"

static void actor(void)
{
	struct box b = { 0 };

	box_setup(&b);
	box_invalidate(&b);
	box_command(&b, opt.op, opt.ctx, opt.close);
	hang_closing(&b);
	box_revalidate(&b);
}

int main(int argc, char **argv)
{
	opt.ctx = FDPIN_CTX_DELAYED;
	opt.close = FDPIN_CLOSE_CANCEL_DELAYED_WORK_SYNC;
	opt.delay_ms = 3600 * 1000;
	act_options(argc, argv);
	if (opt.close != FDPIN_CLOSE_FLUSH_DELAYED_WORK)
		return act_run(actor, REACH_END);
	expect("yes", "proven", "any");
	return act_run(actor, REACH_STUCK);
}
