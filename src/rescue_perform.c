// SPDX-License-Identifier: GPL-2.0-only
/*
 * rescue_perform.c - the steps of a plan, one after the other, with a look right
 * before and after each (rescue.h).
 */
#include "rescue.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define AGAIN_NS (200 * NSEC_PER_MSEC) /* between looks that wait for the end of it */
#define WOKEN_NS (5 * NSEC_PER_SEC)    /* so long a thread that was woken may need to be gone */

/* Looks until a question is answered with something else than yes, for so long at most. */
static void look_while(struct rescuer *s, const struct rescue_plan *p, enum answer (*is_so)(const struct model *, const struct rescue_plan *),
		       __u64 ns)
{
	__u64 until = now_ns() + ns;

	s->look(s->ctx);
	while (is_so(s->m, p) == ANSWER_YES && now_ns() < until) {
		usleep(AGAIN_NS / 1000);
		s->look(s->ctx);
	}
}

static void end_with(struct rescue_outcome *o, enum rescue_end end, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void end_with(struct rescue_outcome *o, enum rescue_end end, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->why, sizeof(o->why), fmt, ap);
	va_end(ap);
	o->end = o->n_steps ? RESCUE_STUCK : end;
}

/* From the first who lends it. The holder, or NULL after saying why. */
static const struct plan_holder *borrow(struct borrower *b, const struct rescue_plan *p, struct rescue_outcome *o)
{
	for (unsigned int i = 0; i < p->n_holders; i++) {
		const struct plan_holder *h = &p->holders[i];
		int r = borrower_start(b, h);

		if (!r) {
			o->why[0] = '\0';
			return h;
		}
		end_with(o, RESCUE_REFUSED, "cannot borrow fd %u of %s: %s", h->fd, h->words, strerror(-r));
	}
	return NULL;
}

static void call(struct rescue_step *step, struct borrower *b, const struct plan_range *r, __u64 wait)
{
	__u64 began = now_ns();
	int err;

	if (step->way == WAY_unmap)
		err = borrower_unmap(b, r->iova, r->size, wait, &step->bytes);
	else
		err = borrower_revalidate(b, r->iova, r->size, r->vaddr, wait);
	step->took_ns = now_ns() - began;
	step->result = err == -ETIMEDOUT ? STEP_CAUGHT : err ? STEP_FAILED : STEP_DONE;
	step->error = step->result == STEP_FAILED ? -err : 0;
}

/* One call on one range. True if it was made and came back well. */
static bool take_step(struct rescuer *s, const struct rescue_plan *p, const struct plan_range *r, enum way way, struct rescue_outcome *o)
{
	struct rescue_step *step = &o->steps[o->n_steps];
	const struct plan_holder *h;
	const char *objection;
	struct borrower b;

	h = borrow(&b, p, o);
	if (!h)
		return false;
	s->look(s->ctx);
	objection = last_objection(s->m, p, r, b.pid, !o->n_steps);
	if (!objection && way == WAY_revalidate && restorable_now(s->m, p, r) != ANSWER_YES)
		objection = "its process has no memory at the old address any more";
	if (objection) {
		end_with(o, RESCUE_REFUSED, "%s", objection);
		borrower_leave(&b);
		return false;
	}
	if (!o->n_steps)
		balance_before(&o->balance, s->m, p);
	*step = (struct rescue_step){
		.way = way, .iova = r->iova, .size = r->size, .tgid = h->tgid, .fd = h->fd, .borrower = b.pid,
	};
	o->n_steps++;
	call(step, &b, r, s->wait_ns);
	borrower_leave(&b);
	if (step->result == STEP_FAILED)
		end_with(o, RESCUE_STUCK, "the call failed: %s", strerror(step->error));
	return step->result == STEP_DONE;
}

/* A driver that is asked about the pages it has pinned may wait for the same thread, and then has caught the one who unmaps. */
static bool second_step(struct rescuer *s, const struct rescue_plan *p, const struct plan_range *r, struct rescue_outcome *o)
{
	const struct way_plan *w = &p->ways[WAY_revalidate];
	__u32 left = o->steps[o->n_steps - 1].borrower;

	if (!r->pinned) {
		end_with(o, RESCUE_STUCK, "the unmap has not come back, and no driver has pages of the range that it would be asked about: "
			 "process %u of ours is still at it", left);
		return false;
	}
	if (w->answer == ANSWER_YES && r->restorable == ANSWER_YES)
		return take_step(s, p, r, WAY_revalidate, o);
	end_with(o, RESCUE_STUCK,
		 "the unmap has not come back, as when a driver stops it: process %u of ours is left behind in it. What is left is to "
		 "re-validate: %.400s",
		 left, w->answer == ANSWER_YES ? "its process has no memory at the old address" : w->why);
	return false;
}

/* Range by range, until nobody waits any more. */
static void free_threads(struct rescuer *s, const struct rescue_plan *p, struct rescue_outcome *o)
{
	for (unsigned int i = 0; i < p->n_ranges && o->n_steps + 2 <= STEPS_MAX; i++) {
		const struct plan_range *r = &p->ranges[i];

		if (r->wanted == ANSWER_NO)
			continue;
		if (!take_step(s, p, r, WAY_unmap, o) &&
		    (!o->n_steps || o->steps[o->n_steps - 1].result != STEP_CAUGHT || !second_step(s, p, r, o)))
			return;
		look_while(s, p, still_these, WOKEN_NS);
		if (still_these(s->m, p) != ANSWER_YES)
			return;
	}
}

/* A process that is free again maps and unmaps: books that do not balance are wrong only if they are so twice. */
static void compare(struct rescuer *s, const struct rescue_plan *p, struct rescue_outcome *o)
{
	struct balance before = o->balance, first;

	rescue_compare(o, s->m, p);
	if (o->balance.answer != ANSWER_NO)
		return;
	first = o->balance;
	usleep(AGAIN_NS / 1000);
	s->look(s->ctx);
	o->balance = before;
	rescue_compare(o, s->m, p);
	if (o->balance.answer == ANSWER_NO && strcmp(o->balance.why, first.why)) {
		o->balance.answer = ANSWER_CANNOT_TELL;
		snprintf(o->balance.why, sizeof(o->balance.why), "it changes while it is read");
		o->end = o->end == RESCUE_UNBALANCED ? RESCUE_FREED : o->end;
	}
}

void rescue_perform(struct rescuer *s, const struct rescue_plan *p, struct rescue_outcome *o)
{
	const struct way_plan *w = &p->ways[WAY_unmap];

	s->look(s->ctx);
	if (still_blocked(s->m, p) == ANSWER_NO) {
		/* another rescue has done it, or somebody else */
		look_while(s, p, still_closing, s->wait_ns);
		rescue_compare(o, s->m, p);
		return;
	}
	if (w->answer != ANSWER_YES) {
		end_with(o, RESCUE_REFUSED, "%s", w->why);
		return;
	}
	free_threads(s, p, o);
	if (!o->n_steps)
		return;
	look_while(s, p, still_closing, o->why[0] ? 0 : s->wait_ns);
	compare(s, p, o);
}
