// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_verdict.c - what is concluded from records: every act, watched live and
 * looked back at, with its near misses and with records lost. Link with all of
 * src/ but main.c, cmd_*.c and source_bpf.c, and -lcmocka.
 */
#include "world.h"

#define ANY_LEVEL ((enum level)-1)

static void print_finding(const struct finding *f)
{
	print_message("%s %s %s: %s\n", f->verdict->name, answer_name(f->answer), level_name(f->level) ?: "-",
		      f->sentence ?: "(no sentence)");
	for (unsigned int i = 0; i < f->n_evidence; i++)
		print_message("  edge  %s (%s)\n", f->evidence[i].text, f->evidence[i].via ?: "-");
	for (unsigned int i = 0; i < f->n_missing; i++)
		print_message("  miss  %s\n", f->missing[i]);
	for (unsigned int i = 0; i < f->n_notes; i++)
		print_message("  note  %s\n", f->notes[i]);
}

/* One expectation; answer -1: there must be no such finding. text NULL: any. */
struct expect {
	const char *name;
	__u64 container;
	int answer;
	enum level level;
	const char *text;
};

static void check_model(const struct model *m, const struct expect *e, const char *form)
{
	struct findings f;

	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	for (; e->name; e++) {
		const struct finding *p = finding_named(&f, e->name, e->container);

		if (e->answer < 0 && !p)
			continue;
		if (!p || e->answer < 0 || p->answer != (enum answer)e->answer ||
		    (e->level != ANY_LEVEL && p->level != e->level) || (e->text && !finding_says(p, e->text))) {
			for (unsigned int i = 0; i < f.n; i++)
				print_finding(&f.f[i]);
			fail_msg("%s: expected %s of %llx to be %s, with '%s'", form, e->name, e->container,
				 e->answer < 0 ? "absent" : answer_name(e->answer), e->text ?: "");
		}
	}
	findings_free(&f);
}

static void check_tape(struct tape *t, const struct expect *e, const char *form)
{
	struct model *m = tape_model(t, TAPE_ALL);

	check_model(m, e, form);
	model_free(m);
}

/*
 * With any one record lost, and the loss known, nothing may become certain: a
 * deadlock not "no", and what is none not "yes".
 */
static void check_lossy(const struct tape *t)
{
	for (unsigned int skip = 0; skip < t->n; skip++) {
		struct model *m = tape_model_lossy(t, skip);
		struct findings f;

		assert_int_equal(verdicts_judge(m, NULL, &f), 0);
		for (unsigned int i = 0; i < f.n; i++) {
			if (strcmp(f.f[i].verdict->name, "deadlock"))
				continue;
			assert_int_equal(f.f[i].answer, ANSWER_CANNOT_TELL);
			assert_true(f.f[i].n_missing > 0);
		}
		findings_free(&f);
		model_free(m);
	}
}

static void check_world(const struct world *w, const struct expect *e)
{
	struct tape *t = w_looked_back(w);

	check_tape(t, e, "looked back");
	check_lossy(t);
	free(t);
	t = w_watched(w);
	check_tape(t, e, "watched");
	check_lossy(t);
	free(t);
}

#define EXPECT(...) ((const struct expect[]){ __VA_ARGS__, { NULL, 0, 0, LEVEL_NONE, NULL } })
#define YES(c, text) { "deadlock", c, ANSWER_YES, LEVEL_PROVEN, text }
#define LIKELY(c, text) { "deadlock", c, ANSWER_CANNOT_TELL, LEVEL_LIKELY, text }
#define UNKNOWN(c, text) { "deadlock", c, ANSWER_CANNOT_TELL, ANY_LEVEL, text }
#define NO(c, text) { "deadlock", c, ANSWER_NO, LEVEL_NONE, text }
#define NONE(name, c) { name, c, -1, ANY_LEVEL, NULL }
#define STALL(c, text) { "stall", c, ANSWER_YES, LEVEL_PROVEN, text }
#define NO_STALL(c) { "stall", c, ANSWER_NO, LEVEL_NONE, NULL }

/* ---- flush, cancel --------------------------------------------------------- */

static void work_item_and_flush(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	check_world(&w, EXPECT(YES(C1, "waits for the end of work item mdev_work_fn"), YES(C1, "qemu [20733] is closing"),
			       YES(C1, "holds vfio-a07b as fd 18"), YES(C1, "412 > vfio-a07b > 20733 > 412"),
			       YES(C1, "1 of 1 reference "), YES(C1, "Way out\tSIGKILL"), NONE("stall", C1), NO_STALL(0),
			       NONE("deadlock", 0)));
}

static void live_adds_who_when_which(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_watched(&w);

	(void)state;
	check_tape(t, EXPECT(YES(C1, "qemu [20733] invalidated 3 ranges, 3G, of vfio-a07b"),
			     YES(C1, "read 4K at 0x1f3c5000"), YES(C1, "412 > vfio-a07b")), "watched");
	free(t);
	t = w_looked_back(&w);
	check_tape(t, EXPECT(YES(C1, "Not known\twhich range 412 wants, and who made it invalid")), "looked back");
	free(t);
}

static void evidence_goes_round_the_cycle(void **state)
{
	static const enum relation order[] = { REL_WAITS, REL_INVALIDATED, REL_HELD, REL_CLOSES, REL_FLUSHES, REL_RUNS };
	struct world w = w_deadlock();
	struct tape *t = w_watched(&w);
	struct model *m = tape_model(t, TAPE_ALL);
	const struct finding *p;
	struct findings f;

	(void)state;
	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	p = finding_named(&f, "deadlock", C1);
	assert_int_equal(p->n_evidence, 6);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(p->evidence[i].rel, order[i]);
	assert_int_equal(p->evidence[0].from_tid, WORKER);
	assert_int_equal(p->evidence[2].to_tid, QEMU);
	assert_int_equal(p->evidence[4].from_tid, QEMU);
	assert_int_equal(p->evidence[5].to_tid, WORKER);
	assert_int_equal(p->evidence[0].grade, GRADE_OBSERVED);
	assert_int_equal(p->evidence[2].grade, GRADE_READ);
	assert_string_equal(p->evidence[4].via, "call to flush or cancel the item");
	assert_true(p->evidence[0].ts_ns > 0);
	findings_free(&f);
	model_free(m);
	free(t);
}

static void flush_of_another_item(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.flush[0].work = w.flush[0].look_work = W2;
	check_world(&w, EXPECT(LIKELY(C1, "a work item that does not run"), STALL(C1, NULL)));
	/* its worker goes on by itself: a timer, or it runs */
	w.runs[0].tid = OTHER;
	w.runs[0].work = W2;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "kworker/1:2", 0, STATE_D, WAIT_TIMER, CLASS_WORKER, false, false };
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, NULL)));
	/* it wakes and sleeps again: perhaps until the blocked item is done */
	w.thread[2].runs = true;
	check_world(&w, EXPECT(LIKELY(C1, "kworker/1:2"), STALL(C1, NULL)));
	w.thread[2].wait = WAIT_COMPLETION;
	check_world(&w, EXPECT(LIKELY(C1, "kworker/1:2"), STALL(C1, NULL)));
	/* it sleeps, and nobody recorded what for: it may be the blocked item */
	w.thread[2].runs = false;
	check_world(&w, EXPECT(LIKELY(C1, "kworker/1:2"), STALL(C1, NULL)));
}

/* ---- whole workqueues ------------------------------------------------------- */

static struct world wq_world(void)
{
	struct world w = w_deadlock();

	w.flush[0].work = 0;
	w.flush[0].wq = Q1;
	w.flush[0].live_via = VIA_FLUSH_WQ;
	w.flush[0].look_via = VIA_FLUSHER;
	return w;
}

static void flush_of_the_workqueue(void **state)
{
	struct world w = wq_world();

	(void)state;
	check_world(&w, EXPECT(YES(C1, "20733 > 412"), NONE("stall", C1)));

	/* the looks do not find the flusher, but the call was seen after the block */
	w.flush[0].look_work = 0;
	struct tape *t = w_watched(&w);

	check_tape(t, EXPECT(LIKELY(C1, "the last look does not confirm it"), STALL(C1, NULL)), "watched, flusher not found");
	check_lossy(t);
	free(t);
}

static void flush_of_another_workqueue(void **state)
{
	struct world w = wq_world();

	(void)state;
	w.flush[0].wq = Q2;
	w.flush[0].look_work = W2;
	w.runs[0].tid = OTHER;
	w.runs[0].work = W2;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "kworker/1:2", 0, STATE_R, WAIT_NONE, CLASS_WORKER, false, false };
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, NULL)));
}

/* The flusher that was read waits for another item of the same workqueue. */
static void flusher_of_another_item_of_the_queue(void **state)
{
	struct world w = wq_world();
	struct tape *t = tape_new();

	(void)state;
	w.flush[0].look_work = 0;
	tape_session(t, false);
	for (__u8 n = 1; n <= 2; n++) {
		w_look(t, &w, n);
		t->n--; /* before the end of the look */
		t->look = n;
		w_as(t, &w, QEMU);
		tape_flush(t, C1, W2, Q1, VIA_FLUSHER);
		tape_look_end(t);
	}
	check_tape(t, EXPECT(LIKELY(C1, "was queued before"), STALL(C1, NULL)), "looked back");
	free(t);
}

/* Queued after the flush began, the item is not waited for; whether it was is not known. */
static void flush_before_the_block(void **state)
{
	struct world w = wq_world();
	struct tape *t;

	(void)state;
	w.flush_first = true;
	w.flush[0].look_work = 0;
	t = w_watched(&w);
	check_tape(t, EXPECT(LIKELY(C1, "was queued before"), STALL(C1, NULL)), "watched");
	free(t);
	w.flush[0].look_work = W1; /* the kernel's colours say it is covered */
	t = w_watched(&w);
	check_tape(t, EXPECT(YES(C1, NULL)), "watched");
	free(t);
}

static void ordered_workqueue(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.queued[0].work = W2;
	w.queued[0].behind = W1;
	w.queued[0].wq = Q1;
	w.flush[0].work = w.flush[0].look_work = W2;
	w.flush[0].look_via = VIA_BARRIER_PENDING;
	check_world(&w, EXPECT(YES(C1, "work item mdev_second_fn is queued behind work item mdev_work_fn"),
			       YES(C1, "412 > vfio-a07b > 20733 > 412")));
	w.queued[0].behind = 0x99; /* behind some other item */
	check_world(&w, EXPECT(LIKELY(C1, "does not run"), STALL(C1, NULL)));
	w.runs[0].tid = OTHER;
	w.runs[0].work = 0x99;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "kworker/1:2", 0, STATE_R, WAIT_NONE, CLASS_WORKER, false, false };
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, NULL)));
}

/* ---- locks and completions -------------------------------------------------- */

static struct world lock_world(void)
{
	struct world w = w_deadlock();

	memset(w.flush, 0, sizeof(w.flush));
	w.lock[0].tid = QEMU;
	w.lock[0].lock = LOCK1;
	w.lock[0].owner = WORKER;
	w.thread[1].wait = WAIT_MUTEX;
	return w;
}

static void mutex_of_the_blocked_thread(void **state)
{
	struct world w = lock_world();

	(void)state;
	check_world(&w, EXPECT(YES(C1, "is owned by kworker/0:1 [412]"), YES(C1, "waits for mutex lock-0077")));

	/* a kernel thread that is no worker, and nobody closes: the thread of a VMM in a region access */
	w.thread[0].class = w.block[0].class = CLASS_KTHREAD;
	w.block[0].work = w.block[0].wq = 0;
	memset(w.close, 0, sizeof(w.close));
	check_world(&w, EXPECT(YES(C1, "412 > vfio-a07b > 20733 > 412")));
}

static void mutex_near_misses(void **state)
{
	struct world w = lock_world();

	(void)state;
	w.lock[0].owner = OTHER; /* somebody else's */
	check_world(&w, EXPECT(LIKELY(C1, "what that waits for was not found"), STALL(C1, NULL)));
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "owner", FILES2, STATE_R, WAIT_NONE, CLASS_USER, false, false };
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, NULL)));
	w.thread[2].state = STATE_D; /* it waits for something itself */
	check_world(&w, EXPECT(LIKELY(C1, "owner"), STALL(C1, NULL)));
	w = lock_world();
	w.thread[1].state = STATE_KILLABLE; /* mutex_lock_killable */
	check_world(&w, EXPECT(LIKELY(C1, "a signal can end its wait"), STALL(C1, NULL)));
	w = lock_world();
	w.lock[0].owner = 0;
	check_world(&w, EXPECT(LIKELY(C1, "lock whose owner was not found"), STALL(C1, NULL)));
}

static void completion(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	memset(w.flush, 0, sizeof(w.flush));
	check_world(&w, EXPECT(LIKELY(C1, "waits for a completion in wait_for_completion; the kernel does not record"),
			       STALL(C1, NULL)));
	w.thread[1].wait = WAIT_UNKNOWN;
	check_world(&w, EXPECT(LIKELY(C1, "what for was not found"), STALL(C1, NULL)));
	w.thread[1].state = STATE_R; /* it is on its way */
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, NULL)));
}

/* ---- who holds the file ------------------------------------------------------ */

static struct world exit_world(void)
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

static void the_closer_exits(void **state)
{
	struct world w = exit_world();

	(void)state;
	check_world(&w, EXPECT(YES(C1, "will be released only by qemu [20733]"), YES(C1, "Only a reboot"),
			       YES(C1, "412 > vfio-a07b > 20733 > 412")));
	w.container[0].has_file = true; /* as a look that finds the file there may say */
	check_world(&w, EXPECT(YES(C1, NULL)));
	w.container[0].has_file = false;
	memset(w.pending, 0, sizeof(w.pending));
	check_world(&w, EXPECT(LIKELY(C1, "vfio-a07b has a file, but it is in no file table"), STALL(C1, NULL)));
	w.container[0].has_file = true;
	check_world(&w, EXPECT(LIKELY(C1, "which thread will release it was not found")));
}

/* The file waits behind a thread that is not in the cycle: it will be released. */
static void pending_with_somebody_else(void **state)
{
	struct world w = exit_world();

	(void)state;
	w.pending[0].tid = OTHER;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "other", 0, STATE_R, WAIT_NONE, CLASS_USER, true, false };
	check_world(&w, EXPECT(UNKNOWN(C1, NULL), STALL(C1, NULL)));
}

static void another_process_holds_it(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.container[0].refs = 2;
	w.holder[1] = w.holder[0];
	w.holder[1].files = FILES2;
	w.holder[1].fd = 7;
	w.holder[1].tgid = OTHER;
	w.holder[1].comm = "helper";
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "helper", FILES2, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	check_world(&w, EXPECT(NO(C1, "helper [20999] can still restore"),
			       STALL(C1, "Way out\thelper [20999], fd 7, can still restore or unmap")));

	/* it hangs itself, in the same cycle: then nobody is left */
	w.thread[2].state = STATE_D;
	w.flush[1] = w.flush[0];
	w.flush[1].tid = OTHER;
	w.thread[2].wait = WAIT_COMPLETION;
	check_world(&w, EXPECT(YES(C1, "2 of 2 references"), YES(C1, "Also stuck")));

	/* it is past its last system call, and alone in its table: it will close the file */
	memset(&w.flush[1], 0, sizeof(w.flush[1]));
	w.thread[2].exiting = true;
	w.thread[2].state = STATE_R;
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, NULL)));
}

static void in_flight_or_in_io_uring(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.container[0].refs = 2;
	check_world(&w, EXPECT(LIKELY(C1, "1 of 2 references to the file of vfio-a07b found: the others are in flight"),
			       STALL(C1, NULL)));
	/* nobody's table has it any more */
	w.container[0].refs = 1;
	memset(w.holder, 0, sizeof(w.holder));
	w.container[0].has_file = false;
	check_world(&w, EXPECT(LIKELY(C1, "in flight in a socket, or in io_uring"), STALL(C1, NULL)));
}

static void two_descriptors_of_one_table(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.container[0].refs = 2;
	w.holder[1] = w.holder[0];
	w.holder[1].fd = 3;
	check_world(&w, EXPECT(YES(C1, "as fd 3, 18"), YES(C1, "2 of 2 references")));
	w.container[0].refs = 1; /* more descriptors than references cannot be */
	check_world(&w, EXPECT(LIKELY(C1, "2 descriptors were found")));
}

/* A thread that exits out of a table others use neither acts nor lets go of the file. */
static void an_exiting_thread_is_no_way_out(void **state)
{
	struct world w = w_deadlock();
	struct tape *t;
	struct model *m;
	struct findings f;

	(void)state;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "sharer", FILES1, STATE_R, WAIT_NONE, CLASS_USER, true, false };
	check_world(&w, EXPECT(YES(C1, NULL)));
	w.container[0].refs = 2; /* not proven, for another reason */
	check_world(&w, EXPECT(LIKELY(C1, "1 of 2 references")));
	t = w_looked_back(&w);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	assert_false(finding_says(finding_named(&f, "deadlock", C1), "sharer"));
	findings_free(&f);
	model_free(m);
	free(t);
}

static void another_thread_of_the_holder(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.thread[2] = (struct w_thread){ QEMU, 20750, "CPU 0/KVM", FILES1, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	check_world(&w, EXPECT(LIKELY(C1, "one other thread, CPU 0/KVM [20750 of 20733]"),
			       LIKELY(C1, "VFIO_IOMMU_MAP_DMA"), STALL(C1, NULL)));
	w.thread[2].state = STATE_R;
	w.thread[2].runs = true;
	check_world(&w, EXPECT(LIKELY(C1, "running"), STALL(C1, NULL)));
	w.thread[3] = w.thread[2];
	w.thread[3].tid = 20751;
	check_world(&w, EXPECT(LIKELY(C1, "2 other threads, 2 running and 0 asleep"), STALL(C1, NULL)));
	/* exiting, it can do nothing any more */
	w.thread[2].exiting = w.thread[3].exiting = true;
	check_world(&w, EXPECT(YES(C1, NULL)));
}

/* Another process that shares the file table (CLONE_FILES) is another thread that can act. */
static void a_shared_file_table(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "sharer", FILES1, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	check_world(&w, EXPECT(NO(C1, "sharer [20999]"), STALL(C1, NULL)));
}

/* ---- nobody closes ----------------------------------------------------------- */

static struct world stall_world(void)
{
	struct world w = w_deadlock();

	memset(w.flush, 0, sizeof(w.flush));
	memset(w.close, 0, sizeof(w.close));
	w.thread[1].state = STATE_S;
	w.thread[1].wait = WAIT_NONE;
	return w;
}

static void blocked_while_nobody_closes(void **state)
{
	struct world w = stall_world();

	(void)state;
	check_world(&w, EXPECT(NO(C1, "nobody is closing a device"), STALL(C1, "Would become\ta deadlock: when qemu [20733]"),
			       STALL(C1, "Way out\tqemu [20733], fd 18"), STALL(C1, "work item mdev_work_fn runs on")));
	/* asleep where nothing is known to reach it: it may wait for the blocked thread by another way */
	w.thread[1].state = STATE_D;
	check_world(&w, EXPECT(UNKNOWN(C1, "sleeps uninterruptibly"), STALL(C1, NULL)));
	w.thread[1].wait = WAIT_TIMER;
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, NULL)));
}

static void nothing_is_blocked(void **state)
{
	struct world w = stall_world();
	struct tape *t;

	(void)state;
	memset(w.block, 0, sizeof(w.block));
	t = w_looked_back(&w);
	check_tape(t, EXPECT(NO(0, "no thread waits"), NO_STALL(0), NONE("deadlock", C1), NONE("stall", C1)), "looked back");
	check_lossy(t);
	free(t);
}

static void revalidated_in_time(void **state)
{
	struct world w = w_deadlock(), after = stall_world();
	struct tape *t = tape_new();

	(void)state;
	memset(after.block, 0, sizeof(after.block));
	tape_session(t, true);
	w_look(t, &after, 1);
	w_live(t, &w);
	w_as(t, &w, OTHER);
	tape_revalidate(t, C1);
	w_as(t, &w, WORKER);
	tape_unblock(t, C1);
	w_as(t, &w, QEMU);
	tape_flushed(t);
	tape_closed(t, C1, D1);
	check_tape(t, EXPECT(NO(0, NULL), NO_STALL(0), NONE("deadlock", C1), NONE("stall", C1)), "watched");
	check_lossy(t);
	free(t);
}

static void the_file_is_gone(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = tape_new();

	(void)state;
	w.container[0].has_file = false;
	w.container[0].refs = 0;
	w.container[0].kref = 1; /* only its group */
	memset(w.holder, 0, sizeof(w.holder));
	tape_session(t, false);
	w_look(t, &w, 1);
	check_tape(t, EXPECT(NO(0, NULL), NONE("deadlock", C1)), "one look");
	w_look(t, &w, 2); /* it should not be there any more, but is */
	check_tape(t, EXPECT(LIKELY(C1, "released already")), "two looks");
	free(t);
}

/* ---- user threads ------------------------------------------------------------ */

static struct world user_world(void)
{
	struct world w = stall_world();

	w.thread[0] = (struct w_thread){ QEMU, 20750, "CPU 0/KVM", FILES1, STATE_KILLABLE, WAIT_VADDR, CLASS_USER,
					 false, false };
	w.block[0].tid = 20750;
	w.block[0].class = CLASS_USER;
	w.block[0].work = w.block[0].wq = 0;
	return w;
}

static void a_user_thread_is_blocked(void **state)
{
	struct world w = user_world();

	(void)state;
	check_world(&w, EXPECT(NO(C1, NULL), STALL(C1, "Do not\tkill CPU 0/KVM [20750 of 20733]"), STALL(C1, "oopses")));
	/* alone in its process, it waits for itself; a signal would end that */
	w.thread[0].tid = w.block[0].tid = QEMU;
	memset(&w.thread[1], 0, sizeof(w.thread[1]));
	check_world(&w, EXPECT(LIKELY(C1, "a fatal signal ends its wait"), STALL(C1, "oopses")));
}

/* The closer waits for a lock of a user thread that is blocked: that wait can be ended. */
static void a_chain_that_ends_in_user_space(void **state)
{
	struct world w = user_world();

	(void)state;
	w.thread[1].state = STATE_D;
	w.thread[1].wait = WAIT_MUTEX;
	w.close[0].tid = QEMU;
	w.close[0].container = C1;
	w.close[0].device = D1;
	w.lock[0].tid = QEMU;
	w.lock[0].lock = LOCK1;
	w.lock[0].owner = 20750;
	check_world(&w, EXPECT(LIKELY(C1, "a fatal signal ends its wait"), STALL(C1, "oopses")));
}

/* Besides the worker a user thread of the holder is blocked: it cannot act either, killed or not. */
static void a_user_thread_besides_the_worker(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.thread[2] = (struct w_thread){ QEMU, 20750, "CPU 0/KVM", FILES1, STATE_KILLABLE, WAIT_VADDR, CLASS_USER,
					 false, false };
	w.block[1].tid = 20750;
	w.block[1].container = C1;
	w.block[1].class = CLASS_USER;
	check_world(&w, EXPECT(YES(C1, "Do not\tkill CPU 0/KVM")));
}

/* ---- exec, two containers ------------------------------------------------------ */

static void closed_by_exec(void **state)
{
	struct world w = w_deadlock();
	struct tape *t;

	(void)state;
	w.thread[1].comm = "new-image";
	w.invalidate[0].comm = "old-image";
	t = w_watched(&w);
	check_tape(t, EXPECT(YES(C1, "old-image [20733] invalidated"), YES(C1, "new-image [20733] is closing")), "watched");
	check_lossy(t);
	free(t);
}

static void two_containers_one_deadlocked(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.container[1].id = C2;
	w.container[1].refs = 1;
	w.container[1].has_file = true;
	w.device[1].container = C2;
	w.device[1].device = D2;
	w.holder[1] = w.holder[0];
	w.holder[1].container = C2;
	w.holder[1].files = FILES2;
	w.holder[1].tgid = OTHER;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "second", FILES2, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	check_world(&w, EXPECT(YES(C1, NULL), NONE("deadlock", C2), NONE("stall", C2), NONE("deadlock", 0)));

	/* the second has a blocked worker too, but its process is well */
	w.thread[3] = w.thread[0];
	w.thread[3].tid = w.thread[3].tgid = WORKER2;
	w.block[1] = w.block[0];
	w.block[1].tid = WORKER2;
	w.block[1].container = C2;
	w.block[1].work = W2;
	check_world(&w, EXPECT(YES(C1, "412 > vfio-a07b > 20733 > 412"), NO(C2, NULL), STALL(C2, NULL)));
}

/* Each holder waits for the worker that is blocked on the other's container. */
static struct world crossed_world(void)
{
	struct world w = w_deadlock();

	w.container[1].id = C2;
	w.container[1].refs = 1;
	w.container[1].has_file = true;
	w.holder[1] = w.holder[0];
	w.holder[1].container = C2;
	w.holder[1].files = FILES2;
	w.holder[1].tgid = OTHER;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "second", FILES2, STATE_D, WAIT_COMPLETION, CLASS_USER, false, false };
	w.thread[3] = w.thread[0];
	w.thread[3].tid = w.thread[3].tgid = WORKER2;
	w.block[1] = w.block[0];
	w.block[1].tid = WORKER2;
	w.block[1].container = C2;
	w.block[1].work = W2;
	w.flush[0].work = w.flush[0].look_work = W2;
	w.flush[1] = w.flush[0];
	w.flush[1].tid = OTHER;
	w.flush[1].work = w.flush[1].look_work = W1;
	return w;
}

static void two_containers_wait_for_each_other(void **state)
{
	struct world w = crossed_world();

	(void)state;
	check_world(&w, EXPECT(YES(C1, "412 > vfio-a07b > 20733 > 413 > vfio-3c1e > 20999 > 412"),
			       YES(C2, "413 > vfio-3c1e > 20999 > 412 > vfio-a07b > 20733 > 413")));
	/* one way out of one of them is a way out of both */
	w.thread[4] = (struct w_thread){ 3, 3, "third", FILES2, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	check_world(&w, EXPECT(NO(C1, NULL), NO(C2, NULL), STALL(C1, NULL), STALL(C2, NULL)));
	/* a doubt about one is a doubt about both */
	memset(&w.thread[4], 0, sizeof(w.thread[4]));
	w.container[1].refs = 2;
	check_world(&w, EXPECT(LIKELY(C1, "depends on vfio-3c1e"), LIKELY(C2, "1 of 2 references")));
}

/* Its holder hangs for good in another container's deadlock; but who is blocked on it can be killed. */
static void a_user_thread_behind_a_deadlock(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.container[1].id = C2;
	w.container[1].refs = 1;
	w.container[1].has_file = true;
	w.holder[1] = w.holder[0];
	w.holder[1].container = C2;
	w.holder[1].fd = 19;
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "reader", FILES2, STATE_KILLABLE, WAIT_VADDR, CLASS_USER, false, false };
	w.block[1].tid = OTHER;
	w.block[1].container = C2;
	w.block[1].class = CLASS_USER;
	check_world(&w, EXPECT(YES(C1, NULL), LIKELY(C2, NULL), STALL(C2, "Do not\tkill reader")));
}

/* ---- what was not seen --------------------------------------------------------- */

static void one_look_proves_nothing(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = tape_new();

	(void)state;
	tape_session(t, false);
	w_look(t, &w, 1);
	check_tape(t, EXPECT(LIKELY(C1, "only one look"), { "stall", C1, ANSWER_YES, LEVEL_LIKELY, NULL }), "one look");
	free(t);
	t = tape_new();
	tape_session(t, true);
	w_live(t, &w);
	check_tape(t, EXPECT(UNKNOWN(C1, "no look"), STALL(C1, NULL)), "no look");
	free(t);
}

/* Who held the file before the closer was stuck is not who holds it now. */
static void looks_from_before(void **state)
{
	struct world w = w_deadlock(), before = w_deadlock();
	struct tape *t = tape_new();

	(void)state;
	memset(before.block, 0, sizeof(before.block));
	memset(before.flush, 0, sizeof(before.flush));
	memset(before.close, 0, sizeof(before.close));
	tape_session(t, true);
	w_look(t, &before, 1);
	w_look(t, &before, 2);
	w_live(t, &w);
	check_tape(t, EXPECT(LIKELY(C1, NULL), STALL(C1, NULL)), "looks from before");
	w_look(t, &w, 3);
	w_look(t, &w, 4);
	check_tape(t, EXPECT(YES(C1, NULL)), "looks from before and after");
	free(t);
}

static void a_thread_of_the_cycle_ran(void **state)
{
	struct world w = w_deadlock();
	struct tape *t;

	(void)state;
	w.thread[1].runs = true;
	check_world(&w, EXPECT(LIKELY(C1, "qemu [20733] ran between the two looks")));
	w.thread[1].runs = false;
	w.thread[0].runs = true;
	t = w_looked_back(&w);
	check_tape(t, EXPECT(LIKELY(C1, "kworker/0:1 [412] ran between")), "looked back");
	free(t);
}

static void an_edge_that_was_only_concluded(void **state)
{
	struct world w = w_deadlock();
	struct tape *t;

	(void)state;
	w.grade = GRADE_INFERRED;
	t = w_looked_back(&w);
	check_tape(t, EXPECT(LIKELY(C1, "only concluded")), "looked back");
	free(t);
}

static void an_unstable_container(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	w.container[0].unstable = true;
	check_world(&w, EXPECT(LIKELY(C1, "changed while it was read")));
	w = stall_world();
	w.container[0].unstable = true;
	check_world(&w, EXPECT(UNKNOWN(C1, "changed while it was read"), STALL(C1, NULL)));
	memset(w.block, 0, sizeof(w.block));
	struct tape *t = w_looked_back(&w);

	check_tape(t, EXPECT(UNKNOWN(0, "changed while it was read"), { "stall", 0, ANSWER_CANNOT_TELL, LEVEL_NONE, NULL }),
		   "looked back");
	free(t);
}

/* The second look shows what the first did not: once is once, though nobody seems to have run. */
static void an_edge_of_the_second_look_only(void **state)
{
	struct world w = w_deadlock(), first = w_deadlock();
	struct tape *t = tape_new();

	(void)state;
	memset(first.flush, 0, sizeof(first.flush));
	tape_session(t, false);
	w_look(t, &first, 1);
	w_look(t, &w, 2);
	check_tape(t, EXPECT(LIKELY(C1, "not shown by both looks: qemu [20733] waits for the end of")), "flush");
	free(t);
	t = tape_new();
	first = w_deadlock();
	memset(first.block, 0, sizeof(first.block));
	tape_session(t, false);
	w_look(t, &first, 1);
	w_look(t, &w, 2);
	check_tape(t, EXPECT(LIKELY(C1, "not shown by both looks: kworker/0:1 [412] waits for")), "block");
	free(t);
}

/* A look shows every flush; one that hooks saw begin and looks do not show is over, or nothing is certain. */
static void hooks_alone_when_something_is_missing(void **state)
{
	for (int what = 0; what < 3; what++) {
		struct world w = w_deadlock(), unseen = w_deadlock();
		struct tape *t = tape_new();

		(void)state;
		memset(unseen.flush, 0, sizeof(unseen.flush));
		tape_session(t, true);
		if (what == 1)
			tape_gap(t, "ends of flushes", "hook is not there", true);
		else if (what == 2)
			tape_lost(t, 1);
		w_live(t, &w);
		w_look(t, &unseen, 1);
		w_look(t, &unseen, 2);
		check_tape(t, EXPECT(LIKELY(C1, "the last look does not confirm it")), what ? "incomplete" : "complete");
		free(t);
	}
}

static void a_live_wait_that_looks_deny(void **state)
{
	struct world w = w_deadlock(), seen = w_deadlock();
	struct tape *t = tape_new();

	(void)state;
	memset(seen.block, 0, sizeof(seen.block));
	tape_session(t, true);
	w_live(t, &w);
	w_look(t, &seen, 1);
	check_tape(t, EXPECT(UNKNOWN(C1, "only one look")), "denied once");
	w_look(t, &seen, 2);
	/* whole wait queues, read twice after it, are better evidence than the missing record of its end */
	check_tape(t, EXPECT(NO(0, "no thread waits"), NONE("stall", C1)), "denied twice");
	free(t);
	t = tape_new();
	tape_session(t, true);
	w_live(t, &w);
	w_look(t, &seen, 1);
	tape_lost(t, 1);
	w_look(t, &seen, 2);
	check_tape(t, EXPECT(UNKNOWN(C1, NULL)), "denied, with a loss between");
	free(t);
}

static void nothing_in_sight_but_not_everything_seen(void **state)
{
	struct world w = stall_world();
	struct tape *t;

	(void)state;
	memset(w.block, 0, sizeof(w.block));
	for (int hooks_only = 0; hooks_only < 2; hooks_only++) {
		t = w_looked_back(&w);
		tape_gap(t, "threads of other namespaces", "run in the host's PID namespace", hooks_only);
		check_tape(t, EXPECT(UNKNOWN(0, "threads of other namespaces: run in"),
				     { "stall", 0, ANSWER_CANNOT_TELL, LEVEL_NONE, "other namespaces" }), "gap");
		free(t);
	}
	t = w_looked_back(&w);
	tape_lost(t, 17);
	check_tape(t, EXPECT(UNKNOWN(0, "17 records were lost"), { "stall", 0, ANSWER_CANNOT_TELL, LEVEL_NONE, NULL }), "loss");
	free(t);
	t = tape_new();
	check_tape(t, EXPECT(UNKNOWN(0, "no look"), { "stall", 0, ANSWER_CANNOT_TELL, LEVEL_NONE, NULL }), "nothing at all");
	tape_session(t, true);
	check_tape(t, EXPECT(UNKNOWN(0, "no look")), "hooks without a look");
	w_look(t, &w, 1);
	check_tape(t, EXPECT(NO(0, NULL)), "hooks and a look");
	tape_look_begin(t, 2);
	check_tape(t, EXPECT(UNKNOWN(0, "not finished")), "a look that did not finish");
	free(t);
}

static void a_deadlock_with_gaps(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_looked_back(&w);

	(void)state;
	tape_gap(t, "flushes as they begin", "hook start_flush_work is not there", true);
	check_tape(t, EXPECT(YES(C1, "start_flush_work is not there")), "hook missing: looks still prove");
	tape_gap(t, "threads of other namespaces", "run in the host's PID namespace", false);
	check_tape(t, EXPECT(LIKELY(C1, "other namespaces"), STALL(C1, "other namespaces")), "looks are blind");
	free(t);

	t = tape_new();
	tape_session(t, true);
	tape_lost(t, 3);
	w_live(t, &w);
	w_look(t, &w, 1);
	w_look(t, &w, 2);
	check_tape(t, EXPECT(YES(C1, "3 records were lost")), "lost before two whole looks");
	free(t);

	w = stall_world();
	t = w_looked_back(&w);
	tape_gap(t, "threads of other namespaces", "run in the host's PID namespace", false);
	check_tape(t, EXPECT(UNKNOWN(C1, "other namespaces"), STALL(C1, NULL)), "a stall with blind looks");
	free(t);
}

static void hostile_names(void **state)
{
	struct world w = w_deadlock();
	struct tape *t;

	(void)state;
	w.thread[1].comm = "\033[2J\nOK  \xff evil";
	w.holder[0].comm = w.thread[1].comm;
	t = w_watched(&w);
	check_tape(t, EXPECT(YES(C1, "\\x1b[2J\\x0aOK  \\xff evil")), "hostile");
	struct model *m = tape_model(t, TAPE_ALL);
	struct findings f;

	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	for (unsigned int i = 0; i < f.n; i++) {
		assert_false(finding_says(&f.f[i], "\033"));
		assert_false(finding_says(&f.f[i], "\n"));
		assert_false(finding_says(&f.f[i], "\xff"));
	}
	findings_free(&f);
	findings_free(&f);
	model_free(m);
	free(t);
}

static void worst_first(void **state)
{
	struct world w = w_deadlock();
	struct tape *t;
	struct model *m;
	struct findings f;

	(void)state;
	two_containers_one_deadlocked(state);
	w.container[0].refs = 2;
	t = w_looked_back(&w);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	for (unsigned int i = 1; i < f.n; i++)
		assert_true(f.f[i - 1].verdict <= f.f[i].verdict);
	assert_string_equal(answer_name(ANSWER_CANNOT_TELL), "cannot-tell");
	assert_null(level_name(LEVEL_NONE));
	findings_free(&f);
	model_free(m);
	free(t);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(work_item_and_flush), T(live_adds_who_when_which), T(evidence_goes_round_the_cycle),
		T(flush_of_another_item), T(flush_of_the_workqueue), T(flush_of_another_workqueue),
		T(flush_before_the_block), T(ordered_workqueue), T(mutex_of_the_blocked_thread), T(mutex_near_misses),
		T(completion), T(the_closer_exits), T(pending_with_somebody_else), T(another_process_holds_it),
		T(in_flight_or_in_io_uring), T(two_descriptors_of_one_table), T(another_thread_of_the_holder),
		T(a_shared_file_table), T(blocked_while_nobody_closes), T(nothing_is_blocked), T(revalidated_in_time),
		T(the_file_is_gone), T(a_user_thread_is_blocked), T(a_chain_that_ends_in_user_space),
		T(a_user_thread_besides_the_worker), T(closed_by_exec), T(two_containers_one_deadlocked),
		T(two_containers_wait_for_each_other), T(one_look_proves_nothing), T(looks_from_before),
		T(a_thread_of_the_cycle_ran), T(an_edge_that_was_only_concluded), T(an_unstable_container),
		T(a_live_wait_that_looks_deny), T(nothing_in_sight_but_not_everything_seen), T(a_deadlock_with_gaps),
		T(an_edge_of_the_second_look_only),
		T(hooks_alone_when_something_is_missing),
		T(an_exiting_thread_is_no_way_out),
		T(flusher_of_another_item_of_the_queue),
		T(a_user_thread_behind_a_deadlock),
		T(hostile_names), T(worst_first),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
