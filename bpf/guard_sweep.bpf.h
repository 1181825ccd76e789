/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_sweep.bpf.h - part of guard.bpf.c: what is so although no call was seen that
 * made it so: it was there before the guard; the kernel left a program out; or the
 * call has not come back, as whoever made it keeps its answer waiting. Then the return
 * of another call may have told it, but who made it so goes on.
 *
 * User space has all mediated devices looked at, by the kernel's own set of them:
 * so it does not matter whether any process has a descriptor. That is without a
 * lock. So what one look has seen is suspected, and what the next one sees there
 * again, half a second later and with the same addresses, is so; what a call does
 * is told by then at the call's return.
 */

/* ---- swept: what is, without a call -------------------------------------------------------------- */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_SUSPECTS_MAX);
	__type(key, __u64); /* address of a vfio_container */
	__type(value, struct guard_suspect);
} suspects SEC(".maps");

/* Processes that have a descriptor of the container that is asked about, by their number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_HOLDERS_MAX);
	__type(key, __u32);
	__type(value, struct guard_holder);
} holders SEC(".maps");

__u64 sweep_look;      /* number of this look, by user space */
__u64 n_suspects;      /* that it has seen */
__u64 asked_container; /* for guard_find_holders: its address */
__u64 asked_again;     /* only who is known already is of interest */

static __always_inline void suspect(const struct vfio_container *container)
{
	struct guard_suspect fresh = { .iommu = (__u64)BPF_CORE_READ(container, iommu_data), .since = bpf_ktime_get_ns() }, *s;
	__u64 id = (__u64)container;
	struct broken_state *b;

	fresh.look = sweep_look;
	b = bpf_map_lookup_elem(&broken, &fresh.iommu);
	if (b && b->settled)
		return;
	s = bpf_map_lookup_elem(&suspects, &id);
	if (s && s->iommu == fresh.iommu && s->look + 1 >= fresh.look)
		s->look = fresh.look;
	/* one for which there is no room now is seen again when those that are there are told */
	else if (bpf_map_update_elem(&suspects, &id, &fresh, BPF_ANY))
		return;
	n_suspects++;
}

static __always_inline void on_device(const struct vfio_device *device)
{
	struct vfio_group *group = BPF_CORE_READ(device, group);
	struct vfio_container *container;
	struct about a = {};

	if (!group || !is_emulated(group))
		return;
	container = BPF_CORE_READ(group, container);
	if (read_state(container, &a) && a.invalid && a.emulated)
		suspect(container);
}

SEC("syscall")
int guard_sweep(void *ctx)
{
	n_suspects = 0;
	walk_devices(symbols[GUARD_SYM_vfio_device_set_xa]);
	return 0;
}

/* For user space: one that was suspected twice. Told, unless it was, and put into quarantine, unless it is over or settled meanwhile. */
SEC("syscall")
int guard_found(struct guard_found_args *args)
{
	struct vfio_container *container = (void *)args->container;
	struct vfio_iommu *iommu = (void *)args->iommu;
	struct about a = { .op = OP_SWEEP };
	__u64 id = args->iommu;
	struct broken_state *b;

	args->open = args->told = 0;
	if (!read_state(container, &a) || !a.invalid || !a.emulated || BPF_CORE_READ(container, iommu_data) != iommu)
		return 0;
	b = broken_of(id);
	/* with no place to note it, it would be told each second */
	if (!b || __sync_fetch_and_add(&b->settled, 1))
		return 0;
	remember_owner(container);
	if (!__sync_fetch_and_add(&b->told, 1)) {
		__sync_fetch_and_add(&counters.swept, 1);
		__sync_fetch_and_add(&counters.decisions[RULE_MDEV_VADDR][ACTION_PASSED], 1);
		tell(RULE_MDEV_VADDR, ACTION_PASSED, 0, &a);
		args->told = 1;
	}
	if (args->contain >= CONTAIN_QUARANTINE)
		begin_quarantine(iommu, OP_SWEEP);
	/* since when is not known, so it is from now */
	find_window(id);
	args->open = 1;
	args->waited_for = is_waited_for(iommu);
	args->id = object_id_key(container, key[0], key[1]);
	return 0;
}

/* One descriptor of it is enough. */
static long look_for_holder(__u32 i, struct file_walk *w)
{
	struct file *file = file_at(w, i);
	struct task_struct *task = w->task; /* a member of ours in a chain of reads would be relocated */
	struct guard_holder fresh = {}, *h;
	__u32 tgid;

	if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[GUARD_SYM_vfio_fops] ||
	    (__u64)BPF_CORE_READ(file, private_data) != asked_container)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	fresh.start = BPF_CORE_READ(task, group_leader, start_boottime);
	h = bpf_map_lookup_elem(&holders, &tgid);
	if (h) {
		h->again |= asked_again && h->start == fresh.start;
	} else if (!asked_again) {
		bpf_probe_read_kernel_str(fresh.comm, sizeof(fresh.comm), BPF_CORE_READ(task, group_leader, comm));
		bpf_map_update_elem(&holders, &tgid, &fresh, BPF_NOEXIST);
	}
	return 1;
}

/* Who could go on with it. Not who ends anyway, nor the first process of all, which no signal ends. */
SEC("iter/task")
int guard_find_holders(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct file_walk w = {};
	__u32 slots;

	if (!task || task->tgid == 1 || BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		return 0;
	slots = files_begin(&w, task);
	if (slots)
		bpf_loop(slots, look_for_holder, &w, 0);
	return 0;
}
