// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace.bpf.c - the hooks that watch. Nothing here changes behaviour.
 *
 *   container	vfio_fops_open, vfio_fops_release, vfio_fops_unl_ioctl
 *		(map, unmap, invalidate, revalidate: judged on the kernel's
 *		count of invalid ranges, never on the caller's flags)
 *   groups	vfio_container_attach_group, vfio_group_detach_container
 *   drivers	vfio_pin_pages, vfio_unpin_pages, vfio_dma_rw
 *   waiting	vfio_wait: block at the first wait of a call, unblock when the
 *		call ends, with the time really waited
 *   flushing	start_flush_work or __flush_work, flush_work, __flush_workqueue,
 *		by threads that are closing a device or flush a blocked item
 *   closing	vfio_device_fops_release
 *   processes	sched_process_exec; sched_process_fork, sched_process_free (for -p)
 *
 * One record for an operation, not two: what is known at entry waits in task
 * storage (struct call_state) until the exit. Every program is optional
 * ("?"); source_bpf.c turns on what the kernel has.
 */
#include "common.bpf.h"
#include "calls.h"

#define VFIO_SET_IOMMU 0x3b66
#define EFAULT 14

/* Charges of one call to one account. */
struct charge_sum {
	__u64 mm, user; /* kernel addresses */
	__u64 read_ns;	/* when "after" was read, last */
	__u64 since_ns; /* when the first was made */
	__s64 pages, after, pinned_vm, users;
	__u32 calls, account, exempt, iommufd;
};

/* What a thread is in the middle of. Zero means not. */
struct call_state {
	/* an ioctl on a container */
	__u64 io_container;
	struct vfio_iommu *io_iommu;
	__u32 io_cmd, io_flags;
	__u32 io_argsz, io_invalid;
	__u64 io_iova, io_size, io_vaddr;
	/* unmap: what nobody is credited for, and whether that was counted from the call's beginning on */
	__u64 io_counting;
	__s64 io_uncredited;
	/* pin, dma_rw or attach */
	__u64 op_container;
	__u64 op_device;
	__u64 op_iova, op_size;
	__u32 op, op_pad;
	__u64 wait_since, waited_ns;
	__u64 wait_work;
	/* release of a device */
	__u64 close_device, close_container, close_since;
	/* flush */
	__u64 flush_since;
	__u64 flush_at; /* told by one of the two programs: in the call with these arguments */
	/* other calls in which something is charged: the container each is about */
	__u64 unpin_container, unpin_iova, unpin_size;
	__u64 unpin_device; /* is one in vfio_unpin_pages()? */
	__u64 detach_container, release_container;
	__u64 fd_container, access_container;
	__u32 fd_op, access_op;
	__u64 access_iova, access_size;
	__u64 in_iopt; /* iommufd charges: what it calls is part of that */
	__u64 charged_mm; /* number_by() */
	/* charges of the call so far, of one account */
	struct charge_sum sum;
	/* exec, between the change of address spaces and its end */
	__u64 exec_mm, exec_old_mm;
	__s64 exec_locked, exec_pinned;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call_state);
} calls SEC(".maps");

/* Since when a container has an invalid range, by its id. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FDPIN_MAX_CONTAINERS);
	__type(key, __u64);
	__type(value, __u64);
} windows SEC(".maps");

/* Work items whose worker is blocked on a range. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FDPIN_MAX_TASKS);
	__type(key, __u64);
	__type(value, __u64);
} blocked_works SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FDPIN_MAX_TGIDS);
	__type(key, __u32);
	__type(value, __u8);
} tids SEC(".maps");

static __always_inline __u64 object_id(const void *object)
{
	return object_id_key(object, cfg.key[0], cfg.key[1]);
}

static __always_inline struct call_state *call_begin(void)
{
	struct call_state *c;

	c = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c)
		__sync_fetch_and_add(&stats.no_state, 1);
	return c;
}

static __always_inline struct call_state *call_current(void)
{
	return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, 0);
}

/*
 * Of a call that has one since it began. Up to Linux 6.1 there is none, too, if the
 * thread has preempted another on this processor in the middle of getting its own. That
 * end would be lost without a word: to make one fails then, and is counted.
 */
static __always_inline struct call_state *call_end(void)
{
	return call_current() ?: call_begin();
}

/* ---- filters -------------------------------------------------------------- */

static __always_inline bool comm_matches(void)
{
	char comm[FDPIN_COMM_LEN];

	bpf_get_current_comm(comm, sizeof(comm));
	for (int i = 0; i < FDPIN_COMM_LEN; i++) {
		if (comm[i] != cfg.comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

static __always_inline bool thread_matches(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32, tid = (__u32)id;

	if (cfg.by_tgid && !bpf_map_lookup_elem(&tgids, &tgid))
		return false;
	if (cfg.by_tid && !bpf_map_lookup_elem(&tids, &tid))
		return false;
	return !cfg.by_comm || comm_matches();
}

/*
 * Is a record about this container, by this thread, asked for? A container
 * that a selected thread has used is selected too: the kernel threads that
 * block on it are what the filter is after.
 */
static __always_inline bool wanted(__u16 type, __u64 container)
{
	if (!(cfg.events & (1ULL << type)))
		return false;
	if (cfg.container_mask && type != EV_exec && (container & cfg.container_mask) != cfg.container)
		return false;
	if (!cfg.by_tgid && !cfg.by_tid && !cfg.by_comm)
		return true;
	if (thread_matches()) {
		if (container)
			want_container(container);
		return true;
	}
	return container && bpf_map_lookup_elem(&wanted_containers, &container);
}

/*
 * Nothing about this container by this thread can be asked for: told from a few
 * words, where wanted() looks into tables. Not being sure is no harm. NULL: what
 * is about no container. The answer to a question asked before may only change
 * to "perhaps", so the end of a call can ask again what its beginning did.
 */
static __always_inline bool surely_unwanted_kind(const void *container, bool iommufd)
{
	struct fdpin_hints *h;
	__u32 zero = 0;
	__u64 id;

	if (!cfg.by_tgid)
		return false;
	h = bpf_map_lookup_elem(&hints, &zero);
	if (!h || hint_has(h->tgids, bpf_get_current_pid_tgid() >> 32))
		return false;
	if (!container || !h->any_container)
		return true;
	id = object_id(NUMBER(container));
	return !hint_has(h->containers, iommufd ? context_id(id) : id);
}

static __always_inline bool surely_unwanted(const void *container)
{
	return surely_unwanted_kind(container, false);
}

/* The same of a context of iommufd. */
static __always_inline bool surely_unwanted_context(const void *ictx)
{
	return surely_unwanted_kind(ictx, true);
}

/* Is there one that is asked for? Not being sure is a yes. */
static __always_inline bool any_container(void)
{
	struct fdpin_hints *h;
	__u32 zero = 0;

	h = bpf_map_lookup_elem(&hints, &zero);
	return !h || h->any_container;
}

/* The last one that was remembered: for another to take its place in the table, it would not be the last. */
static __u32 last_user = 0;

static __always_inline void remember_user(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct vfio_user user = {};

	if (tgid == last_user)
		return;
	last_user = tgid;
	if (bpf_map_lookup_elem(&vfio_users, &tgid))
		return;
	bpf_get_current_comm(user.comm, sizeof(user.comm));
	bpf_map_update_elem(&vfio_users, &tgid, &user, BPF_ANY);
}

static __u64 last_charged = 0; /* likewise, in charged_mms */

/* An address space that something was charged to has gone: since we watch, or, as user space has it from a look, before. */
__u32 somebody_left = 0;
__u32 counting = 0; /* and user space has attached what counts then */

/* A container, or a context of iommufd, begins and ends. */
static __always_inline int on_open(__u64 container)
{
	struct ev_open *e;

	remember_user();
	if (!wanted(EV_open, container))
		return 0;
	e = EV_BEGIN(open, container);
	if (e)
		EV_END(e);
	return 0;
}

static __always_inline void on_release(__u64 container)
{
	struct ev_release *e;

	if (!wanted(EV_release, container))
		return;
	e = EV_BEGIN(release, container);
	if (e)
		EV_END(e);
}

#include "trace_charge.bpf.h"
#include "trace_container.bpf.h"
#include "trace_driver.bpf.h"
#include "trace_close.bpf.h"

/* ---- processes ------------------------------------------------------------ */

/* The old address space is still that of the thread, and exec can fail no more. */
SEC("?fentry/membarrier_exec_mmap")
int BPF_PROG(fentry__membarrier_exec_mmap, struct mm_struct *mm)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct mm_struct *old;
	struct call_state *c;

	if (!bpf_map_lookup_elem(&vfio_users, &tgid))
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	old = BPF_CORE_READ(bpf_get_current_task_btf(), mm);
	c->exec_mm = object_id(NUMBER(mm));
	c->exec_old_mm = object_id(old);
	c->exec_locked = old ? BPF_CORE_READ(old, locked_vm) : 0;
	c->exec_pinned = old ? BPF_CORE_READ(old, pinned_vm.counter) : 0;
	return 0;
}

static __always_inline int on_mm_gone(struct mm_struct *mm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 id = object_id(mm);
	struct ev_mm_gone *e;

	if (!bpf_map_lookup_elem(&charged_mms, &id) || bpf_map_delete_elem(&charged_mms, &id))
		return 0;
	if (id == last_charged)
		last_charged = 0;
	somebody_left = 1;
	if (!wanted(EV_mm_gone, 0))
		return 0;
	e = EV_BEGIN(mm_gone, 0);
	if (!e)
		return 0;
	e->mm = id;
	e->locked_vm = BPF_CORE_READ(mm, locked_vm);
	e->pinned_vm = BPF_CORE_READ(mm, pinned_vm.counter);
	e->exiting = !!(BPF_CORE_READ(task, flags) & PF_EXITING);
	EV_END_NOW(e);
	return 0;
}

/* By whoever gave up the last use of it: an exec, an exit, or a reader in /proc that had it for a moment longer. */
SEC("?fentry/exit_mmap")
int BPF_PROG(fentry__exit_mmap, struct mm_struct *mm)
{
	return on_mm_gone(NUMBER(mm));
}

/*
 * A second chance, near its end: every process of the system comes through
 * here, and the kernel leaves a program out while another thread, preempted on
 * the same processor, is in it.
 */
SEC("?tp_btf/exit_mmap")
int BPF_PROG(tp_btf__exit_mmap, struct mm_struct *mm)
{
	return on_mm_gone(NUMBER(mm));
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(tp_btf__sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct vfio_user *user = bpf_map_lookup_elem(&vfio_users, &tgid);
	struct call_state *c = call_current();
	struct ev_exec *e;

	if (!user)
		return 0;
	if (wanted(EV_exec, 0)) {
		e = EV_BEGIN(exec, 0);
		if (e) {
			if (c && c->exec_mm) {
				e->mm = c->exec_mm;
				e->old_mm = c->exec_old_mm;
				e->locked_vm = c->exec_locked;
				e->pinned_vm = c->exec_pinned;
				c->exec_mm = 0;
			} else {
				__sync_fetch_and_add(&stats.no_exec, 1);
			}
			bpf_probe_read_kernel_str(e->file, sizeof(e->file), BPF_CORE_READ(bprm, filename));
			__builtin_memcpy(e->old_comm, user->comm, sizeof(e->old_comm));
			EV_END_NOW(e);
		}
	}
	bpf_get_current_comm(user->comm, sizeof(user->comm));
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(tp_btf__sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
	struct vfio_user *user = bpf_map_lookup_elem(&vfio_users, &from);

	if (from == to)
		return 0;
	if (user)
		bpf_map_update_elem(&vfio_users, &to, user, BPF_ANY);
	if (cfg.by_tgid && bpf_map_lookup_elem(&tgids, &from) && follow_tgid(to))
		__sync_fetch_and_add(&stats.table_full, 1);
	return 0;
}

/* Its number may be given to somebody else. Not earlier: the closes of a dying process come after sched_process_exit. */
SEC("?tp_btf/sched_process_free")
int BPF_PROG(tp_btf__sched_process_free, struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (BPF_CORE_READ(task, pid) != tgid)
		return 0;
	if (last_user == tgid)
		last_user = 0;
	bpf_map_delete_elem(&tgids, &tgid);
	bpf_map_delete_elem(&vfio_users, &tgid);
	return 0;
}
