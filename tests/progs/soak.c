// SPDX-License-Identifier: GPL-2.0-only
/*
 * soak - a random mix of everything harmless, --rounds steps from --seed
 *
 * For kernels with the exclusion: no step may lead to any verdict there. On
 * others invalidations succeed and are taken back at once. Steps that must
 * fail are in it too, and the errors are checked. The same seed makes the same
 * sequence. --pci GROUP adds steps with a real device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

static __u64 rnd_state;
static unsigned int n_refused, n_failed;
static const char *pci;

/* xorshift64: the same on every machine */
static __u64 rnd(__u64 below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state % below;
}

static void wrong(const char *what, long got)
{
	errno = EPROTO;
	die("soak: %s: %ld", what, got);
}

/* What close_device may be told while nothing is blocked: anything. */
static void any_act(struct box *b, __u32 op, __u32 ctx)
{
	__u64 pages = b->size / 4096;

	opt.len = op == FDPIN_OP_DMA_RW ? 1 + rnd(FDPIN_MAX_LEN)
					: 4096 * (1 + rnd(8));
	opt.offset = 4096 * rnd(pages - 16);
	box_command(b, op, ctx, rnd(FDPIN_CLOSE_MAX));
}

static void step_dma_rw(struct box *b)
{
	struct fdpin_result res;

	any_act(b, FDPIN_OP_DMA_RW, rnd(FDPIN_CTX_MAX));
	res = box_finish(b);
	if (res.ret)
		wrong("dma_rw", res.ret);
}

static void step_pin(struct box *b)
{
	struct fdpin_result res;

	any_act(b, FDPIN_OP_PIN, rnd(FDPIN_CTX_MAX));
	res = box_finish(b);
	if (res.ret <= 0)
		wrong("pin", res.ret);
	if (rnd(2))
		return;		/* left to an unmap or to the close */
	box_command(b, FDPIN_OP_UNPIN, rnd(FDPIN_CTX_MAX), FDPIN_CLOSE_NOTHING);
	res = box_finish(b);
	if (res.ret)
		wrong("unpin", res.ret);
}

static void step_outside(struct box *b)
{
	__u64 iova = b->iova;
	__u32 op = rnd(2) ? FDPIN_OP_PIN : FDPIN_OP_DMA_RW;
	struct fdpin_result res;

	b->iova += 16 * b->size;
	any_act(b, op, rnd(FDPIN_CTX_MAX));
	res = box_finish(b);
	b->iova = iova;
	if (res.ret >= 0)
		wrong("an act outside of every mapping", res.ret);
	n_failed++;
}

static void step_map_twice(struct box *b)
{
	if (!box_try_map(b) || errno != EEXIST)
		wrong("a second mapping", errno);
	n_failed++;
}

static void step_remap(struct box *b)
{
	box_unmap(b);
	if (box_finish(b).pinned)
		wrong("pages pinned after unmap", box_finish(b).pinned);
	box_map(b);
}

static void step_second_range(struct box *b)
{
	struct box more = *b;

	more.iova += 4 * b->size;
	box_map(&more);
	if (rnd(2))
		step_dma_rw(&more);
	box_unmap(&more);
}

static void step_invalidate(struct box *b)
{
	if (!box_try_invalidate(b)) {
		box_revalidate(b);
		return;
	}
	if (errno != EBUSY && errno != EINVAL)
		wrong("invalidate", errno);
	n_refused++;
}

static void step_reopen(struct box *b)
{
	close(b->device);
	box_open_device(b);
}

static void step_renew(struct box *b)
{
	box_close(b);
	box_open(b);
	box_open_device(b);
	box_map(b);
}

static void step_fork(struct box *b)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid)
		_exit(0);
	step_dma_rw(b);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
}

/* A container of its own, so an mdev never meets an invalid range here. */
static void step_pci(struct box *b)
{
	struct box real = { 0 };

	(void)b;
	opt.pci = pci;
	box_open_pci(&real);
	opt.pci = NULL;
	box_map(&real);
	if (box_try_invalidate(&real))
		wrong("invalidate without mdev", errno);
	box_revalidate(&real);
	if (rnd(2))
		box_unmap(&real);
	box_close(&real);
}

static void (*const steps[])(struct box *) = {
	step_dma_rw, step_dma_rw, step_pin, step_pin, step_outside,
	step_map_twice, step_remap, step_second_range, step_invalidate,
	step_reopen, step_renew, step_fork,
	step_pci,	/* last: only with --pci */
};

static void actor(void)
{
	size_t n = sizeof(steps) / sizeof(steps[0]) - !pci;
	struct box b = { 0 };
	unsigned int i;

	rnd_state = 0x9e3779b97f4a7c15ULL ^ opt.seed;
	box_open(&b);
	box_open_device(&b);
	box_map(&b);
	for (i = 0; i < opt.rounds; i++)
		steps[rnd(n)](&b);
	say("steps=%u", opt.rounds);
	say("refusals=%u", n_refused);
	say("failures_meant=%u", n_failed);
	box_close(&b);
}

int main(int argc, char **argv)
{
	opt.rounds = 500;
	act_options(argc, argv);
	pci = opt.pci;
	opt.pci = NULL;
	return act_run(actor, REACH_END);
}
