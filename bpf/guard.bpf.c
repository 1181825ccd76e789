// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard.bpf.c - the hooks that may refuse. What is decided, and where:
 *
 *   early	file_ioctl and file_ioctl_compat, as LSM programs or as fmod_ret
 *		of the security functions: an invalidation beside a mediated
 *		device; a group that joins a container with an invalid range; a
 *		mediated device that is opened in one. It rests on the kernel's own
 *		state, and on the caller's argument for what only that tells. The
 *		argument can be changed behind our back before the driver reads it.
 *   exec	bprm_check_security: a process that keeps a container with an invalid
 *		range in the new program
 *   veto	file_alloc_security, inside VFIO_GROUP_GET_DEVICE_FD: after all that
 *		the driver reads from its caller, before the file is there. Sound.
 *   reserved	from early until the driver returns, on kernels that do not refuse by
 *		themselves: an invalidation and a join of one container exclude
 *		each other, as both are checked before either has happened
 *   judged	return of vfio_iommu_type1_ioctl and _attach_group: is an invalid
 *		range beside a mediated device, whatever anybody said? Misses
 *		nothing that these calls did. Who did it while it is denied is
 *		killed there, on kernels that do not refuse by themselves.
 *
 * Programs that may refuse do not sleep: one that waits for a page of its
 * caller gives the caller the time to change it. The argument is read in one
 * piece, and what cannot be read is refused, but only if a mediated device is
 * there. A decision never depends on its record getting out. To monitor is
 * the same code up to the value that is returned.
 */
#include "common.bpf.h"
#include "guard.h"

#define VFIO_TYPE ';'
#define VFIO_GROUP_SET_CONTAINER 0x3b68
#define VFIO_GROUP_GET_DEVICE_FD 0x3b6a
#define VFIO_IOMMU_UNMAP_DMA 0x3b72
#define UNMAP_FLAG_VADDR 4
#define EPERM 1
#define EFAULT 14
#define EBUSY 16
#define SIGKILL 9

const volatile __u32 nonce; /* argument of the canary */

struct guard_policy policy = {};
struct guard_counters counters = {};
__u64 symbols[GUARD_SYM__max] = {};
__u64 key[2] = {};
__u64 unknown_zero; /* 0, which the verifier does not know: a loop's state must not begin with a constant */
__u64 joining; /* threads in VFIO_GROUP_GET_DEVICE_FD of an mdev, about: for the veto to be cheap */
__u64 n_broken; /* entries of broken, about */

/* A thread that is opening a mediated device: its group. */
struct join {
	__u64 group; /* address; 0: a test of the veto */
	__u64 told;  /* it is against a rule, and that was told */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() */
	__type(value, struct join);
} joins SEC(".maps");

/* Threads whose opening was let through, against a rule that monitors: told once is enough. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} told_joins SEC(".maps");

/* Containers in which an invalid range is beside a mediated device, by the address of their vfio_iommu. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} broken SEC(".maps");

/* The container of a vfio_iommu, for its name in records. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} owners SEC(".maps");

/*
 * Containers that somebody is invalidating or joining, by their address, and
 * who. Each side says so, and then, behind a full barrier, looks whether the
 * other one has: of two that overlap at least one sees it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, struct guard_sides);
} sides SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() */
	__type(value, struct guard_held);
} held SEC(".maps");

__u64 holding; /* entries of held, about: for the return of an ioctl to be cheap */

/* Ranges that were invalid beside a mediated device when a thread entered the driver. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() */
	__type(value, __u64);
} before SEC(".maps");

/* Containers that had an invalid range, by the address of their vfio_iommu. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} ever_invalid SEC(".maps");

__u64 n_ever;	  /* entries of it, about */
__u64 ever_full; /* it could not take one: then every container counts as one */

static const char sym_ptr_key[] = "ptr_key";
#define X(name, use) static const char sym_##name[] = #name;
GUARD_SYMBOLS(X)
#undef X

SEC("syscall")
int guard_resolve(void *ctx)
{
	__u64 ptr_key = 0;

#define X(name, use) bpf_kallsyms_lookup_name(sym_##name, sizeof(sym_##name), 0, &symbols[GUARD_SYM_##name]);
	GUARD_SYMBOLS(X)
#undef X
	bpf_kallsyms_lookup_name(sym_ptr_key, sizeof(sym_ptr_key), 0, &ptr_key);
	make_key(key, ptr_key);
	return 0;
}

/* ---- decisions --------------------------------------------------------------------------- */

/* Into a table of a power of two entries; the compiler knows that it is, the verifier must see it. */
#define WITHIN(i, n)                                   \
	({                                             \
		__u32 __i = (i);                       \
		__asm__ volatile("" : "+r"(__i));      \
		__i & ((n) - 1);                       \
	})

/* What a decision is about: what its record says. */
struct about {
	const struct vfio_container *container;
	const struct vfio_group *group;
	__u64 iova, size;
	__u32 op, flags, invalid, emulated;
};

static __always_inline void tell(__u32 rule, __u32 action, int result, const struct about *a)
{
	const struct vfio_group *group = a->group; /* a member of ours in a chain of reads would be relocated */
	struct ev_decision *e;

	/* a storm of refusals must drown neither the canary nor what was not prevented */
	if (action != ACTION_OFF && action != ACTION_PASSED && bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > GUARD_RING_BYTES / 2) {
		__sync_fetch_and_add(&stats.lost, 1);
		return;
	}
	e = EV_BEGIN(decision, object_id_key(a->container, key[0], key[1]));
	if (!e)
		return;
	e->iova = a->iova;
	e->size = a->size;
	e->result = result;
	e->rule = rule;
	e->action = action;
	e->op = a->op;
	e->flags = a->flags;
	e->invalid = a->invalid;
	e->emulated = a->emulated;
	if (group)
		e->group = BPF_CORE_READ(group, iommu_group, id);
	EV_END_NOW(e);
}

/* The call is against this rule: what does the caller get? */
static __noinline int decide(__u32 rule, __u32 error, const struct about *a)
{
	__u32 action;

	if (!a)
		return 0;
	rule = WITHIN(rule, GUARD_RULES_ROOM);
	action = policy.rules[rule].action;
	if (action != ACTION_MONITOR && action != ACTION_DENY)
		return 0;
	if (!error)
		error = policy.rules[rule].error;
	__sync_fetch_and_add(&counters.decisions[rule][WITHIN(action, ACTION__max)], 1);
	tell(rule, action, -(int)error, a);
	return action == ACTION_DENY ? -(int)error : 0;
}

/* What decide() would return, without a decision. */
static __always_inline int refusal(__u32 rule)
{
	return policy.rules[rule].action == ACTION_DENY ? -(int)policy.rules[rule].error : 0;
}

/* ---- the kernel's state -------------------------------------------------------------------- */

static __always_inline bool is_type1(const struct vfio_container *container)
{
	struct vfio_iommu_driver *driver = BPF_CORE_READ(container, iommu_driver);

	return driver && (__u64)BPF_CORE_READ(driver, ops) == symbols[GUARD_SYM_vfio_iommu_driver_ops_type1];
}

static __always_inline void note_invalid(__u64 iommu)
{
	__u64 now = bpf_ktime_get_ns();

	if (!policy.unfixed.sticky || bpf_map_lookup_elem(&ever_invalid, &iommu))
		return;
	if (bpf_map_update_elem(&ever_invalid, &iommu, &now, BPF_ANY))
		__sync_fetch_and_add(&ever_full, 1);
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

static __always_inline void remember_owner(const struct vfio_container *container)
{
	__u64 iommu = (__u64)BPF_CORE_READ(container, iommu_data), owner = (__u64)container;
	__u64 *known = bpf_map_lookup_elem(&owners, &iommu);

	if (iommu && (!known || *known != owner))
		bpf_map_update_elem(&owners, &iommu, &owner, BPF_ANY);
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

	if (!policy.unfixed.sticky || !iommu)
		return false;
	return ever_full || (n_ever && bpf_map_lookup_elem(&ever_invalid, &iommu));
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

static __noinline int withdraw(__u64 id)
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
		return false;
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

/* ---- early: the ioctls ---------------------------------------------------------------------- */

struct unmap_arg {
	__u32 argsz, flags;
	__u64 iova, size;
};

/* No mediated device is there now: it stays so until this call is over, or the call is refused. */
static __always_inline int unmap_alone(struct vfio_container *container, struct about *a)
{
	bool no_room, overlap;
	int r;

	if (!policy.unfixed.two_sided || !policy.rules[RULE_MDEV_VADDR].action)
		return 0;
	overlap = reserve_side((__u64)container, SIDE_VADDR, &no_room);
	/* where it cannot be said, joins are refused: they cannot say it either */
	if (!overlap && !has_emulated(container))
		return 0;
	if (overlap)
		__sync_fetch_and_add(&counters.overlaps, 1);
	a->emulated = 1;
	r = decide(RULE_MDEV_VADDR, 0, a);
	if (r)
		withdraw(bpf_get_current_pid_tgid());
	return r;
}

static __noinline int on_unmap(struct vfio_container *container_arg, __u64 arg)
{
	struct vfio_container *container = NUMBER(container_arg);
	struct about a = { .op = OP_INVALIDATE };
	struct unmap_arg unmap = {};
	bool unreadable;

	if (!read_state(container, &a))
		return 0;
	/* without a mediated device every unmap is fine, and its argument of interest only to joins */
	if (!a.emulated && !policy.unfixed.two_sided)
		return 0;
	remember_owner(container);
	unreadable = bpf_probe_read_user(&unmap, sizeof(unmap), (void *)arg);
	if (unreadable && a.emulated) {
		__sync_fetch_and_add(&counters.nonresident, 1);
		return decide(RULE_MDEV_VADDR, EFAULT, &a);
	}
	if (!unreadable && !(unmap.flags & UNMAP_FLAG_VADDR))
		return 0;
	a.iova = unmap.iova;
	a.size = unmap.size;
	a.flags = unmap.flags;
	return a.emulated ? decide(RULE_MDEV_VADDR, 0, &a) : unmap_alone(container, &a);
}

/* A mediated device joins: nothing is being invalidated until this call is over, or it is refused. */
static __always_inline int join_alone(struct vfio_container *container, struct about *a)
{
	bool no_room, overlap;
	int r;

	if (!policy.unfixed.two_sided || !policy.rules[RULE_MDEV_VADDR].action)
		return 0;
	overlap = reserve_side((__u64)container, SIDE_JOIN, &no_room);
	a->invalid = invalid_ranges(container);
	if (!overlap && !no_room && !a->invalid)
		return 0;
	if (overlap)
		__sync_fetch_and_add(&counters.overlaps, 1);
	if (no_room)
		__sync_fetch_and_add(&counters.no_room, 1);
	r = decide(RULE_MDEV_VADDR, 0, a);
	if (r)
		withdraw(bpf_get_current_pid_tgid());
	return r;
}

/* Any group is refused while a range is invalid, as a kernel with the fix does. */
static __noinline int on_attach(struct vfio_group *group_arg, __u64 arg)
{
	struct vfio_group *group = NUMBER(group_arg);
	struct about a = { .op = OP_ATTACH, .group = group, .emulated = is_emulated(group) };
	struct vfio_container *container;
	struct file *file;
	__s32 fd = -1;
	int r = 0;

	if (bpf_probe_read_user(&fd, sizeof(fd), (void *)arg)) {
		if (!a.emulated)
			return 0;
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
	if (r || !read_state(container, &a))
		return r;
	remember_owner(container);
	if (a.emulated && !a.invalid && was_invalid(container)) {
		__sync_fetch_and_add(&counters.sticky, 1);
		return decide(RULE_MDEV_VADDR, 0, &a);
	}
	if (a.invalid)
		return decide(RULE_MDEV_VADDR, 0, &a);
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
	*against = policy.rules[RULE_STRICT].action != ACTION_OFF;
	r = silent ? refusal(RULE_STRICT) : decide(RULE_STRICT, 0, &a);
	if (r || !read_state(container, &a))
		return r;
	if (!a.invalid && !was_invalid(container))
		return 0;
	if (!a.invalid && !silent)
		__sync_fetch_and_add(&counters.sticky, 1);
	*against |= policy.rules[RULE_MDEV_VADDR].action != ACTION_OFF;
	return silent ? refusal(RULE_MDEV_VADDR) : decide(RULE_MDEV_VADDR, 0, &a);
}

static __noinline int on_open(struct vfio_group *group_arg)
{
	struct vfio_group *group = NUMBER(group_arg);
	struct about a = { .op = OP_OPEN, .group = group, .emulated = 1 };
	__u64 id = bpf_get_current_pid_tgid(), one = 1;
	bool against;
	int r;

	if (!is_emulated(group))
		return 0;
	/* with no place to note it there would be no veto */
	if (joining >= GUARD_JOINS_MAX / 2) {
		__sync_fetch_and_add(&counters.no_room, 1);
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
static __noinline int canary(__u32 arg)
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
	__u64 ops;

	if ((cmd >> 8 & 0xff) != VFIO_TYPE)
		return 0;
	if (cmd == GUARD_CANARY)
		return canary(arg);
	ops = (__u64)file->f_op;
	if (ops == symbols[GUARD_SYM_vfio_fops])
		return cmd == VFIO_IOMMU_UNMAP_DMA ? on_unmap(file->private_data, arg) : 0;
	if (ops != symbols[GUARD_SYM_vfio_group_fops])
		return 0;
	if (cmd == VFIO_GROUP_SET_CONTAINER)
		return on_attach(file->private_data, arg);
	if (cmd == VFIO_GROUP_GET_DEVICE_FD)
		return on_open(file->private_data);
	return 0;
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

/* ---- exec ------------------------------------------------------------------------------------- */

struct kept_files {
	struct file **file;
	unsigned long *close_on_exec;
	struct about a;
	int r;
};

/* A file that the new program will have: a container with an invalid range? One is enough. */
static long look_at_kept(__u32 i, struct kept_files *k)
{
	struct vfio_container *container;
	struct file *file = NULL;
	unsigned long bits = 0;

	bpf_probe_read_kernel(&file, sizeof(file), &k->file[i]);
	if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[GUARD_SYM_vfio_fops])
		return 0;
	bpf_probe_read_kernel(&bits, sizeof(bits), &k->close_on_exec[i / 64]);
	if (bits >> i % 64 & 1)
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (!read_state(container, &k->a) || !k->a.invalid)
		return 0;
	k->r = decide(RULE_EXEC_PINNED, 0, &k->a);
	return 1;
}

#define KEPT_MAX (1U << 23) /* what bpf_loop() does */

static __always_inline int on_exec(struct linux_binprm *bprm)
{
	struct kept_files k = { .a.op = OP_EXEC };
	struct fdtable *fdt;
	__u32 n;

	/* a script's interpreter is checked in its turn: the same exec */
	if (!policy.rules[RULE_EXEC_PINNED].action || bprm->interp != bprm->filename)
		return 0;
	fdt = bpf_get_current_task_btf()->files->fdt;
	k.file = BPF_CORE_READ(fdt, fd);
	k.close_on_exec = BPF_CORE_READ(fdt, close_on_exec);
	k.r = unknown_zero;
	n = BPF_CORE_READ(fdt, max_fds);
	/* who has so many files is not let by for that */
	if (n > KEPT_MAX)
		return decide(RULE_EXEC_PINNED, 0, &k.a);
	bpf_loop(n, look_at_kept, &k, 0);
	return k.r;
}

SEC("?lsm/bprm_check_security")
int BPF_PROG(lsm__bprm_check_security, struct linux_binprm *bprm, int ret)
{
	return bounded(ret ?: on_exec(bprm));
}

SEC("?fmod_ret/security_bprm_check")
int BPF_PROG(fmod_ret__bprm_check, struct linux_binprm *bprm, int ret)
{
	return bounded(ret ?: on_exec(bprm));
}

/* ---- the veto: a mediated device gets its file ----------------------------------------------- */

static __always_inline int note_join(const struct join *join)
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
	struct join join = {};

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
		__sync_fetch_and_add(&counters.no_room, 1);
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

/* Its address may be given to another one. */
SEC("?fentry/vfio_fops_release")
int BPF_PROG(guard_fentry__vfio_fops_release, struct inode *inode, struct file *file)
{
	__u64 container = (__u64)BPF_CORE_READ(file, private_data);

	bpf_map_delete_elem(&sides, &container);
	return 0;
}

static __noinline int on_file(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct join *join = bpf_map_lookup_elem(&joins, &id);
	bool against;
	int r;

	if (!join)
		return 0;
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
	struct join join = {};

	return note_join(&join);
}

SEC("syscall")
int guard_disarm(void *ctx)
{
	end_join();
	return 0;
}

/* ---- judged: what is, after the call ---------------------------------------------------------- */

static __always_inline void judge(void *iommu_arg, __u32 op)
{
	struct vfio_iommu *iommu = NUMBER(iommu_arg);
	__u64 id = (__u64)iommu, now = bpf_ktime_get_ns(), *owner;
	struct about a = { .op = op, .emulated = 1 };

	a.invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
	if (a.invalid)
		note_invalid(id);
	if (!a.invalid || !iommu_has_emulated(iommu)) {
		if (n_broken && !bpf_map_delete_elem(&broken, &id))
			__sync_fetch_and_sub(&n_broken, 1);
		return;
	}
	if (!policy.rules[RULE_MDEV_VADDR].action)
		return;
	/* once for each time that it gets there; a full table makes it more often, never less */
	if (bpf_map_lookup_elem(&broken, &id))
		return;
	if (!bpf_map_update_elem(&broken, &id, &now, BPF_NOEXIST))
		__sync_fetch_and_add(&n_broken, 1);
	__sync_fetch_and_add(&counters.decisions[RULE_MDEV_VADDR][ACTION_PASSED], 1);
	owner = bpf_map_lookup_elem(&owners, &id);
	if (owner)
		a.container = (void *)*owner;
	tell(RULE_MDEV_VADDR, ACTION_PASSED, 0, &a);
}

/* What was so before the call is not the caller's doing. */
SEC("?fentry/vfio_iommu_type1_ioctl")
int BPF_PROG(guard_fentry__vfio_iommu_type1_ioctl, void *iommu_arg, unsigned int cmd, unsigned long arg)
{
	struct vfio_iommu *iommu = NUMBER(iommu_arg);
	__u64 id = bpf_get_current_pid_tgid(), n;

	if (cmd != VFIO_IOMMU_UNMAP_DMA || !policy.unfixed.kill || !iommu_has_emulated(iommu))
		return 0;
	n = BPF_CORE_READ(iommu, vaddr_invalid_count);
	bpf_map_update_elem(&before, &id, &n, BPF_ANY);
	return 0;
}

/* This call made a range invalid beside a mediated device, which its argument did not say when it was asked for: that is no accident. */
static __always_inline void contain(void *iommu_arg, __u32 cmd, long ret)
{
	struct vfio_iommu *iommu = NUMBER(iommu_arg);
	__u64 id = bpf_get_current_pid_tgid(), *n;

	if (cmd != VFIO_IOMMU_UNMAP_DMA || !policy.unfixed.kill)
		return;
	n = bpf_map_lookup_elem(&before, &id);
	if (!n)
		return;
	if (!ret && policy.rules[RULE_MDEV_VADDR].action == ACTION_DENY && iommu_has_emulated(iommu) &&
	    BPF_CORE_READ(iommu, vaddr_invalid_count) > *n && !bpf_send_signal(SIGKILL))
		__sync_fetch_and_add(&counters.killed, 1);
	bpf_map_delete_elem(&before, &id);
}

SEC("?fexit/vfio_iommu_type1_ioctl")
int BPF_PROG(guard_fexit__vfio_iommu_type1_ioctl, void *iommu, unsigned int cmd, unsigned long arg, long ret)
{
	judge(iommu, OP_INVALIDATE);
	contain(iommu, cmd, ret);
	return 0;
}

SEC("?fexit/vfio_iommu_type1_attach_group")
int BPF_PROG(guard_fexit__vfio_iommu_type1_attach_group, void *iommu, struct iommu_group *group, int type, int ret)
{
	judge(iommu, OP_ATTACH);
	return 0;
}

/* The address may be given to another one. */
SEC("?fentry/vfio_iommu_type1_release")
int BPF_PROG(guard_fentry__vfio_iommu_type1_release, void *iommu)
{
	__u64 id = argument_address(iommu);

	if (n_broken && !bpf_map_delete_elem(&broken, &id))
		__sync_fetch_and_sub(&n_broken, 1);
	if (n_ever && !bpf_map_delete_elem(&ever_invalid, &id))
		__sync_fetch_and_sub(&n_ever, 1);
	bpf_map_delete_elem(&owners, &id);
	return 0;
}
