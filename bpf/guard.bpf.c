// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard.bpf.c - the hooks that may refuse. What is decided, and where:
 *
 *   early	file_ioctl and file_ioctl_compat, as LSM programs or as fmod_ret
 *		of the security functions: an invalidation beside a mediated
 *		device; a group that joins a container with an invalid range; a
 *		mediated device that is opened in one; an invalidation of memory that
 *		no file is behind. It rests on the kernel's own
 *		state, and on the caller's argument for what only that tells. The
 *		argument can be changed behind our back before the driver reads it.
 *   exec	bprm_check_security: a process that keeps a container with an invalid
 *		range in the new program
 *   veto	file_alloc_security, inside VFIO_GROUP_GET_DEVICE_FD: after all that
 *		the driver reads from its caller, before the file is there. Sound.
 *   reserved	from early until the driver returns, on kernels that do not refuse by
 *		themselves: an invalidation and a join of one container exclude
 *		each other, as both are checked before either has happened
 *   judged	return of vfio_iommu_type1_ioctl and _attach_group: is an invalid
 *		range beside a mediated device, whatever anybody said? Misses
 *		nothing that these calls did. Who did it while it is denied is
 *		killed there, on kernels that do not refuse by themselves, and the
 *		container is in quarantine: calls on it are refused at the early
 *		hook until that state is over (guard_quarantine.bpf.h). The next call
 *		on the container looks when it begins, too: whoever made it so may not
 *		have come back, and may have it undone by another call
 *   swept	no hook: user space has all mediated devices looked at, about once a
 *		second: what is so although no call was seen (guard_sweep.bpf.h)
 *   window	the same return: since when a container has an invalid range; user
 *		space looks whether that is too long
 *
 *   protect	descriptors of the guard's own maps, programs and links; ptrace of
 *		its process; removal of its pins (guard_protect.bpf.h)
 *
 * A rule may be for some callers only, which is judged at the early hook, too
 * (guard_scope.bpf.h).
 *
 * Programs that may refuse do not sleep: one that waits for a page of its
 * caller gives the caller the time to change it. The argument is read in one
 * piece, and what cannot be read is refused, but only if a mediated device is
 * there. A decision never depends on its record getting out. To monitor is
 * the same code up to the value that is returned.
 */
#include "common.bpf.h"
#include "calls.h"
#include "guard.h"

#define VFIO_TYPE ';'
#define VFIO_GET_API_VERSION 0x3b64
#define VFIO_CHECK_EXTENSION 0x3b65
#define VFIO_GROUP_SET_CONTAINER 0x3b68
#define VFIO_GROUP_GET_DEVICE_FD 0x3b6a
#define EPERM 1
#define ENOENT 2
#define EFAULT 14
#define EBUSY 16
#define SIGKILL 9
#define SIGNAL_GROUP_EXIT 4 /* of signal_struct.flags */

const volatile __u32 nonce; /* argument of the canary */

/* One of them holds; the other one is where the next is written, to hold from one moment on. */
struct guard_policy policies[2] = {};
__u32 policy_slot = 0;
struct guard_counters counters = {};
__u64 symbols[GUARD_SYM__max] = {};
__u64 key[2] = {};
__u64 unknown_zero; /* 0, which the verifier does not know: a loop's state must not begin with a constant */

#include "tree.bpf.h"
#include "devices.bpf.h"
#include "files.bpf.h"

__u64 joining; /* threads in VFIO_GROUP_GET_DEVICE_FD of an mdev, about: for the veto to be cheap */
__u64 n_broken; /* entries of broken, about */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() */
	__type(value, struct guard_join);
} joins SEC(".maps");

/* Threads whose opening was let through, against a rule that monitors: told once is enough. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} told_joins SEC(".maps");

/* What has come of it that an invalid range is beside a mediated device. */
struct broken_state {
	__u64 told;
	__u64 settled; /* who made it so has got what he gets, which may be nothing: it is not for a look to deal with */
};

/* Containers in which it is so, by the address of their vfio_iommu. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, struct broken_state);
} broken SEC(".maps");

/*
 * When it was last seen to have become so, by the address of the vfio_iommu: who was in the
 * driver by then and comes back later had a hand in it, even if it is over by that time.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} broke SEC(".maps");

__u64 n_broke; /* there is, or was, one */

/* The container of a vfio_iommu, for its name in records. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} owners SEC(".maps");

/*
 * What is being invalidated and what joined, and by whom. Each side says so, and
 * then, behind a full barrier, looks whether the other one has: of two that overlap
 * at least one sees it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GUARD_SIDES);
	__type(key, __u32);
	__type(value, struct guard_sides);
} sides SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() */
	__type(value, struct guard_held);
} held SEC(".maps");

__u64 holding; /* entries of held, about: for the return of an ioctl to be cheap */

/* A thread in an unmap, when it entered the driver. Its own: of a table of all of them enough others would take its place. */
struct entry {
	__u64 since;   /* ns */
	__u64 invalid; /* ranges of the container */
	__u32 spared;  /* whoever called is not killed, whatever it comes to */
	__u32 inside;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct entry);
} entries SEC(".maps");

/* Containers that had an invalid range, by the address of their vfio_iommu. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} ever_invalid SEC(".maps");

__u64 n_ever; /* entries of it, about */

static const char sym_ptr_key[] = "ptr_key";
static __u64 ptr_key_at; /* its address, as guard_resolve has found it */
#define X(name, use) static const char sym_##name[] = #name;
GUARD_SYMBOLS(X)
#undef X

/* 1: the kernel has no secret yet that ids are made with. */
SEC("syscall")
int guard_resolve(void *ctx)
{
	__u64 ptr_key = 0;

#define X(name, use) bpf_kallsyms_lookup_name(sym_##name, sizeof(sym_##name), 0, &symbols[GUARD_SYM_##name]);
	GUARD_SYMBOLS(X)
#undef X
	bpf_kallsyms_lookup_name(sym_ptr_key, sizeof(sym_ptr_key), 0, &ptr_key);
	ptr_key_at = ptr_key;
	return make_key(key, ptr_key);
}

/* The secret once more. To look up symbols takes rights that are given up by then, and without them a kernel may write 0 for each. */
SEC("syscall")
int guard_rekey(void *ctx)
{
	return make_key(key, ptr_key_at);
}

/* ---- decisions --------------------------------------------------------------------------- */

/* Into a table of a power of two entries; the compiler knows that it is, the verifier must see it. */
#define WITHIN(i, n)                                   \
	({                                             \
		__u32 __i = (i);                       \
		__asm__ volatile("" : "+r"(__i));      \
		__i & ((n) - 1);                       \
	})

static __always_inline const struct guard_policy *policy_now(void)
{
	return &policies[WITHIN(*(volatile __u32 *)&policy_slot, 2)];
}

#include "guard_scope.bpf.h"

/* What a decision is about: what its record says. */
struct about {
	const struct vfio_container *container;
	const struct vfio_group *group;
	__u64 iova, size;
	__u32 op, flags, invalid, emulated;
	__u32 memory, untold;
	__u64 object;
};

#define UNDROWNED (1U << ACTION_OFF | 1U << ACTION_PASSED | 1U << ACTION_QUARANTINE_BEGINS | 1U << ACTION_QUARANTINE_ENDS)

/*
 * How full the ring may be for this one. A storm of refusals must drown neither
 * the canary nor what was not prevented, and what came of that; nor who wants to
 * get at the guard itself, of which there may be a storm, too.
 */
static __always_inline __u64 room_for(__u32 rule, __u32 action)
{
	/* all bits, or not the highest: without a branch, of which the verifier takes both */
	__u64 protect = ((__u64)rule ^ RULE_PROTECT) - 1;

	return GUARD_RING_BYTES / 4 * (2 + (protect >> 63) + 2 * (UNDROWNED >> action & 1));
}

static __always_inline void tell(__u32 rule, __u32 action, int result, const struct about *a)
{
	const struct vfio_group *group = a->group; /* a member of ours in a chain of reads would be relocated */
	struct ev_decision *e;

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > room_for(rule, action)) {
		__sync_fetch_and_add(&stats.lost, 1);
		return;
	}
	e = EV_BEGIN(decision, object_id_key(a->container, key[0], key[1]));
	if (!e)
		return;
	e->iova = a->iova;
	e->size = a->size;
	e->result = result;
	e->rule = rule;
	e->action = action;
	e->op = a->op;
	e->flags = a->flags;
	e->invalid = a->invalid;
	e->emulated = a->emulated;
	e->memory = a->memory;
	e->untold = a->untold;
	e->object = a->object;
	if (group)
		e->group = BPF_CORE_READ(group, iommu_group, id);
	/* who asked is the guard itself, and who did it nobody knows */
	if (a->op == OP_SWEEP)
		by_nobody(&e->h);
	EV_END_NOW(e);
}

/*
 * The call is against this rule: what does the caller get? Functions that are not
 * static the verifier goes through once, by themselves, and not for each call and
 * each way that leads to it.
 */
__noinline int decide(__u32 rule, __u32 error, const struct about *a)
{
	const struct guard_policy *p = policy_now();
	enum scope_answer who;
	__u32 action, exempt;

	if (!a)
		return 0;
	rule = WITHIN(rule, GUARD_RULES_ROOM);
	action = p->rules[rule].action;
	if (action != ACTION_MONITOR && action != ACTION_DENY)
		return 0;
	who = noted(p, rule);
	if (who == SCOPE_OUTSIDE) {
		__sync_fetch_and_add(&counters.outside[rule], 1);
		return 0;
	}
	if (who == SCOPE_UNKNOWN)
		__sync_fetch_and_add(&counters.unknown_caller, 1);
	exempt = action == ACTION_DENY ? exemptions(p, rule) : 0;
	if (exempt) {
		action = ACTION_EXEMPT;
		count_exemptions(exempt);
	}
	if (!error)
		error = p->rules[rule].error;
	__sync_fetch_and_add(&counters.decisions[rule][WITHIN(action, GUARD_ACTIONS_ROOM)], 1);
	tell(rule, action, -(int)error, a);
	return action == ACTION_DENY ? -(int)error : 0;
}

/* What decide() would return, without a decision. */
static __always_inline int refusal(__u32 rule)
{
	const struct guard_policy *p = policy_now();

	if (p->rules[rule].action != ACTION_DENY || noted(p, rule) == SCOPE_OUTSIDE || exemptions(p, rule))
		return 0;
	return -(int)p->rules[rule].error;
}

#include "guard_state.bpf.h"
#include "guard_quarantine.bpf.h"
#include "guard_memory.bpf.h"
#include "guard_ioctl.bpf.h"
#include "guard_exec.bpf.h"
#include "guard_veto.bpf.h"
#include "guard_window.bpf.h"
#include "guard_judge.bpf.h"
#include "guard_sweep.bpf.h"
#include "guard_protect.bpf.h"
