// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict_window.c - "a container has had an invalidated range for longer than
 * the limit" (limits.max_window_ns).
 *
 * One finding for each container with an invalid range: yes if it is known to
 * have been so for longer, no if a hook saw it become so and that is not yet
 * as long, cannot tell if it was so before anybody looked. One for the host if
 * nothing is invalid.
 *
 * A look does not say since when. Two looks further apart than the limit decide
 * it: `status --check` takes them. Then a range stood with the same address in
 * both; that it was never restored in between is likely. Hooks that
 * watched meanwhile prove it.
 */
#include "cycle.h"
#include "doubts.h"
#include "invalid.h"
#include "words.h"

#include <errno.h>

int verdict_window(const struct verdict *v, const struct model *m, struct findings *out);

static void put_yes(struct findings *out, struct finding *f, const struct model *m, const struct obj *c,
		    const struct invalid *inv)
{
	char t[FORMAT_MAX], max[FORMAT_MAX], id[ID_NAME_MAX];

	finding_sentence(out, f, "%s has had an invalid range for%s %s, longer than %s", id_name(OBJ_CONTAINER, c->id, id),
			 inv->opened ? "" : " at least", format_duration(invalid_age(inv), t),
			 format_duration(out->limits.max_window_ns, max));
	finding_note(out, f, "Open for", "%s%s; the limit is %s", inv->opened ? "" : "at least ", t, max);
	if (!inv->watched)
		finding_missing(out, f,
				"whether it was restored and invalidated again, at the same address, between the looks");
	if (!inv->opener)
		finding_missing(out, f, "who made it invalid, and when: that was before fdpin-trace looked");
	doubt_sight(out, f, m);
}

static void put_no(struct findings *out, struct finding *f, const struct obj *c, const struct invalid *inv)
{
	char t[FORMAT_MAX], max[FORMAT_MAX], id[ID_NAME_MAX];

	finding_sentence(out, f, "%s has had an invalid range for %s, not longer than %s", id_name(OBJ_CONTAINER, c->id, id),
			 format_duration(invalid_age(inv), t), format_duration(out->limits.max_window_ns, max));
}

static void put_unknown(struct findings *out, struct finding *f, const struct model *m, const struct obj *c,
			const struct invalid *inv)
{
	char t[FORMAT_MAX], max[FORMAT_MAX], id[ID_NAME_MAX];

	id_name(OBJ_CONTAINER, c->id, id);
	format_duration(invalid_age(inv), t);
	format_duration(out->limits.max_window_ns, max);
	if (inv->is == INVALID_YES)
		finding_note(out, f, "Open for", "%s%s", inv->opened ? "" : "at least ", invalid_age(inv) ? t : "a moment");
	if (inv->is == INVALID_UNKNOWN) {
		finding_sentence(out, f, "whether %s still has an invalid range is not known", id);
		finding_missing(out, f, "%s changed while it was read, or the record that says so was lost", id);
	} else if (inv->opened) {
		finding_sentence(out, f, "%s has had an invalid range for %s, as far as was seen", id, t);
		doubt_absence(out, f, m);
	} else {
		finding_sentence(out, f, "%s has an invalid range, for at least %s", id, invalid_age(inv) ? t : "a moment");
		finding_missing(out, f, "when it became invalid: that was before fdpin-trace looked");
		if (out->limits.max_window_ns < WINDOW_WAIT_MAX_NS)
			finding_note(out, f, "Next", "fdpin-trace status --max-window=%s looks again until it is decided", max);
	}
	doubt_sight(out, f, m);
}

static int judge_container(const struct verdict *v, const struct model *m, const struct obj *c, const struct invalid *inv,
			   struct findings *out)
{
	enum answer answer = ANSWER_CANNOT_TELL;
	enum level level = LEVEL_NONE;
	struct finding *f;

	if (inv->is == INVALID_YES && invalid_age(inv) > out->limits.max_window_ns)
		answer = ANSWER_YES, level = inv->watched ? LEVEL_PROVEN : LEVEL_LIKELY;
	else if (inv->is == INVALID_YES && inv->opened && absence_certain(m))
		answer = ANSWER_NO;
	f = finding_add(out, v, answer, level, c->id);
	if (!f)
		return -ENOMEM;
	invalid_evidence(out, f, c, inv);
	if (answer == ANSWER_YES)
		put_yes(out, f, m, c, inv);
	else if (answer == ANSWER_NO)
		put_no(out, f, c, inv);
	else
		put_unknown(out, f, m, c, inv);
	return 0;
}

int verdict_window(const struct verdict *v, const struct model *m, struct findings *out)
{
	bool found = false;
	int err = 0;

	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER)) {
		struct invalid inv;

		invalid_state(&inv, m, c);
		if (inv.is == INVALID_NO)
			continue;
		err = judge_container(v, m, c, &inv, out);
		found = true;
	}
	return found || err ? err : finding_host(out, v, m, "no range is invalid");
}
