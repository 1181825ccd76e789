/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_judge.bpf.h - part of guard.bpf.c: what is, after the call.
 */

/* ---- judged: what is, after the call ---------------------------------------------------------- */

static __always_inline struct broken_state *broken_of(__u64 id)
{
	struct broken_state *b = bpf_map_lookup_elem(&broken, &id), fresh = {};

	if (b)
		return b;
	if (!bpf_map_update_elem(&broken, &id, &fresh, BPF_NOEXIST))
		__sync_fetch_and_add(&n_broken, 1);
	return bpf_map_lookup_elem(&broken, &id);
}

/*
 * Notes what has come of it; has it been told before? Functions, so that the verifier does not follow
 * all that comes behind for each of the ways through them.
 */
static __noinline int note_broken(__u64 id, __u64 told, __u64 settled)
{
	struct broken_state *b = broken_of(id);

	if (!b)
		return 0;
	if (settled)
		b->settled = 1;
	return told && __sync_fetch_and_add(&b->told, 1);
}

static __noinline int is_told(__u64 id)
{
	struct broken_state *b = bpf_map_lookup_elem(&broken, &id);

	return b && b->told;
}

/* Told, or nobody's business any more. */
static __noinline int is_dealt_with(__u64 id)
{
	struct broken_state *b = bpf_map_lookup_elem(&broken, &id);

	return b && (b->told || b->settled);
}

static __noinline int set_settled(__u64 id, __u64 settled)
{
	struct broken_state *b = bpf_map_lookup_elem(&broken, &id);

	if (b)
		b->settled = settled;
	return 0;
}

/* Somebody who is in the driver has made it so now, and nobody knows who. */
static __noinline int note_broke(__u64 id)
{
	struct broken_state *b = bpf_map_lookup_elem(&broken, &id);
	__u64 now = bpf_ktime_get_ns();

	if (b && b->settled)
		return 0;
	bpf_map_update_elem(&broke, &id, &now, BPF_ANY);
	n_broke = 1;
	return 0;
}

/* It is known who, or it is gone. */
static __noinline int forget_broke(__u64 id)
{
	if (n_broke)
		bpf_map_delete_elem(&broke, &id);
	return 0;
}

/* Has somebody since then? */
static __noinline int has_broken(__u64 id, __u64 since)
{
	__u64 *when = n_broke ? bpf_map_lookup_elem(&broke, &id) : NULL;

	return when && *when > since;
}

/*
 * Whoever's call it is: who made it so may not have come back yet. (What the driver's functions
 * are given is a pointer to void, which is a number to the verifier as it is.)
 */
static __always_inline void judge(struct vfio_iommu *iommu, __u32 op)
{
	__u64 id = (__u64)iommu, *owner;
	struct about a = { .op = op, .emulated = 1 };

	a.invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
	if (a.invalid)
		note_invalid(id);
	if (!a.invalid || !iommu_has_emulated(iommu)) {
		if (n_broken && !bpf_map_delete_elem(&broken, &id))
			__sync_fetch_and_sub(&n_broken, 1);
		return;
	}
	if (!policy_now()->rules[RULE_MDEV_VADDR].action)
		return;
	/* once for each time that it gets there; a full table makes it more often, never less */
	if (is_told(id))
		return;
	if (outside(RULE_MDEV_VADDR)) {
		note_broken(id, 0, 1);
		return;
	}
	/* a join is told, and nobody is killed for it: the device cannot be opened there */
	if (note_broken(id, 1, op == OP_ATTACH))
		return;
	if (op != OP_ATTACH)
		note_broke(id);
	__sync_fetch_and_add(&counters.decisions[RULE_MDEV_VADDR][ACTION_PASSED], 1);
	owner = bpf_map_lookup_elem(&owners, &id);
	if (owner)
		a.container = (void *)*owner;
	tell(RULE_MDEV_VADDR, ACTION_PASSED, 0, &a);
}

/*
 * What was so before the call is not the caller's doing. Also where no mediated
 * device is there yet: the caller may keep the driver waiting for its argument until one is.
 */
SEC("?fentry/vfio_iommu_type1_ioctl")
int BPF_PROG(guard_fentry__vfio_iommu_type1_ioctl, struct vfio_iommu *iommu, unsigned int cmd, unsigned long arg)
{
	__u64 invalid;
	struct entry *e;

	if (!policy_now()->unfixed.contain)
		return 0;
	invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
	/* whoever made it so is still in there, and this call may undo it; whom the rule is not for settles nothing by coming by */
	if (invalid && !is_dealt_with((__u64)iommu) && !outside(RULE_MDEV_VADDR))
		judge(iommu, OP_INVALIDATE);
	if (cmd != VFIO_IOMMU_UNMAP_DMA)
		return 0;
	e = bpf_task_storage_get(&entries, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!e) {
		__sync_fetch_and_add(&counters.full[TABLE_CALLERS].unnoted, 1);
		return 0;
	}
	e->since = bpf_ktime_get_ns();
	e->invalid = invalid;
	/* whom it was not for when he was let through, or who was exempt, is so for all of the call; so is what did not deny then */
	e->spared = policy_now()->rules[RULE_MDEV_VADDR].action != ACTION_DENY || outside(RULE_MDEV_VADDR) ||
		    exemptions(policy_now(), RULE_MDEV_VADDR);
	e->inside = 1;
	return 0;
}

/*
 * This call made a range invalid beside a mediated device, which its argument
 * did not say when it was asked for: that is no accident. Its result does not
 * tell: where the answer cannot be written it is EFAULT, of what was done. It may
 * be valid again by now.
 */
static __always_inline void contain(struct vfio_iommu *iommu, __u32 cmd, long ret)
{
	__u64 id = (__u64)iommu;
	struct entry *e;
	bool is_so;

	if (cmd != VFIO_IOMMU_UNMAP_DMA || !policy_now()->unfixed.contain)
		return;
	e = bpf_task_storage_get(&entries, bpf_get_current_task_btf(), 0, 0);
	if (!e || !e->inside)
		return;
	e->inside = 0;
	if (ret && ret != -EFAULT)
		return;
	is_so = BPF_CORE_READ(iommu, vaddr_invalid_count) > e->invalid && iommu_has_emulated(iommu);
	if (!is_so && !has_broken(id, e->since))
		return;
	if (is_so) {
		set_settled(id, 1);
		forget_broke(id);
	}
	if (e->spared || policy_now()->rules[RULE_MDEV_VADDR].action != ACTION_DENY)
		return;
	if (is_so && policy_now()->unfixed.contain >= CONTAIN_QUARANTINE)
		begin_quarantine(iommu, OP_INVALIDATE);
	/* at its end it would close the device first, and hang there for good: the next look says so */
	if (is_so && is_waited_for(iommu)) {
		set_settled(id, 0);
		return;
	}
	if (!bpf_send_signal(SIGKILL))
		__sync_fetch_and_add(&counters.killed, 1);
	else
		set_settled(id, 0); /* it is for the next look */
}

SEC("?fexit/vfio_iommu_type1_ioctl")
int BPF_PROG(guard_fexit__vfio_iommu_type1_ioctl, struct vfio_iommu *iommu, unsigned int cmd, unsigned long arg, long ret)
{
	if (n_quarantined)
		settle((__u64)iommu, cmd == VFIO_IOMMU_UNMAP_DMA ? OP_UNMAP : OP_REVALIDATE);
	/* nothing is invalid, and of nothing it is remembered that it was; contain() may have left something */
	if (!BPF_CORE_READ(iommu, vaddr_invalid_count) && !n_broken && !n_windows && !(policy_now()->unfixed.contain && cmd == VFIO_IOMMU_UNMAP_DMA))
		return 0;
	judge(iommu, OP_INVALIDATE);
	contain(iommu, cmd, ret);
	note_window(iommu, cmd, arg, ret);
	return 0;
}

SEC("?fexit/vfio_iommu_type1_attach_group")
int BPF_PROG(guard_fexit__vfio_iommu_type1_attach_group, struct vfio_iommu *iommu, struct iommu_group *group, int type, int ret)
{
	/* the first group of a container that had another before */
	last_owner = 0;
	judge(iommu, OP_ATTACH);
	return 0;
}

/* The address may be given to another one. */
SEC("?fentry/vfio_iommu_type1_release")
int BPF_PROG(guard_fentry__vfio_iommu_type1_release, void *iommu)
{
	__u64 id = (__u64)iommu;

	if (n_broken && !bpf_map_delete_elem(&broken, &id))
		__sync_fetch_and_sub(&n_broken, 1);
	if (n_ever && !bpf_map_delete_elem(&ever_invalid, &id))
		__sync_fetch_and_sub(&n_ever, 1);
	forget_broke(id);
	forget_window(id);
	if (n_quarantined && leave_quarantine(id))
		tell_quarantine(id, OP_RELEASE, ACTION_QUARANTINE_ENDS);
	forget_owner(id);
	return 0;
}
