/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_state.bpf.h - part of guard.bpf.c: what the kernel's state is, and who is about to
 * change it: reservations.
 */

/* ---- the kernel's state -------------------------------------------------------------------- */

static __always_inline bool is_type1(const struct vfio_container *container)
{
	struct vfio_iommu_driver *driver = BPF_CORE_READ(container, iommu_driver);

	return driver && (__u64)BPF_CORE_READ(driver, ops) == symbols[GUARD_SYM_vfio_iommu_driver_ops_type1];
}

static __always_inline void note_invalid(__u64 iommu)
{
	__u64 now = bpf_ktime_get_ns();

	if (!policy_now()->unfixed.sticky || bpf_map_lookup_elem(&ever_invalid, &iommu))
		return;
	if (bpf_map_update_elem(&ever_invalid, &iommu, &now, BPF_ANY))
		__sync_fetch_and_add(&counters.full[TABLE_INVALID].unnoted, 1);
	else
		__sync_fetch_and_add(&n_ever, 1);
}

/* A container, as far as a decision goes; false if it has no type1 driver: then nothing of it can be invalid. */
static __always_inline bool read_state(const struct vfio_container *container, struct about *a)
{
	a->container = container;
	if (!container || !is_type1(container))
		return false;
	a->invalid = invalid_ranges(container);
	a->emulated |= has_emulated(container);
	if (a->invalid)
		note_invalid((__u64)BPF_CORE_READ(container, iommu_data));
	return true;
}

/*
 * The container that was remembered last: what it had then it has until its vfio_iommu is gone, and
 * another one only with a group, each of which makes this 0. In the table it is not the one whose
 * place others take.
 */
static __u64 last_owner = 0;

static __always_inline void remember_owner(const struct vfio_container *container)
{
	__u64 owner = (__u64)container, iommu, *known;

	if (owner == last_owner)
		return;
	iommu = (__u64)BPF_CORE_READ(container, iommu_data);
	if (!iommu)
		return;
	known = bpf_map_lookup_elem(&owners, &iommu);
	if (!known || *known != owner)
		bpf_map_update_elem(&owners, &iommu, &owner, BPF_ANY);
	last_owner = owner;
}

static __always_inline void forget_owner(__u64 iommu)
{
	last_owner = 0;
	bpf_map_delete_elem(&owners, &iommu);
}

static __always_inline bool is_emulated(const struct vfio_group *group)
{
	return BPF_CORE_READ(group, type) == bpf_core_enum_value(enum vfio_group_type, VFIO_EMULATED_IOMMU);
}

/* The file behind a number, in the table of the caller; what it says may have changed already. */
static __always_inline struct file *current_file(__s32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **table = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;

	if (fd >= 0 && (__u32)fd < BPF_CORE_READ(fdt, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &table[fd]);
	return file;
}

/* Does a thread sleep until an address of it is valid? Not on kernels that have no such wait. */
static __always_inline bool is_waited_for(const struct vfio_iommu *iommu)
{
	struct list_head *head;

	if (!bpf_core_field_exists(iommu->vaddr_wait))
		return false;
	head = (void *)iommu + bpf_core_field_offset(struct vfio_iommu, vaddr_wait) + bpf_core_field_offset(struct wait_queue_head, head);
	return BPF_CORE_READ(head, next) != head;
}

static __always_inline bool was_invalid(const struct vfio_container *container)
{
	__u64 iommu = (__u64)BPF_CORE_READ(container, iommu_data);

	if (!policy_now()->unfixed.sticky || !iommu)
		return false;
	return counters.full[TABLE_INVALID].unnoted || (n_ever && bpf_map_lookup_elem(&ever_invalid, &iommu));
}

/* ---- reservations ------------------------------------------------------------------------------ */

/* Which containers meet nobody knows who does not know the nonce. */
static __always_inline __u32 place_of(__u64 container)
{
	return ((container ^ (__u64)nonce << 24) * 0x9e3779b97f4a7c15ULL) >> 48;
}

_Static_assert(GUARD_SIDES == 1 << (64 - 48), "a place for each number");

__noinline int withdraw(__u64 id)
{
	struct guard_held *h = bpf_map_lookup_elem(&held, &id);
	struct guard_sides *s;
	__u32 place, side;

	if (!h)
		return 0;
	place = h->place;
	side = h->side;
	if (bpf_map_delete_elem(&held, &id))
		return 0;
	__sync_fetch_and_sub(&holding, 1);
	s = bpf_map_lookup_elem(&sides, &place);
	if (s)
		__sync_fetch_and_sub(&s->n[side & 1], 1);
	return 1;
}

/* Says what this thread is about to do. Is the other side under way, or could it not be said? */
static __always_inline bool reserve_side(__u64 container, __u32 side, bool *no_room)
{
	struct guard_held h = { .since = bpf_ktime_get_ns(), .place = place_of(container), .side = side };
	__u64 id = bpf_get_current_pid_tgid();
	struct guard_sides *s = bpf_map_lookup_elem(&sides, &h.place);
	__u64 was;

	withdraw(id); /* one of before is there only if its end was missed */
	*no_room = false;
	if (!s)
		return false;
	was = __sync_fetch_and_add(&s->n[side & 1], 1);
	__asm__ volatile("" : : "r"(was)); /* an addition whose result is used is a full barrier, on every machine */
	if (bpf_map_update_elem(&held, &id, &h, BPF_ANY)) {
		__sync_fetch_and_sub(&s->n[side & 1], 1);
		*no_room = true;
		return *(volatile __s64 *)&s->n[~side & 1] > 0;
	}
	__sync_fetch_and_add(&holding, 1);
	return *(volatile __s64 *)&s->n[~side & 1] > 0;
}

/* The driver is entered: from here on its return ends the reservation. */
static __always_inline void entered(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct guard_held *h = holding ? bpf_map_lookup_elem(&held, &id) : NULL;

	if (h)
		h->entered = 1;
}

#define NR_IOCTL 16
#define NR_IOCTL_32 54
#define X32_BIT 0x40000000

/*
 * Is it still in such an ioctl? How it came into the kernel says so, whatever functions that
 * came to. Of a thread that runs that is not known: then it is, and asked again.
 */
static __always_inline bool in_driver(struct task_struct *task)
{
	struct pt_regs *regs = (void *)argument_address((void *)bpf_task_pt_regs(task));
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	__u32 cmd = nr == NR_IOCTL_32 ? BPF_CORE_READ(regs, cx) : (nr & ~(__u64)X32_BIT) == NR_IOCTL ? BPF_CORE_READ(regs, si) : 0;

	return task_on_cpu(task) || cmd == VFIO_IOMMU_UNMAP_DMA || cmd == VFIO_GROUP_SET_CONTAINER || cmd == VFIO_GROUP_GET_DEVICE_FD;
}

__u64 asked_caller;  /* for guard_find_caller: as bpf_get_current_pid_tgid() */
__u64 caller_inside; /* it was met, and is in there */

/* For user space: its call never got to the driver, or has left it, and what was noted for that is there still. */
SEC("syscall")
int guard_reclaim(struct guard_reclaim_args *args)
{
	__u64 id = args->id;

	if (args->opening) {
		struct guard_join *j = bpf_map_lookup_elem(&joins, &id);

		if (!j || j->since != args->since || bpf_map_delete_elem(&joins, &id))
			return 0;
		__sync_fetch_and_sub(&joining, 1);
	} else {
		struct guard_held *h = bpf_map_lookup_elem(&held, &id);

		if (!h || h->since != args->since || !withdraw(id))
			return 0;
	}
	__sync_fetch_and_add(&counters.reclaimed, 1);
	return 0;
}

SEC("iter/task")
int guard_find_caller(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && ((__u64)task->tgid << 32 | task->pid) == asked_caller)
		caller_inside = in_driver(task);
	return 0;
}

/* For user space: would its links stay, if it died? A descriptor that waits in a socket counts, too. */
SEC("syscall")
int guard_count_refs(struct guard_refs_args *args)
{
	struct file *file = current_file(args->fd);

	args->refs = file ? file_refs(file) : -1;
	return 0;
}
