/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_veto.bpf.h - part of guard.bpf.c: a mediated device that is opened, when its caller can
 * change nothing any more.
 */

/* ---- the veto: a mediated device gets its file ----------------------------------------------- */

static __always_inline int note_join(const struct guard_join *join)
{
	__u64 id = bpf_get_current_pid_tgid();

	/* one of before is there only if its end was missed */
	if (!bpf_map_delete_elem(&joins, &id))
		__sync_fetch_and_sub(&joining, 1);
	if (bpf_map_update_elem(&joins, &id, join, BPF_ANY))
		return 1;
	__sync_fetch_and_add(&joining, 1);
	return 0;
}

static __always_inline void end_join(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (!bpf_map_delete_elem(&joins, &id))
		__sync_fetch_and_sub(&joining, 1);
}

SEC("?fentry/vfio_group_fops_unl_ioctl")
int BPF_PROG(guard_fentry__vfio_group_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct vfio_group *group;
	struct guard_join join = { .since = bpf_ktime_get_ns() };

	if (cmd == VFIO_GROUP_SET_CONTAINER)
		entered();
	if (cmd != VFIO_GROUP_GET_DEVICE_FD)
		return 0;
	group = BPF_CORE_READ(file, private_data);
	if (!is_emulated(group))
		return 0;
	join.group = (__u64)group;
	join.told = !bpf_map_delete_elem(&told_joins, &id);
	if (note_join(&join))
		__sync_fetch_and_add(&counters.full[TABLE_OPENINGS].unnoted, 1);
	return 0;
}

SEC("?fexit/vfio_group_fops_unl_ioctl")
int BPF_PROG(guard_fexit__vfio_group_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg, long ret)
{
	if (cmd == VFIO_GROUP_GET_DEVICE_FD)
		end_join();
	else if (cmd == VFIO_GROUP_SET_CONTAINER && holding)
		withdraw(bpf_get_current_pid_tgid());
	return 0;
}

SEC("?fentry/vfio_fops_unl_ioctl")
int BPF_PROG(guard_fentry__vfio_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd == VFIO_IOMMU_UNMAP_DMA)
		entered();
	return 0;
}

SEC("?fexit/vfio_fops_unl_ioctl")
int BPF_PROG(guard_fexit__vfio_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg, long ret)
{
	if (cmd == VFIO_IOMMU_UNMAP_DMA && holding)
		withdraw(bpf_get_current_pid_tgid());
	return 0;
}

__noinline int on_file(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct guard_join *join = bpf_map_lookup_elem(&joins, &id);
	bool against;
	int r;

	if (!join)
		return 0;
	/* the policy may be another one than when the call began: whom the rules are for is asked again then */
	if (policy_now()->scoped && !is_noted())
		note_scope();
	if (!join->group) {
		__sync_fetch_and_add(&counters.canary_file, 1);
		return -GUARD_CANARY_ERRNO;
	}
	r = judge_open((void *)join->group, join->told, &against);
	join->told |= against;
	return r;
}

/* Every file that is made comes by here: one load, unless somebody opens an mdev. */
SEC("?lsm/file_alloc_security")
int BPF_PROG(lsm__file_alloc_security, struct file *file, int ret)
{
	return bounded(ret ?: joining ? on_file() : 0);
}

SEC("?fmod_ret/security_file_alloc")
int BPF_PROG(fmod_ret__file_alloc, struct file *file, int ret)
{
	return bounded(ret ?: joining ? on_file() : 0);
}

/* For the canary of the veto: what file this thread makes next is refused. */
SEC("syscall")
int guard_arm(void *ctx)
{
	struct guard_join join = {};

	return note_join(&join);
}

SEC("syscall")
int guard_disarm(void *ctx)
{
	end_join();
	return 0;
}
