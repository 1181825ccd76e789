// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_other_work - near miss: close flushes another item than the blocked one
 *
 * With --other-ms that item is asleep for so long and the closer really waits
 * for it, on the same workqueue; else it is idle and close returns at once.
 */
#include "act.h"

static void actor(void)
{
	struct box b = { 0 };

	opt.close = FDPIN_CLOSE_OTHER_WORK;
	box_act_and_block(&b);
	if (opt.other_ms)
		ready();
	hang_closing(&b);
	stay();
	box_revalidate(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("no", "none", "yes");
	return act_run(actor, opt.other_ms ? REACH_STUCK : REACH_BLOCKED);
}
