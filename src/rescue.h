/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rescue.h - what would free a deadlocked container, and doing it.
 *
 * A plan is a pure function of the model (rescue_plan.c): every way there is,
 * whether it is sound here and why, and what it breaks. Doing it is a matter of
 * rescue_act.c; what it came to is compared with what was so before by
 * rescue_check.c, which is a function of the model again.
 */
#ifndef FDPIN_RESCUE_H
#define FDPIN_RESCUE_H

#include "facts.h"
#include "verdict.h"
#include "waitgraph.h"
#include "words.h"

/* WAY(id, name, "what is done") */
#define WAYS(WAY)                                                                     \
	WAY(unmap, "unmap", "unmap the range the blocked thread waits for")           \
	WAY(revalidate, "re-validate", "give the range the address it had before")    \
	WAY(close, "close", "close the last descriptor of the container")             \
	WAY(kill, "kill", "kill a thread of the cycle")

enum way {
#define WAY(id, name, what) WAY_##id,
	WAYS(WAY)
#undef WAY
	WAY__max,
};

#define PLAN_TEXT_MAX 640

/* yes: sound here; no: it would not free it, or does harm; cannot-tell: what is missing is in why. */
struct way_plan {
	enum answer answer;
	char why[PLAN_TEXT_MAX];
	char breaks[PLAN_TEXT_MAX]; /* what is lost if it is done; empty where it is not to be done */
};

/* A descriptor of the container, in the table of a process. */
struct plan_holder {
	__u32 tgid, tid, fd;
	char words[WORDS_MAX];
};

struct plan_thread {
	__u32 tgid, tid;
	enum fdpin_class class;
	__u64 switches; /* how often it had run; 0: not known */
	char words[WORDS_MAX];
};

/* An invalid range. */
struct plan_range {
	__u64 iova, size, vaddr, mm;
	__s64 pinned; /* by mediated devices; -1: not known */
	enum answer wanted; /* is it what a blocked thread waits for? */
	enum answer restorable; /* does its process still have memory at the old address? */
};

#define PLAN_HOLDERS_MAX 16
#define PLAN_THREADS_MAX 64

struct rescue_plan {
	const struct obj *container;
	enum answer deadlock;
	enum level level;
	char sentence[WORDS_MAX]; /* the cycle: 56 > vfio-106d > 280 > 56 */
	char doubt[PLAN_TEXT_MAX]; /* what is missing for a proof; empty if there is one */
	struct plan_thread waiters[PLAN_THREADS_MAX], closers[PLAN_THREADS_MAX];
	unsigned int n_waiters, n_closers;
	struct plan_holder holders[PLAN_HOLDERS_MAX];
	unsigned int n_holders;
	bool whole; /* everything was seen: a thread that was not found is not there */
	struct plan_range *ranges; /* those wanted first */
	unsigned int n_ranges;
	struct way_plan ways[WAY__max];
};

/* What a plan depends on besides the model. */
struct rescue_terms {
	enum known own_mm; /* does a range have an mm of its own (vfio_dma.mm)? */
	bool likely; /* a deadlock that is likely will do */
};

struct rescue_plans {
	struct rescue_plan *v;
	unsigned int n;
};

/* A plan for every container that threads are blocked on, deadlocked or not. 0 or -ENOMEM. */
int rescue_plan(struct rescue_plans *ret, const struct model *m, const struct findings *findings, const struct rescue_terms *terms);
void rescue_plans_free(struct rescue_plans *p);
const char *way_name(enum way w);
const char *way_what(enum way w);

/* ---- doing it (rescue_act.c) ------------------------------------------------------- */

/*
 * A child process that has borrowed a descriptor, and does one call at a time on
 * it. If the driver catches it, it is left behind: nobody waits for it, and it
 * holds nothing of ours. -errno of what failed, as the child says it.
 */
struct borrower {
	int pid, channel;
};

int borrower_start(struct borrower *ret, const struct plan_holder *h);
/* 0 with what the kernel says it unmapped, -errno of the call, or -ETIMEDOUT: it has not come back. */
int borrower_unmap(struct borrower *b, __u64 iova, __u64 size, __u64 timeout_ns, __u64 *ret_bytes);
int borrower_revalidate(struct borrower *b, __u64 iova, __u64 size, __u64 vaddr, __u64 timeout_ns);
/* Lets go of it: it ends by itself, or when what has caught it does. */
void borrower_leave(struct borrower *b);

/* ---- what it came to ------------------------------------------------------------------- */

enum step_result { STEP_DONE, STEP_FAILED, STEP_CAUGHT };

struct rescue_step {
	enum way way;
	__u64 iova, size, bytes, took_ns;
	__u32 tgid, fd, borrower;
	enum step_result result;
	int error;
};

#define STEPS_MAX 64

/* locked_vm of the address space that the ranges belong to, in pages. */
struct balance {
	enum answer answer;
	__u64 mm;
	__s64 before, after;
	__u64 pinned_before, pinned_after;
	char why[PLAN_TEXT_MAX];
};

enum rescue_end {
	RESCUE_NOT_TRIED, /* a plan only */
	RESCUE_FREED,
	RESCUE_REFUSED, /* nothing was done */
	RESCUE_STUCK,	/* something was, and it still hangs */
	RESCUE_UNBALANCED, /* it is free, and the books are wrong now */
	RESCUE_UNKNOWN,
};

struct rescue_outcome {
	struct rescue_step steps[STEPS_MAX];
	unsigned int n_steps;
	enum answer threads; /* does no thread wait any more? */
	enum answer closers; /* has every close come back? */
	struct balance balance;
	enum rescue_end end;
	char why[PLAN_TEXT_MAX]; /* of what was refused or not reached */
};

/* Before anything is done, and afterwards, in the model as it is then. */
void balance_before(struct balance *b, const struct model *m, const struct rescue_plan *p);
void balance_after(struct balance *b, const struct model *m);
void rescue_compare(struct rescue_outcome *o, const struct model *m, const struct rescue_plan *p);
/* Was nothing lost or left out, so that what is not there is not there? */
bool seen_whole(const struct model *m);
/* Is a thread still blocked on the container, as the last look has it? cannot-tell if that look may have missed it. */
enum answer still_blocked(const struct model *m, const struct rescue_plan *p);
/* The same of the threads that the plan is about. */
enum answer still_these(const struct model *m, const struct rescue_plan *p);
/* Does a thread still close a device of it, or has one that was stuck not run since? */
enum answer still_closing(const struct model *m, const struct rescue_plan *p);
/*
 * The last look before a step, which may come long after the plan: is the
 * borrowed file this container's, do the same threads still wait and close,
 * still no user thread, is the range as it was? Else a sentence. first: nothing
 * was done yet, so none of them can have run.
 */
const char *last_objection(const struct model *m, const struct rescue_plan *p, const struct plan_range *r, __u32 borrower,
			   bool first);
/* Is there memory at its old address, in an address space that somebody lives in? */
enum answer range_restorable(const struct model *m, const struct ev_range *r);
/* May the range, as the last look has it, be restored to the old address? */
enum answer restorable_now(const struct model *m, const struct rescue_plan *p, const struct plan_range *r);
/* The exit status that says it. */
int rescue_status(enum rescue_end end);
const char *rescue_end_name(enum rescue_end end);
const char *step_result_name(enum step_result r);

/* Who performs a plan: with a way to look again, which brings m up to date. */
struct rescuer {
	const struct model *m;
	void (*look)(void *ctx);
	void *ctx;
	__u64 wait_ns; /* for a call, and then for the close */
};

/* Does what is sound of a plan, and says what it came to (rescue_perform.c). */
void rescue_perform(struct rescuer *s, const struct rescue_plan *p, struct rescue_outcome *o);

/* ---- showing it (rescue_text.c, rescue_json.c) -------------------------------------------- */

struct output;
void rescue_text_plan(struct output *o, const struct rescue_plan *p);
/* performed: and not only planned; else what to do next. */
void rescue_text_outcome(struct output *o, const struct rescue_plan *p, const struct rescue_outcome *r, bool performed);
/* outcomes: one for each plan, or NULL. 0 or -ENOMEM. */
int rescue_json(struct output *o, const struct model *m, const struct rescue_terms *terms, const struct rescue_plans *p,
		const struct rescue_outcome *outcomes);

#endif
