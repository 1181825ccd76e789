// SPDX-License-Identifier: GPL-2.0-only
/*
 * enforce_remarks.c - what a configuration means that nobody may have meant
 * (enforce.h): a rule that is for some only can be got round by the others, and
 * a scope may be one that nobody is in.
 */
#include <limits.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enforce.h"
#include "util.h"

static void remark(struct enforce_remarks *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void remark(struct enforce_remarks *r, const char *fmt, ...)
{
	va_list ap;

	if (r->n == ARRAY_SIZE(r->text))
		return;
	va_start(ap, fmt);
	vsnprintf(r->text[r->n++], sizeof(r->text[0]), fmt, ap);
	va_end(ap);
}

/* A descriptor goes wherever it is sent, and takes the container with it. */
static void about_outsiders(struct enforce_remarks *r, const struct policy *p)
{
	if (p->rules[RULE_MDEV_VADDR].action != ACTION_OFF && p->rules[RULE_MDEV_VADDR].scope.keys)
		remark(r, "mdev-vaddr is weaker with a scope: whom it is not for can still bring an invalid address and a "
			  "mediated device together, also in a container that somebody in the scope has sent, or got from, him");
	if (p->rules[RULE_STRICT].action != ACTION_OFF && p->rules[RULE_STRICT].scope.keys)
		remark(r, "strict is weaker with a scope: whom it is not for can put a mediated device into a container and "
			  "send that to somebody in the scope");
}

static bool is_mounted(const char *type)
{
	struct mntent *m;
	FILE *f = setmntent("/proc/self/mounts", "re");
	bool found = !f; /* nothing is said of what cannot be seen */

	while (f && !found && (m = getmntent(f)))
		found = !strcmp(m->mnt_type, type);
	if (f)
		endmntent(f);
	return found;
}

/* Programs are known by the path of their file, and a link to it is another path. */
static void about_exe(struct enforce_remarks *r, const char *rule, const struct guard_scope *s)
{
	char path[SCOPE_TEXT + 8], real[PATH_MAX];

	scope_key_text(s, SCOPE_EXE, path, sizeof(path));
	if (strpbrk(path, "*?"))
		return;
	if (!realpath(path, real))
		remark(r, "%s: there is no program %s on this host", rule, path);
	else if (strcmp(path, real))
		remark(r, "%s: %s is a link, which no program is known by: the rule is for nobody; its file is %.300s", rule, path, real);
}

void enforce_remark(struct enforce_remarks *r, const struct policy *p)
{
	bool unified = is_mounted("cgroup2");

	r->n = 0;
	about_outsiders(r, p);
	for (int i = 0; i < RULE__max; i++) {
		const struct policy_rule *rule = &p->rules[i];

		if (rule->action == ACTION_OFF)
			continue;
		if (rule->scope.keys & SCOPE_CGROUP && !unified)
			remark(r, "%s: no unified hierarchy of control groups (cgroup2) is mounted: all processes are at its root, "
				  "and the rule is for nobody", rule_name(i));
		if (rule->scope.keys & SCOPE_EXE)
			about_exe(r, rule_name(i), &rule->scope);
	}
}
