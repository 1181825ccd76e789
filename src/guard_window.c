// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard_window.c - the rule max-window, as far as it is in user space
 * (guard_window.h): a time that passes calls nobody.
 *
 * Who opened a window is known by number and by the time it was started. A
 * descriptor of the process with that number is taken first; if the number is
 * then still that of a process that was started at that time, it was so when the
 * descriptor was taken, and it is this process that the descriptor means.
 */
#include "guard_window.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "look_memory.h"
#include "source_bpf.h"
#include "util.h"

#define NSEC_PER_TICK (NSEC_PER_SEC / 100) /* of what /proc counts in, and an exemption has */

void windows_find(struct guard_bpf *skel)
{
	int r = run_task_iterator(skel->progs.guard_find_windows, 0);

	if (r)
		log_warning("max-window: addresses that are invalid already are not looked for: %s", strerror(-r));
}

static const struct guard_policy *policy_now(const struct guard_bpf *skel)
{
	return &skel->bss->policies[skel->bss->policy_slot & 1];
}

/* Opened by somebody whom the rule is not for? Where that is not known it is for him. */
static bool by_outsider(const struct guard_policy *now, const struct guard_window *w)
{
	return now->scoped >> RULE_MAX_WINDOW & 1 && w->tgid && w->scopes == now->scopes && w->outside;
}

/* A descriptor of it, or why there is none. */
static int find_opener(struct guard_bpf *skel, const struct guard_window *w, const char **ret_why)
{
	const struct guard_policy *now = policy_now(skel);
	int fd, r;

	if (!w->tgid) {
		*ret_why = "who opened it was not seen";
		return -ESRCH;
	}
	if (now->scoped >> RULE_MAX_WINDOW & 1 && w->scopes != now->scopes) {
		*ret_why = "the rule was for others when it was opened";
		return -ESRCH;
	}
	*ret_why = "who opened it is no more";
	fd = syscall(SYS_pidfd_open, w->tgid, 0);
	if (fd < 0)
		return -errno;
	skel->bss->asked_tgid = w->tgid;
	skel->bss->asked_start = w->start;
	skel->bss->asked_met = 0;
	r = run_task_iterator(skel->progs.guard_identify, w->tgid);
	if (!r && skel->bss->asked_met)
		return fd;
	close(fd);
	if (r && r != -ESRCH)
		*ret_why = "who opened it cannot be told from another process";
	return -ESRCH;
}

/* True if it is still open: then it was told. */
static bool tell(struct guard_bpf *skel, struct guard_window_args *args)
{
	return !source_bpf_run(skel->progs.guard_tell_window, args, sizeof(*args)) && args->open;
}

static bool is_waited_for(struct guard_bpf *skel, struct guard_window_args args)
{
	args.ask = 1;
	return !source_bpf_run(skel->progs.guard_tell_window, &args, sizeof(args)) && args.open && args.waited_for;
}

/* Of who opened it only the process is known now: that is all an exemption from this rule can be for. */
static __u32 exempting(const struct guard_policy *now, const struct guard_window *w)
{
	struct timespec ts;
	__u64 boot;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	boot = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	for (__u32 i = 0; i < GUARD_EXEMPTIONS; i++) {
		const struct guard_scope *who = &now->scope[GUARD_RULES_ROOM + i];

		if (!(now->exempt_from[RULE_MAX_WINDOW] >> i & 1) || boot >= now->exempt_until[i] || who->keys & ~SCOPE_PROCESS)
			continue;
		if (!who->keys || (who->tgid == w->tgid && who->ticks == w->start / NSEC_PER_TICK))
			return 1U << i;
	}
	return 0;
}

/* The window is told first, and then acted upon; what came to nothing is told, too. */
static void too_long(struct guard_bpf *skel, __u64 iommu, const struct guard_window *w, __u32 action)
{
	struct guard_window_args args = { .iommu = iommu, .since = w->since, .action = action };
	_cleanup_free_ char *comm = escape_text(w->comm, sizeof(w->comm));
	_cleanup_close_ int fd = -1;
	const char *why = "";

	if (action == ACTION_DENY) {
		/* at its end it would close the device first, and hang there for good: only who lives can make the address valid */
		if (is_waited_for(skel, args))
			why = "a thread waits for the address already, and would wait for good; see fdpin-trace rescue";
		else
			fd = find_opener(skel, w, &why);
		if (fd < 0)
			args.action = ACTION_PASSED;
	}
	if (!tell(skel, &args) || action != ACTION_DENY)
		return;
	if (fd >= 0 && !syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0)) {
		__sync_fetch_and_add(&skel->bss->counters.killed, 1);
		log_notice("max-window: killed %s [%u]", comm ?: "?", w->tgid);
		return;
	}
	if (fd >= 0) {
		why = strerror(errno);
		args.action = ACTION_PASSED;
		tell(skel, &args);
	}
	log_warning("max-window: nobody was killed for a window that is open for too long: %s", why);
}

/* Once for a window; when the exemption is over, it is as any other one. */
static void exempt_window(struct guard_bpf *skel, __u64 iommu, const struct guard_window *w, __u32 exempt)
{
	struct guard_window_args args = { .iommu = iommu, .since = w->since, .action = ACTION_EXEMPT };

	if (w->told == ACTION_DENY || w->told == ACTION_PASSED || !tell(skel, &args))
		return;
	for (__u32 i = 0; i < GUARD_EXEMPTIONS; i++)
		__sync_fetch_and_add(&skel->bss->counters.exempted[i], exempt >> i & 1);
}

void windows_sweep(struct guard_bpf *skel, __u64 limit_ns)
{
	const struct guard_policy *now = policy_now(skel);
	__u32 action = now->rules[RULE_MAX_WINDOW].action;
	int fd = bpf_map__fd(skel->maps.windows);
	__u64 key, next, *last = NULL;
	struct guard_window w;
	__u32 exempt;

	if (!action || !skel->bss->n_windows)
		return;
	/* bounded: a walk over a table that others change may begin again */
	for (int i = 0; i < GUARD_CONTAINERS_MAX && !bpf_map_get_next_key(fd, last, &next); i++) {
		key = next;
		last = &key;
		if (bpf_map_lookup_elem(fd, &key, &w) || now_ns() < w.since + limit_ns || by_outsider(now, &w))
			continue;
		exempt = action == ACTION_DENY ? exempting(now, &w) : 0;
		if (exempt && w.told != ACTION_EXEMPT)
			exempt_window(skel, key, &w, exempt);
		else if (!exempt && (!w.told || (w.told != ACTION_DENY && w.told != ACTION_PASSED && action == ACTION_DENY)))
			too_long(skel, key, &w, action);
	}
}
