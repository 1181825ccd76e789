// SPDX-License-Identifier: GPL-2.0-only
/*
 * snapshot.bpf.c - the same facts from a system that was already stuck.
 *
 * Run in this order by source_bpf.c; each step fills tables for the next:
 *
 *   resolve		addresses of a few kernel symbols, and the key of ids
 *   find_files		every thread: container files in its table -> holder
 *   find_devices	vfio_device_set_xa: all devices and their containers,
 *			also those whose process has lost its file table
 *   read_container	one container: ranges, wait queue -> range, container
 *   find_blocked	every thread: is it on such a wait queue, or a worker that
 *			waits for one that is? Then its work item, and who has
 *			hung a barrier or a flusher on it
 *			-> block, runs, flush, queued
 *   find_threads	every thread that holds, flushes or sleeps in a device's
 *			release: state, and what its kernel stack leads to
 *			-> thread, close, pending, lock, stack
 *
 * The last two are run again until they find nobody new (stats.found): who
 * waits for a thread may come before it in the order of threads.
 *
 * Nothing here takes a reference or a lock: file tables are read in place, so
 * that a look can never become the last closer of somebody's file. What is
 * read may change under us; the containers are checked before and after, and
 * user space looks twice. Walks are bounded; one that reached its bound says
 * so (stats.cut).
 */
#include "common.bpf.h"

#define THREAD_SIZE 16384 /* x86-64 without KASAN */
#define TASK_UNINTERRUPTIBLE 2
#define MAX_FDS (1 << 20)
#define MAX_LIST 4096
#define MAX_XA_STEPS (1 << 20)
#define XA_DEPTH 16 /* a power of two above the 11 levels of a 64-bit index */
#define XA_SLOTS 64
#define MAX_CHAIN 256
#define RB_FACTOR 3 /* edges of a tree walked per node, at most */

__u64 look;		 /* number of this look, set by user space */
__u64 key[2];		 /* made by resolve from the kernel's layout and cfg.key */
__u64 symbols[SYM__max]; /* addresses, 0 if not there */

/*
 * What a walk starts with, where the verifier must not know it. Before 6.7
 * (ab5cfac139ab "verify callbacks as if they are called unknown number of
 * times") a callback of bpf_loop() is verified for its first turn only: a
 * field of its context that is then known to be 0 makes the branch for "not 0"
 * dead code, and the verifier takes it out. Goes with the last 6.1.
 */
__u64 unknown_zero;

struct found_container {
	__u64 file;
	__s64 refs;
	__u32 devices; /* seen through the set of devices */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FDPIN_MAX_CONTAINERS);
	__type(key, __u64);
	__type(value, struct found_container);
} containers SEC(".maps");

#define TABLE(table, entries)                            \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_HASH);         \
		__uint(max_entries, entries);            \
		__uint(map_flags, BPF_F_NO_PREALLOC);    \
		__type(key, __u64);                      \
		__type(value, __u64);                    \
	} table SEC(".maps")

TABLE(holder_tables, FDPIN_MAX_TABLES); /* file table -> a container */
TABLE(waiters, FDPIN_MAX_TASKS);	/* task -> container it waits on */
TABLE(interesting, FDPIN_MAX_TASKS);	/* task that must be described -> 1 */
TABLE(asked, FDPIN_MAX_TASKS);		/* task whose work and flushers were looked at -> 1 */
TABLE(described, FDPIN_MAX_TASKS);	/* task that has its thread record -> 1 */

#define PUT(table, k, v)                                                             \
	({                                                                           \
		__u64 __k = (__u64)(k), __v = (__u64)(v);                            \
		if (bpf_map_update_elem(&table, &__k, &__v, BPF_ANY))                \
			__sync_fetch_and_add(&stats.table_full, 1);                  \
	})

/* Puts it there unless it is; true if it was not. */
#define PUT_NEW(table, k)                                                            \
	({                                                                           \
		__u64 __n = (__u64)(k);                                              \
		bool __new = !bpf_map_lookup_elem(&table, &__n);                     \
		if (__new) {                                                         \
			PUT(table, __n, 1);                                          \
			__sync_fetch_and_add(&stats.found, 1);                       \
		}                                                                    \
		__new;                                                               \
	})

#define HAS(table, k)                                    \
	({                                               \
		__u64 __k = (__u64)(k);                  \
		bpf_map_lookup_elem(&table, &__k);       \
	})

static __always_inline __u64 object_id(const void *object)
{
	return object_id_key(object, key[0], key[1]);
}

/* Reads of anything: the object may be gone, then the result is 0. */
static __always_inline __u64 word_at(const void *p)
{
	__u64 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), p);
	return v;
}

static __always_inline void about_task(struct fdpin_hdr *h, const struct task_struct *task)
{
	h->grade = GRADE_READ;
	h->look = look;
	h->tgid = BPF_CORE_READ(task, tgid);
	h->tid = BPF_CORE_READ(task, pid);
	bpf_probe_read_kernel_str(h->comm, sizeof(h->comm), task->comm);
}

static __always_inline void about_nobody(struct fdpin_hdr *h)
{
	h->grade = GRADE_READ;
	h->look = look;
	h->tgid = h->tid = 0;
	__builtin_memset(h->comm, 0, sizeof(h->comm));
}

/* ---- resolve -------------------------------------------------------------- */

#define X(name, use) static const char sym_##name[] = #name;
FDPIN_SYMBOLS(X)
#undef X

SEC("syscall")
int resolve(void *ctx)
{
	__u64 a, b;

#define X(name, use) bpf_kallsyms_lookup_name(sym_##name, sizeof(sym_##name), 0, &symbols[SYM_##name]);
	FDPIN_SYMBOLS(X)
#undef X
	a = symbols[SYM_wq_barrier_func];
	b = symbols[SYM_vfio_fops];
	key[0] = mix(a ^ cfg.key[0]);
	key[1] = mix(b ^ mix(a) ^ cfg.key[1]);
	return 0;
}

/* ---- containers through file tables --------------------------------------- */

struct file_walk {
	struct file **fd;
	struct files_struct *files;
	struct task_struct *task;
};

static __always_inline void put_container(const struct vfio_container *container, const struct file *file)
{
	__u64 k = (__u64)container;
	struct found_container *found = bpf_map_lookup_elem(&containers, &k), fresh = {};

	if (!found) {
		bpf_map_update_elem(&containers, &k, &fresh, BPF_NOEXIST);
		found = bpf_map_lookup_elem(&containers, &k);
	}
	if (!found) {
		__sync_fetch_and_add(&stats.table_full, 1);
		return;
	}
	if (file) {
		found->file = object_id(file);
		found->refs = file_refs(file);
	} else {
		found->devices++;
	}
}

/* Its exec will be of interest, although it opened the container before we came. */
static __always_inline void remember_holder(const struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct vfio_user user = {};

	bpf_probe_read_kernel_str(user.comm, sizeof(user.comm), task->comm);
	bpf_map_update_elem(&vfio_users, &tgid, &user, BPF_ANY);
}

static long look_at_fd(__u32 i, struct file_walk *w)
{
	struct file *file = (void *)word_at(&w->fd[i]);
	struct vfio_container *container;
	struct ev_holder *e;

	if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[SYM_vfio_fops])
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (!container)
		return 0;
	put_container(container, file);
	PUT(holder_tables, w->files, container);
	remember_holder(w->task);
	e = EV_BEGIN(holder, object_id(container));
	if (!e)
		return 0;
	about_task(&e->h, w->task);
	e->files = object_id(w->files);
	e->slot = object_id(&w->fd[i]);
	e->fd = i;
	EV_END(e);
	return 0;
}

/* Each file table once: threads that share their leader's are passed over. */
SEC("iter/task")
int find_files(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct files_struct *files;
	struct file_walk w = {};
	struct fdtable *fdt;
	__u32 max;

	if (!task)
		return 0;
	__sync_fetch_and_add(&stats.tasks, 1);
	files = BPF_CORE_READ(task, files);
	if (!files || !symbols[SYM_vfio_fops])
		return 0;
	if (task->pid != task->tgid && BPF_CORE_READ(task, group_leader, files) == files)
		return 0;
	w.task = task;
	w.files = files;
	fdt = BPF_CORE_READ(files, fdt);
	w.fd = BPF_CORE_READ(fdt, fd);
	max = BPF_CORE_READ(fdt, max_fds);
	if (max > MAX_FDS) {
		__sync_fetch_and_add(&stats.cut, 1);
		max = MAX_FDS;
	}
	bpf_loop(max, look_at_fd, &w, 0);
	return 0;
}

/* ---- containers through all devices --------------------------------------- */

static __always_inline void on_device(const struct vfio_device *device)
{
	struct vfio_group *group = BPF_CORE_READ(device, group);
	struct vfio_container *container = BPF_CORE_READ(group, container);
	struct ev_device *e;

	if (!container)
		return;
	put_container(container, NULL);
	e = EV_BEGIN(device, object_id(container));
	if (!e)
		return;
	about_nobody(&e->h);
	e->device = object_id(device);
	e->group = BPF_CORE_READ(group, iommu_group, id);
	e->open = BPF_CORE_READ(device, open_count);
	e->backed = BPF_CORE_READ(group, type);
	device_name(device, e->device_name, sizeof(e->device_name));
	EV_END(e);
}

/* A walk along a list_head; the callback gets the entry after this one. */
struct list_walk {
	__u64 head, entry;
	__u64 arg, arg2, arg3;
	__u64 target;
	__u64 target_func;
};

static __always_inline __u64 list_step(struct list_walk *w)
{
	w->entry = word_at((void *)w->entry);
	return w->entry && w->entry != w->head ? w->entry : 0;
}

static __always_inline void list_begin(struct list_walk *w, const void *head)
{
	w->head = (__u64)head;
	w->entry = (__u64)head;
}

/* Walk with a bound; a walk that meets it is counted. */
#define LIST_WALK(fn, w)                                                    \
	do {                                                                \
		if (bpf_loop(MAX_LIST, fn, w, 0) >= MAX_LIST)               \
			__sync_fetch_and_add(&stats.cut, 1);                \
	} while (0)

static long look_at_device(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);

	if (!entry)
		return 1;
	on_device((void *)entry - bpf_core_field_offset(struct vfio_device, dev_set_list));
	return 0;
}

static __always_inline void on_device_set(const struct vfio_device_set *set)
{
	struct list_walk w = {};

	list_begin(&w, (void *)set + bpf_core_field_offset(struct vfio_device_set, device_list));
	LIST_WALK(look_at_device, &w);
}

struct xa_walk {
	__u64 node[XA_DEPTH];
	__u32 slot[XA_DEPTH];
	__u32 depth; /* nodes on the stack */
	__u32 pad;
};

static struct xa_walk xa_state;

static long xa_visit(__u32 i, void *unused)
{
	struct xa_walk *w = &xa_state;
	__u32 top = w->depth - 1, slot;
	struct xa_node *node;
	__u64 entry;

	if (!w->depth)
		return 1;
	top &= XA_DEPTH - 1;
	slot = w->slot[top]++;
	if (slot >= XA_SLOTS) {
		w->depth--;
		return 0;
	}
	node = (void *)w->node[top];
	entry = word_at((void *)node + bpf_core_field_offset(struct xa_node, slots) + slot * sizeof(__u64));
	if (!entry)
		return 0;
	if ((entry & 3) == 2) {
		/* a node below, or (under 4096) a sibling or retry mark */
		if (entry > 4096 && w->depth < XA_DEPTH) {
			w->node[w->depth & (XA_DEPTH - 1)] = entry - 2;
			w->slot[w->depth & (XA_DEPTH - 1)] = 0;
			w->depth++;
		}
		return 0;
	}
	on_device_set((void *)entry);
	return 0;
}

SEC("syscall")
int find_devices(void *ctx)
{
	__u64 head;

	if (!symbols[SYM_vfio_device_set_xa])
		return 0;
	head = word_at((void *)symbols[SYM_vfio_device_set_xa] + bpf_core_field_offset(struct xarray, xa_head));
	if (!head)
		return 0;
	if ((head & 3) != 2) {
		on_device_set((void *)head);
		return 0;
	}
	xa_state.node[0] = head - 2;
	xa_state.slot[0] = 0;
	xa_state.depth = 1;
	if (bpf_loop(MAX_XA_STEPS, xa_visit, NULL, 0) >= MAX_XA_STEPS)
		__sync_fetch_and_add(&stats.cut, 1);
	return 0;
}

/* ---- one container -------------------------------------------------------- */

/* What must be the same before and after a container is read. */
struct container_state {
	__u64 iommu, ops, root;
	__u32 avail, invalid;
};

struct range_walk {
	struct rb_node *node, *came_from;
	__u64 container;
	__u32 n;
	__u32 done;
};

static __always_inline void on_range(struct range_walk *w)
{
	struct vfio_dma *dma = (void *)w->node - bpf_core_field_offset(struct vfio_dma, node);
	struct ev_range *e;

	w->n++;
	e = EV_BEGIN(range, w->container);
	if (!e)
		return;
	about_nobody(&e->h);
	e->id = object_id(dma);
	e->iova = BPF_CORE_READ(dma, iova);
	e->size = BPF_CORE_READ(dma, size);
	e->vaddr = BPF_CORE_READ(dma, vaddr);
	e->prot = BPF_CORE_READ(dma, prot);
	e->valid = !BPF_CORE_READ(dma, vaddr_invalid);
	EV_END(e);
}

/*
 * One edge of the tree per call, in order: down to the left, the node itself,
 * down to the right, up. Nothing about a node is trusted; a stale one can only
 * use up the budget.
 */
static long range_step(__u32 i, struct range_walk *w)
{
	struct rb_node *node = w->node, *left = BPF_CORE_READ(node, rb_left), *right = BPF_CORE_READ(node, rb_right);
	struct rb_node *parent = (void *)(BPF_CORE_READ(node, __rb_parent_color) & ~3UL);

	if (w->came_from == parent && left) {
		w->came_from = w->node;
		w->node = left;
		return 0;
	}
	if (w->came_from == parent || w->came_from == left) {
		on_range(w);
		if (right) {
			w->came_from = w->node;
			w->node = right;
			return 0;
		}
	}
	if (!parent) {
		w->done = 1;
		return 1;
	}
	w->came_from = w->node;
	w->node = parent;
	return 0;
}

static __always_inline __u32 read_ranges(const struct vfio_iommu *iommu, __u64 id, __u64 limit, bool *complete)
{
	struct range_walk w = {
		.container = id,
		.came_from = (void *)unknown_zero,
		.n = unknown_zero,
		.done = unknown_zero,
	};

	w.node = BPF_CORE_READ(iommu, dma_list.rb_node);
	*complete = true;
	if (!w.node)
		return 0;
	bpf_loop(limit > (1 << 21) ? 1 << 21 : limit * RB_FACTOR, range_step, &w, 0);
	*complete = w.done;
	return w.n;
}

static long look_at_waiter(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w), task;

	if (!entry)
		return 1;
	task = (__u64)BPF_CORE_READ(
		(struct wait_queue_entry *)((void *)entry - bpf_core_field_offset(struct wait_queue_entry, entry)), private);
	if (task) {
		PUT(waiters, task, w->arg);
		PUT(interesting, task, 1);
		w->arg2++;
	}
	return 0;
}

static __always_inline __u32 read_waiters(const struct vfio_iommu *iommu, __u64 container)
{
	struct list_walk w = { .arg = container, .arg2 = unknown_zero };

	if (!bpf_core_field_exists(iommu->vaddr_wait))
		return 0;
	list_begin(&w, (void *)iommu + bpf_core_field_offset(struct vfio_iommu, vaddr_wait) +
			       bpf_core_field_offset(struct wait_queue_head, head));
	LIST_WALK(look_at_waiter, &w);
	return w.arg2;
}

static __always_inline void read_state(struct container_state *s, const struct vfio_container *container)
{
	struct vfio_iommu *iommu = BPF_CORE_READ(container, iommu_data);

	s->iommu = (__u64)iommu;
	s->ops = (__u64)BPF_CORE_READ(container, iommu_driver, ops);
	if (!iommu || s->ops != symbols[SYM_vfio_iommu_driver_ops_type1] || !bpf_core_type_exists(struct vfio_iommu))
		return;
	s->root = (__u64)BPF_CORE_READ(iommu, dma_list.rb_node);
	s->avail = BPF_CORE_READ(iommu, dma_avail);
	s->invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
}

static long count_group(__u32 i, struct list_walk *w)
{
	if (!list_step(w))
		return 1;
	w->arg++;
	return 0;
}

static __always_inline __u32 count_groups(const struct vfio_container *container)
{
	struct list_walk w = { .arg = unknown_zero };

	list_begin(&w, (void *)container + bpf_core_field_offset(struct vfio_container, group_list));
	LIST_WALK(count_group, &w);
	return w.arg;
}

SEC("syscall")
int read_container(struct fdpin_read_args *args)
{
	struct vfio_container *container = (void *)args->container;
	struct container_state before = {}, after = {};
	struct found_container *found;
	__u64 id = object_id(container), k = args->container;
	__u32 ranges = 0, waiting = 0;
	bool type1, complete = true;
	struct ev_container *e;

	read_state(&before, container);
	type1 = before.iommu && before.ops == symbols[SYM_vfio_iommu_driver_ops_type1];
	if (type1 && bpf_core_type_exists(struct vfio_iommu)) {
		ranges = read_ranges((void *)before.iommu, id, args->limit, &complete);
		waiting = read_waiters((void *)before.iommu, k);
	}
	read_state(&after, container);

	e = EV_BEGIN(container, id);
	if (!e)
		return 0;
	about_nobody(&e->h);
	found = bpf_map_lookup_elem(&containers, &k);
	if (found && found->file) {
		e->file = found->file;
		e->refs = found->refs < 0 ? 0 : found->refs;
		e->has_file = 1;
	}
	e->kref = BPF_CORE_READ(container, kref.refcount.refs.counter);
	e->groups = count_groups(container);
	e->ranges = ranges;
	e->invalid = after.invalid;
	e->waiters = waiting;
	e->iommu = type1;
	e->unstable = !complete || before.iommu != after.iommu || before.ops != after.ops ||
		      before.root != after.root || before.avail != after.avail || before.invalid != after.invalid;
	EV_END(e);
	return 0;
}

/* ---- who is blocked, and who waits for them ------------------------------- */

static __always_inline void on_flusher(__u64 task_ptr, const struct work_struct *work,
				       const struct workqueue_struct *wq, __u32 via, __u64 container)
{
	struct task_struct *task = (void *)task_ptr;
	struct ev_flush *e;

	if (!task)
		return;
	PUT_NEW(interesting, task);
	e = EV_BEGIN(flush, container);
	if (!e)
		return;
	about_task(&e->h, task);
	e->via = via;
	e->work = object_id(work);
	function_name(e->func, sizeof(e->func), BPF_CORE_READ(work, func));
	if (wq)
		bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	EV_END(e);
}

static __always_inline struct work_struct *entry_work(__u64 entry)
{
	return (void *)entry - bpf_core_field_offset(struct work_struct, entry);
}

static __always_inline __u64 barrier_task(const struct work_struct *work)
{
	struct wq_barrier *barrier = (void *)work - bpf_core_field_offset(struct wq_barrier, work);

	return (__u64)BPF_CORE_READ(barrier, task);
}

/* worker->scheduled: what is queued behind the running item. arg: work, arg2: wq, arg3: container id. */
static long look_at_scheduled(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);
	struct work_struct *work;

	if (!entry)
		return 1;
	work = entry_work(entry);
	if ((__u64)BPF_CORE_READ(work, func) == symbols[SYM_wq_barrier_func])
		on_flusher(barrier_task(work), (void *)w->arg, (void *)w->arg2, VIA_BARRIER, w->arg3);
	return 0;
}

/*
 * pwq->inactive_works of a queue that runs one item at a time: each item waits
 * for the running one, and a barrier waits for the item in front of it.
 */
static long look_at_inactive(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);
	struct work_struct *work;
	struct workqueue_struct *wq = (void *)w->arg2;
	struct ev_queued *e;

	if (!entry)
		return 1;
	work = entry_work(entry);
	if ((__u64)BPF_CORE_READ(work, func) == symbols[SYM_wq_barrier_func]) {
		if (w->target)
			on_flusher(barrier_task(work), (void *)w->target, wq, VIA_BARRIER_PENDING, w->arg3);
		return 0;
	}
	w->target = (__u64)work;
	e = EV_BEGIN(queued, w->arg3);
	if (!e)
		return 0;
	about_nobody(&e->h);
	e->work = object_id(work);
	e->behind = object_id((void *)w->arg);
	e->wq = object_id(wq);
	function_name(e->func, sizeof(e->func), BPF_CORE_READ(work, func));
	bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	EV_END(e);
	return 0;
}

static __always_inline __u64 flusher_task(const struct wq_flusher *flusher)
{
	const void *head = (void *)flusher + bpf_core_field_offset(struct wq_flusher, done) +
			   bpf_core_field_offset(struct completion, wait) +
			   bpf_core_field_offset(struct swait_queue_head, task_list);
	__u64 entry = word_at(head);

	if (!entry || entry == (__u64)head)
		return 0;
	return word_at((void *)entry - bpf_core_field_offset(struct swait_queue, task_list) +
		       bpf_core_field_offset(struct swait_queue, task));
}

/* Colours go round; those from the oldest open one up to the flusher's are waited for. */
static __always_inline bool colour_covers(const struct workqueue_struct *wq, int flusher_colour, int colour)
{
	int n = bpf_core_field_size(((struct pool_workqueue *)0)->nr_in_flight) / sizeof(int);
	int oldest = BPF_CORE_READ(wq, flush_color);

	if (n <= 0 || flusher_colour < 0)
		return false;
	return (colour - oldest + n) % (__u32)n <= (flusher_colour - oldest + n) % (__u32)n;
}

static __always_inline void on_wq_flusher(const struct wq_flusher *flusher, struct list_walk *w, int colour,
					  bool overflow)
{
	struct workqueue_struct *wq = (void *)w->arg2;

	if (overflow || colour_covers(wq, BPF_CORE_READ(flusher, flush_color), colour))
		on_flusher(flusher_task(flusher), (void *)w->arg, wq, VIA_FLUSHER, w->arg3);
}

/* target: colour of the running item; target_func: 1 for the overflow queue */
static long look_at_flusher(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);

	if (!entry)
		return 1;
	on_wq_flusher((void *)entry - bpf_core_field_offset(struct wq_flusher, list), w, w->target, w->target_func);
	return 0;
}

static __always_inline void look_at_workqueue(struct list_walk *w, const struct worker *worker)
{
	struct workqueue_struct *wq = (void *)w->arg2;
	int colour = BPF_CORE_READ(worker, current_color);
	struct wq_flusher *first = BPF_CORE_READ(wq, first_flusher);

	if (first)
		on_wq_flusher(first, w, colour, false);
	w->target = colour;
	w->target_func = 0;
	list_begin(w, (void *)wq + bpf_core_field_offset(struct workqueue_struct, flusher_queue));
	LIST_WALK(look_at_flusher, w);
	w->target_func = 1;
	list_begin(w, (void *)wq + bpf_core_field_offset(struct workqueue_struct, flusher_overflow));
	LIST_WALK(look_at_flusher, w);
}

static __always_inline void look_at_worker(const struct worker *worker, __u64 container)
{
	struct pool_workqueue *pwq = BPF_CORE_READ(worker, current_pwq);
	struct workqueue_struct *wq = BPF_CORE_READ(pwq, wq);
	struct list_walk w = {
		.arg = (__u64)BPF_CORE_READ(worker, current_work),
		.arg2 = (__u64)wq,
		.arg3 = container,
	};

	if (!w.arg || !wq)
		return;
	list_begin(&w, (void *)worker + bpf_core_field_offset(struct worker, scheduled));
	LIST_WALK(look_at_scheduled, &w);
	if (BPF_CORE_READ(pwq, max_active) == 1) {
		w.target = unknown_zero;
		list_begin(&w, (void *)pwq + bpf_core_field_offset(struct pool_workqueue, inactive_works));
		LIST_WALK(look_at_inactive, &w);
	}
	look_at_workqueue(&w, worker);
}

static __always_inline void on_blocked(struct task_struct *task, const struct worker *worker, __u64 container)
{
	struct workqueue_struct *wq;
	struct ev_block *e;

	e = EV_BEGIN(block, container);
	if (!e)
		return;
	about_task(&e->h, task);
	e->op = OP_UNKNOWN;
	e->class = task_class(task);
	if (worker) {
		wq = BPF_CORE_READ(worker, current_pwq, wq);
		e->work = object_id(BPF_CORE_READ(worker, current_work));
		e->wq = object_id(wq);
		function_name(e->func, sizeof(e->func), BPF_CORE_READ(worker, current_func));
		bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	}
	EV_END(e);
}

/* A worker that is not blocked itself but waits for one that is: who waits for it waits too. */
static __always_inline void on_runs(struct task_struct *task, const struct worker *worker)
{
	struct workqueue_struct *wq = BPF_CORE_READ(worker, current_pwq, wq);
	struct work_struct *work = BPF_CORE_READ(worker, current_work);
	struct ev_runs *e;

	if (!work)
		return;
	e = EV_BEGIN(runs, 0);
	if (!e)
		return;
	about_task(&e->h, task);
	e->work = object_id(work);
	e->wq = object_id(wq);
	function_name(e->func, sizeof(e->func), BPF_CORE_READ(worker, current_func));
	bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	EV_END(e);
}

SEC("iter/task")
int find_blocked(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct worker *worker;
	__u64 *container, id = 0;

	if (!task)
		return 0;
	container = HAS(waiters, task);
	if (!container && !HAS(interesting, task))
		return 0;
	if (!PUT_NEW(asked, task))
		return 0;
	worker = task_worker(task);
	if (container) {
		id = object_id((void *)*container);
		on_blocked(task, worker, id);
	} else if (worker) {
		on_runs(task, worker);
	}
	if (worker)
		look_at_worker(worker, id);
	return 0;
}

/* ---- threads that matter -------------------------------------------------- */

struct stack_walk {
	__u64 base;	/* first word looked at */
	__u64 task;
	__u64 device_file; /* of the release it is in */
	__u64 lock;
	__u64 barrier; /* the wq_barrier it waits for */
	__u32 wait;
	__u32 pad;
};

static __always_inline bool linked_both_ways(__u64 entry)
{
	__u64 next = word_at((void *)entry), prev = word_at((void *)entry + 8);

	return next && prev && word_at((void *)next + 8) == entry && word_at((void *)prev) == entry;
}

/* The head of a wait list is the one entry that is not a waiter on a stack: mutex->wait_list. */
struct head_walk {
	__u64 entry, head;
};

static long look_for_mutex(__u32 i, struct head_walk *w)
{
	__u64 lock = w->entry - bpf_core_field_offset(struct mutex, wait_list);
	__u64 owner = word_at((void *)lock + bpf_core_field_offset(struct mutex, owner));

	/* MUTEX_FLAG_WAITERS is set while somebody waits; the rest is the owner */
	if ((owner & 1) && (owner & ~7ULL) > (1ULL << 47)) {
		struct task_struct *task = (void *)(owner & ~7ULL);
		__u32 pid = BPF_CORE_READ(task, pid), tgid = BPF_CORE_READ(task, tgid);

		if (pid && tgid && pid < (1 << 22) + 1) {
			w->head = lock;
			return 1;
		}
	}
	w->entry = word_at((void *)w->entry);
	return 0;
}

/* Word i of a sleeping thread's stack: does it belong to a waiter, or name a file that is being released? */
static long look_at_word(__u32 i, struct stack_walk *w)
{
	__u64 at = w->base + i * sizeof(__u64), v = word_at((void *)at);
	struct file *file;

	if (v < (1ULL << 47) * 1 || (v & 7))
		return 0;
	if (v == w->task) {
		__u64 list = at - bpf_core_field_offset(struct mutex_waiter, task) +
			     bpf_core_field_offset(struct mutex_waiter, list);
		__u64 swait = at - bpf_core_field_offset(struct swait_queue, task) +
			      bpf_core_field_offset(struct swait_queue, task_list);

		struct wq_barrier *barrier = (void *)(at - bpf_core_field_offset(struct wq_barrier, task));

		if ((__u64)BPF_CORE_READ(barrier, work.func) == symbols[SYM_wq_barrier_func] &&
		    linked_both_ways((__u64)barrier + bpf_core_field_offset(struct work_struct, entry))) {
			w->barrier = (__u64)barrier;
			w->wait = WAIT_FLUSH;
		}
		if (!w->lock && linked_both_ways(list)) {
			struct head_walk h = { .entry = word_at((void *)list), .head = unknown_zero };

			bpf_loop(64, look_for_mutex, &h, 0);
			if (h.head) {
				w->lock = h.head;
				w->wait = WAIT_MUTEX;
			}
		}
		if (!w->wait && linked_both_ways(swait))
			w->wait = WAIT_COMPLETION;
		return 0;
	}
	if (w->device_file || v < 0xffff800000000000ULL)
		return 0;
	file = (void *)v;
	if ((__u64)BPF_CORE_READ(file, f_op) == symbols[SYM_vfio_device_fops] && file_refs(file) == 0)
		w->device_file = v;
	return 0;
}

/*
 * The item a barrier was queued behind. Going back in the barrier's list, over
 * other barriers, there is either the item that waits its turn (its data has
 * the same queue), or the head of what is scheduled for the worker that runs it.
 */
struct target_walk {
	__u64 entry, pwq;
	__u64 work, worker;
};

#define WORK_STRUCT_PWQ 4
#define WORK_STRUCT_FLAGS 0xff

static long look_for_target(__u32 i, struct target_walk *t)
{
	struct work_struct *work;
	struct worker *worker;
	__u64 data;

	t->entry = word_at((void *)t->entry + bpf_core_field_offset(struct list_head, prev));
	if (!t->entry)
		return 1;
	worker = (void *)t->entry - bpf_core_field_offset(struct worker, scheduled);
	if ((__u64)BPF_CORE_READ(worker, current_pwq) == t->pwq && BPF_CORE_READ(worker, current_work)) {
		struct task_struct *task = BPF_CORE_READ(worker, task);

		if (task_worker(task) == worker) {
			t->worker = (__u64)worker;
			t->work = (__u64)BPF_CORE_READ(worker, current_work);
			return 1;
		}
	}
	work = entry_work(t->entry);
	data = BPF_CORE_READ(work, data.counter);
	if (!(data & WORK_STRUCT_PWQ) || (data & ~(__u64)WORK_STRUCT_FLAGS) != t->pwq)
		return 1;
	if ((__u64)BPF_CORE_READ(work, func) == symbols[SYM_wq_barrier_func])
		return 0;
	t->work = (__u64)work;
	return 1;
}

/* A flush that was not found from a blocked worker: who runs the item is not blocked on a range, or nobody does. */
static __always_inline void on_barrier(struct task_struct *task, __u64 barrier)
{
	struct work_struct *work = (void *)barrier + bpf_core_field_offset(struct wq_barrier, work);
	struct target_walk t = {
		.entry = (__u64)work + bpf_core_field_offset(struct work_struct, entry),
		.pwq = BPF_CORE_READ(work, data.counter) & ~(__u64)WORK_STRUCT_FLAGS,
		.work = unknown_zero,
		.worker = unknown_zero,
	};
	struct pool_workqueue *pwq = (void *)t.pwq;
	struct workqueue_struct *wq = BPF_CORE_READ(pwq, wq);
	struct worker *worker;

	if (bpf_loop(MAX_LIST, look_for_target, &t, 0) >= MAX_LIST)
		__sync_fetch_and_add(&stats.cut, 1);
	if (!t.work)
		return;
	on_flusher((__u64)task, (void *)t.work, wq, t.worker ? VIA_BARRIER : VIA_BARRIER_PENDING, 0);
	worker = (void *)t.worker;
	if (worker)
		on_runs(BPF_CORE_READ(worker, task), worker);
}

struct chain_walk {
	__u64 callback;
	struct task_struct *task;
};

/* The files behind the one that is being released, in the list of work its thread has taken. */
static long look_at_pending(__u32 i, struct chain_walk *w)
{
	struct callback_head *cb = (void *)w->callback;
	struct vfio_container *container;
	struct ev_pending *e;
	struct file *file;

	if (!cb)
		return 1;
	w->callback = (__u64)BPF_CORE_READ(cb, next);
	if (!symbols[SYM_____fput] || (__u64)BPF_CORE_READ(cb, func) != symbols[SYM_____fput])
		return 0;
	file = (void *)cb - file_callback_offset();
	if ((__u64)BPF_CORE_READ(file, f_op) != symbols[SYM_vfio_fops] || file_refs(file) != 0)
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (!container)
		return 0;
	e = EV_BEGIN(pending, object_id(container));
	if (!e)
		return 0;
	about_task(&e->h, w->task);
	e->file = object_id(file);
	EV_END(e);
	return 0;
}

static __always_inline void on_closing(struct task_struct *task, const struct file *file)
{
	struct vfio_device *device = file_vfio_device(file);
	__u64 container = object_id(device_container(device));
	struct chain_walk w = { .task = task };
	struct ev_close *e;

	e = EV_BEGIN(close, container);
	if (e) {
		about_task(&e->h, task);
		e->device = object_id(device);
		device_name(device, e->device_name, sizeof(e->device_name));
		EV_END(e);
	}
	if (file_callback_offset() == -1U)
		return;
	w.callback = word_at((void *)file + file_callback_offset());
	if (bpf_loop(MAX_CHAIN, look_at_pending, &w, 0) >= MAX_CHAIN)
		__sync_fetch_and_add(&stats.cut, 1);
}

static __always_inline void on_lock(struct task_struct *task, __u64 lock)
{
	struct task_struct *owner = (void *)(word_at((void *)lock + bpf_core_field_offset(struct mutex, owner)) & ~7ULL);
	struct ev_lock *e = EV_BEGIN(lock, 0);

	if (!e)
		return;
	about_task(&e->h, task);
	e->lock = object_id((void *)lock);
	e->owner = owner ? BPF_CORE_READ(owner, pid) : 0;
	__builtin_memcpy(e->lock_name, "mutex", 6);
	EV_END(e);
}

/* Innermost function that is not the scheduler's, from frames that were just read. */
static __always_inline void fill_wchan(char *buf, __u32 size, const struct stack_scratch *s, long bytes)
{
	__u64 from = symbols[SYM___sched_text_start], to = symbols[SYM___sched_text_end];

	for (int i = 0; i < 8; i++) {
		if ((i + 1) * (long)sizeof(__u64) > bytes)
			return;
		if (s->ips[i] >= from && s->ips[i] < to)
			continue;
		function_name(buf, size, (void *)s->ips[i]);
		return;
	}
}

/* __fput is on the stack: a file is being released. Its length is not known, but less than this. */
#define FPUT_SIZE 0x400

static __always_inline bool in_release(const struct stack_scratch *s, long bytes)
{
	__u64 from = symbols[SYM___fput];

	for (int i = 0; i < SCAN_DEPTH; i++) {
		if ((i + 1) * (long)sizeof(__u64) > bytes)
			break;
		if (s->ips[i] > from && s->ips[i] < from + FPUT_SIZE)
			return true;
	}
	return false;
}

static __always_inline void on_thread(struct task_struct *task, const struct stack_walk *w, const struct stack_scratch *s,
				      long bytes)
{
	__u64 now = bpf_ktime_get_ns(), last = BPF_CORE_READ(task, sched_info.last_arrival);
	struct ev_thread *e;
	struct ev_stack *k;

	e = EV_BEGIN(thread, 0);
	if (!e)
		return;
	about_task(&e->h, task);
	e->files = object_id(BPF_CORE_READ(task, files));
	e->switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
	e->asleep_ns = now > last ? now - last : 0;
	e->state = task_state(task) | BPF_CORE_READ(task, exit_state);
	e->class = task_class(task);
	e->exiting = !!(BPF_CORE_READ(task, flags) & PF_EXITING);
	e->wait = HAS(waiters, task) ? WAIT_VADDR : w->wait;
	if (s && bytes > 0)
		fill_wchan(e->wchan, sizeof(e->wchan), s, bytes);
	EV_END(e);
	if (!s || bytes <= 0)
		return;
	k = EV_BEGIN(stack, 0);
	if (!k)
		return;
	about_task(&k->h, task);
	stack_text(k, s->ips, bytes);
	EV_END(k);
}

static __always_inline void scan_stack(struct task_struct *task, struct stack_walk *w)
{
	__u64 stack = (__u64)BPF_CORE_READ(task, stack), sp = BPF_CORE_READ(task, thread.sp);

	w->task = (__u64)task;
	if (!stack || sp < stack || sp >= stack + THREAD_SIZE || BPF_CORE_READ(task, on_cpu))
		return;
	w->base = sp & ~7ULL;
	bpf_loop((stack + THREAD_SIZE - w->base) / sizeof(__u64), look_at_word, w, 0);
}

static __always_inline bool matters(struct task_struct *task, const struct stack_walk *w)
{
	struct files_struct *files = BPF_CORE_READ(task, files);
	struct task_struct *owner;

	if (w->device_file || (files && HAS(holder_tables, files)) || HAS(interesting, task))
		return true;
	if (!w->lock)
		return false;
	owner = (void *)(word_at((void *)w->lock + bpf_core_field_offset(struct mutex, owner)) & ~7ULL);
	return HAS(interesting, owner);
}

/*
 * Described are: threads of a process that holds a container, waiters and
 * flushers, and any thread that sleeps uninterruptibly in a device's release
 * or waits for a mutex whose owner is one of these.
 */
SEC("iter/task")
int find_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct stack_walk w = {
		.device_file = unknown_zero,
		.lock = unknown_zero,
		.barrier = unknown_zero,
		.wait = unknown_zero,
	};
	struct stack_scratch *s;
	__u32 zero = 0;
	long bytes = 0;

	if (!task || HAS(described, task))
		return 0;
	s = bpf_map_lookup_elem(&stack_scratch, &zero);
	if (task_state(task) & TASK_UNINTERRUPTIBLE)
		scan_stack(task, &w);
	if (!matters(task, &w))
		return 0;
	PUT_NEW(described, task);
	PUT(interesting, task, 1);
	if (s)
		bytes = bpf_get_task_stack(task, s->ips, sizeof(s->ips), 0);
	on_thread(task, &w, s, bytes);
	if (w.device_file && s && in_release(s, bytes))
		on_closing(task, (void *)w.device_file);
	if (w.lock)
		on_lock(task, w.lock);
	if (w.barrier)
		on_barrier(task, w.barrier);
	return 0;
}
