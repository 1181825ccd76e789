/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_locks.bpf.h - part of snapshot.bpf.c: who waits for the mmap_lock of
 * an address space that a container maps, and what such a thread pins or
 * charges for meanwhile.
 *
 * Both are the kernel's own records: the wait list of the lock, and the owner
 * of the mutex that pinning and charging are done under (vfio_iommu.lock,
 * iopt_pages.mutex).
 */

#define RWSEM_WRITER_LOCKED 1 /* of rw_semaphore.count */
#define RWSEM_READER_SHIFT 8
#define RWSEM_READER_OWNED 1ULL /* of rw_semaphore.owner: it is the last reader, which may have gone */
#define OWNER_FLAGS 7ULL

struct pinner {
	__u64 container; /* its id */
	__u64 pages;	 /* id of the iopt_pages; 0: type1 */
	__u64 ioas;	 /* number of the ioas in which they were found */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FDPIN_MAX_TASKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct pinner);
} pinners SEC(".maps"); /* task -> what it works on */

static struct pinner pinner; /* not on the stack, of which little is left in there */

/* Whoever has the mutex works on that. */
static __always_inline void on_pinner(const struct mutex *mutex, __u64 container, __u64 pages, __u64 ioas)
{
	__u64 owner;

	if (!has_rwsem())
		return;
	owner = (__u64)BPF_CORE_READ(mutex, owner.counter) & ~OWNER_FLAGS;
	if (!owner)
		return;
	pinner.container = container;
	pinner.pages = pages;
	pinner.ioas = ioas;
	if (bpf_map_update_elem(&pinners, &owner, &pinner, BPF_ANY))
		__sync_fetch_and_add(&stats.table_full, 1);
}

static __always_inline void on_mmap_waiter(__u64 entry, __u64 mm)
{
	__u64 task = word_at((void *)entry - bpf_core_field_offset(struct rwsem_waiter, list) +
			     bpf_core_field_offset(struct rwsem_waiter, task));

	if (!task)
		return;
	PUT(mmap_waiters, task, mm);
	PUT_NEW(interesting, (void *)task);
}

static long look_at_mmap_waiter(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);

	if (!entry)
		return 1;
	on_mmap_waiter(entry, w->arg);
	return 0;
}

static long look_at_mmap_lock(struct bpf_map *map, __u64 *mm, __u64 *value, void *ctx)
{
	struct rw_semaphore *sem = (void *)(*mm + bpf_core_field_offset(struct mm_struct, mmap_lock));
	struct list_walk w = { .arg = *mm };

	if (!has_rwsem())
		return 1;
	if (bpf_core_field_exists(sem->wait_list)) {
		list_begin(&w, (void *)sem + bpf_core_field_offset(struct rw_semaphore, wait_list));
	} else {
		struct rwsem_waiter *first = BPF_CORE_READ((struct rw_semaphore___first *)sem, first_waiter);

		if (!first)
			return 0;
		list_begin(&w, (void *)first + bpf_core_field_offset(struct rwsem_waiter, list));
		on_mmap_waiter(w.head, *mm);
	}
	LIST_WALK(look_at_mmap_waiter, &w);
	return 0;
}

/* Of all address spaces that were met in containers. */
SEC("syscall")
int find_mmap_waiters(void *ctx)
{
	bpf_for_each_map_elem(&mms, look_at_mmap_lock, NULL, 0);
	return 0;
}

/* Its number, if there is a thread in that place. */
static __always_inline __u32 thread_at(const struct task_struct *task)
{
	__u32 pid = BPF_CORE_READ(task, pid), tgid = BPF_CORE_READ(task, tgid);

	return task && tgid && pid <= 1 << 22 ? pid : 0;
}

/* Global, with addresses as numbers: see snapshot_threads.bpf.h. */
__noinline int on_mmap_lock(__u64 task, __u64 address)
{
	struct mm_struct *mm = (void *)address;
	struct task_struct *by;
	struct pinner *p;
	struct ev_lock *e;
	__u64 owner;
	__s64 count;

	if (!has_rwsem())
		return 0;
	count = BPF_CORE_READ(mm, mmap_lock.count.counter);
	owner = BPF_CORE_READ(mm, mmap_lock.owner.counter);
	by = (void *)(owner & ~OWNER_FLAGS);
	p = HAS(pinners, task);
	e = EV_BEGIN(lock, p ? p->container : 0);
	if (!e)
		return 0;
	about_task(&e->h, (void *)task);
	e->lock = object_id((void *)mm + bpf_core_field_offset(struct mm_struct, mmap_lock));
	e->mm = object_id(mm);
	e->pages = p ? p->pages : 0;
	e->ioas = p ? p->ioas : 0;
	e->readers = count >> RWSEM_READER_SHIFT;
	e->written = count & RWSEM_WRITER_LOCKED;
	if (owner & RWSEM_READER_OWNED) {
		e->reader = thread_at(by);
	} else if (e->written) {
		e->owner = thread_at(by);
		if (e->owner)
			PUT_NEW(interesting, by);
	}
	__builtin_memcpy(e->lock_name, "mmap_lock", 10);
	EV_END(e);
	return 0;
}
