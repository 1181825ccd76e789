// SPDX-License-Identifier: GPL-2.0-only
/*
 * announce.c - from findings to verdict records, by difference (announce.h).
 *
 * Worth saying: a yes; a "cannot tell, but likely" about a container; and
 * that what was said is no longer so. A changed sentence alone is not, as
 * sentences hold durations.
 */
#include "announce.h"

#include <errno.h>

#include "emit.h"

struct said {
	const struct verdict *verdict;
	__u64 container, mm, opened_ns;
	enum answer answer;
	enum level level;
};

static bool worth_saying(const struct finding *f)
{
	return f->answer == ANSWER_YES || (f->answer == ANSWER_CANNOT_TELL && f->level == LEVEL_LIKELY);
}

static bool about_same(const struct said *s, const struct finding *f)
{
	return s->verdict == f->verdict && s->container == f->container && s->mm == f->mm && s->opened_ns == f->opened_ns;
}

static struct said *find(struct announced *a, const struct finding *f)
{
	for (unsigned int i = 0; i < a->n; i++)
		if (about_same(&a->said[i], f))
			return &a->said[i];
	return NULL;
}

static int say(const struct verdict *v, __u64 container, enum answer answer, enum level level, const char *sentence,
	       source_fn fn, void *ctx)
{
	struct ev_verdict e = EV_INIT(verdict);

	e.h.container = container;
	EV_STRING(e.name, v->name);
	EV_STRING(e.answer, answer_name(answer));
	EV_STRING(e.level, level_name(level) ?: "");
	EV_STRING(e.sentence, sentence);
	return emit(fn, ctx, &e.h);
}

static int say_new(struct announced *a, const struct finding *f, source_fn fn, void *ctx)
{
	struct said *s = find(a, f);

	if (s && s->answer == f->answer && s->level == f->level)
		return 0;
	if (!s) {
		struct said *more = reallocarray(a->said, a->n + 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		a->said = more;
		s = &more[a->n++];
	}
	*s = (struct said){ f->verdict, f->container, f->mm, f->opened_ns, f->answer, f->level };
	return say(f->verdict, f->container, f->answer, f->level, f->sentence ?: f->verdict->sentence, fn, ctx);
}

static bool still_so(const struct said *s, const struct findings *f)
{
	for (unsigned int i = 0; i < f->n; i++)
		if (about_same(s, &f->f[i]) && worth_saying(&f->f[i]))
			return true;
	return false;
}

int announce(struct announced *a, const struct findings *f, source_fn fn, void *ctx)
{
	unsigned int kept = 0;
	int err = 0;

	for (unsigned int i = 0; i < a->n; i++) {
		struct said s = a->said[i];

		if (still_so(&s, f))
			a->said[kept++] = s;
		else if (!err)
			err = say(s.verdict, s.container, ANSWER_NO, LEVEL_NONE, "no longer so", fn, ctx);
	}
	a->n = kept;
	for (unsigned int i = 0; i < f->n && !err; i++)
		if (worth_saying(&f->f[i]))
			err = say_new(a, &f->f[i], fn, ctx);
	return err;
}

bool announced_any(const struct announced *a)
{
	return a->n > 0;
}

void announced_free(struct announced *a)
{
	free(a->said);
	*a = (struct announced){};
}
