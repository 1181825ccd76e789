// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard_sweep.c - looks at the state of the kernel, as far as they are in user
 * space (guard_sweep.h): a state that no call was seen to make calls nobody.
 *
 * A look walks over all VFIO devices, and reads a few words of each. Where there is none
 * it reads one word in all. The set of devices is an array with addresses for indexes, of
 * which each device has some hundred empty places to itself: 21,000 instructions for a device
 * (counted on 6.1, with 16 and with 44 of them), some 5 to 10 us. A host with a thousand containers and
 * two devices in each would pay one or two percent of a processor for a look each second.
 * So the next look is not before SHARE times as long as the last one took: never
 * more than half a percent, and two to four seconds on such a host.
 */
#include "guard_sweep.h"

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

#define SWEEP_NS NSEC_PER_SEC
#define SURE_NS (NSEC_PER_SEC / 2) /* for so long it has to be so: by then whoever made it so is told by his call */
#define SHARE 200		   /* of a processor: one part in so many */
#define SURE_SHARE 20		   /* while there is something to be sure of */
#define ROUNDS 16		   /* of GUARD_HOLDERS_MAX processes each */

static const struct guard_policy *policy_now(const struct guard_bpf *skel)
{
	return &skel->bss->policies[skel->bss->policy_slot & 1];
}

static __u64 clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/*
 * Nobody knows who did it. So where the rule is not for everybody, by its scope or
 * because somebody is exempt from it now, it may have been one whom it is not for.
 */
static enum guard_contain what_to_do(const struct guard_policy *now)
{
	__u64 boot = clock_ns(CLOCK_BOOTTIME);

	if (now->rules[RULE_MDEV_VADDR].action != ACTION_DENY || now->scoped >> RULE_MDEV_VADDR & 1)
		return CONTAIN_NONE;
	for (int i = 0; i < GUARD_EXEMPTIONS; i++)
		if (now->exempt_from[RULE_MDEV_VADDR] >> i & 1 && boot < now->exempt_until[i])
			return CONTAIN_NONE;
	return now->unfixed.contain;
}

/* ---- who has it ------------------------------------------------------------------------------- */

struct holder {
	__u32 tgid;
	int fd;
};

static void forget_holders(int map)
{
	__u32 tgid;

	while (!bpf_map_get_next_key(map, NULL, &tgid))
		bpf_map_delete_elem(map, &tgid);
}

/* A descriptor of each, taken between two looks at who it is: then it is of the process that both have seen. */
static int find_holders(struct guard_bpf *skel, __u64 container, struct holder h[GUARD_HOLDERS_MAX], unsigned int *ret_n)
{
	int map = bpf_map__fd(skel->maps.holders), r;
	__u32 tgid, *last = NULL;
	unsigned int n = 0;

	forget_holders(map);
	skel->bss->asked_container = container;
	skel->bss->asked_again = 0;
	r = run_task_iterator(skel->progs.guard_find_holders, 0);
	while (!r && n < GUARD_HOLDERS_MAX && !bpf_map_get_next_key(map, last, &tgid)) {
		h[n] = (struct holder){ .tgid = tgid, .fd = syscall(SYS_pidfd_open, tgid, 0) };
		last = &h[n++].tgid;
	}
	skel->bss->asked_again = 1;
	if (n)
		r = run_task_iterator(skel->progs.guard_find_holders, 0);
	*ret_n = n;
	return r;
}

static bool kill_holder(struct guard_bpf *skel, const struct holder *h, const char *container)
{
	_cleanup_free_ char *comm = NULL;
	struct guard_holder who;

	if (h->fd < 0 || bpf_map_lookup_elem(bpf_map__fd(skel->maps.holders), &h->tgid, &who) || !who.again)
		return false;
	comm = escape_text(who.comm, sizeof(who.comm));
	if (syscall(SYS_pidfd_send_signal, h->fd, SIGKILL, NULL, 0)) {
		log_warning("mdev-vaddr: %s [%u], which has %s open, was not killed: %s", comm ?: "?", h->tgid, container, strerror(errno));
		return false;
	}
	__sync_fetch_and_add(&skel->bss->counters.killed, 1);
	log_notice("mdev-vaddr: killed %s [%u], which had %s open", comm ?: "?", h->tgid, container);
	return true;
}

/* Those that one look finds. How many, or -errno. */
static int kill_some(struct guard_bpf *skel, __u64 container, const char *name)
{
	struct holder h[GUARD_HOLDERS_MAX];
	unsigned int n;
	int killed = 0, r = find_holders(skel, container, h, &n);

	if (r)
		log_warning("mdev-vaddr: who has %s open cannot be told: %s", name, strerror(-r));
	for (unsigned int i = 0; i < n; i++) {
		killed += !r && kill_holder(skel, &h[i], name);
		if (h[i].fd >= 0)
			close(h[i].fd);
	}
	return r ?: killed;
}

/* All: until there are no more, as one of them may have forked meanwhile. Who is killed already is not found again. */
static void kill_holders(struct guard_bpf *skel, __u64 container, const char *name)
{
	int killed = 0, some = 1;

	for (int round = 0; round < ROUNDS && some > 0; round++) {
		some = kill_some(skel, container, name);
		killed += some > 0 ? some : 0;
	}
	if (!killed && !some)
		log_warning("mdev-vaddr: nobody was killed for the state of %s: no process was found that has it open", name);
}

/* ---- what was found ---------------------------------------------------------------------------- */

static void found(struct guard_bpf *skel, __u64 container, __u64 iommu)
{
	enum guard_contain contain = what_to_do(policy_now(skel));
	struct guard_found_args args = { .container = container, .iommu = iommu, .contain = contain };
	char name[ID_NAME_MAX];

	if (source_bpf_run(skel->progs.guard_found, &args, sizeof(args)) || !args.open)
		return;
	id_name(OBJ_CONTAINER, args.id, name);
	if (args.told)
		log_warning("mdev-vaddr: an address is invalid beside a mediated device in %s, by no call that was seen", name);
	if (contain < CONTAIN_KILL)
		return;
	if (!args.told && !args.waited_for)
		log_warning("mdev-vaddr: an address is invalid beside a mediated device in %s, by a call that does not come back", name);
	/* at its end it would close the device first, and hang there for good: only who lives can make the address valid */
	if (args.waited_for)
		log_warning("mdev-vaddr: nobody is killed who has %s open: a thread waits for the address already, and would "
			    "wait for good; see fdpin-trace rescue", name);
	else
		kill_holders(skel, container, name);
}

/* Those that the last look has seen, too, and that have been so for long enough; what it has not seen is over. */
static void judge_suspects(struct sweep *s, struct guard_bpf *skel)
{
	int map = bpf_map__fd(skel->maps.suspects);
	__u64 key, next, *last = NULL;
	struct guard_suspect suspect;

	while (!bpf_map_get_next_key(map, last, &next)) {
		key = next;
		if (bpf_map_lookup_elem(map, &key, &suspect))
			break;
		if (suspect.look == s->look && now_ns() < suspect.since + SURE_NS) {
			last = &key;
			continue;
		}
		/* from its beginning again: there are few */
		bpf_map_delete_elem(map, &key);
		last = NULL;
		if (suspect.look == s->look)
			found(skel, key, suspect.iommu);
	}
}

static void fail_once(bool *told, const char *what, const char *why)
{
	if (!*told)
		log_warning("mdev-vaddr: %s: %s", what, why);
	*told = true;
}

static void look(struct sweep *s, struct guard_bpf *skel)
{
	__u64 began = clock_ns(CLOCK_THREAD_CPUTIME_ID), cut = skel->bss->stats.cut, took, least, wait;
	bool suspected;
	int r;

	skel->bss->sweep_look = ++s->look;
	r = source_bpf_run(skel->progs.guard_sweep, NULL, 0);
	if (r)
		fail_once(&s->failed, "what no call shows is not looked for", strerror(-r));
	if (skel->bss->stats.cut != cut)
		fail_once(&s->cut, "not all mediated devices are looked at", "there are too many, or they changed meanwhile");
	suspected = skel->bss->n_suspects;
	took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began;
	if (s->suspected)
		judge_suspects(s, skel);
	s->suspected = suspected;
	least = suspected ? SURE_NS : SWEEP_NS;
	wait = took * (suspected ? SURE_SHARE : SHARE);
	s->due = now_ns() + (wait > least ? wait : least);
	log_debug("sweep: look %llu: %llu us", s->look, took / 1000);
}

void sweep_look(struct sweep *s, struct guard_bpf *skel)
{
	if (now_ns() >= s->due && policy_now(skel)->rules[RULE_MDEV_VADDR].action != ACTION_OFF)
		look(s, skel);
}

void sweep_all(struct sweep *s, struct guard_bpf *skel)
{
	const struct timespec sure = { .tv_nsec = SURE_NS };

	if (policy_now(skel)->rules[RULE_MDEV_VADDR].action == ACTION_OFF)
		return;
	look(s, skel);
	if (!s->suspected)
		return;
	nanosleep(&sure, NULL);
	look(s, skel);
}
