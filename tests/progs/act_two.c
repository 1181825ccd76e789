// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_two - two containers of one process, one of them deadlocked
 *
 * The other one (keys other_…) is --what valid or --what invalid, and no
 * thread waits for it.
 */
#include "act.h"

static void actor(void)
{
	struct box other = { 0 }, b = { 0 };

	box_open(&other);
	box_open_device(&other);
	box_map(&other);
	box_say(&other, "other_");
	if (!what_is("valid"))
		box_invalidate(&other);
	box_act_and_block(&b);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("yes", "proven", "any");
	return act_run(actor, REACH_STUCK);
}
