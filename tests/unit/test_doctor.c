// SPDX-License-Identifier: GPL-2.0-only
/* test_doctor.c - the judgement of made-up facts: each row of tests/kernels as it was built, and what is taken away from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doctor.h"
#include "opts.h"
#include "output.h"
#include "util.h"

#define ALL ((struct doctor_view){ .checks = (1U << CHECK__max) - 1, .works = (1U << WORKS__max) - 1, .whole = true })

/* ---- hosts -------------------------------------------------------------------------- */

static struct module_facts module(enum presence presence)
{
	struct module_facts m = { .presence = presence };

	if (module_runs(&m))
		m.types.is = KNOWN_YES;
	return m;
}

/* Everything there, the newest kernel without iommufd: nothing waits, all is kept per range. */
static struct facts newest(void)
{
	struct facts f = { .lsms = "lockdown,bpf", .hung_task_s = 120 };

	f.btf.is = f.blocked_on.is = f.mutex_list.is = f.contention.is = f.lsm_bpf.is = KNOWN_YES;
	f.hung_task.is = f.hung_task_blocker.is = f.host_pid_namespace.is = KNOWN_YES;
	f.locked_down.is = KNOWN_NO;
	for (int i = 0; i < DOCTOR__max; i++)
		f.tests[i].is = KNOWN_YES;
	f.vfio = f.type1 = module(PRESENCE_LOADED);
	f.mdev = module(PRESENCE_NOT_LOADED);
	f.vaddr_invalid.is = f.dma_mm.is = f.dma_locked_vm.is = KNOWN_YES;
	f.vaddr_wait.is = f.extension.is = KNOWN_NO;
	f.guard_text.is = KNOWN_YES;
	strcpy(f.type1_file, "/lib/modules/x/kernel/drivers/vfio/vfio_iommu_type1.ko");
	f.iommufd = module(PRESENCE_NONE);
	f.map_file.is = f.change_process.is = f.liveupdate.is = KNOWN_NO;
	strcpy(f.liveupdate.why, "not in this kernel");
	f.look.opens.is = f.watch.opens.is = KNOWN_YES;
	return f;
}

static struct facts stock_6_1(void)
{
	struct facts f = newest();

	f.vaddr_wait.is = KNOWN_YES;
	f.blocked_on.is = KNOWN_NO;
	return f;
}

static struct facts unguarded(void)
{
	struct facts f = stock_6_1();

	f.extension.is = KNOWN_YES;
	f.guard_text.is = KNOWN_NO;
	return f;
}

static struct facts unfixed(void)
{
	struct facts f = unguarded();

	f.dma_mm.is = f.dma_locked_vm.is = KNOWN_NO;
	return f;
}

static struct facts with_iommufd(void)
{
	struct facts f = newest();

	f.vfio = f.type1 = f.mdev = f.iommufd = module(PRESENCE_BUILT_IN);
	f.guard_text.is = NOT_KNOWN;
	f.type1_file[0] = '\0';
	f.map_file.is = f.change_process.is = f.moves_user.is = KNOWN_YES;
	f.moves_none.is = KNOWN_NO;
	return f;
}

/* ---- what is made of them ---------------------------------------------------------------- */

static struct doctor d;

/* Five letters, y n or ?, in the order of DEFECTS, and the exit status. */
static void expect(const struct facts *f, const char *defects, int status)
{
	char got[DEFECT__max + 1] = "";

	doctor_judge(&d, f);
	for (int i = 0; i < DEFECT__max; i++)
		got[i] = d.defects[i] == KNOWN_YES ? 'y' : d.defects[i] == KNOWN_NO ? 'n' : '?';
	assert_string_equal(got, defects);
	assert_int_equal(doctor_status(&d, &ALL), status);
	for (int i = 0; i < CHECK__max; i++) {
		assert_true(d.checks[i].why[0]);
		/* a state says no more than the answer does */
		assert_int_equal(d.checks[i].answer == NOT_KNOWN, d.checks[i].state == STATE_UNKNOWN);
		if (d.checks[i].state == STATE_OK)
			assert_int_equal(d.checks[i].answer, KNOWN_YES);
		if (d.checks[i].state == STATE_FAIL) {
			assert_int_equal(d.checks[i].answer, KNOWN_NO);
			assert_true(check_table[i].defect);
		}
	}
}

static void rows(void **state)
{
	struct facts f = newest();

	(void)state;
	expect(&f, "nnnnn", 0);
	assert_int_equal(d.checks[CHECK_vaddr_wait].state, STATE_OK);
	assert_int_equal(d.works[WORKS_migrate].extent, EXTENT_PARTIAL); /* advice that cannot be followed */
	f = stock_6_1();
	expect(&f, "nnnnn", 0);
	assert_non_null(strstr(d.checks[CHECK_vaddr_wait].why, "guarded"));
	assert_int_equal(d.checks[CHECK_waiters].state, STATE_PART);
	f = unguarded();
	expect(&f, "ynnyn", 2);
	f = unfixed();
	expect(&f, "yyyyn", 2);
	f = with_iommufd();
	expect(&f, "nnnny", 2);
	assert_int_equal(d.works[WORKS_migrate].extent, EXTENT_FULL);
}

/* Both witnesses of the guard, in every combination, where the code that waits is there. */
static void guard(void **state)
{
	static const struct {
		enum known extension, text;
		enum presence presence;
		const char *defects; /* deadlock, exec_underflow, restore, mdev_exclusion */
	} cases[] = {
		{ KNOWN_NO, KNOWN_YES, PRESENCE_LOADED, "nnnn" },
		{ NOT_KNOWN, KNOWN_YES, PRESENCE_LOADED, "nnnn" },
		{ KNOWN_YES, KNOWN_NO, PRESENCE_LOADED, "ynny" },
		{ KNOWN_YES, NOT_KNOWN, PRESENCE_LOADED, "ynny" },
		/* rebuilt with one of them only */
		{ KNOWN_NO, KNOWN_NO, PRESENCE_LOADED, "?nn?" },
		{ KNOWN_YES, KNOWN_YES, PRESENCE_LOADED, "?nn?" },
		/* the driver's word alone: it may be a rebuilt one that was loaded from elsewhere */
		{ KNOWN_NO, NOT_KNOWN, PRESENCE_LOADED, "?nn?" },
		{ KNOWN_NO, NOT_KNOWN, PRESENCE_BUILT_IN, "nnnn" },
		/* no text, but the accounting: what 5.15.99 is, or a fixed one without its warnings */
		{ NOT_KNOWN, KNOWN_NO, PRESENCE_LOADED, "?nn?" },
		{ NOT_KNOWN, NOT_KNOWN, PRESENCE_LOADED, "?nn?" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct facts f = stock_6_1();
		char defects[DEFECT__max + 1];

		f.type1.presence = cases[i].presence;
		f.extension.is = cases[i].extension;
		f.guard_text.is = cases[i].text;
		snprintf(defects, sizeof(defects), "%sn", cases[i].defects);
		expect(&f, defects, strchr(defects, 'y') ? 2 : strchr(defects, '?') ? 3 : 0);
	}
}

/* Where nothing waits any more, the driver's word is enough; where even the accounting is older, its file is. */
static void one_witness(void **state)
{
	struct facts f = newest();

	(void)state;
	f.guard_text.is = NOT_KNOWN;
	expect(&f, "nnnnn", 0);
	f.extension.is = KNOWN_YES;
	expect(&f, "nnnyn", 2);
	f = unfixed();
	f.extension.is = NOT_KNOWN;
	expect(&f, "yyyyn", 2);
	f.guard_text.is = NOT_KNOWN;
	expect(&f, "?yy?n", 2);
}

/* The fix against the underflow went into old kernels that do not know the flag. */
static void before_the_flag(void **state)
{
	struct facts f = newest();

	(void)state;
	f.vaddr_invalid.is = f.dma_locked_vm.is = f.guard_text.is = KNOWN_NO;
	expect(&f, "nnnnn", 0);
	f.dma_mm.is = KNOWN_NO;
	expect(&f, "nynnn", 2);
}

static void no_types_of(struct facts *f)
{
	f->vaddr_invalid.is = f->vaddr_wait.is = f->dma_mm.is = f->dma_locked_vm.is = NOT_KNOWN;
	f->type1.types.is = NOT_KNOWN;
}

static void taken_away(void **state)
{
	struct facts f = unguarded();

	(void)state;
	f.type1.presence = PRESENCE_NOT_LOADED;
	f.extension.is = f.guard_text.is = NOT_KNOWN;
	no_types_of(&f);
	expect(&f, "????n", 3);
	assert_non_null(strstr(d.checks[CHECK_vaddr_wait].why, "not loaded"));
	f.type1.presence = PRESENCE_NOT_KNOWN;
	expect(&f, "????n", 3);
	assert_int_equal(d.works[WORKS_trace].extent,
			 EXTENT_PARTIAL); /* it would wait; what then attaches is not known */
	assert_int_equal(d.works[WORKS_status].extent, EXTENT_FULL);
	f.type1.presence = PRESENCE_NONE;
	expect(&f, "nnnnn", 1);
	/* that it never comes is an answer: nothing is left to wait for, nor to guard */
	f.containers.is = KNOWN_NO;
	f.tests[DOCTOR_fentry_module].is = f.tests[DOCTOR_fexit_module].is = NOT_KNOWN;
	expect(&f, "nnnnn", 0);
	assert_int_equal(d.checks[CHECK_fentry].answer, KNOWN_YES);
	assert_int_equal(d.works[WORKS_trace].extent, EXTENT_FULL);
	assert_int_equal(d.works[WORKS_enforce].extent, EXTENT_NONE);
	assert_non_null(strstr(d.works[WORKS_enforce].why, "nothing to guard"));

	f = stock_6_1();
	no_types_of(&f);
	f.btf.is = NOT_KNOWN;
	strcpy(f.btf.why, "hidden");
	f.contention.is = f.blocked_on.is = NOT_KNOWN;
	strcpy(f.contention.why, "hidden");
	strcpy(f.blocked_on.why, "hidden");
	expect(&f, "???nn", 3);

	/* the least that can be known of anything */
	f = (struct facts){};
	doctor_judge(&d, &f);
	for (int i = 0; i < CHECK__max; i++)
		if (i != CHECK_rights)
			assert_int_equal(d.checks[i].answer, NOT_KNOWN);
	assert_int_equal(doctor_status(&d, &ALL), 3);
	assert_int_equal(d.works[WORKS_trace].extent, EXTENT_NONE);
	assert_int_equal(feature_there(&d, feature_find("trace", 5)), NOT_KNOWN);
}

/* No defect, but not all could be seen: 1. */
static void partial_sight(void **state)
{
	struct facts f = stock_6_1();

	(void)state;
	f.tests[DOCTOR_fexit].is = NOT_KNOWN;
	strcpy(f.tests[DOCTOR_fexit].why, "no permission");
	expect(&f, "nnnnn", 1);
	assert_int_equal(d.checks[CHECK_fentry].state, STATE_UNKNOWN);
	f.tests[DOCTOR_fentry_module].is = KNOWN_NO;
	expect(&f, "nnnnn", 1);
	assert_int_equal(d.checks[CHECK_fentry].answer, KNOWN_NO);
	f = stock_6_1();
	strcpy(f.missing_rights, " CAP_BPF");
	expect(&f, "nnnnn", 1);
	f = stock_6_1();
	f.host_pid_namespace.is = KNOWN_NO;
	expect(&f, "nnnnn", 1);
	f = stock_6_1();
	f.watch.hook_gaps = 2;
	strcpy(f.watch.hook_gap, "pin: no function vfio_pin_pages");
	expect(&f, "nnnnn", 1);
	assert_int_equal(d.works[WORKS_status].extent, EXTENT_FULL);
	assert_int_equal(d.works[WORKS_record].extent, EXTENT_PARTIAL);
	assert_string_equal(d.works[WORKS_record].why, "cannot see pin: no function vfio_pin_pages; and 1 more");
}

/* Taking over what a process has mapped: what follows from the counter being asked, or not. */
static void accounting(void **state)
{
	struct facts f = with_iommufd();

	(void)state;
	f.moves_none.is = KNOWN_YES;
	expect(&f, "nnnn?", 3);
	f.moves_user.is = f.moves_none.is = KNOWN_NO; /* the control says that this proves nothing */
	expect(&f, "nnnn?", 3);
	f.moves_user.is = NOT_KNOWN;
	strcpy(f.moves_user.why, "cannot open /dev/iommu: Permission denied");
	expect(&f, "nnnn?", 3);
	f.change_process.is = KNOWN_NO;
	expect(&f, "nnnnn", 0);
	f = with_iommufd();
	f.iommufd.presence = PRESENCE_NOT_LOADED;
	f.map_file.is = f.change_process.is = f.moves_user.is = NOT_KNOWN;
	strcpy(f.map_file.why, "iommufd is not loaded");
	strcpy(f.change_process.why, "iommufd is not loaded");
	expect(&f, "nnnn?", 3);
}

static void lsm_and_lockdown(void **state)
{
	struct facts f = stock_6_1();

	(void)state;
	f.tests[DOCTOR_lsm].is = f.lsm_bpf.is = KNOWN_NO;
	strcpy(f.lsms, "lockdown,yama");
	expect(&f, "nnnnn", 0);
	assert_int_equal(d.checks[CHECK_lsm].state, STATE_PART); /* fmod_ret takes its place */
	assert_int_equal(d.works[WORKS_enforce].extent, EXTENT_FULL);
	f.guard_fits.is = KNOWN_NO;
	strcpy(f.guard_fits.why, "the function vfio_fops_unl_ioctl has other arguments");
	expect(&f, "nnnnn", 0);
	assert_int_equal(d.works[WORKS_enforce].extent, EXTENT_NONE);
	assert_non_null(strstr(d.works[WORKS_enforce].why, "has other arguments"));
	f.guard_fits.is = KNOWN_YES;
	f.tests[DOCTOR_fmod_ret].is = KNOWN_NO;
	strcpy(f.tests[DOCTOR_fmod_ret].why, "cannot load: Invalid argument");
	expect(&f, "nnnnn", 0);
	assert_int_equal(d.checks[CHECK_lsm].state, STATE_NONE);
	assert_int_equal(d.works[WORKS_enforce].extent, EXTENT_NONE);
	assert_false(d.works[WORKS_enforce].not_known);
	f.tests[DOCTOR_fmod_ret].is = NOT_KNOWN;
	doctor_judge(&d, &f);
	assert_true(d.works[WORKS_enforce].not_known);
	f.tests[DOCTOR_fmod_ret].is = KNOWN_NO;
	f.locked_down.is = KNOWN_YES;
	strcpy(f.locked_down.why, "confidentiality");
	f.tests[DOCTOR_read_kernel].is = KNOWN_NO;
	expect(&f, "nnnnn", 1);
	assert_int_equal(d.checks[CHECK_lockdown].answer, KNOWN_NO);
	strcpy(f.locked_down.why, "integrity");
	f.tests[DOCTOR_read_kernel].is = KNOWN_YES;
	expect(&f, "nnnnn", 0);
	assert_int_equal(d.checks[CHECK_lockdown].state, STATE_OK);
}

static int ask(const struct facts *f, bool require, const char *feature)
{
	struct doctor_view v = { .require = require };
	int i = feature_find(feature, strlen(feature));

	assert_true(i >= 0);
	if (i < CHECK__max)
		v.checks = 1U << i;
	else
		v.works = 1U << (i - CHECK__max);
	doctor_judge(&d, f);
	return doctor_status(&d, &v);
}

static void asked_for(void **state)
{
	struct facts f = unguarded();
	struct doctor_view v = { .require = true };

	(void)state;
	assert_int_equal(ask(&f, false, "vaddr-wait"), 2);
	assert_int_equal(ask(&f, true, "vaddr-wait"), 1);
	assert_int_equal(ask(&f, false, "btf"), 0);
	assert_int_equal(ask(&f, true, "btf"), 0);
	assert_int_equal(ask(&f, true, "iommufd"), 1);
	assert_int_equal(ask(&f, true, "trace"), 0);
	f.watch.opens.is = KNOWN_NO;
	assert_int_equal(ask(&f, true, "trace"), 1);
	f.watch.opens.is = NOT_KNOWN;
	assert_int_equal(ask(&f, true, "trace"), 3);
	f.vaddr_wait.is = NOT_KNOWN;
	assert_int_equal(ask(&f, true, "vaddr-wait"), 3);
	assert_int_equal(ask(&f, false, "vaddr-wait"), 3);
	/* what is absent says more than what is not known */
	v.checks = 1U << CHECK_vaddr_wait | 1U << CHECK_iommufd;
	assert_int_equal(doctor_status(&d, &v), 1);
	assert_int_equal(feature_find("tra", 3), -1);
	assert_int_equal(feature_find("", 0), -1);
}

/* ---- words --------------------------------------------------------------------------------- */

static char *show(const struct facts *f, bool color, bool verbose)
{
	struct doctor_view v = ALL;
	struct output o = { .width = 80, .color = color };
	char *text = NULL;
	size_t size;

	v.verbose = verbose;
	doctor_judge(&d, f);
	o.f = open_memstream(&text, &size);
	assert_non_null(o.f);
	doctor_text(&o, &d, f, &v);
	fclose(o.f);
	return text;
}

static void fits(const struct facts *f)
{
	char *text = show(f, false, true);

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (text_width(line) > 80)
			fail_msg("%zu columns: %s", text_width(line), line);
	free(text);
}

static void words(void **state)
{
	struct facts f = unfixed(), none = {};
	char *plain, *color, *p, *q;

	(void)state;
	strcpy(f.type1_file, "/lib/modules/6.1.0-56-amd64/kernel/drivers/vfio/vfio_iommu_type1.ko");
	strcpy(f.guard_text.why, "its srcversion and build id are that of the loaded module");
	strcpy(f.lsms, "lockdown,capability,landlock,yama,apparmor,tomoyo,bpf,ipe,ima,evm");
	strcpy(f.node, "evil\033[31m");
	fits(&f);
	fits(&none);
	f.guard_text.is = KNOWN_YES;
	fits(&f);
	plain = show(&f, false, false);
	color = show(&f, true, false);
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(plain, "evil\\x1b[31m"));
	assert_non_null(strstr(plain, "\n  FAIL  locked_vm  "));
	assert_non_null(strchr(color, '\033'));
	/* without its colours it is the same text */
	for (p = q = color; *p; p++)
		if (*p == '\033')
			p += strcspn(p, "m");
		else
			*q++ = *p;
	*q = '\0';
	assert_string_equal(plain, color);
	free(plain);
	free(color);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),	       cmocka_unit_test(guard),
		cmocka_unit_test(one_witness), cmocka_unit_test(before_the_flag),
		cmocka_unit_test(taken_away),  cmocka_unit_test(partial_sight),
		cmocka_unit_test(accounting),  cmocka_unit_test(lsm_and_lockdown),
		cmocka_unit_test(asked_for),   cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
