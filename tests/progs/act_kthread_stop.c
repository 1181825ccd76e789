// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_kthread_stop - near miss: the blocked kthread is ended by kthread_stop
 *
 * The wait for the range looks whether its kthread should stop, so close wakes
 * it, it fails with EFAULT, and close returns. The act ends by itself.
 */
#include "act.h"

static void actor(void)
{
	struct box b = { 0 };

	opt.ctx = FDPIN_CTX_KTHREAD;
	opt.close = FDPIN_CLOSE_KTHREAD_STOP;
	box_act_and_block(&b);
	hang_closing(&b);
	box_revalidate(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
