// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_policy_exempt.c - exemptions as files: what is read back is what was
 * written, what is not whole is none, and time ends them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "exempt.h"
#include "util.h"

#define BOOT "1b45da54-4531-4dfc-b1c3-09b5642c179d"
#define NOW (1000 * NSEC_PER_SEC)

static int parse(struct exemption *e, const char *text, __u64 now, struct policy_problem *p)
{
	return exempt_parse(e, "x.conf", text, strlen(text), now, BOOT, p);
}

static void test_there_and_back(void **state)
{
	struct exemption e = { .rule = RULE_FILE_BACKED, .begun = NOW, .until = NOW + 900 * NSEC_PER_SEC, .boot = BOOT, .by = 1000,
			       .reason = "move db01, ticket 17 = urgent; see [wiki]" }, back;
	struct policy_problem problem;
	const char *why;
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(scope_set_cgroup(&e.who, "machine-*.scope", &why), 0);
	assert_int_equal(scope_set_uid(&e.who, "7,10-20", &why), 0);
	assert_int_equal(scope_set_exe(&e.who, "/usr/bin/qemu-*", &why), 0);
	e.who.keys |= SCOPE_PROCESS;
	e.who.tgid = 4711;
	e.who.ticks = 99;
	exempt_write(f, &e);
	fclose(f);
	assert_int_equal(parse(&back, text, NOW, &problem), 0);
	snprintf(e.name, sizeof(e.name), "x.conf");
	assert_memory_equal(&back.who, &e.who, sizeof(e.who));
	assert_string_equal(back.reason, e.reason);
	assert_string_equal(back.name, e.name);
	assert_true(back.rule == e.rule && back.begun == e.begun && back.until == e.until && back.by == e.by);
	/* over to the nanosecond, and with another boot */
	assert_int_equal(parse(&back, text, e.until - 1, &problem), 0);
	assert_int_equal(parse(&back, text, e.until, &problem), 1);
	assert_int_equal(exempt_parse(&back, "x.conf", text, size, NOW, "another", &problem), 1);
	free(text);
}

#define TIMES "begun = 1000000000000\nuntil = 1001000000000\n"
#define WHOLE TIMES "boot = " BOOT "\nreason = r\n"

static const struct {
	const char *text, *says;
} wrong[] = {
	{ "", "must be there" },
	{ "[strict]\n", "must be there" },
	{ "[strict]\n" TIMES "reason = r\n", "must be there" },
	{ "[strict]\n" TIMES "boot = " BOOT "\n", "must be there" },
	{ "[strict]\nboot = " BOOT "\nreason = r\nbegun = 1\n", "must be there" },
	{ "[strict]\nboot = " BOOT "\nreason = r\nbegun = 1000000000001\nuntil = 1001000000000\n", "begins later" },
	{ "[strict]\nboot = " BOOT "\nreason = r\nbegun = 1\nuntil = 86400000000002\n", "longer than 24 hours" },
	{ "[strict]\nboot = " BOOT "\nreason = r\nbegun = 5\nuntil = 5\n", "for no time" },
	{ "[strict]\n" WHOLE "[mdev-vaddr]\nuid = 5\n", "from one rule" },
	{ "[strct]\n" WHOLE, "unknown section" },
	{ "[strict]\n" WHOLE "action = off\n", "unknown key action" },
	{ "[strict]\n" WHOLE "uid = root\n", "uid = root" },
	{ "[strict]\n" WHOLE "pid = 5\n", "both or none" },
	{ "[strict]\n" WHOLE "ticks = 5\n", "both or none" },
	{ "[strict]\n" WHOLE "pid = 4294967296\nticks = 5\n", "too large" },
	{ "[strict]\n" WHOLE "pid = 0\nticks = 5\n", "both or none" },
	{ "[strict]\n" WHOLE "by = -1\n", "by = -1: a number" },
	{ "[max-window]\n" WHOLE "cgroup = a\n", "from max-window only" },
};

static void test_wrong(void **state)
{
	struct policy_problem problem;
	struct exemption e;

	(void)state;
	assert_int_equal(parse(&e, "[strict]\n" WHOLE, NOW, &problem), 0);
	assert_int_equal(e.who.keys, 0);
	assert_true(e.by == (__u32)-1);
	assert_int_equal(parse(&e, "[max-window]\n" WHOLE "pid = 5\nticks = 6\n", NOW, &problem), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (parse(&e, wrong[i].text, NOW, &problem) != -EINVAL)
			fail_msg("taken: %s", wrong[i].text);
		if (!strstr(problem.text, wrong[i].says))
			fail_msg("%s: %s", wrong[i].text, problem.text);
	}
}

static char root[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/fdpin-exempt-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static struct exemption now_of(enum fdpin_rule rule, __u64 length)
{
	struct exemption e = { .rule = rule, .begun = boot_ns(), .by = -1, .reason = "r" };

	e.until = e.begun + length;
	boot_id(e.boot);
	return e;
}

static void test_folder(void **state)
{
	struct exemption e = now_of(RULE_STRICT, 3600 * NSEC_PER_SEC), old = now_of(RULE_MDEV_VADDR, 1), there[GUARD_EXEMPTIONS];
	struct exempt_folder *f = exempt_open(root);
	char path[256], other[256], command[600];

	(void)state;
	assert_int_equal(exempt_look(f, there), 0);
	assert_int_equal(exempt_put(root, &old, other, sizeof(other)), 0);
	assert_int_equal(exempt_look(f, there), 0);
	umask(077);
	assert_int_equal(exempt_put(root, &e, path, sizeof(path)), 0);
	assert_int_equal(access(other, F_OK), -1); /* what is over is tidied away */
	assert_int_equal(exempt_look(f, there), 1);
	assert_string_equal(there[0].name, e.name);
	assert_int_equal(there[1].until, 0);
	/* who may say so */
	chmod(path, 0646);
	assert_int_equal(exempt_look(f, there), 0);
	chmod(path, 0644);
	snprintf(other, sizeof(other), "%s%s", root, EXEMPT_FOLDER);
	chmod(other, 0777);
	assert_int_equal(exempt_look(f, there), 0);
	assert_int_equal(exempt_put(root, &e, path, sizeof(path)), -EPERM);
	chmod(other, 0755);
	assert_int_equal(exempt_look(f, there), 1);
	snprintf(command, sizeof(command), "cd %s && mv %s elsewhere && ln -s elsewhere %s", other, e.name, e.name);
	assert_int_equal(system(command), 0);
	assert_int_equal(exempt_look(f, there), 0);
	/* no more than there are places */
	snprintf(command, sizeof(command), "cd %s && rm %s && for i in 1 2 3 4 5 6 7 8 9; do cp elsewhere $i.conf; done", other, e.name);
	assert_int_equal(system(command), 0);
	assert_int_equal(exempt_look(f, there), GUARD_EXEMPTIONS);
	exempt_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test_setup_teardown(test_folder, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
