/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace_charge.bpf.h - part of trace.bpf.c: pages charged to an address space
 * or to a user, and credited.
 *
 * A call charges in as many pieces as its memory is in; what user space asks is
 * what the call has charged. So pieces for the same account, of one call, are
 * summed up in struct charge_sum and told when the call ends, or when another
 * account comes: a hand-over is a charge to the new and a credit to the old. A
 * refused one is told at once, by itself.
 *
 * __account_locked_vm() is called with mmap_lock held for writing, so what the
 * counter was before and after is exact there. iommufd's counters are atomic:
 * "before" is what it must have been if nobody else changed it meanwhile.
 */

#define MLOCK_LIMIT 8 /* RLIMIT_MEMLOCK */
#define PAGE_SHIFT 12
#define ENOMEM 12

#define IOMMU_IOAS_COPY 0x3b83
#define IOMMU_IOAS_MAP 0x3b85
#define IOMMU_IOAS_UNMAP 0x3b86
#define IOMMU_IOAS_MAP_FILE 0x3b8f
#define IOMMU_IOAS_CHANGE_PROCESS 0x3b92

static __always_inline void on_stack(void *ctx, __u64 container);

/* ---- the call it is part of ------------------------------------------------- */

struct charge_call {
	__u64 container, device, iova, size;
	__u32 op, pad;
};

static __always_inline __u32 fd_op(__u32 cmd)
{
	switch (cmd) {
	case IOMMU_IOAS_MAP:
	case IOMMU_IOAS_MAP_FILE:
	case VFIO_IOMMU_MAP_DMA:
		return OP_MAP;
	case IOMMU_IOAS_UNMAP:
	case VFIO_IOMMU_UNMAP_DMA:
		return OP_UNMAP;
	case IOMMU_IOAS_COPY:
		return OP_COPY;
	case IOMMU_IOAS_CHANGE_PROCESS:
		return OP_CHANGE_PROCESS;
	default:
		return OP_UNKNOWN;
	}
}

static __always_inline void this_ioctl(const struct call_state *c, struct charge_call *call)
{
	call->container = c->io_container;
	call->device = 0;
	call->op = c->io_cmd != VFIO_IOMMU_MAP_DMA ? OP_UNMAP : c->io_flags & MAP_FLAG_VADDR ? OP_REVALIDATE : OP_MAP;
	call->iova = c->io_iova;
	call->size = c->io_size;
}

static __always_inline void this_op(const struct call_state *c, struct charge_call *call)
{
	call->container = c->op_container;
	call->device = c->op == OP_PIN ? c->op_device : 0;
	call->op = c->op;
	call->iova = c->op_iova;
	call->size = c->op_size;
}

static __always_inline void this_unpin(const struct call_state *c, struct charge_call *call)
{
	call->container = c->unpin_container;
	call->device = c->unpin_device;
	call->op = OP_UNPIN;
	call->iova = c->unpin_iova;
	call->size = c->unpin_size;
}

/* The innermost one comes first. */
static __always_inline void which_call(const struct call_state *c, struct charge_call *call)
{
	call->container = call->device = call->iova = call->size = 0;
	call->op = OP_OTHER;
	if (c->access_op) {
		call->container = c->access_container;
		call->device = c->access_op == OP_UNPIN ? c->unpin_device : c->op == OP_PIN ? c->op_device : 0;
		call->op = c->access_op;
		call->iova = c->access_iova;
		call->size = c->access_size;
	} else if (c->unpin_container) {
		this_unpin(c, call);
	} else if (c->op) {
		this_op(c, call);
	} else if (c->io_cmd) {
		this_ioctl(c, call);
	} else if (c->detach_container) {
		call->container = c->detach_container;
		call->op = OP_DETACH;
	} else if (c->release_container) {
		call->container = c->release_container;
		call->op = OP_RELEASE;
	} else if (c->fd_container) {
		call->container = c->fd_container;
		call->op = c->fd_op;
	} else if (c->close_since) {
		call->container = c->close_container;
		call->op = OP_CLOSE;
	}
}

/* ---- records ------------------------------------------------------------------ */

static __always_inline void fill_call(struct ev_charge *e, const struct charge_call *call, const struct mm_struct *mm)
{
	const struct mm_struct *own = number_by(&e->own_mm, bpf_get_current_task_btf()->mm);

	e->mm = object_id(mm);
	e->own_mm = own == mm ? e->mm : object_id(own);
	e->device = call->device;
	e->op = call->op;
	e->iova = call->iova;
	e->size = call->size;
}

static __always_inline void fill_sum(struct ev_charge *e, const struct charge_call *call, const struct charge_sum *s)
{
	fill_call(e, call, (void *)s->mm);
	e->user = object_id((void *)s->user);
	e->pages = e->asked = s->pages;
	e->after = s->after;
	e->before = s->after - s->pages;
	e->pinned_vm = s->pinned_vm;
	e->users = s->users;
	e->age_ns = e->h.ts_ns > s->read_ns ? e->h.ts_ns - s->read_ns : 0;
	e->span_ns = e->h.ts_ns > s->since_ns ? e->h.ts_ns - s->since_ns : 0;
	e->calls = s->calls;
	e->account = s->account;
	e->exempt = s->exempt;
	e->iommufd = s->iommufd;
}

/* The call is over, or goes on with another account: tell what it has charged. */
static __always_inline void charge_flush(struct call_state *c)
{
	struct charge_call call;
	struct ev_charge *e;

	if (!c->sum.calls)
		return;
	which_call(c, &call);
	if (wanted(EV_charge, call.container)) {
		e = EV_BEGIN(charge, call.container);
		if (e) {
			fill_sum(e, &call, &c->sum);
			EV_END(e);
		}
	}
	c->sum.calls = 0;
}

/*
 * The end of a call: what it has charged, if that is asked for, and a record of its
 * own, which FILL, an expression, has to fill in at e. Both are reserved, stamped and
 * submitted at once, as that costs as much as what is in them. call: this one, as
 * what was in it has ended by now.
 */
#define TELL_CALL(name, c, call, FILL)                                                       \
	do {                                                                                 \
		struct {                                                                     \
			struct ev_charge charge;                                             \
			struct ev_##name own;                                                \
		} *__both;                                                                   \
		struct ev_##name *e;                                                         \
                                                                                             \
		if (!(c)->sum.calls || !wanted(EV_charge, (call)->container)) {              \
			e = EV_BEGIN(name, (call)->container);                               \
			if (e) {                                                             \
				FILL;                                                        \
				EV_END(e);                                                   \
			}                                                                    \
		} else if ((__both = reserve(sizeof(*__both), 2))) {                         \
			__builtin_memset(__both, 0, sizeof(*__both));                        \
			fill_header(&__both->charge.h, sizeof(__both->charge), EV_charge, (call)->container); \
			fill_sum(&__both->charge, call, &(c)->sum);                          \
			e = &__both->own;                                                    \
			e->h = __both->charge.h;                                             \
			e->h.size = sizeof(*e);                                              \
			e->h.type = EV_##name;                                               \
			FILL;                                                                \
			EV_END(__both);                                                      \
		}                                                                            \
		(c)->sum.calls = 0;                                                          \
	} while (0)

static __always_inline void charge_refused(struct call_state *c, const struct mm_struct *mm, const struct charge_sum *what,
					   __u64 limit, int ret)
{
	struct charge_call call;
	struct ev_charge *e;

	which_call(c, &call);
	if (!wanted(EV_charge, call.container))
		return;
	e = EV_BEGIN(charge, call.container);
	if (!e)
		return;
	fill_call(e, &call, mm);
	e->user = object_id((void *)what->user);
	e->asked = what->pages;
	e->before = e->after = what->after;
	e->pinned_vm = what->pinned_vm;
	e->users = what->users;
	e->calls = 1;
	e->account = what->account;
	e->exempt = what->exempt;
	e->iommufd = what->iommufd;
	e->result = ret;
	if (ret == -ENOMEM && !what->exempt)
		e->limit = limit;
	EV_END(e);
}

/* What it leaves is asked for when it is gone. */
static __always_inline void remember_charged(const struct mm_struct *mm)
{
	__u64 id = object_id(mm);
	__u8 one = 1;

	if (id == last_charged)
		return;
	bpf_map_update_elem(&charged_mms, &id, &one, BPF_ANY);
	last_charged = id;
}

/* Where it is summed up; NULL if nobody can want it. */
static __always_inline struct call_state *charge_state(void)
{
	struct charge_call call;
	struct call_state *c;

	if (!surely_unwanted(NULL))
		return call_begin();
	/* a call about a container that is asked for has left its state */
	if (!any_container())
		return NULL;
	c = call_current();
	if (!c)
		return NULL;
	which_call(c, &call);
	return call.container ? c : NULL;
}

/*
 * A piece. Those that leave the counter below zero are told at once, with their
 * stack. Of memory without pages, a device's, a kernel charges nothing: that is not
 * told.
 */
static __always_inline void charge_add(void *ctx, struct call_state *c, const struct charge_sum *piece)
{
	struct charge_sum *s = &c->sum;
	struct charge_call call;

	if (!piece->pages)
		return;
	if (s->calls && (s->mm != piece->mm || s->user != piece->user || s->account != piece->account ||
			 (s->pages < 0) != (piece->pages < 0)))
		charge_flush(c);
	if (!s->calls) {
		remember_charged((void *)piece->mm);
		*s = *piece;
		s->since_ns = piece->read_ns;
	} else {
		s->read_ns = piece->read_ns;
		s->pages += piece->pages;
		s->after = piece->after;
		s->pinned_vm = piece->pinned_vm;
		s->calls++;
	}
	which_call(c, &call);
	if (piece->after < 0 || (piece->iommufd && piece->pinned_vm < 0))
		on_stack(ctx, call.container);
	if (call.op == OP_OTHER)
		charge_flush(c); /* nobody else will */
}

static __always_inline __u64 memlock_limit(const struct task_struct *task)
{
	return task ? BPF_CORE_READ(task, signal, rlim[MLOCK_LIMIT].rlim_cur) : 0;
}

/* ---- type1, and whoever else -------------------------------------------------------- */

SEC("?fexit/__account_locked_vm")
int BPF_PROG(fexit____account_locked_vm, struct mm_struct *mm, unsigned long pages, bool inc, struct task_struct *task,
	     bool bypass, int ret)
{
	struct charge_sum piece = {};
	struct call_state *c = charge_state();

	if (!c || c->in_iopt)
		return 0;
	piece.mm = (__u64)number_by(&c->charged_mm, mm);
	piece.pages = inc ? (__s64)pages : -(__s64)pages;
	piece.read_ns = bpf_ktime_get_ns();
	piece.after = mm->locked_vm;
	piece.pinned_vm = mm->pinned_vm.counter;
	piece.users = mm->mm_users.counter;
	piece.calls = 1;
	piece.account = CHARGED_MM;
	piece.exempt = bypass;
	if (ret)
		charge_refused(c, (void *)piece.mm, &piece, memlock_limit(NUMBER(task)), ret);
	else
		charge_add(ctx, c, &piece);
	return 0;
}

/* type1 looks at the limit itself before it charges: "limit" is in pages. */
SEC("?fexit/vfio_pin_pages_remote")
int BPF_PROG(fexit__vfio_pin_pages_remote, struct vfio_dma *dma, unsigned long vaddr, long npage, unsigned long *pfn_base,
	     unsigned long limit, void *batch, long ret)
{
	struct charge_sum piece = {};
	struct mm_struct *mm = NULL;
	struct call_state *c;

	if (ret != -ENOMEM || BPF_CORE_READ(dma, lock_cap))
		return 0;
	mm = dma_mm(dma);
	c = call_current();
	if (!c || !mm)
		return 0;
	piece.pages = npage;
	piece.after = BPF_CORE_READ(mm, locked_vm);
	piece.pinned_vm = BPF_CORE_READ(mm, pinned_vm.counter);
	piece.users = BPF_CORE_READ(mm, mm_users.counter);
	piece.account = CHARGED_MM;
	/* it can be out of memory, too */
	if ((__u64)piece.after + npage <= limit)
		return 0;
	charge_refused(c, mm, &piece, (__u64)limit << PAGE_SHIFT, ret);
	return 0;
}

/* ---- iommufd -------------------------------------------------------------------------- */

static __always_inline int iopt_begin(void)
{
	struct call_state *c = charge_state();

	if (c)
		c->in_iopt = 1;
	return 0;
}

static __always_inline int iopt_end(void *ctx, struct iopt_pages *pages, unsigned long npages, bool inc, int ret)
{
	struct call_state *c = call_current();
	struct charge_sum piece = {};
	struct user_struct *user;
	struct mm_struct *mm;

	if (!c || !c->in_iopt)
		return 0;
	c->in_iopt = 0;
	mm = BPF_CORE_READ(pages, source_mm);
	user = BPF_CORE_READ(pages, source_user);
	piece.mm = (__u64)mm;
	piece.pages = inc ? (__s64)npages : -(__s64)npages;
	piece.read_ns = bpf_ktime_get_ns();
	piece.pinned_vm = BPF_CORE_READ(mm, pinned_vm.counter);
	piece.users = BPF_CORE_READ(mm, mm_users.counter);
	piece.calls = 1;
	piece.account = BPF_CORE_READ(pages, account_mode) + CHARGED_NONE;
	piece.exempt = piece.account == CHARGED_NONE;
	piece.iommufd = 1;
	piece.after = piece.pinned_vm;
	if (piece.account == CHARGED_MM)
		piece.after = BPF_CORE_READ(mm, locked_vm);
	if (piece.account == CHARGED_USER) {
		piece.user = (__u64)user;
		piece.after = BPF_CORE_READ(user, locked_vm.counter);
	}
	if (ret)
		charge_refused(c, mm, &piece, memlock_limit(BPF_CORE_READ(pages, source_task)), ret);
	else
		charge_add(ctx, c, &piece);
	return 0;
}

SEC("?fentry/iopt_pages_update_pinned")
int BPF_PROG(fentry__iopt_pages_update_pinned)
{
	return iopt_begin();
}

SEC("?fexit/iopt_pages_update_pinned")
int BPF_PROG(fexit__iopt_pages_update_pinned, struct iopt_pages *pages, unsigned long npages, bool inc, void *user, int ret)
{
	return iopt_end(ctx, NUMBER(pages), npages, inc, ret);
}

SEC("?fentry/do_update_pinned")
int BPF_PROG(fentry__do_update_pinned)
{
	return iopt_begin();
}

SEC("?fexit/do_update_pinned")
int BPF_PROG(fexit__do_update_pinned, struct iopt_pages *pages, unsigned long npages, bool inc, void *user, int ret)
{
	return iopt_end(ctx, NUMBER(pages), npages, inc, ret);
}

/* ---- calls of iommufd ------------------------------------------------------------------- */

SEC("?fexit/iommufd_fops_open")
int BPF_PROG(fexit__iommufd_fops_open, struct inode *inode, struct file *file, int ret)
{
	return ret ? 0 : on_open(context_id(object_id(BPF_CORE_READ(file, private_data))));
}

SEC("?fentry/iommufd_fops_release")
int BPF_PROG(fentry__iommufd_fops_release, struct inode *inode, struct file *file)
{
	struct call_state *c;

	if (surely_unwanted_context(file->private_data))
		return 0;
	c = call_begin();
	if (c)
		c->release_container = context_id(object_id(BPF_CORE_READ(file, private_data)));
	return 0;
}

/* What it credits comes first, so that nothing is left to come when the context is gone. */
SEC("?fexit/iommufd_fops_release")
int BPF_PROG(fexit__iommufd_fops_release, struct inode *inode, struct file *file, int ret)
{
	struct call_state *c = call_current();

	if (!c || !c->release_container)
		return 0;
	charge_flush(c);
	on_release(c->release_container);
	c->release_container = 0;
	return 0;
}

/* What they are given; the caller's memory, told and not believed. */
struct ioas_map_arg {
	__u32 size, flags, ioas, fd;
	__u64 vaddr, length, iova;
};

struct ioas_unmap_arg {
	__u32 size, ioas;
	__u64 iova, length;
};

struct ioas_copy_arg {
	__u32 size, flags, to, from;
	__u64 length, to_iova, from_iova;
};

/* VFIO's own calls on a file of iommufd, which are about one of its ioases (drivers/iommu/iommufd/vfio_compat.c). */
static __always_inline void fill_compat(struct ev_refuse *e, struct iommufd_ctx *ictx, const void *arg)
{
	struct unmap_arg unmap = {};
	struct map_arg map = {};

	e->compat = 1;
	e->ioas = BPF_CORE_READ(ictx, vfio_ioas, obj.id);
	if (e->op == OP_MAP) {
		bpf_probe_read_user(&map, sizeof(map), arg);
		e->argsz = map.argsz;
		e->flags = map.flags;
		e->vaddr = map.vaddr;
		e->size = map.size;
		e->iova = map.iova;
		if (e->flags & MAP_FLAG_VADDR)
			e->op = OP_REVALIDATE;
	} else {
		bpf_probe_read_user(&unmap, sizeof(unmap), arg);
		e->argsz = unmap.argsz;
		e->flags = unmap.flags;
		e->size = unmap.size;
		e->iova = unmap.iova;
		if (e->flags & UNMAP_FLAG_VADDR)
			e->op = OP_INVALIDATE;
	}
}

static __always_inline void on_fd_refuse(struct file *file, __u64 container, __u32 cmd, const void *arg, int ret)
{
	struct ioas_unmap_arg unmap = {};
	struct ioas_copy_arg copy = {};
	struct ioas_map_arg map = {};
	__u32 op = fd_op(cmd);
	struct ev_refuse *e;

	if (op == OP_UNKNOWN || !wanted(EV_refuse, container))
		return;
	e = EV_BEGIN(refuse, container);
	if (!e)
		return;
	e->op = op;
	e->result = ret;
	if (cmd == VFIO_IOMMU_MAP_DMA || cmd == VFIO_IOMMU_UNMAP_DMA) {
		fill_compat(e, BPF_CORE_READ(file, private_data), arg);
	} else if (op == OP_MAP) {
		bpf_probe_read_user(&map, sizeof(map), arg);
		e->argsz = map.size;
		e->flags = map.flags;
		e->ioas = map.ioas;
		e->vaddr = map.vaddr;
		e->size = map.length;
		e->iova = map.iova;
	} else if (op == OP_UNMAP) {
		bpf_probe_read_user(&unmap, sizeof(unmap), arg);
		e->argsz = unmap.size;
		e->ioas = unmap.ioas;
		e->size = unmap.length;
		e->iova = unmap.iova;
	} else if (op == OP_COPY) {
		bpf_probe_read_user(&copy, sizeof(copy), arg);
		e->argsz = copy.size;
		e->flags = copy.flags;
		e->ioas = copy.to;
		e->size = copy.length;
		e->iova = copy.to_iova;
		e->vaddr = copy.from_iova;
	}
	EV_END(e);
}

SEC("?fentry/iommufd_fops_ioctl")
int BPF_PROG(fentry__iommufd_fops_ioctl, struct file *file, unsigned int cmd)
{
	struct call_state *c;

	if (surely_unwanted_context(file->private_data))
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	c->fd_container = context_id(object_id(BPF_CORE_READ(file, private_data)));
	c->fd_op = fd_op(cmd);
	return 0;
}

static __always_inline void on_change_process(__u64 container, long ret)
{
	struct ev_change_process *e;

	if (!wanted(EV_change_process, container))
		return;
	e = EV_BEGIN(change_process, container);
	if (!e)
		return;
	e->mm = object_id(BPF_CORE_READ(bpf_get_current_task_btf(), mm));
	e->result = ret;
	EV_END(e);
}

SEC("?fexit/iommufd_fops_ioctl")
int BPF_PROG(fexit__iommufd_fops_ioctl, struct file *file, unsigned int cmd, unsigned long arg, long ret)
{
	struct call_state *c;

	if (surely_unwanted_context(file->private_data))
		return 0;
	c = call_current();
	if (!c || !c->fd_container)
		return 0;
	remember_user();
	charge_flush(c);
	if (ret < 0)
		on_fd_refuse(file, c->fd_container, cmd, (void *)arg, ret);
	if (cmd == IOMMU_IOAS_CHANGE_PROCESS)
		on_change_process(c->fd_container, ret);
	c->fd_container = 0;
	return 0;
}

static __always_inline int access_begin(struct iommufd_access *access, __u32 op, __u64 iova, __u64 size)
{
	struct call_state *c;

	if (surely_unwanted_context(access->ictx))
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	c->access_container = context_id(object_id(BPF_CORE_READ(access, ictx)));
	c->access_iova = iova;
	c->access_size = size;
	c->access_op = op;
	/* the driver's call around it has found no container of VFIO's own */
	if (op == OP_PIN && c->op == OP_PIN && !c->op_container)
		c->op_container = c->access_container;
	if (op == OP_UNPIN && c->unpin_device && !c->unpin_container)
		c->unpin_container = c->access_container;
	return 0;
}

static __always_inline int access_end(struct iommufd_access *access)
{
	struct call_state *c;

	if (surely_unwanted_context(access->ictx))
		return 0;
	c = call_current();
	if (!c || !c->access_op)
		return 0;
	charge_flush(c);
	c->access_op = 0;
	return 0;
}

SEC("?fentry/iommufd_access_pin_pages")
int BPF_PROG(fentry__iommufd_access_pin_pages, struct iommufd_access *access, unsigned long iova, unsigned long length)
{
	return access_begin(access, OP_PIN, iova, length);
}

SEC("?fexit/iommufd_access_pin_pages")
int BPF_PROG(fexit__iommufd_access_pin_pages, struct iommufd_access *access)
{
	return access_end(access);
}

SEC("?fentry/iommufd_access_unpin_pages")
int BPF_PROG(fentry__iommufd_access_unpin_pages, struct iommufd_access *access, unsigned long iova, unsigned long length)
{
	return access_begin(access, OP_UNPIN, iova, length);
}

SEC("?fexit/iommufd_access_unpin_pages")
int BPF_PROG(fexit__iommufd_access_unpin_pages, struct iommufd_access *access)
{
	return access_end(access);
}

/* ---- devices of iommufd: what is mapped is pinned as long as one is there ----------------- */

static __always_inline int idev_attach_begin(struct iommufd_device *idev)
{
	struct call_state *c = call_begin();

	if (!c)
		return 0;
	c->op = OP_ATTACH;
	c->op_container = context_id(object_id(BPF_CORE_READ(idev, ictx)));
	c->op_iova = c->op_size = 0;
	return 0;
}

static __always_inline int idev_attach_end(void)
{
	struct call_state *c = call_current();

	if (!c || c->op != OP_ATTACH)
		return 0;
	charge_flush(c);
	c->op = 0;
	return 0;
}

SEC("?fentry/iommufd_device_attach")
int BPF_PROG(fentry__iommufd_device_attach, struct iommufd_device *idev)
{
	return idev_attach_begin(NUMBER(idev));
}

SEC("?fexit/iommufd_device_attach")
int BPF_PROG(fexit__iommufd_device_attach)
{
	return idev_attach_end();
}

SEC("?fentry/iommufd_device_replace")
int BPF_PROG(fentry__iommufd_device_replace, struct iommufd_device *idev)
{
	return idev_attach_begin(NUMBER(idev));
}

SEC("?fexit/iommufd_device_replace")
int BPF_PROG(fexit__iommufd_device_replace)
{
	return idev_attach_end();
}

SEC("?fentry/iommufd_device_detach")
int BPF_PROG(fentry__iommufd_device_detach, struct iommufd_device *idev)
{
	struct call_state *c = call_begin();

	if (c)
		c->detach_container = context_id(object_id(BPF_CORE_READ(idev, ictx)));
	return 0;
}

SEC("?fexit/iommufd_device_detach")
int BPF_PROG(fexit__iommufd_device_detach)
{
	struct call_state *c = call_current();

	if (!c || !c->detach_container)
		return 0;
	charge_flush(c);
	c->detach_container = 0;
	return 0;
}

/* The group, and how many of its devices drivers of the kernel's have; one that somebody has for user space has an owner. */
static __always_inline void fill_group(struct ev_refuse *e, const struct iommu_group *group)
{
	e->group = BPF_CORE_READ(group, id);
	if (bpf_core_field_exists(group->owner_cnt))
		e->driven = BPF_CORE_READ(group, owner) ? 0 : BPF_CORE_READ(group, owner_cnt);
}

/* By a device file, or by a group that was given a context. */
SEC("?fexit/iommufd_device_bind")
int BPF_PROG(fexit__iommufd_device_bind, struct iommufd_ctx *ictx, struct device *dev, __u32 *id, long ret)
{
	__u64 container = context_id(object_id(NUMBER(ictx)));
	struct ev_refuse *e;

	/* a pointer, or the errno in place of one */
	if (ret >= 0 || ret < -4095 || !wanted(EV_refuse, container))
		return 0;
	e = EV_BEGIN(refuse, container);
	if (!e)
		return 0;
	e->op = OP_BIND;
	e->result = ret;
	fill_group(e, BPF_CORE_READ(dev, iommu_group));
	EV_END(e);
	return 0;
}

struct attach_pt_arg {
	__u32 argsz, flags, pt;
};

SEC("?fexit/vfio_df_ioctl_attach_pt")
int BPF_PROG(fexit__vfio_df_ioctl_attach_pt, struct vfio_device_file *df, const void *arg, int ret)
{
	struct attach_pt_arg attach = {};
	struct ev_refuse *e;
	__u64 container;

	if (ret >= 0 || !bpf_core_field_exists(df->iommufd))
		return 0;
	container = context_id(object_id(BPF_CORE_READ(df, iommufd)));
	if (!wanted(EV_refuse, container))
		return 0;
	e = EV_BEGIN(refuse, container);
	if (!e)
		return 0;
	bpf_probe_read_user(&attach, sizeof(attach), arg);
	e->op = OP_ATTACH;
	e->result = ret;
	e->argsz = attach.argsz;
	e->flags = attach.flags;
	e->ioas = attach.pt;
	EV_END(e);
	return 0;
}
