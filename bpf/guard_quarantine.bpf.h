/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_quarantine.bpf.h - part of guard.bpf.c: a container that somebody has
 * made invalid beside a mediated device, past a rule that denies.
 *
 * Who did it is killed, but his container lives on with whoever else has a
 * descriptor of it, also one that is under way in a socket. So what is noted is
 * the driver's own structure, whoever comes by whatever way: calls on the
 * container, on its groups and on their devices are refused, until no range is invalid or no
 * mediated device is there any more. What leads there is never refused: to unmap a range, to restore it,
 * to take a group out, to close. Nor are two questions that are about the kernel only:
 * a refusal of VFIO_CHECK_EXTENSION reads as a yes to some.
 */

/* ---- quarantine ------------------------------------------------------------------------------- */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64); /* address of a vfio_iommu */
	__type(value, __u64);
} quarantined SEC(".maps");

__u64 n_quarantined; /* entries of it, about */

static __always_inline bool is_broken(struct vfio_iommu *iommu)
{
	return BPF_CORE_READ(iommu, vaddr_invalid_count) && iommu_has_emulated(iommu);
}

__noinline int tell_quarantine(__u64 id, __u32 op, __u32 action)
{
	struct vfio_iommu *iommu = (void *)id;
	__u64 *owner = bpf_map_lookup_elem(&owners, &id);
	struct about a = { .op = op };

	a.container = owner ? (void *)*owner : NULL;
	/* at its release there is nothing more to be read of it */
	if (op != OP_RELEASE) {
		a.invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
		a.emulated = iommu_has_emulated(iommu);
	}
	__sync_fetch_and_add(&counters.decisions[RULE_MDEV_VADDR][WITHIN(action, GUARD_ACTIONS_ROOM)], 1);
	tell(RULE_MDEV_VADDR, action, 0, &a);
	return 0;
}

/* False if it was in there. */
static __always_inline bool enter_quarantine(__u64 id)
{
	__u64 now = bpf_ktime_get_ns();

	if (bpf_map_update_elem(&quarantined, &id, &now, BPF_NOEXIST)) {
		if (!bpf_map_lookup_elem(&quarantined, &id))
			__sync_fetch_and_add(&counters.full[TABLE_QUARANTINES].unnoted, 1);
		return false;
	}
	__sync_fetch_and_add(&n_quarantined, 1);
	return true;
}

static __always_inline void begin_quarantine(struct vfio_iommu *iommu, __u32 op)
{
	if (enter_quarantine((__u64)iommu))
		tell_quarantine((__u64)iommu, op, ACTION_QUARANTINE_BEGINS);
}

static __always_inline bool leave_quarantine(__u64 id)
{
	if (bpf_map_delete_elem(&quarantined, &id))
		return false;
	__sync_fetch_and_sub(&n_quarantined, 1);
	return true;
}

/* Ends it, if there is no more reason for it. */
__noinline int settle(__u64 id, __u32 op)
{
	struct vfio_iommu *iommu = (void *)id;

	if (!bpf_map_lookup_elem(&quarantined, &id) || is_broken(iommu) || !leave_quarantine(id))
		return 0;
	/* somebody may have got past again meanwhile, and have found it in there still */
	if (is_broken(iommu))
		enter_quarantine(id);
	else
		tell_quarantine(id, op, ACTION_QUARANTINE_ENDS);
	return 0;
}

/* What a call is about, as far as a quarantine goes. */
struct quarantine_call {
	struct vfio_container *container;
	struct vfio_group *group;
	__u32 op;
	bool judged; /* the rule itself is asked about it next, and tells of an exemption */
};

/*
 * The flags of a map or unmap, which are in the same place, as are those about
 * addresses. False if anything of what lies before or, of an unmap, behind them is
 * not there: the driver would wait for it, and read flags that are others by then.
 */
static __always_inline bool read_flags(__u64 arg, __u32 *flags)
{
	struct unmap_arg unmap = {};
	long unread = bpf_probe_read_user(&unmap, sizeof(unmap), (void *)arg);

	*flags = unmap.flags;
	return !unread;
}

/* False for what leads out of a quarantine, and for what is about no container. */
static __always_inline bool container_call(struct file *file, __u32 cmd, __u64 arg, struct quarantine_call *c)
{
	__u32 flags;

	c->container = BPF_CORE_READ(file, private_data);
	c->op = OP_OTHER;
	switch (cmd) {
	case VFIO_GET_API_VERSION:
	case VFIO_CHECK_EXTENSION:
		return false;
	case VFIO_IOMMU_MAP_DMA:
		c->op = OP_MAP;
		return !read_flags(arg, &flags) || !(flags & MAP_FLAG_VADDR);
	case VFIO_IOMMU_UNMAP_DMA:
		c->op = OP_INVALIDATE;
		c->judged = true;
		return !read_flags(arg, &flags) || flags & UNMAP_FLAG_VADDR;
	}
	return true;
}

static __always_inline bool group_call(struct file *file, __u32 cmd, __u64 arg, struct quarantine_call *c)
{
	struct vfio_group *group = BPF_CORE_READ(file, private_data); /* a member of ours in a chain of reads would be relocated */
	__s32 fd = -1;

	c->group = group;
	if (cmd == VFIO_GROUP_SET_CONTAINER) {
		c->op = OP_ATTACH;
		c->judged = true;
		if (bpf_probe_read_user(&fd, sizeof(fd), (void *)arg))
			return false;
		file = current_file(fd);
		if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[GUARD_SYM_vfio_fops])
			return false;
		c->container = BPF_CORE_READ(file, private_data);
		return true;
	}
	c->op = OP_OPEN;
	c->judged = is_emulated(group);
	c->container = BPF_CORE_READ(group, container);
	return cmd == VFIO_GROUP_GET_DEVICE_FD;
}

/* All of them; one that was opened without a group has no container. */
static __always_inline bool device_call(struct file *file, struct quarantine_call *c)
{
	struct vfio_device *device = file_vfio_device(file);
	struct vfio_group *group = BPF_CORE_READ(device, group);

	c->op = OP_OTHER;
	c->group = group;
	c->container = BPF_CORE_READ(group, container);
	return true;
}

static __always_inline bool quarantine_call_of(struct file *file, __u32 cmd, __u64 arg, struct quarantine_call *c)
{
	__u64 ops = (__u64)BPF_CORE_READ(file, f_op);

	if (ops == symbols[GUARD_SYM_vfio_fops])
		return container_call(file, cmd, arg, c);
	if (ops == symbols[GUARD_SYM_vfio_group_fops])
		return group_call(file, cmd, arg, c);
	return ops == symbols[GUARD_SYM_vfio_device_fops] && device_call(file, c);
}

/* Some container is in quarantine: what does the caller get, if this call is about that? */
__noinline int on_quarantined(__u64 address, __u32 cmd, __u64 arg)
{
	struct file *file = (void *)address;
	const struct guard_policy *p = policy_now();
	struct quarantine_call c = {};
	struct vfio_container *container;
	struct about a = {};
	__u32 exempt, action;
	__u64 id;

	if (p->unfixed.contain < CONTAIN_QUARANTINE || p->rules[RULE_MDEV_VADDR].action != ACTION_DENY)
		return 0;
	if (!quarantine_call_of(file, cmd, arg, &c))
		return 0;
	container = c.container;
	if (!read_state(container, &a))
		return 0;
	id = (__u64)BPF_CORE_READ(container, iommu_data);
	if (!bpf_map_lookup_elem(&quarantined, &id))
		return 0;
	if (!a.invalid || !a.emulated) {
		settle(id, OP_UNKNOWN);
		return 0;
	}
	exempt = exemptions(p, RULE_MDEV_VADDR);
	if (exempt && c.judged)
		return 0;
	action = exempt ? ACTION_EXEMPT : ACTION_QUARANTINED;
	if (exempt)
		count_exemptions(exempt);
	__sync_fetch_and_add(&counters.decisions[RULE_MDEV_VADDR][WITHIN(action, GUARD_ACTIONS_ROOM)], 1);
	a.op = c.op;
	a.group = c.group;
	tell(RULE_MDEV_VADDR, action, -EBUSY, &a);
	return exempt ? 0 : -EBUSY;
}

/* The last group has left it. */
SEC("?fexit/vfio_iommu_type1_detach_group")
int BPF_PROG(guard_fexit__vfio_iommu_type1_detach_group, void *iommu, struct iommu_group *group)
{
	if (n_quarantined)
		settle((__u64)iommu, OP_DETACH);
	return 0;
}
