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

static __always_inline bool was_invalid(const struct vfio_container *container)
{
	__u64 iommu = (__u64)BPF_CORE_READ(container, iommu_data);

	if (!policy_now()->unfixed.sticky || !iommu)
		return false;
	return counters.full[TABLE_INVALID].unnoted || (n_ever && bpf_map_lookup_elem(&ever_invalid, &iommu));
}

/* ---- reservations ------------------------------------------------------------------------------ */

static __always_inline struct guard_sides *sides_of(__u64 container)
{
	struct guard_sides *s = bpf_map_lookup_elem(&sides, &container), fresh = {};

	if (s)
		return s;
	bpf_map_update_elem(&sides, &container, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&sides, &container);
}

__noinline int withdraw(__u64 id)
{
	struct guard_held *h = bpf_map_lookup_elem(&held, &id);
	struct guard_sides *s;
	__u64 container;
	__u32 side;

	if (!h)
		return 0;
	container = h->container;
	side = h->side;
	if (bpf_map_delete_elem(&held, &id))
		return 0;
	__sync_fetch_and_sub(&holding, 1);
	s = bpf_map_lookup_elem(&sides, &container);
	if (s)
		__sync_fetch_and_sub(&s->n[side & 1], 1);
	return 1;
}

/* Says what this thread is about to do. Is the other side under way, or could it not be said? */
static __always_inline bool reserve_side(__u64 container, __u32 side, bool *no_room)
{
	struct guard_held h = { .container = container, .since = bpf_ktime_get_ns(), .side = side };
	__u64 id = bpf_get_current_pid_tgid();
	struct guard_sides *s = sides_of(container);
	__u64 was;

	withdraw(id); /* one of before is there only if its end was missed */
	*no_room = !s;
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

/* For user space, about threads whose call never got to the driver. */
SEC("syscall")
int guard_reclaim(__u64 *id)
{
	if (withdraw(*id))
		__sync_fetch_and_add(&counters.reclaimed, 1);
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
