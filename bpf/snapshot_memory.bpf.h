/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_memory.bpf.h - part of snapshot.bpf.c: address spaces, their
 * counters and limits, and what memory lies behind a range.
 *
 * mmap_lock is only ever tried (bpf_find_vma does no more): a look must not
 * wait for a lock that a stuck process may hold for good.
 */

#define VM_SHARED 0x8
#define VM_PFNMAP 0x400
#define VM_IO 0x4000
#define MLOCK_LIMIT 8 /* RLIMIT_MEMLOCK */
#define IPC_LOCK 14   /* CAP_IPC_LOCK */

#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define DMA_BUF_MAGIC 0x444d4142
#define ANON_INODE_MAGIC 0x09041934
#define GUEST_MEMFD_MAGIC 0x474d454d
#define PAGE_SHIFT 12
#define EBUSY 16

/* ---- address spaces and users ------------------------------------------------ */

/* Its counters, once in a look. Returns its id. */
static __always_inline __u64 on_mm(const struct mm_struct *mm)
{
	__u64 id = object_id(mm);
	struct ev_mm *e;
	__u8 one = 1;

	if (!mm)
		return 0;
	if (!PUT_NEW(mms, mm))
		return id;
	bpf_map_update_elem(&charged_mms, &id, &one, BPF_ANY);
	e = EV_BEGIN_FOUND(mm, 0);
	if (!e)
		return id;
	e->mm = id;
	e->locked_vm = BPF_CORE_READ(mm, locked_vm);
	e->pinned_vm = BPF_CORE_READ(mm, pinned_vm.counter);
	e->users = BPF_CORE_READ(mm, mm_users.counter);
	EV_END(e);
	return id;
}

static __always_inline __u64 on_user(const struct user_struct *user)
{
	struct ev_user *e;
	__u64 id;

	if (!user)
		return 0;
	id = object_id(user);
	if (!PUT_NEW(users, user))
		return id;
	e = EV_BEGIN_FOUND(user, 0);
	if (!e)
		return id;
	e->user = id;
	e->uid = BPF_CORE_READ(user, uid.val);
	e->locked_vm = BPF_CORE_READ(user, locked_vm.counter);
	EV_END(e);
	return id;
}

/* ---- processes ---------------------------------------------------------------- */

/* A thread of each process that holds a container, or whose memory is mapped in one. */
SEC("iter/task")
int find_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	const struct cred *cred;
	struct signal_struct *signal;
	struct files_struct *files;
	struct mm_struct *mm;
	struct ev_process *e;
	__u64 mm_id, user_id;

	if (!task || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	mm = BPF_CORE_READ(task, mm);
	files = BPF_CORE_READ(task, files);
	if (!(mm && HAS(mms, mm)) && !(files && HAS(holder_tables, files)))
		return 0;
	if (!PUT_NEW(processes, (__u32)task->tgid))
		return 0;
	cred = BPF_CORE_READ(task, cred);
	signal = BPF_CORE_READ(task, signal);
	mm_id = on_mm(mm);
	user_id = on_user(BPF_CORE_READ(cred, user));
	e = EV_BEGIN(process, 0);
	if (!e)
		return 0;
	about_task(&e->h, BPF_CORE_READ(task, group_leader));
	e->mm = mm_id;
	e->user = user_id;
	e->uid = BPF_CORE_READ(cred, uid.val);
	e->soft = BPF_CORE_READ(signal, rlim[MLOCK_LIMIT].rlim_cur);
	e->hard = BPF_CORE_READ(signal, rlim[MLOCK_LIMIT].rlim_max);
	e->ipc_lock = cred_low_caps(cred) >> IPC_LOCK & 1;
	EV_END(e);
	return 0;
}

/* ---- names of files -------------------------------------------------------------- */

#define PATH_PARTS 32 /* powers of two */
#define PART_BYTES 256 /* NAME_MAX and its end */
#define PATH_BYTES (PATH_PARTS * PART_BYTES)

struct path_walk {
	__u64 dentry, mnt; /* mnt: the struct mount */
	__u32 n;
	__u32 whole; /* it got to the root */
	__u32 at;    /* bytes of text */
	__u32 pad;
	__u64 names[PATH_PARTS];
};

struct path_scratch {
	struct path_walk walk;
	char text[PATH_BYTES + PART_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path_scratch);
} path_scratch SEC(".maps");

static long path_up(__u32 i, struct path_scratch **ctx)
{
	struct path_walk *w = &(*ctx)->walk;
	struct dentry *dentry = (void *)w->dentry, *parent;
	struct mount *mount = (void *)w->mnt, *above;

	if (mount && dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		above = BPF_CORE_READ(mount, mnt_parent);
		if (!above || above == mount) {
			w->whole = 1;
			return 1;
		}
		w->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		w->mnt = (__u64)above;
		return 0;
	}
	if (w->n >= PATH_PARTS)
		return 1;
	w->names[w->n++ & (PATH_PARTS - 1)] = (__u64)BPF_CORE_READ(dentry, d_name.name);
	parent = BPF_CORE_READ(dentry, d_parent);
	if (!parent || parent == dentry) {
		w->whole = 1; /* it is in no tree: memfd:ram, [vfio-device] */
		return 1;
	}
	w->dentry = (__u64)parent;
	return 0;
}

/* Names from the root down; the last one met is the first. */
static long path_down(__u32 i, struct path_scratch **ctx)
{
	struct path_scratch *s = *ctx;
	__u32 at = s->walk.at, k = s->walk.n - 1 - i;
	long n;

	if (i >= s->walk.n)
		return 1;
	s->text[at++ & (PATH_BYTES - 1)] = '/';
	n = bpf_probe_read_kernel_str(&s->text[at & (PATH_BYTES - 1)], PART_BYTES,
				      (void *)s->walk.names[k & (PATH_PARTS - 1)]);
	if (n > 1)
		at += n - 1;
	s->walk.at = at;
	return 0;
}

/* Its path as seen from the root of its own mount namespace; with "..." in front if it is longer than there is room. */
static __always_inline void file_path(const struct file *file, char *buf, __u32 size)
{
	__u32 zero = 0, from;
	struct path_scratch *s = bpf_map_lookup_elem(&path_scratch, &zero);

	if (!s)
		return;
	__builtin_memset(&s->walk, 0, sizeof(s->walk));
	s->walk.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	s->walk.mnt = (__u64)BPF_CORE_READ(file, f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
	bpf_loop(2 * PATH_PARTS, path_up, &s, 0);
	bpf_loop(PATH_PARTS, path_down, &s, 0);
	s->text[s->walk.at & (PATH_BYTES - 1)] = '\0';
	if (s->walk.whole && s->walk.at < size) {
		bpf_probe_read_kernel_str(buf, size, s->text);
		return;
	}
	from = s->walk.at < size - 4 ? 0 : s->walk.at - (size - 4);
	buf[0] = buf[1] = buf[2] = '.';
	bpf_probe_read_kernel_str(buf + 3, size - 3, &s->text[from & (PATH_BYTES - 1)]);
}

/* The name of a file that is in no tree, as /proc shows it. */
static __always_inline void pseudo_name(char *buf, __u32 size, const char *prefix, __u32 len, const char *name)
{
	__builtin_memcpy(buf, prefix, len);
	if (name)
		bpf_probe_read_kernel_str(buf + len, size - len, name);
}

#define PSEUDO_NAME(buf, prefix, name) pseudo_name(buf, sizeof(buf), prefix, sizeof(prefix) - 1, name)

static __always_inline const char *dma_buf_name(const struct file *file)
{
	const struct dentry___data *dentry = (const void *)BPF_CORE_READ(file, f_path.dentry);
	struct dma_buf *buf;

	if (!bpf_core_type_exists(struct dma_buf) || !bpf_core_field_exists(dentry->d_fsdata))
		return NULL;
	buf = BPF_CORE_READ(dentry, d_fsdata);
	return buf ? BPF_CORE_READ(buf, name) : NULL;
}

/* Whether the name of a file begins with text, of at most 8 bytes. */
static __always_inline bool name_begins(const struct file *file, const char *text, __u32 n)
{
	__u64 name = 0, want = 0;

	__builtin_memcpy(&want, text, n);
	bpf_probe_read_kernel(&name, n, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return name == want;
}

static __always_inline void about_file(struct ev_memory *e, const struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	__u64 magic = BPF_CORE_READ(sb, s_magic);

	e->inode = BPF_CORE_READ(inode, i_ino);
	e->links = BPF_CORE_READ(inode, i_nlink);
	e->dev = BPF_CORE_READ(sb, s_dev);
	e->backing = BACKING_FILE;
	if (magic == HUGETLBFS_MAGIC) {
		e->backing = BACKING_HUGETLB;
		e->page = BPF_CORE_READ(sb, s_blocksize);
	} else if (magic == TMPFS_MAGIC) {
		e->backing = name_begins(file, "memfd:", 6) ? BACKING_MEMFD : BACKING_SHMEM;
	} else if (magic == DMA_BUF_MAGIC) {
		e->backing = BACKING_DMABUF;
	} else if (magic == GUEST_MEMFD_MAGIC || (magic == ANON_INODE_MAGIC && name_begins(file, "[kvm-gme", 8))) {
		/* a file system of its own in 7.3, an anonymous inode in 6.18: names in virt/kvm/guest_memfd.c */
		e->backing = BACKING_GUEST_MEMFD;
	}
	if (magic == ANON_INODE_MAGIC)
		PSEUDO_NAME(e->path, "anon_inode:", (const char *)BPF_CORE_READ(file, f_path.dentry, d_name.name));
	else if (magic == DMA_BUF_MAGIC)
		PSEUDO_NAME(e->path, "/dmabuf:", dma_buf_name(file));
	else
		file_path(file, e->path, sizeof(e->path));
}

/* The file behind pages that were mapped from a file, once in a look. Returns its id. */
static __always_inline __u64 on_mapped_file(const struct file *file)
{
	struct ev_memory *e;
	__u64 id;

	if (!file)
		return 0;
	id = object_id(file);
	if (!PUT_NEW(files, file))
		return id;
	e = EV_BEGIN_FOUND(memory, 0);
	if (!e)
		return id;
	e->id = id;
	e->shared = 1;
	about_file(e, file);
	EV_END(e);
	return id;
}

/* ---- what is behind addresses ------------------------------------------------------ */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FDPIN_MAX_SPANS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct fdpin_span);
} spans SEC(".maps");

__u64 asked_mm;	 /* id of the address space that is asked about */
__u32 n_spans;	 /* sorted by start */
__u32 span_at;	 /* in and out: the one to go on with; n_spans when all are done */
__u64 span_addr; /* in and out: and the address in it */
__u32 span_met;	 /* out: a thread of it was met */

struct span_walk {
	struct task_struct *task;
	__u64 mm;
	__u64 addr;	 /* the next one asked about */
	__u32 span;
	__u32 pad;
	__u64 vma_start, vma_end; /* the last one found */
};

static long on_vma(struct task_struct *task, struct vm_area_struct *vma, struct span_walk *w)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);
	__u64 flags = 0, start = BPF_CORE_READ(vma, vm_start);
	struct ev_memory *e;

	w->vma_start = start;
	w->vma_end = BPF_CORE_READ(vma, vm_end);
	if (!bpf_core_field_exists(vma->vm_flags))
		return 0; /* what is MMIO and what is not could not be told */
	flags = BPF_CORE_READ(vma, vm_flags);
	e = EV_BEGIN(memory, 0);
	if (!e)
		return 0;
	about_task(&e->h, task);
	e->id = object_id(NUMBER(vma));
	e->mm = w->mm;
	e->start = start;
	e->end = w->vma_end;
	e->shared = !!(flags & VM_SHARED);
	e->backing = BACKING_ANONYMOUS;
	if (file) {
		e->offset = (__u64)BPF_CORE_READ(vma, vm_pgoff) << PAGE_SHIFT;
		about_file(e, file);
	}
	if (flags & (VM_PFNMAP | VM_IO))
		e->backing = BACKING_MMIO;
	EV_END(e);
	return 0;
}

static long span_step(__u32 i, struct span_walk *w)
{
	__u32 k = w->span;
	struct fdpin_span *s;
	long err;

	if (k >= n_spans)
		return 1;
	s = bpf_map_lookup_elem(&spans, &k);
	if (!s)
		return 1;
	if (w->addr < s->start)
		w->addr = s->start;
	if (w->addr >= s->end) {
		w->span++;
		return 0;
	}
	err = bpf_find_vma(w->task, w->addr, on_vma, w, 0);
	if (err == -EBUSY)
		return 1; /* somebody holds mmap_lock: asked again later */
	if (err || w->vma_end <= w->addr) {
		w->span++; /* nothing is mapped there: told by no record */
		return 0;
	}
	w->addr = w->vma_end;
	return 0;
}

SEC("iter/task")
int find_memory(struct bpf_iter__task *ctx)
{
	struct span_walk w = {};
	struct task_struct *task = ctx->task;
	struct mm_struct *mm;

	if (!task || span_met)
		return 0;
	mm = BPF_CORE_READ(task, mm);
	if (!mm || object_id(mm) != asked_mm)
		return 0;
	span_met = 1;
	w.task = task;
	w.mm = asked_mm;
	w.addr = span_addr;
	w.span = span_at;
	w.vma_start = unknown_zero;
	w.vma_end = unknown_zero;
	bpf_loop(FDPIN_AREAS_AT_ONCE, span_step, &w, 0);
	span_at = w.span;
	span_addr = w.addr;
	return 0;
}
