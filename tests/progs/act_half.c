// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_half - two containers of one process, one of them forgotten
 *
 * The one with the real device (--pci GROUP is needed) is invalidated; the
 * other one (keys other_…), with a mediated device, is left as it was: that is
 * allowed on every kernel. --what both maps the other one, --what bare leaves
 * it without a range, so that there is nothing to forget.
 */
#include "act.h"

static void actor(void)
{
	struct box b = { 0 }, other = { 0 };

	box_open_pci(&b);
	box_map(&b);
	box_say(&b, "");
	box_invalidate(&b);
	opt.pci = NULL;
	box_open(&other);
	if (what_is("both"))
		box_map(&other);
	box_say(&other, "other_");
	stay();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_READY);
}
