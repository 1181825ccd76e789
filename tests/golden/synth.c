// SPDX-License-Identifier: GPL-2.0-only
/*
 * synth.c - recordings of systems that never were, with what must be concluded
 * from them: synth DIR writes X.fdpin and X.verdicts for each act below,
 * looked back at (X-back) and watched (X-watched). They test the way from a
 * file to the answer when there is no VM, and tests/golden/run itself. What
 * real kernels do is in the recordings made in the VM.
 *
 * Link with src/ but main.c, cmd_*.c, watch.c and source_bpf.c, and -lcmocka.
 */
#include "../unit/world.h"

#include "../../src/source.h"

#include <errno.h>

static struct world act_deadlock(void)
{
	return w_deadlock();
}

/* It waits for an item that no worker runs: how that ends is dark. */
static struct world act_unknown_work(void)
{
	struct world w = w_deadlock();

	w.flush[0].work = w.flush[0].look_work = W2;
	return w;
}

/* It waits for an item whose worker goes on by itself: its timer ends. */
static struct world act_other_work(void)
{
	struct world w = act_unknown_work();

	w.runs[0].tid = OTHER;
	w.runs[0].work = W2;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "kworker/1:2", 0, STATE_D, WAIT_TIMER, CLASS_WORKER, false, false };
	return w;
}

static struct world act_handover(void)
{
	struct world w = w_deadlock();

	w.container[0].refs = 2;
	w.holder[1] = w.holder[0];
	w.holder[1].files = FILES2;
	w.holder[1].tgid = OTHER;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "helper", FILES2, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	return w;
}

static struct world act_in_flight(void)
{
	struct world w = w_deadlock();

	w.container[0].refs = 2;
	return w;
}

static struct world act_exit(void)
{
	struct world w = w_deadlock();

	memset(w.holder, 0, sizeof(w.holder));
	w.container[0].has_file = false;
	w.container[0].refs = 0;
	w.thread[1].files = 0;
	w.thread[1].exiting = true;
	w.pending[0].tid = QEMU;
	w.pending[0].container = C1;
	return w;
}

static struct world act_stall(void)
{
	struct world w = w_deadlock();

	memset(w.flush, 0, sizeof(w.flush));
	memset(w.close, 0, sizeof(w.close));
	w.thread[1].state = STATE_S;
	w.thread[1].wait = WAIT_NONE;
	return w;
}

static struct world act_nothing(void)
{
	struct world w = act_stall();

	memset(w.block, 0, sizeof(w.block));
	memset(w.invalidate, 0, sizeof(w.invalidate));
	return w;
}

static const struct {
	const char *name;
	struct world (*make)(void);
	const char *verdicts; /* sorted, as tests/golden/run prints them */
} acts[] = {
	{ "deadlock", act_deadlock, "deadlock yes proven vfio-a07b\nstall no - -\n" },
	{ "unknown-work", act_unknown_work, "deadlock cannot-tell likely vfio-a07b\nstall yes proven vfio-a07b\n" },
	{ "other-work", act_other_work, "deadlock no - vfio-a07b\nstall yes proven vfio-a07b\n" },
	{ "handover", act_handover, "deadlock no - vfio-a07b\nstall yes proven vfio-a07b\n" },
	{ "in-flight", act_in_flight, "deadlock cannot-tell likely vfio-a07b\nstall yes proven vfio-a07b\n" },
	{ "exit", act_exit, "deadlock yes proven vfio-a07b\nstall no - -\n" },
	{ "stall", act_stall, "deadlock no - vfio-a07b\nstall yes proven vfio-a07b\n" },
	{ "nothing", act_nothing, "deadlock no - -\nstall no - -\n" },
};

static int write_recording(const char *path, const struct tape *t)
{
	struct recording *rec;
	int err = recording_create(&rec, path, true);

	if (err)
		return err;
	for (unsigned int i = 0; i < t->n && !err; i++) {
		struct record r;

		err = record_decode(t->bytes + t->at[i], t->at[t->n] - t->at[i], &r);
		if (err > 0)
			err = recording_write(rec, &r);
	}
	return recording_close(rec, 0) ?: err;
}

static int write_act(const char *dir, const char *name, const char *form, struct tape *t, const char *verdicts)
{
	char path[4096];
	FILE *f;
	int err;

	snprintf(path, sizeof(path), "%s/%s-%s.fdpin", dir, name, form);
	err = write_recording(path, t);
	free(t);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/%s-%s.verdicts", dir, name, form);
	f = fopen(path, "w");
	if (!f)
		return -errno;
	fputs(verdicts, f);
	return fclose(f) ? -errno : 0;
}

int main(int argc, char **argv)
{
	int err = argc == 2 ? 0 : -EINVAL;

	for (unsigned int i = 0; i < sizeof(acts) / sizeof(acts[0]) && !err; i++) {
		struct world w = acts[i].make();

		err = write_act(argv[1], acts[i].name, "back", w_looked_back(&w), acts[i].verdicts);
		if (!err)
			err = write_act(argv[1], acts[i].name, "watched", w_watched(&w), acts[i].verdicts);
	}
	if (!err)
		return 0;
	fprintf(stderr, "synth: %s\n", argc == 2 ? strerror(-err) : "usage: synth DIR");
	return 1;
}
