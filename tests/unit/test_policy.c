// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_policy.c - fdpin-trace.conf: what it can say, that it is taken whole or
 * not at all, and that what is wrong is told with file and line.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy.h"
#include "util.h"

#include "paths.h"

static int parse(struct policy *p, const char *text, struct policy_problem *problem)
{
	return policy_parse(p, "/etc/x/50-site.conf", LAYER_LOCAL, text, strlen(text), problem);
}

static void test_built_in(void **state)
{
	struct policy p;
	char buf[64];

	(void)state;
	policy_init(&p);
	assert_int_equal(p.rules[RULE_MDEV_VADDR].action, ACTION_MONITOR);
	assert_int_equal(p.rules[RULE_MDEV_VADDR].error, EBUSY);
	assert_int_equal(p.rules[RULE_STRICT].action, ACTION_OFF);
	assert_true(p.sticky && p.contain == CONTAIN_QUARANTINE);
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_STRICT], buf, sizeof(buf)), "built-in");
}

static void test_all_it_can_say(void **state)
{
	struct policy_problem problem;
	struct policy p;
	char buf[64];

	(void)state;
	policy_init(&p);
	assert_int_equal(parse(&p,
			       "# a comment\n"
			       "[mdev-vaddr]\n"
			       "action = deny # of this\n"
			       "sticky = no\n"
			       "contain = none\n"
			       "[strict]\n"
			       "errno=EACCES\n"
			       "action=\"monitor\"",
			       &problem),
			 0);
	assert_int_equal(p.rules[RULE_MDEV_VADDR].action, ACTION_DENY);
	assert_int_equal(p.rules[RULE_STRICT].action, ACTION_MONITOR);
	assert_int_equal(p.rules[RULE_STRICT].error, EACCES);
	assert_false(p.sticky);
	assert_int_equal(p.contain, CONTAIN_NONE);
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_MDEV_VADDR], buf, sizeof(buf)), "50-site:3");
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_STRICT], buf, sizeof(buf)), "50-site:8");
	policy_free(&p);
}

static void test_file_backed(void **state)
{
	struct policy_problem problem;
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(p.rules[RULE_FILE_BACKED].action, ACTION_OFF);
	assert_int_equal(p.rules[RULE_FILE_BACKED].error, EPERM);
	assert_int_equal(parse(&p, "[file-backed]\naction = deny\nerrno = EBUSY\n", &problem), 0);
	assert_int_equal(p.rules[RULE_FILE_BACKED].action, ACTION_DENY);
	assert_int_equal(p.rules[RULE_FILE_BACKED].error, EBUSY);
	assert_int_equal(p.rules[RULE_STRICT].action, ACTION_OFF);
	policy_free(&p);
}

static void test_max_window(void **state)
{
	struct policy_problem problem;
	struct policy p;
	char buf[64];

	(void)state;
	policy_init(&p);
	assert_int_equal(p.rules[RULE_MAX_WINDOW].action, ACTION_OFF);
	assert_int_equal(p.max_window_ns, 5 * NSEC_PER_SEC);
	assert_string_equal(policy_applies_to(&p, RULE_MAX_WINDOW, buf, sizeof(buf)), "windows over 5 s");
	assert_string_equal(policy_applies_to(&p, RULE_STRICT, buf, sizeof(buf)), "mdevs");
	assert_int_equal(parse(&p, "[max-window]\naction = deny\nlimit = 2m\n", &problem), 0);
	assert_int_equal(p.rules[RULE_MAX_WINDOW].action, ACTION_DENY);
	assert_int_equal(p.max_window_ns, 120 * NSEC_PER_SEC);
	assert_int_equal(parse(&p, "[max-window]\nlimit = 1500ms\n", &problem), 0);
	assert_int_equal(p.rules[RULE_MAX_WINDOW].action, ACTION_DENY);
	assert_string_equal(policy_applies_to(&p, RULE_MAX_WINDOW, buf, sizeof(buf)), "windows over 1500 ms");
	policy_free(&p);
}

static void test_protect(void **state)
{
	struct policy_problem problem;
	struct policy p;
	char buf[64];

	(void)state;
	policy_init(&p);
	assert_int_equal(p.rules[RULE_PROTECT].action, ACTION_OFF);
	assert_int_equal(p.rules[RULE_PROTECT].error, EPERM);
	assert_string_equal(policy_applies_to(&p, RULE_PROTECT, buf, sizeof(buf)), "the guard itself");
	assert_int_equal(parse(&p, "[protect]\naction = deny\nerrno = ENOENT\n", &problem), 0);
	assert_int_equal(p.rules[RULE_PROTECT].action, ACTION_DENY);
	assert_int_equal(p.rules[RULE_PROTECT].error, ENOENT);
	assert_int_equal(p.rules[RULE_STRICT].error, EPERM);
	policy_free(&p);
}

static void assert_about(const struct policy *p, enum fdpin_rule rule, const char *text)
{
	char buf[POLICY_ABOUT_MAX];

	assert_string_equal(policy_applies_to(p, rule, buf, sizeof(buf)), text);
}

static void test_scope(void **state)
{
	struct policy_problem problem;
	const struct guard_scope *s;
	struct policy p;
	char buf[64];

	(void)state;
	policy_init(&p);
	assert_int_equal(p.rules[RULE_STRICT].scope.keys, 0);
	assert_int_equal(parse(&p,
			       "[mdev-vaddr]\ncgroup = machine-*.scope\n"
			       "[strict]\nuid = 107,1000-1999,  0 # root, too\nexe = /usr/bin/qemu-*\n"
			       "[max-window]\ncgroup = /machine.slice/machine-qemu\\x2d1\\x2ddb01.scope\n",
			       &problem),
			 0);
	s = &p.rules[RULE_STRICT].scope;
	assert_int_equal(s->keys, SCOPE_UID | SCOPE_EXE);
	assert_int_equal(s->n_uids, 3);
	assert_int_equal(s->uids[0].first, 107);
	assert_int_equal(s->uids[0].last, 107);
	assert_int_equal(s->uids[1].first, 1000);
	assert_int_equal(s->uids[1].last, 1999);
	assert_int_equal(s->uids[2].last, 0);
	assert_true(s->exe.path);
	assert_int_equal(s->exe.n, 3);
	assert_string_equal(s->exe.text + s->exe.at[0], "usr");
	assert_string_equal(s->exe.text + s->exe.at[2], "qemu-*");
	s = &p.rules[RULE_MDEV_VADDR].scope;
	assert_false(s->cgroup.path);
	assert_int_equal(s->cgroup.n, 1);
	assert_about(&p, RULE_MDEV_VADDR, "machine-*.scope");
	assert_about(&p, RULE_STRICT, "uid 107,1000-1999,0, exe /usr/bin/qemu-*");
	assert_about(&p, RULE_MAX_WINDOW, "windows over 5 s, /machine.slice/machine-qemu\\x2d1\\x2ddb01.scope");
	assert_about(&p, RULE_FILE_BACKED, "memory without file");
	/* what says the scope does not say the action */
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_STRICT], buf, sizeof(buf)), "built-in");
	/* the last word on each key counts, an action leaves them, and nothing is everybody */
	assert_int_equal(parse(&p, "[strict]\naction = deny\nuid = 5\n[mdev-vaddr]\ncgroup =\n", &problem), 0);
	assert_about(&p, RULE_STRICT, "uid 5, exe /usr/bin/qemu-*");
	assert_int_equal(p.rules[RULE_STRICT].scope.n_uids, 1);
	assert_int_equal(p.rules[RULE_MDEV_VADDR].scope.keys, 0);
	assert_about(&p, RULE_MDEV_VADDR, "containers with mdev");
	policy_free(&p);
}

/* As much as there is room for, and one more. */
static void test_scope_at_its_limits(void **state)
{
	static const char sixteen[] = "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p";
	struct guard_scope s = {}, before;
	char text[300] = "/", shown[POLICY_ABOUT_MAX];
	const char *why;

	(void)state;
	assert_int_equal(scope_set_cgroup(&s, sixteen, &why), 0);
	assert_string_equal(scope_key_text(&s, SCOPE_CGROUP, shown, sizeof(shown)), sixteen);
	before = s;
	snprintf(text, sizeof(text), "%s/q", sixteen);
	assert_int_equal(scope_set_cgroup(&s, text, &why), -EINVAL);
	assert_int_equal(scope_set_exe(&s, text, &why), -EINVAL);
	assert_memory_equal(&s, &before, sizeof(s));
	memset(text + 1, 'x', SCOPE_TEXT - 1);
	text[SCOPE_TEXT] = '\0';
	assert_int_equal(scope_set_exe(&s, text, &why), 0);
	assert_string_equal(scope_key_text(&s, SCOPE_EXE, shown, sizeof(shown)), text);
	text[SCOPE_TEXT] = 'x';
	text[SCOPE_TEXT + 1] = '\0';
	assert_int_equal(scope_set_exe(&s, text, &why), -EINVAL);
	assert_int_equal(scope_set_uid(&s, "0,4294967294,2-2,3,4,5,6,7", &why), 0);
	assert_int_equal(s.n_uids, SCOPE_UIDS);
	assert_int_equal(s.uids[1].first, 4294967294U);
	assert_int_equal(scope_set_uid(&s, "0,1,2,3,4,5,6,7,8", &why), -EINVAL);
	/* all of it in one line */
	assert_true(strlen(scope_text(&s, shown, sizeof(shown))) < sizeof(shown) - 1);
}

static void test_later_wins(void **state)
{
	static const char twice[] = "[mdev-vaddr]\naction=deny\n[strict]\naction=deny\nerrno=EBUSY\n";
	struct policy_problem problem;
	struct policy p;
	char buf[64];

	(void)state;
	policy_init(&p);
	assert_int_equal(policy_parse(&p, "/usr/lib/fdpin-trace/fdpin-trace.conf", LAYER_VENDOR,
				      twice, strlen(twice), &problem),
			 0);
	assert_int_equal(parse(&p, "[strict]\naction = off\n", &problem), 0);
	assert_int_equal(p.rules[RULE_STRICT].action, ACTION_OFF);
	assert_int_equal(p.rules[RULE_STRICT].error, EBUSY);
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_MDEV_VADDR], buf, sizeof(buf)), "vendor:2");
	policy_free(&p);
}

static void test_nothing_in_it(void **state)
{
	static const char *const texts[] = { "", "\n", "# only this", "[strict]", "[strict]\n[mdev-vaddr]\n", " \t\n" };
	struct policy_problem problem;
	struct policy p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		policy_init(&p);
		assert_int_equal(parse(&p, texts[i], &problem), 0);
		assert_int_equal(p.rules[RULE_MDEV_VADDR].action, ACTION_MONITOR);
		policy_free(&p);
	}
}

/* Each behind a line that is right, which must not count either. */
static const struct {
	const char *text;
	unsigned int line;
	const char *says;
} wrong[] = {
	{ "[strit]\n", 3, "unknown section [strit]" },
	{ "[]\n", 3, "unknown section []" },
	{ "[strict] x\n", 3, "text behind a section" },
	{ "[strict\n", 3, "bracket" },
	{ "[strict]\nfoo = 1\n", 4, "unknown key foo in [strict]" },
	{ "[strict]\naction = allow\n", 4, "action = allow: off, monitor or deny" },
	{ "[strict]\naction = Deny\n", 4, "action = Deny" },
	{ "[strict]\naction =\n", 4, "off, monitor or deny" },
	{ "[strict]\naction = off off\n", 4, "action = off off" },
	{ "[strict]\nerrno = ENOENT\n", 4, "errno = ENOENT" },
	{ "contain = yes\n", 3, "contain = yes: quarantine, kill or none" },
	{ "sticky = on\n", 3, "sticky = on: yes or no" },
	{ "[strict]\nsticky = no\n", 4, "unknown key sticky in [strict]" },
	{ "[strict]\nerrno = 16\n", 4, "errno = 16" },
	{ "errno = EPERM\n", 3, "not to be chosen" },
	{ "[strict]\naction = off\naction = deny\n", 5, "action is there twice" },
	{ "[strict]\n[mdev-vaddr]\n", 4, "section [mdev-vaddr] is there twice" },
	{ "[strict]\n action = off\n", 4, "begins with a blank" },
	{ "[strict]\naction = off\n  deny\n", 5, "begins with a blank" },
	{ "[strict]\naction\n", 4, "neither [section] nor key = value" },
	{ "[strict]\n= off\n", 4, "no key before =" },
	{ "[strict]\nthe action = off\n", 4, "unknown key the action" },
	{ "[strict]\naction = \x1b[31m\n", 4, "byte 0x1b" },
	{ "[strict]\naction = d\xc3\xa9ny\n", 4, "byte 0xc3" },
	{ "[file-backed]\nerrno = EINVAL\n", 4, "errno = EINVAL: EPERM, EACCES or EBUSY" },
	{ "[file-backed]\ncontain = kill\n", 4, "unknown key contain in [file-backed]" },
	{ "[max-window]\nlimit = 5\n", 4, "limit = 5: a number and a unit" },
	{ "[max-window]\nlimit =\n", 4, "a number and a unit" },
	{ "[max-window]\nlimit = -5s\n", 4, "a number and a unit" },
	{ "[max-window]\nlimit = 5 s\n", 4, "a number and a unit" },
	{ "[max-window]\nlimit = 0\n", 4, "from 1ms to 24h" },
	{ "[max-window]\nlimit = 0s\n", 4, "from 1ms to 24h" },
	{ "[max-window]\nlimit = 1500us\n", 4, "whole milliseconds" },
	{ "[max-window]\nlimit = 25h\n", 4, "from 1ms to 24h" },
	{ "[max-window]\nlimit = 99999999999999999999s\n", 4, "limit = 99999" },
	{ "[max-window]\nlimit = 5s\nlimit = 6s\n", 5, "limit is there twice" },
	{ "[max-window]\nerrno = EPERM\n", 4, "returns no errno" },
	{ "[protect]\nerrno = ESRCH\n", 4, "errno = ESRCH: EPERM, EACCES, EBUSY or ENOENT" },
	{ "[protect]\ncontain = kill\n", 4, "unknown key contain in [protect]" },
	{ "[protect]\nprotect = deny\n", 4, "unknown key protect in [protect]" },
	{ "[strict]\nlimit = 5s\n", 4, "unknown key limit in [strict]" },
	{ "[file_backed]\n", 3, "unknown section [file_backed]" },
	{ "cgroup = a/b\n", 3, "a name has no slash" },
	{ "cgroup = a b\n", 3, "one name or path" },
	{ "cgroup = [ab]\n", 3, "only * and ? are special" },
	{ "cgroup = /\n", 3, "between two slashes, or behind the last" },
	{ "cgroup = /a//b\n", 3, "between two slashes" },
	{ "cgroup = /a/\n", 3, "between two slashes" },
	{ "cgroup = /a/../b\n", 3, "no . and no .." },
	{ "cgroup = .\n", 3, "no . and no .." },
	{ "cgroup = a\ncgroup = b\n", 4, "cgroup is there twice" },
	{ "[strict]\nexe = qemu\n", 4, "exe = qemu: a path begins with a slash" },
	{ "[strict]\nexe = /usr/bin/a /usr/bin/b\n", 4, "one path" },
	{ "[strict]\nuid = root\n", 4, "uid = root: numbers N and ranges N-M" },
	{ "[strict]\nuid = -1\n", 4, "numbers N" },
	{ "[strict]\nuid = 1-\n", 4, "numbers N" },
	{ "[strict]\nuid = 1 2\n", 4, "numbers N" },
	{ "[strict]\nuid = 1,\n", 4, "numbers N" },
	{ "[strict]\nuid = 1,,2\n", 4, "numbers N" },
	{ "[strict]\nuid = +1\n", 4, "numbers N" },
	{ "[strict]\nuid = 0x10\n", 4, "numbers N" },
	{ "[strict]\nuid = 5-3\n", 4, "ends before it begins" },
	{ "[strict]\nuid = 4294967295\n", 4, "numbers N" },
	{ "[strict]\nuid = 99999999999999999999\n", 4, "numbers N" },
	{ "[strict]\ngid = 5\n", 4, "unknown key gid" },
	{ "[strict]\r\naction = off\r\n", 3, "byte 0x0d" },
};

static void test_wrong(void **state)
{
	struct policy_problem problem;
	char text[256];
	struct policy p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		policy_init(&p);
		snprintf(text, sizeof(text), "[mdev-vaddr]\naction = deny\n%s", wrong[i].text);
		if (parse(&p, text, &problem) != -EINVAL)
			fail_msg("taken: %s", text);
		if (problem.line != wrong[i].line || !strstr(problem.text, wrong[i].says))
			fail_msg("%s: line %u: %s", text, problem.line, problem.text);
		assert_string_equal(problem.file, "/etc/x/50-site.conf");
		assert_int_equal(p.rules[RULE_MDEV_VADDR].action, ACTION_MONITOR);
		assert_int_equal(p.n_files, 0);
	}
}

static void test_key_before_section(void **state)
{
	struct policy_problem problem;
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(parse(&p, "action = deny\n", &problem), -EINVAL);
	assert_int_equal(problem.line, 1);
}

static void test_zero_byte(void **state)
{
	static const char text[] = "[strict]\naction = off\0foo\n";
	struct policy_problem problem;
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(policy_parse(&p, "x", LAYER_LOCAL, text, sizeof(text) - 1, &problem), -EINVAL);
	assert_int_equal(problem.line, 2);
}

static void test_too_large(void **state)
{
	static char text[POLICY_BYTES_MAX + 1];
	struct policy_problem problem;
	struct policy p;

	(void)state;
	memset(text, '#', sizeof(text));
	policy_init(&p);
	assert_int_equal(policy_parse(&p, "x", LAYER_LOCAL, text, sizeof(text), &problem), -EINVAL);
	assert_int_equal(policy_parse(&p, "x", LAYER_LOCAL, text, sizeof(text) - 1, &problem), 0);
	policy_free(&p);
}

/* ---- files ------------------------------------------------------------------------------------ */

static char root[64];

static void make_folders(const char *path)
{
	char part[256];

	for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(s - path), path);
		mkdir(part, 0755);
	}
}

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	make_folders(path);
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0644);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/fdpin-policy-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

#define VENDOR VENDOR_FOLDER "/fdpin-trace.conf"
#define LOCAL "/etc/fdpin-trace/fdpin-trace.conf"
#define DROP_IN "/etc/fdpin-trace/fdpin-trace.conf.d/"

static void test_no_files(void **state)
{
	struct policy_problem problem;
	struct policy p;

	(void)state;
	assert_int_equal(policy_load(&p, root, &problem), 0);
	assert_int_equal(p.n_files, 0);
}

static void test_order_of_files(void **state)
{
	struct policy_problem problem;
	struct policy p;
	char buf[64];

	(void)state;
	put_file(VENDOR, "[mdev-vaddr]\naction=deny\n[strict]\naction=off\nerrno=EPERM\n");
	put_file(DROP_IN "10-a.conf", "[strict]\naction=deny\n");
	put_file(DROP_IN "20-b.conf", "\n[strict]\naction=monitor\n");
	put_file(DROP_IN "30-not-one", "nonsense\n");
	assert_int_equal(policy_load(&p, root, &problem), 0);
	assert_int_equal(p.n_files, 3);
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_STRICT], buf, sizeof(buf)), "20-b:3");
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_MDEV_VADDR], buf, sizeof(buf)), "vendor:2");
	policy_free(&p);
	/* one of the host's is there instead of that of the package, drop-ins go on top */
	put_file(LOCAL, "[mdev-vaddr]\naction=off\n");
	assert_int_equal(policy_load(&p, root, &problem), 0);
	assert_int_equal(p.n_files, 3);
	assert_string_equal(policy_set_by(&p, &p.rules[RULE_MDEV_VADDR], buf, sizeof(buf)), "local:2");
	policy_free(&p);
}

/* Wrong in any of them: nothing of all of them. */
static void test_all_or_nothing(void **state)
{
	struct policy_problem problem;
	struct policy p;

	(void)state;
	put_file(VENDOR, "[mdev-vaddr]\naction=deny\n");
	put_file(DROP_IN "20-b.conf", "[strict]\nx=1\n");
	assert_int_equal(policy_load(&p, root, &problem), -EINVAL);
	assert_non_null(strstr(problem.file, "20-b.conf"));
	assert_int_equal(problem.line, 2);
	assert_int_equal(p.rules[RULE_MDEV_VADDR].action, ACTION_MONITOR);
	assert_int_equal(p.n_files, 0);
	/* what libeconf itself does not understand has a place, too */
	put_file(DROP_IN "20-b.conf", "[strict]\n[\n");
	assert_int_equal(policy_load(&p, root, &problem), -EINVAL);
	assert_non_null(strstr(problem.file, "20-b.conf"));
	assert_int_equal(problem.line, 2);
}

static void test_who_may_say(void **state)
{
	char path[256];
	struct policy_problem problem;
	struct policy p;

	(void)state;
	put_file(DROP_IN "20-b.conf", "[strict]\naction=deny\n");
	snprintf(path, sizeof(path), "%s" DROP_IN "20-b.conf", root);
	chmod(path, 0666);
	assert_int_equal(policy_load(&p, root, &problem), -EINVAL);
	assert_non_null(strstr(problem.text, "others can write"));
	assert_int_equal(problem.line, 0);
	/* a group's word counts as little, unless it is root's, or that of who runs this */
	chmod(path, 0664);
	assert_int_equal(policy_load(&p, root, &problem), 0);
	policy_free(&p);
	if (!geteuid()) {
		assert_int_equal(chown(path, 0, 65534), 0);
		assert_int_equal(policy_load(&p, root, &problem), -EINVAL);
		assert_non_null(strstr(problem.text, "others can write"));
	}
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(policy_load(&p, root, &problem), 0);
	assert_int_equal(p.rules[RULE_STRICT].action, ACTION_OFF);
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_all_it_can_say),
		cmocka_unit_test(test_file_backed),
		cmocka_unit_test(test_max_window),
		cmocka_unit_test(test_protect),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_scope_at_its_limits),
		cmocka_unit_test(test_later_wins),
		cmocka_unit_test(test_nothing_in_it),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_key_before_section),
		cmocka_unit_test(test_zero_byte),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test_setup_teardown(test_no_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order_of_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_may_say, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
