/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ledger_check.h - what the verdict drift says of a tape, also with each record
 * lost. Header only.
 */
#ifndef FDPIN_LEDGER_CHECK_H
#define FDPIN_LEDGER_CHECK_H

#include "ledger_tape.h"

#include "../../src/ledger.h"
#include "../../src/verdict.h"

static inline bool has(const struct finding *f, const char *text)
{
	if (strstr(f->sentence, text))
		return true;
	for (unsigned int i = 0; i < f->n_evidence; i++)
		if (strstr(f->evidence[i].text, text))
			return true;
	for (unsigned int i = 0; i < f->n_notes; i++)
		if (strstr(f->notes[i], text))
			return true;
	return false;
}

/* With each record lost in turn, and that known: never a "no"; "yes" only where a counter says so itself. */
static inline void check_lossy(const struct tape *t, bool counter)
{
	for (unsigned int skip = 0; skip < t->n; skip++) {
		struct model *m = tape_model_lossy(t, skip);
		struct findings f;

		assert_int_equal(verdicts_judge(m, NULL, &f), 0);
		for (unsigned int i = 0; i < f.n; i++) {
			if (strcmp(f.f[i].verdict->name, "drift"))
				continue;
			assert_true(f.f[i].answer != ANSWER_NO);
			assert_true(f.f[i].answer != ANSWER_YES || counter);
			assert_true(f.f[i].answer != ANSWER_CANNOT_TELL || f.f[i].n_missing);
		}
		findings_free(&f);
		model_free(m);
	}
}

/* The answer about a container; the texts, until NULL, are all in it. Frees the tape. */
static inline void check(struct tape *t, __u64 c, const char *want, bool counter, ...)
{
	struct model *m = tape_model(t, TAPE_ALL);
	const struct finding *f;
	struct findings all;
	const char *text;
	char got[64];
	va_list ap;

	assert_int_equal(verdicts_judge(m, NULL, &all), 0);
	f = finding_named(&all, "drift", c);
	assert_non_null(f);
	snprintf(got, sizeof(got), "%s/%s", answer_name(f->answer), level_name(f->level) ?: "none");
	assert_string_equal(got, want);
	va_start(ap, counter);
	while ((text = va_arg(ap, const char *)))
		if (!has(f, text)) {
			print_message("%s\n", f->sentence);
			for (unsigned int i = 0; i < f->n_evidence; i++)
				print_message("  %s\n", f->evidence[i].text);
			for (unsigned int i = 0; i < f->n_notes; i++)
				print_message("  %s\n", f->notes[i]);
			fail_msg("no '%s' in it", text);
		}
	va_end(ap);
	findings_free(&all);
	model_free(m);
	check_lossy(t, counter);
	free(t);
}

#define NO(t) check(t, 0, "no/none", false, "credited to the same account", NULL)

static inline struct ev_mm *mm_note(struct tape *t, __u64 mm, __s64 locked_vm, __s64 users)
{
	struct ev_mm *e = tape_add(t, EV_mm, 0);

	e->mm = mm;
	e->locked_vm = locked_vm;
	e->users = users;
	return e;
}

/* 512 pages of C1 are charged to an address space that has so many users; it is known who they are, if it has a process. */
static inline void look_at_users(struct tape *t, __u8 look, __u64 mm, __s64 users, bool process)
{
	struct ev_range *r;
	struct ev_process *p;

	tape_look_begin(t, look);
	mm_note(t, mm, 512, users);
	if (users > 0) {
		tape_as(t, QEMU, QEMU, "qemu");
		p = tape_add(t, EV_process, 0);
		p->mm = process ? mm : mm + 1;
	}
	tape_container(t, C1, 1, true)->ranges = 1;
	r = tape_range(t, C1, 0x77);
	r->mm = mm;
	r->charged = 512;
	r->account = CHARGED_MM;
	tape_look_end(t);
}

/* No process has it any more. */
static inline void look_at_nobody(struct tape *t, __u8 look, __u64 mm)
{
	look_at_users(t, look, mm, 0, false);
}

#endif
