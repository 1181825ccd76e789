// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict_exposed.c - "a mediated device shares a container with an
 * invalidated range".
 *
 * Nobody waits yet, but the driver can begin to at any moment: it has only to
 * need the range. One finding for each container where the two meet; one for
 * the host if they meet nowhere.
 *
 *	yes		both were there in two looks, or a hook saw that the kernel let
 *			the range become invalid beside the device and a look found
 *			both; and this kernel has code that waits
 *	no		they do not meet, or nothing on this kernel can wait
 *	cannot tell	one look: device and range are read one after the other, and on a
 *			kernel that keeps them apart the one can have gone before the other came
 *
 * No, too, on a host that is one call away: a mediated device and nothing
 * invalid, or an invalid range and no such device, on a kernel that would let
 * the other come. That is how such a host lives, for years; a warning that
 * never ends is none. Whether a kernel keeps them apart is doctor's to say.
 *
 * And no where a thread waits already: deadlock and stall speak of that.
 */
#include "cycle.h"
#include "doubts.h"
#include "invalid.h"
#include "words.h"

#include <errno.h>

int verdict_exposed(const struct verdict *v, const struct model *m, struct findings *out);

static bool says_mediated(const struct fdpin_hdr *h)
{
	return h->type == EV_device && ((const struct ev_device *)h)->backed == BACKED_EMULATED;
}

/* The last record may be that of a close, which does not say. */
static bool is_mediated(const struct edge *member)
{
	return says_mediated(member->last) || says_mediated(member->rec);
}

/* A mediated device in the container, the one that was seen there most often. */
static const struct edge *mediated(const struct obj *c)
{
	const struct edge *found = NULL;

	for (struct edge *e = edge_in(c, REL_MEMBER); e; e = edge_in_next(e))
		if (is_mediated(e) && (!found || e->looks > found->looks))
			found = e;
	return found;
}

/* Can a thread wait here? One that waits says it, too. A recording of a version that did not say has no kind either. */
static enum answer can_wait(const struct model *m, const struct obj *c)
{
	const struct ev_container *note = NOTE_OF(c, container);

	if (note && note->can_wait)
		return ANSWER_YES;
	for (const struct obj *o = model_first(m, OBJ_CONTAINER); o; o = model_next(o, OBJ_CONTAINER))
		if (edge_in(o, REL_WAITS))
			return ANSWER_YES;
	return note && note->kind == CONTAINER_TYPE1 ? ANSWER_NO : ANSWER_CANNOT_TELL;
}

/* The kernel let it happen before our eyes. */
static bool seen_to_meet(const struct invalid *inv)
{
	const struct ev_invalidate *e = inv->opener ? (const void *)inv->opener->rec : NULL;

	return e && e->h.type == EV_invalidate && e->emulated;
}

static bool read_twice(const struct model *m, const struct obj *c, const struct edge *member)
{
	const struct ev_container *before = container_before(m, c);

	return before && before->invalid && NOTE_OF(c, container)->invalid && member->looks >= 2 && member->last_look == c->note_look;
}

static void put_evidence(struct findings *out, struct finding *f, const struct obj *c, const struct edge *member,
			 const struct invalid *inv)
{
	char id[ID_NAME_MAX], device[WORDS_MAX];

	finding_edge(out, f, member, "%s, which is mediated, is in %s", device_words(member->from, device),
		     id_name(OBJ_CONTAINER, c->id, id));
	invalid_evidence(out, f, c, inv);
	container_holders(out, f, c);
}

static void put_notes(struct findings *out, struct finding *f, const struct edge *member)
{
	char device[WORDS_MAX];

	device_words(member->from, device);
	finding_note(out, f, "Would become",
		     "a stall as soon as the driver of %s needs the range, and a deadlock if the device is closed while it "
		     "waits",
		     device);
	finding_note(out, f, "Way out",
		     "restore the range or unmap it, before the device is closed; do not leave a mediated device in a "
		     "container that is invalidated: kernels with the fix refuse it");
}

static void put_doubts(struct findings *out, struct finding *f, const struct model *m, const struct obj *c,
		       const struct invalid *inv, enum answer wait)
{
	char id[ID_NAME_MAX];

	id_name(OBJ_CONTAINER, c->id, id);
	if (wait == ANSWER_CANNOT_TELL)
		finding_missing(out, f, "whether this kernel has code that waits for a valid VADDR was not told");
	if (inv->is == INVALID_UNKNOWN)
		finding_missing(out, f,
				"whether %s still has an invalid range: it changed while it was read, or something was lost", id);
	else if (model_looks(m) < 2)
		finding_missing(out, f, "only one look was taken: a second one shows whether the two really meet");
	else
		finding_missing(out, f, "the last two looks do not both show %s with the device and an invalid range", id);
	doubt_sight(out, f, m);
}

static int judge_container(const struct verdict *v, const struct model *m, const struct obj *c, const struct edge *member,
			   const struct invalid *inv, struct findings *out)
{
	enum answer wait = can_wait(m, c), answer = ANSWER_CANNOT_TELL;
	enum level level = wait == ANSWER_YES && inv->is == INVALID_YES ? LEVEL_LIKELY : LEVEL_NONE;
	struct finding *f;
	char id[ID_NAME_MAX], device[WORDS_MAX];

	if (wait == ANSWER_NO && absence_certain(m))
		answer = ANSWER_NO;
	else if (level == LEVEL_LIKELY && (read_twice(m, c, member) || seen_to_meet(inv)))
		answer = ANSWER_YES, level = LEVEL_PROVEN;
	f = finding_add(out, v, answer, level, c->id);
	if (!f)
		return -ENOMEM;
	put_evidence(out, f, c, member, inv);
	id_name(OBJ_CONTAINER, c->id, id);
	device_words(member->from, device);
	if (answer == ANSWER_NO)
		finding_sentence(out, f, "%s has an invalid range beside %s, but nothing on this kernel can wait for it", id, device);
	else
		finding_sentence(out, f, "%s has an invalid range, which the driver of %s may need at any time", id, device);
	if (answer == ANSWER_CANNOT_TELL)
		put_doubts(out, f, m, c, inv, wait);
	else if (answer == ANSWER_YES)
		doubt_sight(out, f, m);
	if (answer != ANSWER_NO)
		put_notes(out, f, member);
	return 0;
}

int verdict_exposed(const struct verdict *v, const struct model *m, struct findings *out)
{
	bool found = false, waits = false;
	int err = 0;

	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER)) {
		const struct edge *member = mediated(c);
		struct invalid inv;

		if (!member)
			continue;
		invalid_state(&inv, m, c);
		if (inv.is == INVALID_NO)
			continue;
		if (edge_in(c, REL_WAITS)) {
			waits = true;
			continue;
		}
		err = judge_container(v, m, c, member, &inv, out);
		found = true;
	}
	if (!found && !err)
		err = finding_host(out, v, m,
				   waits ? "where a mediated device shares a container with an invalid range, a thread waits already" :
					   "no mediated device shares a container with an invalid range");
	return err;
}
