/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard.h - what the guard's programs and src/guard*.c share: the policy as the
 * kernel's side sees it, its counters, and the call that proves that a hook
 * really runs. Shared; the rules themselves are in src/policy.h.
 */
#ifndef FDPIN_GUARD_SHARED_H
#define FDPIN_GUARD_SHARED_H

#include "events.h"
#include "guard_scope.h"

#define GUARD_RING_BYTES (256 << 10) /* decisions only: nothing else can fill it */
#define GUARD_JOINS_MAX 4096	     /* threads in VFIO_GROUP_GET_DEVICE_FD of an mdev at a time */
#define GUARD_OPENINGS_MAX (GUARD_JOINS_MAX / 2) /* of them that are let in: more may be on their way */
#define GUARD_CONTAINERS_MAX 16384
#define GUARD_SIDES 65536 /* a power of two; see guard_sides */
#define GUARD_SUSPECTS_MAX 1024
#define GUARD_HOLDERS_MAX 128
#define GUARD_MEMORY_STEPS (1U << 18) /* ranges and areas of memory looked at for one call, about: a fraction of a second */

/*
 * The call that must come back refused: an ioctl of VFIO's type with a number
 * that VFIO does not have, on a file that is not VFIO's, and a number of ours as
 * its argument. Nobody else gets this errno for it.
 */
#define GUARD_CANARY 0x3bff /* _IO(';', 0xff) */
#define GUARD_CANARY_ERRNO 52 /* EBADE */

/* What a decision needs to know of the kernel: 0 in one of them would match nothing, so none may be. */
#define GUARD_SYMBOLS(X)                                                  \
	X(vfio_fops, "tells a container from other files")                \
	X(vfio_group_fops, "tells a group from other files")              \
	X(vfio_device_fops, "tells a device from other files")            \
	X(vfio_device_set_xa, "has all mediated devices")                 \
	X(vfio_iommu_driver_ops_type1, "tells a type1 container from others")

enum guard_symbol {
#define X(name, use) GUARD_SYM_##name,
	GUARD_SYMBOLS(X)
#undef X
	GUARD_SYM__max,
};

/* Powers of two, for the verifier: a number that is masked stays in its table. */
#define GUARD_RULES_ROOM 8
#define GUARD_ACTIONS_ROOM 8
#define GUARD_EXEMPTIONS 8
#define GUARD_SCOPES 16
_Static_assert(RULE__max <= GUARD_RULES_ROOM && ACTION__max <= GUARD_ACTIONS_ROOM && GUARD_RULES_ROOM + GUARD_EXEMPTIONS == GUARD_SCOPES,
	       "tables of the guard");

struct guard_rule {
	__u32 action; /* enum fdpin_action: off, monitor, deny */
	__u32 error;  /* the errno of a refusal, positive */
};

/* What is done about who got past a rule that denies; each does what the one before does. */
enum guard_contain {
	CONTAIN_NONE,
	CONTAIN_KILL,	    /* the process is killed */
	CONTAIN_QUARANTINE, /* calls on the container are refused, until the state that must not be is over */
};

/* What concerns kernels that do not refuse by themselves; 0 where they do. */
struct guard_unfixed {
	__u32 two_sided; /* an invalidation and a join of one container never overlap */
	__u32 sticky;	 /* a container that had an invalid range gets no mediated device any more */
	__u32 contain;	 /* enum guard_contain */
	__u32 pad;
};

/* What a thread is about to do with a container: both sides at once is what must not be. */
enum guard_side { SIDE_VADDR, SIDE_JOIN, SIDE__max };

/*
 * How many threads are at it. Not of each container, of which there may be any number, and which
 * go while somebody is at it: of all whose addresses come to the same place. That two of them
 * meet there costs one a refusal, for as long as the other is at it; it never lets anybody by.
 */
struct guard_sides {
	__u64 n[SIDE__max];
};

/* A reservation, by the thread that has it. */
struct guard_held {
	__u64 since;	 /* ns */
	__u32 place;	 /* in the table of sides */
	__u32 side;
	__u32 entered;	 /* the driver was entered, so its return ends this */
	__u32 pad;
};

/* A thread that is opening a mediated device. */
struct guard_join {
	__u64 group; /* its address; 0: a test of the veto */
	__u64 told;  /* it is against a rule, and that was told */
	__u64 since; /* ns */
};

/* Of which thread (as bpf_get_current_pid_tgid()), and since when: another one of it is another. */
struct guard_reclaim_args {
	__u64 id, since;
	__u32 opening; /* what it is noted for: to open a mediated device; else to invalidate or to join */
	__u32 pad;
};

/* A container that has an invalid range, by the address of its vfio_iommu. */
struct guard_window {
	__u64 since; /* ns; when that was first seen */
	__u64 start; /* start_boottime of who opened it */
	__u32 tgid, tid; /* 0: nobody knows */
	__u32 told;  /* as enum fdpin_action, and last as what */
	__u32 scopes; /* guard_policy.scopes when it was opened */
	__u32 outside; /* who opened it was none of those that max-window is for */
	__u32 found; /* it was open when it was first seen: whoever comes back later has not opened it */
	char comm[FDPIN_COMM_LEN];
};

struct guard_window_args {
	__u64 iommu, since; /* which one is meant */
	__u32 action;
	__u32 open; /* out: it was, and was told */
	__u32 ask;  /* do not tell */
	__u32 waited_for; /* out: a thread sleeps until its address is valid */
};

/* A container in which an invalid range is beside a mediated device, as the last look had it. */
struct guard_suspect {
	__u64 iommu;
	__u64 since; /* ns; the first look that saw it */
	__u64 look;  /* number of the last one */
};

/* One of them that is no suspicion any more. */
struct guard_found_args {
	__u64 container, iommu; /* addresses */
	__u32 contain;		/* enum guard_contain: no more than that */
	__u32 open;		/* out: it is still so, and nobody was dealt with for it */
	__u32 told, pad;	/* out: nobody had told it */
	__u64 id;		/* out: of the container */
	__u64 waited_for;	/* out: a thread sleeps until its address is valid */
};

struct guard_holder {
	__u64 start; /* start_boottime of the process */
	__u64 again; /* it was seen to have it twice */
	char comm[FDPIN_COMM_LEN];
};

/* A descriptor of who asks, and how many descriptors there are of its file, of everybody; negative: the kernel does not say. */
struct guard_refs_args {
	__s32 fd;
	__u32 pad;
	__s64 refs; /* out */
};

struct guard_policy {
	struct guard_unfixed unfixed;
	struct guard_rule rules[GUARD_RULES_ROOM];
	/* a bit each: rules that are on and not for everybody; behind them, from GUARD_RULES_ROOM on, exemptions */
	__u32 scoped;
	__u32 scopes; /* another number whenever the scope of a rule changes; never 0 */
	__u32 generation; /* another number whenever anything of scoped and scope changes; never 0 */
	__u32 pad;
	__u64 exempt_until[GUARD_EXEMPTIONS]; /* ns of CLOCK_BOOTTIME */
	__u32 exempt_from[GUARD_RULES_ROOM]; /* for each rule: exemptions from it, a bit each */
	struct guard_scope scope[GUARD_SCOPES]; /* of an exemption: whom it lets through */
};

/* What the guard is made of, by its id. */
#define GUARD_OBJECTS_MAX 256
enum guard_object_kind { GUARD_MAP, GUARD_PROGRAM, GUARD_LINK };

struct guard_object {
	__u32 kind, id;
};

/* Whose it is; addresses, 0: nobody's, and no folder. */
struct guard_owner {
	__u64 task, start; /* of the process: its first thread, and when that was started */
	__u64 folder, bpffs; /* of its pins: inode and super block */
	__u64 mounts, init_mounts; /* mount namespaces: its own, and that of the first process of all */
	__u32 tgid, pad;
};

/* What the guard has places for, and no more; the last one is of how much memory there is. */
enum guard_table {
	TABLE_OPENINGS,	    /* threads that are opening a mediated device */
	TABLE_RESERVATIONS, /* threads in an invalidation or a join */
	TABLE_INVALID,	    /* containers that have had an invalid range: where one is not noted every container counts as one */
	TABLE_WINDOWS,	    /* containers that have one */
	TABLE_QUARANTINES,
	TABLE_CALLERS, /* threads in an unmap */
	TABLE__max,
};

struct guard_full {
	__u64 refused; /* decisions against calls, as there was no place for them */
	__u64 unnoted; /* what went on without one */
};

/* Kept in the kernel, and the same whether a rule monitors or denies. */
struct guard_counters {
	__u64 decisions[GUARD_RULES_ROOM][GUARD_ACTIONS_ROOM];
	__u64 outside[GUARD_RULES_ROOM]; /* calls against a rule by somebody whom it is not for */
	__u64 exempted[GUARD_EXEMPTIONS]; /* decisions, by the place of the exemption */
	__u64 unknown_caller; /* times that this could not be told, so the rule was for him */
	__u64 nonresident; /* among them: the argument could not be read, so it was not let by */
	__u64 overlaps;	   /* among them: the other side was under way */
	__u64 sticky;	   /* among them: a range was invalid there before */
	__u64 untold;	   /* among them: what is behind the memory could not be told */
	__u64 killed;	   /* processes that got past a rule that denies, or kept a window open */
	__u64 swept;	   /* of what was not prevented: found by a look, and at the return of no call */
	__u64 reclaimed;   /* what was noted of calls that never got to the driver, or whose return was not seen */
	struct guard_full full[TABLE__max]; /* refused: among them */
	__u64 canary;	   /* runs of the hooks of the call above */
	__u64 canary_file; /* and of the one at the making of a file */
};

#endif
