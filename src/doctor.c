// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor.c - from facts to checks, defects and what each command can do here
 * (doctor.h). The checks themselves are in doctor_kernel.c and doctor_vfio.c.
 */
#include "doctor.h"

#include <stdarg.h>
#include <string.h>

#include "util.h"

_Static_assert(CHECK__max <= 32, "the mask of checks has a bit each");

const struct check_info check_table[CHECK__max] = {
#define CHECK(c, id_, group_, label_, statement_) \
	[CHECK_##c] = { .id = id_, .label = label_, .statement = statement_, .group = GROUP_##group_ },
	CHECKS(CHECK)
#undef CHECK
#define DEFECT(d, check, means) [CHECK_##check].defect = DEFECT_##d + 1,
		DEFECTS(DEFECT)
#undef DEFECT
};

const char *const defect_names[DEFECT__max] = {
#define DEFECT(d, check, means) [DEFECT_##d] = #d,
	DEFECTS(DEFECT)
#undef DEFECT
};

const char *const defect_means[DEFECT__max] = {
#define DEFECT(d, check, means) [DEFECT_##d] = means,
	DEFECTS(DEFECT)
#undef DEFECT
};

const char *const works_names[WORKS__max] = {
#define W(command) [WORKS_##command] = #command,
	WORKS(W)
#undef W
};

void check_answer(struct check *c, enum known answer, enum check_state state, const char *fmt, ...)
{
	va_list ap;

	c->answer = answer;
	c->state = state;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	if (!c->why[0])
		snprintf(c->why, sizeof(c->why), "it was not asked");
}

void check_note(struct check *c, const char *label, const char *fmt, ...)
{
	va_list ap;

	if (c->n_notes == NOTES_MAX)
		return;
	c->notes[c->n_notes].label = label;
	va_start(ap, fmt);
	vsnprintf(c->notes[c->n_notes++].text, TEXT_MAX, fmt, ap);
	va_end(ap);
}

/* ---- commands -------------------------------------------------------------------------- */

static void works(struct works *w, enum extent extent, bool not_known, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void works(struct works *w, enum extent extent, bool not_known, const char *fmt, ...)
{
	va_list ap;

	w->extent = extent;
	w->not_known = not_known;
	va_start(ap, fmt);
	vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
}

static void and_more(struct works *w, unsigned int n)
{
	size_t used = strlen(w->why);

	if (n > 1)
		snprintf(w->why + used, sizeof(w->why) - used, "; and %u more", n - 1);
}

/* A command that begins by opening c. What a look misses is missing to those who watch, too. */
static void opens(struct works *w, const struct facts *f, bool watches)
{
	const struct command_facts *c = watches ? &f->watch : &f->look;
	unsigned int hooks = watches ? c->hook_gaps : 0, n = c->gaps + hooks;

	if (c->opens.is != KNOWN_YES)
		works(w, EXTENT_NONE, c->opens.is == NOT_KNOWN, "%s", c->opens.why);
	else if (n)
		works(w, EXTENT_PARTIAL, false, "cannot see %s", c->gaps ? c->gap : c->hook_gap);
	else if (watches && !(module_runs(&f->vfio) && (module_runs(&f->type1) || f->containers.is == KNOWN_NO)))
		works(w, EXTENT_PARTIAL, true,
		      "%s is not loaded: it waits for it, and which hooks attach then is not known",
		      module_runs(&f->vfio) ? "vfio_iommu_type1" : "vfio");
	else
		works(w, EXTENT_FULL, false, "%s", "");
	if (c->opens.is == KNOWN_YES)
		and_more(w, n);
}

/* The guard needs one of two ways in, what it tells files apart by, and the kernel's word at the return of type1's calls. */
static void enforce(struct doctor *d, const struct facts *f)
{
	static const int needed[] = { CHECK_rights, CHECK_visibility, CHECK_btf, CHECK_memory, CHECK_symbols, CHECK_fentry };
	const struct check *lsm = &d->checks[CHECK_lsm], *fmod = &d->checks[CHECK_fmod_ret];
	struct works *w = &d->works[WORKS_enforce];

	if (f->containers.is == KNOWN_NO) {
		works(w, EXTENT_NONE, false, "VFIO has no container of its own in this kernel: there is nothing to guard");
		return;
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		const struct check *c = &d->checks[needed[i]];

		if (c->answer == KNOWN_YES)
			continue;
		/* of what could not be tried for want of rights it is not known whether it is there */
		works(w, EXTENT_NONE, c->answer == NOT_KNOWN || needed[i] == CHECK_rights, "%s: %.300s", check_table[needed[i]].label, c->why);
		return;
	}
	if (lsm->answer != KNOWN_YES && fmod->answer != KNOWN_YES)
		works(w, EXTENT_NONE, lsm->answer == NOT_KNOWN || fmod->answer == NOT_KNOWN, "BPF LSM: %.150s; fmod_ret: %.150s",
		      lsm->why, fmod->why);
	else if (f->guard_fits.is == KNOWN_NO)
		works(w, EXTENT_NONE, false, "its programs are not for this kernel: %s", f->guard_fits.why);
	else if (!module_runs(&f->vfio) || !module_runs(&f->type1))
		works(w, EXTENT_PARTIAL, true, "vfio_iommu_type1 is not loaded: there is nothing to guard");
	else
		works(w, EXTENT_FULL, false, "%s", "");
}

/* It looks as `status` does; what it says to do can be done only where the calls are. */
static void migrate(struct doctor *d, const struct facts *f)
{
	const struct check *map_file = &d->checks[CHECK_map_file];
	struct works *w = &d->works[WORKS_migrate];

	opens(w, f, false);
	if (w->extent == EXTENT_FULL && map_file->answer != KNOWN_YES)
		works(w, EXTENT_PARTIAL, map_file->answer == NOT_KNOWN, "advice only: %.300s", map_file->why);
}

/* What `doctor` could not find out. */
static void doctor_itself(struct doctor *d)
{
	struct works *w = &d->works[WORKS_doctor];
	unsigned int n = 0;

	works(w, EXTENT_FULL, false, "%s", "");
	for (int i = 0; i < CHECK__max; i++)
		if (d->checks[i].answer == NOT_KNOWN && !n++)
			works(w, EXTENT_PARTIAL, true, "cannot tell %s: %s", check_table[i].id, d->checks[i].why);
	and_more(w, n);
}

/* ---- all of it --------------------------------------------------------------------------- */

void doctor_judge(struct doctor *d, const struct facts *f)
{
	*d = (struct doctor){};
#define CHECK(c, id, group, label, statement) judge_##c(&d->checks[CHECK_##c], f);
	CHECKS(CHECK)
#undef CHECK
#define DEFECT(d_, check, means)                                                             \
	d->defects[DEFECT_##d_] = d->checks[CHECK_##check].answer == KNOWN_YES ? KNOWN_NO :  \
				  d->checks[CHECK_##check].answer == KNOWN_NO  ? KNOWN_YES : \
										 NOT_KNOWN;
	DEFECTS(DEFECT)
#undef DEFECT
	opens(&d->works[WORKS_status], f, false);
	opens(&d->works[WORKS_rescue], f, false);
	opens(&d->works[WORKS_trace], f, true);
	opens(&d->works[WORKS_record], f, true);
	works(&d->works[WORKS_report], EXTENT_FULL, false, "%s", "");
	enforce(d, f);
	migrate(d, f);
	doctor_itself(d);
}

/* What --require says: absent if one of them is, else unknown if one of them is. */
static int require_status(const struct doctor *d, const struct doctor_view *v)
{
	bool unknown = false;

	for (int i = 0; i < FEATURES_MAX; i++) {
		enum known there;

		if (!(i < CHECK__max ? v->checks & 1U << i : v->works & 1U << (i - CHECK__max)))
			continue;
		there = feature_there(d, i);
		if (there == KNOWN_NO)
			return 1;
		unknown |= there == NOT_KNOWN;
	}
	return unknown ? 3 : 0;
}

/* Does a look see less where this is not so? */
static bool is_sight(int check)
{
	switch (check) {
	case CHECK_btf:
	case CHECK_fentry:
	case CHECK_iterators:
	case CHECK_memory:
	case CHECK_symbols:
	case CHECK_rights:
	case CHECK_visibility:
		return true;
	default:
		return false;
	}
}

int doctor_status(const struct doctor *d, const struct doctor_view *v)
{
	bool unknown_defect = false, partial = false;

	if (v->require)
		return require_status(d, v);
	for (int i = 0; i < CHECK__max; i++) {
		const struct check *c = &d->checks[i];

		if (!(v->checks & 1U << i))
			continue;
		if (c->state == STATE_FAIL)
			return 2;
		unknown_defect |= c->answer == NOT_KNOWN && check_table[i].defect;
		partial |= c->answer == NOT_KNOWN || (c->answer == KNOWN_NO && is_sight(i));
	}
	/* what cannot be guarded, and advice that cannot be followed, can be seen none the worse */
	for (int i = 0; i < WORKS__max; i++)
		partial |= i != WORKS_enforce && i != WORKS_migrate && v->works & 1U << i && d->works[i].extent != EXTENT_FULL;
	return unknown_defect ? 3 : partial;
}

/* ---- features ------------------------------------------------------------------------------ */

const char *feature_name(int feature)
{
	return feature < CHECK__max ? check_table[feature].id : works_names[feature - CHECK__max];
}

int feature_find(const char *name, size_t len)
{
	for (int i = 0; i < FEATURES_MAX; i++)
		if (strlen(feature_name(i)) == len && !strncmp(feature_name(i), name, len))
			return i;
	return -1;
}

enum known feature_there(const struct doctor *d, int feature)
{
	const struct works *w;

	if (feature < CHECK__max)
		return d->checks[feature].answer;
	w = &d->works[feature - CHECK__max];
	if (w->extent == EXTENT_FULL)
		return KNOWN_YES;
	return w->not_known ? NOT_KNOWN : KNOWN_NO;
}
