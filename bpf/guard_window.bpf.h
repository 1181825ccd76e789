/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_window.bpf.h - part of guard.bpf.c: since when a container has an
 * invalid range, and who opened that window.
 *
 * A window is there from the first range that is invalid until none is. It is
 * noted at the return of the driver's ioctls, whatever the policy says, and
 * gone with the count. Its time passes by itself: user space looks, twice a
 * second, and has what is too long told here, where the count is read again.
 */

/* ---- windows ------------------------------------------------------------------------------------ */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64); /* address of a vfio_iommu */
	__type(value, struct guard_window);
} windows SEC(".maps");

__u64 n_windows; /* entries of it, about */
__u64 asked_start; /* for guard_identify: when the process was started that is looked for */
__u32 asked_tgid, asked_met;

static __always_inline void forget_window(__u64 iommu)
{
	if (n_windows && !bpf_map_delete_elem(&windows, &iommu))
		__sync_fetch_and_sub(&n_windows, 1);
}

static __always_inline struct guard_window *window_of(__u64 iommu)
{
	struct guard_window *w = bpf_map_lookup_elem(&windows, &iommu), fresh = {};

	if (w)
		return w;
	fresh.since = bpf_ktime_get_ns();
	if (!bpf_map_update_elem(&windows, &iommu, &fresh, BPF_NOEXIST))
		__sync_fetch_and_add(&n_windows, 1);
	w = bpf_map_lookup_elem(&windows, &iommu);
	if (!w)
		__sync_fetch_and_add(&counters.full[TABLE_WINDOWS].unnoted, 1);
	return w;
}

/* It is open already, and nobody was seen to open it. */
static __always_inline void find_window(__u64 iommu)
{
	struct guard_window *w = window_of(iommu);

	if (w && !w->tgid)
		w->found = 1;
}

/*
 * Who returns from an invalidation that went well while nobody is known to have
 * opened the window has. A call that only came back first has not. EFAULT of an
 * argument that can be read is that the answer could not be written, which undoes nothing.
 */
static __always_inline void note_opener(struct guard_window *w, __u32 cmd, __u64 arg, long ret)
{
	struct task_struct *leader;
	struct unmap_arg unmap = {};

	if (w->tgid || w->found || cmd != VFIO_IOMMU_UNMAP_DMA || (ret && ret != -EFAULT))
		return;
	if (bpf_probe_read_user(&unmap, sizeof(unmap), (void *)arg) || !(unmap.flags & UNMAP_FLAG_VADDR))
		return;
	leader = bpf_get_current_task_btf()->group_leader;
	w->outside = outside(RULE_MAX_WINDOW);
	w->scopes = policy_now()->scopes;
	bpf_get_current_comm(w->comm, sizeof(w->comm));
	w->start = leader->start_boottime;
	w->tid = (__u32)bpf_get_current_pid_tgid();
	w->tgid = bpf_get_current_pid_tgid() >> 32;
}

/* After a call of the driver. */
static __always_inline void note_window(struct vfio_iommu *iommu, __u32 cmd, __u64 arg, long ret)
{
	struct guard_window *w;

	if (!BPF_CORE_READ(iommu, vaddr_invalid_count)) {
		forget_window((__u64)iommu);
		return;
	}
	w = window_of((__u64)iommu);
	if (w)
		note_opener(w, cmd, arg, ret);
}

/* Those that stood before there was a guard: of them nobody knows how long already, and by whom. */
static long look_for_window(__u32 i, struct file_walk *w)
{
	struct file *file = file_at(w, i);
	struct vfio_container *container;
	struct about a = {};

	if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[GUARD_SYM_vfio_fops])
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (!read_state(container, &a))
		return 0;
	remember_owner(container);
	if (a.invalid)
		find_window((__u64)BPF_CORE_READ(container, iommu_data));
	return 0;
}

SEC("iter/task")
int guard_find_windows(struct bpf_iter__task *ctx)
{
	struct file_walk w = {};
	__u32 slots = files_begin(&w, ctx->task);

	if (slots)
		bpf_loop(slots, look_for_window, &w, 0);
	return 0;
}

/* Is the process with this number still the one that was started then? */
SEC("iter/task")
int guard_identify(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && (__u32)BPF_CORE_READ(task, tgid) == asked_tgid &&
	    BPF_CORE_READ(task, group_leader, start_boottime) == asked_start)
		asked_met = 1;
	return 0;
}

/* For user space: this window is too long. Told in the name of who opened it, if it is still open. */
SEC("syscall")
int guard_tell_window(struct guard_window_args *args)
{
	struct about a = { .op = OP_INVALIDATE };
	struct guard_window *w;
	struct vfio_iommu *iommu;
	struct ev_decision *e;
	__u64 key0 = args->iommu, *owner;

	args->open = 0;
	w = bpf_map_lookup_elem(&windows, &key0);
	if (!w || w->since != args->since)
		return 0;
	iommu = (void *)key0;
	a.invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
	if (!a.invalid) {
		forget_window(key0);
		return 0;
	}
	args->open = 1;
	args->waited_for = is_waited_for(iommu);
	if (args->ask)
		return 0;
	w->told = args->action;
	__sync_fetch_and_add(&counters.decisions[RULE_MAX_WINDOW][WITHIN(args->action, GUARD_ACTIONS_ROOM)], 1);
	owner = bpf_map_lookup_elem(&owners, &key0);
	e = EV_BEGIN(decision, owner ? object_id_key((void *)*owner, key[0], key[1]) : 0);
	if (!e)
		return 0;
	e->h.tgid = w->tgid;
	e->h.tid = w->tid;
	__builtin_memcpy(e->h.comm, w->comm, sizeof(e->h.comm));
	e->rule = RULE_MAX_WINDOW;
	e->action = args->action;
	e->op = a.op;
	e->flags = UNMAP_FLAG_VADDR;
	e->invalid = a.invalid;
	e->emulated = iommu_has_emulated(iommu);
	e->window_ns = e->h.ts_ns - w->since;
	EV_END_NOW(e);
	return 0;
}
