// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_ranges - a deadlock in a container with several ranges
 *
 * Four of them, of different sizes (range0 to range3); all but the last are
 * invalid. The worker sleeps for the one that --what says: first, second or third. --pins pages are pinned in
 * each of the first two. Another container of the process (other_…) has an mdev and an
 * invalid range, too, for which nobody waits. SIGTERM: what became of each range,
 * range0_state and so on, and other_state.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "act.h"

#define RANGES 4

static const __u64 sizes[RANGES] = { 0x200000, 0x10000, 0x1000, 0x8000 };

/* In the container of b, with memory of its own. */
static struct box range_of(const struct box *b, unsigned int nth)
{
	struct box r = *b;

	r.iova = b->iova + nth * 0x10000000ULL;
	r.size = sizes[nth];
	r.mem = NULL;
	r.memfd = -1;
	box_map(&r);
	return r;
}

static void pin(struct box *r)
{
	struct fdpin_cmd cmd = { .op = FDPIN_OP_PIN, .iova = r->iova, .len = opt.pins * 4096ULL };

	if (opt.pins && box_try_command(r, &cmd))
		die("pin");
}

static void other_container(struct box *other)
{
	box_open(other);
	box_open_device(other);
	box_map(other);
	box_say(other, "other_");
	box_invalidate(other);
}

/* box_block() asks for opt.offset in the range of its box. */
static unsigned int wanted(void)
{
	if (what_is("first"))
		return 0;
	return what_is("second") ? 1 : 2;
}

static void actor(void)
{
	struct box b = { 0 }, other = { 0 }, r[RANGES];
	unsigned int i;
	char key[32];

	other_container(&other);
	box_open(&b);
	box_open_device(&b);
	box_say(&b, "");
	snprintf(shared->uuid, sizeof(shared->uuid), "%s", b.uuid);
	for (i = 0; i < RANGES; i++) {
		r[i] = range_of(&b, i);
		say("range%u_iova=0x%llx", i, (unsigned long long)r[i].iova);
		say("range%u_size=%llu", i, (unsigned long long)r[i].size);
	}
	pin(&r[0]);
	pin(&r[1]);
	for (i = 0; i < RANGES - 1; i++)
		box_invalidate(&r[i]);
	opt.offset = 0;
	box_block(&r[wanted()]);
	hang_closing(&b);
	stay();
	for (i = 0; i < RANGES; i++) {
		snprintf(key, sizeof(key), "range%u_state", i);
		say("%s=%s", key, range_state(&r[i]));
	}
	say("other_state=%s", range_state(&other));
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("yes", "proven", "any");
	return act_run(actor, REACH_STUCK);
}
