// SPDX-License-Identifier: GPL-2.0-only
/*
 * synth.c - recordings of systems that never were, with what must be concluded
 * from them: synth DIR writes X.fdpin and X.verdicts for each act below,
 * looked back at twice (X-back), watched and looked at twice (X-watched), and
 * looked at once (X-once) where that makes a difference; and X.at, what the
 * kernel's counters were meanwhile, for ledger-at. They test the way from
 * a file to the answer when there is no VM, and tests/golden/run itself. What
 * real kernels do is in the recordings made in the VM.
 *
 * Link with src/ but main.c, cmd_*.c, watch.c and source_bpf.c, and -lcmocka.
 */
#include "../unit/ledger_tape.h"

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
	w.container[0].valid = true;
	return w;
}

/* As the stall, but nobody has needed the range yet. */
static struct world act_exposed(void)
{
	struct world w = act_stall();

	memset(w.block, 0, sizeof(w.block));
	return w;
}

/* A live update, as it should be: nothing in the container could need the range. */
static struct world act_update(void)
{
	struct world w = act_exposed();

	w.device[0].physical = true;
	return w;
}

/* One that was forgotten in the second container of the process. */
static struct world act_half(void)
{
	struct world w = act_update();

	w.container[1] = w.container[0];
	w.container[1].id = C2;
	w.container[1].valid = true;
	w.device[1].container = C2;
	w.device[1].device = D2;
	w.device[1].physical = true;
	w.holder[1] = w.holder[0];
	w.holder[1].container = C2;
	w.holder[1].fd = 19;
	return w;
}

#define SUBJECT " vfio-a07b"
#define NO "no - -"
#define YES "yes proven" SUBJECT
#define LIKELY "cannot-tell likely" SUBJECT

/* Of the window, what two looks a second apart say, and what hooks that saw it open. */
#define UNDECIDED "cannot-tell -" SUBJECT
#define SHORT "no -" SUBJECT

static const struct {
	const char *name;
	struct world (*make)(void);
	const char *deadlock, *stall, *exposed, *half, *window, *watched_window;
	const char *once_exposed, *once_half; /* by one look, if that is of interest */
} acts[] = {
	{ "deadlock", act_deadlock, YES, NO, NO, NO, UNDECIDED, SHORT, NULL, NULL },
	{ "unknown-work", act_unknown_work, LIKELY, YES, NO, NO, UNDECIDED, SHORT, NULL, NULL },
	{ "other-work", act_other_work, "no -" SUBJECT, YES, NO, NO, UNDECIDED, SHORT, NULL, NULL },
	{ "handover", act_handover, "no -" SUBJECT, YES, NO, NO, UNDECIDED, SHORT, NULL, NULL },
	{ "in-flight", act_in_flight, LIKELY, YES, NO, NO, UNDECIDED, SHORT, NULL, NULL },
	{ "exit", act_exit, YES, NO, NO, NO, UNDECIDED, SHORT, NULL, NULL },
	{ "stall", act_stall, "no -" SUBJECT, YES, NO, NO, UNDECIDED, SHORT, NULL, NULL },
	{ "nothing", act_nothing, NO, NO, NO, NO, NO, NO, NO, NO },
	{ "exposed", act_exposed, NO, NO, YES, NO, UNDECIDED, SHORT, LIKELY, NO },
	{ "update", act_update, NO, NO, NO, NO, UNDECIDED, SHORT, NO, NO },
	{ "half", act_half, NO, NO, NO, YES, UNDECIDED, SHORT, NO, "cannot-tell -" SUBJECT },
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

static int write_verdicts(const char *path, const char *deadlock, const char *exposed, const char *half, const char *stall,
			  const char *window, const char *drift)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	/* sorted, as tests/golden/run prints them */
	fprintf(f, "deadlock %s\ndrift %s\nexposed %s\nhalf-invalidated %s\nhang " NO "\nstall %s\nwindow %s\n", deadlock, drift, exposed, half, stall, window);
	return fclose(f) ? -errno : 0;
}

static struct tape *looked_once(const struct world *w)
{
	struct tape *t = tape_new();

	tape_session(t, false);
	w_look(t, w, 1);
	return t;
}

/* What is written goes to DIR/NAME-FORM.fdpin; ret_path is for the verdicts beside it. */
static int write_tape(const char *dir, const char *name, const char *form, struct tape *t, char ret_path[4096])
{
	int err;

	snprintf(ret_path, 4096, "%s/%s-%s.fdpin", dir, name, form);
	err = write_recording(ret_path, t);
	free(t);
	snprintf(ret_path, 4096, "%s/%s-%s.verdicts", dir, name, form);
	return err;
}

static int write_act(const char *dir, unsigned int i)
{
	struct world w = acts[i].make();
	char path[4096];
	int err = write_tape(dir, acts[i].name, "back", w_looked_back(&w), path) ?:
		  write_verdicts(path, acts[i].deadlock, acts[i].exposed, acts[i].half, acts[i].stall, acts[i].window, NO);

	if (!err)
		err = write_tape(dir, acts[i].name, "watched", w_watched(&w), path) ?:
		      write_verdicts(path, acts[i].deadlock, acts[i].exposed, acts[i].half, acts[i].stall, acts[i].watched_window, NO);
	if (!err && acts[i].once_exposed)
		err = write_tape(dir, acts[i].name, "once", looked_once(&w), path) ?:
		      write_verdicts(path, acts[i].deadlock, acts[i].once_exposed, acts[i].once_half, acts[i].stall, acts[i].window, NO);
	return err;
}

/* The same windows by hooks for six seconds: longer than the limit. */
static int write_long(const char *dir)
{
	struct world w = act_update();
	struct tape *t = w_watched(&w);
	char path[4096];

	t->ts += 5 * SETTLE;
	w_look(t, &w, 3);
	return write_tape(dir, "long", "watched", t, path) ?: write_verdicts(path, NO, NO, NO, NO, YES, NO);
}

/* And by looks alone: nobody watched in between. */
static int write_long_back(const char *dir)
{
	struct world w = act_update();
	struct tape *t = w_looked_back(&w);
	char path[4096];

	t->ts += 5 * SETTLE;
	w_look(t, &w, 3);
	return write_tape(dir, "long", "back", t, path) ?: write_verdicts(path, NO, NO, NO, NO, "yes likely" SUBJECT, NO);
}

/* ---- the ledger --------------------------------------------------------------- */

static struct tape *ledger_underflow(void)
{
	struct tape *t = ledger_begin(C1);

	tape_charge(t, C1, A, 256, OP_MAP);
	tape_exec(t, A, B, 256);
	tape_charge(t, C1, B, -256, OP_UNMAP);
	tape_unmapped(t, C1, 256);
	return t;
}

static struct tape *ledger_window(void)
{
	struct tape *t = ledger_begin(C1);

	tape_charge(t, C1, A, 256, OP_MAP);
	tape_exec(t, A, B, 256);
	t->ts += SETTLE;
	tape_charge(t, C1, B, 256, OP_REVALIDATE);
	return t;
}

static struct tape *ledger_still_open(void)
{
	struct tape *t = ledger_begin(C1);

	tape_charge(t, C1, A, 256, OP_MAP);
	tape_exec(t, A, B, 256);
	return t;
}

static struct tape *ledger_handover(void)
{
	struct tape *t = ledger_begin(C1);

	tape_charge(t, C1, A, 256, OP_MAP);
	tape_charge(t, C1, B, 256, OP_REVALIDATE);
	ledger_locked = 256;
	tape_charge(t, C1, A, -256, OP_REVALIDATE);
	tape_charge(t, C1, B, -256, OP_UNMAP);
	tape_unmapped(t, C1, 256);
	return t;
}

static struct tape *ledger_leak(void)
{
	struct tape *t = ledger_begin(FD1);

	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_MM);
	tape_exec(t, A, B, 64);
	tape_fd_charge(t, B, 64, OP_CHANGE_PROCESS, CHARGED_MM);
	tape_fd_charge(t, A, 0, OP_CHANGE_PROCESS, CHARGED_MM)->result = -EINVAL;
	tape_change_process(t, B, -EINVAL);
	return t;
}

#define LATE 5000000000ULL
#define MSEC 1000000ULL

/* A verdict that is written down while a call of before is still in the buffer. */
static struct tape *ledger_late(void)
{
	struct tape *t = ledger_begin(C1);

	t->ts = LATE;
	tape_charge(t, C1, A, 1, OP_MAP);
	ledger_locked = 1;
	tape_charge(t, C1, A, -1, OP_UNMAP);
	tape_unmapped(t, C1, 1);
	ledger_locked = 0;
	t->ts = LATE + 3 * MSEC;
	t->grade = GRADE_INFERRED;
	tape_add(t, EV_verdict, C1);
	t->grade = GRADE_OBSERVED;
	t->ts = LATE + MSEC;
	tape_charge(t, C1, A, 13, OP_MAP);
	t->ts = LATE + 4 * MSEC;
	return t;
}

/* What the kernel said of it between the two: lines for ledger-at. */
static int write_late(const char *dir)
{
	char path[4096];
	FILE *f;
	int err;

	snprintf(path, sizeof(path), "%s/late-watched.at", dir);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fprintf(f, "at=%llu %u 0 0 -\nat=%llu %u 52 0 -\n", LATE + MSEC / 2, QEMU, LATE + 2 * MSEC, QEMU);
	err = ferror(f) ? -EIO : 0;
	return fclose(f) ? -errno : err;
}

static int write_ledgers(const char *dir)
{
	static const struct {
		const char *name;
		struct tape *(*make)(void);
		const char *drift;
	} tapes[] = {
		{ "underflow", ledger_underflow, YES },
		{ "uncharged", ledger_window, "no - vfio-a07b" },
		{ "still-uncharged", ledger_still_open, YES },
		{ "balanced", ledger_handover, NO },
		{ "leak", ledger_leak, "yes proven iommufd-91d0" },
		{ "late", ledger_late, NO },
	};
	int err = 0;

	for (unsigned int i = 0; i < sizeof(tapes) / sizeof(tapes[0]) && !err; i++) {
		struct tape *t = tapes[i].make();
		char path[4096];

		tape_look(t, 2);
		err = write_tape(dir, tapes[i].name, "watched", t, path) ?: write_verdicts(path, NO, NO, NO, NO, NO, tapes[i].drift);
	}
	return err;
}

int main(int argc, char **argv)
{
	int err = argc == 2 ? 0 : -EINVAL;

	for (unsigned int i = 0; i < sizeof(acts) / sizeof(acts[0]) && !err; i++)
		err = write_act(argv[1], i);
	if (!err)
		err = write_long(argv[1]) ?: write_long_back(argv[1]) ?: write_ledgers(argv[1]) ?: write_late(argv[1]);
	if (!err)
		return 0;
	fprintf(stderr, "synth: %s\n", argc == 2 ? strerror(-err) : "usage: synth DIR");
	return 1;
}
