// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_many - as many ranges as one container can have, one page each
 *
 * --rounds N of them, with as much iova between two. Nothing is pinned: the
 * container has a mediated device only.
 */
#include <sys/mman.h>

#include "act.h"

static void actor(void)
{
	__u64 page = 4096, first;
	struct box b = { 0 };
	unsigned int i;

	box_open(&b);
	first = b.iova;
	b.size = opt.rounds * page;
	box_memory(&b);
	b.size = page;
	box_say(&b, "");
	for (i = 0; i < opt.rounds; i++) {
		b.iova = first + 2 * i * page;
		box_map(&b);
		b.mem = (char *)b.mem + page;
	}
	say("ranges=%u", opt.rounds);
	say("last_iova=0x%llx", (unsigned long long)b.iova);
	stay();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_READY);
}
