// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_plain - everything that is right: map, pin, unpin, dma_rw, unmap
 *
 * Each from every kind of thread the device has, on a valid range. The last
 * pin is left to be released by the unmap. The act ends by itself.
 */
#include <string.h>

#include "act.h"

static void play(struct box *b, __u32 op, __u32 ctx)
{
	static const char *const ops[] = { FDPIN_OP_LIST(FDPIN_WORD) };
	static const char *const ctxs[] = { FDPIN_CTX_LIST(FDPIN_WORD) };
	struct fdpin_result res;

	box_command(b, op, ctx, FDPIN_CLOSE_FLUSH_WORKQUEUE);
	res = box_finish(b);
	say("%s_%s=%d", ops[op], ctxs[ctx], res.ret);
	if (op == FDPIN_OP_DMA_RW)
		say("read=0x%llx", (unsigned long long)res.first);
	say("pinned=%u", res.pinned);
}

static void actor(void)
{
	struct box b = { 0 };
	__u32 ctx;

	box_setup(&b);
	memset(b.mem, 0x5a, b.size);
	for (ctx = 0; ctx < FDPIN_CTX_MAX; ctx++) {
		play(&b, FDPIN_OP_PIN, ctx);
		play(&b, FDPIN_OP_UNPIN, ctx);
		play(&b, FDPIN_OP_DMA_RW, ctx);
	}
	play(&b, FDPIN_OP_PIN, FDPIN_CTX_WORK);
	box_unmap(&b);
	say("pinned_after_unmap=%u", box_finish(&b).pinned);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
