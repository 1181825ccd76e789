/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_protect.bpf.h - part of guard.bpf.c: the rule protect, about what the guard itself is
 * made of. LSM programs only, and loaded only if the rule is on when the guard starts.
 *
 *   maps, programs	bpf_map and bpf_prog: whoever gets a descriptor, by an id or
 *			a pin, goes by there, and what he gets is known by its number
 *   links		by id, in the hook of bpf(2), whose argument is the kernel's
 *			copy. By a pin they can be had: a link can neither be
 *			detached nor changed by its descriptor
 *   its process	ptrace_access_check, for what attaches (also pidfd_getfd(2),
 *			process_vm_writev(2), /proc/PID/mem); to read of it what
 *			ps reads goes on
 *   its pins		unlink, rmdir and rename in the folder of them, and umount of
 *			its bpffs, where the guard is or where the host is; who has a
 *			mount namespace of his own may do there as he likes
 *
 * The process of the guard may. While it is gone there is none that could
 * take over, or be got rid of, but by its pins: so these, and a process that
 * is no more, are nobody's. Maps, programs and links stay closed: who takes over
 * needs none of the old ones. Signals are never refused.
 */

#define PTRACE_MODE_ATTACH 2
#define BPF_LINK_GET_FD_BY_ID 30 /* enum bpf_cmd, which user space knows, too */

union bpf_attr;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_OBJECTS_MAX);
	__type(key, struct guard_object);
	__type(value, __u32);
} own_objects SEC(".maps");

struct guard_owner owner = {};
__u64 proving; /* this thread tries whether the hooks run, as bpf_get_current_pid_tgid() */

/* ---- who may -------------------------------------------------------------------------------- */

static __always_inline bool is_owner(void)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;

	return (__u64)leader == owner.task && leader->start_boottime == owner.start;
}

/* Its memory may be another task's by now, or nobody's: then it says something else. */
static __always_inline bool owner_lives(void)
{
	struct task_struct *task = (void *)owner.task;

	return task && BPF_CORE_READ(task, start_boottime) == owner.start && BPF_CORE_READ(task, tgid) == owner.tgid &&
	       !BPF_CORE_READ(task, exit_state) && !(BPF_CORE_READ(task, flags) & PF_EXITING);
}

/* ENOENT is for who lists what there is, and goes on to the next; of the rest everybody knows that it is there. */
static __noinline int on_protected(__u32 op, __u64 object)
{
	const struct guard_rule *rule = &policy_now()->rules[RULE_PROTECT];
	struct about a = { .op = op, .object = object };
	bool by_id = op == OP_GET_MAP || op == OP_GET_PROGRAM || op == OP_GET_LINK;

	if (is_owner() || !rule->action)
		return 0;
	note_scope();
	return decide(RULE_PROTECT, !by_id && rule->error == ENOENT ? EPERM : 0, &a);
}

/* ---- maps, programs, links --------------------------------------------------------------------- */

static __noinline int on_object(__u32 kind, __u32 id, __u32 op)
{
	struct guard_object object = { .kind = kind, .id = id };

	if (!bpf_map_lookup_elem(&own_objects, &object))
		return 0;
	if (proving && proving == bpf_get_current_pid_tgid())
		return -GUARD_CANARY_ERRNO;
	return on_protected(op, id);
}

SEC("?lsm/bpf_map")
int BPF_PROG(lsm__bpf_map, struct bpf_map *map, unsigned int fmode, int ret)
{
	return bounded(ret ?: on_object(GUARD_MAP, map->id, OP_GET_MAP));
}

SEC("?lsm/bpf_prog")
int BPF_PROG(lsm__bpf_prog, struct bpf_prog *prog, int ret)
{
	return bounded(ret ?: on_object(GUARD_PROGRAM, BPF_CORE_READ(prog, aux, id), OP_GET_PROGRAM));
}

/*
 * Newer kernels have one more argument, so where what was decided before us is differs; a call that was refused does not get here. The id
 * is what comes first in attr.
 */
SEC("?lsm/bpf")
int BPF_PROG(lsm__bpf, int cmd, union bpf_attr *attr, unsigned int size)
{
	__u32 id = 0;

	if (cmd != BPF_LINK_GET_FD_BY_ID)
		return 0;
	bpf_probe_read_kernel(&id, sizeof(id), attr);
	return bounded(on_object(GUARD_LINK, id, OP_GET_LINK));
}

/* ---- its process ---------------------------------------------------------------------------------- */

/* Also a child, which has its descriptors: it makes one for a 32-bit call. */
static __always_inline bool is_of_owner(struct task_struct *task)
{
	__u64 leader = (__u64)BPF_CORE_READ(task, group_leader), parent = (__u64)BPF_CORE_READ(task, real_parent, group_leader);

	return owner.task && (leader == owner.task || parent == owner.task) && owner_lives();
}

SEC("?lsm/ptrace_access_check")
int BPF_PROG(lsm__ptrace_access_check, struct task_struct *child, unsigned int mode, int ret)
{
	if (ret || !(mode & PTRACE_MODE_ATTACH) || !is_of_owner(child))
		return ret;
	return bounded(on_protected(OP_TRACE, BPF_CORE_READ(child, tgid)));
}

/* ---- its pins -------------------------------------------------------------------------------------- */

/* The folder, a folder in it, or what is in that. The folder's inode is there as long as the process, which has it open. */
static __always_inline bool is_pins(struct dentry *dentry)
{
	__u64 in = (__u64)BPF_CORE_READ(dentry, d_parent, d_inode), above = (__u64)BPF_CORE_READ(dentry, d_parent, d_parent, d_inode);

	if (!owner.folder || (__u64)BPF_CORE_READ(dentry, d_sb) != owner.bpffs)
		return false;
	return ((__u64)BPF_CORE_READ(dentry, d_inode) == owner.folder || in == owner.folder || above == owner.folder) && owner_lives();
}

SEC("?lsm/inode_unlink")
int BPF_PROG(lsm__inode_unlink, struct inode *dir, struct dentry *dentry, int ret)
{
	return bounded(ret ?: is_pins(dentry) ? on_protected(OP_REMOVE_PINS, 0) : 0);
}

SEC("?lsm/inode_rmdir")
int BPF_PROG(lsm__inode_rmdir, struct inode *dir, struct dentry *dentry, int ret)
{
	return bounded(ret ?: is_pins(dentry) ? on_protected(OP_REMOVE_PINS, 0) : 0);
}

SEC("?lsm/inode_rename")
int BPF_PROG(lsm__inode_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir, struct dentry *new_dentry,
	     int ret)
{
	return bounded(ret ?: is_pins(old_dentry) || is_pins(new_dentry) ? on_protected(OP_REMOVE_PINS, 0) : 0);
}

/* A mount of it that others see. */
static __always_inline bool is_pins_mount(struct vfsmount *mnt)
{
	struct mount *mount = (void *)((__u64)mnt - bpf_core_field_offset(struct mount, mnt));
	__u64 where;

	if (!owner.folder || (__u64)BPF_CORE_READ(mnt, mnt_sb) != owner.bpffs)
		return false;
	where = (__u64)BPF_CORE_READ(mount, mnt_ns);
	return (where == owner.mounts || where == owner.init_mounts) && owner_lives();
}

SEC("?lsm/sb_umount")
int BPF_PROG(lsm__sb_umount, struct vfsmount *mnt, int flags, int ret)
{
	return bounded(ret ?: is_pins_mount(mnt) ? on_protected(OP_UNMOUNT_PINS, 0) : 0);
}

/* ---- for user space ----------------------------------------------------------------------------------- */

#define PARENTS_MAX 32

/* Its own, and that of process 1, which it comes from by some way; of a longer one only its own. */
static __always_inline void note_mounts(struct task_struct *task)
{
	owner.mounts = owner.init_mounts = (__u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
	for (int i = 0; i < PARENTS_MAX && task; i++) {
		if (BPF_CORE_READ(task, tgid) == 1) {
			owner.init_mounts = (__u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
			return;
		}
		task = BPF_CORE_READ(task, real_parent);
	}
}

/* Whoever runs this is the guard, and is about to try what follows from that. */
SEC("?syscall")
int guard_own(void *ctx)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;

	owner.start = leader->start_boottime;
	owner.tgid = bpf_get_current_pid_tgid() >> 32;
	note_mounts(leader);
	owner.task = (__u64)leader;
	proving = bpf_get_current_pid_tgid();
	return 0;
}

/* The folder behind this descriptor of his is that of its pins. */
SEC("?syscall")
int guard_own_folder(__u64 *fd)
{
	struct file *file = current_file(*fd);
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	owner.bpffs = (__u64)BPF_CORE_READ(inode, i_sb);
	owner.folder = (__u64)inode;
	return !inode;
}
