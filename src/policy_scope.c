// SPDX-License-Identifier: GPL-2.0-only
/*
 * policy_scope.c - whom a rule is for: the keys cgroup, uid and exe of its
 * section, into the form in which the kernel's side compares, and back into text.
 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static int wrong(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* Part by part; each keeps its end. */
static int set_names(struct scope_names *names, const char *value, const char **ret_why)
{
	struct scope_names next = { .path = value[0] == '/' };
	const char *part = value + next.path;
	size_t at = 0;

	for (;;) {
		size_t len = strcspn(part, "/");

		if (!len)
			return wrong(ret_why, "there is nothing between two slashes, or behind the last");
		if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
			return wrong(ret_why, "no . and no ..");
		if (next.n == SCOPE_PARTS || at + len + 1 > SCOPE_TEXT)
			return wrong(ret_why, "too long: 16 parts and 240 characters");
		memcpy(next.text + at, part, len);
		next.at[next.n++] = at;
		at += len + 1;
		if (!part[len])
			break;
		part += len + 1;
	}
	*names = next;
	return 0;
}

static void have_key(struct guard_scope *s, enum scope_key key, bool there)
{
	s->keys = there ? s->keys | key : s->keys & ~key;
}

int scope_set_cgroup(struct guard_scope *s, const char *value, const char **ret_why)
{
	struct scope_names names = {};

	if (strpbrk(value, " \t[]{}"))
		return wrong(ret_why, "one name or path, in which only * and ? are special");
	if (value[0] != '/' && strchr(value, '/'))
		return wrong(ret_why, "a name has no slash, and a path begins with one");
	if (*value && set_names(&names, value, ret_why))
		return -EINVAL;
	s->cgroup = names;
	have_key(s, SCOPE_CGROUP, *value);
	return 0;
}

int scope_set_exe(struct guard_scope *s, const char *value, const char **ret_why)
{
	struct scope_names names = {};

	if (strpbrk(value, " \t[]{}"))
		return wrong(ret_why, "one path, in which only * and ? are special");
	if (*value && *value != '/')
		return wrong(ret_why, "a path begins with a slash");
	if (*value && set_names(&names, value, ret_why))
		return -EINVAL;
	s->exe = names;
	have_key(s, SCOPE_EXE, *value);
	return 0;
}

/* A decimal number below 2^32 - 1, which is nobody's. Moves on behind it. */
static int take_uid(const char **at, __u32 *ret)
{
	char *end;
	unsigned long long n;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(*at, &end, 10);
	if (errno || n >= (__u32)-1)
		return -EINVAL;
	*at = end;
	*ret = n;
	return 0;
}

int scope_set_uid(struct guard_scope *s, const char *value, const char **ret_why)
{
	static const char form[] = "numbers N and ranges N-M, with a comma between, at most 8";
	struct scope_uids uids[SCOPE_UIDS] = {};
	__u32 n = 0;

	for (const char *at = value; *at;) {
		if (n == SCOPE_UIDS || take_uid(&at, &uids[n].first))
			return wrong(ret_why, form);
		uids[n].last = uids[n].first;
		if (*at == '-' && (at++, take_uid(&at, &uids[n].last)))
			return wrong(ret_why, form);
		if (uids[n].last < uids[n].first)
			return wrong(ret_why, "a range ends before it begins");
		n++;
		if (!*at)
			break;
		if (*at++ != ',')
			return wrong(ret_why, form);
		at += strspn(at, " \t");
		if (!*at)
			return wrong(ret_why, form);
	}
	memcpy(s->uids, uids, sizeof(uids));
	s->n_uids = n;
	have_key(s, SCOPE_UID, n);
	return 0;
}

/* ---- and back ----------------------------------------------------------------------------- */

static void put_names(FILE *f, const struct scope_names *names)
{
	for (__u32 i = 0; i < names->n; i++)
		fprintf(f, "%s%s", i || names->path ? "/" : "", names->text + names->at[i]);
}

static void put_uids(FILE *f, const struct guard_scope *s)
{
	for (__u32 i = 0; i < s->n_uids; i++) {
		fprintf(f, "%s%u", i ? "," : "", s->uids[i].first);
		if (s->uids[i].last != s->uids[i].first)
			fprintf(f, "-%u", s->uids[i].last);
	}
}

static void put_key(FILE *f, const struct guard_scope *s, enum scope_key key)
{
	if (!(s->keys & key))
		return;
	if (key == SCOPE_PROCESS)
		fprintf(f, "%u", s->tgid);
	else if (key == SCOPE_UID)
		put_uids(f, s);
	else
		put_names(f, key == SCOPE_CGROUP ? &s->cgroup : &s->exe);
}

const char *scope_key_text(const struct guard_scope *s, enum scope_key key, char *buf, size_t size)
{
	FILE *f = fmemopen(buf, size, "w");

	buf[0] = '\0';
	if (!f)
		return buf;
	put_key(f, s, key);
	fclose(f);
	return buf;
}

const char *scope_text(const struct guard_scope *s, char *buf, size_t size)
{
	static const enum scope_key keys[] = { SCOPE_CGROUP, SCOPE_UID, SCOPE_EXE, SCOPE_PROCESS };
	FILE *f = fmemopen(buf, size, "w");
	bool any = false;

	buf[0] = '\0';
	if (!f)
		return buf;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!(s->keys & keys[i]))
			continue;
		fprintf(f, "%s%s", any ? ", " : "", keys[i] == SCOPE_UID ? "uid " : keys[i] == SCOPE_EXE ? "exe " : keys[i] == SCOPE_PROCESS ? "PID " : "");
		put_key(f, s, keys[i]);
		any = true;
	}
	fclose(f);
	return buf;
}
