/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h - every knob of the BPF side and every counter it keeps.
 *
 * struct fdpin_config is read-only data, set before load; what it makes
 * impossible is removed by the verifier. struct fdpin_stats is shared memory:
 * user space reads it, and adds nothing to it.
 */
#ifndef FDPIN_CONFIG_H
#define FDPIN_CONFIG_H

#define FDPIN_MAX_TGIDS 1024   /* -p and -t lists, with the children followed */
#define FDPIN_MAX_CONTAINERS 16384
#define FDPIN_MAX_TABLES 65536 /* file tables with a container in them */
#define FDPIN_MAX_TASKS 16384  /* threads found waiting, flushing or closing */
#define FDPIN_MAX_SPANS 65536  /* stretches of addresses asked about at once */
/* Records that a program makes in one run: all of them must fit the ring, which nobody empties meanwhile. */
#define FDPIN_RANGES_AT_ONCE 16384
#define FDPIN_AREAS_AT_ONCE 16384
#define WAKE_EVERY_NS 50000000 /* user space looks at the ring as often as that (src/source_bpf.c, POLL_MS) */

struct fdpin_config {
	__u64 key[2];	       /* makes object ids out of kernel addresses */
	__u64 events;	       /* bit per enum fdpin_type that is wanted */
	__u64 container;       /* -c: low bits of the id */
	__u64 container_mask;  /* which bits of it count; 0 for no filter */
	__u32 by_tgid, by_tid; /* filters in use */
	__u32 by_comm;
	__u32 stacks;
	char comm[16];
};

struct fdpin_stats {
	__u64 lost;	  /* records for which the ring had no room */
	__u64 no_state;	  /* calls for which no state could be kept */
	__u64 no_exec;	  /* execs of which the two address spaces were not seen */
	__u64 table_full; /* objects that did not fit a table of the look */
	__u64 tasks;	  /* threads the look has seen */
	__u64 found;	  /* threads found to matter; when it stands still, a look has them all */
	__u64 cut;	  /* walks that ended at their bound */
};

/* A bit for each number that may be in a list, by its low bits; never taken away. */
#define FDPIN_HINT_WORDS 16
struct fdpin_hints {
	__u64 tgids[FDPIN_HINT_WORDS];
	__u64 containers[FDPIN_HINT_WORDS];
	__u64 any_container;
};

/* Kernel symbols the look needs, by the name they have in kallsyms. */
#define FDPIN_SYMBOLS(X)                                                        \
	X(vfio_fops, "file operations of a container")                          \
	X(vfio_device_fops, "file operations of a device")                      \
	X(vfio_device_set_xa, "all sets of VFIO devices")                       \
	X(vfio_iommu_driver_ops_type1, "tells a type1 container from others")   \
	X(wq_barrier_func, "tells a flush from a work item")                    \
	X(____fput, "tells a pending release from other task work")             \
	X(iommufd_fops, "file operations of an iommufd context")                \
	X(ptr_key, "the kernel's own secret for hashing pointers; makes ids")    \
	X(__sched_text_start, "functions of the scheduler begin here")          \
	X(__sched_text_end, "and end here")

enum fdpin_symbol {
#define X(name, use) SYM_##name,
	FDPIN_SYMBOLS(X)
#undef X
	SYM__max,
};

/* Argument of the programs that read one container. */
struct fdpin_read_args {
	__u64 container; /* kernel address; never leaves this process */
	__u64 limit;	 /* ranges to walk at most */
	__u64 more;	 /* in and out: there are more ranges; call again */
	__u64 calls;	 /* in and out: how often it was called for this reading */
	__u64 id;	 /* out: its id */
	__u64 unstable;	 /* out: it changed while it was read */
	__u64 retries;	 /* in: times it was read before */
	__u64 last;	 /* in: say so in its record if it is unstable again, as it is not read again */
};

/* A stretch of addresses of one process that a container maps. */
struct fdpin_span {
	__u64 start, end;
};

#endif
