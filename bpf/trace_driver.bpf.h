/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace_driver.bpf.h - part of trace.bpf.c: what may block on a range: a driver
 * that pins or reads and writes, and a group that is attached.
 */

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
	struct call_state *c = call_end();
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
	struct call_state *c = call_end();

	if (c && c->wait_since) {
		c->waited_ns += bpf_ktime_get_ns() - c->wait_since;
		c->wait_since = 0;
	}
	return 0;
}

/* The call is over: if it had blocked, it is so no more. What it has charged was told before. */
static __always_inline void op_unblocked(struct call_state *c, int ret)
{
	struct ev_unblock *e;

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
	c->waited_ns = 0;
}

static __always_inline void op_end(struct call_state *c, int ret)
{
	if (c->waited_ns)
		op_unblocked(c, ret);
	c->op = 0;
}

/* A call of a driver or an attach (of that group) that failed. */
static __always_inline void op_refused(struct call_state *c, int ret, const struct vfio_container *container, const struct vfio_group *group)
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
	if (group)
		fill_group(e, BPF_CORE_READ(group, iommu_group));
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
	struct call_state *c = call_end();
	struct ev_attach *e;

	if (!c || c->op != OP_ATTACH)
		return 0;
	remember_user();
	charge_flush(c);
	if (ret)
		op_refused(c, ret, container, group);
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

/* Who takes the last group away takes the driver away, and with it all ranges (__vfio_group_unset_container(), vfio_group_detach_container()). */
static __always_inline bool ends_invalid(const struct vfio_container *container)
{
	return container && invalid_ranges(container) &&
	       BPF_CORE_READ(container, group_list.next) == BPF_CORE_READ(container, group_list.prev);
}

SEC("?fentry/vfio_group_detach_container")
int BPF_PROG(fentry__vfio_group_detach_container, struct vfio_group *group)
{
	struct vfio_container *from = BPF_CORE_READ(group, container);
	struct call_state *c = call_begin();
	__u64 container = object_id(from);
	bool ends = ends_invalid(from);
	struct ev_detach *e;

	if (c)
		c->detach_container = container;
	if (ends)
		bpf_map_delete_elem(&windows, &container);
	if (!wanted(EV_detach, container))
		return 0;
	e = EV_BEGIN(detach, container);
	if (!e)
		return 0;
	e->group = BPF_CORE_READ(group, iommu_group, id);
	e->backed = BPF_CORE_READ(group, type);
	e->closed = ends ? container : 0;
	EV_END(e);
	return 0;
}

SEC("?fexit/vfio_group_detach_container")
int BPF_PROG(fexit__vfio_group_detach_container)
{
	struct call_state *c = call_end();

	if (!c)
		return 0;
	charge_flush(c);
	c->detach_container = 0;
	return 0;
}

/* ---- drivers -------------------------------------------------------------- */

/* One that was opened without a container is iommufd's; of which context, is only told by its access, within the call. */
static __always_inline bool driver_unwanted(const struct vfio_device *device)
{
	const void *container = argument_container(device);

	return surely_unwanted(container) && (container || !any_container());
}

static __always_inline int driver_begin(void *ctx, struct vfio_device *device, __u32 op, __u64 iova, __u64 size)
{
	struct call_state *c;

	if (driver_unwanted(device))
		return 0;
	c = call_begin();
	if (c)
		op_begin(c, op, object_id(number_by(&c->op_container, argument_container(device))), NTH_NUMBER(ctx, 0), iova, size);
	return 0;
}

SEC("?fentry/vfio_pin_pages")
int BPF_PROG(fentry__vfio_pin_pages, struct vfio_device *device, __u64 iova, int npage, int prot)
{
	return driver_begin(ctx, device, OP_PIN, iova, (__u64)npage << 12);
}

static __always_inline void fill_pin(struct ev_pin *e, const struct call_state *c, const struct vfio_device *device, int ret)
{
	e->iova = c->op_iova;
	e->size = c->op_size;
	e->device = c->op_device;
	e->result = ret;
	argument_name(device, e->device_name, sizeof(e->device_name));
}

SEC("?fexit/vfio_pin_pages")
int BPF_PROG(fexit__vfio_pin_pages, struct vfio_device *device, __u64 iova, int npage, int prot, void *pages, int ret)
{
	struct charge_call call;
	struct call_state *c;
	bool tells;

	if (driver_unwanted(device))
		return 0;
	c = call_end();
	if (!c || c->op != OP_PIN)
		return 0;
	tells = ret >= 0 && wanted(EV_pin, c->op_container);
	if (!tells || c->waited_ns)
		charge_flush(c);
	if (ret < 0)
		op_refused(c, ret, device_container(device), NULL);
	if (c->waited_ns)
		op_unblocked(c, ret);
	this_op(c, &call);
	if (tells)
		TELL_CALL(pin, c, &call, fill_pin(e, c, device, ret));
	c->op = 0;
	return 0;
}

SEC("?fentry/vfio_unpin_pages")
int BPF_PROG(fentry__vfio_unpin_pages, struct vfio_device *device, __u64 iova, int npage)
{
	struct call_state *c;

	if (driver_unwanted(device))
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	c->unpin_container = object_id(number_by(&c->unpin_container, argument_container(device)));
	c->unpin_device = object_id(NTH_NUMBER(ctx, 0));
	c->unpin_iova = iova;
	c->unpin_size = (__u64)npage << PAGE_SHIFT;
	return 0;
}

static __always_inline void fill_unpin(struct ev_unpin *e, __u64 id, const struct vfio_device *device, __u64 iova, int npage)
{
	e->iova = iova;
	e->size = (__u64)npage << PAGE_SHIFT;
	e->device = id;
	argument_name(device, e->device_name, sizeof(e->device_name));
}

/* The beginning of the call was not seen. */
static __always_inline int on_unpin(__u64 container, __u64 id, const struct vfio_device *device, __u64 iova, int npage)
{
	struct ev_unpin *e;

	if (!wanted(EV_unpin, container))
		return 0;
	e = EV_BEGIN(unpin, container);
	if (!e)
		return 0;
	fill_unpin(e, id, device, iova, npage);
	EV_END(e);
	return 0;
}

SEC("?fexit/vfio_unpin_pages")
int BPF_PROG(fexit__vfio_unpin_pages, struct vfio_device *device, __u64 iova, int npage)
{
	struct charge_call call;
	struct call_state *c;

	if (driver_unwanted(device))
		return 0;
	c = call_end();
	if (!c || !c->unpin_device)
		return on_unpin(object_id(NUMBER(argument_container(device))), object_id(NTH_NUMBER(ctx, 0)), device, iova, npage);
	this_unpin(c, &call);
	if (wanted(EV_unpin, c->unpin_container))
		TELL_CALL(unpin, c, &call, fill_unpin(e, c->unpin_device, device, iova, npage));
	else
		charge_flush(c);
	c->unpin_container = c->unpin_device = 0;
	return 0;
}

SEC("?fentry/vfio_dma_rw")
int BPF_PROG(fentry__vfio_dma_rw, struct vfio_device *device, __u64 iova, void *data, __u64 len, bool write)
{
	return driver_begin(ctx, device, write ? OP_WRITE : OP_READ, iova, len);
}

SEC("?fexit/vfio_dma_rw")
int BPF_PROG(fexit__vfio_dma_rw, struct vfio_device *device, __u64 iova, void *data, __u64 len, bool write, int ret)
{
	struct call_state *c;
	struct ev_dma_rw *e;

	if (driver_unwanted(device))
		return 0;
	c = call_end();
	if (!c || (c->op != OP_READ && c->op != OP_WRITE))
		return 0;
	charge_flush(c);
	if (ret < 0)
		op_refused(c, ret, device_container(device), NULL);
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
	argument_name(device, e->device_name, sizeof(e->device_name));
	EV_END(e);
	return 0;
}
