// SPDX-License-Identifier: GPL-2.0-only
/*
 * snapshot.bpf.c - the same facts from a system that was already stuck.
 *
 * Run in this order by source_bpf.c; each step fills tables for the next:
 *
 *   resolve		addresses of a few kernel symbols, and the key of ids
 *   find_files		every thread: container files in its table -> holder
 *   find_devices	vfio_device_set_xa: all devices and their containers,
 *			also those whose process has lost its file table
 *   read_container	one container: ranges, wait queue -> range, container, ioas
 *   find_mmap_waiters	every address space that a container maps: who waits for
 *			its mmap_lock
 *   find_processes	every process that holds one, or whose memory is mapped in
 *			one -> process, mm, user
 *   find_memory	one process: what lies behind the addresses asked for
 *			-> memory
 *   find_blocked	every thread: is it on such a wait queue, or a worker that
 *			waits for one that is? Then its work item, and who has
 *			hung a barrier or a flusher on it
 *			-> block, runs, flush, queued
 *   find_threads	every thread that holds, flushes or sleeps in a device's
 *			release, or waits for the mmap_lock of such an address space:
 *			state, and what its kernel stack leads to
 *			-> thread, close, pending, lock, stack
 *
 * The last two are run again until they find nobody new (stats.found): who
 * waits for a thread may come before it in the order of threads.
 *
 * Nothing here takes a reference or a lock: file tables are read in place, so
 * that a look can never become the last closer of somebody's file. What is
 * read may change under us; the containers are checked before and after, and
 * user space looks twice. Walks are bounded; one that reached its bound says
 * so (stats.cut).
 */
#include "common.bpf.h"
#include "devices.bpf.h"
#include "files.bpf.h"

#define MAX_THREAD_SIZE (256 << 10) /* no kernel has larger ones: what says so is no stack */
#define TASK_UNINTERRUPTIBLE 2
#define TASK_NOLOAD 0x400 /* idle workers: they wait for nothing */
#define MAX_CHAIN 256
#define RB_FACTOR 3 /* edges of a tree walked per node, at most */
#define MAX_NODES (1 << 21)
#define MAX_CALLS (2 * MAX_NODES / FDPIN_RANGES_AT_ONCE) /* for one container: a tree that changes can be walked in circles */

__u64 look;		 /* number of this look, set by user space */
__u64 key[2];		 /* made by resolve from a secret of the kernel and cfg.key */
__u64 symbols[SYM__max]; /* addresses, 0 if not there */
__u64 finds_releases;	 /* file_callback_offset() has one */

/*
 * What a walk starts with, where the verifier must not know it. Before 6.7
 * (ab5cfac139ab "verify callbacks as if they are called unknown number of
 * times") a callback of bpf_loop() is verified for its first turn only: a
 * field of its context that is then known to be 0 makes the branch for "not 0"
 * dead code, and the verifier takes it out. Goes with the last 6.1.
 */
__u64 unknown_zero;

struct found_container {
	__u64 file;
	__s64 refs;
	__u32 devices; /* seen through the set of devices */
	__u32 kind;    /* CONTAINER_TYPE1: a vfio_container of whatever kind; CONTAINER_IOMMUFD: an iommufd_ctx */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FDPIN_MAX_CONTAINERS);
	__type(key, __u64);
	__type(value, struct found_container);
} containers SEC(".maps");

#define TABLE(table, entries)                            \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_HASH);         \
		__uint(max_entries, entries);            \
		__uint(map_flags, BPF_F_NO_PREALLOC);    \
		__type(key, __u64);                      \
		__type(value, __u64);                    \
	} table SEC(".maps")

TABLE(holder_tables, FDPIN_MAX_TABLES); /* file table -> a container */
TABLE(waiters, FDPIN_MAX_TASKS);	/* task -> container it waits on */
TABLE(mmap_waiters, FDPIN_MAX_TASKS);	/* task -> address space for whose mmap_lock it waits */
TABLE(interesting, FDPIN_MAX_TASKS);	/* task that must be described -> 1 */
TABLE(asked, FDPIN_MAX_TASKS);		/* task whose work and flushers were looked at -> 1 */
TABLE(described, FDPIN_MAX_TASKS);	/* task that has its thread record -> 1 */
TABLE(mms, FDPIN_MAX_TASKS);		/* address space that has its mm record -> 1 */
TABLE(users, FDPIN_MAX_TASKS);		/* user that has its record -> 1 */
TABLE(processes, FDPIN_MAX_TASKS);	/* tgid that has its process record -> 1 */
TABLE(files, FDPIN_MAX_TASKS);		/* file mapped by iommufd that has its memory record -> 1 */

#define PUT(table, k, v)                                                             \
	({                                                                           \
		__u64 __k = (__u64)(k), __v = (__u64)(v);                            \
		if (bpf_map_update_elem(&table, &__k, &__v, BPF_ANY))                \
			__sync_fetch_and_add(&stats.table_full, 1);                  \
	})

/* Puts it there unless it is; true if it was not. */
#define PUT_NEW(table, k)                                                            \
	({                                                                           \
		__u64 __n = (__u64)(k);                                              \
		bool __new = !bpf_map_lookup_elem(&table, &__n);                     \
		if (__new) {                                                         \
			PUT(table, __n, 1);                                          \
			__sync_fetch_and_add(&stats.found, 1);                       \
		}                                                                    \
		__new;                                                               \
	})

#define HAS(table, k)                                    \
	({                                               \
		__u64 __k = (__u64)(k);                  \
		bpf_map_lookup_elem(&table, &__k);       \
	})

static __always_inline __u64 object_id(const void *object)
{
	return object_id_key(object, key[0], key[1]);
}

static __always_inline void about_task(struct fdpin_hdr *h, const struct task_struct *task)
{
	h->grade = GRADE_READ;
	h->look = look;
	h->tgid = BPF_CORE_READ(task, tgid);
	h->tid = BPF_CORE_READ(task, pid);
	bpf_probe_read_kernel_str(h->comm, sizeof(h->comm), task->comm);
}

/* A zeroed record of what was found, which is no thread's doing; or NULL, counted as lost. */
#define EV_BEGIN_FOUND(name, id)                                  \
	({                                                        \
		struct ev_##name *__e = reserve(sizeof(*__e), 1); \
		if (__e) {                                        \
			__builtin_memset(__e, 0, sizeof(*__e));   \
			__e->h.size = sizeof(*__e);               \
			__e->h.type = EV_##name;                  \
			__e->h.grade = GRADE_READ;                \
			__e->h.look = look;                       \
			__e->h.ts_ns = bpf_ktime_get_ns();        \
			__e->h.container = id;                    \
		}                                                 \
		__e;                                              \
	})

/* ---- resolve -------------------------------------------------------------- */

#define X(name, use) static const char sym_##name[] = #name;
FDPIN_SYMBOLS(X)
#undef X

/* 1: the kernel has no secret yet that ids are made with. */
SEC("syscall")
int resolve(void *ctx)
{
#define X(name, use) bpf_kallsyms_lookup_name(sym_##name, sizeof(sym_##name), 0, &symbols[SYM_##name]);
	FDPIN_SYMBOLS(X)
#undef X
	finds_releases = file_callback_offset() != -1U;
	return make_key(key, symbols[SYM_ptr_key]);
}

static __always_inline __u64 container_id(const void *container, __u32 kind)
{
	__u64 id = object_id(container);

	return kind == CONTAINER_IOMMUFD ? context_id(id) : id;
}

/* ---- walks ---------------------------------------------------------------- */

static long count_entry(__u32 i, struct list_walk *w)
{
	if (!list_step(w))
		return 1;
	w->arg++;
	return 0;
}

static __always_inline __u32 count_list(const void *head)
{
	struct list_walk w = { .arg = unknown_zero };

	list_begin(&w, head);
	LIST_WALK(count_entry, &w);
	return w.arg;
}

#include "tree.bpf.h"

static __always_inline __u32 tree_budget(__u64 nodes)
{
	return nodes > MAX_NODES ? MAX_NODES * RB_FACTOR : nodes * RB_FACTOR;
}

#include "snapshot_locks.bpf.h"
#include "snapshot_memory.bpf.h"
#include "snapshot_iommufd.bpf.h"
#include "snapshot_files.bpf.h"
#include "snapshot_container.bpf.h"
#include "snapshot_blocked.bpf.h"
#include "snapshot_threads.bpf.h"
