// SPDX-License-Identifier: GPL-2.0-only
/*
 * enforce_exempt.c - enforce --exempt, which writes an exemption down and loads
 * nothing; and what a guard that runs makes of those that are there (exempt.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "enforce_exempt.h"
#include "log.h"
#include "service.h"
#include "util.h"

/* ---- to make one ------------------------------------------------------------------------------ */

static int find_rule(const char *name, enum fdpin_rule *ret)
{
	for (int i = 0; i < RULE__max; i++) {
		if (strcmp(rule_name(i), name))
			continue;
		*ret = i;
		return 0;
	}
	log_error("--exempt=%s: there is no such rule", name);
	return EX_USAGE;
}

/* The login uid: it stays over su and sudo. */
static __u32 login_uid(void)
{
	char line[16];
	__u32 uid;

	return read_line("/proc/self/loginuid", line, sizeof(line)) && sscanf(line, "%u", &uid) == 1 ? uid : (__u32)-1;
}

/* Clock ticks from boot to its start: with its number it is this process and no later one. */
static int start_of(const char *pid, __u32 *ret_tgid, __u64 *ret_ticks)
{
	char path[64], line[1024], *end;
	unsigned long n = strtoul(pid, &end, 10), tgid = 0;
	FILE *f;

	if (pid[0] < '1' || pid[0] > '9' || *end || n > (__u32)-1)
		return -EINVAL;
	/* a thread of it has such a folder, too, and would never match */
	snprintf(path, sizeof(path), "/proc/%lu/status", n);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "Tgid: %lu", &tgid) != 1)
		;
	if (f)
		fclose(f);
	if (tgid != n)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%lu/stat", n);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL; /* its name may have anything in it */
	fclose(f);
	*ret_tgid = n;
	return end && sscanf(end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", ret_ticks) == 1 ?
		       0 : -ESRCH;
}

static int say_whom(const struct exempt_args *a, struct guard_scope *who)
{
	const char *why = "";

	if (a->cgroup && (!*a->cgroup || scope_set_cgroup(who, a->cgroup, &why)))
		log_error("--cgroup=%s: %s", a->cgroup, *why ? why : "nothing");
	else if (a->uid && (!*a->uid || scope_set_uid(who, a->uid, &why)))
		log_error("--uid=%s: %s", a->uid, *why ? why : "nothing");
	else if (a->exe && (!*a->exe || scope_set_exe(who, a->exe, &why)))
		log_error("--exe=%s: %s", a->exe, *why ? why : "nothing");
	else if (a->pid && start_of(a->pid, &who->tgid, &who->ticks))
		log_error("--pid=%s: there is no such process", a->pid);
	else
		return 0;
	return EX_USAGE;
}

/* Does what is written down read back as what was meant? A reason may have a # in it. */
static int check_written(const struct exemption *e)
{
	struct policy_problem problem = {};
	struct exemption back;
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return EX_OSERR;
	exempt_write(f, e);
	fclose(f);
	r = exempt_parse(&back, e->name, text, size, e->begun, e->boot, &problem);
	if (!r && !strcmp(back.reason, e->reason) && !memcmp(&back.who, &e->who, sizeof(back.who)))
		return 0;
	log_error("it cannot be written down: %s", r < 0 ? problem.text : "a reason is plain text, without # and quotes");
	return EX_USAGE;
}

int exempt_make(const struct exempt_args *a)
{
	struct exemption e = { .begun = boot_ns(), .by = login_uid() };
	char path[512], text[2048];
	int r = find_rule(a->rule, &e.rule);

	if (r)
		return r;
	if (!a->for_ns || a->for_ns > EXEMPT_MOST_NS || !a->reason || !*a->reason || strlen(a->reason) > EXEMPT_REASON_MAX) {
		log_error("--exempt wants --for, at most 24h, and --reason, at most %d characters", EXEMPT_REASON_MAX);
		return EX_USAGE;
	}
	e.until = e.begun + a->for_ns;
	snprintf(e.reason, sizeof(e.reason), "%s", a->reason);
	boot_id(e.boot);
	r = say_whom(a, &e.who);
	if (r)
		return r;
	if (a->pid)
		e.who.keys |= SCOPE_PROCESS;
	r = check_written(&e);
	if (r)
		return r;
	r = exempt_put(a->root, &e, path, sizeof(path));
	if (r) {
		log_error("%s: %s", path, strerror(-r));
		return r == -EACCES || r == -EPERM || r == -EROFS ? EX_NOPERM : EX_CANTCREAT;
	}
	printf("%s\n", path);
	log_notice("Exempt from %s.", exempt_text(&e, text, sizeof(text)));
	log_hint("a guard that runs takes it within a second; to end it earlier, remove that file");
	return EX_OK;
}

/* ---- at work ------------------------------------------------------------------------------------ */

struct exempt_work {
	struct exempt_folder *folder;
	struct exemption at[GUARD_EXEMPTIONS]; /* by place; until 0: free */
	__u64 used[GUARD_EXEMPTIONS];	       /* what was counted there when it began */
	bool service;
};

struct exempt_work *exempt_work_new(const char *root, bool service)
{
	struct exempt_work *w = calloc(1, sizeof(*w));

	if (w)
		w->folder = exempt_open(root);
	if (!w || !w->folder) {
		free(w);
		return NULL;
	}
	w->service = service;
	return w;
}

void exempt_work_free(struct exempt_work *w)
{
	if (!w)
		return;
	exempt_close(w->folder);
	free(w);
}

static void tell(const struct exempt_work *w, const struct exemption *e, bool begins, __u64 used)
{
	char text[2048], times[64] = "";
	_cleanup_free_ char *shown = NULL;

	exempt_text(e, text, sizeof(text));
	shown = escape_text(text, sizeof(text));
	if (!begins)
		snprintf(times, sizeof(times), "; %llu call%s let through", used, used == 1 ? " was" : "s were");
	if (w->service)
		service_exemption(begins, rule_name(e->rule), e->reason, shown ?: "?", used);
	else
		log_notice("Exemption %s: %s%s", begins ? "begins" : "is over", shown ?: "?", times);
}

static bool is_same(const struct exemption *a, const struct exemption *b)
{
	return a->rule == b->rule && a->until == b->until && a->begun == b->begun && !strcmp(a->name, b->name) &&
	       !memcmp(&a->who, &b->who, sizeof(a->who)) && !strcmp(a->reason, b->reason);
}

static bool is_among(const struct exemption *e, const struct exemption list[GUARD_EXEMPTIONS])
{
	for (int i = 0; i < GUARD_EXEMPTIONS; i++)
		if (list[i].until && is_same(e, &list[i]))
			return true;
	return false;
}

/* Those that are no more there leave their place. True if any does. */
static bool end_some(struct exempt_work *w, const struct exemption there[GUARD_EXEMPTIONS], const struct guard_counters *c)
{
	bool changed = false;

	for (int i = 0; i < GUARD_EXEMPTIONS; i++) {
		if (!w->at[i].until || is_among(&w->at[i], there))
			continue;
		tell(w, &w->at[i], false, c->exempted[i] - w->used[i]);
		w->at[i].until = 0;
		changed = true;
	}
	return changed;
}

/* There are as many places as can be there. */
static bool begin_some(struct exempt_work *w, const struct exemption there[GUARD_EXEMPTIONS], const struct guard_counters *c)
{
	bool changed = false;

	for (int i = 0; i < GUARD_EXEMPTIONS; i++) {
		int place = 0;

		if (!there[i].until || is_among(&there[i], w->at))
			continue;
		while (place < GUARD_EXEMPTIONS - 1 && w->at[place].until)
			place++;
		w->at[place] = there[i];
		w->used[place] = c->exempted[place];
		tell(w, &there[i], true, 0);
		changed = true;
	}
	return changed;
}

void exempt_work(struct exempt_work *w, struct guard *g)
{
	struct guard_exemption set[GUARD_EXEMPTIONS] = {};
	struct guard_counters c = guard_counters(g);
	struct exemption there[GUARD_EXEMPTIONS];
	bool changed;

	exempt_look(w->folder, there);
	changed = end_some(w, there, &c);
	changed |= begin_some(w, there, &c);
	if (!changed)
		return;
	for (int i = 0; i < GUARD_EXEMPTIONS; i++)
		set[i] = (struct guard_exemption){ w->at[i].rule, w->at[i].until, w->at[i].who };
	guard_set_exemptions(g, set);
}
