// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace.bpf.c - the hooks that watch. Nothing here changes behaviour.
 *
 *   container	vfio_fops_open, vfio_fops_release, vfio_fops_unl_ioctl
 *		(map, unmap, invalidate, revalidate: judged on the kernel's
 *		count of invalid ranges, never on the caller's flags)
 *   groups	vfio_container_attach_group, vfio_group_detach_container
 *   drivers	vfio_pin_pages, vfio_unpin_pages, vfio_dma_rw
 *   waiting	vfio_wait: block at the first wait of a call, unblock when the
 *		call ends, with the time really waited
 *   flushing	start_flush_work or __flush_work, flush_work, __flush_workqueue,
 *		by threads that are closing a device or flush a blocked item
 *   closing	vfio_device_fops_release
 *   processes	sched_process_exec, sched_process_fork (to follow -p)
 *
 * One record for an operation, not two: what is known at entry waits in task
 * storage (struct call_state) until the exit. Every program is optional
 * ("?"); source_bpf.c turns on what the kernel has.
 */
#include "common.bpf.h"

#define VFIO_IOMMU_MAP_DMA 0x3b71
#define VFIO_IOMMU_UNMAP_DMA 0x3b72
#define MAP_FLAG_VADDR 4
#define UNMAP_FLAG_VADDR 4

/* The calls of user space, as far as they are looked at. */
struct map_arg {
	__u32 argsz, flags;
	__u64 vaddr, iova, size;
};

struct unmap_arg {
	__u32 argsz, flags;
	__u64 iova, size;
};

/* What a thread is in the middle of. Zero means not. */
struct call_state {
	/* an ioctl on a container */
	__u64 io_container;
	__u32 io_cmd, io_flags;
	__u32 io_invalid, io_emulated;
	__u64 io_iova, io_size, io_vaddr;
	/* pin, dma_rw or attach */
	__u64 op_container;
	__u64 op_device;
	__u64 op_iova, op_size;
	__u32 op, op_pad;
	__u64 wait_since, waited_ns;
	__u64 wait_work;
	/* release of a device */
	__u64 close_device, close_container, close_since;
	/* flush */
	__u64 flush_since;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call_state);
} calls SEC(".maps");

/* Since when a container has an invalid range, by its id. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FDPIN_MAX_CONTAINERS);
	__type(key, __u64);
	__type(value, __u64);
} windows SEC(".maps");

/* Work items whose worker is blocked on a range. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FDPIN_MAX_TASKS);
	__type(key, __u64);
	__type(value, __u64);
} blocked_works SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FDPIN_MAX_TGIDS);
	__type(key, __u32);
	__type(value, __u8);
} tgids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FDPIN_MAX_TGIDS);
	__type(key, __u32);
	__type(value, __u8);
} tids SEC(".maps");

static __always_inline __u64 object_id(const void *object)
{
	return object_id_key(object, cfg.key[0], cfg.key[1]);
}

static __always_inline struct call_state *call_begin(void)
{
	struct call_state *c;

	c = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c)
		__sync_fetch_and_add(&stats.no_state, 1);
	return c;
}

static __always_inline struct call_state *call_current(void)
{
	return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, 0);
}

/* ---- filters -------------------------------------------------------------- */

static __always_inline bool comm_matches(void)
{
	char comm[FDPIN_COMM_LEN];

	bpf_get_current_comm(comm, sizeof(comm));
	for (int i = 0; i < FDPIN_COMM_LEN; i++) {
		if (comm[i] != cfg.comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

static __always_inline bool thread_matches(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32, tid = (__u32)id;

	if (cfg.by_tgid && !bpf_map_lookup_elem(&tgids, &tgid))
		return false;
	if (cfg.by_tid && !bpf_map_lookup_elem(&tids, &tid))
		return false;
	return !cfg.by_comm || comm_matches();
}

/*
 * Is a record about this container, by this thread, asked for? A container
 * that a selected thread has used is selected too: the kernel threads that
 * block on it are what the filter is after.
 */
static __always_inline bool wanted(__u16 type, __u64 container)
{
	__u8 one = 1;

	if (!(cfg.events & (1ULL << type)))
		return false;
	if (cfg.container_mask && (container & cfg.container_mask) != cfg.container)
		return false;
	if (!cfg.by_tgid && !cfg.by_tid && !cfg.by_comm)
		return true;
	if (thread_matches()) {
		if (container)
			bpf_map_update_elem(&wanted_containers, &container, &one, BPF_ANY);
		return true;
	}
	return container && bpf_map_lookup_elem(&wanted_containers, &container);
}

static __always_inline void remember_user(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct vfio_user user = {};

	if (bpf_map_lookup_elem(&vfio_users, &tgid))
		return;
	bpf_get_current_comm(user.comm, sizeof(user.comm));
	bpf_map_update_elem(&vfio_users, &tgid, &user, BPF_ANY);
}

/* ---- container: open, release, ioctls ------------------------------------- */

SEC("?fexit/vfio_fops_open")
int BPF_PROG(fexit__vfio_fops_open, struct inode *inode, struct file *file, int ret)
{
	__u64 container = object_id(BPF_CORE_READ(file, private_data));
	struct ev_open *e;

	if (ret)
		return 0;
	remember_user();
	if (!wanted(EV_open, container))
		return 0;
	e = EV_BEGIN(open, container);
	if (e)
		EV_END(e);
	return 0;
}

SEC("?fentry/vfio_fops_release")
int BPF_PROG(fentry__vfio_fops_release, struct inode *inode, struct file *file)
{
	__u64 container = object_id(BPF_CORE_READ(file, private_data));
	struct ev_release *e;

	bpf_map_delete_elem(&windows, &container);
	if (!wanted(EV_release, container))
		return 0;
	e = EV_BEGIN(release, container);
	if (e)
		EV_END(e);
	return 0;
}

/* Read what the caller asked for. It is the caller's memory: told, not believed. */
static __always_inline void read_argument(struct call_state *c, __u32 cmd, const void *arg)
{
	struct unmap_arg unmap = {};
	struct map_arg map = {};

	if (cmd == VFIO_IOMMU_MAP_DMA) {
		bpf_probe_read_user(&map, sizeof(map), arg);
		c->io_flags = map.flags;
		c->io_iova = map.iova;
		c->io_size = map.size;
		c->io_vaddr = map.vaddr;
	} else {
		bpf_probe_read_user(&unmap, sizeof(unmap), arg);
		c->io_flags = unmap.flags;
		c->io_iova = unmap.iova;
		c->io_size = unmap.size;
		c->io_vaddr = 0;
	}
}

SEC("?fentry/vfio_fops_unl_ioctl")
int BPF_PROG(fentry__vfio_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vfio_container *container;
	struct call_state *c;

	if (cmd != VFIO_IOMMU_MAP_DMA && cmd != VFIO_IOMMU_UNMAP_DMA)
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	container = BPF_CORE_READ(file, private_data);
	c->io_container = object_id(container);
	c->io_cmd = cmd;
	c->io_invalid = invalid_ranges(container);
	c->io_emulated = has_emulated(container);
	read_argument(c, cmd, (void *)arg);
	return 0;
}

static __always_inline void on_refuse(struct call_state *c, __u32 op, int ret, __u32 invalid)
{
	struct ev_refuse *e;

	if (!wanted(EV_refuse, c->io_container))
		return;
	e = EV_BEGIN(refuse, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->size = c->io_size;
	e->result = ret;
	e->op = op;
	e->invalid = invalid;
	e->emulated = c->io_emulated;
	EV_END(e);
}

/* Length of the container's window up to now, if it is over; forgets it then. */
static __always_inline __u64 window_end(__u64 container, __u32 invalid)
{
	__u64 *since, ns = 0;

	if (invalid)
		return 0;
	since = bpf_map_lookup_elem(&windows, &container);
	if (since) {
		ns = bpf_ktime_get_ns() - *since;
		bpf_map_delete_elem(&windows, &container);
	}
	return ns;
}

static __always_inline void on_map(struct call_state *c, __u32 invalid)
{
	struct ev_map *e;

	if (!wanted(EV_map, c->io_container))
		return;
	e = EV_BEGIN(map, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->size = c->io_size;
	e->vaddr = c->io_vaddr;
	e->flags = c->io_flags;
	EV_END(e);
}

static __always_inline void on_revalidate(struct call_state *c, __u32 invalid)
{
	__u64 ns = window_end(c->io_container, invalid);
	struct ev_revalidate *e;

	if (!wanted(EV_revalidate, c->io_container))
		return;
	e = EV_BEGIN(revalidate, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->bytes = c->io_size;
	e->vaddr = c->io_vaddr;
	e->window_ns = ns;
	e->closed = invalid ? 0 : c->io_container;
	e->ranges = 1;
	e->invalid = invalid;
	EV_END_NOW(e);
}

static __always_inline void on_unmap(struct call_state *c, __u32 invalid, __u64 bytes)
{
	struct ev_unmap *e;

	if (!invalid)
		bpf_map_delete_elem(&windows, &c->io_container);
	if (!wanted(EV_unmap, c->io_container))
		return;
	e = EV_BEGIN(unmap, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->size = bytes;
	e->flags = c->io_flags;
	e->closed = c->io_invalid && !invalid ? c->io_container : 0;
	e->invalid = invalid;
	EV_END(e);
}

static __always_inline void on_invalidate(struct call_state *c, __u32 invalid, __u64 bytes)
{
	__u64 now = bpf_ktime_get_ns();
	struct ev_invalidate *e;

	if (!c->io_invalid)
		bpf_map_update_elem(&windows, &c->io_container, &now, BPF_ANY);
	if (!wanted(EV_invalidate, c->io_container))
		return;
	e = EV_BEGIN(invalidate, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->bytes = bytes;
	e->ranges = invalid - c->io_invalid;
	e->invalid = invalid;
	e->flags = c->io_flags;
	e->emulated = c->io_emulated;
	EV_END_NOW(e);
}

/*
 * What happened is told by the kernel's count of invalid ranges: more of them
 * is an invalidation, fewer a restoration, whatever the flags now say. Two
 * calls on one container at once can swap their shares; the sum stays right.
 */
SEC("?fexit/vfio_fops_unl_ioctl")
int BPF_PROG(fexit__vfio_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg, long ret)
{
	struct call_state *c;
	struct unmap_arg done = {};
	__u32 invalid;
	bool unmap = cmd == VFIO_IOMMU_UNMAP_DMA;

	if (cmd != VFIO_IOMMU_MAP_DMA && !unmap)
		return 0;
	c = call_current();
	if (!c || c->io_cmd != cmd)
		return 0;
	c->io_cmd = 0;
	remember_user();
	invalid = invalid_ranges(BPF_CORE_READ(file, private_data));
	if (ret) {
		__u32 op = unmap ? (c->io_flags & UNMAP_FLAG_VADDR ? OP_INVALIDATE : OP_UNMAP) :
				   (c->io_flags & MAP_FLAG_VADDR ? OP_REVALIDATE : OP_MAP);

		on_refuse(c, op, ret, invalid);
		return 0;
	}
	if (unmap) {
		bpf_probe_read_user(&done, sizeof(done), (void *)arg);
		if (invalid > c->io_invalid)
			on_invalidate(c, invalid, done.size);
		else
			on_unmap(c, invalid, done.size);
	} else if (invalid < c->io_invalid) {
		on_revalidate(c, invalid);
	} else {
		on_map(c, invalid);
	}
	return 0;
}

/* ---- blocking ------------------------------------------------------------- */

static __always_inline void op_begin(struct call_state *c, __u32 op, __u64 container, const void *device, __u64 iova,
				     __u64 size)
{
	c->op = op;
	c->op_container = container;
	c->op_device = object_id(device);
	c->op_iova = iova;
	c->op_size = size;
	c->wait_since = 0;
	c->waited_ns = 0;
	c->wait_work = 0;
}

static __always_inline void on_stack(void *ctx, __u64 container)
{
	struct stack_scratch *s;
	struct ev_stack *e;
	__u32 zero = 0;
	long bytes;

	s = bpf_map_lookup_elem(&stack_scratch, &zero);
	if (!s || !cfg.stacks || !wanted(EV_stack, container))
		return;
	/* the program and its trampoline are not part of the story */
	bytes = bpf_get_stack(ctx, s->ips, STACK_DEPTH * sizeof(s->ips[0]), 0);
	if (bytes <= 0)
		return;
	e = EV_BEGIN(stack, container);
	if (!e)
		return;
	stack_text(e, s->ips, bytes);
	EV_END(e);
}

/* Which work item the current kernel worker runs, and for which queue. */
static __always_inline void fill_work(struct ev_block *e, struct call_state *c, const struct worker *worker)
{
	struct work_struct *work = BPF_CORE_READ(worker, current_work);
	struct workqueue_struct *wq = BPF_CORE_READ(worker, current_pwq, wq);
	__u64 key = (__u64)work, container = c->op_container;

	e->work = object_id(work);
	e->wq = object_id(wq);
	function_name(e->func, sizeof(e->func), BPF_CORE_READ(worker, current_func));
	bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	c->wait_work = key;
	bpf_map_update_elem(&blocked_works, &key, &container, BPF_ANY);
}

static __always_inline void on_block(struct call_state *c)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct worker *worker;
	struct ev_block *e;

	if (!wanted(EV_block, c->op_container))
		return;
	e = EV_BEGIN(block, c->op_container);
	if (!e)
		return;
	e->iova = c->op_iova;
	e->size = c->op_size;
	e->device = c->op_device;
	e->op = c->op;
	e->class = task_class(task);
	worker = task_worker(task);
	if (worker)
		fill_work(e, c, worker);
	EV_END_NOW(e);
}

SEC("?fentry/vfio_wait")
int BPF_PROG(fentry__vfio_wait, struct vfio_iommu *iommu)
{
	struct call_state *c = call_current();
	bool first;

	if (!c || !c->op)
		return 0;
	first = !c->wait_since && !c->waited_ns;
	c->wait_since = bpf_ktime_get_ns();
	if (first) {
		on_stack(ctx, c->op_container);
		on_block(c);
	}
	return 0;
}

SEC("?fexit/vfio_wait")
int BPF_PROG(fexit__vfio_wait, struct vfio_iommu *iommu, int ret)
{
	struct call_state *c = call_current();

	if (c && c->wait_since) {
		c->waited_ns += bpf_ktime_get_ns() - c->wait_since;
		c->wait_since = 0;
	}
	return 0;
}

/* The call is over: if it had blocked, it is so no more. */
static __always_inline void op_end(struct call_state *c, int ret)
{
	struct ev_unblock *e;

	if (c->waited_ns) {
		if (c->wait_work)
			bpf_map_delete_elem(&blocked_works, &c->wait_work);
		if (wanted(EV_unblock, c->op_container)) {
			e = EV_BEGIN(unblock, c->op_container);
			if (e) {
				e->iova = c->op_iova;
				e->ns = c->waited_ns;
				e->op = c->op;
				e->result = ret < 0 ? ret : 0;
				EV_END_NOW(e);
			}
		}
	}
	c->op = 0;
	c->waited_ns = 0;
}

/* A call of a driver or an attach that failed. */
static __always_inline void op_refused(struct call_state *c, int ret, const struct vfio_container *container)
{
	struct ev_refuse *e;

	if (!wanted(EV_refuse, c->op_container))
		return;
	e = EV_BEGIN(refuse, c->op_container);
	if (!e)
		return;
	e->iova = c->op_iova;
	e->size = c->op_size;
	e->result = ret;
	e->op = c->op;
	e->invalid = invalid_ranges(container);
	e->emulated = has_emulated(container);
	EV_END(e);
}

/* ---- groups --------------------------------------------------------------- */

SEC("?fentry/vfio_container_attach_group")
int BPF_PROG(fentry__vfio_container_attach_group, struct vfio_container *container, struct vfio_group *group)
{
	struct call_state *c = call_begin();

	if (c)
		op_begin(c, OP_ATTACH, object_id(NUMBER(container)), NULL, 0, 0);
	return 0;
}

SEC("?fexit/vfio_container_attach_group")
int BPF_PROG(fexit__vfio_container_attach_group, struct vfio_container *container, struct vfio_group *group, int ret)
{
	struct call_state *c = call_current();
	struct ev_attach *e;

	if (!c || c->op != OP_ATTACH)
		return 0;
	remember_user();
	if (ret)
		op_refused(c, ret, container);
	op_end(c, ret);
	if (!wanted(EV_attach, c->op_container))
		return 0;
	e = EV_BEGIN(attach, c->op_container);
	if (!e)
		return 0;
	e->result = ret;
	e->group = BPF_CORE_READ(group, iommu_group, id);
	e->backed = BPF_CORE_READ(group, type);
	e->invalid = invalid_ranges(container);
	EV_END(e);
	return 0;
}

SEC("?fentry/vfio_group_detach_container")
int BPF_PROG(fentry__vfio_group_detach_container, struct vfio_group *group)
{
	__u64 container = object_id(BPF_CORE_READ(group, container));
	struct ev_detach *e;

	if (!wanted(EV_detach, container))
		return 0;
	e = EV_BEGIN(detach, container);
	if (!e)
		return 0;
	e->group = BPF_CORE_READ(group, iommu_group, id);
	e->backed = BPF_CORE_READ(group, type);
	EV_END(e);
	return 0;
}

/* ---- drivers -------------------------------------------------------------- */

static __always_inline int driver_begin(struct vfio_device *device, __u32 op, __u64 iova, __u64 size)
{
	struct call_state *c = call_begin();

	if (c)
		op_begin(c, op, object_id(device_container(device)), NUMBER(device), iova, size);
	return 0;
}

SEC("?fentry/vfio_pin_pages")
int BPF_PROG(fentry__vfio_pin_pages, struct vfio_device *device, __u64 iova, int npage, int prot)
{
	return driver_begin(device, OP_PIN, iova, (__u64)npage << 12);
}

SEC("?fexit/vfio_pin_pages")
int BPF_PROG(fexit__vfio_pin_pages, struct vfio_device *device, __u64 iova, int npage, int prot, void *pages, int ret)
{
	struct call_state *c = call_current();
	struct ev_pin *e;

	if (!c || c->op != OP_PIN)
		return 0;
	if (ret < 0)
		op_refused(c, ret, device_container(device));
	op_end(c, ret);
	if (ret < 0 || !wanted(EV_pin, c->op_container))
		return 0;
	e = EV_BEGIN(pin, c->op_container);
	if (!e)
		return 0;
	e->iova = iova;
	e->size = (__u64)npage << 12;
	e->device = c->op_device;
	e->result = ret;
	device_name(device, e->device_name, sizeof(e->device_name));
	EV_END(e);
	return 0;
}

SEC("?fexit/vfio_unpin_pages")
int BPF_PROG(fexit__vfio_unpin_pages, struct vfio_device *device, __u64 iova, int npage)
{
	__u64 container = object_id(device_container(device));
	struct ev_unpin *e;

	if (!wanted(EV_unpin, container))
		return 0;
	e = EV_BEGIN(unpin, container);
	if (!e)
		return 0;
	e->iova = iova;
	e->size = (__u64)npage << 12;
	e->device = object_id(NUMBER(device));
	device_name(device, e->device_name, sizeof(e->device_name));
	EV_END(e);
	return 0;
}

SEC("?fentry/vfio_dma_rw")
int BPF_PROG(fentry__vfio_dma_rw, struct vfio_device *device, __u64 iova, void *data, __u64 len, bool write)
{
	return driver_begin(device, write ? OP_WRITE : OP_READ, iova, len);
}

SEC("?fexit/vfio_dma_rw")
int BPF_PROG(fexit__vfio_dma_rw, struct vfio_device *device, __u64 iova, void *data, __u64 len, bool write, int ret)
{
	struct call_state *c = call_current();
	struct ev_dma_rw *e;

	if (!c || (c->op != OP_READ && c->op != OP_WRITE))
		return 0;
	if (ret < 0)
		op_refused(c, ret, device_container(device));
	op_end(c, ret);
	if (ret < 0 || !wanted(EV_dma_rw, c->op_container))
		return 0;
	e = EV_BEGIN(dma_rw, c->op_container);
	if (!e)
		return 0;
	e->iova = iova;
	e->size = len;
	e->device = c->op_device;
	e->op = write ? OP_WRITE : OP_READ;
	device_name(device, e->device_name, sizeof(e->device_name));
	EV_END(e);
	return 0;
}

/* ---- closing -------------------------------------------------------------- */

SEC("?fentry/vfio_device_fops_release")
int BPF_PROG(fentry__vfio_device_fops_release, struct inode *inode, struct file *file)
{
	struct vfio_device *device = file_vfio_device(file);
	struct call_state *c = call_begin();
	struct ev_close *e;

	if (!c)
		return 0;
	c->close_device = object_id(device);
	c->close_container = object_id(device_container(device));
	c->close_since = bpf_ktime_get_ns();
	if (!wanted(EV_close, c->close_container))
		return 0;
	e = EV_BEGIN(close, c->close_container);
	if (!e)
		return 0;
	e->device = c->close_device;
	device_name(device, e->device_name, sizeof(e->device_name));
	EV_END_NOW(e);
	return 0;
}

SEC("?fexit/vfio_device_fops_release")
int BPF_PROG(fexit__vfio_device_fops_release, struct inode *inode, struct file *file, int ret)
{
	struct call_state *c = call_current();
	struct ev_closed *e;

	if (!c || !c->close_since)
		return 0;
	if (wanted(EV_closed, c->close_container)) {
		e = EV_BEGIN(closed, c->close_container);
		if (e) {
			e->device = c->close_device;
			e->ns = bpf_ktime_get_ns() - c->close_since;
			EV_END_NOW(e);
		}
	}
	c->close_since = 0;
	return 0;
}

/* ---- flushing ------------------------------------------------------------- */

/*
 * The container a flush is about: that of the device the thread is closing,
 * else that of the blocked item it flushes. 0 for everybody else's flushes.
 */
static __always_inline __u64 flush_container(struct call_state *c, const struct work_struct *work)
{
	__u64 key = (__u64)work, *container;

	if (c && c->close_since)
		return c->close_container;
	container = work ? bpf_map_lookup_elem(&blocked_works, &key) : NULL;
	return container ? *container : 0;
}

static __always_inline int on_flush(struct work_struct *work, struct workqueue_struct *wq)
{
	struct call_state *c = call_current();
	__u64 container = flush_container(c, work);
	struct ev_flush *e;

	if (!container || !wanted(EV_flush, container))
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	c->flush_since = bpf_ktime_get_ns();
	e = EV_BEGIN(flush, container);
	if (!e)
		return 0;
	e->via = wq ? VIA_FLUSH_WQ : VIA_FLUSH;
	if (work) {
		e->work = object_id(work);
		function_name(e->func, sizeof(e->func), BPF_CORE_READ(work, func));
	}
	if (wq) {
		e->wq = object_id(wq);
		bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	}
	EV_END_NOW(e);
	return 0;
}

static __always_inline int on_flushed(void)
{
	struct call_state *c = call_current();
	struct ev_flushed *e;

	if (!c || !c->flush_since)
		return 0;
	e = EV_BEGIN(flushed, c->close_since ? c->close_container : 0);
	if (e) {
		e->ns = bpf_ktime_get_ns() - c->flush_since;
		EV_END_NOW(e);
	}
	c->flush_since = 0;
	return 0;
}

/* true: a barrier is queued and the caller will wait for it */
SEC("?fexit/start_flush_work")
int BPF_PROG(fexit__start_flush_work, struct work_struct *work, void *barr, bool from_cancel, bool ret)
{
	return ret ? on_flush(NUMBER(work), NULL) : 0;
}

SEC("?fentry/__flush_work")
int BPF_PROG(fentry____flush_work, struct work_struct *work)
{
	return on_flush(NUMBER(work), NULL);
}

SEC("?fexit/__flush_work")
int BPF_PROG(fexit____flush_work, struct work_struct *work)
{
	return on_flushed();
}

SEC("?fexit/flush_work")
int BPF_PROG(fexit__flush_work, struct work_struct *work)
{
	return on_flushed();
}

SEC("?fentry/__flush_workqueue")
int BPF_PROG(fentry____flush_workqueue, struct workqueue_struct *wq)
{
	return on_flush(NULL, NUMBER(wq));
}

SEC("?fexit/__flush_workqueue")
int BPF_PROG(fexit____flush_workqueue, struct workqueue_struct *wq)
{
	return on_flushed();
}

/* ---- processes ------------------------------------------------------------ */

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(tp_btf__sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct vfio_user *user = bpf_map_lookup_elem(&vfio_users, &tgid);
	struct ev_exec *e;

	if (!user)
		return 0;
	if (wanted(EV_exec, 0)) {
		e = EV_BEGIN(exec, 0);
		if (e) {
			bpf_probe_read_kernel_str(e->file, sizeof(e->file), BPF_CORE_READ(bprm, filename));
			__builtin_memcpy(e->old_comm, user->comm, sizeof(e->old_comm));
			EV_END_NOW(e);
		}
	}
	bpf_get_current_comm(user->comm, sizeof(user->comm));
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(tp_btf__sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
	struct vfio_user *user = bpf_map_lookup_elem(&vfio_users, &from);
	__u8 one = 1;

	if (from == to)
		return 0;
	if (user)
		bpf_map_update_elem(&vfio_users, &to, user, BPF_ANY);
	if (cfg.by_tgid && bpf_map_lookup_elem(&tgids, &from))
		bpf_map_update_elem(&tgids, &to, &one, BPF_ANY);
	return 0;
}
