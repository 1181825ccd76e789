// SPDX-License-Identifier: GPL-2.0-only
/*
 * exempt.c - an exemption as a file says it (exempt.h): a section of its rule,
 * as in a configuration, with the keys of a scope and its own.
 */
#include "exempt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

struct reading {
	struct exemption e;
	int rule; /* -1: no section yet */
};

static int take_number(__u64 *to, const char *key, const char *value, unsigned int line, struct policy_problem *p)
{
	char *end;

	errno = 0;
	*to = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno)
		return policy_problem(p, line, "%s = %.80s: a number", key, value);
	return 0;
}

static int take_text(char *to, size_t size, const char *key, const char *value, unsigned int line, struct policy_problem *p)
{
	if (!*value || strlen(value) >= size)
		return policy_problem(p, line, "%s: from 1 to %zu characters", key, size - 1);
	snprintf(to, size, "%s", value);
	return 0;
}

static int take_u32(__u32 *to, const char *key, const char *value, unsigned int line, struct policy_problem *p)
{
	__u64 n = 0;
	int r = take_number(&n, key, value, line, p);

	if (!r && n > (__u32)-1)
		r = policy_problem(p, line, "%s = %.80s: too large", key, value);
	*to = n;
	return r;
}

static int take_key(void *ctx, enum fdpin_rule rule, const char *key, const char *value, unsigned int line, struct policy_problem *p)
{
	struct reading *to = ctx;
	struct exemption *e = &to->e;
	int r;

	if (to->rule >= 0 && to->rule != (int)rule)
		return policy_problem(p, line, "an exemption is from one rule");
	to->rule = rule;
	r = policy_set_scope(&e->who, key, value, line, p);
	if (r <= 0)
		return r;
	if (!strcmp(key, "reason"))
		return take_text(e->reason, sizeof(e->reason), key, value, line, p);
	if (!strcmp(key, "boot"))
		return take_text(e->boot, sizeof(e->boot), key, value, line, p);
	if (!strcmp(key, "begun"))
		return take_number(&e->begun, key, value, line, p);
	if (!strcmp(key, "until"))
		return take_number(&e->until, key, value, line, p);
	if (!strcmp(key, "by"))
		return take_u32(&e->by, key, value, line, p);
	if (!strcmp(key, "ticks"))
		return take_number(&e->who.ticks, key, value, line, p);
	if (!strcmp(key, "pid")) {
		e->who.keys |= SCOPE_PROCESS;
		return take_u32(&e->who.tgid, key, value, line, p);
	}
	return policy_problem(p, line, "unknown key %.80s", key);
}

/* That all of it is there, and can be so. */
static int check(const struct reading *from, __u64 now, const char *boot, struct policy_problem *p)
{
	const struct exemption *e = &from->e;

	if (from->rule < 0 || !e->reason[0] || !e->boot[0] || !e->until)
		return policy_problem(p, 0, "rule, begun, until, boot and reason must be there");
	if (e->begun > now && !strcmp(e->boot, boot))
		return policy_problem(p, 0, "it begins later");
	if (e->until <= e->begun || e->until - e->begun > EXEMPT_MOST_NS)
		return policy_problem(p, 0, "it is for no time, or for longer than 24 hours");
	if (!(e->who.keys & SCOPE_PROCESS) != !e->who.ticks || (e->who.ticks && !e->who.tgid))
		return policy_problem(p, 0, "pid and ticks: both or none");
	if (from->rule == RULE_MAX_WINDOW && e->who.keys & ~SCOPE_PROCESS)
		return policy_problem(p, 0, "from max-window only everybody, or one process, can be exempt");
	return 0;
}

int exempt_parse(struct exemption *ret, const char *name, const char *data, size_t size, __u64 now, const char *boot,
		 struct policy_problem *ret_problem)
{
	struct reading reading = { .rule = -1, .e.by = -1 };
	int r = policy_read_keys(name, data, size, take_key, &reading, ret_problem);

	if (!r)
		r = check(&reading, now, boot, ret_problem);
	if (r)
		return r;
	*ret = reading.e;
	ret->rule = reading.rule;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return ret->until <= now || strcmp(ret->boot, boot);
}

void exempt_write(FILE *f, const struct exemption *e)
{
	static const struct {
		const char *name;
		enum scope_key key;
	} keys[] = { { "cgroup", SCOPE_CGROUP }, { "uid", SCOPE_UID }, { "exe", SCOPE_EXE }, { "pid", SCOPE_PROCESS } };
	char text[POLICY_ABOUT_MAX];

	fprintf(f, "# SPDX-License-Identifier: GPL-2.0-only\n# An exemption, by fdpin-trace enforce --exempt. To end it, remove this file.\n[%s]\n",
		rule_name(e->rule));
	fprintf(f, "begun = %llu\nuntil = %llu\nboot = %s\nreason = %s\n", e->begun, e->until, e->boot, e->reason);
	if (e->by != (__u32)-1)
		fprintf(f, "by = %u\n", e->by);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (e->who.keys & keys[i].key)
			fprintf(f, "%s = %s\n", keys[i].name, scope_key_text(&e->who, keys[i].key, text, sizeof(text)));
	if (e->who.ticks)
		fprintf(f, "ticks = %llu\n", e->who.ticks);
}

const char *exempt_text(const struct exemption *e, char *buf, size_t size)
{
	char who[POLICY_ABOUT_MAX], by[32] = "", took[FORMAT_MAX];

	scope_text(&e->who, who, sizeof(who));
	if (e->by != (__u32)-1)
		snprintf(by, sizeof(by), ", by uid %u", e->by);
	snprintf(buf, size, "%s for %s, %s%s: %s", rule_name(e->rule), *who ? who : "everybody",
		 format_duration(e->until - e->begun, took), by, e->reason);
	return buf;
}
