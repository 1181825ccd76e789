/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_ioctl.bpf.h - part of guard.bpf.c: the ioctls that are asked about, before the
 * driver sees them; and the canary.
 */

/* ---- early: the ioctls ---------------------------------------------------------------------- */

/* What a decision is "among", of those that there will be. */
static __always_inline void count(__u32 rule, __u64 *counter)
{
	if (concerns(rule))
		__sync_fetch_and_add(counter, 1);
}

/* No place to note it, and refused for that, or would be; who is exempt goes on without. */
static __always_inline void count_full(__u32 table)
{
	if (exemptions(policy_now(), RULE_MDEV_VADDR))
		count(RULE_MDEV_VADDR, &counters.full[table].unnoted);
	else
		count(RULE_MDEV_VADDR, &counters.full[table].refused);
}

/*
 * Before it has a driver nothing of a container is invalid, and no device is in use. It can
 * have one, and all that, by the time that a call gets to it, which is noted until then.
 */
static __always_inline bool emulated_now(const struct vfio_container *container)
{
	return is_type1(container) && has_emulated(container);
}

/* No mediated device is there now: it stays so until this call is over, or the call is refused. */
static __always_inline int unmap_alone(struct vfio_container *container, struct about *a)
{
	bool no_room, overlap;
	int r;

	if (!policy_now()->unfixed.two_sided || !policy_now()->rules[RULE_MDEV_VADDR].action)
		return 0;
	/* also for whom the rule is not: a join by somebody else has to see it */
	overlap = reserve_side((__u64)container, SIDE_VADDR, &no_room);
	/* where it cannot be said, joins are refused: they cannot say it either */
	if (!overlap && !emulated_now(container)) {
		if (no_room)
			__sync_fetch_and_add(&counters.full[TABLE_RESERVATIONS].unnoted, 1);
		return 0;
	}
	if (overlap)
		count(RULE_MDEV_VADDR, &counters.overlaps);
	a->emulated = 1;
	r = decide(RULE_MDEV_VADDR, 0, a);
	if (r)
		withdraw(bpf_get_current_pid_tgid());
	return r;
}

/* Its argument cannot be read: it is refused if there is an argument which would be. */
static __always_inline int unmap_unread(struct vfio_container *container, struct about *a, bool memory)
{
	int r = 0;

	if (a->emulated) {
		count(RULE_MDEV_VADDR, &counters.nonresident);
		r = decide(RULE_MDEV_VADDR, EFAULT, a);
	} else {
		r = unmap_alone(container, a);
	}
	if (!r && memory)
		r = judge_memory((__u64)container, 0, ~0ULL, EFAULT, a);
	if (r)
		withdraw(bpf_get_current_pid_tgid());
	return r;
}

__noinline int on_unmap(__u64 address, __u64 arg)
{
	struct vfio_container *container = (void *)address;
	struct about a = { .op = OP_INVALIDATE };
	bool memory = policy_now()->rules[RULE_FILE_BACKED].action;
	struct unmap_arg unmap = {};
	__u64 first, last;
	long unread;
	int r;

	unread = bpf_probe_read_user(&unmap, sizeof(unmap), (void *)arg);
	remember_owner(container);
	if (!unread && !(unmap.flags & UNMAP_FLAG_VADDR))
		return 0;
	/* nothing of it can be against a rule, but for a join that is under way */
	if (!read_state(container, &a))
		memory = false;
	/* without a mediated device every unmap is fine, and its argument of interest only to joins, and for its memory */
	if (!a.emulated && !policy_now()->unfixed.two_sided && !memory)
		return 0;
	if (unread)
		return unmap_unread(container, &a, memory);
	a.iova = unmap.iova;
	a.size = unmap.size;
	a.flags = unmap.flags;
	r = a.emulated ? decide(RULE_MDEV_VADDR, 0, &a) : unmap_alone(container, &a);
	if (r || !memory || !asked_ranges(&unmap, &first, &last))
		return r;
	r = judge_memory((__u64)container, first, last, 0, &a);
	if (r)
		withdraw(bpf_get_current_pid_tgid());
	return r;
}

/* As most are: what the container is like need not be asked, nor what its address is (90 instructions), as it is remembered. */
static __always_inline bool is_ordinary(const struct file *file, __u64 arg)
{
	__u32 flags;

	return (__u64)file->private_data == last_owner && read_flags(arg, &flags) && !(flags & UNMAP_FLAG_VADDR);
}

/* A mediated device joins: nothing is being invalidated until this call is over, or it is refused. */
static __always_inline int join_alone(struct vfio_container *container, struct about *a)
{
	bool no_room, overlap;
	int r;

	if (!policy_now()->unfixed.two_sided || !policy_now()->rules[RULE_MDEV_VADDR].action)
		return 0;
	overlap = reserve_side((__u64)container, SIDE_JOIN, &no_room);
	a->invalid = is_type1(container) ? invalid_ranges(container) : 0;
	if (!overlap && !no_room && !a->invalid)
		return 0;
	if (overlap)
		count(RULE_MDEV_VADDR, &counters.overlaps);
	if (no_room)
		count_full(TABLE_RESERVATIONS);
	r = decide(RULE_MDEV_VADDR, 0, a);
	if (r)
		withdraw(bpf_get_current_pid_tgid());
	return r;
}

/* Who is let through, as the rule only monitors, is not for him or he is exempt: others have to see him join all the same. */
static __always_inline int join_against(struct vfio_container *container, struct about *a)
{
	int r = decide(RULE_MDEV_VADDR, 0, a);
	bool no_room;

	if (!r && a->emulated && policy_now()->unfixed.two_sided && policy_now()->rules[RULE_MDEV_VADDR].action)
		reserve_side((__u64)container, SIDE_JOIN, &no_room);
	return r;
}

/* Any group is refused while a range is invalid, as a kernel with the fix does. */
__noinline int on_attach(__u64 address, __u64 arg)
{
	struct vfio_group *group = (void *)address;
	struct about a = { .op = OP_ATTACH, .group = group, .emulated = is_emulated(group) };
	struct vfio_container *container;
	struct file *file;
	__s32 fd = -1;
	int r = 0;

	if (bpf_probe_read_user(&fd, sizeof(fd), (void *)arg)) {
		if (!a.emulated)
			return 0;
		if (concerns(RULE_STRICT) || concerns(RULE_MDEV_VADDR))
			__sync_fetch_and_add(&counters.nonresident, 1);
		r = decide(RULE_STRICT, EFAULT, &a);
		return r ?: decide(RULE_MDEV_VADDR, EFAULT, &a);
	}
	file = current_file(fd);
	/* the file of an iommufd can be joined too: it knows no invalid range, and is no container */
	if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[GUARD_SYM_vfio_fops])
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (a.emulated) {
		a.container = container;
		r = decide(RULE_STRICT, 0, &a);
	}
	if (r)
		return r;
	if (!read_state(container, &a))
		return a.emulated ? join_alone(container, &a) : 0;
	remember_owner(container);
	if (a.emulated && !a.invalid && was_invalid(container)) {
		count(RULE_MDEV_VADDR, &counters.sticky);
		return join_against(container, &a);
	}
	if (a.invalid)
		return join_against(container, &a);
	return a.emulated ? join_alone(container, &a) : 0;
}

/*
 * May this mediated device be opened? Against is whether it is against a rule,
 * whatever that does. With silent nobody is told: it was already.
 */
static __always_inline int judge_open(struct vfio_group *group, bool silent, bool *against)
{
	struct about a = { .op = OP_OPEN, .group = group, .emulated = 1 };
	struct vfio_container *container = BPF_CORE_READ(group, container);
	int r;

	*against = false;
	if (!container)
		return 0;
	a.container = container;
	*against = policy_now()->rules[RULE_STRICT].action != ACTION_OFF;
	r = silent ? refusal(RULE_STRICT) : decide(RULE_STRICT, 0, &a);
	if (r || !read_state(container, &a))
		return r;
	if (!a.invalid && !was_invalid(container))
		return 0;
	if (!a.invalid && !silent)
		count(RULE_MDEV_VADDR, &counters.sticky);
	*against |= policy_now()->rules[RULE_MDEV_VADDR].action != ACTION_OFF;
	return silent ? refusal(RULE_MDEV_VADDR) : decide(RULE_MDEV_VADDR, 0, &a);
}

__noinline int on_open(__u64 address)
{
	struct vfio_group *group = (void *)address;
	struct about a = { .op = OP_OPEN, .group = group, .emulated = 1 };
	__u64 id = bpf_get_current_pid_tgid(), one = 1;
	bool against;
	int r;

	if (!is_emulated(group))
		return 0;
	/* with no place to note it there would be no veto */
	if (joining >= GUARD_OPENINGS_MAX) {
		count_full(TABLE_OPENINGS);
		a.container = BPF_CORE_READ(group, container);
		return decide(RULE_MDEV_VADDR, 0, &a);
	}
	r = judge_open(group, false, &against);
	if (!r && against)
		bpf_map_update_elem(&told_joins, &id, &one, BPF_ANY);
	return r;
}

/*
 * Proof that a hook runs, and that what it returns is what the caller gets.
 * Its record, of a decision about nothing, proves that records get through.
 */
__noinline int canary(__u32 arg)
{
	struct about nothing = {};

	if (arg != nonce)
		return 0;
	__sync_fetch_and_add(&counters.canary, 1);
	tell(0, ACTION_OFF, -GUARD_CANARY_ERRNO, &nothing);
	return -GUARD_CANARY_ERRNO;
}

static __always_inline int on_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	bool group, unmap, attach, open;
	__u64 ops;
	int r = 0;

	if ((cmd >> 8 & 0xff) != VFIO_TYPE)
		return 0;
	if (cmd == GUARD_CANARY)
		return canary(arg);
	ops = (__u64)file->f_op;
	group = ops == symbols[GUARD_SYM_vfio_group_fops];
	unmap = ops == symbols[GUARD_SYM_vfio_fops] && cmd == VFIO_IOMMU_UNMAP_DMA;
	attach = group && cmd == VFIO_GROUP_SET_CONTAINER;
	open = group && cmd == VFIO_GROUP_GET_DEVICE_FD;
	if (unmap || attach || open || n_quarantined)
		note_scope();
	else
		drop_note();
	if (n_quarantined)
		r = on_quarantined(argument_address(file), cmd, arg);
	if (r)
		return r;
	if (unmap)
		return is_ordinary(file, arg) ? 0 : on_unmap(argument_address(file->private_data), arg);
	if (attach)
		return on_attach(argument_address(file->private_data), arg);
	return open ? on_open(argument_address(file->private_data)) : 0;
}

/*
 * What an LSM program may return, in a form in which the verifier of 6.12 and
 * later (5d99e198be27) sees it: two comparisons with signs, which the compiler
 * would make into one without.
 */
static __always_inline int bounded(int r)
{
	if (r > 0)
		r = -EPERM;
	__asm__ volatile("" : "+r"(r));
	if (r < -4095)
		r = -EPERM;
	return r;
}

/* Both mechanisms, both ABIs. ret is what was decided before us. */
#define IOCTL_HOOK(section, name)                                                                         \
	SEC("?" section)                                                                                  \
	int BPF_PROG(name, struct file *file, unsigned int cmd, unsigned long arg, int ret)               \
	{                                                                                                 \
		return bounded(ret ?: on_ioctl(file, cmd, arg));                                          \
	}

IOCTL_HOOK("lsm/file_ioctl", lsm__file_ioctl)
IOCTL_HOOK("lsm/file_ioctl_compat", lsm__file_ioctl_compat)
IOCTL_HOOK("fmod_ret/security_file_ioctl", fmod_ret__file_ioctl)
IOCTL_HOOK("fmod_ret/security_file_ioctl_compat", fmod_ret__file_ioctl_compat)
